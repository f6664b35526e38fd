//! Typed access to the keys of a `config.json`.

use serde_json::{Map, Value};

/// Why a configuration is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ArchitectureError {
    /// The text is not a JSON object.
    #[error("config.json is not a JSON object: {reason}; the file may be truncated, fetch it again")]
    NotAnObject {
        /// What the parser says.
        reason: String,
    },
    /// A key that the family needs is absent.
    #[error("config.json has no `{key}`; add the key that the {family} family is configured with")]
    Missing {
        /// The key.
        key: String,
        /// The family.
        family: String,
    },
    /// A key holds something of another type or range.
    #[error("config.json: `{key}` is {value}, expected {expected}; correct the file")]
    Invalid {
        /// The key.
        key: String,
        /// Its value.
        value: String,
        /// What it should be.
        expected: String,
    },
    /// A key asks for something that the decoder cannot do.
    #[error("config.json: `{key}` is {value}, which is not supported; supported: {supported}")]
    Unsupported {
        /// The key.
        key: String,
        /// Its value.
        value: String,
        /// What is.
        supported: String,
    },
}

/// A JSON object whose keys are read with their type.
pub(super) struct Config {
    values: Map<String, Value>,
    prefix: String,
    wanted_tokens: Option<usize>,
}

impl Config {
    pub fn parse(text: &str) -> Result<Self, ArchitectureError> {
        match serde_json::from_str(text) {
            Ok(Value::Object(values)) => Ok(Self { values, prefix: String::new(), wanted_tokens: None }),
            Ok(other) => Err(ArchitectureError::NotAnObject { reason: format!("it is {}", shown(&other)) }),
            Err(error) => Err(ArchitectureError::NotAnObject { reason: error.to_string() }),
        }
    }

    /// The same, read for sequences of up to so many tokens.
    pub fn wanting(self, wanted_tokens: Option<usize>) -> Self {
        Self { wanted_tokens, ..self }
    }

    /// Longest sequence that the configuration is read for.
    pub fn wanted_tokens(&self) -> Option<usize> {
        self.wanted_tokens
    }

    /// Whether the key is there and not null.
    pub fn is_set(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// The object under a key.
    pub fn object(&self, key: &str) -> Result<Option<Self>, ArchitectureError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Object(values)) => {
                let prefix = format!("{}{key}.", self.prefix);
                Ok(Some(Self { values: values.clone(), prefix, wanted_tokens: self.wanted_tokens }))
            }
            Some(_) => Err(self.invalid(key, "an object")),
        }
    }

    pub fn optional_size(&self, key: &str, limit: usize) -> Result<Option<usize>, ArchitectureError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let size = value.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| (1..=limit).contains(n));
        size.map(Some).ok_or_else(|| self.invalid(key, &format!("an integer from 1 to {limit}")))
    }

    pub fn size(&self, key: &str, limit: usize) -> Result<usize, ArchitectureError> {
        self.optional_size(key, limit)?.ok_or_else(|| self.missing(key))
    }

    /// A number; finite and above zero.
    pub fn optional_positive(&self, key: &str) -> Result<Option<f64>, ArchitectureError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let number = value.as_f64().filter(|n| n.is_finite() && *n > 0.0 && *n < 1e30);
        number.map(Some).ok_or_else(|| self.invalid(key, "a number above 0"))
    }

    /// A number above zero; zero is as good as absent.
    pub fn optional_number(&self, key: &str) -> Result<Option<f64>, ArchitectureError> {
        if self.value(key).and_then(Value::as_f64) == Some(0.0) {
            return Ok(None);
        }
        self.optional_positive(key)
    }

    pub fn positive(&self, key: &str) -> Result<f64, ArchitectureError> {
        self.optional_positive(key)?.ok_or_else(|| self.missing(key))
    }

    pub fn flag(&self, key: &str, default: bool) -> Result<bool, ArchitectureError> {
        match self.value(key) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.invalid(key, "true or false")),
        }
    }

    pub fn text(&self, key: &str) -> Result<Option<&str>, ArchitectureError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.invalid(key, "a string")),
        }
    }

    /// A list of `length` strings.
    pub fn texts(&self, key: &str, length: usize) -> Result<Option<Vec<&str>>, ArchitectureError> {
        let Some(values) = self.list(key, length)? else { return Ok(None) };
        let texts = values.iter().map(Value::as_str).collect::<Option<Vec<_>>>();
        texts.map(Some).ok_or_else(|| self.invalid(key, "a list of strings"))
    }

    /// A list of `length` zeros and ones.
    pub fn flags(&self, key: &str, length: usize) -> Result<Option<Vec<bool>>, ArchitectureError> {
        let Some(values) = self.list(key, length)? else { return Ok(None) };
        let flag = |value: &Value| match value.as_u64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => value.as_bool(),
        };
        let flags = values.iter().map(flag).collect::<Option<Vec<_>>>();
        flags.map(Some).ok_or_else(|| self.invalid(key, "a list of 0 and 1"))
    }

    pub fn raw_list(&self, key: &str) -> Option<&[Value]> {
        self.value(key).and_then(Value::as_array).map(Vec::as_slice)
    }

    pub fn missing(&self, key: &str) -> ArchitectureError {
        let family = self.values.get("model_type").and_then(Value::as_str).unwrap_or("model's");
        ArchitectureError::Missing { key: self.path(key), family: family.to_owned() }
    }

    pub fn invalid(&self, key: &str, expected: &str) -> ArchitectureError {
        ArchitectureError::Invalid { key: self.path(key), value: self.shown(key), expected: expected.to_owned() }
    }

    pub fn unsupported(&self, key: &str, supported: &str) -> ArchitectureError {
        ArchitectureError::Unsupported { key: self.path(key), value: self.shown(key), supported: supported.to_owned() }
    }

    fn list(&self, key: &str, length: usize) -> Result<Option<&[Value]>, ArchitectureError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Array(values)) if values.len() == length => Ok(Some(values)),
            Some(_) => Err(self.invalid(key, &format!("a list of {length} entries, one a layer"))),
        }
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    fn path(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn shown(&self, key: &str) -> String {
        self.values.get(key).map_or_else(|| "absent".to_owned(), shown)
    }
}

/// A value in at most some eighty characters.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 80 { text } else { text.chars().take(77).chain("...".chars()).collect() }
}
