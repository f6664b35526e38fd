//! Conversations: lists of `{role, content}` or of `{from, value}`.

use serde_json::{Map, Value};

use super::error::RowFault;
use super::fields::wrong_kind;
use crate::chat::{Message, Role};

/// Most turns of a conversation; templates are rendered once a turn.
const TURN_LIMIT: usize = 1000;

/// The turns under a key. A table's cell may hold the list as JSON text.
pub(super) fn conversation(key: &str, value: Value) -> Result<Vec<Message>, RowFault> {
    let turns = match value {
        Value::Array(turns) => turns,
        Value::String(text) => serde_json::from_str(&text)
            .map_err(|_| wrong_kind(key, &Value::String(String::new()), "a list of {role, content}"))?,
        other => return Err(wrong_kind(key, &other, "a list of {role, content}")),
    };
    if turns.is_empty() || turns.len() > TURN_LIMIT {
        let fault = format!("has {} turns; 1 to {TURN_LIMIT} can be used: correct or remove the row", turns.len());
        return Err(RowFault::Conversation { key: key.to_owned(), fault });
    }
    turns.into_iter().zip(1..).map(|(turn, number)| message(key, number, turn)).collect()
}

/// One turn; `number` from 1, for errors.
pub(super) fn message(key: &str, number: usize, turn: Value) -> Result<Message, RowFault> {
    let Value::Object(mut turn) = turn else {
        return Err(wrong_kind(key, &turn, "a list of {role, content} or {from, value}"));
    };
    let place = |name: &str| format!("{key}[{number}].{name}");
    let (who_key, who) = either(&mut turn, "role", "from");
    let role = match who {
        Some(Value::String(name)) => match name.as_str() {
            "system" => Role::System,
            "user" | "human" => Role::User,
            "assistant" | "gpt" => Role::Assistant,
            other => {
                let role = other.chars().take(40).flat_map(char::escape_debug).collect();
                return Err(RowFault::Role { key: key.to_owned(), turn: number, role });
            }
        },
        other => return Err(wrong_kind(&place(who_key), &other.unwrap_or_default(), "text")),
    };
    let (what_key, what) = either(&mut turn, "content", "value");
    let content = match what {
        Some(Value::String(text)) => text,
        Some(Value::Array(parts)) => {
            parts.into_iter().map(|part| part_text(key, number, part)).collect::<Result<String, _>>()?
        }
        other => return Err(wrong_kind(&place(what_key), &other.unwrap_or_default(), "text")),
    };
    Ok(Message::new(role, content))
}

fn either(turn: &mut Map<String, Value>, first: &'static str, second: &'static str) -> (&'static str, Option<Value>) {
    match turn.get_mut(first).map(Value::take) {
        Some(value) if !value.is_null() => (first, Some(value)),
        absent => match turn.get_mut(second).map(Value::take) {
            Some(value) => (second, Some(value)),
            None => (first, absent),
        },
    }
}

fn part_text(key: &str, turn: usize, part: Value) -> Result<String, RowFault> {
    let kind = part.get("type").and_then(Value::as_str).unwrap_or("text").to_owned();
    match part {
        Value::String(text) => Ok(text),
        Value::Object(mut fields) if kind == "text" => match fields.get_mut("text").map(Value::take) {
            Some(Value::String(text)) => Ok(text),
            other => Err(wrong_kind(&format!("{key}[{turn}].text"), &other.unwrap_or_default(), "text")),
        },
        _ => {
            let part = kind.chars().take(40).flat_map(char::escape_debug).collect();
            Err(RowFault::Part { key: key.to_owned(), turn, part })
        }
    }
}

/// Whether a turn says something.
pub(super) fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}
