//! How much memory there is, and what it is used for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{EngineError, EngineOptions};
use crate::model::architecture::Architecture;
use crate::model::kernels::{LANES, WeightType};
use crate::model::weights::{Dtype, Weights};

/// What the program itself, its tokenizer and the texts of a run take, roughly.
const PROGRAM_BYTES: u64 = 64 << 20;

/// Most that a batch's activations take where the batch is chosen here.
const WORK_BYTES: u64 = 192 << 20;

/// Tokens of a batch: the sizes that are chosen from. Larger ones are no faster.
const BATCHES: [usize; 3] = [384, 192, 96];

/// Keys and values where it is not known how much memory is free.
const UNKNOWN_CACHE_BYTES: u64 = 1 << 30;

/// How an engine divides memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryPlan {
    /// Weights.
    pub weight_bytes: u64,
    /// Activations of one batch, and the program.
    pub work_bytes: u64,
    /// Keys and values that may be held. They are taken as they are needed.
    pub cache_bytes: u64,
    /// Keys and values of one token.
    pub cache_bytes_per_token: u64,
    /// Tokens that go through the network together.
    pub max_batch_tokens: usize,
}

impl MemoryPlan {
    /// Divides `options.memory_bytes`, or else four fifths of what is `available_bytes` before weights are read.
    ///
    /// # Errors
    /// Where the weights and the smallest batch with its keys and values do not fit.
    pub fn new(
        architecture: &Architecture,
        weight_bytes: u64,
        options: &EngineOptions,
        available_bytes: Option<u64>,
    ) -> Result<Self, EngineError> {
        let cache_bytes_per_token = cache_bytes_per_token(architecture);
        let row_bytes = row_bytes(architecture);
        let given = options.memory_bytes.map(|bytes| bytes as u64);
        // What may be planned with, and what is there at all.
        let (planned, whole) = match (given, available_bytes) {
            (Some(given), _) => (Some(given), Some(given)),
            (None, Some(available)) => (Some(available / 5 * 4), Some(available)),
            (None, None) => (None, None),
        };
        let left = |bytes: Option<u64>| bytes.map(|bytes| bytes.saturating_sub(weight_bytes + PROGRAM_BYTES));
        let chosen = BATCHES.into_iter().find(|rows| {
            let work = row_bytes * *rows as u64;
            work <= WORK_BYTES
                && left(planned).is_none_or(|left| work + cache_bytes_per_token * *rows as u64 <= left / 2)
        });
        let max_batch_tokens = options.max_batch_tokens.or(chosen).unwrap_or(LANES).max(1);
        let work_bytes = PROGRAM_BYTES + row_bytes * max_batch_tokens as u64;
        let least = work_bytes + cache_bytes_per_token * max_batch_tokens as u64;
        if let Some(given_bytes) = whole.filter(|whole| *whole < weight_bytes.saturating_add(least)) {
            return Err(EngineError::TooLittleMemory { given_bytes, weight_bytes, work_bytes: least });
        }
        let cache_bytes = planned.map_or(UNKNOWN_CACHE_BYTES, |planned| {
            planned.saturating_sub(weight_bytes + work_bytes).max(cache_bytes_per_token * max_batch_tokens as u64)
        });
        Ok(Self { weight_bytes, work_bytes, cache_bytes, cache_bytes_per_token, max_batch_tokens })
    }
}

/// Bytes that weights take in memory, told from the files' headers; roughly, for quantized ones.
pub fn weight_bytes(architecture: &Architecture, weights: &Weights, weight_type: WeightType) -> u64 {
    let mut tensors = BTreeMap::new();
    for view in architecture.tensors() {
        let Some(name) = view.names.iter().find(|name| weights.contains(name)) else { continue };
        let values = view.shape.iter().product::<usize>() as u64;
        let stored = match weights.dtype(name) {
            Some(Dtype::F32) => 4 * values,
            Some(_) => 2 * values,
            // Blocks of quantized values: packed, their scales are wider.
            None => weights.stored_bytes(name).map_or(values, |bytes| bytes as u64 * 6 / 5),
        };
        let bytes = match weight_type {
            WeightType::Stored => stored,
            WeightType::Float32 => 4 * values,
            WeightType::Bfloat16 | WeightType::Float16 => 2 * values,
        };
        tensors.insert(name, bytes);
    }
    tensors.values().sum()
}

