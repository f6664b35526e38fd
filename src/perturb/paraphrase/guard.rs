//! Guards: what may stand before and after a word for a substitution to be safe.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::text::Passage;

/// Named groups of words, usable in guards as `@name`.
pub(super) type Classes = BTreeMap<String, BTreeSet<String>>;

/// What stands in a neighbour's place where it is no word of the same sentence.
pub(super) const MARKERS: [&str; 4] = ["<start>", "<end>", "<punct>", "<number>"];

/// A guard as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GuardWire {
    pub after: Vec<String>,
    pub before: Vec<String>,
    pub not_after: Vec<String>,
    pub not_before: Vec<String>,
}

/// A guard with its classes spelled out. Empty lists ask nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Guard {
    after: BTreeSet<String>,
    before: BTreeSet<String>,
    not_after: BTreeSet<String>,
    not_before: BTreeSet<String>,
}

impl Guard {
    /// Spells the classes out; an unknown class or marker is an error that names it.
    pub(super) fn new(wire: &GuardWire, classes: &Classes) -> Result<Self, String> {
        Ok(Self {
            after: spelled_out(&wire.after, classes)?,
            before: spelled_out(&wire.before, classes)?,
            not_after: spelled_out(&wire.not_after, classes)?,
            not_before: spelled_out(&wire.not_before, classes)?,
        })
    }

    /// Whether words `first..=last` of the passage have the neighbours that the guard asks for.
    pub(super) fn admits(&self, passage: &Passage, first: usize, last: usize) -> bool {
        let (before, after) = (previous(passage, first), next(passage, last));
        (self.after.is_empty() || self.after.contains(&before))
            && (self.before.is_empty() || self.before.contains(&after))
            && !self.not_after.contains(&before)
            && !self.not_before.contains(&after)
    }

    /// The same guard for every context: two of them clash on one head.
    pub(super) fn asks_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// The words that a list of words and `@class` names stands for.
pub(super) fn spelled_out(items: &[String], classes: &Classes) -> Result<BTreeSet<String>, String> {
    let mut words = BTreeSet::new();
    for item in items {
        if let Some(name) = item.strip_prefix('@') {
            let class =
                classes.get(name).ok_or_else(|| format!("unknown class `@{name}`; define it under [classes]"))?;
            words.extend(class.iter().cloned());
        } else if item.starts_with('<') && !MARKERS.contains(&item.as_str()) {
            return Err(format!("unknown marker `{item}`; there are {}", MARKERS.join(", ")));
        } else {
            words.insert(item.to_lowercase());
        }
    }
    Ok(words)
}

fn previous(passage: &Passage, word: usize) -> String {
    let starts = passage.sentence_of(word).is_none_or(|sentence| sentence.words.start == word);
    match word.checked_sub(1).filter(|_| !starts) {
        None => "<start>".to_owned(),
        Some(before) => neighbour(passage, before, passage.gap_after(before)),
    }
}

fn next(passage: &Passage, word: usize) -> String {
    let ends = passage.sentence_of(word).is_none_or(|sentence| sentence.words.end == word + 1);
    if ends { "<end>".to_owned() } else { neighbour(passage, word + 1, passage.gap_after(word)) }
}

fn neighbour(passage: &Passage, word: usize, gap: &str) -> String {
    let lower = passage.words.get(word).map_or("", |word| word.lower.as_str());
    if gap.chars().any(|c| !c.is_whitespace()) {
        "<punct>".to_owned()
    } else if lower.starts_with(|c: char| c.is_ascii_digit()) {
        "<number>".to_owned()
    } else {
        lower.to_owned()
    }
}
