//! CRC-32C (Castagnoli, RFC 3720) over the parts of a record.

/// A checksum over several parts. Each part's length goes in as well, so that bytes cannot move from one to the next
/// unnoticed.
#[derive(Debug, Default)]
pub struct Checksum(u32);

impl Checksum {
    /// Takes in bytes.
    #[must_use]
    pub fn bytes(self, part: &[u8]) -> Self {
        let length = (part.len() as u64).to_le_bytes();
        Self(crc32c::crc32c_append(crc32c::crc32c_append(self.0, &length), part))
    }

    /// Takes in a number.
    #[must_use]
    pub fn number(self, part: i64) -> Self {
        self.bytes(&part.to_le_bytes())
    }

    /// Takes in a part that may be absent; absent and empty differ.
    #[must_use]
    pub fn optional(self, part: Option<&[u8]>) -> Self {
        match part {
            Some(bytes) => self.number(1).bytes(bytes),
            None => self.number(0),
        }
    }

    /// The checksum as a database column takes it.
    #[must_use]
    pub fn finish(self) -> i64 {
        i64::from(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Checksum;

    #[test]
    fn bytes_cannot_move_between_parts() {
        let one = Checksum::default().bytes(b"ab").bytes(b"c").finish();
        let other = Checksum::default().bytes(b"a").bytes(b"bc").finish();
        assert_ne!(one, other);
    }

    #[test]
    fn absent_and_empty_differ() {
        assert_ne!(Checksum::default().optional(None).finish(), Checksum::default().optional(Some(b"")).finish());
    }
}
