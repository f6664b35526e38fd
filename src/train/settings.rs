//! What decides a training run.

use serde::{Deserialize, Serialize};

use super::objective::Objective;
use super::optimizer::AdamW;
use super::order::ExampleOrder;
use super::schedule::Decay;

/// The number format that the network computes its weights from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightType {
    /// 32-bit.
    F32,
    /// `bfloat16`: the network sees rounded weights, the optimizer keeps `f32` masters, the folder holds `bfloat16`.
    Bf16,
}

/// Everything that decides which weights come out, apart from base and data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What is minimized.
    pub objective: Objective,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// How it falls.
    pub schedule: Decay,
    /// Part of the steps that warm up.
    pub warmup_ratio: f64,
    /// The optimizer.
    pub optimizer: AdamW,
    /// Longest gradient; `None` clips nothing.
    pub max_grad_norm: Option<f64>,
    /// Examples (or pairs) of one optimizer step.
    pub batch_size: usize,
    /// Tokens of one forward and backward pass.
    pub micro_batch_tokens: usize,
    /// Optimizer steps.
    pub total_steps: usize,
    /// Order of the examples.
    pub order: ExampleOrder,
    /// Seed of the order and of fresh adapters.
    pub seed: u64,
    /// Weights of the network.
    pub weights: WeightType,
    /// Keep only each layer's input for the backward pass.
    pub checkpointing: bool,
}
