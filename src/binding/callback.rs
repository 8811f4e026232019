//! The one callback by which a thread calls JavaScript, let go of on any thread at any moment.

use napi::{
    Status,
    bindgen_prelude::Function,
    sys,
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};

use super::outcome::Batch;

/// A function that is called with what a thread has for it. It never keeps the process alive.
pub struct Callback(ThreadsafeFunction<(), (), Batch, Status, false, true>);

impl Callback {
    /// `take` gives what there is when JavaScript has come to it.
    pub fn new(function: &Function<'_, Batch, ()>, take: impl Fn() -> Batch + 'static) -> napi::Result<Self> {
        let built = function
            .build_threadsafe_function::<()>()
            .weak::<true>()
            .callee_handled::<false>()
            .build_callback(move |_| Ok(take()))?;
        Ok(Self(built))
    }

    /// Has it called. A closing environment takes no more calls; there is nobody left to tell.
    pub fn call(&self) {
        let _ = self.0.call((), ThreadsafeFunctionCallMode::NonBlocking);
    }
}

/// What was called for still happens. napi lets go of a function when nobody counts its handle any more, and an environment
/// that ends just then has freed it by the time it is released: that aborts the process. So it is released here, while the
/// handle counts, under the lock that the environment takes before it frees it; napi finds nothing to do then.
impl Drop for Callback {
    fn drop(&mut self) {
        let handle = &self.0.handle;
        handle.with_write_aborted(|mut gone| {
            if !std::mem::replace(&mut *gone, true) {
                // SAFETY: the function lives, as its environment has not taken the lock yet; nobody releases it again.
                unsafe {
                    sys::napi_release_threadsafe_function(
                        handle.get_raw(),
                        sys::ThreadsafeFunctionReleaseMode::release,
                    );
                }
            }
        });
    }
}
