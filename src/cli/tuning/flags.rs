//! Flags that `train` and `dpo` share. Those that TRL has keep its names.

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, ValueEnum};

use super::super::options::positive;
use crate::train::device::path_choice;
use crate::train::gradient::NetworkOptions;
use crate::train::lora::ALL_LINEAR;
use crate::train::objective::Objective;
use crate::train::optimizer::{AdamW, DecayedTensors};
use crate::train::order::ExampleOrder;
use crate::train::parameters::LoraSettings;
use crate::train::schedule::Decay;
use crate::train::session::Pace;
use crate::train::settings::{Settings, WeightType};

/// All that the two verbs share.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct TuningArgs {
    #[command(flatten)]
    pub source: SourceArgs,
    #[command(flatten)]
    pub render: RenderArgs,
    #[command(flatten)]
    pub optimizer: OptimizerArgs,
    #[command(flatten)]
    pub network: NetworkArgs,
    #[command(flatten)]
    pub pace: PaceArgs,
}

/// Base, data, and where the result goes.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct SourceArgs {
    /// Hugging Face folder of the model that training starts from
    #[arg(long, alias = "model", value_name = "DIR")]
    pub base: PathBuf,
    /// Data file: JSON, JSONL, CSV or Parquet (see docs/training-data.md for the layouts). Repeatable
    #[arg(long, value_name = "FILE", required = true)]
    pub data: Vec<PathBuf>,
    /// Other names of the data's fields, as FIELD=COLUMN,... (prompt=question,response=answer)
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub columns: Vec<String>,
    /// Folder of the result: a Hugging Face checkpoint, wit.json, metrics.jsonl, TensorBoard events
    #[arg(long, alias = "output-dir", value_name = "DIR", required_unless_present = "show")]
    pub out: Option<PathBuf>,
    /// Train anew where the folder holds another run's result
    #[arg(long)]
    pub overwrite: bool,
}

/// How rows become tokens.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Prompts")]
pub(in crate::cli) struct RenderArgs {
    /// How a prompt is written: chat, alpaca, tulu, chatml, plain, wit [default: chat where the base has a template, else
    /// wit]
    #[arg(long, value_name = "NAME")]
    pub prompt_format: Option<String>,
    /// Chat template in this Jinja file, in place of the base's own
    #[arg(long, value_name = "FILE")]
    pub chat_template: Option<PathBuf>,
    /// Folder of the tokenizer, for bases that carry none
    #[arg(long, value_name = "DIR")]
    pub tokenizer: Option<PathBuf>,
    /// Longest example, in tokens; what is longer is truncated [default: the model's context, at most 4096]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub max_length: Option<usize>,
    /// The side that truncation cuts: right (the end of the answer) or left (the start of the prompt)
    #[arg(long, value_name = "SIDE", default_value = "right")]
    pub truncation: String,
    /// Print this many examples with every token marked by its role, and stop
    #[arg(long, value_name = "N", value_parser = positive)]
    pub show: Option<usize>,
}

/// How the learning rate falls.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum ScheduleName {
    /// Half a cosine to 0
    Cosine,
    /// Straight to 0
    Linear,
    /// No decay
    Constant,
}

/// Tensors that weight decay shrinks.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum DecayName {
    /// All, as the WIT authors do
    All,
    /// Matrices only, as TRL does
    Matrices,
}

/// Order of the examples.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum OrderName {
    /// Another permutation each epoch
    Shuffled,
    /// As in the data
    File,
}

/// Number format of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum DtypeName {
    /// 32-bit
    #[value(alias = "float32")]
    F32,
    /// bfloat16 weights, 32-bit optimizer
    #[value(alias = "bfloat16")]
    Bf16,
}

/// How gradients are computed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum PathName {
    /// Own operations, on the CPU
    Fused,
    /// The tensor library's operations, on any device
    Plain,
}

