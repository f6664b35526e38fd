#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)]

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::model::architecture::{Architecture, ArchitectureError};
use crate::model::engine::{Engine, EngineOptions};
use crate::model::weights::Weights;

fn fixtures() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures");
    let dir = PathBuf::from(std::env::var("WIT_EVAL_FIXTURES").unwrap_or_else(|_| default.to_owned()));
    if !dir.is_dir() {
        println!("skipped: {} is not there; set WIT_EVAL_FIXTURES", dir.display());
        return None;
    }
    Some(dir)
}

fn yarn() -> Value {
    json!({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128})
}

fn yarn_with_every_option() -> Value {
    json!({"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 64, "beta_fast": 16,
           "beta_slow": 2, "mscale": 0.8, "mscale_all_dim": 1.2, "truncate": false})
}

fn long_rope() -> Value {
    let factors = |step: f64| (0..8).map(|i| 1.0 + step * f64::from(i)).collect::<Vec<_>>();
    json!({"rope_type": "longrope", "short_factor": factors(0.05), "long_factor": factors(0.5),
           "original_max_position_embeddings": 200})
}

fn config(scaling: &Value) -> String {
    json!({
        "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4,
        "num_key_value_heads": 4, "num_hidden_layers": 2, "vocab_size": 2048, "max_position_embeddings": 512,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "rope_scaling": scaling
    })
    .to_string()
}

/// Golden numbers: `ROPE_INIT_FUNCTIONS` of transformers 5.23.
#[test]
fn frequencies_and_factors_are_those_of_transformers() {
    let cases: [(Value, Option<usize>, [f64; 8], f64); 4] = [
        (
            yarn(),
            None,
            [1.0, 0.237_170_8, 0.05, 0.007_905_695, 0.0025, 7.905_695e-4, 2.5e-4, 7.905_695e-5],
            1.138_629_4,
        ),
        (
            yarn_with_every_option(),
            None,
            [1.0, 0.120_533_99, 0.0125, 0.003_952_847, 0.00125, 3.952_847_3e-4, 1.25e-4, 3.952_847_3e-5],
            0.933_433,
        ),
        (
            long_rope(),
            Some(200),
            [1.0, 0.301_169_3, 0.090_909_09, 0.027_498_07, 0.008_333_333, 0.002_529_822_3, 7.692_308e-4, 2.342_428e-4],
            1.085_088_1,
        ),
        (
            long_rope(),
            Some(201),
            [1.0, 0.210_818_5, 0.05, 0.012_649_11, 0.003_333_333_4, 9.035_079e-4, 2.5e-4, 7.027_284e-5],
            1.085_088_1,
        ),
    ];
    for (scaling, length, frequencies, factor) in cases {
        let architecture = Architecture::for_length(&config(&scaling), length).unwrap();
        let rotary = architecture.layers[0].attention.rotary.unwrap();
        for (made, expected) in rotary.frequencies().into_iter().zip(frequencies) {
            assert!((f64::from(made) / expected - 1.0).abs() < 1e-6, "{scaling}: {made} {expected}");
        }
        assert!((f64::from(rotary.attention_factor()) - factor).abs() < 1e-6, "{scaling}");
    }
}

#[test]
fn long_rope_serves_the_lengths_that_its_list_is_for() {
    let context = |length| Architecture::for_length(&config(&long_rope()), length).unwrap().context_tokens;
    assert_eq!([None, Some(10), Some(200), Some(201), Some(9_999)].map(context), [200, 200, 200, 512, 512]);
    assert_eq!(Architecture::for_length(&config(&yarn()), None).unwrap().context_tokens, 512);
}

#[test]
fn lists_of_another_length_and_impossible_numbers_are_refused_by_key() {
    let broken = |scaling: Value, key: &str, value: Value| {
        let mut scaling = scaling;
        scaling[key] = value;
        let error = Architecture::from_config_json(&config(&scaling)).unwrap_err();
        assert!(error.to_string().contains(key), "{error}");
        assert!(matches!(error, ArchitectureError::Invalid { .. } | ArchitectureError::Missing { .. }), "{error}");
    };
    broken(long_rope(), "short_factor", json!([1.0, 2.0]));
    broken(long_rope(), "short_factor", json!([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]));
    broken(long_rope(), "short_factor", Value::Null);
    broken(long_rope(), "original_max_position_embeddings", json!(0));
    broken(yarn(), "factor", json!(-1));
    broken(yarn(), "beta_slow", json!(1e9));
}

/// Golden numbers: `AutoModelForCausalLM` of transformers 5.23 with torch 2.15 on the weights of `llama_untied`:
/// the sum over each sequence of 5, 33, 128 and 300 tokens, and its last token's.
#[test]
fn log_probabilities_with_scaled_frequencies_are_those_of_transformers() {
    let Some(fixtures) = fixtures() else { return };
    let text = std::fs::read_to_string(fixtures.join("ref/llama_untied.json")).unwrap();
    let reference: Value = serde_json::from_str(&text).unwrap();
    let dir = fixtures.join("models/llama_untied");
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(dir.join("config.json")).unwrap()).unwrap();
    let cases: [(Value, [(f64, f32); 4]); 3] = [
        (
            yarn(),
            [
                (-33.772_61, -11.476_79),
                (-301.054_417, -9.485_401),
                (-1_288.846_908, -8.712_713),
                (-2_906.777_767, -9.265_243),
            ],
        ),
        (
            yarn_with_every_option(),
            [
                (-33.255_513, -11.152_779),
                (-298.039_03, -6.928_606),
                (-1_262.697_334, -7.953_009),
                (-2_896.734_293, -7.944_469),
            ],
        ),
        (
            long_rope(),
            [
                (-34.871_675, -12.352_412),
                (-300.162_696, -10.847_064),
                (-1_238.698_482, -7.256_799),
                (-2_891.406_877, -8.471_717),
            ],
        ),
    ];
    for (scaling, expected) in cases {
        config["rope_scaling"] = scaling.clone();
        for (sequence, (sum, last)) in reference["sequences"].as_array().unwrap().iter().zip(expected) {
            let ids: Vec<u32> = serde_json::from_value(sequence["ids"].clone()).unwrap();
            let architecture = Architecture::for_length(&config.to_string(), Some(ids.len())).unwrap();
            let engine = Engine::open(architecture, &Weights::open(&dir).unwrap(), EngineOptions::default()).unwrap();
            let made = engine.sequence_log_probs(&ids).unwrap();
            let total: f64 = made.iter().map(|nats| f64::from(*nats)).sum();
            assert!((total - sum).abs() < 1e-4 * ids.len() as f64, "{scaling} {}: {total} {sum}", ids.len());
            assert!((made.last().unwrap() - last).abs() < 1e-4, "{scaling} {}", ids.len());
        }
    }
}
