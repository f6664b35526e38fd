//! `combination`: a repeated request, two responses.

use super::super::check::{Arguments, BoxedCheck, CheckError};
use super::super::python::{lower, strip};
use crate::instance::Check;

/// `combination:repeat_prompt` {`prompt_to_repeat`}: the reply begins with the request, without regard to case.
///
/// Python: `reply.strip().lower().startswith(prompt.strip().lower())`. Fixed: an answer follows.
pub(super) fn repeat_prompt(check: &Check, fixed: bool) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["prompt_to_repeat"])?;
    let prompt = lower(strip(arguments.text("prompt_to_repeat")?));
    if prompt.is_empty() {
        return Err(arguments.invalid("prompt_to_repeat", "a text that is not blank"));
    }
    Ok(Box::new(move |reply| {
        let reply = lower(strip(reply));
        reply.strip_prefix(prompt.as_str()).is_some_and(|answer| !fixed || answer.chars().any(char::is_alphanumeric))
    }))
}

/// `combination:two_responses`: two different responses with `******` between them.
///
/// Python: the pieces of `reply.split("******")`; a blank one may only be the first or last; there are two others, and
/// stripped they differ. The same in all modes.
pub(super) fn two_responses(check: &Check) -> Result<BoxedCheck, CheckError> {
    Arguments::new(check, &[])?;
    Ok(Box::new(|reply| {
        let pieces = reply.split("******").map(strip).collect::<Vec<_>>();
        let inner = pieces.get(1..pieces.len() - 1).unwrap_or_default();
        let responses = pieces.iter().filter(|piece| !piece.is_empty()).collect::<Vec<_>>();
        let differ = matches!(responses.as_slice(), [first, second] if first != second);
        differ && inner.iter().all(|piece| !piece.is_empty())
    }))
}
