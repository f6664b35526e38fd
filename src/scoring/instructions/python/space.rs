//! White space as `str.strip` and `str.split` see it.

use crate::scoring::is_space;

/// `text.strip()`.
pub(in super::super) fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// `text.split()`: the pieces between runs of white space, none of them empty.
pub(in super::super) fn split_words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expectations are those of CPython 3.11.
    #[test]
    fn words_are_those_of_python() {
        assert_eq!(split_words("\u{1f} a\u{a0}b\u{3000}c\u{200b} ").collect::<Vec<_>>(), ["a", "b", "c\u{200b}"]);
        assert_eq!(strip("\u{1c}\u{2003}x\u{feff}\n"), "x\u{feff}");
    }
}
