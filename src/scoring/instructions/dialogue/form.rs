//! Checks of how a reply is written.

use serde_json::Value;

use super::super::check::{Arguments, BoxedCheck, CheckError};
use crate::instance::Check;

/// `dialogue:letter_case`: capitals only, small letters only, some small letter (`not_upper`) or some capital
/// (`not_lower`). At least one letter is needed.
pub(super) fn letter_case(check: &Check) -> Result<BoxedCheck, CheckError> {
    let wanted = Arguments::new(check, &["case"])?.one_of("case", &["upper", "lower", "not_upper", "not_lower"])?;
    Ok(Box::new(move |reply| {
        let (upper, lower) = (reply.chars().any(char::is_uppercase), reply.chars().any(char::is_lowercase));
        match wanted {
            0 => upper && !lower,
            1 => lower && !upper,
            2 => lower,
            _ => upper,
        }
    }))
}

/// How a line of a list begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    Bullet,
    Number(usize),
}

/// The marker of a line (`-`, `*`, `+`, `•`, `3.` or `3)`) that is followed by white space and text.
fn marker(line: &str) -> Option<Marker> {
    let line = line.trim();
    let (head, item) = line.split_once(char::is_whitespace)?;
    if item.trim().is_empty() {
        return None;
    }
    match head {
        "-" | "*" | "+" | "•" => Some(Marker::Bullet),
        _ => head.strip_suffix(['.', ')'])?.parse().ok().map(Marker::Number),
    }
}

/// `dialogue:list_items`: the number of list items is `num_items`; numbered ones count up from 1.
pub(super) fn list_items(check: &Check) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["num_items", "marker"])?;
    let count = arguments.count("num_items")?;
    let wanted = arguments.one_of("marker", &["bullet", "number", "any"])?;
    Ok(Box::new(move |reply| {
        let markers: Vec<Marker> = reply.lines().filter_map(marker).collect();
        let bullets = markers.iter().filter(|marker| **marker == Marker::Bullet).count();
        let numbers: Vec<Marker> = markers.iter().filter(|marker| **marker != Marker::Bullet).copied().collect();
        match wanted {
            0 => bullets == count,
            1 => numbers.len() == count && numbers.iter().copied().eq((1..=count).map(Marker::Number)),
            _ => markers.len() == count,
        }
    }))
}

/// Marks around a reply or a phrase that do not matter: white space, quotation marks, emphasis.
fn is_wrapping(character: char) -> bool {
    character.is_whitespace() || matches!(character, '"' | '\'' | '“' | '”' | '‘' | '’' | '*' | '_')
}

/// The phrase without the marks around it, and whether it must stand there.
fn phrase(check: &Check) -> Result<(String, bool), CheckError> {
    let arguments = Arguments::new(check, &["phrase", "present"])?;
    let text = bare(arguments.text("phrase")?);
    if text.is_empty() {
        return Err(arguments.invalid("phrase", "a text of more than quotation marks and a full stop"));
    }
    let present = match arguments.get("present") {
        None => true,
        Some(value) => value.as_bool().ok_or_else(|| arguments.invalid("present", "true or false"))?,
    };
    Ok((text, present))
}

/// Lower-case text without wrapping marks and without punctuation at its end.
fn bare(text: &str) -> String {
    let text = text.trim_matches(is_wrapping).to_lowercase().replace('’', "'");
    text.trim_end_matches(|c| is_wrapping(c) || matches!(c, '.' | '!' | '?' | ',' | ';' | ':' | '…')).to_owned()
}

/// `dialogue:opening`: the reply begins with the phrase as whole words, or does not where `present` is false.
pub(super) fn opening(check: &Check) -> Result<BoxedCheck, CheckError> {
    let (phrase, present) = phrase(check)?;
    let ends_in_word = phrase.ends_with(char::is_alphanumeric);
    Ok(Box::new(move |reply| {
        let reply = bare(reply);
        let rest = reply.strip_prefix(&phrase);
        rest.is_some_and(|rest| !(ends_in_word && rest.starts_with(char::is_alphanumeric))) == present
    }))
}

/// `dialogue:closing`: the reply ends with the phrase as whole words, or does not where `present` is false.
pub(super) fn closing(check: &Check) -> Result<BoxedCheck, CheckError> {
    let (phrase, present) = phrase(check)?;
    let begins_with_word = phrase.starts_with(char::is_alphanumeric);
    Ok(Box::new(move |reply| {
        let reply = bare(reply);
        let rest = reply.strip_suffix(&phrase);
        rest.is_some_and(|rest| !(begins_with_word && rest.ends_with(char::is_alphanumeric))) == present
    }))
}

/// The reply without the fence of a code block around it.
fn unfenced(reply: &str) -> &str {
    let text = reply.trim();
    let Some(inner) = text.strip_prefix("```").and_then(|text| text.strip_suffix("```")) else { return text };
    inner.trim_start_matches(char::is_alphabetic).trim()
}

/// `dialogue:json_value`: the whole reply is a JSON object, in a code fence or not, and its value at `key` is, without
/// case, one of `accept`. Numbers compare as they are written.
pub(super) fn json_value(check: &Check) -> Result<BoxedCheck, CheckError> {
    let arguments = Arguments::new(check, &["key", "accept"])?;
    let key = arguments.text("key")?.to_owned();
    let accept: Vec<String> = arguments.texts("accept")?.iter().map(|text| text.trim().to_lowercase()).collect();
    if accept.is_empty() {
        return Err(arguments.invalid("accept", "a list of values"));
    }
    Ok(Box::new(move |reply| {
        let object = serde_json::from_str::<serde_json::Map<String, Value>>(unfenced(reply)).unwrap_or_default();
        let value = match object.get(&key) {
            Some(Value::String(text)) => text.trim().to_lowercase(),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
            _ => return false,
        };
        accept.contains(&value)
    }))
}
