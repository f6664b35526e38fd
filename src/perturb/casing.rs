//! Upper and lower case of words that mean the same in either.

use std::ops::Range;

use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::protect::{Edit, Part, PromptText, Reason};
use super::typo::edit_count;
use super::{Outcome, PerturbationInfo, PerturbationKind, Strength};
use crate::instance::Instance;

/// Facts for a listing.
pub const INFO: PerturbationInfo = PerturbationInfo {
    kind: PerturbationKind::Casing,
    summary: "upper and lower case: all lower, all upper, Title Case, sentence starts, single words",
    keeps: "every letter but for its case; acronyms, words whose meaning depends on case (May, Polish), every \
            protected span, examples and the beginning of the answer",
    strengths: "light: sentence starts, or 0.05 of the words; default: all lower, Title Case, or 0.2 of the words; \
                heavy: all upper, or 0.5 of the words; a number: that share of the words",
    default_draws: 2,
};

/// Words that mean one thing with a capital and another without (months and verbs, peoples and verbs, places and
/// things), in lower case.
const CASE_MATTERS: [&str; 27] = [
    "august",
    "catholic",
    "china",
    "cuba",
    "earth",
    "god",
    "ham",
    "job",
    "liberal",
    "lima",
    "march",
    "mars",
    "may",
    "mercury",
    "moon",
    "nice",
    "polish",
    "pole",
    "poles",
    "reading",
    "rose",
    "sun",
    "turkey",
    "us",
    "welsh",
    "republican",
    "democratic",
];

/// What happens to the case.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Lower,
    Upper,
    Title,
    SentenceStarts,
    Words(f64),
}

/// A word that may change.
struct Word {
    part: Part,
    range: Range<usize>,
    starts_sentence: bool,
}

/// One draw: the strength's modes in random order, and the first of them that changes anything.
pub fn apply(instance: &Instance, strength: &Strength, rng: &mut ChaCha8Rng) -> Outcome {
    let prompt = PromptText::of(instance);
    let words = words(&prompt);
    if words.is_empty() {
        return Outcome::nothing("no unprotected word whose case may change");
    }
    let mut modes = match strength {
        Strength::Light => vec![Mode::SentenceStarts, Mode::Words(0.05)],
        Strength::Default => vec![Mode::Lower, Mode::Title, Mode::Words(0.2)],
        Strength::Heavy => vec![Mode::Upper, Mode::Words(0.5)],
        Strength::Rate(rate) => vec![Mode::Words(*rate)],
    };
    modes.shuffle(rng);
    for mode in modes {
        let edits = recase(&prompt, &words, mode, rng);
        if !edits.is_empty() {
            let change = describe(mode, edits.len());
            return Outcome::of_prompt(instance, prompt.with_edits(instance, &edits), vec![change]);
        }
    }
    Outcome::nothing("every word that may change has this case already")
}

fn words(prompt: &PromptText) -> Vec<Word> {
    let spans = Part::ALL.into_iter().flat_map(|part| prompt.part(part).spans());
    // Where there are formulas, `a` and `i` may be variables.
    let has_formulas = spans.into_iter().any(|span| span.reason == Reason::Math);
    let mut words = Vec::new();
    for (part, range) in prompt.words() {
        let text = prompt.part(part);
        let word = text.slice(&range);
        if has_formulas && word.len() == 1 {
            continue;
        }
        if !CASE_MATTERS.contains(&word.to_lowercase().as_str()) && survives_recasing(word) {
            words.push(Word { part, starts_sentence: text.starts_sentence(range.start), range });
        }
    }
    words
}

/// Whether upper case and back gives the same letters: `ß` and its like do not.
fn survives_recasing(word: &str) -> bool {
    word.to_uppercase().chars().count() == word.chars().count()
        && word.to_uppercase().to_lowercase() == word.to_lowercase()
}

fn recase(prompt: &PromptText, words: &[Word], mode: Mode, rng: &mut ChaCha8Rng) -> Vec<Edit> {
    let mut edits = Vec::new();
    let edit = |word: &Word, text: String| Edit { part: word.part, range: word.range.clone(), text };
    let original = |word: &Word| prompt.part(word.part).slice(&word.range).to_owned();
    if let Mode::Words(rate) = mode {
        let mut order: Vec<&Word> = words.iter().collect();
        order.shuffle(rng);
        order.truncate(edit_count(rate, words.len()));
        for word in order {
            let text = original(word);
            let mut forms = vec![text.to_uppercase(), title(&text), text.to_lowercase()];
            forms.retain(|form| *form != text);
            forms.dedup();
            if !forms.is_empty() {
                let form = forms.swap_remove(rng.random_range(0..forms.len()));
                edits.push(edit(word, form));
            }
        }
        return edits;
    }
    for word in words {
        let text = original(word);
        let form = match mode {
            Mode::Lower => text.to_lowercase(),
            Mode::Upper => text.to_uppercase(),
            Mode::Title => title(&text),
            Mode::SentenceStarts if word.starts_sentence => toggled_start(&text),
            Mode::SentenceStarts | Mode::Words(_) => continue,
        };
        if form != text {
            edits.push(edit(word, form));
        }
    }
    edits
}

fn title(word: &str) -> String {
    let mut chars = word.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    first + &chars.as_str().to_lowercase()
}

fn toggled_start(word: &str) -> String {
    let mut chars = word.chars();
    let first = chars
        .next()
        .map(|c| if c.is_uppercase() { c.to_lowercase().to_string() } else { c.to_uppercase().to_string() });
    first.unwrap_or_default() + chars.as_str()
}

fn describe(mode: Mode, count: usize) -> String {
    let what = match mode {
        Mode::Lower => "lower case",
        Mode::Upper => "upper case",
        Mode::Title => "title case",
        Mode::SentenceStarts => "case of sentence starts",
        Mode::Words(_) => "case of single words",
    };
    format!("{what}, words changed: {count}")
}