/// The optimizer.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Optimizer")]
pub(in crate::cli) struct OptimizerArgs {
    /// Highest learning rate [default: 2e-5 for train, 5e-7 for dpo]
    #[arg(long, value_name = "X")]
    pub learning_rate: Option<f64>,
    /// How the learning rate falls
    #[arg(long, alias = "lr-scheduler-type", value_enum, default_value_t = ScheduleName::Cosine)]
    pub schedule: ScheduleName,
    /// Part of the steps over which the learning rate rises [default: 0.01 for train, 0.1 for dpo]
    #[arg(long, value_name = "X")]
    pub warmup_ratio: Option<f64>,
    /// Decoupled weight decay [default: 0.1 for train, 0 for dpo]
    #[arg(long, value_name = "X")]
    pub weight_decay: Option<f64>,
    /// Tensors that weight decay shrinks
    #[arg(long, value_enum, default_value_t = DecayName::All)]
    pub decay: DecayName,
    /// Decay of the first moment
    #[arg(long, value_name = "X", default_value_t = 0.9)]
    pub adam_beta1: f64,
    /// Decay of the second moment
    #[arg(long, value_name = "X", default_value_t = 0.999)]
    pub adam_beta2: f64,
    /// Added to the root of the second moment
    #[arg(long, value_name = "X", default_value_t = 1e-8)]
    pub adam_epsilon: f64,
    /// Longest gradient; 0 clips nothing
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub max_grad_norm: f64,
    /// Examples of one optimizer step [default: 64 for train, 32 for dpo]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub batch_size: Option<usize>,
    /// Tokens of one forward and backward pass; a step takes as many passes as it needs
    #[arg(long, value_name = "N", default_value_t = 2048, value_parser = positive)]
    pub micro_batch_tokens: usize,
    /// Passes over the data [default: 2]
    #[arg(long, alias = "num-train-epochs", value_name = "N", value_parser = positive, conflicts_with = "max_steps")]
    pub epochs: Option<usize>,
    /// Optimizer steps, in place of epochs
    #[arg(long, value_name = "N", value_parser = positive)]
    pub max_steps: Option<usize>,
    /// Order of the examples
    #[arg(long, value_enum, default_value_t = OrderName::Shuffled)]
    pub order: OrderName,
    /// Seed of the order and of fresh adapters
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// The network.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network")]
pub(in crate::cli) struct NetworkArgs {
    /// Number format of the weights
    #[arg(long, value_enum, default_value_t = DtypeName::F32)]
    pub dtype: DtypeName,
    /// Train a LoRA adapter of this rank instead of all weights
    #[arg(long, alias = "lora-r", value_name = "N", value_parser = positive)]
    pub lora_rank: Option<usize>,
    /// LoRA's alpha; its scale is alpha / rank [default: twice the rank]
    #[arg(long, value_name = "X", requires = "lora_rank")]
    pub lora_alpha: Option<f64>,
    /// Projections that LoRA adapts, by the last part of their name
    #[arg(long, alias = "lora-target-modules", value_name = "LIST", value_delimiter = ',', requires = "lora_rank",
        default_value = ALL_LINEAR)]
    pub lora_targets: Vec<String>,
    /// Keep less for the backward pass and compute it again: about a third more time, much less memory
    #[arg(long)]
    pub gradient_checkpointing: bool,
    /// Where to compute: cpu, cuda or cuda:N (in builds with the cuda feature)
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: String,
    /// How to compute [default: fused on the CPU, plain elsewhere]
    #[arg(long, value_enum)]
    pub path: Option<PathName>,
    /// Threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub threads: Option<usize>,
}

/// What happens between steps.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Run")]
pub(in crate::cli) struct PaceArgs {
    /// Part of the data that is held out for validation
    #[arg(long, value_name = "X", conflicts_with = "validation_data")]
    pub validation_fraction: Option<f64>,
    /// Data file for validation
    #[arg(long, value_name = "FILE")]
    pub validation_data: Option<PathBuf>,
    /// Validate every so many steps [default: ten times in a run]
    #[arg(long, alias = "eval-steps", value_name = "N", value_parser = positive)]
    pub evaluate_every: Option<usize>,
    /// End after so many validations without a lower loss, and keep the best weights
    #[arg(long, value_name = "N", value_parser = positive)]
    pub early_stop: Option<usize>,
    /// Snapshot to continue from, every so many steps [default: ten times in a run]
    #[arg(long, alias = "save-steps", value_name = "N", value_parser = positive)]
    pub save_every: Option<usize>,
    /// A row of metrics every so many steps
    #[arg(long, alias = "logging-steps", value_name = "N", default_value_t = 10, value_parser = positive)]
    pub log_every: usize,
    /// Say what would be done, and stop
    #[arg(long)]
    pub dry_run: bool,
    /// No progress on standard error
    #[arg(long, short)]
    pub quiet: bool,
}

