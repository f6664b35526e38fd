//! Python's `re` with its Unicode classes: `\w` is a letter, a number or `_` (no combining mark), `\s` includes the four
//! information separators, and `\b` lies between the two.
//!
//! [`Pattern`] translates the syntax; here the classes are spelled out. Left as Rust has it: `\W` and `\S` inside
//! brackets, where the two differ in combining marks and the information separators only.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::LazyLock;

use crate::scoring::{Pattern, PatternError};

/// A compiled pattern, searched with a limit on backtracking.
#[derive(Debug, Clone)]
pub(in super::super) struct Regex {
    pattern: Pattern,
}

/// Where a match and its groups lie, in bytes; the whole match comes first.
type Spans = Vec<Option<Range<usize>>>;

impl Regex {
    /// Compiles a pattern in Python's syntax; `flags` are the letters of `(?flags)`: `i`, `m`, `s` or none.
    pub(in super::super) fn new(flags: &str, python: &str) -> Result<Self, PatternError> {
        let head = if flags.is_empty() { String::new() } else { format!("(?{flags})") };
        Pattern::new(&(head + &spell_out(python, flags.contains('i')))).map(|pattern| Self { pattern }).map_err(
            |error| match error {
                PatternError::Invalid { reason, .. } => PatternError::Invalid { pattern: python.to_owned(), reason },
                given_up @ PatternError::GivenUp { .. } => given_up,
            },
        )
    }

    /// `bool(re.search(...))`.
    pub(in super::super) fn is_match(&self, text: &str) -> Result<bool, PatternError> {
        Ok(!self.spans(text, 1)?.is_empty())
    }

    /// `len(re.findall(...))`.
    pub(in super::super) fn count(&self, text: &str) -> Result<usize, PatternError> {
        Ok(self.spans(text, 0)?.len())
    }

    /// The matches as a whole, whatever groups the pattern has.
    pub(in super::super) fn find_all<'t>(&self, text: &'t str) -> Result<Vec<&'t str>, PatternError> {
        self.find_group(text, 0)
    }

    /// What a group holds in each match; empty where it took no part.
    pub(in super::super) fn find_group<'t>(&self, text: &'t str, group: usize) -> Result<Vec<&'t str>, PatternError> {
        let matches = self.spans(text, 0)?;
        let held = matches.into_iter().map(|spans| spans.get(group).cloned().flatten());
        Ok(held.map(|span| span.and_then(|span| text.get(span)).unwrap_or_default()).collect())
    }

    /// `re.split(...)`: the pieces between matches and, where the pattern has groups, what they hold.
    pub(in super::super) fn split<'t>(&self, text: &'t str) -> Result<Vec<&'t str>, PatternError> {
        let mut pieces = Vec::new();
        let mut from = 0;
        for spans in self.spans(text, 0)? {
            let mut spans = spans.into_iter();
            let Some(whole) = spans.next().flatten() else { continue };
            pieces.push(text.get(from..whole.start).unwrap_or_default());
            pieces.extend(spans.map(|span| span.and_then(|span| text.get(span)).unwrap_or_default()));
            from = whole.end;
        }
        pieces.push(text.get(from..).unwrap_or_default());
        Ok(pieces)
    }

    /// Where the first `limit` matches lie; 0 is all.
    fn spans(&self, text: &str, limit: usize) -> Result<Vec<Spans>, PatternError> {
        let found = RefCell::new(Vec::new());
        self.pattern.replace_in(text, limit, usize::MAX, |captures, _| {
            let groups = captures.iter().map(|group| group.map(|group| group.start()..group.end()));
            found.borrow_mut().push(groups.collect::<Spans>());
        })?;
        Ok(found.into_inner())
    }
}

/// The same pattern with Python's classes spelled out. Where case is ignored, Python holds `i`, `I`, `İ` and `ı` to be the same
/// letter, which Rust does not; inside brackets this is left as Rust has it.
fn spell_out(python: &str, ignore_case: bool) -> String {
    let mut out = String::with_capacity(python.len() + 16);
    let mut characters = python.chars();
    // Characters since the bracket that began a class; `None` outside of one.
    let mut in_class: Option<usize> = None;
    while let Some(character) = characters.next() {
        match (character, in_class) {
            ('\\', _) => {
                match (characters.next(), in_class.is_some()) {
                    (Some('w'), false) => out.push_str(r"[\pL\pN_]"),
                    (Some('W'), false) => out.push_str(r"[^\pL\pN_]"),
                    (Some('s'), false) => out.push_str(r"[\s\x1c-\x1f]"),
                    (Some('S'), false) => out.push_str(r"[^\s\x1c-\x1f]"),
                    (Some('b'), false) => out.push_str(BOUNDARY),
                    (Some('B'), false) => out.push_str(NO_BOUNDARY),
                    (Some('w'), true) => out.push_str(r"\pL\pN_"),
                    (Some('s'), true) => out.push_str(r"\s\x1c-\x1f"),
                    (Some(other), _) => out.extend(['\\', other]),
                    (None, _) => out.push('\\'),
                }
                in_class = in_class.map(|place| place + 1);
                continue;
            }
            ('(', None) => {
                out.push('(');
                let head = group_head(characters.as_str());
                out.extend(characters.by_ref().take(head));
                continue;
            }
            ('i' | 'I' | 'İ' | 'ı', None) if ignore_case => {
                out.push_str("[iIİı]");
                continue;
            }
            ('[', None) => in_class = Some(0),
            ('^', Some(0)) => {}
            (']', Some(place)) if place > 0 => in_class = None,
            (_, place) => in_class = place.map(|place| place + 1),
        }
        out.push(character);
    }
    out
}

