//! Where a reply affirms a phrase.

use super::dismissal;
use super::words::{Token, tokens};

/// A phrase as words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Phrase(Vec<String>);

impl Phrase {
    /// Reads a phrase; `None` if it has no word.
    pub(super) fn new(text: &str) -> Option<Self> {
        let words: Vec<String> = tokens(text).iter().filter_map(Token::word).map(str::to_owned).collect();
        (!words.is_empty()).then_some(Self(words))
    }
}

/// A place in a reply where a phrase stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    /// First token.
    pub(super) begin: usize,
    /// Past the last token.
    pub(super) end: usize,
}

impl Span {
    /// Whether it lies in the other span.
    pub(super) fn is_within(self, other: Self) -> bool {
        other.begin <= self.begin && self.end <= other.end
    }
}

/// A reply with what it dismisses.
pub(super) struct Mentions {
    tokens: Vec<Token>,
    dismissed: Vec<bool>,
}

impl Mentions {
    /// Reads a reply.
    pub(super) fn of(reply: &str) -> Self {
        let tokens = tokens(reply);
        let dismissed = dismissal::dismissed(&tokens);
        Self { tokens, dismissed }
    }

    /// Where the phrase is affirmed, first to last.
    pub(super) fn affirmed(&self, phrase: &Phrase) -> Vec<Span> {
        let length = phrase.0.len();
        let begins = 0..(self.tokens.len() + 1).saturating_sub(length);
        let spans = begins.map(|begin| Span { begin, end: begin + length });
        spans.filter(|span| self.stands_at(phrase, *span) && !self.is_dismissed(*span)).collect()
    }

    /// Numbers that are affirmed, in digits, first to last. Of ordinals those that a word follows or that end a sentence
    /// ("the 7th floor"), but `first`, which mostly counts nothing.
    pub(super) fn numbers(&self) -> Vec<&str> {
        let number = |place: usize| {
            let word = self.tokens.get(place)?.word()?;
            let digits = word.trim_end_matches(char::is_alphabetic);
            let is_number = digits.starts_with(|c: char| c.is_ascii_digit()) && !digits.contains(':');
            let counts = digits == word || (word != "1st" && self.tokens.get(place + 1) != Some(&Token::Pause));
            (is_number && counts && self.dismissed.get(place) == Some(&false)).then_some(digits)
        };
        (0..self.tokens.len()).filter_map(number).collect()
    }

    /// The first words, up to `count`.
    pub(super) fn first_words(&self, count: usize) -> Vec<&str> {
        self.tokens.iter().filter_map(Token::word).take(count).collect()
    }

    fn stands_at(&self, phrase: &Phrase, span: Span) -> bool {
        let place = self.tokens.get(span.begin..span.end).unwrap_or_default();
        place.len() == phrase.0.len()
            && place.iter().zip(&phrase.0).all(|(token, word)| token.word().is_some_and(|found| same(found, word)))
    }

    fn is_dismissed(&self, span: Span) -> bool {
        self.dismissed.get(span.begin..span.end).is_some_and(|flags| flags.contains(&true))
    }
}

/// Whether two words are equal but for a plural ending.
fn same(found: &str, wanted: &str) -> bool {
    let plural = |one: &str, many: &str| {
        one.chars().count() >= 3
            && one.chars().all(char::is_alphabetic)
            && many.strip_prefix(one).is_some_and(|ending| ending == "s" || ending == "es")
    };
    found == wanted || plural(found, wanted) || plural(wanted, found)
}
