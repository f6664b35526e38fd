//! Models in GGUF: the same network, the same numbers as the checkpoint that they were converted from.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]

#[path = "gguf/checkpoints.rs"]
mod checkpoints;
#[path = "gguf/convert.rs"]
mod convert;
#[path = "gguf/hostile.rs"]
mod hostile;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::quantized::GgmlDType;
use convert::{Model, Plain};
use serde_json::{Value as Json, json};
use wit_eval::model::architecture::Architecture;
use wit_eval::model::engine::{Engine, EngineOptions};
use wit_eval::model::gguf::GgufFile;
use wit_eval::model::weights::Weights;

/// One of every layout; GPT-Neo has none in GGUF.
const MODELS: [&str; 15] = [
    "gemma",
    "gemma2",
    "gemma3_text",
    "gpt2",
    "gpt_neox",
    "llama3_tied",
    "llama_bf16",
    "llama_untied",
    "llama_untied_ref",
    "mistral",
    "olmo2",
    "phi3",
    "qwen2",
    "qwen3",
    "smollm3",
];

/// Absolute, in nats: what the reference's log-probabilities are known to.
const NATS: f64 = 1e-4;

fn fixtures() -> Option<PathBuf> {
    let dir = std::env::var("WIT_EVAL_FIXTURES")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures").to_owned());
    let dir = PathBuf::from(dir);
    if !dir.is_dir() {
        eprintln!("skipped: {} is not there; set WIT_EVAL_FIXTURES", dir.display());
        return None;
    }
    Some(dir)
}

/// A fixture; what GGUF has no key for is set to what llama.cpp takes for granted.
fn model(fixtures: &Path, name: &str) -> Model {
    let mut model = Model::open(&fixtures.join("models").join(name));
    if name == "smollm3" {
        let config = model.config.as_object_mut().unwrap();
        config.remove("no_rope_layers");
        config.insert("no_rope_layer_interval".to_owned(), json!(4));
    }
    model
}

fn engine(architecture: Architecture, weights: &Weights) -> Engine {
    Engine::open(architecture, weights, EngineOptions::default()).unwrap()
}

fn engine_of_gguf(path: &Path) -> Engine {
    let gguf = GgufFile::open(path).unwrap();
    let architecture = Architecture::from_config_json(&gguf.config_json().unwrap()).unwrap();
    engine(architecture, &Weights::open_gguf(&gguf).unwrap())
}

/// A checkpoint of these tensors in `f32`.
fn engine_of_tensors(config: &Json, tensors: &BTreeMap<String, Plain>) -> Engine {
    let dir = tempfile::tempdir().unwrap();
    let bytes: BTreeMap<&String, Vec<u8>> = tensors
        .iter()
        .map(|(name, (_, values))| (name, values.iter().flat_map(|value| value.to_le_bytes()).collect()))
        .collect();
    let views = tensors.iter().map(|(name, (shape, _))| {
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), &bytes[name]).unwrap();
        (name.clone(), view)
    });
    safetensors::serialize_to_file(views, None, &dir.path().join("model.safetensors")).unwrap();
    let architecture = Architecture::from_config_json(&config.to_string()).unwrap();
    engine(architecture, &Weights::open(dir.path()).unwrap())
}

/// Deterministic ids that reach over a fixture's windows.
fn tokens(vocabulary: u32) -> Vec<u32> {
    (0..80_u32).map(|i| (i * i * 31 + i * 7 + 3) % vocabulary).collect()
}

