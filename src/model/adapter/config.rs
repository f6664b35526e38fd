//! `adapter_config.json`, read so that nothing in it that would change a number is passed over.

use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::{Map, Value};

use super::AdapterError;
use crate::model::checkpoint::file::{self, CONFIG_LIMIT_BYTES};

/// The file that makes a folder an adapter.
pub const CONFIG_FILE: &str = "adapter_config.json";

/// Keys that do not touch what the saved tensors compute, or that are read below.
const WITHOUT_EFFECT: [&str; 30] = [
    "alpha_pattern",
    "auto_mapping",
    "base_model_name_or_path",
    "corda_config",
    "eva_config",
    "exclude_modules",
    "fan_in_fan_out",
    "inference_mode",
    "init_lora_weights",
    "layers_pattern",
    "layers_to_transform",
    "loftq_config",
    "lora_alpha",
    "lora_dropout",
    "lora_ga_config",
    "megatron_config",
    "megatron_core",
    "modules_to_save",
    "peft_type",
    "peft_version",
    "qalora_group_size",
    "r",
    "rank_pattern",
    "revision",
    "runtime_config",
    "target_modules",
    "task_type",
    "use_rslora",
    "bias",
    "base_model_class",
];

/// Starts of training that leave the base as it is; the others (`pissa`, `olora`, `loftq`, ...) change it as well.
const HARMLESS_STARTS: [&str; 2] = ["gaussian", "eva"];
/// Longest value that an error quotes.
const QUOTED_CHARACTERS: usize = 80;
/// Most patterns that are read.
const PATTERNS: usize = 10_000;

/// What of the configuration decides the numbers.
#[derive(Debug)]
pub(super) struct AdapterConfig {
    file: PathBuf,
    /// The base, as named by whoever trained the adapter.
    pub base: Option<String>,
    rank: usize,
    alpha: f64,
    root_rank: bool,
    rank_pattern: Vec<(Regex, usize)>,
    alpha_pattern: Vec<(Regex, f64)>,
}

impl AdapterConfig {
    /// Reads the file; `None` where there is none.
    pub fn read(dir: &Path) -> Result<Option<Self>, AdapterError> {
        let file = dir.join(CONFIG_FILE);
        let Some(keys) = file::read_json::<Map<String, Value>>(&file, CONFIG_LIMIT_BYTES)? else { return Ok(None) };
        let reader = Reader { file: &file, keys: &keys };
        reader.refuse_what_is_not_supported()?;
        let rank = reader.rank("r", reader.value("r").unwrap_or(&Value::Null))?;
        let alpha = reader.alpha("lora_alpha", reader.value("lora_alpha").unwrap_or(&Value::Null))?;
        Ok(Some(Self {
            base: reader.value("base_model_name_or_path").and_then(Value::as_str).map(str::to_owned),
            rank,
            alpha,
            root_rank: reader.flag("use_rslora")?,
            rank_pattern: reader.patterns("rank_pattern", Reader::rank)?,
            alpha_pattern: reader.patterns("alpha_pattern", Reader::alpha)?,
            file,
        }))
    }

    /// Inner width and scale of a module: `alpha / rank`, or `alpha / sqrt(rank)` where the configuration says so.
    ///
    /// `module` is its path in the model. Of the patterns the first that matches the whole path, or its end after a
    /// dot, decides.
    pub fn rank_and_scale(&self, module: &str) -> (usize, f64) {
        let rank = first_match(&self.rank_pattern, module).unwrap_or(self.rank);
        let alpha = first_match(&self.alpha_pattern, module).unwrap_or(self.alpha);
        let divisor = if self.root_rank { (rank as f64).sqrt() } else { rank as f64 };
        (rank, alpha / divisor)
    }

    /// Where it was read from.
    pub fn file(&self) -> &Path {
        &self.file
    }
}

fn first_match<T: Copy>(patterns: &[(Regex, T)], module: &str) -> Option<T> {
    patterns.iter().find(|(pattern, _)| pattern.is_match(module)).map(|(_, value)| *value)
}

