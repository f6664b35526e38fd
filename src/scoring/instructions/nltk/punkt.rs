//! NLTK's English sentence tokenizer: Punkt (Kiss and Strunk 2006, *Unsupervised Multilingual Sentence Boundary
//! Detection*, Computational Linguistics 32), with the parameters that NLTK ships for English and the computation of
//! NLTK 3.10.
//!
//! A candidate is `.`, `?` or `!` before other punctuation or before white space and a further word. The word that it ends
//! and what follows are cut into tokens, annotated by type (abbreviation, ellipsis, break) and then by context
//! (collocation, orthography of the next word, frequent sentence starter, initial, ordinal). Closing quotes and brackets
//! after a break belong to the sentence that they end.

use std::ops::Range;
use std::sync::LazyLock;

use punkt_n::TrainingData;

use super::token::{Token, word_end};
use crate::scoring::is_space;

/// The English parameters, read once. They equal NLTK's `punkt_tab/english`.
static ENGLISH: LazyLock<TrainingData> = LazyLock::new(TrainingData::english);

/// Flags of an orthographic context, as the parameters hold them: where in a sentence a word occurred, and in which case.
const MIDDLE_UPPER: u8 = 1 << 2;
const UPPER: u8 = 1 << 1 | 1 << 2 | 1 << 3;
const BEGINNING_LOWER: u8 = 1 << 4;
const LOWER: u8 = 1 << 4 | 1 << 5 | 1 << 6;

/// `nltk.sent_tokenize(text)`.
pub(in super::super) fn sent_tokenize(text: &str) -> Vec<&str> {
    realigned(text, &sentences(text))
        .into_iter()
        .map(|range| text.get(range).unwrap_or_default())
        .filter(|sentence| !sentence.is_empty())
        .collect()
}

/// Characters that end a word, besides white space.
pub(super) fn ends_word(character: char) -> bool {
    matches!(
        character,
        ')' | '"'
            | ';'
            | '}'
            | ']'
            | '*'
            | ':'
            | '@'
            | '\''
            | '('
            | '{'
            | '['
            | '‘'
            | '’'
            | '“'
            | '”'
            | '«'
            | '»'
            | '?'
            | '!'
    )
}

/// A place where a sentence may end.
#[derive(Debug, Clone)]
struct Candidate {
    /// Behind the mark.
    end: usize,
    /// Where the next sentence would begin.
    next: usize,
    /// The word that the mark ends, the mark, and what follows.
    context: Range<usize>,
}

