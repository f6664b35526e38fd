//! `length_constraints`: numbers of sentences, paragraphs and words.

use super::super::check::{Arguments, BoxedCheck, CheckError};
use super::super::nltk::{sent_tokenize, word_runs};
use super::super::python::{is_word_character, lower, split_words, strip};
use super::own_pattern;
use super::relation::Quota;
use crate::instance::Check;

/// `length_constraints:number_sentences` {`num_sentences`, relation}: fewer sentences than, or at least as many as, asked.
///
/// Python: `len(sent_tokenize(reply))`, NLTK's English Punkt model. The same in all modes.
pub(super) fn number_sentences(check: &Check) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["num_sentences", "relation"])?;
    let quota = Quota::read(arguments, "num_sentences", "relation")?;
    Ok(Box::new(move |reply| quota.holds(sent_tokenize(reply).len())))
}

/// `length_constraints:number_words` {`num_words`, relation}: fewer words than, or at least as many as, asked.
///
/// Python: the number of runs of `\w` as NLTK 3.10 finds them, so that `It's` and `well-known` are two words each. Fixed: pieces between white space that hold a letter or number.
pub(super) fn number_words(check: &Check, fixed: bool) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["num_words", "relation"])?;
    let quota = Quota::read(arguments, "num_words", "relation")?;
    let between_spaces =
        |reply: &str| split_words(reply).filter(|piece| piece.chars().any(char::is_alphanumeric)).count();
    Ok(Box::new(move |reply| quota.holds(if fixed { between_spaces(reply) } else { word_runs(reply).count() })))
}

/// `length_constraints:number_paragraphs` {`num_paragraphs`}: exactly so many paragraphs, divided by `***`.
///
/// Python: pieces of `re.split(r"\s?\*\*\*\s?", reply)`; a blank one is not counted at either end and fails in between.
/// Fixed: a divider stands alone between white space, so that `***bold italics***` divides nothing.
pub(super) fn number_paragraphs(check: &Check, fixed: bool) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["num_paragraphs"])?;
    let wanted = arguments.count("num_paragraphs")?;
    let divider = own_pattern(check, "", if fixed { r"(?<!\S)\*{3}(?!\S)" } else { r"\s?\*\*\*\s?" })?;
    Ok(Box::new(move |reply| {
        let Ok(pieces) = divider.split(reply) else { return false };
        let last = pieces.len() - 1;
        let blank_within =
            pieces.iter().enumerate().any(|(at, piece)| at != 0 && at != last && strip(piece).is_empty());
        !blank_within && pieces.iter().filter(|piece| !strip(piece).is_empty()).count() == wanted
    }))
}

/// `length_constraints:nth_paragraph_first_word` {`num_paragraphs`, `nth_paragraph`, `first_word`}: exactly so many
/// paragraphs, divided by blank lines, and the n-th (from 1) begins with that word.
///
/// Python: pieces of `reply.split("\n\n")`; the number of those that are not blank must be equal, but the n-th is counted
/// among all and must not be blank. Its first word loses apostrophes and then quotation marks at its head and ends before
/// the first of `.,?!'"`. Fixed: the n-th of those that are not blank, whose first word loses all marks around it.
pub(super) fn nth_paragraph_first_word(check: &Check, fixed: bool) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["num_paragraphs", "nth_paragraph", "first_word"])?;
    let wanted = arguments.count("num_paragraphs")?;
    let nth = arguments.count("nth_paragraph")?;
    let Some(index) = nth.checked_sub(1).filter(|index| *index < wanted) else {
        return Err(arguments.invalid("nth_paragraph", "from 1 to num_paragraphs"));
    };
    let first_word = lower(arguments.text("first_word")?);
    Ok(Box::new(move |reply| {
        let pieces = reply.split("\n\n").collect::<Vec<_>>();
        let paragraphs = pieces.iter().filter(|piece| !strip(piece).is_empty()).copied().collect::<Vec<_>>();
        let searched = if fixed { &paragraphs } else { &pieces };
        let word = searched.get(index).and_then(|paragraph| split_words(paragraph).next());
        let Some(word) = word.filter(|_| paragraphs.len() == wanted) else { return false };
        first_word == if fixed { bare(word) } else { until_mark(word) }
    }))
}

/// The word without the marks around it.
fn bare(word: &str) -> String {
    lower(word.trim_matches(|character| !is_word_character(character)))
}

/// The word up to its first punctuation mark; apostrophes at its head are skipped, and then quotation marks.
fn until_mark(word: &str) -> String {
    let word = word.trim_start_matches('\'').trim_start_matches('"');
    let end = word.find(['.', ',', '?', '!', '\'', '"']).unwrap_or(word.len());
    word.get(..end).unwrap_or_default().chars().flat_map(char::to_lowercase).collect()
}
