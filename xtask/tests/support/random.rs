//! Random changes that a seed repeats.

/// xorshift64: enough to choose bytes, and the seed repeats it.
pub struct Random(u64);

impl Random {
    /// Seeded by the clock or XTASK_FUZZ_SEED, which is printed; with the
    /// seconds of XTASK_FUZZ_SECONDS.
    pub fn from_environment() -> (Self, u64) {
        let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
        let seed = number("XTASK_FUZZ_SEED")
            .unwrap_or_else(|| std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1);
        println!("XTASK_FUZZ_SEED={seed}");
        (Self(seed), number("XTASK_FUZZ_SECONDS").unwrap_or(3))
    }

    /// A number below `below`.
    pub fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }

    /// The bytes with a few changes: other bits and bytes, cut off, shortened.
    pub fn change(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.next(8) {
            let at = self.next(bytes.len());
            match self.next(4) {
                0 => bytes[at] ^= 1 << self.next(8),
                1 => bytes[at] = self.next(256) as u8,
                2 => bytes.truncate(at.max(1)),
                _ => {
                    let end = (at + self.next(40)).min(bytes.len());
                    bytes.drain(at..end);
                    if bytes.is_empty() {
                        bytes.push(0);
                    }
                }
            }
        }
        bytes
    }
}
