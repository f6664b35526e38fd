//! What a check is: a function of the reply, built once from an identifier and its arguments.

use serde_json::Value;
use thiserror::Error;

use super::python::Regex;
use crate::instance::Check;
use crate::scoring::PatternError;

/// A reply passes or not. Pure: the same reply always gets the same verdict.
pub(super) type BoxedCheck = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// An instruction that cannot be verified: the data are at fault, not the reply.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CheckError {
    /// No verifier has this identifier.
    #[error("no verifier is named {id:?}; correct the identifier or take the instruction out")]
    UnknownId {
        /// The identifier.
        id: String,
    },
    /// An argument is missing. Python programs draw a random one instead, so that the verdict is random too.
    #[error("{id} lacks its argument {key:?}; add it to the instruction's kwargs")]
    Missing {
        /// The instruction.
        id: String,
        /// The argument.
        key: String,
    },
    /// An argument that this instruction does not have.
    #[error("{id} has no argument {key:?}; it takes: {known}")]
    Unknown {
        /// The instruction.
        id: String,
        /// The argument.
        key: String,
        /// Those that it has.
        known: String,
    },
    /// An argument of another type or out of range.
    #[error("{id}: {key:?} is {value}; it must be {wanted}")]
    Invalid {
        /// The instruction.
        id: String,
        /// The argument.
        key: String,
        /// Its value, as JSON.
        value: String,
        /// What would be right.
        wanted: String,
    },
    /// An argument that serves as a pattern and is none.
    #[error("{id}: {key:?}: {source}")]
    Pattern {
        /// The instruction.
        id: String,
        /// The argument.
        key: String,
        /// What is wrong with it.
        source: PatternError,
    },
}

/// Typed reading of a check's arguments. A null counts as absent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arguments<'a> {
    check: &'a Check,
}

impl<'a> Arguments<'a> {
    /// The arguments of `check`, none of which may be other than `known`.
    pub(super) fn new(check: &'a Check, known: &[&str]) -> Result<Self, CheckError> {
        match check.kwargs.iter().find(|(key, value)| !value.is_null() && !known.contains(&key.as_str())) {
            None => Ok(Self { check }),
            Some((key, _)) => Err(CheckError::Unknown {
                id: check.id.clone(),
                key: key.clone(),
                known: if known.is_empty() { "none".to_owned() } else { known.join(", ") },
            }),
        }
    }

    /// The value, if it is there and not null.
    pub(super) fn get(self, key: &str) -> Option<&'a Value> {
        self.check.kwargs.get(key).filter(|value| !value.is_null())
    }

    /// The value, which must be there.
    pub(super) fn required(self, key: &str) -> Result<&'a Value, CheckError> {
        self.get(key).ok_or_else(|| CheckError::Missing { id: self.check.id.clone(), key: key.to_owned() })
    }

    /// A text, possibly empty.
    pub(super) fn text(self, key: &str) -> Result<&'a str, CheckError> {
        self.required(key)?.as_str().ok_or_else(|| self.invalid(key, "a text"))
    }

    /// A whole number from 0; `3.0` is 3, as copies of the data write it.
    pub(super) fn count(self, key: &str) -> Result<usize, CheckError> {
        whole(self.required(key)?).ok_or_else(|| self.invalid(key, "a whole number from 0"))
    }

    /// A list of texts, possibly empty.
    pub(super) fn texts(self, key: &str) -> Result<Vec<&'a str>, CheckError> {
        let items = self.required(key)?.as_array();
        items
            .and_then(|items| items.iter().map(Value::as_str).collect())
            .ok_or_else(|| self.invalid(key, "a list of texts"))
    }

    /// One of a few texts, by its place in `choices`.
    pub(super) fn one_of(self, key: &str, choices: &[&str]) -> Result<usize, CheckError> {
        let text = self.text(key)?;
        choices
            .iter()
            .position(|choice| *choice == text)
            .ok_or_else(|| self.invalid(key, &format!("one of {choices:?}")))
    }

    /// Compiles a pattern that was made from the argument `key`.
    pub(super) fn pattern(self, key: &str, flags: &str, python: &str) -> Result<Regex, CheckError> {
        Regex::new(flags, python).map_err(|source| CheckError::Pattern {
            id: self.check.id.clone(),
            key: key.to_owned(),
            source,
        })
    }

    /// The error that says what the argument must be.
    pub(super) fn invalid(self, key: &str, wanted: &str) -> CheckError {
        CheckError::Invalid {
            id: self.check.id.clone(),
            key: key.to_owned(),
            value: self.get(key).map_or_else(|| "absent".to_owned(), Value::to_string),
            wanted: wanted.to_owned(),
        }
    }
}

/// A whole number, also one written as a float.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(value: &Value) -> Option<usize> {
    let from_integer = value.as_u64().and_then(|number| usize::try_from(number).ok());
    from_integer.or_else(|| {
        let number = value.as_f64()?;
        (number.fract() == 0.0 && (0.0..=9e15).contains(&number)).then_some(number as usize)
    })
}
