//! Tables of scores that were made elsewhere: one number a line, with model, data, stage, benchmark and weights.
//! `docs/scores.md` describes the columns.

mod decode;
mod error;
pub mod published;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use super::tree::read_bounded;
use crate::digest::Digest;
use crate::weighting::Weighting;

pub use decode::name_fault;
pub use error::ScoreTableError;

/// Largest file that is read.
pub const MAX_BYTES: u64 = 64 << 20;

/// Most rows of all files together.
pub const MAX_ROWS: usize = 200_000;

/// Columns that have to be there; cells of the first three may be empty where nothing is known.
pub const REQUIRED: [&str; 7] = ["model", "dataset", "stage", "benchmark", "lambda_p", "lambda_r", "score"];

/// Columns that may be there.
pub const OPTIONAL: [&str; 4] = ["seed", "standard_error", "n", "higher_is_better"];

/// One score.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreRow {
    /// The base model.
    pub model: Option<String>,
    /// The training data.
    pub dataset: Option<String>,
    /// `sft`, `dpo`.
    pub stage: Option<String>,
    /// The benchmark.
    pub benchmark: String,
    /// The loss weights; `None` for (0, 0), the untuned model.
    pub weighting: Option<Weighting>,
    /// The training seed.
    pub seed: Option<String>,
    /// The score, finite.
    pub score: f64,
    /// Its standard error over items, finite and at least 0.
    pub standard_error: Option<f64>,
    /// Items behind it, at least 1.
    pub n: Option<usize>,
    /// Whether more is better.
    pub higher_is_better: Option<bool>,
    /// Where it stands: the file's place in [`ScoreTable::files`].
    pub file: usize,
    /// Where it stands: the line, from 1.
    pub line: u64,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoreFile {
    /// Its name, without folders.
    pub name: String,
    /// SHA-256 of its content.
    pub digest: Digest,
    /// Rows.
    pub rows: usize,
}

/// The scores of one or more files.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScoreTable {
    /// The files, in the order given.
    pub files: Vec<ScoreFile>,
    /// Their rows, in their order.
    pub rows: Vec<ScoreRow>,
}

impl ScoreTable {
    /// Reads files as one table.
    pub fn read<P: AsRef<Path>>(paths: &[P]) -> Result<Self, ScoreTableError> {
        let mut table = Self::default();
        for path in paths {
            let path = path.as_ref();
            let shown = path.display().to_string();
            let fail = |message: String| ScoreTableError::Read { file: shown.clone(), message };
            let bytes = read_bounded(path, MAX_BYTES).map_err(|error| fail(error.to_string()))?;
            let text = String::from_utf8(bytes).map_err(|error| {
                fail(format!("it is not UTF-8 text ({}); save the table as CSV in UTF-8", error.utf8_error()))
            })?;
            table.add(&shown, &text)?;
        }
        Ok(table)
    }

