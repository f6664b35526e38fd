//! Patterns in Python's `re` syntax.
//!
//! Task files carry Python patterns; `fancy-regex` reads nearly the same language. The differences that change what a
//! pattern means are translated: a `[` inside a character class is a plain character, `&` and `~` there have no special
//! meaning, `\b` there is a backspace, `$` also matches before a final line break, `\Z` is the very end, a brace that
//! begins no repetition is a plain character, and an escaped punctuation mark is that mark.

use fancy_regex::{Captures, Regex, RegexBuilder};
use thiserror::Error;

/// Steps of backtracking after which a match is given up.
pub const BACKTRACK_LIMIT: usize = 1_000_000;

/// Matches in one text after which a search is given up.
const MATCH_LIMIT: usize = 100_000;

/// A pattern that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    /// Not a pattern.
    #[error("the pattern {pattern:?} is not valid: {reason}; write it in Python's re syntax")]
    Invalid {
        /// The pattern, as the task gives it.
        pattern: String,
        /// What is wrong.
        reason: String,
    },
    /// The search was given up.
    #[error("the search for {pattern:?} was given up ({reason}): make the pattern simpler")]
    GivenUp {
        /// The pattern, as the task gives it.
        pattern: String,
        /// Which limit was reached.
        reason: String,
    },
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: String,
    regex: Regex,
}

impl Pattern {
    /// Compiles a pattern in Python's `re` syntax.
    pub fn new(python: &str) -> Result<Self, PatternError> {
        RegexBuilder::new(&translate(python))
            .backtrack_limit(BACKTRACK_LIMIT)
            .build()
            .map(|regex| Self { source: python.to_owned(), regex })
            .map_err(|error| PatternError::Invalid { pattern: python.to_owned(), reason: error.to_string() })
    }

    /// Python's `findall(text)[index]`. Of several groups the first that is not empty stands for the match. `None` where
    /// there are not enough matches (Python raises an error there) or where the groups are several and all empty.
    pub(super) fn find_at(&self, text: &str, index: i32) -> Result<Option<String>, PatternError> {
        let needed = usize::try_from(index).map_or(usize::MAX, |index| index.saturating_add(1));
        let mut found = Vec::new();
        let mut from = 0;
        while found.len() < needed && from <= text.len() {
            let Some(captures) = self.regex.captures_from_pos(text, from).map_err(|error| self.given_up(&error))?
            else {
                break;
            };
            let Some(whole) = captures.get(0) else { break };
            found.push(match captures.len() {
                1 => Some(whole.as_str()),
                2 => Some(captures.get(1).map_or("", |group| group.as_str())),
                _ => captures.iter().skip(1).flatten().map(|group| group.as_str()).find(|text| !text.is_empty()),
            });
            if found.len() > MATCH_LIMIT {
                return Err(self.given_up(&"more than 100000 matches"));
            }
            from = after(text, whole.start(), whole.end());
        }
        Ok(super::python_text::at_python_index(&found, index).copied().flatten().map(str::to_owned))
    }

    /// Python's `re.sub(pattern, "", text)`.
    pub(super) fn remove_from(&self, text: &str) -> Result<String, PatternError> {
        let mut kept = String::with_capacity(text.len());
        let mut from = 0;
        let mut copied = 0;
        while from <= text.len() {
            let Some(found) = self.regex.find_from_pos(text, from).map_err(|error| self.given_up(&error))? else {
                break;
            };
            kept.push_str(text.get(copied..found.start()).unwrap_or_default());
            copied = found.end();
            from = after(text, found.start(), found.end());
        }
        kept.push_str(text.get(copied..).unwrap_or_default());
        Ok(kept)
    }

