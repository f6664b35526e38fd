//! Checkpoint folders: the base's weights read for training, and what training made written in the layout of Hugging
//! Face (a whole checkpoint) or of PEFT (an adapter), with `wit.json` beside it.

mod adapter;
mod error;
mod staging;
mod tensor_file;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde_json::{Map, Value, json};

use crate::model::architecture::Architecture;
use crate::model::chat_template::ChatTemplate;
use crate::model::checkpoint::file::{self, CONFIG_LIMIT_BYTES};
use crate::model::checkpoint::{Checkpoint, WitJson};
use crate::model::weights::{Dtype, WeightsError};
use crate::train::parameters::{Parameter, Parameters};
pub use adapter::write_adapter;
pub use error::FolderError;
use staging::{Kind, Staging};
pub(super) use staging::{io_error, sync_folder};
pub(super) use tensor_file::{NamedTensor, write_tensors};

/// Bytes of weights above which they are split over several files.
const SHARD_BYTES: usize = 5_000_000_000;

/// How weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredDtype {
    /// 32 bits, exactly as trained.
    F32,
    /// The upper half of 32 bits, rounded to the nearest, ties to even.
    Bf16,
    /// IEEE 754 binary16, rounded likewise; refused where a value is too large for it.
    F16,
}

impl StoredDtype {
    /// The word that `config.json` has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::Bf16 => "bfloat16",
            Self::F16 => "float16",
        }
    }

    fn width(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 | Self::F16 => 2,
        }
    }

    /// The type that most weights of a checkpoint have.
    pub fn of(checkpoint: &Checkpoint) -> Self {
        let (mut halves, mut brains, mut singles) = (0_usize, 0_usize, 0_usize);
        for view in checkpoint.architecture.tensors() {
            let count = match view.names.iter().find_map(|name| checkpoint.weights.dtype(name)) {
                Some(Dtype::F16) => &mut halves,
                Some(Dtype::BF16) => &mut brains,
                _ => &mut singles,
            };
            *count += view.shape.iter().product::<usize>();
        }
        if singles >= brains.max(halves) {
            Self::F32
        } else if brains >= halves {
            Self::Bf16
        } else {
            Self::F16
        }
    }
}

impl fmt::Display for StoredDtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for StoredDtype {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "f32" | "fp32" | "float32" => Ok(Self::F32),
            "bf16" | "bfloat16" => Ok(Self::Bf16),
            "f16" | "fp16" | "float16" => Ok(Self::F16),
            _ => Err(format!("`{text}` is no type that weights are stored in; write f32, bf16 or f16")),
        }
    }
}

/// Where everything of a written folder comes from that training does not change.
#[derive(Debug, Clone, Copy)]
pub struct FolderSource<'a> {
    /// The base's folder: `config.json`, `generation_config.json`.
    pub model: &'a Path,
    /// The tokenizer's folder.
    pub tokenizer: &'a Path,
    /// The chat template in use; `None` leaves what the tokenizer's folder says.
    pub chat_template: Option<&'a str>,
    /// Whether the weights of `model` were changed by an adapter before training began.
    pub adapted: bool,
}

impl<'a> FolderSource<'a> {
    /// The folders and the template that an opened checkpoint was read with.
    pub fn of(checkpoint: &'a Checkpoint) -> Self {
        Self {
            model: &checkpoint.model_dir,
            tokenizer: &checkpoint.tokenizer_dir,
            chat_template: checkpoint.chat_template.as_ref().map(ChatTemplate::source),
            adapted: checkpoint.is_adapter(),
        }
    }
}

/// Every tensor that the network reads, once, as `f32`, under the name that it is stored by. Of an adapter's folder:
/// the base's tensors with the adapter merged in.
pub fn read_parameters(checkpoint: &Checkpoint) -> Result<Parameters, WeightsError> {
    let mut parameters = Parameters::new();
    for view in checkpoint.architecture.tensors() {
        let stored = view.names.iter().find(|name| checkpoint.weights.contains(name)).or(view.names.first());
        let Some(name) = stored.filter(|name| !parameters.contains_key(*name)) else { continue };
        let values = checkpoint.weights.to_f32(name, &view.shape)?;
        parameters.insert(name.clone(), Parameter { shape: view.shape.clone(), values });
    }
    Ok(parameters)
}

/// Writes a whole checkpoint: configuration and tokenizer of `source`, these weights, and `wit`.
///
/// `out` may hold other things, such as a run's log and snapshots, or a checkpoint that this one replaces. Everything
/// is written beside first and moved in at the end, `config.json` last, so that at no moment the folder looks like a
/// checkpoint and is a mixture of two.
///
/// # Errors
/// Where a number is not finite or does not fit `dtype`, where a tensor that the network reads is missing, where `out`
/// is the source or an adapter, and where the system refuses to write. What was in `out` is untouched then.
pub fn write_checkpoint(
    out: &Path,
    source: &FolderSource<'_>,
    parameters: &Parameters,
    dtype: StoredDtype,
    wit: &WitJson,
) -> Result<(), FolderError> {
    write_in_shards(out, source, parameters, dtype, wit, SHARD_BYTES)
}

