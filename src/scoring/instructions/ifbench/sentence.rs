//! `sentence:*`: what each sentence holds.

use super::super::nltk::sent_tokenize;
use super::super::python::{lower, split_words};
use super::edges::{Case, occurrences, strip_start};
use super::{Arguments, BoxedCheck, CheckError, keyword, ordinal, plain};
use crate::instance::Check;
use crate::scoring::python_text::without_ascii_punctuation;

/// The constraint `sentence:{name}`.
pub(super) fn build(name: &str, check: &Check) -> Option<Result<BoxedCheck, CheckError>> {
    Some(match name {
        "alliteration_increment" => plain(check, alliteration_increment),
        "increment" => increment(check),
        "keyword" => keyword_in_sentence(check),
        _ => return None,
    })
}

/// Each sentence has more words in runs of one first letter than the sentence before.
fn alliteration_increment(reply: &str) -> bool {
    let sentences = sent_tokenize(reply);
    let counts = sentences.iter().map(|sentence| alliterative_words(sentence)).collect::<Vec<_>>();
    counts.is_sorted_by(|before, after| before < after)
}

/// How many words stand next to one that begins with the same letter, punctuation before them aside.
fn alliterative_words(sentence: &str) -> usize {
    let sentence = lower(sentence);
    let initials = split_words(&sentence).filter_map(|word| strip_start(word).chars().next()).collect::<Vec<_>>();
    let (mut count, mut in_run) = (0, false);
    for (before, after) in initials.iter().zip(initials.iter().skip(1)) {
        let alike = before == after;
        count += usize::from(alike) + usize::from(alike && !in_run);
        in_run = alike;
    }
    count
}

/// Each sentence has exactly `small_n` words more than the one before.
fn increment(check: &Check) -> Result<BoxedCheck, CheckError> {
    let step = Arguments::new(check, &["small_n"])?.count("small_n")?;
    Ok(Box::new(move |reply| {
        let sentences = sent_tokenize(reply);
        let lengths = sentences.iter().map(|sentence| split_words(&without_ascii_punctuation(sentence)).count());
        let lengths = lengths.collect::<Vec<_>>();
        lengths.iter().zip(lengths.iter().skip(1)).all(|(before, after)| before.checked_add(step) == Some(*after))
    }))
}

/// The `N`th sentence holds `word`, case aside.
fn keyword_in_sentence(check: &Check) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["word", "N"])?;
    let place = ordinal(arguments, "N")? - 1;
    let word = keyword(arguments, "word")?.to_owned();
    Ok(Box::new(move |reply| {
        let sentences = sent_tokenize(reply);
        sentences.get(place).is_some_and(|sentence| occurrences(sentence, &word, Case::Ignored) > 0)
    }))
}
