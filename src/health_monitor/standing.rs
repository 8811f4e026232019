//! How agents stand, and what speaks against them.

/// How an agent stands. The order is from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It gave a sign of life, or nobody had a reason to ask.
    Healthy,
    /// It missed a beat.
    Suspect,
    /// It is gone.
    Disconnected,
}

/// What speaks against an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It did not answer.
    Silent,
    /// It rejected a ping.
    Rejected,
    /// Its work is past the deadline.
    Overdue,
    /// The loop it lives in is frozen.
    Frozen,
    /// The worker it lived in has ended.
    Exited,
}
