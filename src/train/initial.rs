//! Networks that have learned nothing yet.

use std::path::Path;

use super::folder::{FolderError, NamedTensor, StoredDtype, write_tensors};
use super::parameters::{Parameter, Parameters};
use crate::model::architecture::Architecture;
use crate::seed::Seed;

/// Random weights: matrices normal with this standard deviation (0.02 is usual for wide networks), divided by
/// `sqrt(2 * layers)` where they write to the residual stream; gains 1 and biases 0. Equal seeds give equal weights.
///
/// Source: Radford et al., "Language Models are Unsupervised Multitask Learners", section 2.3.
pub fn initial_parameters(architecture: &Architecture, deviation: f32, seed: Seed) -> Parameters {
    let layers = architecture.layers.len().max(1);
    let residual: Vec<_> = architecture
        .layers
        .iter()
        .flat_map(|layer| [&layer.attention.output.weight.names, &layer.feed_forward.down.weight.names])
        .collect();
    let mut parameters = Parameters::new();
    for view in architecture.tensors() {
        let Some(name) = view.names.first() else { continue };
        let count = view.shape.iter().product();
        let values = match (view.shape.len(), name.rsplit('.').next() == Some("bias")) {
            (_, true) => vec![0.0; count],
            (1, false) => vec![1.0; count],
            _ => {
                let writes = residual.contains(&&view.names);
                let deviation = if writes { deviation / (2.0 * layers as f32).sqrt() } else { deviation };
                let mut stream = seed.stream(&["initial", name]);
                (0..count).map(|_| normal(&mut stream) * deviation).collect()
            }
        };
        parameters.entry(name.clone()).or_insert(Parameter { shape: view.shape.clone(), values });
    }
    parameters
}

/// Writes `model.safetensors` (`f32`) beside the `config.json` that is in the folder.
pub fn write_initial_weights(folder: &Path, parameters: &Parameters) -> Result<(), FolderError> {
    let tensors: Vec<_> = parameters.iter().map(|(name, parameter)| NamedTensor::of(name, parameter)).collect();
    write_tensors(&folder.join("model.safetensors"), &tensors, StoredDtype::F32)
}

/// A standard normal draw (Box and Muller).
fn normal(stream: &mut impl rand::Rng) -> f32 {
    let (radius, angle): (f64, f64) = (stream.random(), stream.random());
    #[allow(clippy::cast_possible_truncation)]
    let value = ((-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()) as f32;
    value
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn weights_have_the_deviation_that_is_written_and_repeat() {
        let config = r#"{"model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
            "num_attention_heads": 4, "vocab_size": 300, "max_position_embeddings": 32}"#;
        let architecture = Architecture::from_config_json(config).unwrap();
        let parameters = initial_parameters(&architecture, 0.02, Seed(1));
        assert_eq!(parameters, initial_parameters(&architecture, 0.02, Seed(1)));
        let deviation = |name: &str| {
            let values = &parameters[name].values;
            (values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32).sqrt()
        };
        assert!((deviation("model.embed_tokens.weight") - 0.02).abs() < 5e-4);
        assert!((deviation("model.layers.1.mlp.down_proj.weight") - 0.01).abs() < 5e-4);
        assert!((deviation("model.layers.0.input_layernorm.weight") - 1.0).abs() < 1e-6);
    }
}
