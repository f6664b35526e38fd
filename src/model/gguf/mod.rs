//! Models in GGUF, the one-file format of llama.cpp: weights, configuration and tokenizer together.
//!
//! Nothing of a file is trusted. Its tensors are given out under the names, and in the layout, that Hugging Face
//! checkpoints of the same family have, so that nothing above [`crate::model::weights::Weights`] knows of the format.

mod config;
pub(crate) mod element;
mod error;
mod header;
mod metadata;
mod names;
mod parts;
mod rotary;
pub mod tokenizer;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::quantized::GgmlDType;

use crate::model::architecture::Family;
use crate::model::weights::{Arrangement, Mapping};
pub use error::GgufError;
pub use metadata::{Metadata, Value};
pub use parts::{is_gguf, model_in, name_of};

/// A model in GGUF, opened: one file, or the files that it was split into.
#[derive(Debug)]
pub struct GgufFile {
    path: PathBuf,
    metadata: Metadata,
    parts: Vec<Part>,
    /// By ggml's names.
    tensors: BTreeMap<String, GgufTensor>,
}

/// One file of a model.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub path: PathBuf,
    pub map: Arc<Mapping>,
}

/// A tensor as the file stores it.
#[derive(Debug, Clone)]
pub(crate) struct GgufTensor {
    /// Index of its file.
    pub part: usize,
    pub element: GgmlDType,
    /// Outermost first.
    pub shape: Vec<usize>,
    /// Bytes within its file.
    pub bytes: Range<usize>,
}

impl GgufFile {
    /// Opens a model by its file; of a model in several files (`...-00001-of-00003.gguf`), by any of them.
    ///
    /// # Errors
    /// Where a file is missing, cut off, damaged or forged, or stores tensors in a type that is not read.
    pub fn open(path: &Path) -> Result<Self, GgufError> {
        let paths = parts::paths_of(path)?;
        let mut metadata = None;
        let mut file = Self {
            path: path.to_owned(),
            metadata: Metadata::new(path, []),
            parts: Vec::new(),
            tensors: BTreeMap::new(),
        };
        for (place, path) in paths.iter().enumerate() {
            let map = parts::map(path)?;
            let header = header::parse(path, &map)?;
            parts::check(&header.metadata, place, paths.len())?;
            metadata.get_or_insert(header.metadata);
            for entry in header.tensors {
                let tensor = GgufTensor { part: place, element: entry.element, shape: entry.shape, bytes: entry.bytes };
                if file.tensors.insert(entry.name.clone(), tensor).is_some() {
                    let fault = "is in an earlier file of the model too; fetch all files of the model again".to_owned();
                    return Err(GgufError::Tensor { file: path.clone(), tensor: entry.name, fault });
                }
            }
            file.parts.push(Part { path: path.clone(), map: Arc::new(map) });
        }
        file.metadata = metadata.unwrap_or(file.metadata);
        Ok(file)
    }

    /// The file that was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keys and values; those of the first file where there are several.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The configuration as a `config.json` of the family, which
    /// [`crate::model::architecture::Architecture::from_config_json`] reads.
    ///
    /// # Errors
    /// Where the model is of a family that is not supported, or has a key that asks for something else than the family
    /// computes: by file and key.
    pub fn config_json(&self) -> Result<String, GgufError> {
        config::config_json(self)
    }

    /// The family, by `general.architecture`.
    ///
    /// # Errors
    /// Where there is none or it is not supported.
    pub fn family(&self) -> Result<Family, GgufError> {
        config::family(&self.metadata)
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether there is a tensor of this name, in ggml's words.
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|tensor| tensor.shape.as_slice())
    }

    fn bytes_of(&self, tensor: &GgufTensor) -> Option<&[u8]> {
        self.parts.get(tensor.part)?.map.get(tensor.bytes.clone())
    }

    /// The tensors under their Hugging Face names, each with what was done to it in conversion.
    ///
    /// # Errors
    /// Where a tensor is none of the family, or cannot have been converted as those of the family are.
    pub(crate) fn stored_tensors(&self) -> Result<Vec<(String, Arrangement, &GgufTensor)>, GgufError> {
        let heads = config::Heads::read(&self.metadata)?;
        let names = names::Names { family: self.family()?, heads };
        let mut stored = Vec::with_capacity(self.tensors.len());
        for (ggml, tensor) in &self.tensors {
            if names::is_read_elsewhere(ggml) {
                continue;
            }
            let refused = |fault: &str| GgufError::Tensor {
                file: self.parts.get(tensor.part).map_or(&self.path, |part| &part.path).clone(),
                tensor: ggml.clone(),
                fault: fault.to_owned(),
            };
            let (name, arrangement) = names.stored(ggml).ok_or_else(|| {
                let family = names.family.as_str();
                refused(&format!("is none that a {family} network has; this variant of the family is not supported"))
            })?;
            if !arrangement.fits(&tensor.shape) {
                return Err(refused(&format!("has the shape {:?}, which its heads do not divide", tensor.shape)));
            }
            stored.push((name, arrangement, tensor));
        }
        Ok(stored)
    }
}
