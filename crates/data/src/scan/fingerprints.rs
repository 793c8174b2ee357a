//! Which of the validation set's windows of tokens a given window equals.

/// Tokens a window.
///
/// As long as some forty words of English in a vocabulary of 49,152: long enough that two texts hardly share it by
/// chance, short enough that a paragraph quoted in another document shows.
pub const WINDOW: usize = 64;

/// The multiplier of the rolling hash: any odd number with bits all over.
const BASE: u64 = 0xd129_0b25_57a9_2c5d;
/// What a token weighs that is just leaving the window.
const LEAVING: u64 = BASE.wrapping_pow(WINDOW as u32);
/// Spreads the hash over its high bits: the low bits of a polynomial modulo 2^64 know the low bits of the tokens only.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Bits of the filter a slot of the table. At most half of the slots are taken, so a word of 64 bits has those of two
/// windows on average: all but 1 in some 150 windows of clean text cost one look at one word of a filter of 4 MiB, and
/// none at the table.
const FILTER_BITS_A_SLOT: usize = 16;
const EMPTY: u32 = u32::MAX;

/// The windows of a validation set, by fingerprint.
///
/// A hash only says where to look; a match is a comparison of all tokens, so there are no false ones. With `n` windows
/// (at most 1,048,514) the memory is `2 n` bytes of tokens, `4 n` of copies, at most `16 n` of slots and `8 n` of filter:
/// 18 MiB for the largest set.
pub(super) struct Fingerprints {
    tokens: Vec<u16>,
    /// Open-addressed: the first window of each content, or [`EMPTY`].
    slots: Vec<u32>,
    /// Two bits for each window's hash, in one word (Putze, Sanders and Singler, "Cache-, hash- and space-efficient Bloom
    /// filters", 2007).
    filter: Vec<u64>,
    /// For each window the first of the same content.
    first: Vec<u32>,
    slot_bits: u32,
    word_bits: u32,
}

impl Fingerprints {
    /// The windows of `tokens`, fewer than 2^31.
    pub(super) fn new(tokens: Vec<u16>) -> Self {
        let windows = (tokens.len() + 1).saturating_sub(WINDOW);
        let slots = (2 * windows).next_power_of_two().max(8);
        let words = slots * FILTER_BITS_A_SLOT / 64;
        let mut new = Self {
            tokens,
            slots: vec![EMPTY; slots],
            filter: vec![0; words],
            first: Vec::with_capacity(windows),
            slot_bits: slots.ilog2(),
            word_bits: words.ilog2(),
        };
        let hashes: Vec<u64> = hashes(&new.tokens).collect();
        hashes.iter().for_each(|&hash| new.insert(hash));
        new
    }

    fn insert(&mut self, hash: u64) {
        let at = self.first.len();
        let (slot, found) = self.probe(hash, &self.tokens[at..at + WINDOW]);
        let (word, bits) = self.filter_place(hash);
        self.filter[word] |= bits;
        self.first.push(found.unwrap_or(at as u32));
        if found.is_none() {
            self.slots[slot] = at as u32;
        }
    }

    /// Number of windows.
    pub(super) fn windows(&self) -> usize {
        self.first.len()
    }

    /// The first window of the content of window `at`.
    pub(super) fn first(&self, at: usize) -> usize {
        self.first[at] as usize
    }

    /// Tells `found` of each window of `tokens` that is one of the set's: where it begins, and the first window of the
    /// set that equals it.
    #[inline]
    pub(super) fn matches(&self, tokens: &[u16], mut found: impl FnMut(usize, usize)) {
        for (at, hash) in hashes(tokens).enumerate() {
            let (word, bits) = self.filter_place(hash);
            if self.filter[word] & bits == bits
                && let (_, Some(window)) = self.probe(hash, &tokens[at..at + WINDOW])
            {
                found(at, window as usize);
            }
        }
    }

    #[inline]
    fn filter_place(&self, hash: u64) -> (usize, u64) {
        let spread = hash.wrapping_mul(SPREAD);
        // The bits behind those of the word: of 64-bit numbers the high ones are spread best.
        let behind = spread << self.word_bits;
        let bits = (1 << (behind >> 58)) | (1 << ((behind << 6) >> 58));
        ((spread >> (u64::BITS - self.word_bits)) as usize, bits)
    }

