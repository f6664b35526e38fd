//! The metadata of a GGUF file: keys with typed values.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use candle_core::quantized::gguf_file::Value;

use super::error::GgufError;

/// Keys and values, read with their type. Every refusal names file and key.
#[derive(Debug, Clone)]
pub struct Metadata {
    file: PathBuf,
    values: BTreeMap<String, Value>,
}

impl Metadata {
    /// The metadata of a file.
    pub fn new(file: impl Into<PathBuf>, values: impl IntoIterator<Item = (String, Value)>) -> Self {
        Self { file: file.into(), values: values.into_iter().collect() }
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// All keys, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// Whether there is such a key.
    pub fn contains(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// A string; `None` where there is no such key.
    pub fn text(&self, key: &str) -> Result<Option<&str>, GgufError> {
        self.one(key, "a string", |value| match value {
            Value::String(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// An integer of any width.
    pub fn integer(&self, key: &str) -> Result<Option<i64>, GgufError> {
        self.one(key, "an integer", integer)
    }

    /// A number, integers included.
    pub fn number(&self, key: &str) -> Result<Option<f64>, GgufError> {
        self.one(key, "a number", number)
    }

    /// True or false.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, GgufError> {
        self.one(key, "true or false", |value| match value {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        })
    }

    /// A list of strings.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<&str>>, GgufError> {
        self.list(key, "a list of strings", |value| match value {
            Value::String(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// A list of integers of any width; true and false count as one and zero.
    pub fn integers(&self, key: &str) -> Result<Option<Vec<i64>>, GgufError> {
        self.list(key, "a list of integers", |value| match value {
            Value::Bool(flag) => Some(i64::from(*flag)),
            _ => integer(value),
        })
    }

    /// A list of numbers.
    pub fn numbers(&self, key: &str) -> Result<Option<Vec<f64>>, GgufError> {
        self.list(key, "a list of numbers", number)
    }

    /// Whether the value is a list.
    pub fn is_list(&self, key: &str) -> bool {
        matches!(self.values.get(key), Some(Value::Array(_)))
    }

    /// The refusal of a key that is needed and absent.
    pub fn missing(&self, key: &str) -> GgufError {
        GgufError::MissingKey { file: self.file.clone(), key: key.to_owned() }
    }

    /// The refusal of a value.
    pub fn invalid(&self, key: &str, expected: &str) -> GgufError {
        GgufError::Key {
            file: self.file.clone(),
            key: key.to_owned(),
            value: self.shown(key),
            expected: expected.to_owned(),
        }
    }

    /// The refusal of what is not supported.
    pub fn unsupported(&self, key: &str, supported: &str) -> GgufError {
        GgufError::Unsupported {
            file: self.file.clone(),
            key: key.to_owned(),
            value: self.shown(key),
            supported: supported.to_owned(),
        }
    }

    fn one<'a, T>(
        &'a self,
        key: &str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, GgufError> {
        let Some(value) = self.values.get(key) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| self.invalid(key, expected))
    }

    fn list<'a, T>(
        &'a self,
        key: &str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<Vec<T>>, GgufError> {
        self.one(key, expected, |value| match value {
            Value::Array(values) => values.iter().map(&read).collect::<Option<Vec<T>>>(),
            _ => None,
        })
    }

    /// A value in at most some eighty characters.
    fn shown(&self, key: &str) -> String {
        let text = match self.values.get(key) {
            None => "absent".to_owned(),
            Some(Value::String(text)) => format!("{:?}", text.chars().take(80).collect::<String>()),
            Some(Value::Array(values)) => format!("a list of {}", values.len()),
            Some(Value::Bool(flag)) => flag.to_string(),
            Some(value) => match integer(value) {
                Some(integer) => integer.to_string(),
                None => number(value).map_or_else(|| "a value".to_owned(), |number| number.to_string()),
            },
        };
        if text.chars().count() <= 80 { text } else { text.chars().take(77).chain("...".chars()).collect() }
    }
}

fn integer(value: &Value) -> Option<i64> {
    match *value {
        Value::U8(n) => Some(i64::from(n)),
        Value::I8(n) => Some(i64::from(n)),
        Value::U16(n) => Some(i64::from(n)),
        Value::I16(n) => Some(i64::from(n)),
        Value::U32(n) => Some(i64::from(n)),
        Value::I32(n) => Some(i64::from(n)),
        Value::U64(n) => i64::try_from(n).ok(),
        Value::I64(n) => Some(n),
        _ => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    match *value {
        Value::F32(n) => Some(f64::from(n)),
        Value::F64(n) => Some(n),
        _ => integer(value).map(|n| n as f64),
    }
}