fn cache_bytes_per_token(architecture: &Architecture) -> u64 {
    let width = |layer: &crate::model::architecture::Layer| {
        let attention = &layer.attention;
        attention.kv_heads * (attention.head_dim + attention.head_dim.next_multiple_of(LANES)) * size_of::<f32>()
    };
    architecture.layers.iter().map(width).sum::<usize>() as u64
}

/// Activations of one row that exist at one time: inputs and outputs of the widest projection, each in the order of rows and
/// in the order that the kernels read, beside the residual stream.
fn row_bytes(architecture: &Architecture) -> u64 {
    let width = |layer: &crate::model::architecture::Layer| {
        let (attention, feed_forward) = (&layer.attention, &layer.feed_forward);
        let qkv = (attention.heads + 2 * attention.kv_heads) * attention.head_dim;
        let inner = feed_forward.inner * (1 + usize::from(feed_forward.gate.is_some()));
        (2 * qkv + 2 * attention.heads * attention.head_dim).max(2 * inner + 2 * feed_forward.inner)
    };
    let widest = architecture.layers.iter().map(width).max().unwrap_or(0);
    ((widest + 4 * architecture.hidden) * size_of::<f32>()) as u64
}

/// Bytes that are free where the network computes; `None` where that is not known, as on a device.
pub fn computing_memory_bytes(options: &EngineOptions) -> Option<u64> {
    if options.device.is_some() { None } else { available_memory_bytes() }
}

/// Bytes that this process can still take: what the system has available, or less where a control group allows less.
/// `None` where the system does not tell.
fn available_memory_bytes() -> Option<u64> {
    System { root: PathBuf::from("/") }.available_bytes()
}

/// The files in which Linux tells about memory.
struct System {
    root: PathBuf,
}

impl System {
    fn read(&self, path: &Path) -> Option<String> {
        std::fs::read_to_string(self.root.join(path.strip_prefix("/").unwrap_or(path))).ok()
    }

    fn available_bytes(&self) -> Option<u64> {
        let text = self.read(Path::new("proc/meminfo"))?;
        let kibibytes = field(&text, "MemAvailable:")?;
        Some(self.group_bytes().into_iter().fold(kibibytes * 1024, u64::min))
    }

    /// What is left in each control group of this process and in the groups above.
    fn group_bytes(&self) -> Vec<u64> {
        let mut left = Vec::new();
        for line in self.read(Path::new("proc/self/cgroup")).unwrap_or_default().lines() {
            // Number, controllers, path; version 2 has number 0 and no controllers.
            let mut parts = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
            let (base, limit, usage, inactive) = if controllers.is_empty() {
                ("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file")
            } else if controllers.split(',').any(|controller| controller == "memory") {
                ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            } else {
                continue;
            };
            // Inside a container the path may be that of the host, which is not there: the root then stands for it.
            for group in Path::new(path).ancestors() {
                let dir = Path::new(base).join(group.strip_prefix("/").unwrap_or(group));
                let number = |name: &str| self.read(&dir.join(name))?.trim().parse::<u64>().ok();
                if let (Some(limit), Some(usage)) = (number(limit), number(usage)) {
                    let stat = self.read(&dir.join("memory.stat")).unwrap_or_default();
                    let reclaimable = field(&stat, inactive).unwrap_or(0).min(usage);
                    left.push(limit.saturating_sub(usage - reclaimable));
                }
            }
        }
        left
    }
}

/// The number after a word that begins a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let words = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    words.filter(|words| words.first() == Some(&name)).find_map(|words| words.get(1)?.parse().ok())
}