    /// Adds the text of a file; `file` names it in errors.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), ScoreTableError> {
        let digest = Digest::of_bytes(text.as_bytes());
        if let Some(twin) = self.files.iter().find(|other| other.digest == digest) {
            return Err(ScoreTableError::SameFile { file: file.to_owned(), other: twin.name.clone() });
        }
        let before = self.rows.len();
        decode::rows(file, text, self.files.len(), MAX_ROWS - before.min(MAX_ROWS), &mut self.rows)?;
        let name = file.rsplit(['/', '\\']).next().unwrap_or(file).to_owned();
        self.files.push(ScoreFile { name, digest, rows: self.rows.len() - before });
        self.check()
    }

    /// Where a row stands, for people.
    pub fn place(&self, row: &ScoreRow) -> String {
        let file = self.files.get(row.file).map_or("?", |file| file.name.as_str());
        format!("{file}:{}", row.line)
    }

    /// What only all rows together can show: duplicates, and names spelled in two ways.
    fn check(&self) -> Result<(), ScoreTableError> {
        let mut spelled: BTreeMap<(&str, String), (&str, &ScoreRow)> = BTreeMap::new();
        let mut cells: BTreeMap<Cell<'_>, BTreeMap<Option<String>, &ScoreRow>> = BTreeMap::new();
        for row in &self.rows {
            let names = [("model", &row.model), ("dataset", &row.dataset), ("stage", &row.stage)];
            let names = names.into_iter().filter_map(|(column, name)| Some((column, name.as_deref()?)));
            for (column, name) in names.chain([("benchmark", row.benchmark.as_str())]) {
                let (first, other) = *spelled.entry((column, name.to_lowercase())).or_insert((name, row));
                if first != name {
                    let (column, name, first) = (column.to_owned(), name.to_owned(), first.to_owned());
                    return Err(ScoreTableError::Spelling {
                        place: self.place(row),
                        column,
                        name,
                        first,
                        first_place: self.place(other),
                    });
                }
            }
            let replicates = cells.entry(Cell::of(row)).or_default();
            let twin = replicates.insert(row.seed.as_deref().map(plain_seed), row);
            if let Some(twin) = twin {
                return Err(ScoreTableError::Duplicate {
                    place: self.place(row),
                    first_place: self.place(twin),
                    what: describe_beside(row, twin),
                });
            }
            let other = replicates.values().find(|other| other.file != row.file || other.line != row.line);
            if let Some(other) = other {
                self.same_kind(row, other)?;
            }
        }
        Ok(())
    }

    /// Replicates all have a seed, and all have a standard error or none.
    fn same_kind(&self, row: &ScoreRow, other: &ScoreRow) -> Result<(), ScoreTableError> {
        let what = if row.seed.is_none() || other.seed.is_none() {
            "seed"
        } else if row.standard_error.is_some() != other.standard_error.is_some() {
            "standard_error"
        } else {
            return Ok(());
        };
        Err(ScoreTableError::Mixed {
            place: self.place(row),
            other: self.place(other),
            what: describe(row),
            column: what.to_owned(),
        })
    }
}

/// What makes rows replicates: all but the seed. Weights are compared by their bits: they are read, not computed.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Cell<'a> {
    names: [Option<&'a str>; 3],
    benchmark: &'a str,
    weights: (u64, u64),
}

impl<'a> Cell<'a> {
    fn of(row: &'a ScoreRow) -> Self {
        Self {
            names: [row.model.as_deref(), row.dataset.as_deref(), row.stage.as_deref()],
            benchmark: &row.benchmark,
            weights: row.weighting.map_or((0, 0), |w| (w.prompt().to_bits(), w.response().to_bits())),
        }
    }
}

/// The cell of a row, for errors.
fn describe(row: &ScoreRow) -> String {
    let names = [row.model.as_deref(), row.dataset.as_deref(), row.stage.as_deref(), Some(&row.benchmark)];
    let names = names.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let (prompt, response) = row.weighting.map_or((0.0, 0.0), |w| (w.prompt(), w.response()));
    let seed = row.seed.as_ref().map_or_else(String::new, |seed| format!(", seed {seed}"));
    format!("{names}, ({prompt}, {response}){seed}")
}

/// The same with the seed of another row of the same cell and seed, where that is spelled in another way.
fn describe_beside(row: &ScoreRow, twin: &ScoreRow) -> String {
    let what = describe(row);
    match &twin.seed {
        Some(seed) if row.seed != twin.seed => format!("{what} (the same number as seed {seed})"),
        _ => what,
    }
}

/// A seed in one spelling: `1`, `01` and `1.0` are one number. Digits are kept as they are, whatever their number.
fn plain_seed(text: &str) -> String {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !whole.is_empty() && whole.chars().all(|c| c.is_ascii_digit()) && fraction.chars().all(|c| c == '0') {
        let digits = whole.trim_start_matches('0');
        return if digits.is_empty() { "0".to_owned() } else { digits.to_owned() };
    }
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.map_or_else(|| text.to_owned(), |number| number.to_string())
}
