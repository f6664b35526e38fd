//! `change_case`: capital and small letters.

use super::super::check::{Arguments, BoxedCheck, CheckError};
use super::super::nltk::word_tokenize;
use super::super::python::{is_lower, is_upper, lower, split_words};
use super::language::detected;
use super::relation::Quota;
use crate::instance::Check;

/// `change_case:capital_word_frequency` {`capital_frequency`, `capital_relation`}: fewer words in capitals than, or at
/// least as many as, asked.
///
/// Python: tokens of NLTK's `word_tokenize` for which `isupper()` holds. `I` counts, `DON'T` counts twice. Fixed: pieces
/// between white space.
pub(super) fn capital_word_frequency(check: &Check, fixed: bool) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["capital_frequency", "capital_relation"])?;
    let quota = Quota::read(arguments, "capital_frequency", "capital_relation")?;
    let between_spaces = |reply: &str| split_words(reply).filter(|word| is_upper(word)).count();
    let tokens = |reply: &str| word_tokenize(reply).iter().filter(|word| is_upper(word)).count();
    Ok(Box::new(move |reply| quota.holds(if fixed { between_spaces(reply) } else { tokens(reply) })))
}

/// `change_case:english_capital`: English, and in capital letters only.
///
/// Python: `reply.isupper() and langdetect.detect(reply) == "en"`, and followed where langdetect raises an exception.
/// Fixed: the language is that of the text in lower case, because langdetect leaves out capitals and has learnt from text
/// in mixed case.
pub(super) fn english_capital(check: &Check, fixed: bool) -> Result<BoxedCheck, CheckError> {
    Arguments::new(check, &[])?;
    Ok(Box::new(move |reply| is_upper(reply) && if fixed { is_english(&lower(reply)) } else { is_english(reply) }))
}

/// `change_case:english_lowercase`: English, and in small letters only.
///
/// Python: `reply.islower() and langdetect.detect(reply) == "en"`, and followed where langdetect raises an exception. The
/// same in all modes.
pub(super) fn english_lowercase(check: &Check) -> Result<BoxedCheck, CheckError> {
    Arguments::new(check, &[])?;
    Ok(Box::new(|reply| is_lower(reply) && is_english(reply)))
}

fn is_english(text: &str) -> bool {
    detected(text).is_none_or(|language| language == "en")
}