/// A size as people write it: three digits of megabytes or gigabytes.
pub(super) fn readable(bytes: u64) -> String {
    let megabytes = bytes as f64 / 1e6;
    if megabytes >= 1e3 { format!("{:.1} GB", megabytes / 1e3) } else { format!("{megabytes:.0} MB") }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const LLAMA_8B: &str = r#"{"model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
        "num_attention_heads": 32, "num_key_value_heads": 8, "num_hidden_layers": 32, "vocab_size": 128256,
        "max_position_embeddings": 131072, "rms_norm_eps": 1e-5, "rope_theta": 500000.0}"#;

    const SMALL: &str = r#"{"model_type": "llama", "hidden_size": 512, "intermediate_size": 1408, "num_attention_heads": 8,
        "num_key_value_heads": 4, "num_hidden_layers": 8, "vocab_size": 2048, "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true}"#;

    fn plan(
        config: &str,
        weights: u64,
        memory: Option<usize>,
        available: Option<u64>,
    ) -> Result<MemoryPlan, EngineError> {
        let options = EngineOptions { memory_bytes: memory, ..EngineOptions::default() };
        MemoryPlan::new(&Architecture::from_config_json(config).unwrap(), weights, &options, available)
    }

    #[test]
    fn what_weights_and_work_leave_is_for_keys_and_values() {
        let plan = plan(LLAMA_8B, 16 << 30, Some(24 << 30), Some(1)).unwrap();
        // Of each of 32 layers, 8 heads of 128 keys and 128 values.
        assert_eq!(plan.cache_bytes_per_token, 32 * 8 * 256 * 4);
        assert_eq!(plan.weight_bytes + plan.work_bytes + plan.cache_bytes, 24 << 30);
        assert!((96..=384).contains(&plan.max_batch_tokens), "{plan:?}");
        assert!(plan.work_bytes < 300 << 20, "{plan:?}");
    }

    #[test]
    fn without_a_limit_a_fifth_of_the_free_memory_is_left_alone() {
        let made = plan(SMALL, 100 << 20, None, Some(10 << 30)).unwrap();
        assert_eq!(made.max_batch_tokens, 384);
        assert_eq!(made.weight_bytes + made.work_bytes + made.cache_bytes, 8 << 30);
        assert_eq!(plan(SMALL, 100 << 20, None, None).unwrap().cache_bytes, UNKNOWN_CACHE_BYTES);
    }

    #[test]
    fn little_memory_makes_batches_small_and_too_little_is_an_error_that_names_what_is_needed() {
        let small = plan(SMALL, 100 << 20, Some(190 << 20), None).unwrap();
        assert!(small.max_batch_tokens < 384, "{small:?}");
        let error = plan(LLAMA_8B, 16_000_000_000, Some(16_000_000_000), None).unwrap_err().to_string();
        assert!(error.starts_with("the model does not fit into 16.0 GB: its weights take 16.0 GB"), "{error}");
        assert!(error.contains("give it 16.1 GB"), "{error}");
        assert!(plan(LLAMA_8B, 16 << 30, None, Some(8 << 30)).is_err());
    }

    fn system(files: &[(&str, &str)]) -> Option<u64> {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        System { root: dir.path().to_owned() }.available_bytes()
    }

    const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal: 2000 kB\nMemAvailable:   1000 kB\n");

    #[test]
    fn control_groups_of_both_versions_limit_what_is_available() {
        assert_eq!(system(&[]), None);
        assert_eq!(system(&[MEMINFO]), Some(1_024_000));
        let second = [
            MEMINFO,
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("sys/fs/cgroup/a/b/memory.current", "100\n"),
            ("sys/fs/cgroup/a/memory.max", "900000\n"),
            ("sys/fs/cgroup/a/memory.current", "500000\n"),
            ("sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 200000\n"),
        ];
        assert_eq!(system(&second), Some(600_000), "pages of files can be given up");
        let first = [
            MEMINFO,
            ("proc/self/cgroup", "3:cpu:/x\n4:memory,hugetlb:/host/path\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "700000\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "800000\n"),
        ];
        assert_eq!(system(&first), Some(0), "the root stands for a path of the host");
    }
}
