//! Python's notion of white space, punctuation and digits: task files were written against it.

/// `str.isspace` for one character: Unicode white space and the four information separators.
pub fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

/// `text.strip()`.
pub(super) fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// `len(re.split(r"\s+", text))`, the number of words in lm-evaluation-harness: white space at an end counts one more.
pub(super) fn split_count(text: &str) -> usize {
    let mut runs = 0;
    let mut in_space = false;
    for character in text.chars() {
        let space = is_space(character);
        runs += usize::from(space && !in_space);
        in_space = space;
    }
    runs + 1
}

/// `text.translate` with `string.punctuation` removed: the 32 ASCII punctuation characters.
pub(super) fn without_ascii_punctuation(text: &str) -> String {
    text.chars().filter(|character| !character.is_ascii_punctuation()).collect()
}

/// `text.translate` with `string.digits` removed.
pub(super) fn without_ascii_digits(text: &str) -> String {
    text.chars().filter(|character| !character.is_ascii_digit()).collect()
}

/// Python's `list[index]`: negative indices count from the end.
pub(super) fn at_python_index<T>(list: &[T], index: i32) -> Option<&T> {
    let distance = usize::try_from(index.unsigned_abs()).ok()?;
    if index < 0 { list.len().checked_sub(distance).and_then(|place| list.get(place)) } else { list.get(distance) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Python: `len(re.split(r"\s+", s))`.
    #[test]
    fn words_are_counted_as_python_splits_them() {
        for (text, words) in [("", 1), ("a", 1), ("a b", 2), (" a  b\n", 4), ("\u{1c}a\u{a0}b", 3), ("   ", 2)] {
            assert_eq!(split_count(text), words, "{text:?}");
        }
    }

    #[test]
    fn negative_indices_count_from_the_end() {
        let list = [1, 2, 3];
        let found = [0, 2, 3, -1, -3, -4, i32::MIN].map(|index| at_python_index(&list, index).copied());
        assert_eq!(found, [Some(1), Some(3), None, Some(3), Some(1), None, None]);
    }

    #[test]
    fn stripping_takes_pythons_white_space() {
        assert_eq!(strip("\u{1f} a \u{a0}\n"), "a");
        assert_eq!(without_ascii_punctuation("a.b-c’d`e"), "abc’de");
        assert_eq!(without_ascii_digits("a1b²3"), "ab²");
    }
}
