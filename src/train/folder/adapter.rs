//! Adapters in the layout of PEFT.

use std::path::Path;

use serde_json::{Value, json};

use super::staging::{Kind, Staging};
use super::{FolderError, FolderSource, NamedTensor, StoredDtype, write_tensors};
use crate::model::adapter::{CONFIG_FILE, PREFIX, TENSOR_FILE};
use crate::model::architecture::{Architecture, Selection};
use crate::model::checkpoint::WitJson;
use crate::model::checkpoint::file::{self, CONFIG_LIMIT_BYTES};
use crate::train::parameters::Adapter;

/// Writes an adapter over the model of `source`: `adapter_config.json`, `adapter_model.safetensors` in `f32`, the
/// tokenizer, and `wit`. The base is named by its full path.
///
/// # Errors
/// As [`super::write_checkpoint`], and where the source is an adapter itself: the new one would stand over the base
/// without it. Callers that can be asked for that refuse before they train. What was in `out` is untouched then.
pub fn write_adapter(
    out: &Path,
    source: &FolderSource<'_>,
    adapter: &Adapter,
    wit: &WitJson,
) -> Result<(), FolderError> {
    if source.adapted {
        let fault = "cannot hold this adapter, which was trained over another adapter: merge that one first \
                     (wit-eval merge) and train over the result";
        return Err(FolderError::Occupied { out: out.to_owned(), fault });
    }
    for name in adapter.tensors.keys() {
        if !name.starts_with(PREFIX) {
            let fault = format!("is not named as PEFT names an adapter's ({PREFIX}...)");
            return Err(FolderError::Tensor { tensor: name.clone(), fault });
        }
    }
    let config = config(source.model, adapter)?;
    let staging = Staging::begin(out, source, Kind::Adapter)?;
    let tensors: Vec<_> = adapter.tensors.iter().map(|(name, tensor)| NamedTensor::of(name, tensor)).collect();
    write_tensors(&staging.path(TENSOR_FILE), &tensors, StoredDtype::F32)?;
    staging.tokenizer(source)?;
    staging.json("wit.json", &wit)?;
    staging.json(CONFIG_FILE, &config)?;
    staging.commit()
}

fn config(model: &Path, adapter: &Adapter) -> Result<Value, FolderError> {
    let path = model.join("config.json");
    let text = file::read_text(&path, CONFIG_LIMIT_BYTES)?;
    let text = text.ok_or_else(|| FolderError::NoConfig { dir: model.to_owned() })?;
    let architecture = Architecture::from_config_json(&text)
        .map_err(|source| FolderError::Architecture { file: path, source: Box::new(source) })?;
    let transposed = architecture.tensors().iter().any(|view| matches!(view.selection, Selection::Columns { .. }));
    let base = model.canonicalize().unwrap_or_else(|_| model.to_owned());
    let settings = &adapter.settings;
    // PEFT writes whole numbers where they are whole.
    #[allow(clippy::cast_possible_truncation)]
    let alpha = if settings.alpha.fract() == 0.0 && settings.alpha.abs() < 1e15 {
        json!(settings.alpha as i64)
    } else {
        json!(settings.alpha)
    };
    Ok(json!({
        "alpha_pattern": {},
        "auto_mapping": null,
        "base_model_name_or_path": base.to_string_lossy(),
        "bias": "none",
        "fan_in_fan_out": transposed,
        "inference_mode": true,
        "init_lora_weights": true,
        "layers_pattern": null,
        "layers_to_transform": null,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "modules_to_save": null,
        "peft_type": "LORA",
        "r": settings.rank,
        "rank_pattern": {},
        "revision": null,
        "target_modules": settings.targets,
        "task_type": "CAUSAL_LM",
        "use_dora": false,
        "use_rslora": false,
    }))
}
