//! Checks of what a reply says.

use super::super::check::{Arguments, BoxedCheck, CheckError};
use super::mentions::{Mentions, Phrase, Span};
use crate::instance::Check;

/// Numbers in a reply beyond which it is a list of guesses.
const MOST_NUMBERS: usize = 6;

/// Phrases of one argument, each with at least one word.
fn phrases(arguments: Arguments<'_>, key: &str) -> Result<Vec<Phrase>, CheckError> {
    let texts = arguments.texts(key)?;
    let read: Option<Vec<Phrase>> = texts.iter().map(|text| Phrase::new(text)).collect();
    read.filter(|phrases| !phrases.is_empty())
        .ok_or_else(|| arguments.invalid(key, "a list of phrases, each with a word"))
}

fn optional_phrases(arguments: Arguments<'_>, key: &str) -> Result<Vec<Phrase>, CheckError> {
    if arguments.get(key).is_some() { phrases(arguments, key) } else { Ok(Vec::new()) }
}

fn spans(reply: &Mentions, phrases: &[Phrase]) -> Vec<Span> {
    phrases.iter().flat_map(|phrase| reply.affirmed(phrase)).collect()
}

/// `dialogue:answers`: one of `accept` is affirmed, and none of `reject` outside of an accepted phrase.
pub(super) fn answers(check: &Check) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["accept", "reject"])?;
    let (accept, reject) = (phrases(arguments, "accept")?, optional_phrases(arguments, "reject")?);
    Ok(Box::new(move |reply| {
        let reply = Mentions::of(reply);
        let accepted = spans(&reply, &accept);
        let within = |span: &Span| accepted.iter().any(|other| span.is_within(*other));
        !accepted.is_empty() && spans(&reply, &reject).iter().all(within)
    }))
}

/// `dialogue:mentions`: all of `all_of` and one of `any_of` are affirmed, and none of `none_of`.
pub(super) fn mentions(check: &Check) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["all_of", "any_of", "none_of"])?;
    let (all_of, any_of) = (optional_phrases(arguments, "all_of")?, optional_phrases(arguments, "any_of")?);
    let none_of = optional_phrases(arguments, "none_of")?;
    if all_of.is_empty() && any_of.is_empty() {
        arguments.required("all_of")?;
    }
    Ok(Box::new(move |reply| {
        let reply = Mentions::of(reply);
        let affirmed = |phrase: &Phrase| !reply.affirmed(phrase).is_empty();
        let one = any_of.is_empty() || any_of.iter().any(affirmed);
        one && all_of.iter().all(affirmed) && !none_of.iter().any(affirmed)
    }))
}

/// `dialogue:omits`: none of `phrases` is affirmed.
pub(super) fn omits(check: &Check) -> Result<BoxedCheck, CheckError> {
    let phrases = phrases(Arguments::new(check, &["phrases"])?, "phrases")?;
    Ok(Box::new(move |reply| spans(&Mentions::of(reply), &phrases).is_empty()))
}

/// `dialogue:in_order`: every phrase is affirmed, for the first time after the first time of the one before.
pub(super) fn in_order(check: &Check) -> Result<BoxedCheck, CheckError> {
    let phrases = phrases(Arguments::new(check, &["phrases"])?, "phrases")?;
    Ok(Box::new(move |reply| {
        let reply = Mentions::of(reply);
        let first: Option<Vec<Span>> = phrases.iter().map(|phrase| reply.affirmed(phrase).first().copied()).collect();
        first.is_some_and(|spans| spans.is_sorted_by(|one, next| one.end <= next.begin))
    }))
}

/// `dialogue:number`: `value` is the first or the last of the at most six numbers that are affirmed.
pub(super) fn number(check: &Check) -> Result<BoxedCheck, CheckError> {
    let value = Arguments::new(check, &["value"])?.count("value")?.to_string();
    Ok(Box::new(move |reply| {
        let reply = Mentions::of(reply);
        let numbers = reply.numbers();
        let ends = [numbers.first(), numbers.last()];
        numbers.len() <= MOST_NUMBERS && ends.iter().flatten().any(|number| **number == value)
    }))
}

/// `dialogue:verdict`: the first word says `yes` or `no`, and the opposite is not among the two words behind it.
pub(super) fn verdict(check: &Check) -> Result<BoxedCheck, CheckError> {
    const WORDS: [&[&str]; 2] = [&["yes", "yeah", "yep", "yup", "correct"], &["no", "nope", "nah", "incorrect"]];
    let wanted = Arguments::new(check, &["verdict"])?.one_of("verdict", &["yes", "no"])?;
    Ok(Box::new(move |reply| {
        let side = |word: &str| WORDS.iter().position(|words| words.contains(&word));
        let reply = Mentions::of(reply);
        let words = reply.first_words(3);
        let first = words.first().and_then(|word| side(word));
        first == Some(wanted) && words.iter().all(|word| side(word).is_none_or(|side| side == wanted))
    }))
}
