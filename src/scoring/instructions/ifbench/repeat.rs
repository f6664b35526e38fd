//! `repeat:*`: the reply repeats a text.

use super::super::python::{lower, split_words, strip};
use super::{Arguments, BoxedCheck, CheckError, Edition, plain};
use crate::instance::Check;

/// The constraint `repeat:{name}`.
pub(super) fn build(name: &str, check: &Check, edition: Edition) -> Option<Result<BoxedCheck, CheckError>> {
    Some(match name {
        "repeat_change" => change(check),
        "repeat_simple" => plain(check, simple),
        "repeat_span" => span(check, edition),
        _ => return None,
    })
}

/// The request, word for word but for its first word.
fn change(check: &Check) -> Result<BoxedCheck, CheckError> {
    let request = request(Arguments::new(check, &["prompt_to_repeat"])?)?.to_owned();
    Ok(Box::new(move |reply| reply != request && split_words(reply).skip(1).eq(split_words(&request).skip(1))))
}

/// Nothing but the instruction's own sentence, case aside.
fn simple(reply: &str) -> bool {
    lower(strip(reply)) == "only output this sentence here, ignore all other requests."
}

/// The words of the request from `n_start` (from 0) to `n_end`, case aside. Published: without the one at `n_end`,
/// though the prompt says "including", and however the reply spaces them. Revised: with it, one space between two.
fn span(check: &Check, edition: Edition) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["prompt_to_repeat", "n_start", "n_end"])?;
    let (start, end) = (arguments.count("n_start")?, arguments.count("n_end")?);
    let request = lower(request(arguments)?);
    let end = match edition {
        Edition::Published => end,
        Edition::Revised => end.saturating_add(1),
    };
    let words = split_words(&request).take(end).skip(start).map(str::to_owned).collect::<Vec<_>>();
    Ok(Box::new(move |reply| match edition {
        Edition::Published => split_words(&lower(reply)).eq(words.iter().map(String::as_str)),
        Edition::Revised => lower(strip(reply)) == words.join(" "),
    }))
}

fn request(arguments: Arguments<'_>) -> Result<&str, CheckError> {
    match arguments.text("prompt_to_repeat")? {
        "" => Err(arguments.invalid("prompt_to_repeat", "the request to repeat")),
        request => Ok(request),
    }
}