    /// Python's `re.sub(pattern, ..., text, count)`, where 0 is no limit and `expand` writes what stands for a match.
    /// Given up where the result gets longer than `max_bytes`.
    pub(crate) fn replace_in(
        &self,
        text: &str,
        count: usize,
        max_bytes: usize,
        expand: impl Fn(&Captures<'_>, &mut String),
    ) -> Result<String, PatternError> {
        let mut replaced = String::new();
        let mut from = 0;
        let mut copied = 0;
        let mut matches = 0;
        while from <= text.len() && (count == 0 || matches < count) {
            let found = self.regex.captures_from_pos(text, from).map_err(|error| self.given_up(&error))?;
            let Some((found, whole)) = found.and_then(|found| found.get(0).map(|whole| (found, whole))) else { break };
            replaced.push_str(text.get(copied..whole.start()).unwrap_or_default());
            expand(&found, &mut replaced);
            copied = whole.end();
            from = after(text, whole.start(), whole.end());
            matches += 1;
            if replaced.len() > max_bytes {
                return Err(self.given_up(&format!("what replaces it is longer than {max_bytes} bytes")));
            }
        }
        replaced.push_str(text.get(copied..).unwrap_or_default());
        Ok(replaced)
    }

    fn given_up(&self, reason: &dyn ToString) -> PatternError {
        PatternError::GivenUp { pattern: self.source.clone(), reason: reason.to_string() }
    }
}

/// Where the search goes on after a match: at its end, or one character on if it was empty.
fn after(text: &str, start: usize, end: usize) -> usize {
    if end > start { end } else { end + text.get(end..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8) }
}

/// The same pattern in `fancy-regex` syntax.
fn translate(python: &str) -> String {
    let flags = python.strip_prefix("(?").and_then(|tail| tail.split_once(')')).map_or("", |(flags, _)| flags);
    let multiline = flags.chars().all(char::is_alphabetic) && flags.contains('m');
    let characters = python.chars().collect::<Vec<_>>();
    let mut out = String::with_capacity(python.len() + 8);
    let mut place = 0;
    while let Some(character) = characters.get(place) {
        let rest = characters.get(place + 1..).unwrap_or_default();
        place += 1;
        match character {
            '\\' => place += escape(rest.first().copied(), false, &mut out),
            '[' => place += class(rest, &mut out),
            '$' if !multiline => out.push_str(r"(?:\z|(?=\n\z))"),
            '{' => match repetition(rest) {
                Some((length, text)) => {
                    out.push_str(&text);
                    place += length;
                }
                None => out.push_str(r"\{"),
            },
            '}' => out.push_str(r"\}"),
            other => out.push(*other),
        }
    }
    out
}

/// Writes the escape of `next`; returns how many characters were used.
fn escape(next: Option<char>, in_class: bool, out: &mut String) -> usize {
    match next {
        None => {
            // A trailing backslash: leave it for the compiler to refuse.
            out.push('\\');
            return 0;
        }
        Some('Z') if !in_class => out.push_str(r"\z"),
        Some('b') if in_class => out.push_str(r"\x08"),
        Some(c) if c.is_ascii_alphanumeric() => out.extend(['\\', c]),
        Some(c) if r"\.+*?()|[]{}^$#&-~".contains(c) => out.extend(['\\', c]),
        Some(' ') => out.push_str(r"\x20"),
        Some(c) => out.push(c),
    }
    1
}

/// Writes a character class, of which `rest` is what follows the bracket; returns how many characters were used.
fn class(rest: &[char], out: &mut String) -> usize {
    out.push('[');
    let mut used = 0;
    if rest.first() == Some(&'^') {
        out.push('^');
        used = 1;
    }
    let first = used;
    while let Some(character) = rest.get(used) {
        used += 1;
        match character {
            ']' if used - 1 > first => {
                out.push(']');
                return used;
            }
            '\\' => used += escape(rest.get(used).copied(), true, out),
            ']' | '[' | '&' | '~' | '^' => out.extend(['\\', *character]),
            other => out.push(*other),
        }
    }
    used
}

/// A repetition, of which `rest` is what follows the brace: its length there and its text.
fn repetition(rest: &[char]) -> Option<(usize, String)> {
    let end = rest.iter().position(|character| *character == '}')?;
    let inner = rest.get(..end)?.iter().collect::<String>();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = match inner.split_once(',') {
        None if digits(&inner) => format!("{{{inner}}}"),
        Some((low, high)) if digits(low) && (high.is_empty() || digits(high)) => format!("{{{inner}}}"),
        Some(("", high)) if digits(high) => format!("{{0,{high}}}"),
        Some(("", "")) => "{0,}".to_owned(),
        _ => return None,
    };
    Some((end + 1, text))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn all(pattern: &str, text: &str) -> Vec<String> {
        let pattern = Pattern::new(pattern).unwrap();
        (0..).map_while(|index| pattern.find_at(text, index).unwrap()).collect()
    }

    /// Each expectation is what Python's `re.findall` gives (tuples reduced to their first non-empty member).
    #[test]
    fn matches_are_those_of_python() {
        for (pattern, text, expected) in PYTHON {
            assert_eq!(all(pattern, text), *expected, "{pattern} in {text:?}");
        }
    }

    const PYTHON: &[(&str, &str, &[&str])] = &[
        (r"(?<=the answer is )(.*)(?=.)", "So the answer is (B).", &["(B)"]),
        (r"(?<=the answer is )(.*)(?=.)", "the answer is 5", &[""]),
        (r"(-?[$0-9.,]{2,})|(-?[0-9]+)", "it costs $1,200.50, or 7", &["$1,200.50,", "7"]),
        (r"#### (\-?[0-9\.\,]+)", "x #### -1,2.5 y", &["-1,2.5"]),
        (r"[[(]([A-D])[])]", "(A] [B)", &["A", "B"]),
        (r"\(([A-Z])\)", "(A) then (B)", &["A", "B"]),
        ("end$", "the end\n", &["end"]),
        ("end$", "the end\n\n", &[]),
        (r"end\Z", "the end\n", &[]),
        ("(?m)^a$", "a\na\n", &["a", "a"]),
        ("a{x}", "a{x}", &["a{x}"]),
        ("a{,2}b", "aaab", &["aab"]),
        ("[a&&b]+", "a&b", &["a&b"]),
        (r"\<b\>", "<b>", &["<b>"]),
        ("(?i)answer: ([a-d])", "ANSWER: c", &["c"]),
        (r"(?P<l>[A-D])(?P=l)", "BB AC", &["B"]),
        ("x*", "axb", &["", "x", "", ""]),
        (r"(a)|(b)|c", "abc", &["a", "b"]),
        (r"(a)?c", "cac", &["", "a"]),
        (r"é+\b", "éé!", &["éé"]),
    ];

    #[test]
    fn a_negative_index_counts_from_the_last_match() {
        let pattern = Pattern::new("[A-D]").unwrap();
        assert_eq!(pattern.find_at("A B C", -1).unwrap().as_deref(), Some("C"));
        assert_eq!(pattern.find_at("A B C", -4).unwrap(), None);
        assert_eq!(pattern.find_at("A B C", 3).unwrap(), None);
    }

    #[test]
    fn removal_is_that_of_python() {
        assert_eq!(Pattern::new("[,$]").unwrap().remove_from("$1,200").unwrap(), "1200");
        assert_eq!(Pattern::new("(?s).*#### ").unwrap().remove_from("a\n#### 5").unwrap(), "5");
        assert_eq!(Pattern::new(r"\.$").unwrap().remove_from("a.b.").unwrap(), "a.b");
        assert_eq!(Pattern::new("x*").unwrap().remove_from("é").unwrap(), "é");
    }

    /// Expectations are those of Python's `re.sub`.
    #[test]
    fn replacement_is_that_of_python_and_ends_at_its_limit() {
        let replaced = |pattern: &str, text: &str, count| {
            Pattern::new(pattern).unwrap().replace_in(text, count, 16, |_, out| out.push('-'))
        };
        assert_eq!(replaced("x*", "abxd", 0).unwrap(), "-a-b--d-");
        assert_eq!(replaced("a", "aaéa", 2).unwrap(), "--éa");
        assert!(matches!(replaced("", &"a".repeat(20), 0), Err(PatternError::GivenUp { .. })));
    }

    #[test]
    fn an_invalid_pattern_and_endless_backtracking_are_errors() {
        for pattern in ["(", "[a", "a\\", "*", &"(".repeat(5000)] {
            assert!(matches!(Pattern::new(pattern), Err(PatternError::Invalid { .. })), "{pattern}");
        }
        let hostile = Pattern::new(r"^(?:(?=a)a|a|aa)+(?=b)").unwrap();
        let found = hostile.find_at(&"a".repeat(60), 0);
        assert!(matches!(found, Err(PatternError::GivenUp { .. })), "{found:?}");
        assert!(matches!(hostile.remove_from(&"a".repeat(60)), Err(PatternError::GivenUp { .. })));
    }
}
