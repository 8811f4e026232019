//! Other copies of this addon in the process, as where a dependency has the package for itself or a bundle has its binary: each has
//! a SQLite of its own. A copy is found by a function that all of them export; one that is older than this file has none, and
//! cannot be asked.

use crate::storage::sqlite::{Copies, holds_file};

/// What other copies ask: whether this one has a file open, by its device and number. Its name and its shape stay as they are.
#[unsafe(no_mangle)]
pub extern "C" fn smalltalk_native_holds_file(device: u64, number: u64) -> i32 {
    holds_file(device, number).into()
}

/// Which other copy has a file open. Elsewhere locks belong to who has opened the file, and nobody has to be asked.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos")))]
pub fn other_holder(_device: u64, _number: u64) -> Option<Copies> {
    None
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "macos"))]
pub use images::other_holder;

#[cfg(any(target_os = "linux", target_os = "android", target_os = "macos"))]
mod images {
    use std::{
        ffi::{CStr, CString, c_void},
        mem, ptr,
    };

    use super::Copies;

    /// The signature of [`super::smalltalk_native_holds_file`], in whatever copy.
    type HoldsFile = unsafe extern "C" fn(u64, u64) -> i32;

    /// Which other copy has a file open, by its device and number.
    pub fn other_holder(device: u64, number: u64) -> Option<Copies> {
        // A function that is not exported: an exported one may be another copy's.
        let own = image_of((names as fn() -> Vec<CString>) as *const c_void)?;
        names().iter().find_map(|name| ask(name, &own, device, number))
    }

    /// The images of the process that have a name; the program itself has none everywhere, and is no copy.
    #[cfg(not(target_os = "macos"))]
    fn names() -> Vec<CString> {
        unsafe extern "C" fn note(
            info: *mut libc::dl_phdr_info,
            _size: libc::size_t,
            names: *mut c_void,
        ) -> libc::c_int {
            // SAFETY: the loader hands in a description of an image that stays loaded meanwhile, and the list that was given to it.
            let (name, names) = unsafe { ((*info).dlpi_name, &mut *names.cast::<Vec<CString>>()) };
            if !name.is_null() {
                // SAFETY: the loader's names end in NUL.
                names.push(unsafe { CStr::from_ptr(name) }.to_owned());
            }
            0
        }
        let mut names = Vec::<CString>::new();
        // SAFETY: the callback has the shape that is asked for, is called before this returns, and only copies what it is given.
        unsafe { libc::dl_iterate_phdr(Some(note), (&raw mut names).cast()) };
        names.retain(|name| !name.is_empty());
        names
    }

    #[cfg(target_os = "macos")]
    #[allow(deprecated, reason = "the crate that is named instead would be there for these two alone")]
    fn names() -> Vec<CString> {
        // SAFETY: takes nothing.
        let count = unsafe { libc::_dyld_image_count() };
        // The first is the program.
        (1..count)
            .filter_map(|at| {
                // SAFETY: an image that is gone has no name; one that is there has a name that ends in NUL.
                let name = unsafe { libc::_dyld_get_image_name(at) };
                (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_owned())
            })
            .collect()
    }

    struct Image {
        start: *mut c_void,
        path: String,
    }

    /// The image that something is in.
    fn image_of(address: *const c_void) -> Option<Image> {
        let mut found = libc::Dl_info {
            dli_fname: ptr::null(),
            dli_fbase: ptr::null_mut(),
            dli_sname: ptr::null(),
            dli_saddr: ptr::null_mut(),
        };
        // SAFETY: writes what it finds to where it is told; any address may be asked for.
        let told = unsafe { libc::dladdr(address, &raw mut found) };
        if told == 0 || found.dli_fname.is_null() {
            return None;
        }
        // SAFETY: the name of a loaded image ends in NUL; the caller keeps the image loaded.
        let path = unsafe { CStr::from_ptr(found.dli_fname) }.to_string_lossy().into_owned();
        Some(Image { start: found.dli_fbase, path })
    }

    /// Asks the image of that name, where it is a copy of this addon and not the own one.
    fn ask(name: &CStr, own: &Image, device: u64, number: u64) -> Option<Copies> {
        // SAFETY: loads nothing: an image that is loaded is kept so until it is given back below.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
        if handle.is_null() {
            return None;
        }
        // SAFETY: the handle is open, and the name ends in NUL.
        let function = unsafe { libc::dlsym(handle, c"smalltalk_native_holds_file".as_ptr()) };
        let holder = (!function.is_null()).then(|| image_of(function)).flatten().filter(|it| it.start != own.start);
        let copies = holder.and_then(|holder| {
            // SAFETY: the function has had this signature since there is one of its name.
            let holds_file = unsafe { mem::transmute::<*mut c_void, HoldsFile>(function) };
            // SAFETY: it looks into a list of its own copy, which is loaded as long as the handle is open.
            let holds = unsafe { holds_file(device, number) } != 0;
            holds.then(|| Copies { holder: holder.path, own: own.path.clone() })
        });
        // SAFETY: the handle was opened above, and is closed once.
        unsafe { libc::dlclose(handle) };
        copies
    }
}
