//! Words and sentences of a passage, with what of it may change.

use std::ops::Range;

/// A word: letters and digits, with apostrophes and hyphens inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// Bytes of the passage.
    pub range: Range<usize>,
    /// Lower case, with straight apostrophes.
    pub lower: String,
    /// Whether it may change.
    pub open: bool,
}

/// A sentence or, where a line break cuts it off, a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sentence {
    /// First byte that is not white space.
    pub start: usize,
    /// End without the punctuation that ends it.
    pub body_end: usize,
    /// End with it.
    pub end: usize,
    /// Indices of its words.
    pub words: Range<usize>,
}

/// A stretch of running text that may be reworded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Passage {
    /// The text.
    pub text: String,
    /// Its words in order.
    pub words: Vec<Word>,
    /// Its sentences in order.
    pub sentences: Vec<Sentence>,
    /// What may not change, in order and without overlaps.
    pub closed: Vec<Range<usize>>,
}

/// Words that end in a period without ending a sentence.
const ABBREVIATIONS: [&str; 25] = [
    "mr", "mrs", "ms", "dr", "prof", "st", "vs", "etc", "fig", "no", "vol", "jr", "sr", "inc", "ltd", "co", "corp",
    "e.g", "i.e", "approx", "gen", "sen", "rep", "eq", "cf",
];

impl Passage {
    /// Splits a text into words and sentences.
    pub(super) fn new(text: &str, closed: Vec<Range<usize>>) -> Self {
        let closed = merged(closed, text.len());
        let words = words_of(text, &closed);
        let sentences = sentences_of(text, &words, &closed);
        Self { text: text.to_owned(), words, sentences, closed }
    }

    /// The text of a range; empty for a range that is none.
    pub(super) fn slice(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    /// The text between a word and the one after it.
    pub(super) fn gap_after(&self, index: usize) -> &str {
        match (self.words.get(index), self.words.get(index + 1)) {
            (Some(left), Some(right)) => self.slice(left.range.end..right.range.start),
            _ => "",
        }
    }

    /// The sentence that a word belongs to.
    pub(super) fn sentence_of(&self, word: usize) -> Option<&Sentence> {
        self.sentences.iter().find(|sentence| sentence.words.contains(&word))
    }
}

/// Sorted, clipped to the text and without overlaps.
pub(super) fn merged(mut ranges: Vec<Range<usize>>, length: usize) -> Vec<Range<usize>> {
    ranges.retain(|range| range.start < range.end && range.end <= length);
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

fn overlaps(ranges: &[Range<usize>], range: &Range<usize>) -> bool {
    let after = ranges.partition_point(|known| known.end <= range.start);
    ranges.get(after).is_some_and(|known| known.start < range.end)
}

fn is_inner(c: char) -> bool {
    matches!(c, '\'' | '\u{2019}' | '-')
}

fn words_of(text: &str, closed: &[Range<usize>]) -> Vec<Word> {
    let mut words = Vec::new();
    let mut start = None;
    let mut letters = text.char_indices().peekable();
    while let Some((at, c)) = letters.next() {
        let next_is_letter = letters.peek().is_some_and(|(_, next)| next.is_alphanumeric());
        let inside = c.is_alphanumeric() || (start.is_some() && is_inner(c) && next_is_letter);
        match (inside, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                words.push(from..at);
                start = None;
            }
            _ => {}
        }
    }
    words.extend(start.map(|from| from..text.len()));
    let word = |range: Range<usize>| Word {
        lower: text.get(range.clone()).unwrap_or_default().to_lowercase().replace('\u{2019}', "'"),
        open: !overlaps(closed, &range),
        range,
    };
    words.into_iter().map(word).collect()
}

fn sentences_of(text: &str, words: &[Word], closed: &[Range<usize>]) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        let breaks = c == '\n' || (matches!(c, '.' | '?' | '!') && ends_sentence(text, start, at, closed));
        if breaks {
            sentences.extend(sentence(text, start..end, words));
            start = end;
        }
    }
    sentences.extend(sentence(text, start..text.len(), words));
    sentences
}

/// Whether the mark at `at` ends the sentence that began at `start`.
fn ends_sentence(text: &str, start: usize, at: usize, closed: &[Range<usize>]) -> bool {
    if overlaps(closed, &(at..at + 1)) {
        return false;
    }
    let tail = text.get(at + 1..).unwrap_or_default();
    let space = tail.len() - tail.trim_start().len();
    if space == 0 && !tail.is_empty() {
        return false;
    }
    if tail.trim_start().starts_with(char::is_lowercase) {
        return false;
    }
    let head = text.get(start..at).unwrap_or_default();
    let last = head.rsplit(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default();
    let initial = last.chars().count() == 1 && last.chars().all(char::is_uppercase) && last != "I";
    let is_period = text.get(at..=at) == Some(".");
    !(is_period && (initial || ABBREVIATIONS.contains(&last.to_lowercase().as_str())))
}

fn sentence(text: &str, range: Range<usize>, words: &[Word]) -> Option<Sentence> {
    let whole = text.get(range.clone())?;
    let start = range.start + (whole.len() - whole.trim_start().len());
    let end = start + whole.trim().len();
    let body = text.get(start..end)?.trim_end_matches(['.', '?', '!', ':', ' ']);
    let first = words.partition_point(|word| word.range.start < start);
    let last = words.partition_point(|word| word.range.start < end);
    (first < last).then(|| Sentence { start, body_end: start + body.len(), end, words: first..last })
}

/// Whether a word is said with a vowel first, so that `an` goes before it.
pub(super) fn takes_an(word: &str) -> bool {
    const SILENT_H: [&str; 4] = ["hour", "honest", "honor", "heir"];
    const CONSONANT_SOUND: [&str; 9] = ["uni", "use", "usa", "usu", "eu", "one", "once", "ubi", "uto"];
    let lower = word.to_lowercase();
    let exception = |list: &[&str]| list.iter().any(|start| lower.starts_with(start));
    if lower.starts_with("unin") || lower.starts_with("unim") {
        return true;
    }
    exception(&SILENT_H) || (lower.starts_with(['a', 'e', 'i', 'o', 'u']) && !exception(&CONSONANT_SOUND))
}

/// The text with its first letter in upper case.
pub(super) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The text with its first letter in lower case.
pub(super) fn uncapitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_at_marks_and_line_breaks_but_not_at_abbreviations_or_decimals() {
        let text = "Mr. Hill paid 3.5 dollars, e.g. for tea. Did he? No\nWhy not:";
        let passage = Passage::new(text, Vec::new());
        let bodies = passage.sentences.iter().map(|s| passage.slice(s.start..s.body_end)).collect::<Vec<_>>();
        assert_eq!(bodies, ["Mr. Hill paid 3.5 dollars, e.g. for tea", "Did he", "No", "Why not"]);
    }

    #[test]
    fn words_keep_apostrophes_and_hyphens_and_know_what_is_closed() {
        let passage = Passage::new("Don’t re-write 'x'.", std::iter::once(17..20).collect());
        let words = passage.words.iter().map(|w| (w.lower.as_str(), w.open)).collect::<Vec<_>>();
        assert_eq!(words, [("don't", true), ("re-write", true), ("x", false)]);
    }

    #[test]
    fn the_article_follows_the_sound_not_the_letter() {
        for word in ["apple", "hour", "honest", "uninteresting", "example", "umbrella", "unimportant"] {
            assert!(takes_an(word), "{word}");
        }
        for word in ["use", "unique", "one", "European", "house", "university", "text"] {
            assert!(!takes_an(word), "{word}");
        }
    }
}
