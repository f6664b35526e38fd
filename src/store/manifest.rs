//! What a run was: settings, checkpoints and task definitions. No clock, no machine: equal runs give equal bytes.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::digest::Digest;
use crate::instance::Presentation;
use crate::seed::Seed;
use crate::task::{Group, Task};
use crate::weighting::Weighting;

/// The format that this version writes and reads.
pub const MANIFEST_FORMAT: u64 = 1;

/// How prompt sets for POSIX are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PosixSettings {
    /// The first so many instances of each task get a prompt set.
    pub instances_per_task: usize,
    /// Length limit of the replies, in tokens.
    pub max_new_tokens: usize,
}

/// How likely which texts are is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LikelihoodSettings {
    /// Name of the file of instruction data, without folders.
    pub source: String,
    /// SHA-256 of the file.
    pub digest: Digest,
    /// At most so many pairs, drawn without replacement.
    pub limit: usize,
    /// Whether the checkpoints' chat template renders the prompts; else a space stands between prompt and response.
    pub chat_template: bool,
}

/// The settings that decide what is asked. Paths, threads and batch sizes are not among them: they move no result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSettings {
    /// The task selection as given.
    pub tasks: String,
    /// Perturbations with strength and draws, as `list` writes them.
    pub perturbations: Vec<String>,
    /// Seed of perturbations and sampling.
    pub seed: Seed,
    /// Seed of few-shot sampling, as lm-evaluation-harness uses it.
    pub fewshot_seed: u64,
    /// Instances of each task: a count, or a share below 1.
    pub limit: Option<f64>,
    /// Overrides the tasks' number of examples.
    pub num_fewshot: Option<usize>,
    /// How prompts are presented.
    pub presentation: Presentation,
    /// System instruction.
    pub system_instruction: Option<String>,
    /// Decoding overrides, as given.
    pub gen_kwargs: Option<String>,
    /// Prompt sets for POSIX; `None` asks none.
    pub posix: Option<PosixSettings>,
    /// Likelihoods of instruction data; `None` asks none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likelihood: Option<LikelihoodSettings>,
}

/// A checkpoint of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointEntry {
    /// Unique in the run: the folder's name, numbered where two share it.
    pub label: String,
    /// Digest of weights, configuration, tokenizer and chat template.
    pub digest: Digest,
    /// Architecture in words.
    pub architecture: String,
    /// Parameters.
    pub parameters: u64,
    /// The loss weighting, where it is known.
    pub weighting: Option<Weighting>,
    /// Where the weighting was read.
    pub weighting_source: String,
    /// The model it was tuned from, where known.
    pub base: Option<String>,
    /// "base", "sft" or "dpo", where known.
    pub stage: Option<String>,
    /// Training seed, where known.
    pub training_seed: Option<u64>,
    /// Digest of the training data, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_digest: Option<Digest>,
}

/// What a run was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`MANIFEST_FORMAT`].
    pub format: u64,
    /// The program and its version.
    pub program: String,
    /// What decides the questions.
    pub settings: RunSettings,
    /// Who was asked.
    pub checkpoints: Vec<CheckpointEntry>,
    /// Task definitions: filters and metrics, so that scoring needs no task file.
    pub tasks: Vec<Task>,
    /// Groups over those tasks.
    pub groups: Vec<Group>,
    /// Digest of the questions.
    pub plan: Digest,
}

impl Manifest {
    /// Decodes a manifest; a newer format is refused before its content is looked at.
    pub fn from_json(text: &str, path: &Path) -> Result<Self, StoreError> {
        #[derive(Deserialize)]
        struct Head {
            format: u64,
        }
        let document = |source| StoreError::Document { path: path.to_owned(), source };
        let head: Head = serde_json::from_str(text).map_err(document)?;
        if head.format != MANIFEST_FORMAT {
            return Err(StoreError::Format { path: path.to_owned(), found: head.format });
        }
        serde_json::from_str(text).map_err(document)
    }

    /// What keeps two manifests from being the same run; `None` where they are. Another version of the program may
    /// continue a run whose questions it would ask in the same words.
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        if self.settings != other.settings {
            Some("settings")
        } else if self.checkpoints != other.checkpoints {
            Some("checkpoints")
        } else if self.plan != other.plan {
            Some("questions")
        } else if self.tasks != other.tasks || self.groups != other.groups {
            Some("task definitions")
        } else {
            None
        }
    }

    /// A digest that names the run: settings, checkpoints, tasks and questions.
    pub fn identity(&self) -> Result<Digest, serde_json::Error> {
        Digest::of_json(&(&self.settings, &self.checkpoints, &self.tasks, &self.groups, &self.plan))
    }
}
