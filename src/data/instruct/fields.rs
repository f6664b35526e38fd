//! A row's fields by name.

use serde_json::{Map, Value};

use super::error::RowFault;

/// Longest list of keys that an error repeats.
const KEYS_SHOWN: usize = 12;

/// The fields of a row. A field that is null is as good as absent.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn new(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.0.get_mut(key).map(Value::take).filter(|value| !value.is_null())
    }

    /// A text, taken out; `None` where there is no such field.
    pub(super) fn take_text(&mut self, key: &str) -> Result<Option<String>, RowFault> {
        self.take(key).map(|value| text(key, value)).transpose()
    }

    /// A text that must be there; callers ask only for what they found.
    pub(super) fn text(&mut self, key: &str) -> Result<String, RowFault> {
        Ok(self.take_text(key)?.unwrap_or_default())
    }

    /// A text that says something; `None` where there is none or only white space.
    pub(super) fn some_text(&mut self, key: &str) -> Result<Option<String>, RowFault> {
        Ok(self.take_text(key)?.filter(|text| !text.trim().is_empty()))
    }

    /// Whether a field says anything: texts of white space and empty lists do not.
    pub(super) fn says(&self, key: &str) -> bool {
        match self.get(key) {
            None => false,
            Some(Value::String(text)) => !text.trim().is_empty(),
            Some(Value::Array(list)) => !list.is_empty(),
            Some(_) => true,
        }
    }

    /// The keys, for errors.
    pub(super) fn keys(&self) -> String {
        if self.0.is_empty() {
            return "(none)".to_owned();
        }
        let shown: Vec<String> = self
            .0
            .keys()
            .take(KEYS_SHOWN)
            .map(|key| key.chars().take(40).flat_map(char::escape_debug).collect())
            .collect();
        let more = self.0.len().saturating_sub(KEYS_SHOWN);
        if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
    }
}

/// A value that must be text.
pub(super) fn text(key: &str, value: Value) -> Result<String, RowFault> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(wrong_kind(key, &other, "text")),
    }
}

pub(super) fn wrong_kind(key: &str, value: &Value, expected: &'static str) -> RowFault {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    RowFault::Kind { key: key.to_owned(), found, expected }
}