fn largest_difference(one: &[f32], other: &[f32]) -> f32 {
    assert_eq!(one.len(), other.len());
    one.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn the_metadata_describe_the_network_that_config_json_describes() {
    let Some(fixtures) = fixtures() else { return };
    let dir = tempfile::tempdir().unwrap();
    for name in MODELS {
        let path = dir.path().join("model.gguf");
        let model = model(&fixtures, name);
        model.write(&path, GgmlDType::F32, &[]);
        let config = GgufFile::open(&path).unwrap().config_json().unwrap();
        let read = Architecture::from_config_json(&config).unwrap();
        let expected = Architecture::from_config_json(&model.config.to_string()).unwrap();
        assert_eq!(read, expected, "{name}");
    }
}

#[test]
fn scalings_of_frequencies_are_described_as_config_json_describes_them() {
    let Some(fixtures) = fixtures() else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.gguf");
    let factors = |step: f64| (0..8).map(|i| 1.0 + step * f64::from(i)).collect::<Vec<_>>();
    for (name, scaling) in [
        ("llama_untied", json!({"rope_type": "linear", "factor": 4.0})),
        ("qwen2", json!({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128})),
        ("qwen3", json!({"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 64, "beta_fast": 16})),
        (
            "phi3",
            json!({"rope_type": "longrope", "short_factor": factors(0.25), "long_factor": factors(2.0),
                   "original_max_position_embeddings": 128}),
        ),
        (
            "llama3_tied",
            json!({"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                   "original_max_position_embeddings": 8192}),
        ),
    ] {
        let mut model = model(&fixtures, name);
        if name == "phi3" {
            model.config["original_max_position_embeddings"] = json!(128);
        }
        model.config["rope_scaling"] = scaling;
        model.write(&path, GgmlDType::F32, &[]);
        let config = GgufFile::open(&path).unwrap().config_json().unwrap();
        for length in [None, Some(512)] {
            let read = Architecture::for_length(&config, length).unwrap();
            let expected = Architecture::for_length(&model.config.to_string(), length).unwrap();
            assert_eq!(read, expected, "{name}");
        }
    }
    // Factors that no scaling of Llama 3 gives.
    let mut model = model(&fixtures, "llama3_tied");
    model.config["rope_scaling"]["high_freq_factor"] = json!(8.0);
    model.write(&path, GgmlDType::F32, &[]);
    let text = GgufFile::open(&path).unwrap().config_json().unwrap_err().to_string();
    assert!(text.contains("`rope_freqs.weight` scales frequencies by other factors"), "{text}");
}

#[test]
fn every_tensor_comes_back_as_it_was_before_conversion() {
    let Some(fixtures) = fixtures() else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.gguf");
    let elements = [GgmlDType::F32, GgmlDType::F16, GgmlDType::BF16, GgmlDType::Q8_0, GgmlDType::Q4_0, GgmlDType::Q5_1];
    for (name, element) in MODELS.iter().flat_map(|name| elements.map(|element| (*name, element))) {
        let model = model(&fixtures, name);
        let written = model.write(&path, element, &[]);
        assert_eq!(written.quantized > 0, element.block_size() > 1, "{name}");
        let weights = Weights::open_gguf(&GgufFile::open(&path).unwrap()).unwrap();
        let names: Vec<&str> = weights.names().collect();
        // Masks that are no weights are left out in conversion.
        assert!(names.len() >= written.stands_for.len());
        for (tensor, (shape, values)) in &written.stands_for {
            let called =
                if names.contains(&tensor.as_str()) { tensor.clone() } else { format!("transformer.{tensor}") };
            let read = weights.to_f32(&called, shape).unwrap();
            let held = weights.values(&called, shape).unwrap();
            assert_eq!(held.into_single(), read, "{name} {tensor}");
            // Adding one to a gain and taking it off again rounds.
            let tolerance = if name.starts_with("gemma") && tensor.ends_with("norm.weight") { 1.2e-7 } else { 0.0 };
            let difference = largest_difference(&read, values);
            assert!(difference <= tolerance, "{name} {tensor} {element:?}: {difference}");
        }
    }
}

#[test]
fn log_probabilities_agree_with_the_reference_at_every_position() {
    let Some(fixtures) = fixtures() else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.gguf");
    let mut compared = 0;
    // Without its own layers without rotation, SmolLM 3's fixture is another network.
    for name in MODELS.iter().filter(|name| **name != "smollm3") {
        let Ok(text) = std::fs::read_to_string(fixtures.join("ref").join(format!("{name}.json"))) else { continue };
        let reference: Json = serde_json::from_str(&text).unwrap();
        model(&fixtures, name).write(&path, GgmlDType::F32, &[]);
        let engine = engine_of_gguf(&path);
        for sequence in reference["sequences"].as_array().unwrap() {
            let numbers = |key: &str| sequence[key].as_array().unwrap().clone();
            let ids: Vec<u32> = numbers("ids").iter().map(|id| id.as_u64().unwrap().try_into().unwrap()).collect();
            let read = engine.sequence_log_probs(&ids).unwrap();
            for (read, expected) in read.iter().zip(numbers("next_token_logprobs")) {
                let difference = (f64::from(*read) - expected.as_f64().unwrap()).abs();
                assert!(difference < NATS, "{name}: {difference}");
                compared += 1;
            }
        }
    }
    assert!(compared > 1_000, "{compared}");
}

#[test]
fn quantized_weights_compute_as_what_they_stand_for() {
    let Some(fixtures) = fixtures() else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.gguf");
    for (name, element) in [
        ("llama_untied", GgmlDType::Q8_0),
        ("qwen2", GgmlDType::Q4_0),
        ("gemma2", GgmlDType::Q5_0),
        ("phi3", GgmlDType::Q8_0),
        ("gpt2", GgmlDType::Q4_1),
        ("gpt_neox", GgmlDType::F16),
        ("olmo2", GgmlDType::BF16),
    ] {
        let model = model(&fixtures, name);
        let written = model.write(&path, element, &[]);
        let read = engine_of_gguf(&path).sequence_log_probs(&tokens(2_048)).unwrap();
        let expected = engine_of_tensors(&model.config, &written.stands_for);
        let difference = largest_difference(&read, &expected.sequence_log_probs(&tokens(2_048)).unwrap());
        assert!(difference <= 1e-5, "{name} {element:?}: {difference}");
    }
}

/// A Llama wide enough for blocks of 256 values.
fn wide() -> Model {
    let config = json!({
        "model_type": "llama", "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256, "vocab_size": 320,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": false,
    });
    let architecture = Architecture::from_config_json(&config.to_string()).unwrap();
    let mut state = 1_u32;
    let mut random = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(u16::try_from(state >> 16).unwrap()) / 32_768.0 - 1.0
    };
    let tensors = architecture.tensors();
    let tensors = tensors.iter().map(|view| {
        let count = view.shape.iter().product::<usize>();
        let (scale, offset) = if view.shape.len() == 1 { (0.1, 1.0) } else { (0.1, 0.0) };
        (view.names[0].clone(), (view.shape.clone(), (0..count).map(|_| random() * scale + offset).collect()))
    });
    Model { tensors: tensors.collect(), config }
}

#[test]
fn blocks_of_every_type_compute_as_what_they_stand_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.gguf");
    let model = wide();
    let plain = engine_of_tensors(&model.config, &model.tensors).sequence_log_probs(&tokens(320)).unwrap();
    for (element, coarse) in [
        (GgmlDType::Q2K, 8.0),
        (GgmlDType::Q3K, 4.0),
        (GgmlDType::Q4K, 2.0),
        (GgmlDType::Q5K, 1.0),
        (GgmlDType::Q6K, 0.5),
        (GgmlDType::Q5_0, 1.0),
        (GgmlDType::Q8_0, 0.2),
    ] {
        let written = model.write(&path, element, &[]);
        let read = engine_of_gguf(&path).sequence_log_probs(&tokens(320)).unwrap();
        let expected = engine_of_tensors(&model.config, &written.stands_for).sequence_log_probs(&tokens(320)).unwrap();
        let difference = largest_difference(&read, &expected);
        assert!(difference <= 1e-5, "{element:?}: {difference}");
        // Not the unquantized numbers, and not far from them.
        let coarseness = largest_difference(&read, &plain);
        assert!(coarseness > 1e-4 && coarseness < coarse, "{element:?}: {coarseness}");
    }
}
