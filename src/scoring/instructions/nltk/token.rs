//! Tokens as Punkt cuts and reads them.

use std::sync::LazyLock;

use regex::Regex;

use super::punkt::ends_word;

/// A token with its annotations.
#[derive(Debug)]
pub(super) struct Token<'a> {
    /// As it stands in the text; never empty.
    pub(super) text: &'a str,
    /// In lower case, a number as [`Token::NUMBER`].
    kind: String,
    pub(super) is_abbreviation: bool,
    pub(super) is_ellipsis: bool,
    pub(super) ends_sentence: bool,
}

/// Numbers; compiled once, and checked by a test.
static NUMERIC: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^-?[.,]?\d[\d,.\-]*\.?$").ok());
/// One letter and a period.
static INITIAL: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[^\W\d]\.$").ok());

fn matches(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

impl<'a> Token<'a> {
    /// The kind of all numbers.
    pub(super) const NUMBER: &'static str = "##number##";

    pub(super) fn new(text: &'a str) -> Self {
        let lower = text.to_lowercase();
        let kind = if matches(&NUMERIC, &lower) { Self::NUMBER.to_owned() } else { lower };
        Self { text, kind, is_abbreviation: false, is_ellipsis: false, ends_sentence: false }
    }

    pub(super) fn kind_without_period(&self) -> &str {
        self.kind.strip_suffix('.').filter(|stem| !stem.is_empty()).unwrap_or(&self.kind)
    }

    pub(super) fn kind_without_sentence_period(&self) -> &str {
        if self.ends_sentence { self.kind_without_period() } else { &self.kind }
    }

    pub(super) fn is_initial(&self) -> bool {
        matches(&INITIAL, self.text)
    }

    pub(super) fn first_upper(&self) -> bool {
        self.text.chars().next().is_some_and(char::is_uppercase)
    }

    pub(super) fn first_lower(&self) -> bool {
        self.text.chars().next().is_some_and(char::is_lowercase)
    }

    pub(super) fn mark_abbreviation(&mut self) {
        self.is_abbreviation = true;
        self.ends_sentence = false;
    }
}

/// Where the token at the head of `text` ends; `text` is not empty and begins with no white space.
pub(super) fn word_end(text: &str) -> usize {
    if let Some(length) = multiple_mark(text) {
        return length;
    }
    let mut characters = text.char_indices();
    let first = characters.next().map_or(0, |(_, first)| first.len_utf8());
    if text.starts_with(['(', '"', '`', '{', '[', ':', ';', '&', '#', '*', '@', ')', '}', ']', '-', ',']) {
        return first;
    }
    let ends = |place: usize| {
        let rest = text.get(place..).unwrap_or_default();
        word_stops(rest) || rest.strip_prefix(',').is_some_and(word_stops)
    };
    characters.map(|(place, _)| place).find(|place| ends(*place)).unwrap_or(text.len())
}

/// Whether a word ends before `rest`.
fn word_stops(rest: &str) -> bool {
    rest.chars().next().is_none_or(|next| next.is_whitespace() || ends_word(next)) || multiple_mark(rest).is_some()
}

/// Length of a run of hyphens or periods at the head, or of periods with a white space between each two.
fn multiple_mark(text: &str) -> Option<usize> {
    let run = |mark: char| text.len() - text.trim_start_matches(mark).len();
    match text.as_bytes() {
        [b'-', b'-', ..] => Some(run('-')),
        [b'.', b'.', ..] => Some(run('.')),
        [b'.', ..] => spaced_periods(text),
        _ => None,
    }
}

fn spaced_periods(text: &str) -> Option<usize> {
    let mut ends = Vec::new();
    let mut rest = text;
    while let Some(tail) = rest.strip_prefix('.') {
        ends.push(text.len() - tail.len());
        let mut characters = tail.chars();
        if !characters.next().is_some_and(char::is_whitespace) {
            break;
        }
        rest = characters.as_str();
    }
    ends.last().copied().filter(|_| ends.len() > 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(mut text: &str) -> Vec<&str> {
        let mut tokens = Vec::new();
        while !text.is_empty() {
            let (token, rest) = text.split_at(word_end(text));
            tokens.push(token);
            text = rest.trim_start();
        }
        tokens
    }

    /// Expectations are those of NLTK 3.10.4's `PunktLanguageVars().word_tokenize`.
    #[test]
    fn tokens_are_those_of_nltk() {
        assert_eq!(
            cut("Mr. O'Neil's \"50,000.5\" -- etc... so, a,b"),
            ["Mr.", "O", "'Neil", "'s", "\"", "50,000.5", "\"", "--", "etc", "...", "so", ",", "a,b"]
        );
        assert_eq!(cut(". . . x . . y -a ,"), [". . .", "x", ".", ".", "y", "-", "a", ","]);
        assert_eq!(cut("end.) “quoted.”"), ["end.", ")", "“quoted.", "”"]);
    }

    #[test]
    fn numbers_are_of_one_kind_and_initials_are_one_letter() {
        for text in ["5", "-3.5", ".5", "1,000.", "1-2", "٣."] {
            assert_eq!(Token::new(text).kind, Token::NUMBER, "{text}");
        }
        assert_eq!(Token::new("5th").kind, "5th");
        assert!(Token::new("J.").is_initial() && !Token::new("Jr.").is_initial() && !Token::new("5.").is_initial());
        assert_eq!(Token::new(".").kind_without_period(), ".");
    }
}
