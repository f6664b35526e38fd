//! `startend`: the end of a reply, quotation marks around it.

use super::super::check::{Arguments, BoxedCheck, CheckError};
use super::super::python::{lower, strip};
use crate::instance::Check;

/// `startend:end_checker` {`end_phrase`}: the reply ends with the phrase, without regard to case.
///
/// Python: `reply.strip().strip('"').lower().endswith(phrase.strip().lower())`. The same in all modes.
pub(super) fn end_checker(check: &Check) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["end_phrase"])?;
    let phrase = lower(strip(arguments.text("end_phrase")?));
    if phrase.is_empty() {
        return Err(arguments.invalid("end_phrase", "a text that is not blank"));
    }
    Ok(Box::new(move |reply| lower(strip(reply).trim_matches('"')).ends_with(&phrase)))
}

/// `startend:quotation`: the whole reply stands in double quotation marks.
///
/// Python: stripped, it has more than one character and `"` is its first and last. The same in all modes.
pub(super) fn quotation(check: &Check) -> Result<BoxedCheck, CheckError> {
    Arguments::new(check, &[])?;
    Ok(Box::new(|reply| {
        let reply = strip(reply);
        reply.len() > 1 && reply.starts_with('"') && reply.ends_with('"')
    }))
}
