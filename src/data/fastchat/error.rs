//! What can be wrong with a file in `FastChat`'s layout.

/// A file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FastChatError {
    /// A line that is no JSON object.
    #[error("{file}:{line}: no JSON object: {message}; there must be one on each line")]
    Json {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A field that is not there.
    #[error("{file}:{line}: the field `{field}` is missing; add it")]
    Missing {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The field.
        field: String,
    },
    /// A value of the wrong kind.
    #[error("{file}:{line}: `{field}` is {found} where {expected} is expected; correct it")]
    Kind {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The field.
        field: String,
        /// What is there.
        found: &'static str,
        /// What should be there.
        expected: &'static str,
    },
    /// A value that is of the right kind and not possible.
    #[error("{file}:{line}: `{field}`: {message}")]
    Value {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The field.
        field: String,
        /// What is wrong and what to do.
        message: String,
    },
    /// Two rows about the same thing.
    #[error("{file}:{line}: `{field}` {value} was given in line {first} already; remove one of the two")]
    Duplicate {
        /// The file.
        file: String,
        /// The later line, from 1.
        line: usize,
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// The earlier line, from 1.
        first: usize,
    },
    /// A file without a row.
    #[error("{file}: there is no row; check the file")]
    Empty {
        /// The file.
        file: String,
    },
}
