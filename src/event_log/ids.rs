//! Ids of events: UUIDs of version 7 (RFC 9562), in the order in which they are made.
//!
//! 48 bits of milliseconds, 12 bits that count within one, 62 bits that nobody can guess. These come from a hash of a
//! secret and a counter: asking the system for each id would cost more than to write the event.

use sha2::{Digest, Sha256};

use super::time;

const PER_HASH: usize = 4;
/// The count within a millisecond starts in the lower half, so that it has room to go on.
const COUNT_START: u16 = 0x7ff;
const COUNT_END: u16 = 0xfff;

/// Makes ids.
pub struct Ids {
    /// Has taken the secret in.
    secret: Sha256,
    hashes: u64,
    random: [u64; PER_HASH],
    left: usize,
    millis: u64,
    count: u16,
}

impl Ids {
    /// With a secret of its own.
    pub fn new() -> Self {
        let mut secret = [0; 64];
        for part in secret.as_chunks_mut::<16>().0 {
            // Each has 62 bits or more that the system gave.
            part.copy_from_slice(uuid::Uuid::now_v7().as_bytes());
        }
        let secret = Sha256::new_with_prefix(secret);
        Self { secret, hashes: 0, random: [0; PER_HASH], left: 0, millis: 0, count: COUNT_END }
    }

    /// Looks at the clock: ids that follow are of this time, or of the last one where the clock went back.
    pub fn look(&mut self) {
        let now = time::now_micros() / 1000;
        if now > self.millis {
            self.begin(now);
        }
    }

    /// The next one.
    pub fn next(&mut self) -> String {
        if self.count == COUNT_END {
            self.begin(self.millis + 1);
        }
        self.count += 1;
        let random = self.random();
        let high = (self.millis << 16) | 0x7000 | u64::from(self.count);
        let low = (random >> 2) | (0b10 << 62);
        text_of((u128::from(high) << 64) | u128::from(low))
    }

    fn begin(&mut self, millis: u64) {
        self.millis = millis;
        self.count = u16::try_from(self.random() & u64::from(COUNT_START)).unwrap_or(0);
    }

    fn random(&mut self) -> u64 {
        if self.left == 0 {
            let mut hash = self.secret.clone();
            hash.update(self.hashes.to_le_bytes());
            self.hashes += 1;
            let digest = hash.finalize();
            for (random, bytes) in self.random.iter_mut().zip(digest.as_chunks::<8>().0) {
                *random = u64::from_le_bytes(*bytes);
            }
            self.left = PER_HASH;
        }
        self.left -= 1;
        self.random.get(self.left).copied().unwrap_or(0)
    }
}

fn text_of(number: u128) -> String {
    let mut text = uuid::Uuid::encode_buffer();
    uuid::Uuid::from_u128(number).hyphenated().encode_lower(&mut text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uuid_of(id: &str) -> uuid::Uuid {
        uuid::Uuid::parse_str(id).unwrap()
    }

    #[test]
    fn ids_are_uuids_of_version_7_that_say_when_and_grow() {
        let mut ids = Ids::new();
        let before = time::now_micros() / 1000;
        ids.look();
        let after = time::now_micros() / 1000;
        let first = uuid_of(&ids.next());
        assert_eq!(first.get_version_num(), 7);
        assert_eq!(first.get_variant(), uuid::Variant::RFC4122);
        let (seconds, nanos) = first.get_timestamp().unwrap().to_unix();
        assert!((before..=after).contains(&(seconds * 1000 + u64::from(nanos) / 1_000_000)));
        let mut last = first;
        for _ in 0..100_000 {
            let next = uuid_of(&ids.next());
            assert!(next > last, "{next} after {last}");
            last = next;
        }
    }

    #[test]
    fn two_that_begin_at_the_same_time_make_different_ones() {
        let (mut one, mut two) = (Ids::new(), Ids::new());
        let random = |id: &str| uuid_of(id).as_u128() & ((1 << 62) - 1);
        let from = |ids: &mut Ids| (0..1000).map(|_| random(&ids.next())).collect::<std::collections::HashSet<_>>();
        let (one, two) = (from(&mut one), from(&mut two));
        assert_eq!(one.len(), 1000);
        assert!(one.is_disjoint(&two));
    }
}
