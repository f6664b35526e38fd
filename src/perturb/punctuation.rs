//! Punctuation that carries no meaning: final marks, commas at conjunctions, spaced colons, apostrophes of contractions.
//!
//! Sites are found in free text only; the number of changed sites is exactly `max(1, round(rate x sites))`. A full stop
//! counts as final only at the end of a line or before a capital, and not after an abbreviation or an initial. A comma
//! is taken away only before a conjunction, and added only before the last item of a list that has one already or
//! before `but`. A contraction loses its apostrophe only where the data lists it, so that no other word comes out
//! (`we're` stays, `were` is one).

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;
use regex::Regex;
use serde::Deserialize;

use super::protect::{Edit, Part, PromptText, ProtectedText};
use super::typo::edit_count;
use super::{DataError, DataFile, Outcome, PerturbationInfo, PerturbationKind, Strength, file_named};
use crate::instance::Instance;

/// Facts for a listing.
pub const INFO: PerturbationInfo = PerturbationInfo {
    kind: PerturbationKind::Punctuation,
    summary: "final marks dropped, doubled, spaced or swapped; commas at conjunctions; spaced colons; apostrophes",
    keeps: "every letter and digit, the words' order, every protected span, separators of fields and the answer cue, \
            examples and the beginning of the answer",
    strengths: "share of the places that may change: light 0.2, default 0.5, heavy 1, or a number; at least one",
    default_draws: 2,
};

/// What the perturbation knows about words with punctuation in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PunctuationData {
    contractions: BTreeSet<String>,
    abbreviations: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MarksFile {
    contractions: Vec<String>,
    abbreviations: Vec<String>,
}

impl PunctuationData {
    /// Reads `punctuation/marks.toml`.
    pub fn from_files(files: &[DataFile<'_>]) -> Result<Self, DataError> {
        let file = file_named(files, "punctuation", "marks.toml")?;
        let read: MarksFile = toml::from_str(file.text).map_err(|error| DataError::invalid(file.path, error))?;
        for written in &read.contractions {
            if !written.contains('\'') || *written != written.to_lowercase() {
                let problem = format!("`contractions` lists {written:?}; write it in lower case with its apostrophe");
                return Err(DataError::invalid(file.path, problem));
            }
        }
        let contractions = read.contractions.into_iter().collect();
        Ok(Self { contractions, abbreviations: read.abbreviations })
    }
}

/// A place that may change, and what may stand there instead.
struct Site {
    part: Part,
    range: Range<usize>,
    instead: Vec<String>,
}

/// One draw.
pub fn apply(instance: &Instance, strength: &Strength, rng: &mut ChaCha8Rng, data: &PunctuationData) -> Outcome {
    let prompt = PromptText::of(instance);
    let mut sites: Vec<Site> = Part::ALL.into_iter().flat_map(|part| sites(prompt.part(part), part, data)).collect();
    if sites.is_empty() {
        return Outcome::nothing("no punctuation outside protected text that may change");
    }
    let count = edit_count(strength.rate(0.2, 0.5, 1.0), sites.len());
    sites.shuffle(rng);
    sites.truncate(count);
    let mut edits = Vec::with_capacity(count);
    let mut changes = Vec::with_capacity(count);
    for site in sites {
        if let Some(text) = site.instead.choose(rng) {
            changes.push(format!("{:?} -> {text:?}", prompt.part(site.part).slice(&site.range)));
            edits.push(Edit { part: site.part, range: site.range, text: text.clone() });
        }
    }
    Outcome::of_prompt(instance, prompt.with_edits(instance, &edits), changes)
}

fn sites(text: &ProtectedText, part: Part, data: &PunctuationData) -> Vec<Site> {
    let mut found = final_marks(text.text(), data);
    found.extend(commas(text.text()));
    found.extend(colons(text.text()));
    found.extend(contractions(text, data));
    found.retain(|(range, _)| text.is_free(range));
    found.sort_by_key(|(range, _)| range.start);
    found.into_iter().map(|(range, instead)| Site { part, range, instead }).collect()
}

type Found = (Range<usize>, Vec<String>);

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Marks that end a sentence.
fn final_marks(text: &str, data: &PunctuationData) -> Vec<Found> {
    let mut found = Vec::new();
    for (at, mark) in text.char_indices().filter(|(_, c)| matches!(c, '.' | '?' | '!')) {
        let before = text.get(..at).unwrap_or_default();
        let after = text.get(at + 1..).unwrap_or_default();
        let ends_line =
            after.trim_start_matches([' ', '\t']).is_empty() || after.trim_start_matches(' ').starts_with('\n');
        let begins_sentence = after.starts_with(' ') && after.trim_start().starts_with(char::is_uppercase);
        if !(ends_line || begins_sentence)
            || !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, ')' | '"' | '”'))
        {
            continue;
        }
        if mark == '.' && is_abbreviated(before, data) {
            continue;
        }
        let instead = match (mark, ends_line) {
            ('?', true) => strings(&["", "??", " ?", "."]),
            ('?', false) => strings(&["??", " ?", "."]),
            ('!', _) => strings(&[".", "!!", " !"]),
            (_, true) => strings(&["", " .", ".."]),
            (_, false) => strings(&[" ."]),
        };
        found.push((at..at + 1, instead));
    }
    found
}

/// Whether the text ends in an abbreviation, an initial or a dotted word, so that a full stop after it is part of it.
fn is_abbreviated(before: &str, data: &PunctuationData) -> bool {
    let last = before.rsplit(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default();
    let single = last.chars().count() == 1 && last.starts_with(char::is_alphabetic);
    single || last.contains('.') || data.abbreviations.iter().any(|known| *known == last.to_lowercase())
}

/// Commas before a conjunction, and places before a conjunction where one may be added.
fn commas(text: &str) -> Vec<Found> {
    static TAKE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\p{L}(,) (?:and|or|but|so|yet) ").ok());
    static LIST: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r", \p{L}+()(?: and| or) \p{L}").ok());
    static BUT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\p{L}() but \p{L}").ok());
    let ranges = |pattern: &Option<Regex>| -> Vec<Range<usize>> {
        let captures = pattern.iter().flat_map(|pattern| pattern.captures_iter(text));
        captures.filter_map(|captures| captures.get(1).map(|group| group.range())).collect()
    };
    let mut found: Vec<Found> = ranges(&TAKE).into_iter().map(|range| (range, strings(&[""]))).collect();
    found.extend(ranges(&LIST).into_iter().chain(ranges(&BUT)).map(|range| (range, strings(&[","]))));
    found
}

/// Colons and semicolons between a word and a space.
fn colons(text: &str) -> Vec<Found> {
    static MARK: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\p{L}([:;]) +\S").ok());
    let captures = MARK.iter().flat_map(|pattern| pattern.captures_iter(text));
    let marks = captures.filter_map(|captures| captures.get(1));
    marks.map(|mark| (mark.range(), vec![format!(" {}", mark.as_str())])).collect()
}

/// Listed contractions, without their apostrophe.
fn contractions(text: &ProtectedText, data: &PunctuationData) -> Vec<Found> {
    let mut found = Vec::new();
    for word in text.words() {
        let written = text.slice(&word);
        let Some(at) = written.find(['\'', '’']) else { continue };
        let straight = written.to_lowercase().replace('’', "'");
        if data.contractions.contains(&straight) {
            let mark = written.get(at..).and_then(|tail| tail.chars().next()).map_or(1, char::len_utf8);
            let range = word.start + at..word.start + at + mark;
            found.push((range, strings(&[""])));
        }
    }
    found
}
