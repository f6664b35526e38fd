//! Typing errors: a neighbouring key, two letters swapped, a letter dropped, a letter doubled.
//!
//! The number of errors is exactly `max(1, round(rate x editable letters))`. Editable are the letters but the first of
//! free words of at least four letters, written without apostrophe, that are no names
//! (capitalised inside a sentence) and that the data does not list as kept. Each error
//! takes a letter of its own, and no word gets a second one before every word has one. The last letter is never
//! dropped (`times` would become `time`). This differs from word swaps
//! that test each letter against the rate: the declared rate is the rate.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::protect::{Edit, Part, PromptText};
use super::{DataError, DataFile, Outcome, PerturbationInfo, PerturbationKind, Strength, file_named};
use crate::instance::Instance;

/// Facts for a listing.
pub const INFO: PerturbationInfo = PerturbationInfo {
    kind: PerturbationKind::Typo,
    summary: "typing errors: neighbouring key, swapped, dropped or doubled letter",
    keeps: "number and order of words, first letters, case, words under four letters, negations, names, every protected span, \
            examples and the beginning of the answer",
    strengths: "share of editable letters: light 0.02, default 0.05, heavy 0.1, or a number; at least one error",
    default_draws: 3,
};

/// Words shorter than this stay.
const FEWEST_LETTERS: usize = 4;

/// The keyboard and the words that typing errors spare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypoData {
    neighbours: BTreeMap<char, Vec<char>>,
    kept_words: BTreeSet<String>,
    never_made: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyboardFile {
    neighbours: BTreeMap<char, String>,
    kept_words: Vec<String>,
    never_made: Vec<String>,
}

impl TypoData {
    /// Reads `typo/keyboard.toml`. Every letter from a to z must have neighbours, being a neighbour must be mutual, and
    /// no letter may be its own.
    pub fn from_files(files: &[DataFile<'_>]) -> Result<Self, DataError> {
        let file = file_named(files, "typo", "keyboard.toml")?;
        let invalid = |problem: String| DataError::invalid(file.path, problem);
        let read: KeyboardFile = toml::from_str(file.text).map_err(|error| invalid(error.to_string()))?;
        let neighbours: BTreeMap<char, Vec<char>> =
            read.neighbours.into_iter().map(|(key, near)| (key, near.chars().collect())).collect();
        for letter in 'a'..='z' {
            if neighbours.get(&letter).is_none_or(Vec::is_empty) {
                return Err(invalid(format!("`neighbours.{letter}` is missing or empty; list the keys beside it")));
            }
        }
        for (key, near) in &neighbours {
            for other in near {
                if other == key || !neighbours.get(other).is_some_and(|back| back.contains(key)) {
                    return Err(invalid(format!("`neighbours.{key}` lists `{other}`, which does not list `{key}`")));
                }
            }
        }
        let lower = |words: Vec<String>| words.iter().map(|word| word.to_lowercase()).collect();
        Ok(Self { neighbours, kept_words: lower(read.kept_words), never_made: lower(read.never_made) })
    }

    fn may_change(&self, word: &str) -> bool {
        word.chars().all(char::is_alphabetic)
            && word.chars().count() >= FEWEST_LETTERS
            && !self.kept_words.contains(&word.to_lowercase())
    }
}

/// A typing error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slip {
    Neighbour,
    Swap,
    Drop,
    Double,
}

/// One draw.
pub fn apply(instance: &Instance, strength: &Strength, rng: &mut ChaCha8Rng, data: &TypoData) -> Outcome {
    let prompt = PromptText::of(instance);
    let mut words: Vec<(Part, Range<usize>)> = prompt.words();
    let names = names(&prompt, &words);
    words.retain(|(part, word)| {
        let text = prompt.part(*part).slice(word);
        data.may_change(text) && !names.contains(text)
    });
    let capacities = words.iter().map(|(part, word)| prompt.part(*part).slice(word).chars().count() - 1);
    let capacities: Vec<usize> = capacities.collect();
    let letters: usize = capacities.iter().sum();
    if letters == 0 {
        return Outcome::nothing("no unprotected word of at least four letters");
    }
    let count = edit_count(strength.rate(0.02, 0.05, 0.1), letters);
    let mut edits = Vec::new();
    let mut changes = Vec::new();
    for ((part, word), slips) in words.into_iter().zip(spread(count, &capacities, rng)) {
        if slips == 0 {
            continue;
        }
        let original = prompt.part(part).slice(&word);
        let text = misspell(original, slips, rng, data);
        changes.push(format!("{original:?} -> {text:?}"));
        edits.push(Edit { part, range: word, text });
    }
    Outcome::of_prompt(instance, prompt.with_edits(instance, &edits), changes)
}

