//! A run kept for later comparisons: the records that pairing needs, and a list of their digests.
//!
//! | file | what |
//! | --- | --- |
//! | `baseline.json` | [`SavedBaseline`]: name, identity, and the SHA-256 of every other file |
//! | `run.json`, `plan.jsonl`, `skipped.jsonl`, `scores.jsonl`, `judging.json` | as in the run, byte for byte |
//! | `responses.jsonl` | the responses to prompt sets only: POSIX is computed from them |

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Manifest, RunFolder, StoreError};
use crate::digest::Digest;
use crate::record::ResponseRecord;

/// The format of `baseline.json`.
pub const BASELINE_SCHEMA: &str = "wit-eval/baseline/1";

/// The files that a run has and a comparison reads, without the responses.
const RECORDS: [&str; 5] =
    [RunFolder::MANIFEST, RunFolder::PLAN, RunFolder::SKIPPED, RunFolder::SCORES, RunFolder::JUDGING];

/// Why a baseline could not be saved or read.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// The operating system refused, or a file is no record.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something is there already.
    #[error("{} exists already; --overwrite replaces a saved baseline, or choose another --out", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// What is there is no baseline.
    #[error("{} is no saved baseline and is not replaced; choose another --out", path.display())]
    NotABaseline {
        /// The folder.
        path: PathBuf,
    },
    /// A file is not the one that was saved.
    #[error(
        "{} {what} since the baseline was saved (baseline.json has its digest); restore the folder, or save the baseline again",
        path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// What happened to it.
        what: &'static str,
    },
    /// A file or folder that was not saved.
    #[error(
        "{} is not listed in baseline.json: it was added after the baseline was saved; remove it, or save the baseline again",
        path.display()
    )]
    Added {
        /// The file or folder.
        path: PathBuf,
    },
    /// A folder without `baseline.json`.
    #[error(
        "{} is no saved baseline: it holds no baseline.json (`wit-eval baseline save RUN --out DIR` makes a saved baseline)",
        folder.display()
    )]
    NoList {
        /// The folder.
        folder: PathBuf,
    },
    /// Another format.
    #[error("{}: schema `{found}` is not {BASELINE_SCHEMA}, which this version reads", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// A name that no baseline has.
    #[error("{}: `{name}` is no file of a baseline", path.display())]
    UnknownFile {
        /// `baseline.json`.
        path: PathBuf,
        /// The name.
        name: String,
    },
}

/// A file of a baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineFile {
    /// Its name in the folder.
    pub name: String,
    /// Digest of its bytes.
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
}

/// `baseline.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedBaseline {
    /// [`BASELINE_SCHEMA`].
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Digest of the run's settings, checkpoints, tasks and questions.
    pub identity: Digest,
    /// The program that asked, with its version.
    pub program: String,
    /// Labels of the checkpoints.
    pub checkpoints: Vec<String>,
    /// Names of the tasks.
    pub tasks: Vec<String>,
    /// Responses that were left behind: those to questions that are judged.
    pub responses_left_out: usize,
    /// The files.
    pub files: Vec<BaselineFile>,
}

impl SavedBaseline {
    /// Name of the list.
    pub const FILE: &'static str = "baseline.json";

    /// Whether a folder is a saved baseline.
    pub fn is_at(folder: &Path) -> bool {
        folder.join(Self::FILE).is_file()
    }

    /// Saves a finished run under `out`, in one step: the folder is made beside it and renamed. `prompt_sets` are the
    /// keys of the responses that are kept.
    pub fn save(
        run: &RunFolder,
        name: &str,
        prompt_sets: &BTreeSet<Digest>,
        out: &Path,
        overwrite: bool,
    ) -> Result<Self, BaselineError> {
        let place = Place::new(out, overwrite)?;
        let manifest = run.manifest()?;
        run.plan(&manifest)?;
        fs::create_dir_all(&place.partial).map_err(StoreError::io(&place.partial))?;
        let saved = Self::fill(run, &manifest, name, prompt_sets, &place.partial).and_then(|saved| {
            place.commit()?;
            Ok(saved)
        });
        if saved.is_err() {
            // What is half written helps nobody; the first error is the one to report.
            let _ = fs::remove_dir_all(&place.partial);
        }
        saved
    }

