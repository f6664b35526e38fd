//! What can be wrong with `AlpacaEval`'s files.

/// Why a file of `AlpacaEval` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AlpacaEvalError {
    /// A file that cannot be read.
    #[error("{file}: cannot be read: {message}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        message: String,
    },
    /// A file that is no JSON list of objects.
    #[error("{file}: {message}; AlpacaEval's files are one JSON list of objects")]
    Json {
        /// The file.
        file: String,
        /// What is wrong, and where.
        message: String,
    },
    /// A field that is missing or of another kind.
    #[error("{file}: entry {index}: `{field}` {message}")]
    Field {
        /// The file.
        file: String,
        /// Place in the list, from 0.
        index: usize,
        /// Name of the field.
        field: String,
        /// What is wrong, and what to do.
        message: String,
    },
    /// Annotations that cannot be aggregated.
    #[error("{file}: {message}")]
    Annotations {
        /// The file.
        file: String,
        /// What is wrong, and what to do.
        message: String,
    },
    /// A table that is not the published one.
    #[error("{file}: line {line}: {message}; use AlpacaEval's df_gamed.csv as published")]
    Table {
        /// The file.
        file: String,
        /// Line of the file, from 1; 0 for the whole of it.
        line: u64,
        /// What is wrong.
        message: String,
    },
    /// A judge's prompt or configuration that cannot be used.
    #[error("{file}: {message}")]
    Evaluator {
        /// The file.
        file: String,
        /// What is wrong, and what to do.
        message: String,
    },
}
