//! `cell.json`: how far a cell is.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Stage, Step, SweepError};
use crate::digest::Digest;
use crate::store::{StoreError, write_atomically};

/// The version of `cell.json` that is read and written.
pub const CELL_FORMAT: u32 = 1;

/// The largest `cell.json` that is read, in bytes.
const RECORD_LIMIT_BYTES: u64 = 1 << 20;

/// How much of an error is kept.
const ERROR_CHARS: usize = 2000;

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Progress {
    /// At work, or ended by a kill.
    Begun,
    /// Finished.
    Done,
    /// Ended with an error.
    Failed,
}

/// What is on record about a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepRecord {
    /// What it makes.
    pub identity: Digest,
    /// How far it is.
    pub progress: Progress,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long its last call took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

/// `cell.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellRecord {
    /// [`CELL_FORMAT`].
    pub format: u32,
    /// Steps by [`Stage::as_str`].
    pub steps: BTreeMap<String, StepRecord>,
}

impl Default for CellRecord {
    fn default() -> Self {
        Self { format: CELL_FORMAT, steps: BTreeMap::new() }
    }
}

/// How a step stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is on record.
    ToDo,
    /// Another process is at it, or was killed; running it continues it.
    Begun,
    /// It is finished.
    Done,
    /// It failed; running it tries again.
    Failed {
        /// Why.
        error: String,
    },
    /// Its folder holds what other settings made.
    Changed,
}

/// How a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CellState {
    /// No step has begun.
    ToDo,
    /// Some steps are done or begun.
    Partly,
    /// All steps are done.
    Done,
    /// A step failed.
    Failed,
    /// A step was made with other settings.
    Changed,
}

impl CellState {
    /// The words that tables show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ToDo => "to do",
            Self::Partly => "partly",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Changed => "other settings",
        }
    }

    /// The state of a cell from those of its steps.
    pub fn of(standings: &[Standing]) -> Self {
        let any = |wanted: fn(&Standing) -> bool| standings.iter().any(wanted);
        if any(|standing| *standing == Standing::Changed) {
            Self::Changed
        } else if any(|standing| matches!(standing, Standing::Failed { .. })) {
            Self::Failed
        } else if standings.iter().all(|standing| *standing == Standing::Done) {
            Self::Done
        } else if any(|standing| matches!(standing, Standing::Done | Standing::Begun)) {
            Self::Partly
        } else {
            Self::ToDo
        }
    }
}

impl CellRecord {
    /// Name of the file.
    pub const FILE: &'static str = "cell.json";

    /// Reads a cell's record; a folder without one has a record without steps.
    pub fn read(folder: &Path) -> Result<Self, SweepError> {
        let path = folder.join(Self::FILE);
        let fault = |fault: String| SweepError::Record { path: path.clone(), fault };
        let text = match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(fault(error.to_string())),
            Ok(metadata) if metadata.len() > RECORD_LIMIT_BYTES => return Err(fault("larger than 1 MiB".to_owned())),
            Ok(_) => std::fs::read_to_string(&path).map_err(|error| fault(error.to_string()))?,
        };
        let record: Self = serde_json::from_str(&text).map_err(|error| fault(error.to_string()))?;
        if record.format == CELL_FORMAT {
            Ok(record)
        } else {
            Err(fault(format!("format {} is not the format {CELL_FORMAT} that this version reads", record.format)))
        }
    }

    /// Writes the record.
    pub fn write(&self, folder: &Path) -> Result<(), StoreError> {
        let path = folder.join(Self::FILE);
        let mut text =
            serde_json::to_string_pretty(self).map_err(|source| StoreError::Document { path: path.clone(), source })?;
        text.push('\n');
        write_atomically(&path, text.as_bytes())
    }

    /// Notes how far a step is.
    pub fn set(&mut self, step: &Step, progress: Progress, error: Option<&str>, seconds: Option<f64>) {
        let error = error.map(|error| error.chars().take(ERROR_CHARS).collect());
        let identity = step.identity.clone();
        self.steps.insert(step.stage.as_str().to_owned(), StepRecord { identity, progress, error, seconds });
    }

    /// What is on record about a stage.
    pub fn step(&self, stage: Stage) -> Option<&StepRecord> {
        self.steps.get(stage.as_str())
    }

    /// How a step stands. It is done where the record says so and its last file is there.
    pub fn standing(&self, step: &Step) -> Standing {
        let Some(record) = self.step(step.stage) else { return Standing::ToDo };
        let finished = record.progress == Progress::Done && step.last_file().is_file();
        match (record.identity == step.identity, record.progress) {
            (true, Progress::Done) if finished => Standing::Done,
            (false, Progress::Done) if finished => Standing::Changed,
            (true, Progress::Begun) => Standing::Begun,
            (true, Progress::Failed) => Standing::Failed { error: record.error.clone().unwrap_or_default() },
            _ => Standing::ToDo,
        }
    }

    /// How all steps stand.
    pub fn standings(&self, steps: &[Step]) -> Vec<Standing> {
        steps.iter().map(|step| self.standing(step)).collect()
    }
}
