//! `metrics.jsonl`: what every step measured, one JSON object a line, each with its `step`.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folder::{FolderError, io_error};

/// The journal's file within a run's folder.
pub const JOURNAL: &str = "metrics.jsonl";

/// Why the journal could not be continued.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The system refused.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A finished line that is damaged.
    #[error("{}:{line}: {message}; correct or remove the line, or start anew in another folder", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What the parser said.
        message: String,
    },
}

/// A journal, open for appending.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

#[derive(Deserialize)]
struct Step {
    step: u64,
}

impl Journal {
    /// Starts an empty journal in the run's folder, in place of one that is there.
    pub fn create(out: &Path) -> Result<Self, JournalError> {
        fs::create_dir_all(out).map_err(|source| io_error(out, source))?;
        let path = out.join(JOURNAL);
        let file = File::create(&path).map_err(|source| io_error(&path, source))?;
        Ok(Self { path, file })
    }

    /// Goes on after `step`: lines of later steps are cut off, for these steps are made again, and so is an unfinished
    /// last line. No step appears twice.
    ///
    /// # Errors
    /// Where a finished line is not JSON with a `step`; nothing is changed then.
    pub fn resume(out: &Path, step: u64) -> Result<Self, JournalError> {
        let path = out.join(JOURNAL);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Self::create(out),
            Err(error) => return Err(io_error(&path, error).into()),
        };
        let mut kept = 0_u64;
        for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            if !line.ends_with(b"\n") {
                break;
            }
            let read: Step = serde_json::from_slice(line).map_err(|error| JournalError::Line {
                file: path.clone(),
                line: index + 1,
                message: error.to_string(),
            })?;
            if read.step > step {
                break;
            }
            kept += line.len() as u64;
        }
        let io = |source| io_error(&path, source);
        let file = OpenOptions::new().append(true).open(&path).map_err(io)?;
        file.set_len(kept).map_err(io)?;
        Ok(Self { path, file })
    }

    /// Appends a line, in one write. `line` must have a field `step`, never below that of the line before.
    pub fn append(&mut self, line: &impl Serialize) -> Result<(), JournalError> {
        let io = |source| io_error(&self.path, source);
        let mut text = serde_json::to_vec(line).map_err(|error| io(error.into()))?;
        text.push(b'\n');
        self.file.write_all(&text).map_err(io)?;
        Ok(())
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn steps(out: &Path) -> Vec<u64> {
        let text = fs::read_to_string(out.join(JOURNAL)).unwrap();
        text.lines().map(|line| serde_json::from_str::<Step>(line).unwrap().step).collect()
    }

    #[test]
    fn a_resumed_run_writes_no_step_twice() {
        let out = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(out.path()).unwrap();
        for step in [1, 2, 2, 3, 4] {
            journal.append(&json!({"step": step, "loss": 0.5})).unwrap();
        }
        let mut journal = Journal::resume(out.path(), 2).unwrap();
        assert_eq!(steps(out.path()), [1, 2, 2]);
        journal.append(&json!({"step": 3})).unwrap();
        assert_eq!(steps(out.path()), [1, 2, 2, 3]);
        Journal::create(out.path()).unwrap();
        assert!(steps(out.path()).is_empty());
    }

    #[test]
    fn an_unfinished_last_line_is_dropped_and_a_damaged_finished_one_is_an_error() {
        let out = tempfile::tempdir().unwrap();
        let path = out.path().join(JOURNAL);
        fs::write(&path, "{\"step\":1}\n{\"step\":2,\"lo").unwrap();
        Journal::resume(out.path(), 9).unwrap().append(&json!({"step": 2})).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"step\":1}\n{\"step\":2}\n");
        let damaged = "{\"step\":1}\n{\"st\n{\"step\":3}\n";
        fs::write(&path, damaged).unwrap();
        let text = Journal::resume(out.path(), 9).unwrap_err().to_string();
        assert!(text.contains("metrics.jsonl:2:"), "{text}");
        assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
    }

    #[test]
    fn a_run_without_a_journal_starts_one() {
        let out = tempfile::tempdir().unwrap();
        Journal::resume(&out.path().join("new"), 3).unwrap().append(&json!({"step": 4})).unwrap();
        assert_eq!(steps(&out.path().join("new")), [4]);
    }
}
