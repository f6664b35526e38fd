//! Files of replies.

use anyhow::Context as _;
use serde_json::{Map, Value};

/// Fields that may name an instance, first one first.
pub(super) const KEY_FIELDS: [&str; 4] = ["key", "id", "question_id", "doc_id"];

/// A row of a file of replies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReplyRow {
    /// Line, or place in the list, from 1.
    pub place: usize,
    /// The prompt that was asked, if it is given.
    pub prompt: Option<String>,
    /// What names the instance, if it is given.
    pub key: Option<String>,
    /// The replies, one a turn.
    pub replies: Vec<String>,
}

/// Reads JSON lines, or one JSON list; `file` names it in errors.
pub(super) fn read(file: &str, text: &str) -> anyhow::Result<Vec<ReplyRow>> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('[') {
        let rows: Vec<Map<String, Value>> = serde_json::from_str(text).with_context(|| file.to_owned())?;
        return rows.iter().enumerate().map(|(index, row)| reply_row(row, index + 1, file)).collect();
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            let place = index + 1;
            let row = serde_json::from_str(line).with_context(|| format!("{file}:{place}: not a JSON object"))?;
            reply_row(&row, place, file)
        })
        .collect()
}

fn reply_row(row: &Map<String, Value>, place: usize, file: &str) -> anyhow::Result<ReplyRow> {
    let replies = match row.get("response") {
        Some(Value::String(reply)) => vec![reply.clone()],
        Some(Value::Array(turns)) if !turns.is_empty() => {
            let texts: Option<Vec<String>> = turns.iter().map(|turn| turn.as_str().map(str::to_owned)).collect();
            texts.with_context(|| format!("{file}:{place}: `response` is a list of other things than texts"))?
        }
        Some(_) => anyhow::bail!("{file}:{place}: `response` is neither a text nor a list of texts, one a turn"),
        None => anyhow::bail!("{file}:{place}: no `response`; rows are {{\"prompt\": ..., \"response\": ...}}"),
    };
    let prompt = match row.get("prompt") {
        Some(Value::String(prompt)) => Some(prompt.clone()),
        Some(Value::Null) | None => None,
        Some(_) => anyhow::bail!("{file}:{place}: `prompt` is not a text"),
    };
    let key = KEY_FIELDS.iter().find_map(|field| key_text(row.get(*field)?));
    anyhow::ensure!(
        prompt.is_some() || key.is_some(),
        "{file}:{place}: neither `prompt` nor `key` says what was asked"
    );
    Ok(ReplyRow { place, prompt, key, replies })
}

/// A key as text: keys are numbers in some files and texts in others.
pub(super) fn key_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_lines_or_a_list_and_keys_numbers_or_texts() {
        let lines = "{\"prompt\":\"a\",\"response\":\"b\",\"extra\":[1]}\n\n{\"key\":7,\"response\":[\"x\",\"y\"]}\n";
        let found = read("f", lines).unwrap();
        assert_eq!((found[0].place, found[0].prompt.as_deref(), &found[0].key), (1, Some("a"), &None));
        assert_eq!((found[1].place, found[1].key.as_deref(), found[1].replies.len()), (3, Some("7"), 2));
        let list = read("f", r#"[{"prompt":"a","response":"b"},{"id":"k","prompt":null,"response":""}]"#).unwrap();
        assert_eq!((list[0].replies[0].as_str(), list[1].key.as_deref(), list[1].place), ("b", Some("k"), 2));
    }

    #[test]
    fn hostile_rows_are_refused_with_their_place() {
        let deep = format!("{{\"prompt\":{}", "[".repeat(100_000));
        for (text, why) in [
            ("{\"prompt\":\"a\"}", "f:1: no `response`"),
            ("{\"prompt\":\"a\",\"response\":3}", "f:1: `response` is neither"),
            ("\n{\"response\":\"b\"}", "f:2: neither `prompt` nor `key`"),
            ("{\"prompt\":3,\"response\":\"b\"}", "`prompt` is not a text"),
            ("[1]", "f"),
            ("\"text\"", "f:1: not a JSON object"),
            (deep.as_str(), "f:1: not a JSON object"),
        ] {
            let error = format!("{:#}", read("f", text).unwrap_err());
            assert!(error.contains(why), "{error:.300}");
        }
    }
}
