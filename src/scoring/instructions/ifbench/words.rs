//! `words:*`: what every word, or the word at a place, must be.

mod syllables;
mod verb;

use std::collections::BTreeMap;

use super::super::nltk::{sent_tokenize, word_tokenize};
use super::super::python::{is_word_character, lower, split_words, strip};
use super::edges::{strip_edges, strip_end, strip_start};
use super::{Arguments, BoxedCheck, CheckError, Edition, keyword, ordinal, plain};
use crate::instance::Check;
use crate::scoring::python_text::without_ascii_punctuation;

/// The constraint `words:{name}`.
pub(super) fn build(name: &str, check: &Check, edition: Edition) -> Option<Result<BoxedCheck, CheckError>> {
    Some(match name {
        "alphabet" => plain(check, alphabet),
        "consonants" => plain(check, consonants),
        "keywords_specific_position" => keyword_at(check, edition),
        "last_first" => plain(check, last_first),
        "no_consecutive" => plain(check, no_consecutive),
        "odd_even_syllables" => plain(check, syllables::alternate),
        "palindrome" => plain(check, palindromes),
        "paragraph_last_first" => plain(check, paragraph_last_first),
        "prime_lengths" => plain(check, prime_lengths),
        "repeats" => repeats(check),
        "start_verb" => plain(check, |reply| verb::begins(&word_tokenize(reply))),
        "vowel" => plain(check, vowels),
        "words_position" => keyword_at_both_ends(check, edition),
        _ => return None,
    })
}

/// Each word begins with the letter after that of the word before, `a` after `z`; ASCII punctuation is taken out first.
fn alphabet(reply: &str) -> bool {
    let text = lower(&without_ascii_punctuation(reply));
    let initials = split_words(&text).filter_map(|word| word.chars().next()).collect::<Vec<_>>();
    initials.first().is_some_and(char::is_ascii_lowercase)
        && initials.iter().zip(initials.iter().skip(1)).all(|(before, after)| {
            *after == if *before == 'z' { 'a' } else { char::from_u32(u32::from(*before) + 1).unwrap_or(*before) }
        })
}

/// Each word holds two of `bcdfghjklmnpqrstvwxyz` in a row, case aside.
fn consonants(reply: &str) -> bool {
    let is_consonant = |byte: u8| byte.is_ascii_lowercase() && !b"aeiou".contains(&byte);
    let text = lower(reply);
    let has_cluster = |word: &str| {
        let bytes = word.bytes();
        bytes.clone().zip(bytes.skip(1)).any(|(first, second)| is_consonant(first) && is_consonant(second))
    };
    split_words(&text).all(has_cluster)
}

/// At least ten words of five or more characters that read the same backwards, case and ASCII punctuation aside.
fn palindromes(reply: &str) -> bool {
    let text = lower(&without_ascii_punctuation(reply));
    let is_palindrome = |word: &&str| word.chars().count() >= 5 && word.chars().eq(word.chars().rev());
    split_words(&text).filter(is_palindrome).count() >= 10
}

/// Every word has a prime number of characters (below 100), ASCII punctuation aside.
fn prime_lengths(reply: &str) -> bool {
    let is_prime =
        |length: usize| (2..100).contains(&length) && !(2..length).any(|divisor| length.is_multiple_of(divisor));
    split_words(&without_ascii_punctuation(reply)).all(|word| is_prime(word.chars().count()))
}

/// No word more often than `small_n` times, case and ASCII punctuation aside.
fn repeats(check: &Check) -> Result<BoxedCheck, CheckError> {
    let most = Arguments::new(check, &["small_n"])?.count("small_n")?;
    Ok(Box::new(move |reply| {
        let text = without_ascii_punctuation(&lower(reply));
        let mut times = BTreeMap::<&str, usize>::new();
        for word in split_words(&text) {
            *times.entry(word).or_default() += 1;
        }
        times.values().all(|count| *count <= most)
    }))
}

/// One paragraph, that is, no line break within, with at most three of the vowels `aeiou`.
fn vowels(reply: &str) -> bool {
    let text = lower(strip(reply));
    !text.contains('\n') && "aeiou".chars().filter(|vowel| text.contains(*vowel)).count() <= 3
}

/// No two words in a row begin with the same character, case and ASCII punctuation aside.
fn no_consecutive(reply: &str) -> bool {
    let text = without_ascii_punctuation(&lower(reply));
    let initials = split_words(&text).filter_map(|word| word.chars().next()).collect::<Vec<_>>();
    initials.iter().zip(initials.iter().skip(1)).all(|(before, after)| before != after)
}

/// The last word of each sentence is the first of the next, case and punctuation aside.
fn last_first(reply: &str) -> bool {
    let sentences = sent_tokenize(reply);
    sentences.iter().zip(sentences.iter().skip(1)).all(|(before, after)| {
        let last = split_words(strip_end(before)).last();
        let first = split_words(strip_start(after)).next();
        last.zip(first).is_some_and(|(last, first)| lower(last) == lower(first))
    })
}

/// Each line that holds a word begins and ends with the same one, case and punctuation at its edges aside.
fn paragraph_last_first(reply: &str) -> bool {
    reply.split('\n').all(|paragraph| {
        let paragraph = lower(strip(paragraph));
        let mut words = split_words(strip_edges(&paragraph));
        let first = words.next();
        words.last().is_none_or(|last| first == Some(last))
    })
}

/// Tokens of a text. Published: all. Revised: without those that hold neither letter nor digit.
fn counted_words(text: &str, edition: Edition) -> Vec<String> {
    let is_alphanumeric = |character| is_word_character(character) && character != '_';
    let mut words = word_tokenize(text);
    words.retain(|word| edition == Edition::Published || word.contains(is_alphanumeric));
    words
}

/// The `m`th word of the `n`th sentence is `keyword`, case aside; [`counted_words`] says what is a word.
fn keyword_at(check: &Check, edition: Edition) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["keyword", "n", "m"])?;
    let (sentence, place) = (ordinal(arguments, "n")? - 1, ordinal(arguments, "m")? - 1);
    let wanted = lower(keyword(arguments, "keyword")?);
    Ok(Box::new(move |reply| {
        let sentences = sent_tokenize(reply);
        let words = sentences.get(sentence).map(|sentence| counted_words(sentence, edition));
        words.is_some_and(|words| words.get(place).is_some_and(|word| lower(word) == wanted))
    }))
}

/// The second word and the second to last are `keyword`, case aside; [`counted_words`] says what is a word, so that in
/// the first edition the second to last word comes before a final full stop.
fn keyword_at_both_ends(check: &Check, edition: Edition) -> Result<BoxedCheck, CheckError> {
    let wanted = lower(keyword(Arguments::new(check, &["keyword"])?, "keyword")?);
    Ok(Box::new(move |reply| {
        let words = counted_words(reply, edition);
        let ends = [words.get(1), words.iter().nth_back(1)];
        ends.into_iter().all(|word| word.is_some_and(|word| lower(word) == wanted))
    }))
}