    fn fill(
        run: &RunFolder,
        manifest: &Manifest,
        name: &str,
        prompt_sets: &BTreeSet<Digest>,
        folder: &Path,
    ) -> Result<Self, BaselineError> {
        let mut files = Vec::new();
        for record in RECORDS {
            let path = run.file(record);
            let bytes = match fs::read(&path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == ErrorKind::NotFound && record == RunFolder::JUDGING => continue,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Err(StoreError::Unfinished { path, remedy: ", or `wit-eval score` its folder" }.into());
                }
                Err(source) => return Err(StoreError::Io { path, source }.into()),
            };
            files.push(write(folder, record, &bytes)?);
        }
        let (kept, left_out) = responses(&run.file(RunFolder::RESPONSES), prompt_sets)?;
        files.push(write(folder, RunFolder::RESPONSES, &kept)?);
        let identity = manifest.identity();
        let path = folder.join(Self::FILE);
        let document = |source| StoreError::Document { path: path.clone(), source };
        let saved = Self {
            schema: BASELINE_SCHEMA.to_owned(),
            name: name.to_owned(),
            identity: identity.map_err(document)?,
            program: manifest.program.clone(),
            checkpoints: manifest.checkpoints.iter().map(|entry| entry.label.clone()).collect(),
            tasks: manifest.tasks.iter().map(|task| task.name.clone()).collect(),
            responses_left_out: left_out,
            files,
        };
        let text = serde_json::to_string_pretty(&saved).map_err(document)?;
        write(folder, Self::FILE, format!("{text}\n").as_bytes())?;
        Ok(saved)
    }

    /// Reads `baseline.json` and checks that every file is the one that was saved, and that none was added.
    pub fn open(folder: &Path) -> Result<Self, BaselineError> {
        let path = folder.join(Self::FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(BaselineError::NoList { folder: folder.to_owned() });
            }
            Err(source) => return Err(StoreError::Io { path, source }.into()),
        };
        let document = |source| StoreError::Document { path: path.clone(), source };
        let head: serde_json::Value = serde_json::from_str(&text).map_err(document)?;
        let found = head.get("schema").and_then(serde_json::Value::as_str).unwrap_or_default();
        if found != BASELINE_SCHEMA {
            return Err(BaselineError::Schema { path, found: found.to_owned() });
        }
        let saved: Self = serde_json::from_value(head).map_err(document)?;
        saved.check_files(folder)?;
        let known =
            |entry: &&BaselineFile| entry.name != RunFolder::RESPONSES && !RECORDS.contains(&entry.name.as_str());
        match saved.files.iter().find(known) {
            Some(entry) => Err(BaselineError::UnknownFile { path, name: entry.name.clone() }),
            None => Ok(saved),
        }
    }

    /// Checks that the files are those that were saved, and that there are no others.
    fn check_files(&self, folder: &Path) -> Result<(), BaselineError> {
        for name in RECORDS.into_iter().chain([RunFolder::RESPONSES]) {
            let file = folder.join(name);
            let listed = self.files.iter().find(|entry| entry.name == name);
            let bytes = match File::open(&file) {
                Ok(bytes) => Some(Digest::of_reader(bytes).map_err(StoreError::io(&file))?),
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(source) => return Err(StoreError::Io { path: file, source }.into()),
            };
            let what = match (listed, bytes) {
                (Some(entry), Some(digest)) if entry.sha256 == digest => continue,
                (None, None) if name == RunFolder::JUDGING => continue,
                (Some(_), Some(_)) => "was changed",
                (_, None) => "was removed",
                (None, Some(_)) => return Err(BaselineError::Added { path: file }),
            };
            return Err(BaselineError::Changed { path: file, what });
        }
        match self.added(folder).map_err(StoreError::io(folder))? {
            Some(path) => Err(BaselineError::Added { path }),
            None => Ok(()),
        }
    }

    /// The first entry of the folder, by name, that was not saved. An empty `.lock` is left by programs that read it.
    fn added(&self, folder: &Path) -> io::Result<Option<PathBuf>> {
        let mut added = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let listed = name == Self::FILE || self.files.iter().any(|file| name == file.name.as_str());
            let is_empty_lock = || entry.metadata().map(|data| name == ".lock" && data.is_file() && data.len() == 0);
            if !listed && !is_empty_lock()? {
                added.push(entry.path());
            }
        }
        added.sort();
        Ok(added.into_iter().next())
    }
}