/// Characters that say what kind of group begins here; `rest` is what follows the parenthesis.
fn group_head(rest: &str) -> usize {
    if !rest.starts_with('?') {
        return 0;
    }
    let last: &[char] = if rest.starts_with("?P=") { &[')'] } else { &[':', '=', '!', '>', ')'] };
    rest.chars().position(|character| last.contains(&character)).map_or(0, |place| place + 1)
}

const BOUNDARY: &str = r"(?:(?<=[\pL\pN_])(?![\pL\pN_])|(?<![\pL\pN_])(?=[\pL\pN_]))";
const NO_BOUNDARY: &str = r"(?:(?<=[\pL\pN_])(?=[\pL\pN_])|(?<![\pL\pN_])(?![\pL\pN_]))";

/// Runs of `\w`; compiled once, and checked by a test.
static WORD: LazyLock<Option<::regex::Regex>> = LazyLock::new(|| ::regex::Regex::new(r"[\pL\pN_]+").ok());

/// `re.findall(r"\w+", text)`.
pub(in super::super) fn words(text: &str) -> impl Iterator<Item = &str> {
    WORD.iter().flat_map(move |word| word.find_iter(text).map(|found| found.as_str()))
}

/// `len(re.findall(r"\w+", text))`.
pub(in super::super) fn word_count(text: &str) -> usize {
    words(text).count()
}

/// Whether `\w` matches this character.
pub(in super::super) fn is_word_character(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || character == '_';
    }
    let mut bytes = [0; 4];
    WORD.as_ref().is_some_and(|word| word.is_match(character.encode_utf8(&mut bytes)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Expectations are those of CPython 3.11's `re.findall`.
    #[test]
    fn classes_are_those_of_python() {
        for (flags, pattern, text, found) in [
            ("", r"\w+", "नमस्ते a\u{301}b x² _", &["नमस", "त", "a", "b", "x²", "_"][..]),
            ("", r"\s+", "a\u{1c}\u{85} b", &["\u{1c}\u{85} "]),
            ("i", r"\bcat\b", "Cat concat cat's CAT\u{301}", &["Cat", "cat", "CAT"]),
            ("m", r"^\s*-.*$", "- a\n\n -b\nc", &["- a", "\n -b"]),
            ("", r"[\w-]+", "a-b c", &["a-b", "c"]),
            ("", r"[^]\s]+", "a]b c", &["a", "b", "c"]),
            ("", r"\Bb", "ab b", &["b"]),
            ("", r"[][]", "a[b]", &["[", "]"]),
            ("i", "(?P<first>I)k", "İK ık", &["İK", "ık"]),
            ("", r"\.\d{2}", "1.25 ٣.٤٥", &[".25", ".٤٥"]),
        ] {
            assert_eq!(Regex::new(flags, pattern).unwrap().find_all(text).unwrap(), found, "{pattern}");
        }
    }

    /// Expectations are those of CPython 3.11's `re.split`.
    #[test]
    fn splitting_keeps_groups_as_python_does() {
        let split = |pattern: &str, text: &'static str| Regex::new("", pattern).unwrap().split(text).unwrap();
        assert_eq!(split(r"\s?\*\*\*\s?", "a *** b***"), ["a", "b", ""]);
        assert_eq!(split("(-)|x", "a-bxc"), ["a", "-", "b", "", "c"]);
        assert_eq!(split("x*", "axb"), ["", "a", "", "b", ""]);
    }

    #[test]
    fn words_are_counted_and_a_hostile_pattern_is_given_up() {
        assert_eq!((word_count("It's a well-known fact, 3.5 times."), word_count(" ... ")), (9, 0));
        assert!(is_word_character('é') && is_word_character('_') && !is_word_character('\u{301}'));
        let hostile = Regex::new("i", r"^(?:(?=a)a|a|aa)+(?=b)").unwrap();
        assert!(matches!(hostile.is_match(&"a".repeat(60)), Err(PatternError::GivenUp { .. })));
        let error = Regex::new("i", "(").unwrap_err().to_string();
        assert!(error.contains("\"(\""), "{error}");
    }
}