struct Reader<'a> {
    file: &'a Path,
    keys: &'a Map<String, Value>,
}

impl<'a> Reader<'a> {
    /// A key's value, unless it is null.
    fn value(&self, key: &str) -> Option<&'a Value> {
        self.keys.get(key).filter(|value| !value.is_null())
    }

    fn fault(&self, key: &str, value: &Value, fault: impl Into<String>) -> AdapterError {
        let value = value.to_string().chars().take(QUOTED_CHARACTERS).collect();
        AdapterError::Key { file: self.file.to_owned(), key: key.to_owned(), value, fault: fault.into() }
    }

    fn refuse_what_is_not_supported(&self) -> Result<(), AdapterError> {
        let must_be = |key: &str, allowed: &[&str], required: bool| match self.value(key) {
            None if !required => Ok(()),
            Some(Value::String(text)) if allowed.contains(&text.as_str()) => Ok(()),
            value => {
                let fault =
                    format!("only {} is supported; merge the adapter with peft and use that", allowed.join(", "));
                Err(self.fault(key, value.unwrap_or(&Value::Null), fault))
            }
        };
        must_be("peft_type", &["LORA"], true)?;
        must_be("task_type", &["CAUSAL_LM"], false)?;
        must_be("bias", &["none"], false)?;
        if let Some(start) = self.value("init_lora_weights")
            && !start.is_boolean()
            && !start.as_str().is_some_and(|start| HARMLESS_STARTS.contains(&start))
        {
            let fault = "such adapters change their base when training starts; convert it \
                         (peft: save_pretrained with path_initial_model_for_weight_conversion) or merge it with peft";
            return Err(self.fault("init_lora_weights", start, fault));
        }
        for (key, value) in self.keys {
            let empty = match value {
                Value::Null | Value::Bool(false) => true,
                Value::Array(items) => items.is_empty(),
                Value::Object(fields) => fields.is_empty(),
                _ => false,
            };
            if !empty && !WITHOUT_EFFECT.contains(&key.as_str()) {
                return Err(self.fault(key, value, "this is not supported; merge the adapter with peft and use that"));
            }
        }
        Ok(())
    }

    fn flag(&self, key: &str) -> Result<bool, AdapterError> {
        match self.value(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(value) => Err(self.fault(key, value, "it must be true or false")),
        }
    }

    fn rank(&self, key: &str, value: &Value) -> Result<usize, AdapterError> {
        let rank = value.as_u64().and_then(|rank| u32::try_from(rank).ok()).filter(|rank| *rank > 0);
        rank.map(|rank| rank as usize).ok_or_else(|| self.fault(key, value, "a rank is a whole number from 1"))
    }

    fn alpha(&self, key: &str, value: &Value) -> Result<f64, AdapterError> {
        let alpha = value.as_f64().filter(|alpha| alpha.is_finite());
        alpha.ok_or_else(|| self.fault(key, value, "it must be a number"))
    }

    fn patterns<T>(
        &self,
        key: &str,
        read: impl Fn(&Self, &str, &Value) -> Result<T, AdapterError>,
    ) -> Result<Vec<(Regex, T)>, AdapterError> {
        let Some(value) = self.value(key) else { return Ok(Vec::new()) };
        let entries = value.as_object().filter(|entries| entries.len() <= PATTERNS);
        let entries = entries.ok_or_else(|| self.fault(key, value, "it must map names of modules to numbers"))?;
        let one = |(pattern, value): (&String, &Value)| {
            let regex = Regex::new(&format!(r"^(?:.*\.)?(?:{pattern})$"));
            let regex = regex.map_err(|_| self.fault(key, &Value::from(pattern.as_str()), "it is no valid pattern"))?;
            Ok((regex, read(self, &format!("{key} of {pattern}"), value)?))
        };
        entries.iter().map(one).collect()
    }
}
