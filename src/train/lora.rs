//! Fresh low-rank adapters.

use std::collections::BTreeMap;

use rand::Rng as _;

use super::parameters::{Adapter, LoraSettings, Parameter, Parameters};
use crate::model::architecture::{Architecture, Linear, Selection};
use crate::seed::Seed;

/// The target that stands for every projection of every layer (not the output projection).
pub const ALL_LINEAR: &str = "all-linear";

/// Why no adapter can be made.
#[derive(Debug, thiserror::Error)]
pub enum LoraError {
    /// A target that no projection of the model bears.
    #[error("--lora-targets: the model has no projection `{target}`; it has {present}, or write {ALL_LINEAR}")]
    NoSuchTarget {
        /// The target at fault.
        target: String,
        /// What there is.
        present: String,
    },
    /// A rank that no matrix can have.
    #[error("--lora-rank: {rank} is not between 1 and {limit}, the smaller side of the smallest adapted projection")]
    Rank {
        /// The rank asked.
        rank: usize,
        /// The largest possible.
        limit: usize,
    },
}

/// One stored matrix that an adapter may cover.
struct Module {
    inputs: usize,
    outputs: usize,
}

/// A new adapter: `A` uniform in `±1 / sqrt(inputs)` (PEFT's Kaiming initialization), `B` zero, so that nothing changes
/// before the first step.
pub fn fresh_adapter(
    architecture: &Architecture,
    base: &Parameters,
    mut settings: LoraSettings,
    seed: Seed,
) -> Result<Adapter, LoraError> {
    let modules = modules(architecture, base);
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let mut present = modules.keys().map(|name| last(name)).collect::<Vec<_>>();
    present.sort();
    present.dedup();
    if settings.targets.iter().any(|target| target == ALL_LINEAR) {
        settings.targets.clone_from(&present);
    }
    if let Some(target) = settings.targets.iter().find(|target| !present.contains(target)) {
        return Err(LoraError::NoSuchTarget { target: target.clone(), present: present.join(", ") });
    }
    let chosen = || modules.iter().filter(|(name, _)| settings.targets.contains(&last(name)));
    let limit = chosen().map(|(_, module)| module.inputs.min(module.outputs)).min().unwrap_or(0);
    if settings.rank == 0 || settings.rank > limit {
        return Err(LoraError::Rank { rank: settings.rank, limit });
    }
    let mut tensors = Parameters::new();
    for (name, module) in chosen() {
        let mut stream = seed.stream(&["train", "lora", name]);
        let bound = 1.0 / (module.inputs as f32).sqrt();
        let a = (0..settings.rank * module.inputs).map(|_| stream.random_range(-bound..bound)).collect();
        let a = Parameter { shape: vec![settings.rank, module.inputs], values: a };
        let b =
            Parameter { shape: vec![module.outputs, settings.rank], values: vec![0.0; module.outputs * settings.rank] };
        tensors.insert(format!("base_model.model.{name}.lora_A.weight"), a);
        tensors.insert(format!("base_model.model.{name}.lora_B.weight"), b);
    }
    Ok(Adapter { settings, tensors })
}

/// The stored projections of all layers by the name of their module.
fn modules(architecture: &Architecture, base: &Parameters) -> BTreeMap<String, Module> {
    let mut modules = BTreeMap::new();
    let linears = architecture.layers.iter().flat_map(|layer| {
        let attention = &layer.attention;
        let feed_forward = &layer.feed_forward;
        [&attention.query, &attention.key, &attention.value, &attention.output, &feed_forward.up, &feed_forward.down]
            .into_iter()
            .chain(&feed_forward.gate)
    });
    for Linear { weight, .. } in linears {
        let Some(name) = weight.names.iter().find(|name| base.contains_key(*name)) else { continue };
        let (Some(name), [first, second]) = (name.strip_suffix(".weight"), weight.shape.as_slice()) else { continue };
        let (inputs, outputs) = match weight.selection {
            Selection::Columns { .. } => (*first, *second),
            _ => (*second, *first),
        };
        modules.insert(name.to_owned(), Module { inputs, outputs });
    }
    modules
}
