//! A line's fields by name.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::FastChatError;

/// A line of a file, from which fields are taken.
pub(super) struct Row<'a> {
    file: &'a str,
    line: usize,
    fields: Map<String, Value>,
}

/// Reads every line that is not blank; a file without one is an error.
pub(super) fn read<T>(
    text: &str,
    file: &str,
    mut decode: impl FnMut(&mut Row) -> Result<T, FastChatError>,
) -> Result<Vec<T>, FastChatError> {
    let mut rows = Vec::new();
    for (index, content) in text.lines().enumerate().filter(|(_, content)| !content.trim().is_empty()) {
        let line = index + 1;
        let fields = serde_json::from_str(content).map_err(|error| FastChatError::Json {
            file: file.to_owned(),
            line,
            message: error.to_string(),
        })?;
        rows.push(decode(&mut Row { file, line, fields })?);
    }
    if rows.is_empty() { Err(FastChatError::Empty { file: file.to_owned() }) } else { Ok(rows) }
}

/// Where each value was first seen, so that a second one can be refused.
pub(super) struct Seen {
    field: &'static str,
    lines: BTreeMap<String, usize>,
}

impl Seen {
    pub(super) fn new(field: &'static str) -> Self {
        Self { field, lines: BTreeMap::new() }
    }

    pub(super) fn once(&mut self, value: &impl ToString, row: &Row) -> Result<(), FastChatError> {
        let value = value.to_string();
        match self.lines.insert(value.clone(), row.line) {
            None => Ok(()),
            Some(first) => {
                let file = row.file.to_owned();
                Err(FastChatError::Duplicate { file, line: row.line, field: self.field, value, first })
            }
        }
    }
}

impl Row<'_> {
    /// A field that may be absent; null is as good as absent.
    pub(super) fn take(&mut self, field: &str) -> Option<Value> {
        self.fields.shift_remove(field).filter(|value| !value.is_null())
    }

    pub(super) fn need(&mut self, field: &str) -> Result<Value, FastChatError> {
        let (file, line) = (self.file.to_owned(), self.line);
        self.take(field).ok_or_else(|| FastChatError::Missing { file, line, field: field.to_owned() })
    }

    pub(super) fn text(&mut self, field: &str) -> Result<String, FastChatError> {
        let value = self.need(field)?;
        self.as_text(field, value)
    }

    pub(super) fn integer(&mut self, field: &str) -> Result<i64, FastChatError> {
        let value = self.need(field)?;
        value.as_i64().ok_or_else(|| self.kind(field, &value, "a whole number"))
    }

    /// A turn of a conversation, counted from 1.
    pub(super) fn turn(&mut self) -> Result<usize, FastChatError> {
        let turn = self.integer("turn")?;
        match usize::try_from(turn) {
            Ok(turn) if turn > 0 => Ok(turn),
            _ => Err(self.value("turn", format!("{turn} is no turn; turns count from 1"))),
        }
    }

    pub(super) fn number(&mut self, field: &str) -> Result<f64, FastChatError> {
        let value = self.need(field)?;
        value.as_f64().ok_or_else(|| self.kind(field, &value, "a number"))
    }

    pub(super) fn list(&mut self, field: &str) -> Result<Vec<Value>, FastChatError> {
        match self.need(field)? {
            Value::Array(list) => Ok(list),
            other => Err(self.kind(field, &other, "a list")),
        }
    }

    pub(super) fn texts(&mut self, field: &str) -> Result<Vec<String>, FastChatError> {
        let list = self.list(field)?;
        self.as_texts(field, list)
    }

    /// Judge's name and the name of its prompt.
    pub(super) fn judge(&mut self) -> Result<(String, String), FastChatError> {
        let mut names = self.texts("judge")?.into_iter();
        match (names.next(), names.next(), names.next()) {
            (Some(judge), Some(prompt), None) => Ok((judge, prompt)),
            _ => Err(self.value("judge", "it must be a list of two: the judge and its prompt".to_owned())),
        }
    }

    pub(super) fn as_texts(&self, field: &str, list: Vec<Value>) -> Result<Vec<String>, FastChatError> {
        let texts = list.into_iter().enumerate();
        texts.map(|(index, value)| self.as_text(&format!("{field}[{index}]"), value)).collect()
    }

    fn as_text(&self, field: &str, value: Value) -> Result<String, FastChatError> {
        match value {
            Value::String(text) => Ok(text),
            other => Err(self.kind(field, &other, "text")),
        }
    }

    pub(super) fn kind(&self, field: &str, value: &Value, expected: &'static str) -> FastChatError {
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        FastChatError::Kind { file: self.file.to_owned(), line: self.line, field: field.to_owned(), found, expected }
    }

    pub(super) fn value(&self, field: &str, message: String) -> FastChatError {
        FastChatError::Value { file: self.file.to_owned(), line: self.line, field: field.to_owned(), message }
    }

    /// The same line with the fields of an object in it.
    pub(super) fn inner(&self, fields: Map<String, Value>) -> Row<'_> {
        Row { file: self.file, line: self.line, fields }
    }

    /// What nobody took.
    pub(super) fn rest(&mut self) -> Map<String, Value> {
        std::mem::take(&mut self.fields)
    }
}