/// What a verb takes where a flag does not say.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Defaults {
    pub learning_rate: f64,
    pub warmup_ratio: f64,
    pub weight_decay: f64,
    pub batch_size: usize,
}

fn within(name: &str, value: f64, low: f64, high: f64) -> anyhow::Result<f64> {
    if value.is_finite() && (low..=high).contains(&value) {
        return Ok(value);
    }
    bail!("--{name}: {value} is not between {low} and {high}")
}

impl OptimizerArgs {
    /// The settings of a run over `examples` examples.
    pub(in crate::cli) fn settings(
        &self,
        objective: Objective,
        defaults: Defaults,
        network: &NetworkArgs,
        examples: usize,
    ) -> anyhow::Result<Settings> {
        let batch_size = self.batch_size.unwrap_or(defaults.batch_size);
        let total_steps = match self.max_steps {
            Some(steps) => steps,
            None => examples.div_ceil(batch_size) * self.epochs.unwrap_or(2),
        };
        Ok(Settings {
            objective,
            learning_rate: within("learning-rate", self.learning_rate.unwrap_or(defaults.learning_rate), 0.0, 10.0)?,
            schedule: match self.schedule {
                ScheduleName::Cosine => Decay::Cosine,
                ScheduleName::Linear => Decay::Linear,
                ScheduleName::Constant => Decay::Constant,
            },
            warmup_ratio: within("warmup-ratio", self.warmup_ratio.unwrap_or(defaults.warmup_ratio), 0.0, 1.0)?,
            optimizer: AdamW {
                beta1: within("adam-beta1", self.adam_beta1, 0.0, 0.999_999)?,
                beta2: within("adam-beta2", self.adam_beta2, 0.0, 0.999_999_9)?,
                epsilon: within("adam-epsilon", self.adam_epsilon, 1e-30, 1.0)?,
                weight_decay: within("weight-decay", self.weight_decay.unwrap_or(defaults.weight_decay), 0.0, 100.0)?,
                decayed: match self.decay {
                    DecayName::All => DecayedTensors::All,
                    DecayName::Matrices => DecayedTensors::Matrices,
                },
            },
            max_grad_norm: match within("max-grad-norm", self.max_grad_norm, 0.0, 1e9)? {
                0.0 => None,
                norm => Some(norm),
            },
            batch_size,
            micro_batch_tokens: self.micro_batch_tokens,
            total_steps,
            order: match self.order {
                OrderName::Shuffled => ExampleOrder::Shuffled,
                OrderName::File => ExampleOrder::File,
            },
            seed: self.seed,
            weights: network.weight_type(),
            checkpointing: network.gradient_checkpointing,
        })
    }
}

impl NetworkArgs {
    /// The number format that the settings record.
    pub(in crate::cli) fn weight_type(&self) -> WeightType {
        match self.dtype {
            DtypeName::F32 => WeightType::F32,
            DtypeName::Bf16 => WeightType::Bf16,
        }
    }

    /// The adapter asked for.
    pub(in crate::cli) fn lora(&self) -> anyhow::Result<Option<LoraSettings>> {
        let Some(rank) = self.lora_rank else { return Ok(None) };
        let alpha = within("lora-alpha", self.lora_alpha.unwrap_or(2.0 * rank as f64), 1e-6, 1e6)?;
        Ok(Some(LoraSettings { rank, alpha, targets: self.lora_targets.clone() }))
    }

    /// Device, operations and memory.
    pub(in crate::cli) fn options(&self) -> anyhow::Result<NetworkOptions> {
        let fused = self.path.map(|path| matches!(path, PathName::Fused));
        let path = path_choice(&self.device, fused, self.weight_type())?;
        Ok(NetworkOptions { path, checkpointing: self.gradient_checkpointing })
    }
}

impl PaceArgs {
    /// When things happen in a run of so many steps.
    pub(in crate::cli) fn pace(&self, total_steps: usize) -> Pace {
        let tenth = total_steps.div_ceil(10).max(1);
        Pace {
            log_every: self.log_every,
            evaluate_every: Some(self.evaluate_every.unwrap_or(tenth)),
            save_every: Some(self.save_every.unwrap_or(tenth)),
            patience: self.early_stop,
        }
    }
}
