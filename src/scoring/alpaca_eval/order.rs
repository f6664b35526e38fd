//! Which answer the judge is shown first, as the `AlpacaEval` program decides it.

use sha2::{Digest as _, Sha512};

use crate::seed::Seed;

/// What the program puts before the instruction to name this decision.
const DECISION: &str = "is_switched_outputs";

/// Whether the reply is shown second, after the baseline's answer. The instruction and the seed decide, so that every
/// model's reply to one instruction stands in the same place.
///
/// The rule is that of the `AlpacaEval` program, whose annotators have the seed 0: Python's
/// `random.Random("is_switched_outputs" + instruction + str(seed)).choices([False, True])` says whether the two change
/// places.
pub fn reply_stands_second(seed: Seed, instruction: &str) -> bool {
    // `choices` takes the second of two where `random()` is at least ½: where the first bit drawn is set.
    let first_bit = first_word(&format!("{DECISION}{instruction}{}", seed.0)) >> 31;
    first_bit == 0
}

/// `random.Random(text).getrandbits(32)` in Python 3: the first word of a Mersenne Twister that is seeded with the
/// number whose digits are the text's bytes and their SHA-512 (Matsumoto and Nishimura, ACM TOMACS 8, 1998, with the seeding
/// by array of their 2002 revision).
fn first_word(text: &str) -> u32 {
    const SHIFT: usize = 397;
    let state = seeded(&key(text));
    let word = |at: usize| state.get(at).copied().unwrap_or_default();
    let joined = (word(0) & 0x8000_0000) | (word(1) & 0x7fff_ffff);
    let twist = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
    let mut word = word(SHIFT) ^ (joined >> 1) ^ twist;
    word ^= word >> 11;
    word ^= (word << 7) & 0x9d2c_5680;
    word ^= (word << 15) & 0xefc6_0000;
    word ^ (word >> 18)
}

/// The number as words, lowest first, without zeros at the top.
fn key(text: &str) -> Vec<u32> {
    let hash = Sha512::digest(text.as_bytes());
    let bytes = text.bytes().chain(hash).collect::<Vec<_>>();
    let word = |chunk: &[u8]| chunk.iter().fold(0, |word, byte| (word << 8) | u32::from(*byte));
    let mut words = bytes.rchunks(4).map(word).collect::<Vec<u32>>();
    while words.len() > 1 && words.last() == Some(&0) {
        words.pop();
    }
    words
}

const WORDS: usize = 624;

/// `init_by_array`.
// Indices are constants or run below `WORDS`.
#[allow(clippy::indexing_slicing)]
fn seeded(key: &[u32]) -> [u32; WORDS] {
    let mut state = [0_u32; WORDS];
    state[0] = 19_650_218;
    for (at, number) in (1..WORDS).zip(1_u32..) {
        let before = state[at - 1];
        state[at] = 1_812_433_253_u32.wrapping_mul(before ^ (before >> 30)).wrapping_add(number);
    }
    let mut at = 1;
    let mut step = |state: &mut [u32; WORDS], factor: u32, add: &dyn Fn(usize) -> u32| {
        let before = state[at - 1];
        state[at] = (state[at] ^ (before ^ (before >> 30)).wrapping_mul(factor)).wrapping_add(add(at));
        at += 1;
        if at == WORDS {
            state[0] = state[WORDS - 1];
            at = 1;
        }
    };
    for (number, word) in (0_u32..).zip(key).cycle().take(WORDS.max(key.len())) {
        step(&mut state, 1_664_525, &|_| word.wrapping_add(number));
    }
    for _ in 1..WORDS {
        step(&mut state, 1_566_083_941, &|at| u32::try_from(at).unwrap_or_default().wrapping_neg());
    }
    state[0] = 0x8000_0000;
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Python 3.11: `random.Random(text).getrandbits(32)`.
    #[test]
    fn a_text_seeds_as_python_seeds() {
        for (text, expected) in [
            ("is_switched_outputsWhat is 2+2?0".to_owned(), 241_889_308),
            ("is_switched_outputsné🙂7".to_owned(), 961_914_895),
            ("is_switched_outputs0".to_owned(), 631_780_706),
            (format!("is_switched_outputs{}12", "x".repeat(500)), 411_110_527),
            // More words than the generator's state has.
            (format!("is_switched_outputs{}0", "y".repeat(3000)), 3_796_287_103),
        ] {
            assert_eq!(first_word(&text), expected, "{text}");
        }
    }
}
