//! What can be wrong with a table of scores.

use super::{MAX_ROWS, OPTIONAL, REQUIRED};

/// Why a table of scores cannot be used: file, line and value at fault, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScoreTableError {
    /// A file that cannot be read.
    #[error("cannot read {file}: {message}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        message: String,
    },
    /// A file without a header or without a row.
    #[error("{file}: {what}; a table of scores has a header with the columns {} and one score a line", REQUIRED.join(","))]
    Empty {
        /// The file.
        file: String,
        /// What is missing.
        what: &'static str,
    },
    /// The columns are separated by something else.
    #[error("{file}:1: the columns are separated by {separator}; save the table with commas")]
    Separator {
        /// The file.
        file: String,
        /// The separator.
        separator: &'static str,
    },
    /// A column that is not there.
    #[error("{file}:1: no column `{column}`; add it (cells of model, dataset and stage may be empty where unknown). Needed: {}", REQUIRED.join(","))]
    MissingColumn {
        /// The file.
        file: String,
        /// The column.
        column: &'static str,
    },
    /// A column that has no meaning here.
    #[error("{file}:1: unknown column `{column}`; remove it, or rename it to one of {},{}", REQUIRED.join(","), OPTIONAL.join(","))]
    UnknownColumn {
        /// The file.
        file: String,
        /// The column.
        column: String,
    },
    /// A column that is there twice.
    #[error("{file}:1: the column `{column}` is there twice; remove one")]
    RepeatedColumn {
        /// The file.
        file: String,
        /// The column.
        column: String,
    },
    /// A line that is no row of the table.
    #[error("{file}:{line}: {message}; every line needs as many cells as the header")]
    Line {
        /// The file.
        file: String,
        /// The line; 0 if unknown.
        line: u64,
        /// What is wrong.
        message: String,
    },
    /// A cell whose value is not possible.
    #[error("{file}:{line}: {column} is `{value}`: {message}")]
    Value {
        /// The file.
        file: String,
        /// The line.
        line: u64,
        /// The column.
        column: String,
        /// The value, shortened.
        value: String,
        /// What is wrong and what to write.
        message: String,
    },
    /// Two rows of one cell and seed.
    #[error(
        "{place}: a second score of {what}, after {first_place}; remove one, or name the training seeds in a column `seed`"
    )]
    Duplicate {
        /// The second row.
        place: String,
        /// The first row.
        first_place: String,
        /// The cell.
        what: String,
    },
    /// Replicates that cannot be joined.
    #[error(
        "{place}: {what} has {column} in this row or in {other}, but not in both; fill it in for all rows of a cell, or for none"
    )]
    Mixed {
        /// The row.
        place: String,
        /// Another row of the cell.
        other: String,
        /// The cell.
        what: String,
        /// The column at fault.
        column: String,
    },
    /// Two spellings of one name.
    #[error(
        "{place}: {column} `{name}` is spelled `{first}` in {first_place}; use one spelling, or names that differ in more than case"
    )]
    Spelling {
        /// The row.
        place: String,
        /// The column.
        column: String,
        /// The name there.
        name: String,
        /// The other spelling.
        first: String,
        /// Where that stands.
        first_place: String,
    },
    /// The same content twice.
    #[error("{file} has the same content as {other}; give one of them")]
    SameFile {
        /// The file.
        file: String,
        /// The file that was read before.
        other: String,
    },
    /// More rows than are read.
    #[error(
        "{file}:{line}: more than {MAX_ROWS} scores; split the table by model or data and make a report of each part"
    )]
    TooManyRows {
        /// The file.
        file: String,
        /// The first line that is too much.
        line: u64,
    },
}
