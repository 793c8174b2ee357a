//! A seeded permutation of `0..size` without a table: any position can be asked for, in constant memory.
//!
//! A Feistel network permutes the next power of four; a value that falls outside `0..size` is sent through again
//! until it falls inside (cycle walking; Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002), which
//! takes at most four turns on average.

/// Three rounds make a Feistel network with random round functions look random (Luby and Rackoff, 1988); these
/// functions are only well mixed, and small halves need more.
const ROUNDS: usize = 6;

/// A permutation of `0..size`.
#[derive(Clone, Debug)]
pub struct Permutation {
    size: u64,
    half_bits: u32,
    keys: [u64; ROUNDS],
}

impl Permutation {
    /// The permutation of `0..size` for `seed` and `epoch`; each pair gives another.
    #[must_use]
    pub fn new(size: u64, seed: u64, epoch: u64) -> Self {
        let bits = u64::BITS - size.saturating_sub(1).leading_zeros();
        let start = mix(mix(seed) ^ epoch);
        let keys = std::array::from_fn(|round| mix(start.wrapping_add(round as u64)));
        Self {
            size,
            half_bits: bits.div_ceil(2).max(1),
            keys,
        }
    }

    /// The value at `index`, which must be below `size`.
    ///
    /// # Panics
    /// `index` is not below `size`.
    #[must_use]
    pub fn get(&self, index: u64) -> u64 {
        assert!(
            index < self.size,
            "index {index} in a permutation of {}",
            self.size
        );
        let mut value = self.network(index);
        // Ends: the network is a bijection, so the walk runs on a cycle, and that cycle holds `index`.
        while value >= self.size {
            value = self.network(value);
        }
        value
    }

    fn network(&self, value: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        left << self.half_bits | right
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014), with
/// the generator's increment so that 0 does not stay 0.
pub(crate) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(size: u64, seed: u64, epoch: u64) -> Vec<u64> {
        let permutation = Permutation::new(size, seed, epoch);
        (0..size).map(|index| permutation.get(index)).collect()
    }

    #[test]
    fn is_a_bijection() {
        for size in [1, 2, 3, 4, 5, 7, 16, 17, 1000, 4096, 4097] {
            let mut sorted = values(size, 42, 3);
            sorted.sort_unstable();
            assert_eq!(sorted, (0..size).collect::<Vec<_>>());
        }
    }

    #[test]
    fn depends_on_seed_and_epoch() {
        assert_eq!(values(1000, 1, 0), values(1000, 1, 0));
        assert_ne!(values(1000, 1, 0), values(1000, 2, 0));
        assert_ne!(values(1000, 1, 0), values(1000, 1, 1));
        assert_ne!(values(1000, 1, 1), values(1000, 0, 2));
    }

    #[test]
    fn looks_shuffled() {
        // A random permutation has one fixed point and one ascent by exactly one on average; Poisson(1) exceeds 9
        // with probability 1e-7.
        let values = values(4097, 7, 0);
        let fixed = values
            .iter()
            .enumerate()
            .filter(|&(at, &value)| at as u64 == value)
            .count();
        let ascents = values.windows(2).filter(|pair| pair[0] + 1 == pair[1]).count();
        assert!(
            fixed < 10 && ascents < 10,
            "{fixed} fixed points, {ascents} neighbours"
        );
        // Every eighth of the positions draws from every eighth of the values: 64 expected, deviation 7.5.
        let mut counts = [[0; 8]; 8];
        for (at, value) in values.iter().take(4096).enumerate() {
            counts[at / 512][(*value as usize * 8 / 4097).min(7)] += 1;
        }
        assert!(
            counts
                .as_flattened()
                .iter()
                .all(|&count| (24..104).contains(&count)),
            "{counts:?}"
        );
    }

    #[test]
    fn the_order_is_pinned() {
        // A change here changes the order of the data in every run, and so every record's replay.
        assert_eq!(values(12, 42, 1), [10, 2, 3, 9, 5, 7, 1, 8, 4, 11, 6, 0]);
    }

    #[test]
    fn the_largest_size_works() {
        let permutation = Permutation::new(u64::MAX, 1, 1);
        assert_ne!(permutation.get(0), permutation.get(u64::MAX - 1));
    }
}
