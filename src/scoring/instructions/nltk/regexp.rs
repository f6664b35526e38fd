//! NLTK's `RegexpTokenizer(r"\w+")`, with which IFEval and IFBench count words.
//!
//! Since NLTK 3.10 its patterns run in Python's `regex` module, whose `\w` is that of Unicode (UTS #18, annex C): letters,
//! marks, decimal digits, connectors. `²` is no word character there and a vowel sign of Hindi is one; in Python's own `re`,
//! which earlier editions of NLTK used, it is the other way round. In English text the two agree.

use std::sync::LazyLock;

use regex::Regex;

/// Compiled once, and checked by a test.
static RUN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\w+").ok());

/// `RegexpTokenizer(r"\w+").tokenize(text)`.
pub(in super::super) fn word_runs(text: &str) -> impl Iterator<Item = &str> {
    RUN.iter().flat_map(move |run| run.find_iter(text).map(|found| found.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expectations are those of NLTK 3.10.4.
    #[test]
    fn words_are_those_of_nltk() {
        for (text, words) in [
            ("It's a well-known fact, 3.5 times.", &["It", "s", "a", "well", "known", "fact", "3", "5", "times"][..]),
            ("नमस्ते दुनिया", &["नमस्ते", "दुनिया"]),
            ("x² a\u{301}b", &["x", "a\u{301}b"]),
            ("... !", &[]),
        ] {
            assert_eq!(word_runs(text).collect::<Vec<_>>(), words, "{text}");
        }
    }
}
