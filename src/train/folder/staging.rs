//! A folder's files are written beside and moved in together.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{FolderError, FolderSource};
use crate::model::adapter::{CONFIG_FILE, TENSOR_FILE, is_adapter};
use crate::model::checkpoint::file;
use crate::model::weights::Weights;

/// Where files wait until all are written.
const WAITING: &str = ".partial";

/// Tokenizer files of a model folder, of whatever kind the tokenizer is.
const TOKENIZER_FILES: [&str; 9] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "chat_template.jinja",
];

/// What a folder is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Checkpoint,
    Adapter,
}

impl Kind {
    /// Without this file the folder is nothing.
    fn mark(self) -> &'static str {
        match self {
            Self::Checkpoint => "config.json",
            Self::Adapter => CONFIG_FILE,
        }
    }

    /// Whether a file of an older checkpoint would be read along with the new one.
    fn owns(self, name: &str) -> bool {
        match self {
            Self::Checkpoint => {
                let weights = name.starts_with("model-") || name.starts_with("model.");
                let weights = weights && (name.ends_with(".safetensors") || name.ends_with(".safetensors.index.json"));
                weights || name == "generation_config.json" || TOKENIZER_FILES.contains(&name)
            }
            Self::Adapter => name == TENSOR_FILE || TOKENIZER_FILES.contains(&name),
        }
    }
}

/// Files that are being written for a folder.
#[derive(Debug)]
pub(super) struct Staging {
    out: PathBuf,
    waiting: PathBuf,
    kind: Kind,
}

impl Staging {
    /// Makes the folder where it is missing, checks that it may be written to, and clears what a killed run left.
    pub fn begin(out: &Path, source: &FolderSource<'_>, kind: Kind) -> Result<Self, FolderError> {
        let occupied = |fault| Err(FolderError::Occupied { out: out.to_owned(), fault });
        fs::create_dir_all(out).map_err(|source| io_error(out, source))?;
        let home = out.canonicalize().map_err(|source| io_error(out, source))?;
        if [source.model, source.tokenizer].iter().any(|dir| dir.canonicalize().is_ok_and(|dir| dir == home)) {
            return occupied("is the folder of the base model, which would be lost; choose another folder");
        }
        match kind {
            Kind::Checkpoint if is_adapter(out) => return occupied("holds an adapter; choose another folder"),
            Kind::Adapter if Weights::are_in(out) => {
                return occupied("holds a whole checkpoint; choose another folder");
            }
            _ => {}
        }
        let waiting = out.join(WAITING);
        remove_folder(&waiting)?;
        fs::create_dir(&waiting).map_err(|source| io_error(&waiting, source))?;
        Ok(Self { out: out.to_owned(), waiting, kind })
    }

    /// Where a file is to be written.
    pub fn path(&self, name: &str) -> PathBuf {
        self.waiting.join(name)
    }

    /// A value as indented JSON.
    pub fn json(&self, name: &str, value: &impl Serialize) -> Result<(), FolderError> {
        let path = self.path(name);
        let mut text = serde_json::to_vec_pretty(value).map_err(|error| io_error(&path, error.into()))?;
        text.push(b'\n');
        write_file(&path, &text)
    }

    /// A file of another folder; nothing where that has none.
    pub fn copy(&self, from: &Path, name: &str) -> Result<(), FolderError> {
        let Some((mut read, _)) = file::open(&from.join(name))? else { return Ok(()) };
        let path = self.path(name);
        let io = |source| io_error(&path, source);
        let mut written = File::create(&path).map_err(io)?;
        io::copy(&mut read, &mut written).and_then(|_| written.sync_data()).map_err(io)
    }

    /// The tokenizer and the chat template.
    pub fn tokenizer(&self, source: &FolderSource<'_>) -> Result<(), FolderError> {
        for name in TOKENIZER_FILES {
            self.copy(source.tokenizer, name)?;
        }
        source.chat_template.map_or(Ok(()), |text| write_file(&self.path("chat_template.jinja"), text.as_bytes()))
    }

    /// Moves everything in. Until the last file is there the folder has no mark and so is no checkpoint.
    pub fn commit(self) -> Result<(), FolderError> {
        sync_folder(&self.waiting);
        let mut names = names_in(&self.waiting)?;
        names.retain(|name| name != self.kind.mark());
        let mark = self.out.join(self.kind.mark());
        remove_file(&mark)?;
        for name in names_in(&self.out)? {
            if self.kind.owns(&name) && !names.contains(&name) {
                remove_file(&self.out.join(&name))?;
            }
        }
        names.push(self.kind.mark().to_owned());
        for name in names {
            let to = self.out.join(&name);
            fs::rename(self.waiting.join(&name), &to).map_err(|source| io_error(&to, source))?;
        }
        sync_folder(&self.out);
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What cannot be removed now is removed when the folder is written next.
        let _ = fs::remove_dir_all(&self.waiting);
    }
}

fn names_in(dir: &Path) -> Result<Vec<String>, FolderError> {
    let io = |source| io_error(dir, source);
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(io)? {
        names.extend(entry.map_err(io)?.file_name().into_string().ok());
    }
    names.sort_unstable();
    Ok(names)
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    let io = |source| io_error(path, source);
    let mut file = File::create(path).map_err(io)?;
    file.write_all(bytes).and_then(|()| file.sync_data()).map_err(io)
}

fn remove_file(path: &Path) -> Result<(), FolderError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io_error(path, error)),
        _ => Ok(()),
    }
}

fn remove_folder(path: &Path) -> Result<(), FolderError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io_error(path, error)),
        _ => Ok(()),
    }
}

/// A rename survives a power cut only once the folder is written; not every system can do that.
pub(in crate::train) fn sync_folder(dir: &Path) {
    let _ = File::open(dir).and_then(|dir| dir.sync_all());
}

/// An error of the system with the path and what to do.
pub(in crate::train) fn io_error(path: &Path, source: io::Error) -> FolderError {
    let remedy = match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space and start again",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "choose a folder that can be written",
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => "a file is in the way; choose another folder",
        _ => "check the disk, or choose another folder",
    };
    FolderError::Io { path: path.to_owned(), source, remedy }
}