/// Words written with a capital inside a sentence: names, which refer to one thing throughout a prompt.
fn names(prompt: &PromptText, words: &[(Part, Range<usize>)]) -> BTreeSet<String> {
    let inside = words.iter().filter(|(part, word)| !prompt.part(*part).starts_sentence(word.start));
    let texts = inside.map(|(part, word)| prompt.part(*part).slice(word));
    texts.filter(|text| text.starts_with(char::is_uppercase)).map(str::to_owned).collect()
}

/// `round(rate x sites)`, at least 1 and at most `sites`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate in (0, 1] of a count")]
pub(super) fn edit_count(rate: f64, sites: usize) -> usize {
    ((rate * sites as f64).round() as usize).clamp(1, sites.max(1))
}

/// How many errors each word gets: one for as many random words as there are errors, then a second, and so on; none
/// gets more than its capacity.
fn spread(count: usize, capacities: &[usize], rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut slips = vec![0; capacities.len()];
    let mut order: Vec<usize> = (0..capacities.len()).collect();
    let mut left = count;
    while left > 0 {
        order.retain(|&word| slips.get(word) < capacities.get(word));
        if order.is_empty() {
            break;
        }
        order.shuffle(rng);
        for &word in order.iter().take(left) {
            if let Some(slip) = slips.get_mut(word) {
                *slip += 1;
            }
        }
        left -= left.min(order.len());
    }
    slips
}

/// The word with `slips` errors, each at a letter of its own, never the first, and never back to the word itself. Results that
/// the data lists as never made are drawn anew.
fn misspell(word: &str, slips: usize, rng: &mut ChaCha8Rng, data: &TypoData) -> String {
    let letters: Vec<char> = word.chars().collect();
    for _ in 0..TRIES {
        let text = misspelt(&letters, slips, rng, data, false);
        if text != word && !data.never_made.contains(&text.to_lowercase()) {
            return text;
        }
    }
    misspelt(&letters, slips, rng, data, true)
}

/// How often a word whose errors cancel each other is misspelt anew before neighbouring keys alone are used.
const TRIES: usize = 8;

fn misspelt(letters: &[char], slips: usize, rng: &mut ChaCha8Rng, data: &TypoData, keys_only: bool) -> String {
    let mut positions: Vec<usize> = (1..letters.len()).collect();
    positions.shuffle(rng);
    positions.truncate(slips);
    let mut taken: BTreeSet<usize> = positions.iter().copied().collect();
    positions.sort_unstable();
    let mut out: Vec<String> = letters.iter().map(char::to_string).collect();
    let last = letters.len().saturating_sub(1);
    let mut most_drops = letters.len().saturating_sub(FEWEST_LETTERS - 1);
    for at in positions {
        let (Some(&letter), next) = (letters.get(at), letters.get(at + 1).copied()) else { continue };
        let near = data.neighbours.get(&lower(letter)).map(Vec::as_slice).unwrap_or_default();
        let swaps = next.filter(|next| lower(*next) != lower(letter) && !taken.contains(&(at + 1)));
        let mut possible = vec![Slip::Double];
        if !near.is_empty() {
            possible.push(Slip::Neighbour);
        }
        if swaps.is_some() {
            possible.push(Slip::Swap);
        }
        // Without its last letter a word is often another form of itself (times, time).
        if most_drops > 0 && at < last {
            possible.push(Slip::Drop);
        }
        if keys_only && !near.is_empty() {
            possible = vec![Slip::Neighbour];
        }
        let slip = possible.get(rng.random_range(0..possible.len())).copied().unwrap_or(Slip::Double);
        let replacement = match (slip, swaps) {
            (Slip::Neighbour, _) => near.choose(rng).map_or(String::new(), |key| in_case_of(letter, *key).to_string()),
            (Slip::Swap, Some(next)) => {
                taken.insert(at + 1);
                if let Some(place) = out.get_mut(at + 1) {
                    *place = in_case_of(next, letter).to_string();
                }
                in_case_of(letter, next).to_string()
            }
            (Slip::Drop, _) => {
                most_drops -= 1;
                String::new()
            }
            (Slip::Double | Slip::Swap, _) => format!("{letter}{letter}"),
        };
        if let Some(place) = out.get_mut(at) {
            *place = replacement;
        }
    }
    out.concat()
}

fn lower(letter: char) -> char {
    letter.to_lowercase().next().unwrap_or(letter)
}

/// `other` in the case of `model`.
fn in_case_of(model: char, other: char) -> char {
    let mut cased =
        if model.is_uppercase() { other.to_uppercase().to_string() } else { other.to_lowercase().to_string() };
    // A letter without a one-letter counterpart stays as it is.
    match (cased.pop(), cased.is_empty()) {
        (Some(letter), true) => letter,
        _ => other,
    }
}
