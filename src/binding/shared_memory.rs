//! Memory that JavaScript and the core both see: a typed array over words that the core owns.

use std::{ffi::c_void, ptr, sync::Arc};

use napi::{
    bindgen_prelude::{Null, ToNapiValue},
    sys,
};

/// Words that may be shared: atomics, so that writing them through a shared pointer is what they are for.
pub trait AtomicWords: Send + Sync + 'static {
    /// What JavaScript sees.
    const KIND: sys::napi_typedarray_type;
    /// The size of a word.
    const BYTES: usize;
    /// The first word and the number of words; they stay where they are as long as the value lives.
    fn words(&self) -> (*const c_void, usize);
}

/// Words on their way to JavaScript; null where there are none or the runtime shares no memory. Not copied: a copy would
/// swallow what is written.
pub struct SharedMemory<T>(pub Option<Arc<T>>);

impl<T: AtomicWords> ToNapiValue for SharedMemory<T> {
    unsafe fn to_napi_value(env: sys::napi_env, shared: Self) -> napi::Result<sys::napi_value> {
        let Some(owner) = shared.0 else {
            // SAFETY: called by napi on the thread of `env`.
            return unsafe { Null::to_napi_value(env, Null) };
        };
        let (start, length) = owner.words();
        let owner = Arc::into_raw(owner).cast_mut().cast::<c_void>();
        let mut buffer = ptr::null_mut();
        // SAFETY: the words live for as long as `owner` counts, which `release` ends with the buffer. JavaScript's stores
        // are aligned and of the word's size.
        let status = unsafe {
            sys::napi_create_external_arraybuffer(
                env,
                start.cast_mut(),
                length * T::BYTES,
                Some(release::<T>),
                owner,
                &raw mut buffer,
            )
        };
        if status != sys::Status::napi_ok {
            // SAFETY: no buffer was made, so nobody else gives this count back. `env` is live, as above.
            unsafe {
                drop(Arc::from_raw(owner.cast::<T>()));
                if status == sys::Status::napi_no_external_buffers_allowed {
                    return Null::to_napi_value(env, Null);
                }
            }
            napi::check_status!(status, "sharing memory")?;
        }
        let mut array = ptr::null_mut();
        // SAFETY: `buffer` was made above, in this environment, with exactly this length.
        let status = unsafe { sys::napi_create_typedarray(env, T::KIND, length, buffer, 0, &raw mut array) };
        napi::check_status!(status, "viewing shared memory")?;
        Ok(array)
    }
}

unsafe extern "C" fn release<T>(_env: sys::napi_env, _memory: *mut c_void, owner: *mut c_void) {
    // SAFETY: `owner` is the count that `to_napi_value` gave away, and a buffer is finalized once.
    drop(unsafe { Arc::from_raw(owner.cast::<T>()) });
}
