//! An environment's event loop as other threads see it: how long it has been running, and what it says that it runs.

use std::{
    ffi::c_void,
    ptr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering},
    },
    time::Duration,
};

use napi::{
    Env,
    bindgen_prelude::{External, Int32Array, Uint8Array},
    sys,
};
use napi_derive::napi;

use super::{
    entry::{Result, entry},
    libuv::{Handle, LibUv, Turns, libuv},
};
use crate::health_monitor::{EventLoop, Label, Pulse, Scheduled, Sight};

/// Bytes of a label; JavaScript writes them, ended by NUL.
const LABEL_BYTES: usize = 256;
/// Which listener of a label: so many of the low bits of the word.
const LISTENER_BITS: u32 = 6;

/// Somebody may be debugging the process: a loop that does nothing may be paused.
static DEBUGGED: AtomicBool = AtomicBool::new(false);

/// The loop of one environment. Letting go of it ends the view.
pub struct LoopHandle {
    pub seen: Arc<EventLoop>,
    view: Arc<View>,
    marks: *mut Marks,
}

/// What other threads see; emptied when the environment goes away.
struct View {
    uv: &'static LibUv,
    /// The busy time, in nanoseconds, at which the loop last began or ended a wait.
    turn: AtomicU64,
    thread: Option<String>,
    place: Mutex<Option<Place>>,
}

struct Place {
    the_loop: *mut sys::uv_loop_s,
    said: Option<Said>,
}

/// What the loop says that it runs: JavaScript's own memory, which stays where it is and is kept alive until it is let go of on
/// the loop's thread. Only while somebody watches: an array keeps all that its realm can reach, the handle of the loop among it.
struct Said {
    /// The word of what runs now, and the labels of what may.
    running: Int32Array,
    labels: Uint8Array,
}

// SAFETY: the pointer is used under the lock only, and taken out, under the lock, before the loop goes away.
unsafe impl Send for Place {}

/// What the two handles of the loop belong to; lives until both are closed. Touched on the loop's thread only.
struct Marks {
    view: Arc<View>,
    the_loop: *mut sys::uv_loop_s,
    turns: Option<Turns>,
    hook: sys::napi_async_cleanup_hook_handle,
    /// Handles that are not closed.
    open: u8,
    closing: bool,
}

impl View {
    fn lock(&self) -> MutexGuard<'_, Option<Place>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for whoever is looking. Of a loop that has gone nobody reads anything.
    fn say(&self, said: Option<Said>) {
        if let Some(place) = &mut *self.lock() {
            place.said = said;
        }
    }
}

impl Pulse for Arc<View> {
    fn look(&self) -> Option<Sight> {
        let place = self.lock();
        let place = place.as_ref()?;
        // In this order: whatever comes in between makes the loop look less busy than it is.
        let now = self.uv.now();
        // SAFETY: the loop lives while the lock is held.
        let idle = unsafe { self.uv.idle_time(place.the_loop) };
        let turn = self.turn.load(Ordering::Acquire);
        Some(Sight {
            turn: Duration::from_nanos(turn),
            running: Duration::from_nanos(now.saturating_sub(idle).saturating_sub(turn)),
            thread: self.thread.as_deref().and_then(scheduled),
            debugged: DEBUGGED.load(Ordering::Relaxed),
        })
    }

    fn holder(&self) -> Option<Label> {
        let place = self.lock();
        let said = place.as_ref()?.said.as_ref()?;
        let word = said.running.first()?;
        // SAFETY: the array lives while the lock is held; it is aligned, and JavaScript writes whole words to it.
        let word = unsafe { AtomicI32::from_ptr(ptr::from_ref(word).cast_mut()) }.load(Ordering::Relaxed);
        let word = usize::try_from(word).ok().filter(|word| *word > 0)?;
        let from = (word >> LISTENER_BITS) * LABEL_BYTES;
        let bytes = said.labels.get(from..from + LABEL_BYTES)?;
        let text = bytes.split(|byte| *byte == 0).next()?;
        let text = String::from_utf8_lossy(text).into_owned();
        Some(Label { text, listener: word & ((1 << LISTENER_BITS) - 1) })
    }
}

/// What Linux knows of how a thread was served.
fn scheduled(file: &str) -> Option<Scheduled> {
    let text = std::fs::read_to_string(file).ok()?;
    let mut spans = text.split_ascii_whitespace().map(|word| word.parse().ok().map(Duration::from_nanos));
    Some(Scheduled { ran: spans.next()??, waited: spans.next()?? })
}

fn schedule_of_this_thread() -> Option<String> {
    let file = format!("/proc/self/task/{}/schedstat", thread_number());
    scheduled(&file).map(|_| file)
}

#[cfg(target_os = "linux")]
fn thread_number() -> i64 {
    // SAFETY: asks for a number.
    unsafe { libc::syscall(libc::SYS_gettid) }
}