fn write_in_shards(
    out: &Path,
    source: &FolderSource<'_>,
    parameters: &Parameters,
    dtype: StoredDtype,
    wit: &WitJson,
    shard_bytes: usize,
) -> Result<(), FolderError> {
    let config = config_of(source.model, dtype)?;
    check_complete(source.model, parameters)?;
    let staging = Staging::begin(out, source, Kind::Checkpoint)?;
    for (name, shard) in shards(parameters, dtype, shard_bytes) {
        let tensors: Vec<_> = shard.iter().map(|(name, parameter)| NamedTensor::of(name, parameter)).collect();
        write_tensors(&staging.path(&name), &tensors, dtype)?;
    }
    if let Some(index) = index(parameters, dtype, shard_bytes) {
        staging.json("model.safetensors.index.json", &index)?;
    }
    staging.tokenizer(source)?;
    staging.copy(source.model, "generation_config.json")?;
    staging.json("wit.json", &wit)?;
    staging.json("config.json", &config)?;
    staging.commit()
}

/// `config.json` of the base with the type of these weights.
fn config_of(model: &Path, dtype: StoredDtype) -> Result<Map<String, Value>, FolderError> {
    let path = model.join("config.json");
    let config = file::read_json::<Map<String, Value>>(&path, CONFIG_LIMIT_BYTES)?;
    let mut config = config.ok_or_else(|| FolderError::NoConfig { dir: model.to_owned() })?;
    // transformers 5 writes `dtype`, older releases `torch_dtype`; both read the latter.
    let keys: Vec<&str> = ["dtype", "torch_dtype"].into_iter().filter(|key| config.contains_key(*key)).collect();
    for key in if keys.is_empty() { vec!["torch_dtype"] } else { keys } {
        config.insert(key.to_owned(), Value::from(dtype.as_str()));
    }
    Ok(config)
}

/// Is everything there that the network of the source's `config.json` reads?
fn check_complete(model: &Path, parameters: &Parameters) -> Result<(), FolderError> {
    let path = model.join("config.json");
    let text = file::read_text(&path, CONFIG_LIMIT_BYTES)?.unwrap_or_default();
    let architecture = Architecture::from_config_json(&text)
        .map_err(|source| FolderError::Architecture { file: path, source: Box::new(source) })?;
    for view in architecture.tensors() {
        let found = view.names.iter().find_map(|name| parameters.get(name));
        let fault = match found {
            None => "is not among what is to be written".to_owned(),
            Some(found) if found.shape != view.shape => {
                format!("has shape {:?} where config.json asks for {:?}", found.shape, view.shape)
            }
            Some(_) => continue,
        };
        return Err(FolderError::Tensor { tensor: view.names.join(" or "), fault });
    }
    Ok(())
}

/// The tensors by file, in order of name; one file where all fit.
fn shards(parameters: &Parameters, dtype: StoredDtype, shard_bytes: usize) -> Vec<(String, Vec<(&str, &Parameter)>)> {
    let mut groups: Vec<Vec<(&str, &Parameter)>> = vec![Vec::new()];
    let mut filled = 0_usize;
    for (name, parameter) in parameters {
        let bytes = parameter.values.len() * dtype.width();
        let begins = filled > 0 && filled.saturating_add(bytes) > shard_bytes;
        if begins {
            groups.push(Vec::new());
            filled = 0;
        }
        filled = filled.saturating_add(bytes);
        if let Some(group) = groups.last_mut() {
            group.push((name, parameter));
        }
    }
    let count = groups.len();
    let name = |at: usize| match count {
        1 => "model.safetensors".to_owned(),
        _ => format!("model-{:05}-of-{count:05}.safetensors", at + 1),
    };
    groups.into_iter().enumerate().map(|(at, group)| (name(at), group)).collect()
}

/// Which shard holds which tensor; `None` where there is one file.
fn index(parameters: &Parameters, dtype: StoredDtype, shard_bytes: usize) -> Option<Value> {
    let shards = shards(parameters, dtype, shard_bytes);
    if shards.len() == 1 {
        return None;
    }
    let total: usize = parameters.values().map(|parameter| parameter.values.len() * dtype.width()).sum();
    let mut map = Map::new();
    for (file, tensors) in shards {
        map.extend(tensors.into_iter().map(|(name, _)| (name.to_owned(), Value::from(file.as_str()))));
    }
    Some(json!({"metadata": {"total_size": total}, "weight_map": map}))
}
