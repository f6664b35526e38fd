//! The numbers that training changes, by their stored names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A tensor in memory, `f32`, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// Values.
    pub values: Vec<f32>,
}

/// Tensors by their stored names (`model.layers.0.mlp.up_proj.weight`); an adapter's by PEFT's names
/// (`base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`).
pub type Parameters = BTreeMap<String, Parameter>;

/// One gradient a trained tensor, by its name, as long as its values. Frozen tensors have no entry.
pub type Gradients = BTreeMap<String, Vec<f32>>;

/// A low-rank adaptation (`LoRA`): `W + alpha / rank * B A`, with `A` of shape `(rank, inputs)` and `B` `(outputs, rank)`.
///
/// Source: Hu et al., "`LoRA`: Low-Rank Adaptation of Large Language Models", section 4.1; names as in PEFT.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraSettings {
    /// Inner width.
    pub rank: usize,
    /// Numerator of the scale.
    pub alpha: f64,
    /// Last parts of the names of the adapted projections, such as `q_proj`.
    pub targets: Vec<String>,
}

impl LoraSettings {
    /// `alpha / rank`.
    pub fn scale(&self) -> f64 {
        self.alpha / self.rank as f64
    }
}

/// An adapter over frozen weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapter {
    /// Rank, scale, targets.
    pub settings: LoraSettings,
    /// The `lora_A` and `lora_B` tensors by PEFT's names.
    pub tensors: Parameters,
}

/// Everything that a training network computes with.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelParameters {
    /// The weights of the checkpoint. Trained where there is no adapter, frozen where there is one.
    pub base: Parameters,
    /// The adapter, which alone is trained.
    pub adapter: Option<Adapter>,
}

impl ModelParameters {
    /// What is trained.
    pub fn trained(&self) -> &Parameters {
        self.adapter.as_ref().map_or(&self.base, |adapter| &adapter.tensors)
    }

    /// What is trained, to be changed.
    pub fn trained_mut(&mut self) -> &mut Parameters {
        match &mut self.adapter {
            Some(adapter) => &mut adapter.tensors,
            None => &mut self.base,
        }
    }
}
