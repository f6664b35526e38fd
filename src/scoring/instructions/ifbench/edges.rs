//! What ends a word: punctuation at its edges, word boundaries.

use super::super::python::is_word_character;

/// Python's `string.punctuation + ' '`.
fn is_edge(character: char) -> bool {
    character.is_ascii_punctuation() || character == ' '
}

/// `text.strip(string.punctuation + ' ')`.
pub(super) fn strip_edges(text: &str) -> &str {
    text.trim_matches(is_edge)
}

/// `text.lstrip(string.punctuation + ' ')`.
pub(super) fn strip_start(text: &str) -> &str {
    text.trim_start_matches(is_edge)
}

/// `text.rstrip(string.punctuation + ' ')`.
pub(super) fn strip_end(text: &str) -> &str {
    text.trim_end_matches(is_edge)
}

/// Whether upper and lower case differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Exact,
    Ignored,
}

/// `len(re.findall(r"\b" + re.escape(word) + r"\b", text))`. Letters that differ in case are compared by their
/// lower-case form of one character.
pub(super) fn occurrences(text: &str, word: &str, case: Case) -> usize {
    let fold = |character: char| match case {
        Case::Exact => character,
        Case::Ignored => lower_case(character),
    };
    let text = text.chars().collect::<Vec<_>>();
    let word = word.chars().map(fold).collect::<Vec<_>>();
    if word.is_empty() {
        return 0;
    }
    let (mut found, mut from) = (0, 0);
    while let Some(window) = text.get(from..from + word.len()) {
        let here = window.iter().copied().map(fold).eq(word.iter().copied());
        if here && is_boundary(&text, from) && is_boundary(&text, from + word.len()) {
            found += 1;
            from += word.len();
        } else {
            from += 1;
        }
    }
    found
}

fn lower_case(character: char) -> char {
    let mut lower = character.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(single), None) => single,
        _ => character,
    }
}

/// Python's `\b` before the character at `place`.
fn is_boundary(text: &[char], place: usize) -> bool {
    let is_word =
        |place: Option<usize>| place.and_then(|place| text.get(place)).copied().is_some_and(is_word_character);
    is_word(place.checked_sub(1)) != is_word(Some(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expectations are those of CPython 3.11's `re.findall`.
    #[test]
    fn occurrences_are_whole_words() {
        for (text, word, case, expected) in [
            ("cat Cat concatenate cat's", "cat", Case::Ignored, 3),
            ("cat Cat concatenate cat's", "cat", Case::Exact, 2),
            ("a.b a.b", "a.b", Case::Exact, 2),
            ("na na na", "na na", Case::Exact, 1),
            ("ÉTÉ été", "été", Case::Ignored, 2),
            ("_cat cat_ cat1", "cat", Case::Exact, 0),
            ("C++ a++b", "++", Case::Exact, 1),
            ("", "cat", Case::Exact, 0),
        ] {
            assert_eq!(occurrences(text, word, case), expected, "{word} in {text}");
        }
    }

    #[test]
    fn edges_are_ascii_punctuation_and_spaces() {
        assert_eq!(strip_edges(" (a-b!) "), "a-b");
        assert_eq!(strip_edges("\n(a)"), "\n(a");
        assert_eq!((strip_start("“a”"), strip_end("a.\"")), ("“a”", "a"));
    }
}
