//! Number words as digits.

use super::words::Token;
use crate::scoring::number_words::{TENS, UNITS};

const ORDINALS: [(&str, &str); 12] = [
    ("first", "1st"),
    ("second", "2nd"),
    ("third", "3rd"),
    ("fourth", "4th"),
    ("fifth", "5th"),
    ("sixth", "6th"),
    ("seventh", "7th"),
    ("eighth", "8th"),
    ("ninth", "9th"),
    ("tenth", "10th"),
    ("eleventh", "11th"),
    ("twelfth", "12th"),
];
/// After these `one` stands for a thing, not for a number.
const BEFORE_PRONOUN: [&str; 13] =
    ["the", "that", "this", "which", "each", "every", "no", "any", "another", "some", "other", "new", "old"];

/// The same tokens with every run of number words (`twenty one`, `two hundred and five`, `a dozen`) as one word of
/// digits. `one` stays a word where it is a pronoun.
pub(super) fn in_digits(tokens: &[Token]) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len());
    let mut place = 0;
    while let Some(token) = tokens.get(place) {
        let rest = tokens.get(place..).unwrap_or_default();
        let ordinal = token.word().and_then(|word| ORDINALS.iter().find(|(name, _)| *name == word));
        let number = if is_pronoun(out.last(), rest) { None } else { run(rest) };
        if let Some((_, digits)) = ordinal {
            out.push(Token::Word((*digits).to_owned()));
            place += 1;
        } else if let Some((value, length)) = number {
            out.push(Token::Word(value.to_string()));
            place += length;
        } else {
            out.push(token.clone());
            place += 1;
        }
    }
    out
}

fn is_pronoun(before: Option<&Token>, rest: &[Token]) -> bool {
    let word_at = |place: usize| rest.get(place).and_then(Token::word);
    let before = before.and_then(Token::word).unwrap_or_default();
    let after_pronoun = BEFORE_PRONOUN.contains(&before) || ORDINALS.iter().any(|(_, digits)| *digits == before);
    word_at(0) == Some("one") && (after_pronoun || word_at(1) == Some("of") || word_at(1) == Some("another"))
}

/// The number that the first words of `tokens` spell, and how many words it takes.
fn run(tokens: &[Token]) -> Option<(u64, usize)> {
    let word_at = |place: usize| tokens.get(place).and_then(Token::word);
    if word_at(0) == Some("a") && word_at(1).is_some_and(|word| ["dozen", "hundred", "thousand"].contains(&word)) {
        let factor = scale(word_at(1)?)?;
        return Some((factor, 2));
    }
    let (mut value, mut length) = below_hundred(tokens)?;
    while let Some(factor) = word_at(length).and_then(scale).filter(|factor| value > 0 && value < *factor) {
        value *= factor;
        length += 1;
        let joined = usize::from(word_at(length) == Some("and"));
        let rest = tokens.get(length + joined..).unwrap_or_default();
        if let Some((more, words)) = below_hundred(rest).filter(|_| factor >= 100) {
            value += more;
            length += joined + words;
        }
    }
    Some((value, length))
}

fn scale(word: &str) -> Option<u64> {
    match word {
        "dozen" => Some(12),
        "hundred" => Some(100),
        "thousand" => Some(1000),
        _ => None,
    }
}

/// A spelled number below one hundred.
fn below_hundred(tokens: &[Token]) -> Option<(u64, usize)> {
    let word_at = |place: usize| tokens.get(place).and_then(Token::word);
    let unit = |word: &str| UNITS.iter().position(|unit| *unit == word).and_then(|value| u64::try_from(value).ok());
    let tens = |word: &str| TENS.iter().position(|ten| *ten == word).and_then(|place| u64::try_from(place).ok());
    let first = word_at(0)?;
    match tens(first) {
        None => unit(first).map(|value| (value, 1)),
        Some(place) => {
            let value = 20 + 10 * place;
            let units = word_at(1).and_then(unit).filter(|units| (1..10).contains(units));
            Some(units.map_or((value, 1), |units| (value + units, 2)))
        }
    }
}
