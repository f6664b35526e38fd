//! Digests of what a cell is made from. A file is hashed once, however many cells read it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::SweepError;
use crate::digest::Digest;

/// Digests by path.
#[derive(Debug, Default)]
pub struct ContentDigests {
    known: BTreeMap<PathBuf, Digest>,
}

impl ContentDigests {
    /// The digest of a file's bytes, or of the model in a folder.
    pub fn of(&mut self, path: &Path) -> Result<Digest, SweepError> {
        if let Some(known) = self.known.get(path) {
            return Ok(known.clone());
        }
        let io = |source| SweepError::Io { path: path.to_owned(), source };
        let digest = if fs::metadata(path).map_err(io)?.is_dir() { model(path)? } else { file(path)? };
        self.known.insert(path.to_owned(), digest.clone());
        Ok(digest)
    }
}

fn file(path: &Path) -> Result<Digest, SweepError> {
    let io = |source| SweepError::Io { path: path.to_owned(), source };
    Digest::of_reader(File::open(path).map_err(io)?).map_err(io)
}

/// Weights, configuration, tokenizer and template: what decides what a model is and how it is prompted. `wit.json` says
/// where a model is from and is left out.
fn model(folder: &Path) -> Result<Digest, SweepError> {
    let io = |source| SweepError::Io { path: folder.to_owned(), source };
    let mut parts = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        let belongs = matches!(&*extension, "safetensors" | "json" | "jinja" | "model" | "txt") && name != "wit.json";
        if belongs && !name.starts_with('.') && path.is_file() {
            parts.insert(name, file(&path)?);
        }
    }
    if parts.contains_key("config.json") || parts.contains_key("adapter_config.json") {
        let encoding = |source: serde_json::Error| io(source.into());
        Digest::of_json(&parts).map_err(encoding)
    } else {
        Err(SweepError::NoCheckpoint { path: folder.to_owned() })
    }
}
