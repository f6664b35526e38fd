//! A run's folder: manifest, plan, responses and scores, written so that a kill at any moment loses nothing recorded.
//!
//! | file | what | written |
//! | --- | --- | --- |
//! | `run.json` | [`Manifest`]: settings, checkpoints, task definitions | whole, then renamed |
//! | `plan.jsonl` | one [`PlanRecord`] a question | whole, then renamed |
//! | `skipped.jsonl` | variants that could not be made, with the reason | whole, then renamed |
//! | `responses.jsonl` | one [`ResponseRecord`](crate::record::ResponseRecord) an answer | appended, line by line |
//! | `judging.json` | who judges, with prompts and settings; only where a judge was asked | whole, then renamed |
//! | `judgments.jsonl` | one [`JudgmentRecord`](crate::judgment::JudgmentRecord) an answer of the judge | appended, line by line |
//! | `scores.jsonl` | one [`ScoreRecord`](crate::record::ScoreRecord) a judgment, in plan order | whole, then renamed |

mod atomic;
mod baseline;
mod jsonl;
mod manifest;
mod responses;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::digest::Digest;
use crate::record::PlanRecord;

pub use atomic::write_atomically;
pub use baseline::{BASELINE_SCHEMA, BaselineError, BaselineFile, SavedBaseline};
pub use manifest::{CheckpointEntry, LikelihoodSettings, MANIFEST_FORMAT, Manifest, PosixSettings, RunSettings};
pub use responses::ResponseLog;

/// Why a run's folder could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line is not what the file holds.
    #[error("{path}:{line}: {source}; the file was changed outside this program: restore it, or delete it and run again",
        path = path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the decoder said.
        source: serde_json::Error,
    },
    /// A whole-file document is not what it should be.
    #[error("{path}: {source}", path = path.display())]
    Document {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        source: serde_json::Error,
    },
    /// The folder is no run, or an unfinished one.
    #[error("{path} is missing: {folder} is not the folder of a run (a run is made by `wit-eval --checkpoint DIR`)",
        path = path.display(), folder = folder.display())]
    NotARun {
        /// The file that is missing.
        path: PathBuf,
        /// The folder.
        folder: PathBuf,
    },
    /// A file that a run has from its beginning or gets at its end is missing.
    #[error("{} is missing: the run is not finished; repeat the command that began it{}", path.display(), remedy)]
    Unfinished {
        /// The file.
        path: PathBuf,
        /// What else may help.
        remedy: &'static str,
    },
    /// The plan is not the one that the manifest names.
    #[error("{} was changed after the run began (its digest is not the one in {}); restore it, or run again under another --run_name",
        path.display(), RunFolder::MANIFEST)]
    ChangedPlan {
        /// The plan.
        path: PathBuf,
    },
    /// The folder belongs to a run with other settings.
    #[error("{folder} holds a run with other {what}; choose another --run_name, or delete the folder", folder = folder.display())]
    OtherRun {
        /// The folder.
        folder: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// A newer program wrote the folder.
    #[error("{path}: format {found} is not the format {MANIFEST_FORMAT} that this version reads", path = path.display())]
    Format {
        /// The manifest.
        path: PathBuf,
        /// The format found.
        found: u64,
    },
    /// Another process is working in the folder.
    #[error("{folder} is in use by another wit-eval process; wait for it, or choose another --run_name", folder = folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
}

impl StoreError {
    fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Io { path, source }
    }
}

/// The folder of one run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

