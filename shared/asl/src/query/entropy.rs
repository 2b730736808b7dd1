use sha2::{Digest, Sha256};

/// A deterministic source of random bytes: SHA-256 in counter mode over a seed.
///
/// The same seed gives the same bytes on every machine and in every version of the interpreter, so a replayed decision
/// draws the same numbers. It is not meant for keys or secrets: whoever knows the seed knows the bytes.
#[derive(Debug, Clone)]
pub struct Entropy {
    seed: [u8; 32],
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl Entropy {
    /// A source over a full seed.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self { seed, counter: 0, block: [0; 32], used: 32 }
    }

    /// A source over a short seed, such as an event id mixed with an execution's number.
    #[must_use]
    pub fn from_u64(seed: u64) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"millrace entropy u64");
        hasher.update(seed.to_be_bytes());
        Self::from_seed(hasher.finalize().into())
    }

    /// Fills the buffer with the next bytes.
    pub fn fill(&mut self, buffer: &mut [u8]) {
        for byte in buffer {
            *byte = self.next_byte();
        }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_be_bytes(bytes)
    }

    /// A number from 0 up to, but not including, the bound, each equally likely. A bound of 0 gives 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        // Values past the last whole multiple of the bound would favour small results. The chance of drawing one is
        // below one half, so sixty-four draws are enough for any purpose; then the bias is accepted.
        let limit = u64::MAX - u64::MAX % bound;
        for _ in 0..64 {
            let drawn = self.next_u64();
            if drawn < limit {
                return drawn % bound;
            }
        }
        self.next_u64() % bound
    }

    /// A random UUID in the form of version 4 (RFC 9562), in lower case.
    pub fn uuid(&mut self) -> String {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        let bits = (u128::from_be_bytes(bytes) & !(0xf << 76) & !(0b11 << 62)) | (0x4 << 76) | (0b10 << 62);
        let hex = format!("{bits:032x}");
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
    }

    fn next_byte(&mut self) -> u8 {
        if self.used >= self.block.len() {
            let mut hasher = Sha256::new();
            hasher.update(self.seed);
            hasher.update(self.counter.to_be_bytes());
            self.block = hasher.finalize().into();
            self.counter = self.counter.wrapping_add(1);
            self.used = 0;
        }
        let byte = self.block.get(self.used).copied().unwrap_or_default();
        self.used += 1;
        byte
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_repeats() {
        let (mut first, mut second) = (Entropy::from_u64(9), Entropy::from_u64(9));
        assert_eq!(
            (0..20).map(|_| first.next_u64()).collect::<Vec<_>>(),
            (0..20).map(|_| second.next_u64()).collect::<Vec<_>>()
        );
        assert_ne!(Entropy::from_u64(1).next_u64(), Entropy::from_u64(2).next_u64());
    }

    #[test]
    fn below_stays_below() {
        let mut entropy = Entropy::from_seed([3; 32]);
        assert!((0..1000).all(|_| entropy.below(7) < 7));
        assert_eq!(entropy.below(1), 0);
        assert_eq!(entropy.below(0), 0);
        assert_eq!((0..200).map(|_| entropy.below(3)).collect::<std::collections::BTreeSet<_>>().len(), 3);
    }

    #[test]
    fn uuids_have_version_and_variant() {
        let mut entropy = Entropy::from_u64(5);
        for _ in 0..50 {
            let uuid = entropy.uuid();
            let parts: Vec<_> = uuid.split('-').collect();
            assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
            assert!(parts[2].starts_with('4'));
            assert!(parts[3].starts_with(['8', '9', 'a', 'b']));
        }
    }
}