/// Writes a file and answers its entry.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<BaselineFile, StoreError> {
    super::write_atomically(&folder.join(name), bytes)?;
    Ok(BaselineFile { name: name.to_owned(), sha256: Digest::of_bytes(bytes), bytes: bytes.len() as u64 })
}

/// The lines of a response log whose keys are kept, byte for byte, and how many are not.
fn responses(path: &Path, keep: &BTreeSet<Digest>) -> Result<(Vec<u8>, usize), StoreError> {
    let mut reader = BufReader::new(File::open(path).map_err(StoreError::io(path))?);
    let (mut kept, mut left_out, mut line) = (Vec::new(), 0, Vec::new());
    for number in 1.. {
        line.clear();
        let bytes = reader.read_until(b'\n', &mut line).map_err(StoreError::io(path))?;
        // A last line without its end was never recorded.
        if bytes == 0 || line.last() != Some(&b'\n') {
            break;
        }
        let record: ResponseRecord = serde_json::from_slice(&line).map_err(|source| StoreError::Line {
            path: path.to_owned(),
            line: number,
            source,
        })?;
        if keep.contains(&record.key) {
            kept.extend_from_slice(&line);
        } else {
            left_out += 1;
        }
    }
    Ok((kept, left_out))
}

/// Where a baseline goes.
struct Place {
    out: PathBuf,
    partial: PathBuf,
    old: Option<PathBuf>,
}

impl Place {
    fn new(out: &Path, overwrite: bool) -> Result<Self, BaselineError> {
        let beside = |ending: &str| {
            let mut name = out.file_name().unwrap_or_default().to_owned();
            name.push(format!(".{}.{ending}", std::process::id()));
            out.with_file_name(name)
        };
        let occupied = match fs::read_dir(out) {
            Ok(mut entries) => entries.next().is_some(),
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(source) => return Err(StoreError::Io { path: out.to_owned(), source }.into()),
        };
        if occupied && !overwrite {
            return Err(BaselineError::Exists { path: out.to_owned() });
        }
        if occupied && !SavedBaseline::is_at(out) {
            return Err(BaselineError::NotABaseline { path: out.to_owned() });
        }
        Ok(Self { out: out.to_owned(), partial: beside("partial"), old: occupied.then(|| beside("old")) })
    }

    /// Puts the new folder in its place. The old one is moved aside first and removed last, so that one of the two is
    /// there whatever happens.
    fn commit(&self) -> Result<(), StoreError> {
        if let Some(old) = &self.old {
            fs::rename(&self.out, old).map_err(StoreError::io(&self.out))?;
        }
        if let Err(source) = fs::rename(&self.partial, &self.out) {
            if let Some(old) = &self.old {
                let _ = fs::rename(old, &self.out);
            }
            return Err(StoreError::Io { path: self.out.clone(), source });
        }
        if let Some(old) = &self.old {
            fs::remove_dir_all(old).map_err(StoreError::io(old))?;
        }
        Ok(())
    }
}