/// Held while a process writes to a run; released when dropped, also by a kill.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl RunFolder {
    /// Name of the manifest.
    pub const MANIFEST: &'static str = "run.json";
    /// Name of the plan.
    pub const PLAN: &'static str = "plan.jsonl";
    /// Name of the list of variants that could not be made.
    pub const SKIPPED: &'static str = "skipped.jsonl";
    /// Name of the response log.
    pub const RESPONSES: &'static str = "responses.jsonl";
    /// Name of the scores.
    pub const SCORES: &'static str = "scores.jsonl";

    /// Name of the record of who judges.
    pub const JUDGING: &'static str = "judging.json";
    /// Name of the judge's answers.
    pub const JUDGMENTS: &'static str = "judgments.jsonl";

    /// The folder at `path`, which need not exist yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether a manifest is there.
    pub fn exists(&self) -> bool {
        self.file(Self::MANIFEST).is_file()
    }

    /// Makes the folder if needed and takes its lock.
    pub fn lock(&self) -> Result<RunLock, StoreError> {
        fs::create_dir_all(&self.path).map_err(StoreError::io(&self.path))?;
        let path = self.file(".lock");
        let file =
            File::options().create(true).truncate(false).write(true).open(&path).map_err(StoreError::io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(RunLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Busy { folder: self.path.clone() }),
            Err(TryLockError::Error(source)) => Err(StoreError::Io { path, source }),
        }
    }

    /// Reads the manifest.
    pub fn manifest(&self) -> Result<Manifest, StoreError> {
        let path = self.file(Self::MANIFEST);
        let text = self.read_required(Self::MANIFEST)?;
        Manifest::from_json(&text, &path)
    }

    /// Writes the manifest; refuses to replace one that asked other questions.
    ///
    /// # Errors
    /// [`StoreError::OtherRun`] where settings, tasks or checkpoints differ from the manifest that is there.
    pub fn write_manifest(&self, manifest: &Manifest, lock: &RunLock) -> Result<(), StoreError> {
        if self.exists() {
            let present = self.manifest()?;
            if let Some(what) = present.difference(manifest) {
                return Err(StoreError::OtherRun { folder: self.path.clone(), what });
            }
        }
        self.write_document(Self::MANIFEST, manifest, lock)
    }

    /// Writes a whole-file document.
    pub fn write_document<T: Serialize>(&self, name: &str, document: &T, _lock: &RunLock) -> Result<(), StoreError> {
        let path = self.file(name);
        let text = serde_json::to_string_pretty(document);
        let text = text.map_err(|source| StoreError::Document { path: path.clone(), source })?;
        write_atomically(&path, format!("{text}\n").as_bytes())
    }

    /// Reads a whole-file document; `None` where there is none.
    pub fn document<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let path = self.file(name);
        match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(|source| StoreError::Document { path, source }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::Io { path, source }),
        }
    }

    /// Writes one of the line files whole.
    pub fn write_lines<T: Serialize>(&self, name: &str, rows: &[T], _lock: &RunLock) -> Result<(), StoreError> {
        jsonl::write(&self.file(name), rows)
    }

    /// Reads one of the line files whole.
    pub fn read_lines<T: DeserializeOwned>(&self, name: &str) -> Result<Vec<T>, StoreError> {
        let path = self.file(name);
        if !path.is_file() {
            let remedy = if name == Self::SCORES { ", or `wit-eval score` its folder" } else { "" };
            return Err(StoreError::Unfinished { path, remedy });
        }
        jsonl::read(&path)
    }

    /// Reads the plan and checks that it is the one that the manifest names.
    pub fn plan(&self, manifest: &Manifest) -> Result<Vec<PlanRecord>, StoreError> {
        let plan = self.read_lines(Self::PLAN)?;
        let path = self.file(Self::PLAN);
        let digest = Digest::of_json(&plan).map_err(|source| StoreError::Document { path: path.clone(), source })?;
        if digest == manifest.plan { Ok(plan) } else { Err(StoreError::ChangedPlan { path }) }
    }

    fn read_required(&self, name: &str) -> Result<String, StoreError> {
        let path = self.file(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(StoreError::NotARun { path, folder: self.path.clone() })
            }
            Err(source) => Err(StoreError::Io { path, source }),
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_is_told_that_the_folder_is_in_use() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run = RunFolder::at(folder.path().join("run"));
        let lock = run.lock().expect("the first lock");
        assert!(matches!(run.lock(), Err(StoreError::Busy { .. })));
        drop(lock);
        assert!(run.lock().is_ok());
    }

    #[test]
    fn a_folder_that_is_no_run_says_so() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let error = RunFolder::at(folder.path()).manifest().expect_err("there is no manifest");
        assert!(error.to_string().contains("run.json is missing"), "{error}");
    }
}
