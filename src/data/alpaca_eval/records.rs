//! A file as a list of objects, and the fields of one.

use std::path::Path;

use serde_json::{Map, Value};

use super::super::tree::read_bounded;
use super::error::AlpacaEvalError;

/// Largest file that is read; the real ones have a few megabytes.
const MAX_BYTES: u64 = 1 << 30;

/// The text of a file.
pub(super) fn read_text(path: &Path) -> Result<String, AlpacaEvalError> {
    let fail = |message: String| AlpacaEvalError::Read { file: path.display().to_string(), message };
    let bytes = read_bounded(path, MAX_BYTES).map_err(|error| fail(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| fail(format!("not UTF-8: {error}")))
}

/// One object of the list.
pub(super) struct Entry<'f> {
    file: &'f str,
    index: usize,
    fields: Map<String, Value>,
}

/// The objects of a file. Python writes a number that is none as `NaN`, which is no JSON: it is read as null.
pub(super) fn entries<'f>(file: &'f str, text: &str) -> Result<Vec<Entry<'f>>, AlpacaEvalError> {
    let fail = |message: String| AlpacaEvalError::Json { file: file.to_owned(), message };
    let text = without_nan(text.strip_prefix('\u{feff}').unwrap_or(text));
    let list: Vec<Value> = serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?;
    let entry = |(index, value)| match value {
        Value::Object(fields) => Ok(Entry { file, index, fields }),
        _ => Err(fail(format!("entry {index} is no object"))),
    };
    list.into_iter().enumerate().map(entry).collect()
}

impl Entry<'_> {
    fn fail(&self, field: &str, message: impl Into<String>) -> AlpacaEvalError {
        let (file, index) = (self.file.to_owned(), self.index);
        AlpacaEvalError::Field { file, index, field: field.to_owned(), message: message.into() }
    }

    /// A text that has to be there.
    pub(super) fn text(&mut self, field: &str) -> Result<String, AlpacaEvalError> {
        self.optional_text(field)?
            .ok_or_else(|| self.fail(field, "is missing or null; give a text, an empty one for no answer"))
    }

    /// A text that may be absent or null.
    pub(super) fn optional_text(&mut self, field: &str) -> Result<Option<String>, AlpacaEvalError> {
        match self.fields.shift_remove(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.fail(field, format!("is {} where a text belongs", kind(&other)))),
        }
    }

    /// A number that may be absent, null or `NaN`.
    pub(super) fn optional_number(&mut self, field: &str) -> Result<Option<f64>, AlpacaEvalError> {
        match self.fields.shift_remove(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => Ok(number.as_f64()),
            Some(other) => Err(self.fail(field, format!("is {} where a number or null belongs", kind(&other)))),
        }
    }

    /// The fields that nobody took, in their order.
    pub(super) fn rest(self) -> Map<String, Value> {
        self.fields
    }
}

/// What a value is, for people.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The text with `NaN`, `Infinity` and `-Infinity` outside strings replaced by null.
fn without_nan(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains("NaN") && !text.contains("Infinity") {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    for (inside, piece) in strings(text) {
        if inside {
            out.push_str(piece);
        } else {
            let piece = piece.replace("-Infinity", "null").replace("Infinity", "null").replace("NaN", "null");
            out.push_str(&piece);
        }
    }
    out.into()
}

/// The text in pieces that are a JSON string, quotes included, or none.
fn strings(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let inside = rest.starts_with('"');
        let end = if inside { string_end(rest) } else { rest.find('"').unwrap_or(rest.len()) };
        let (piece, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        rest = after;
        Some((inside, piece))
    })
}

/// Where a string that begins the text ends; the whole text if it does not.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_none_are_null_outside_strings_only() {
        let text = r#"[{"a":NaN,"b":"NaN \" NaN","c":-Infinity,"d\\":Infinity}]"#;
        assert_eq!(without_nan(text), r#"[{"a":null,"b":"NaN \" NaN","c":null,"d\\":null}]"#);
        assert_eq!(without_nan("NaN \"Infinity"), "null \"Infinity");
    }
}
