//! Words and phrases that stand for each other, with the contexts in which they do.

use std::collections::BTreeMap;
use std::ops::Range;

use super::guard::Guard;
use super::text::{Passage, Word, capitalised, takes_an};

/// One source form with what may stand in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Lower-case words.
    pub head: Vec<String>,
    /// What may replace it.
    pub alternatives: Vec<String>,
    /// The set's guard.
    pub guard: Guard,
    /// The guard of its inflection.
    pub inflection_guard: Guard,
    /// Where it is written, for people.
    pub origin: String,
}

/// All entries, by the first word of their heads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lexicon {
    /// Entries by first word, longer heads first.
    pub by_first: BTreeMap<String, Vec<Entry>>,
    /// Fixed expressions whose words may change only together.
    pub idioms: Vec<Vec<String>>,
}

/// A place where an entry applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Bytes of the passage, an article before it included where it may have to change.
    pub range: Range<usize>,
    /// What may stand there.
    pub replacements: Vec<String>,
}

impl Lexicon {
    /// Every place of the passage where something may be replaced; candidates do not overlap.
    pub(super) fn candidates(&self, passage: &Passage) -> Vec<Candidate> {
        let bound = self.bound_by_idioms(passage);
        let mut candidates: Vec<Candidate> = Vec::new();
        let mut word = 0;
        while word < passage.words.len() {
            match self.candidate_at(passage, word, &bound) {
                Some((candidate, words)) => {
                    if candidates.last().is_none_or(|last| last.range.end <= candidate.range.start) {
                        candidates.push(candidate);
                    }
                    word += words;
                }
                None => word += 1,
            }
        }
        candidates
    }

    /// For each word, how many words the fixed expression has that it belongs to.
    fn bound_by_idioms(&self, passage: &Passage) -> Vec<usize> {
        let mut bound = vec![0; passage.words.len()];
        for idiom in &self.idioms {
            for start in 0..passage.words.len() {
                if is_at(passage, start, idiom) {
                    for length in bound.iter_mut().skip(start).take(idiom.len()) {
                        *length = (*length).max(idiom.len());
                    }
                }
            }
        }
        bound
    }

    fn candidate_at(&self, passage: &Passage, start: usize, bound: &[usize]) -> Option<(Candidate, usize)> {
        let first = passage.words.get(start)?;
        let entries = self.by_first.get(&first.lower)?;
        entries.iter().find_map(|entry| {
            let length = entry.head.len();
            let words = passage.words.get(start..start + length)?;
            let free = bound.get(start..start + length)?.iter().all(|idiom| *idiom <= length);
            let last = start + length - 1;
            let fits = free
                && is_at(passage, start, &entry.head)
                && words.iter().all(|word| word.open)
                && has_plain_case(passage, start, words)
                && entry.guard.admits(passage, start, last)
                && entry.inflection_guard.admits(passage, start, last);
            let candidate = fits.then(|| entry.candidate(passage, start, words)).flatten()?;
            Some((candidate, length))
        })
    }
}

impl Entry {
    fn candidate(&self, passage: &Passage, start: usize, words: &[Word]) -> Option<Candidate> {
        let range = words.first()?.range.start..words.last()?.range.end;
        let original = passage.slice(range.clone());
        let upper = original.starts_with(char::is_uppercase);
        let article = article_before(passage, start);
        let curly = passage.text.contains('\u{2019}');
        let from = article.filter(|article| article.open).map_or(range.start, |article| article.range.start);
        let mut replacements = Vec::with_capacity(self.alternatives.len());
        for alternative in &self.alternatives {
            let mut text = if upper { capitalised(alternative) } else { alternative.clone() };
            if curly {
                text = text.replace('\'', "\u{2019}");
            }
            if let Some(article) = article {
                if ["a ", "an ", "the "].iter().any(|start| text.starts_with(start)) {
                    continue;
                }
                let written = passage.slice(article.range.clone());
                let fitting = fitting_article(written, &text);
                if !article.open && fitting != written {
                    continue;
                }
                if article.open {
                    text = format!("{fitting} {text}");
                }
            }
            replacements.push(text);
        }
        let changes = !replacements.is_empty();
        changes.then_some(Candidate { range: from..range.end, replacements })
    }
}

/// `a` or `an`, in the case in which it was written.
fn fitting_article(written: &str, next: &str) -> &'static str {
    match (written.starts_with('A'), takes_an(next)) {
        (true, true) => "An",
        (true, false) => "A",
        (false, true) => "an",
        (false, false) => "a",
    }
}

fn article_before(passage: &Passage, word: usize) -> Option<&Word> {
    let before = word.checked_sub(1)?;
    let article = passage.words.get(before)?;
    let is_article = matches!(article.lower.as_str(), "a" | "an");
    (is_article && passage.gap_after(before) == " ").then_some(article)
}

/// Whether these words stand at `start`, one space apart, in one sentence.
fn is_at(passage: &Passage, start: usize, head: &[String]) -> bool {
    head.iter().enumerate().all(|(offset, expected)| {
        let at = start + offset;
        let spaced = offset == 0 || passage.gap_after(at - 1) == " ";
        spaced && passage.words.get(at).is_some_and(|word| word.lower == *expected)
    })
}

/// Lower case throughout, but for the first letter of a sentence and for `I`: names and emphasis stay.
fn has_plain_case(passage: &Passage, start: usize, words: &[Word]) -> bool {
    let starts = passage.sentence_of(start).is_some_and(|sentence| sentence.words.start == start);
    words.iter().enumerate().all(|(offset, word)| {
        let text = passage.slice(word.range.clone());
        let mut letters = text.chars();
        let first_upper = letters.next().is_some_and(char::is_uppercase);
        let pronoun = text == "I" || text.starts_with("I'") || text.starts_with("I\u{2019}");
        !letters.any(char::is_uppercase) && (!first_upper || pronoun || (offset == 0 && starts))
    })
}
