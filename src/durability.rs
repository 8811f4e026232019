//! What an acknowledged write survives: one word on every floor.

/// Ordered: a batch takes the strongest of its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Durability {
    /// The process being killed: the bytes are with the kernel.
    #[default]
    Process,
    /// The machine losing power: the bytes are on the disk.
    Power,
}
