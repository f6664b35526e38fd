//! The types that a checkpoint's weights are held in, and whether they are rounded. Reads no weights.

use std::collections::{BTreeMap, BTreeSet};

use super::LocalOptions;
use crate::model::checkpoint::Checkpoint;
use crate::model::engine::{EngineError, MemoryPlan, computing_memory_bytes, weight_bytes};
use crate::model::kernels::WeightType;
use crate::model::weights::Dtype;

/// Name of the type that a checkpoint's weights are rounded to, where at least one of its tensors is stored in a type that
/// the one asked for does not hold; `None` where every weight stays what it is. Judged by types, not by values.
pub fn rounded_to(checkpoint: &Checkpoint, weight_type: WeightType) -> Option<&'static str> {
    let (name, exact) = match weight_type {
        WeightType::Stored | WeightType::Float32 => return None,
        WeightType::Bfloat16 => ("bfloat16", Dtype::BF16),
        WeightType::Float16 => ("float16", Dtype::F16),
    };
    let weights = &checkpoint.weights;
    // What an adapter changes is computed in float32.
    let kept = !checkpoint.is_adapter() && used(checkpoint).all(|tensor| weights.dtype(tensor) == Some(exact));
    (!kept).then_some(name)
}

/// The types that a checkpoint's weights are held in, in words, the one of most weights first: `bfloat16`, or
/// `Q4_K and float32`.
pub fn held_types(checkpoint: &Checkpoint, weight_type: WeightType) -> String {
    let weights = &checkpoint.weights;
    let mut by_type = BTreeMap::<&'static str, usize>::new();
    for tensor in used(checkpoint) {
        let name = match (weight_type, weights.dtype(tensor)) {
            (WeightType::Float32, _) | (WeightType::Stored, Some(Dtype::F32)) => "float32",
            (WeightType::Bfloat16, _) | (WeightType::Stored, Some(Dtype::BF16)) => "bfloat16",
            (WeightType::Float16, _) | (WeightType::Stored, Some(Dtype::F16)) => "float16",
            (WeightType::Stored, _) => weights.block_format(tensor).unwrap_or("quantized"),
        };
        *by_type.entry(name).or_default() += weights.shape(tensor).map_or(0, |shape| shape.iter().product());
    }
    let mut types = by_type.into_iter().map(|(name, values)| (values, name)).collect::<Vec<_>>();
    types.sort_by(|a, b| b.cmp(a));
    types.into_iter().map(|(_, name)| name).collect::<Vec<_>>().join(" and ")
}

/// How an engine over a checkpoint would divide memory.
///
/// # Errors
/// Where the weights do not fit.
pub fn memory_plan(checkpoint: &Checkpoint, options: &LocalOptions) -> Result<MemoryPlan, EngineError> {
    let Checkpoint { architecture, weights, .. } = checkpoint;
    let weight_bytes = weight_bytes(architecture, weights, options.engine.weight_type);
    MemoryPlan::new(architecture, weight_bytes, &options.engine, computing_memory_bytes(&options.engine))
}

/// Names of the stored tensors that the network reads, each once.
fn used(checkpoint: &Checkpoint) -> impl Iterator<Item = &str> {
    let weights = &checkpoint.weights;
    let stored = |names: &[String]| names.iter().find(|name| weights.contains(name)).cloned();
    let names = checkpoint.architecture.tensors().into_iter().filter_map(|view| stored(&view.names));
    let names = names.collect::<BTreeSet<_>>();
    weights.names().filter(move |name| names.contains(*name))
}
