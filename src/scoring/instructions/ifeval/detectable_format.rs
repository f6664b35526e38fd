//! `detectable_format`: fixed options, JSON and titles. What counts parts of a text is in [`super::structure`].

use super::super::check::{Arguments, BoxedCheck, CheckError};
use super::super::python::{is_json, strip};
use super::own_pattern;
use crate::instance::Check;

/// What `constrained_response` allows.
const OPTIONS: [&str; 3] = ["My answer is yes.", "My answer is no.", "My answer is maybe."];

/// `detectable_format:constrained_response`: one of three fixed answers.
///
/// Python: the reply *contains* one of the options, in that case and spelling. Fixed: it *is* one, but for quotation marks,
/// asterisks and white space around it.
pub(super) fn constrained_response(check: &Check, fixed: bool) -> Result<BoxedCheck, CheckError> {
    Arguments::new(check, &[])?;
    Ok(Box::new(move |reply| {
        let around = |character: char| {
            character.is_whitespace() || matches!(character, '"' | '\'' | '*' | '“' | '”' | '‘' | '’')
        };
        if fixed { OPTIONS.contains(&reply.trim_matches(around)) } else { OPTIONS.iter().any(|o| reply.contains(o)) }
    }))
}

/// `detectable_format:json_format`: the whole reply is JSON, with or without a Markdown fence.
///
/// Python: of the stripped reply, the prefixes ` ```json `, ` ```Json `, ` ```JSON ` and ` ``` ` are taken off once each and
/// in this order, then the suffix ` ``` `; `json.loads` must read what is left (`python::is_json`). Fixed: it must
/// also be an object or a list, and hold no `NaN` or `Infinity`, which are not JSON.
pub(super) fn json_format(check: &Check, fixed: bool) -> Result<BoxedCheck, CheckError> {
    Arguments::new(check, &[])?;
    Ok(Box::new(move |reply| {
        let mut text = strip(reply);
        for prefix in ["```json", "```Json", "```JSON", "```"] {
            text = text.strip_prefix(prefix).unwrap_or(text);
        }
        let text = strip(text.strip_suffix("```").unwrap_or(text));
        let container = text.starts_with(['{', '[']);
        is_json(text) && (!fixed || container && !outside_strings(text, &["NaN", "Infinity"]))
    }))
}

/// Whether one of the words stands in a JSON text outside of its strings.
fn outside_strings(json: &str, words: &[&str]) -> bool {
    let mut outside = String::new();
    let mut in_string = false;
    let mut escaped = false;
    for character in json.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            other if !in_string => outside.push(other),
            _ => {}
        }
    }
    words.iter().any(|word| outside.contains(word))
}

/// `detectable_format:title`: a title in double angular brackets.
///
/// Python: `<<[^\n]+>>` (as long as it gets) with something other than white space, `<` at its head and `>` at its end. The
/// same in all modes.
pub(super) fn title(check: &Check) -> Result<BoxedCheck, CheckError> {
    Arguments::new(check, &[])?;
    let pattern = own_pattern(check, "", r"<<[^\n]+>>")?;
    let named = |title: &str| !strip(title.trim_start_matches('<').trim_end_matches('>')).is_empty();
    Ok(Box::new(move |reply| pattern.find_all(reply).is_ok_and(|titles| titles.into_iter().any(named))))
}
