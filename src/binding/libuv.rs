//! What of libuv, Node's event loop, watching a loop takes. Looked up when it is wanted: a runtime that is not Node may have
//! none of it, and then there is nothing to watch.

use std::{ffi::c_void, mem, sync::OnceLock};

use napi::sys::uv_loop_s;

/// A handle of libuv's, which nobody looks into but for its first member.
pub type Handle = *mut c_void;
/// Called on the loop's thread.
pub type Callback = unsafe extern "C" fn(Handle);

const CHECK: i32 = 2;
const PREPARE: i32 = 9;
/// Loops count their idle time when asked to.
const IDLE_TIME: i32 = 1;

/// The functions, by their names without `uv_`.
pub struct LibUv {
    hrtime: unsafe extern "C" fn() -> u64,
    metrics_idle_time: unsafe extern "C" fn(*mut uv_loop_s) -> u64,
    loop_configure: unsafe extern "C" fn(*mut uv_loop_s, i32, ...) -> i32,
    handle_size: unsafe extern "C" fn(i32) -> usize,
    prepare_init: unsafe extern "C" fn(*mut uv_loop_s, Handle) -> i32,
    prepare_start: unsafe extern "C" fn(Handle, Callback) -> i32,
    check_init: unsafe extern "C" fn(*mut uv_loop_s, Handle) -> i32,
    check_start: unsafe extern "C" fn(Handle, Callback) -> i32,
    unref: unsafe extern "C" fn(Handle),
    close: unsafe extern "C" fn(Handle, Option<Callback>),
}

static FOUND: OnceLock<Option<LibUv>> = OnceLock::new();

/// libuv, where the process has it.
pub fn libuv() -> Option<&'static LibUv> {
    FOUND.get_or_init(find).as_ref()
}

#[cfg(unix)]
fn symbol(name: &std::ffi::CStr) -> Option<*mut c_void> {
    // SAFETY: a look-up by a name that ends in NUL.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

#[cfg(not(unix))]
fn symbol(_name: &std::ffi::CStr) -> Option<*mut c_void> {
    None
}

#[allow(clippy::missing_transmute_annotations, reason = "the members of the struct are the annotations")]
fn find() -> Option<LibUv> {
    macro_rules! found {
        ($name:literal) => {{
            let found = symbol($name)?;
            // SAFETY: the signatures are those of libuv's stable interface, version 1.
            unsafe { mem::transmute(found) }
        }};
    }
    Some(LibUv {
        hrtime: found!(c"uv_hrtime"),
        metrics_idle_time: found!(c"uv_metrics_idle_time"),
        loop_configure: found!(c"uv_loop_configure"),
        handle_size: found!(c"uv_handle_size"),
        prepare_init: found!(c"uv_prepare_init"),
        prepare_start: found!(c"uv_prepare_start"),
        check_init: found!(c"uv_check_init"),
        check_start: found!(c"uv_check_start"),
        unref: found!(c"uv_unref"),
        close: found!(c"uv_close"),
    })
}

impl LibUv {
    /// Nanoseconds of the clock that does not count suspension.
    pub fn now(&self) -> u64 {
        // SAFETY: takes nothing and may be called anywhere.
        unsafe { (self.hrtime)() }
    }

    /// Nanoseconds that a loop has spent waiting for something to do, the present wait included.
    ///
    /// # Safety
    /// The loop must live; any thread may ask.
    pub unsafe fn idle_time(&self, the_loop: *mut uv_loop_s) -> u64 {
        // SAFETY: as above.
        unsafe { (self.metrics_idle_time)(the_loop) }
    }

    /// Has a loop count its idle time, and call `callback` before and after each of its waits, with handles that do not keep
    /// it alive and whose first member is `data`.
    ///
    /// # Safety
    /// On the loop's own thread. `data` must stay valid until both handles are closed.
    pub unsafe fn mark_turns(&self, the_loop: *mut uv_loop_s, callback: Callback, data: *mut c_void) -> Option<Turns> {
        let mut turns = Turns { prepare: self.block(PREPARE), check: self.block(CHECK) };
        // SAFETY: the blocks have the sizes that libuv asks for, are zeroed and stay where they are; both handles are active
        // only when everything before has worked.
        unsafe {
            let (prepare, check) = (turns.prepare.as_mut_ptr().cast(), turns.check.as_mut_ptr().cast());
            (self.loop_configure)(the_loop, IDLE_TIME);
            if (self.prepare_init)(the_loop, prepare) != 0 {
                return None;
            }
            // From here on a handle is the loop's until it is closed; these never fail on a block of the right size.
            (self.check_init)(the_loop, check);
            for handle in [prepare, check] {
                handle.cast::<*mut c_void>().write(data);
            }
            (self.prepare_start)(prepare, callback);
            (self.check_start)(check, callback);
            (self.unref)(prepare);
            (self.unref)(check);
        }
        Some(turns)
    }

    /// Closes the handles; `closed` is called for each, on the loop's thread, and after the second they may be freed.
    ///
    /// # Safety
    /// On the loop's own thread, once.
    pub unsafe fn close_turns(&self, turns: &mut Turns, closed: Callback) {
        // SAFETY: both were started, and are closed once.
        unsafe {
            (self.close)(turns.prepare.as_mut_ptr().cast(), Some(closed));
            (self.close)(turns.check.as_mut_ptr().cast(), Some(closed));
        }
    }

    fn block(&self, kind: i32) -> Vec<u64> {
        // SAFETY: asks for a number.
        let bytes = unsafe { (self.handle_size)(kind) };
        vec![0; bytes.div_ceil(size_of::<u64>())]
    }
}

/// The two handles of a loop; words, so that they are aligned.
pub struct Turns {
    prepare: Vec<u64>,
    check: Vec<u64>,
}
