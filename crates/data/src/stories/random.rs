//! A small generator of pseudo-random choices (SplitMix64), the same on every machine.

use crate::permutation::mix;

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of choices.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// Streams of different seeds or indices are independent.
    pub(super) fn new(seed: u64, index: u64) -> Self {
        Self(mix(mix(seed) ^ index))
    }

    /// Below `bound`, which is small enough for the bias not to matter.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(STEP);
        ((u128::from(mix(self.0)) * bound as u128) >> 64) as usize
    }

    /// True `hits` times in `of`.
    pub(super) fn chance(&mut self, hits: usize, of: usize) -> bool {
        self.below(of) < hits
    }

    /// One of `from`, which has at least one.
    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// Different ones of `from`, which has at least `N` different ones.
    pub(super) fn distinct<T: Copy + PartialEq, const N: usize>(&mut self, from: &[T]) -> [T; N] {
        let mut drawn: [T; N] = [from[0]; N];
        for at in 0..N {
            drawn[at] = self.pick(from);
            while drawn[..at].contains(&drawn[at]) {
                drawn[at] = self.pick(from);
            }
        }
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_even_and_distinct() {
        let mut random = Random::new(1, 2);
        let mut counts = [0; 10];
        for _ in 0..10_000 {
            counts[random.below(10)] += 1;
        }
        // 1,000 expected, deviation 30.
        assert!(
            counts.iter().all(|count| (850..1150).contains(count)),
            "{counts:?}"
        );
        for _ in 0..100 {
            let mut drawn: [i32; 4] = random.distinct(&[1, 2, 3, 4]);
            drawn.sort_unstable();
            assert_eq!(drawn, [1, 2, 3, 4]);
        }
    }
}
