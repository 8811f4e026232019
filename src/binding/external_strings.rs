//! Strings that stay outside of the engine's heap. The functions for them are younger than the oldest Node that we run on,
//! so they are looked up rather than linked; where they are missing, strings are copied.

use std::{
    ffi::{c_char, c_void},
    sync::LazyLock,
};

use napi::sys::{napi_env, napi_finalize, napi_status, napi_value};

type Create<T> = unsafe extern "C" fn(
    napi_env,
    *const T,
    isize,
    napi_finalize,
    *mut c_void,
    *mut napi_value,
    *mut bool,
) -> napi_status;

/// Both or none.
pub struct ExternalStrings {
    pub latin1: Create<c_char>,
    pub utf16: Create<u16>,
}

/// The functions, where this Node has them.
pub fn functions() -> Option<&'static ExternalStrings> {
    static FUNCTIONS: LazyLock<Option<ExternalStrings>> = LazyLock::new(look_up);
    FUNCTIONS.as_ref()
}

#[cfg(unix)]
fn look_up() -> Option<ExternalStrings> {
    // SAFETY: the names end with a NUL, and the functions of these names have these types since they are there: Node-API 10,
    // and as experimental ones Node 20.4.
    unsafe {
        let latin1 = libc::dlsym(libc::RTLD_DEFAULT, c"node_api_create_external_string_latin1".as_ptr());
        let utf16 = libc::dlsym(libc::RTLD_DEFAULT, c"node_api_create_external_string_utf16".as_ptr());
        (!latin1.is_null() && !utf16.is_null()).then(|| ExternalStrings {
            latin1: std::mem::transmute::<*mut c_void, Create<c_char>>(latin1),
            utf16: std::mem::transmute::<*mut c_void, Create<u16>>(utf16),
        })
    }
}

#[cfg(not(unix))]
fn look_up() -> Option<ExternalStrings> {
    None
}
