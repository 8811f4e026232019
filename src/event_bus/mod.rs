//! What the event bus needs of the native side. Dispatching is JavaScript's; here is the clock that it reads without a call.

pub mod clock;