/// All candidates whose word is not part of a later candidate's.
fn candidates(text: &str) -> Vec<Candidate> {
    let mut found = Vec::new();
    let mut previous: Option<Candidate> = None;
    let mut word = 0..0;
    for (place, mark) in text.char_indices().filter(|(_, character)| matches!(character, '.' | '?' | '!')) {
        let Some((next, context_end)) = follower(text, place + mark.len_utf8()) else { continue };
        let before = text.get(word.end..place).unwrap_or_default();
        let space = before.rfind([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']).filter(|index| *index > 0);
        let start = space.map_or(word.start, |index| word.end + index + 1);
        found.extend(previous.take().filter(|_| word.end <= start));
        word = start..place;
        previous = Some(Candidate { end: place + mark.len_utf8(), next, context: start..context_end });
    }
    found.extend(previous);
    found
}

/// What follows a mark that ends at `end`: where the next sentence would begin, and where the context ends.
fn follower(text: &str, end: usize) -> Option<(usize, usize)> {
    let rest = text.get(end..)?;
    let first = rest.chars().next()?;
    if ends_word(first) {
        return Some((end, end + first.len_utf8()));
    }
    let word = rest.trim_start_matches(char::is_whitespace);
    let skipped = rest.len() - word.len();
    if skipped == 0 || word.is_empty() {
        return None;
    }
    let length = word.find(char::is_whitespace).unwrap_or(word.len());
    Some((end + skipped, end + skipped + length))
}

/// The sentences before realignment. The last may be empty, or end before it begins.
fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for candidate in candidates(text) {
        if text.get(candidate.context.clone()).is_some_and(has_break) {
            found.push(start..candidate.end);
            start = candidate.next;
        }
    }
    found.push(start..text.trim_end_matches(is_space).len());
    found
}

/// Gives closing quotes and brackets at the head of a sentence to the one before.
fn realigned(text: &str, sentences: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut moved = 0;
    for (index, sentence) in sentences.iter().enumerate() {
        let sentence = sentence.start + moved..sentence.end;
        let next = sentences.get(index + 1);
        let closing = next.and_then(|next| Some((next.start, closing_length(text.get(next.clone())?)?)));
        let end = closing.map_or(sentence.end, |(start, (marks, _))| start + marks);
        moved = closing.map_or(0, |(_, (_, whole))| whole);
        found.push(sentence.start..end);
    }
    found
}

/// Bytes of the closing marks at the head of a sentence, and of these with the white space behind them.
fn closing_length(sentence: &str) -> Option<(usize, usize)> {
    let closes =
        |character: char| matches!(character, '"' | '\'' | ')' | ']' | '}' | '‘' | '’' | '“' | '”' | '«' | '»');
    let rest = sentence.trim_start_matches(closes);
    let marks = sentence.len() - rest.len();
    let space = rest.len() - rest.trim_start_matches(char::is_whitespace).len();
    (marks > 0 && (space > 0 || rest.is_empty() || rest.starts_with("--"))).then_some((marks, marks + space))
}

/// Whether a sentence ends within the text, before its last token.
fn has_break(text: &str) -> bool {
    let mut tokens = text.split('\n').flat_map(tokens_of_line).collect::<Vec<_>>();
    tokens.iter_mut().for_each(annotate_by_type);
    let mut rest = tokens.as_mut_slice();
    while let [first, tail @ ..] = rest {
        let Some(next) = tail.first() else { return false };
        annotate_by_context(first, next);
        if first.ends_sentence {
            return true;
        }
        rest = tail;
    }
    false
}

fn tokens_of_line(line: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = line.trim_start_matches(char::is_whitespace);
    while !rest.is_empty() {
        let (token, tail) = rest.split_at_checked(word_end(rest)).unwrap_or((rest, ""));
        tokens.push(Token::new(token));
        rest = tail.trim_start_matches(char::is_whitespace);
    }
    tokens
}

/// The first pass: what the token alone tells.
fn annotate_by_type(token: &mut Token<'_>) {
    let text = token.text;
    if matches!(text, "." | "?" | "!") {
        token.ends_sentence = true;
    } else if text.len() > 1 && text.bytes().all(|byte| byte == b'.') {
        token.is_ellipsis = true;
    } else if let Some(stem) = text.strip_suffix('.').filter(|stem| !stem.ends_with('.')) {
        let stem = stem.to_lowercase();
        let last = stem.rsplit('-').next().unwrap_or_default();
        token.is_abbreviation = ENGLISH.contains_abbrev(&stem) || ENGLISH.contains_abbrev(last);
        token.ends_sentence = !token.is_abbreviation;
    }
}

/// The second pass: what the next token tells.
fn annotate_by_context(token: &mut Token<'_>, next: &Token<'_>) {
    if !token.text.ends_with('.') {
        return;
    }
    let kind = token.kind_without_period();
    let next_kind = next.kind_without_sentence_period();
    let is_initial = token.is_initial();
    if ENGLISH.contains_collocation(kind, next_kind) {
        token.mark_abbreviation();
        return;
    }
    let starts = starts_sentence(next, next_kind);
    let starter = next.first_upper() && ENGLISH.contains_sentence_starter(next_kind);
    if (token.is_abbreviation || token.is_ellipsis) && !is_initial && (starts == Some(true) || starter) {
        token.ends_sentence = true;
        return;
    }
    if !is_initial && kind != Token::NUMBER {
        return;
    }
    let never_lower = ENGLISH.get_orthographic_context(next_kind) & LOWER == 0;
    let name = starts.is_none() && is_initial && next.first_upper() && never_lower;
    if starts == Some(false) || name {
        token.mark_abbreviation();
    }
}

/// What the case of a token tells: whether it begins a sentence, if that can be told.
fn starts_sentence(token: &Token<'_>, kind: &str) -> Option<bool> {
    if matches!(token.text, ";" | ":" | "," | "." | "!" | "?") {
        return Some(false);
    }
    let seen = ENGLISH.get_orthographic_context(kind);
    if token.first_upper() && seen & LOWER != 0 && seen & MIDDLE_UPPER == 0 {
        return Some(true);
    }
    let lower_elsewhere = seen & UPPER != 0 || seen & BEGINNING_LOWER == 0;
    (token.first_lower() && lower_elsewhere).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expectations are those of NLTK 3.10.4's `sent_tokenize`.
    #[test]
    fn sentences_are_those_of_nltk() {
        for (text, sentences) in SENTENCES {
            assert_eq!(sent_tokenize(text), *sentences, "{text:?}");
        }
    }

    const SENTENCES: &[(&str, &[&str])] = &[
        (
            "Dr. Smith met J. R. Tolkien at 5 p.m. on Jan. 3. They spoke.",
            &["Dr. Smith met J. R. Tolkien at 5 p.m. on Jan. 3.", "They spoke."],
        ),
        ("Prices rose 3.5 percent. In the U.S. they fell.", &["Prices rose 3.5 percent.", "In the U.S. they fell."]),
        (
            "\"Stop!\" he said. (It was late.) 'Why?' she asked.",
            &["\"Stop!\"", "he said.", "(It was late.)", "'Why?'", "she asked."],
        ),
        ("Wait... what? No. 5 is fine. . . . ok", &["Wait... what?", "No.", "5 is fine.", ".", ".", ".", "ok"]),
        ("One.Two.Three", &["One.Two.Three"]),
        ("It cost $5. the end. Mr. The", &["It cost $5.", "the end.", "Mr.", "The"]),
        ("a.\n\nb! c?\n* d.", &["a.\n\nb!", "c?", "* d."]),
        ("She said “Go.” Then left.", &["She said “Go.”", "Then left."]),
        ("", &[]),
        ("  \n ", &[]),
        ("See e.g. the list etc. The end.", &["See e.g.", "the list etc.", "The end."]),
        (" Lead. ?! Yes.", &[" Lead.", "?", "!", "Yes."]),
    ];

    #[test]
    fn hostile_text_is_cut_in_linear_time() {
        for piece in [".", "a.)", "! ", ". . ", "x.\"", "\n.", "(.", "-.-"] {
            assert!(!sent_tokenize(&piece.repeat(50_000)).is_empty(), "{piece:?}");
        }
    }
}
