//! Where a checkpoint comes from: `wit.json` as our trainer writes it, folder names, or the caller.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::file::{self, CONFIG_LIMIT_BYTES, FileError};
use crate::digest::Digest;
use crate::model::gguf::{is_gguf, name_of};
use crate::weighting::{Weighting, WeightingError};

/// The version of `wit.json` that is read and written.
pub const WIT_JSON_FORMAT: u32 = 1;

/// What is known about the making of a checkpoint. Nothing known is legal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Provenance {
    /// The loss weights it was tuned with.
    pub weighting: Option<Weighting>,
    /// Who says so.
    pub weighting_source: WeightingSource,
    /// The model that tuning started from.
    pub base: Option<String>,
    /// Content hash of the tuning data.
    pub data_digest: Option<Digest>,
    /// Seed of the training run.
    pub seed: Option<u64>,
    /// Optimizer steps.
    pub steps: Option<u64>,
    /// What kind of training made it.
    pub stage: Option<Stage>,
}

/// Who says what the loss weights were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightingSource {
    /// The caller; wins over the others.
    CommandLine,
    /// `wit.json` in the folder.
    WitJson,
    /// The name of the folder or of the one above it.
    FolderName,
    /// Nobody.
    Unknown,
}

impl WeightingSource {
    /// The words that reports show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CommandLine => "command line",
            Self::WitJson => "wit.json",
            Self::FolderName => "folder name",
            Self::Unknown => "unknown",
        }
    }
}

/// A stage of training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Pre-trained only.
    Base,
    /// Instruction tuned.
    Sft,
    /// Preference tuned.
    Dpo,
}

impl Stage {
    /// The word that `wit.json` uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Sft => "sft",
            Self::Dpo => "dpo",
        }
    }
}

/// `wit.json`, as a trainer writes it beside the weights. Unknown fields are kept out, not refused.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WitJson {
    /// [`WIT_JSON_FORMAT`].
    pub format: u32,
    /// The model that tuning started from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Weight of prompt tokens, together with `lambda_r`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda_p: Option<f64>,
    /// Weight of response tokens, together with `lambda_p`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda_r: Option<f64>,
    /// Both weights in the form of [`Weighting`]; stands for `lambda_p` and `lambda_r`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weighting: Option<Weighting>,
    /// SHA-256 of the tuning data, 64 lower-case hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_digest: Option<Digest>,
    /// Seed of the training run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Optimizer steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// What kind of training made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
}

/// Why `wit.json` cannot be believed.
#[derive(Debug, thiserror::Error)]
pub enum ProvenanceError {
    /// A file that cannot be read, or is not the JSON expected.
    #[error(transparent)]
    File(#[from] FileError),
    /// A version that this program does not know.
    #[error("{}: format {format} is not known, only format {WIT_JSON_FORMAT}; use the release that wrote it", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// Its version.
        format: u32,
    },
    /// Weights that cannot be.
    #[error("{}: lambda_p, lambda_r: {fault}; correct them or remove both", file.display())]
    Weighting {
        /// The file.
        file: PathBuf,
        /// Why.
        fault: WeightingError,
    },
    /// Weights that are half given, or given twice and differently.
    #[error("{}: {fault}", file.display())]
    Contradiction {
        /// The file.
        file: PathBuf,
        /// What contradicts what.
        fault: &'static str,
    },
    /// A data digest that is no digest.
    #[error("{}: data_digest `{digest}` is not 64 lower-case hexadecimal digits; correct or remove it", file.display())]
    DataDigest {
        /// The file.
        file: PathBuf,
        /// As written.
        digest: String,
    },
}