    /// The slot of `window`, and what stands in it: the window that equals it, or nothing.
    #[cold]
    fn probe(&self, hash: u64, window: &[u16]) -> (usize, Option<u32>) {
        let mut slot = (hash.wrapping_mul(SPREAD) >> (u64::BITS - self.slot_bits)) as usize;
        // Ends: at least half of the slots are empty.
        loop {
            let at = self.slots[slot];
            if at == EMPTY {
                return (slot, None);
            }
            if self.tokens[at as usize..][..WINDOW] == *window {
                return (slot, Some(at));
            }
            slot = (slot + 1) % self.slots.len();
        }
    }
}

/// The rolling hash of each window of `tokens`, in order (Karp and Rabin, "Efficient randomized pattern-matching
/// algorithms", 1987).
#[inline]
fn hashes(tokens: &[u16]) -> impl Iterator<Item = u64> {
    let whole = tokens.len() >= WINDOW;
    let first = whole.then(|| {
        tokens[..WINDOW]
            .iter()
            .fold(0, |hash, &token| push(hash, value(token)))
    });
    let pairs = tokens.iter().zip(tokens.get(WINDOW..).unwrap_or_default());
    let rest = pairs.scan(first.unwrap_or_default(), |hash, (&leaving, &entering)| {
        // The new summand does not wait for the old hash: only one product a token stands in line.
        *hash = push(
            *hash,
            value(entering).wrapping_sub(value(leaving).wrapping_mul(LEAVING)),
        );
        Some(*hash)
    });
    first.into_iter().chain(rest)
}

fn push(hash: u64, value: u64) -> u64 {
    hash.wrapping_mul(BASE).wrapping_add(value)
}

fn value(token: u16) -> u64 {
    u64::from(token) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(set: &Fingerprints, tokens: &[u16]) -> Vec<(usize, usize)> {
        let mut all = Vec::new();
        set.matches(tokens, |at, window| all.push((at, window)));
        all
    }

    #[test]
    fn the_rolling_hash_is_that_of_each_window_by_itself() {
        let tokens: Vec<u16> = (0..300u32).map(|i| (i * i * 977 % 65_521) as u16).collect();
        let alone = tokens
            .windows(WINDOW)
            .map(|window| hashes(window).next().unwrap());
        assert!(alone.eq(hashes(&tokens)));
        assert_eq!(hashes(&tokens[..WINDOW - 1]).count(), 0);
        assert_eq!(hashes(&tokens[..WINDOW]).count(), 1);
    }

    #[test]
    fn one_changed_token_is_no_match() {
        let set = Fingerprints::new((0..WINDOW as u16).collect());
        let mut tokens: Vec<u16> = (0..WINDOW as u16).collect();
        assert_eq!(found(&set, &tokens), [(0, 0)]);
        for at in 0..WINDOW {
            tokens[at] ^= 1;
            assert_eq!(found(&set, &tokens), []);
            tokens[at] ^= 1;
        }
    }

    #[test]
    fn equal_hashes_are_told_apart_by_their_tokens() {
        let tokens: Vec<u16> = (0..WINDOW as u16).collect();
        let mut other = tokens.clone();
        other[0] = 7;
        let set = Fingerprints::new(tokens.clone());
        let hash = hashes(&tokens).next().unwrap();
        assert_eq!(set.probe(hash, &tokens).1, Some(0));
        assert_eq!(set.probe(hash, &other).1, None);
    }

    #[test]
    fn copies_within_the_set_name_the_first() {
        let set = Fingerprints::new(vec![5; WINDOW + 3]);
        assert_eq!(set.windows(), 4);
        assert!((0..4).all(|at| set.first(at) == 0));
        assert_eq!(found(&set, &[5; WINDOW + 1]), [(0, 0), (1, 0)]);
    }

    #[test]
    fn a_set_shorter_than_a_window_matches_nothing() {
        for tokens in [0, 1, WINDOW - 1] {
            let set = Fingerprints::new(vec![5; tokens]);
            assert_eq!(set.windows(), 0);
            assert_eq!(found(&set, &[5; 2 * WINDOW]), []);
        }
    }
}
