//! Python's `random.Random`, so that few-shot examples are those that lm-evaluation-harness draws.
//!
//! Source: M. Matsumoto and T. Nishimura, "Mersenne Twister: a 623-dimensionally equidistributed uniform pseudo-random
//! number generator", ACM TOMACS 8 (1998), with the seeding by array of the authors' 2002 revision; `sample` and
//! `shuffle` as documented for Python 3.11 and later.

use std::collections::BTreeSet;

const WORDS: usize = 624;
const SHIFT: usize = 397;

/// A generator whose draws equal those of `random.Random(seed)` for a non-negative integer seed.
#[derive(Debug, Clone)]
pub struct PythonRandom {
    state: [u32; WORDS],
    next: usize,
}

// Indices below are constants or are reduced modulo `WORDS` on the spot.
#[allow(clippy::indexing_slicing)]
impl PythonRandom {
    /// `random.Random(seed)`.
    #[allow(clippy::cast_possible_truncation)]
    pub fn new(seed: u64) -> Self {
        let key = if seed >> 32 == 0 { vec![seed as u32] } else { vec![seed as u32, (seed >> 32) as u32] };
        Self::from_key(&key)
    }

    fn from_word(word: u32) -> Self {
        let mut state = [0_u32; WORDS];
        state[0] = word;
        let mut previous = word;
        for (index, word) in (0_u32..).zip(state.iter_mut()).skip(1) {
            *word = 1_812_433_253_u32.wrapping_mul(previous ^ (previous >> 30)).wrapping_add(index);
            previous = *word;
        }
        Self { state, next: WORDS }
    }

    fn from_key(key: &[u32]) -> Self {
        let mut state = Self::from_word(19_650_218).state;
        let mut at = 1;
        for (index, word) in (0_u32..).zip(key.iter()).cycle().take(WORDS.max(key.len())) {
            let mixed = state[at] ^ (state[at - 1] ^ (state[at - 1] >> 30)).wrapping_mul(1_664_525);
            state[at] = mixed.wrapping_add(*word).wrapping_add(index);
            at = Self::advance(&mut state, at);
        }
        for _ in 0..WORDS - 1 {
            let mixed = state[at] ^ (state[at - 1] ^ (state[at - 1] >> 30)).wrapping_mul(1_566_083_941);
            state[at] = mixed.wrapping_sub(u32::try_from(at).unwrap_or_default());
            at = Self::advance(&mut state, at);
        }
        state[0] = 0x8000_0000;
        Self { state, next: WORDS }
    }

    /// The next position of the seeding, which runs round from the last word to the second.
    fn advance(state: &mut [u32; WORDS], at: usize) -> usize {
        if at + 1 < WORDS {
            return at + 1;
        }
        state[0] = state[WORDS - 1];
        1
    }

    fn word(&mut self) -> u32 {
        if self.next >= WORDS {
            for at in 0..WORDS {
                let joined = (self.state[at] & 0x8000_0000) | (self.state[(at + 1) % WORDS] & 0x7fff_ffff);
                let twist = if joined & 1 == 0 { 0 } else { 0x9908_b0df };
                self.state[at] = self.state[(at + SHIFT) % WORDS] ^ (joined >> 1) ^ twist;
            }
            self.next = 0;
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    /// `random()`: uniform on [0, 1), 53 bits.
    pub fn unit(&mut self) -> f64 {
        let (high, low) = (self.word() >> 5, self.word() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }

    /// `_randbelow(n)`: uniform on `0..n`; 0 where `n` is 0. Populations have fewer than 2^32 members.
    fn below(&mut self, n: usize) -> usize {
        let bits = usize::BITS - n.leading_zeros();
        if bits == 0 || bits > 32 {
            return 0;
        }
        loop {
            let draw = (self.word() >> (32 - bits)) as usize;
            if draw < n {
                return draw;
            }
        }
    }

    /// `sample(range(population), count)`: positions without replacement; `None` where the population is too small.
    pub fn sample(&mut self, population: usize, count: usize) -> Option<Vec<usize>> {
        if count > population {
            return None;
        }
        // Python chooses between a pool and a set by the memory either takes; the draws differ, so the rule matters.
        let mut set_size = 21_usize;
        if count > 5 {
            let mut power = 1_usize;
            while power < count.saturating_mul(3) {
                power = power.saturating_mul(4);
            }
            set_size = set_size.saturating_add(power);
        }
        let mut drawn = Vec::with_capacity(count);
        if population <= set_size {
            let mut pool: Vec<usize> = (0..population).collect();
            for taken in 0..count {
                let at = self.below(population - taken);
                drawn.push(pool[at]);
                pool[at] = pool[population - taken - 1];
            }
        } else {
            let mut seen = BTreeSet::new();
            while drawn.len() < count {
                let at = self.below(population);
                if seen.insert(at) {
                    drawn.push(at);
                }
            }
        }
        Some(drawn)
    }

    /// `shuffle(items)`.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Expected values were printed by `CPython` 3.11.7 (`random.Random(seed).getrandbits(32)`).
    #[test]
    fn words_are_those_of_cpython_for_small_and_large_seeds() {
        let words = |seed| {
            let mut random = PythonRandom::new(seed);
            std::array::from_fn::<u32, 4, _>(|_| random.word())
        };
        assert_eq!(words(0), [3_626_764_237, 1_654_615_998, 3_255_389_356, 3_823_568_514]);
        assert_eq!(words(1234), [4_150_886_329, 3_342_196_574, 1_892_932_127, 501_869_158]);
        assert_eq!(words((1 << 40) + 7), [2_635_837_658, 3_209_733_218, 3_500_038_837, 4_028_389_051]);
    }

    /// Printed by `CPython` 3.11.7.
    #[test]
    #[allow(clippy::float_cmp)]
    fn shares_are_those_of_cpython() {
        let mut random = PythonRandom::new(7);
        assert_eq!([random.unit(), random.unit()], [0.323_832_764_833_162_37, 0.150_849_173_924_501_92]);
    }

    /// One generator, advanced from draw to draw; printed by `CPython` 3.11.7.
    #[test]
    fn samples_are_those_of_cpython_for_pools_and_for_sets() {
        let mut random = PythonRandom::new(1234);
        assert_eq!(random.sample(5, 5).unwrap(), [3, 0, 4, 2, 1]);
        assert_eq!(random.sample(100, 3).unwrap(), [85, 88, 10]);
        assert_eq!(random.sample(1000, 6).unwrap(), [100, 784, 363, 242, 17, 31]);
        assert_eq!(random.sample(20, 4).unwrap(), [0, 11, 15, 14]);
        assert_eq!(random.sample(90, 8).unwrap(), [19, 11, 23, 14, 1, 64, 62, 31]);
        assert_eq!(random.sample(3, 4), None);
    }

    /// Printed by `CPython` 3.11.7.
    #[test]
    fn a_shuffle_is_that_of_cpython() {
        let mut items: Vec<usize> = (0..12).collect();
        PythonRandom::new(42).shuffle(&mut items);
        assert_eq!(items, [7, 5, 2, 8, 9, 6, 11, 3, 4, 0, 1, 10]);
    }
}