impl Provenance {
    /// Reads what a folder says about itself, or about a `.gguf` file in it. `weighting` is the caller's word and wins.
    pub fn read(dir: &Path, weighting: Option<Weighting>) -> Result<Self, ProvenanceError> {
        let path = if is_gguf(dir) { dir.with_file_name("wit.json") } else { dir.join("wit.json") };
        let wit: Option<WitJson> = file::read_json(&path, CONFIG_LIMIT_BYTES)?;
        let written = wit.as_ref().map(|wit| wit.checked_weighting(&path)).transpose()?.flatten();
        let named = || names(dir).iter().find_map(|name| Weighting::from_folder_name(name));
        let (weighting, weighting_source) = if weighting.is_some() {
            (weighting, WeightingSource::CommandLine)
        } else if written.is_some() {
            (written, WeightingSource::WitJson)
        } else if let Some(named) = named() {
            (Some(named), WeightingSource::FolderName)
        } else {
            (None, WeightingSource::Unknown)
        };
        let mut provenance =
            Self { weighting, weighting_source, base: None, data_digest: None, seed: None, steps: None, stage: None };
        if let Some(WitJson { base, data_digest, seed, steps, stage, .. }) = wit {
            provenance = Self { base, data_digest, seed, steps, stage, ..provenance };
        }
        Ok(provenance)
    }
}

impl From<&Provenance> for WitJson {
    fn from(provenance: &Provenance) -> Self {
        let Provenance { weighting, base, data_digest, seed, steps, stage, .. } = provenance.clone();
        Self {
            format: WIT_JSON_FORMAT,
            base,
            lambda_p: weighting.map(Weighting::prompt),
            lambda_r: weighting.map(Weighting::response),
            weighting: None,
            data_digest,
            seed,
            steps,
            stage,
        }
    }
}

impl WitJson {
    /// Checks every field and gives the weights, where they are given.
    fn checked_weighting(&self, path: &Path) -> Result<Option<Weighting>, ProvenanceError> {
        let contradiction = |fault| ProvenanceError::Contradiction { file: path.to_owned(), fault };
        if self.format != WIT_JSON_FORMAT {
            return Err(ProvenanceError::Format { file: path.to_owned(), format: self.format });
        }
        if let Some(digest) = &self.data_digest {
            let text = digest.as_str();
            if text.len() != 64 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
                let digest = text.chars().take(80).collect();
                return Err(ProvenanceError::DataDigest { file: path.to_owned(), digest });
            }
        }
        let lambdas = match (self.lambda_p, self.lambda_r) {
            (None, None) => return Ok(self.weighting),
            (Some(prompt), Some(response)) => Weighting::new(prompt, response)
                .map_err(|fault| ProvenanceError::Weighting { file: path.to_owned(), fault })?,
            _ => return Err(contradiction("lambda_p and lambda_r go together; add the missing one")),
        };
        if self.weighting.is_some_and(|weighting| weighting != lambdas) {
            return Err(contradiction("weighting differs from lambda_p and lambda_r; keep one of the two forms"));
        }
        Ok(Some(lambdas))
    }
}

/// The names that a folder goes by, nearest first. A download cache's `snapshots/<revision>` goes by its repository. A
/// file goes by its own name before those of its folder.
fn names(dir: &Path) -> Vec<String> {
    if is_gguf(dir) {
        let mut names = vec![name_of(dir)];
        let folder = dir.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        names.extend(self::names(folder));
        return names;
    }
    let full = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let mut names: Vec<String> =
        full.ancestors().filter_map(Path::file_name).take(3).map(|name| name.to_string_lossy().into_owned()).collect();
    if names.get(1).is_some_and(|parent| parent == "snapshots") {
        names.drain(..2);
    }
    names.truncate(2);
    names
}

/// The name of a checkpoint: its folder's, or its repository's in a download cache (`org--model`). A sweep's `checkpoint` goes
/// by its cell, and its `dpo` by the cell with that added.
pub(super) fn checkpoint_name(dir: &Path) -> String {
    if is_gguf(dir) {
        return name_of(dir);
    }
    let mut names = names(dir).into_iter();
    let name = names.next().unwrap_or_else(|| "checkpoint".to_owned());
    match (name.as_str(), names.next()) {
        ("checkpoint", Some(cell)) => cell,
        ("dpo", Some(cell)) if Weighting::from_folder_name(&cell).is_some() => format!("{cell}-dpo"),
        _ => name.strip_prefix("models--").map_or(name.clone(), str::to_owned),
    }
}
