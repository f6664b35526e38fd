//! What can be wrong with a file of training data.

use std::path::PathBuf;

/// Why a file of training data cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InstructError {
    /// A file that cannot be opened or read.
    #[error("{}: cannot be read: {message}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why, and what to do.
        message: String,
    },
    /// A name that does not say what the file is.
    #[error(
        "{}: the name ends in neither .json, .jsonl, .ndjson, .csv, .tsv nor .parquet; convert or decompress the file, or \
         rename it after what it is", file.display()
    )]
    Kind {
        /// The file.
        file: PathBuf,
    },
    /// Content that is not what the name says.
    #[error("{}: {place}: {message}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// Line or row.
        place: String,
        /// What is wrong, and what to do.
        message: String,
    },
    /// A row that cannot be used.
    #[error("{}: row {row}: {fault}", file.display())]
    Row {
        /// The file.
        file: PathBuf,
        /// The row, from 1.
        row: usize,
        /// What is wrong with it.
        fault: RowFault,
    },
    /// Nothing to learn from.
    #[error("{}: no row to train on ({left_out} rows have no usable answer); check the file", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
        /// Rows that were left out.
        left_out: usize,
    },
    /// A list of column names that cannot be understood.
    #[error("columns `{text}`: {message}")]
    Columns {
        /// What was given.
        text: String,
        /// What is wrong, and what to do.
        message: String,
    },
}

/// Why a row cannot be used, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowFault {
    /// No known layout.
    #[error(
        "has the keys {found}, which is no known layout; {accepted}, or name the columns: --columns prompt=KEY,response=KEY"
    )]
    Layout {
        /// The keys of the row.
        found: String,
        /// The layouts.
        accepted: &'static str,
    },
    /// A layout that is known and of no use.
    #[error("{0}")]
    Refused(&'static str),
    /// A value of the wrong kind.
    #[error("`{key}` is {found} where {expected} is expected; correct the row")]
    Kind {
        /// The key.
        key: String,
        /// What is there.
        found: &'static str,
        /// What should be there.
        expected: &'static str,
    },
    /// A turn by somebody who is neither user, assistant nor system.
    #[error(
        "turn {turn} of `{key}` is by `{role}`; only system, user (human) and assistant (gpt) turns can be learned from: \
         remove the row, or rewrite the turn"
    )]
    Role {
        /// The key.
        key: String,
        /// The turn, from 1.
        turn: usize,
        /// Who speaks.
        role: String,
    },
    /// A part of a turn that is not text.
    #[error("turn {turn} of `{key}` holds a part of type `{part}`; only text can be learned from: remove the row")]
    Part {
        /// The key.
        key: String,
        /// The turn, from 1.
        turn: usize,
        /// The type.
        part: String,
    },
    /// A conversation that cannot be used.
    #[error("`{key}` {fault}")]
    Conversation {
        /// The key.
        key: String,
        /// What is wrong, and what to do.
        fault: String,
    },
    /// A column that was named and is not there.
    #[error("there is no column `{wanted}`; the row has {found}")]
    NoColumn {
        /// The name.
        wanted: String,
        /// The keys of the row.
        found: String,
    },
}