#[cfg(not(target_os = "linux"))]
fn thread_number() -> i64 {
    0
}

/// The loop of this environment, for other threads to see; null where the runtime has none that can be seen.
#[napi(catch_unwind)]
pub fn loop_open(env: Env, thread: u32) -> Result<Option<External<LoopHandle>>> {
    entry("loopOpen", || {
        let Some(uv) = libuv() else { return Ok(None) };
        let mut the_loop = ptr::null_mut();
        // SAFETY: `env` is live; this is its thread.
        let status = unsafe { sys::napi_get_uv_event_loop(env.raw(), &raw mut the_loop) };
        if status != sys::Status::napi_ok || the_loop.is_null() {
            return Ok(None);
        }
        let view = Arc::new(View {
            uv,
            turn: AtomicU64::new(0),
            thread: schedule_of_this_thread(),
            place: Mutex::new(Some(Place { the_loop, said: None })),
        });
        let marks = Box::into_raw(Box::new(Marks {
            view: Arc::clone(&view),
            the_loop,
            turns: None,
            hook: ptr::null_mut(),
            open: 2,
            closing: false,
        }));
        // SAFETY: this is the loop's thread, and `marks` is freed when both handles are closed.
        unsafe {
            let Some(turns) = uv.mark_turns(the_loop, came_round, marks.cast()) else {
                drop(Box::from_raw(marks));
                return Ok(None);
            };
            (*marks).turns = Some(turns);
            mark(&*marks);
            sys::napi_add_async_cleanup_hook(env.raw(), Some(clean_up), marks.cast(), &raw mut (*marks).hook);
        }
        let seen = Arc::new(EventLoop { thread, pulse: Box::new(Arc::clone(&view)) });
        Ok(Some(External::new(LoopHandle { seen, view, marks })))
    })
}

/// Where the loop says what it runs. The first word of `running` says what runs now: the number of a label, times 64, plus the
/// place of the listener; 0 for nothing. Labels have 256 bytes each in `labels`. Neither may be memory that the engine moves.
#[napi(catch_unwind)]
pub fn loop_say(handle: &External<LoopHandle>, running: Int32Array, labels: Uint8Array) -> Result<()> {
    entry("loopSay", || {
        handle.view.say(Some(Said { running, labels }));
        Ok(())
    })
}

/// It no longer says what it runs.
#[napi(catch_unwind)]
pub fn loop_hush(handle: &External<LoopHandle>) -> Result<()> {
    entry("loopHush", || {
        handle.view.say(None);
        Ok(())
    })
}

/// Whether somebody may be debugging the process.
#[napi(catch_unwind)]
pub fn loop_debugged(debugged: bool) -> Result<()> {
    entry("loopDebugged", || {
        DEBUGGED.store(debugged, Ordering::Relaxed);
        Ok(())
    })
}

fn mark(marks: &Marks) {
    let uv = marks.view.uv;
    // SAFETY: on the loop's own thread, so the loop lives.
    let idle = unsafe { uv.idle_time(marks.the_loop) };
    marks.view.turn.store(uv.now().saturating_sub(idle), Ordering::Release);
}

unsafe extern "C" fn came_round(handle: Handle) {
    // SAFETY: the handle's first member is the `Marks` that outlive it.
    mark(unsafe { &**handle.cast::<*mut Marks>() });
}

unsafe extern "C" fn clean_up(_hook: sys::napi_async_cleanup_hook_handle, marks: *mut c_void) {
    // SAFETY: the environment calls this once, on its own thread; where the view was ended before, the hook was removed.
    unsafe { end(marks.cast()) };
}

/// Nobody sees the loop any more.
///
/// # Safety
/// On the loop's thread, with marks that are not freed.
unsafe fn end(marks: *mut Marks) {
    // SAFETY: as above; the handles are closed once.
    unsafe {
        let marks = &mut *marks;
        if std::mem::replace(&mut marks.closing, true) {
            return;
        }
        // Waits for whoever is looking.
        drop(marks.view.lock().take());
        let uv = marks.view.uv;
        if let Some(turns) = &mut marks.turns {
            uv.close_turns(turns, closed);
        }
    }
}

unsafe extern "C" fn closed(handle: Handle) {
    // SAFETY: the loop calls this once for each of the two handles; after the second nobody refers to the marks.
    unsafe {
        let marks = *handle.cast::<*mut Marks>();
        (*marks).open -= 1;
        if (*marks).open == 0 {
            let hook = (*marks).hook;
            drop(Box::from_raw(marks));
            if !hook.is_null() {
                sys::napi_remove_async_cleanup_hook(hook);
            }
        }
    }
}

impl Drop for LoopHandle {
    fn drop(&mut self) {
        // Where the environment has gone before, the view is empty and the marks are freed.
        if self.seen.pulse.look().is_some() {
            // SAFETY: the view is not empty, so the marks are there; externals are let go of on their environment's thread.
            unsafe { end(self.marks) };
        }
    }
}
