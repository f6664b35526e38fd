//! `format:emoji`: an emoji at the end of every sentence.

use std::sync::LazyLock;

use regex::Regex;

use super::super::super::nltk::sent_tokenize;
use super::super::super::python::strip;
use crate::scoring::python_text::without_ascii_punctuation;

/// One of the last two characters of every sentence is an emoji, or the first of the next sentence is, ASCII
/// punctuation aside.
pub(super) fn ends_every_sentence(reply: &str) -> bool {
    let sentences = sent_tokenize(reply);
    let bare = sentences.iter().map(|sentence| {
        let bare = without_ascii_punctuation(sentence);
        strip(&bare).to_owned()
    });
    let bare = bare.collect::<Vec<_>>();
    bare.iter().enumerate().all(|(place, sentence)| {
        let at_end = sentence.chars().rev().take(2).any(is_emoji);
        let next = bare.get(place + 1).and_then(|next| next.chars().next());
        !sentence.is_empty() && (at_end || next.is_some_and(is_emoji))
    })
}

/// Whether a character by itself is an emoji, a modifier included: Unicode's property `Emoji` without digits, `#`, `*`
/// and the letters of flags, which are emoji in sequences only.
fn is_emoji(character: char) -> bool {
    static EMOJI: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"[\p{Emoji}--[0-9\#\*\x{1F1E6}-\x{1F1FF}]]").ok());
    EMOJI.as_ref().is_some_and(|emoji| emoji.is_match(character.encode_utf8(&mut [0; 4])))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expectations are those of the Python package `emoji` 2.16.0 (`is_emoji`).
    #[test]
    fn single_characters_are_emoji_as_the_python_package_has_it() {
        for character in ['😀', '❤', '©', '®', '™', '⭐', '🏽', '🦰', '㊙', '↔', '🫠', '▪'] {
            assert!(is_emoji(character), "{character}");
        }
        for character in ['1', '#', '*', '🇩', '\u{fe0f}', '\u{200d}', 'a', '→', '★', '✓', '∞'] {
            assert!(!is_emoji(character), "{character}");
        }
    }

    /// The package lists 1409 characters, all in these ranges. It knows Unicode 17, the property Unicode 16.
    #[test]
    fn the_property_has_the_characters_of_the_package_but_the_newest() {
        let ranges = ['\u{80}'..='\u{32ff}', '\u{1f000}'..='\u{1faff}'];
        let count = ranges.into_iter().flatten().filter(|character| is_emoji(*character)).count();
        assert!((1393..=1409).contains(&count), "{count}");
    }
}
