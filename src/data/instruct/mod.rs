//! Instruction and preference data as people distribute them: which files, which layouts, one row after another.
//!
//! The layouts are listed with an example each in `docs/training-data.md`. A row in no known layout is an error that
//! names the row; only rows from which nothing can be learned are dropped, and those are counted.

mod columns;
mod error;
mod fields;
mod json;
mod messages;
mod parquet_file;
mod pattern;
mod preference;
mod rows;
mod table;

use std::collections::BTreeMap;
use std::path::Path;

pub use columns::ColumnMap;
pub use error::{InstructError, RowFault};

use crate::digest::Digest;
use crate::instruction::{InstructionRow, PreferenceRow};

/// How a file is to be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Other names of the columns.
    pub columns: ColumnMap,
}

/// Why a row that is well formed was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SkipReason {
    /// An answer without text.
    EmptyAnswer,
    /// Both answers of a preference are the same: nothing is preferred.
    EqualAnswers,
}

impl SkipReason {
    /// For people.
    pub fn description(self) -> &'static str {
        match self {
            Self::EmptyAnswer => "an answer without text",
            Self::EqualAnswers => "two equal answers",
        }
    }
}

/// Number of rows left out, by reason.
pub type Skipped = BTreeMap<SkipReason, usize>;

/// A file of instruction data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstructionFile {
    /// Its rows, in order.
    pub rows: Vec<InstructionRow>,
    /// SHA-256 of the file.
    pub digest: Digest,
    /// What was left out.
    pub skipped: Skipped,
}

/// A file of preference data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreferenceFile {
    /// Its rows, in order.
    pub rows: Vec<PreferenceRow>,
    /// SHA-256 of the file.
    pub digest: Digest,
    /// What was left out.
    pub skipped: Skipped,
}

/// A row as it is found: kept, or left out for a reason.
type Reading<T> = Result<T, SkipReason>;

/// Reads a file of instruction data: `.json`, `.jsonl`, `.ndjson`, `.csv`, `.tsv` or `.parquet`.
///
/// # Errors
/// A file that cannot be read, a row in no known layout, a file without a row.
pub fn read_instructions(path: &Path, options: &ReadOptions) -> Result<InstructionFile, InstructError> {
    let (rows, digest, skipped) =
        collect(
            path,
            options,
            |number, fields| Ok(pattern::body(fields)?.map(|body| InstructionRow { number, body })),
        )?;
    Ok(InstructionFile { rows, digest, skipped })
}

/// Reads a file of preference data, in the same kinds of file.
///
/// # Errors
/// As for [`read_instructions`].
pub fn read_preferences(path: &Path, options: &ReadOptions) -> Result<PreferenceFile, InstructError> {
    let (rows, digest, skipped) = collect(path, options, preference::row)?;
    Ok(PreferenceFile { rows, digest, skipped })
}

/// The text of an Alpaca row outside Alpaca's own prompt format: the instruction and, after a blank line, the input.
pub fn joined_instruction(instruction: &str, input: Option<&str>) -> String {
    match input {
        Some(input) => format!("{instruction}\n\n{input}"),
        None => instruction.to_owned(),
    }
}

fn collect<T>(
    path: &Path,
    options: &ReadOptions,
    decode: impl Fn(usize, fields::Fields) -> Result<Reading<T>, RowFault>,
) -> Result<(Vec<T>, Digest, Skipped), InstructError> {
    let mut kept = Vec::new();
    let mut skipped = Skipped::new();
    let digest = rows::for_each_row(path, &options.columns, &mut |number, fields| {
        match decode(number, options.columns.apply(fields)?)? {
            Ok(row) => kept.push(row),
            Err(reason) => *skipped.entry(reason).or_default() += 1,
        }
        Ok(())
    })?;
    if kept.is_empty() {
        let left_out = skipped.values().sum();
        return Err(InstructError::Empty { file: path.to_owned(), left_out });
    }
    Ok((kept, digest, skipped))
}
