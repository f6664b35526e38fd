#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::{Value, json};

use super::*;

fn llama() -> Value {
    json!({
        "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4,
        "num_key_value_heads": 2, "num_hidden_layers": 2, "vocab_size": 100, "max_position_embeddings": 512,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0
    })
}

fn with(key: &str, value: Value) -> String {
    let mut config = llama();
    config[key] = value;
    config.to_string()
}

#[test]
fn what_is_not_supported_is_refused_by_name_with_what_is() {
    let cases = [
        ("model_type", json!("mamba"), "gpt_neox"),
        ("rope_scaling", json!({"rope_type": "dynamic", "factor": 2.0}), "llama3"),
        ("hidden_act", json!("quick_gelu"), "gelu_pytorch_tanh"),
        ("quantization_config", json!({"bits": 4}), "unquantized"),
    ];
    for (key, value, supported) in cases {
        let error = Architecture::from_config_json(&with(key, value)).unwrap_err();
        assert!(matches!(error, ArchitectureError::Unsupported { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(key) && text.contains(supported), "{text}");
    }
}

#[test]
fn absurd_sizes_are_refused_before_anything_is_allocated() {
    let cases = [
        ("num_hidden_layers", json!(1_000_000_000)),
        ("hidden_size", json!(0)),
        ("hidden_size", json!(-64)),
        ("hidden_size", json!(1e300)),
        ("num_attention_heads", json!(5)),
        ("num_key_value_heads", json!(3)),
        ("vocab_size", json!("many")),
        ("max_position_embeddings", json!(1_u64 << 60)),
        ("rms_norm_eps", json!(-1.0)),
        ("head_dim", json!(7)),
    ];
    for (key, value) in cases {
        let error = Architecture::from_config_json(&with(key, value.clone())).unwrap_err();
        assert!(matches!(error, ArchitectureError::Invalid { .. }), "{key} {value}: {error}");
    }
    for text in ["", "[]", "{", "null", "\u{0}"] {
        let error = Architecture::from_config_json(text).unwrap_err();
        assert!(matches!(error, ArchitectureError::NotAnObject { .. }), "{text}: {error}");
    }
    let error = Architecture::from_config_json(r#"{"model_type": "llama"}"#).unwrap_err();
    assert!(error.to_string().contains("hidden_size"), "{error}");
}

/// The passage between kept and divided frequencies, worked from the published definition.
#[test]
fn llama3_scaling_keeps_short_waves_and_divides_long_ones() {
    let scaling = RotaryScaling::Llama3 {
        factor: 8.0,
        low_frequency_factor: 1.0,
        high_frequency_factor: 4.0,
        original_context: 64.0,
    };
    let plain = Rotary { dims: 16, base: 500_000.0, scaling: RotaryScaling::None }.frequencies();
    let scaled = Rotary { dims: 16, base: 500_000.0, scaling }.frequencies();
    // Wavelengths 6.3, 32.4, 167, ...: the first is below 64 / 4, the second between, the rest above 64 / 1.
    assert_eq!(scaled[0].to_bits(), plain[0].to_bits());
    let turns = 64.0 * f64::from(plain[1]) / std::f64::consts::TAU;
    let smooth = (turns - 1.0) / 3.0;
    let expected = f64::from(plain[1]) * ((1.0 - smooth) / 8.0 + smooth);
    assert!((f64::from(scaled[1]) - expected).abs() < 1e-8);
    for (plain, scaled) in plain.iter().zip(&scaled).skip(2) {
        assert!((plain / 8.0 - scaled).abs() < 1e-9);
    }
}

#[test]
fn windows_follow_the_layer_types_and_the_older_patterns() {
    let config = |extra: Value| {
        let mut config = llama();
        config["num_hidden_layers"] = json!(4);
        config["sliding_window"] = json!(16);
        for (key, value) in extra.as_object().unwrap() {
            config[key] = value.clone();
        }
        let windows = Architecture::from_config_json(&config.to_string()).unwrap().layers;
        windows.iter().map(|layer| layer.attention.window.is_some()).collect::<Vec<_>>()
    };
    assert_eq!(config(json!({"model_type": "llama"})), [false; 4]);
    assert_eq!(config(json!({"model_type": "mistral"})), [true; 4]);
    assert_eq!(config(json!({"model_type": "mistral", "sliding_window": null})), [false; 4]);
    assert_eq!(config(json!({"model_type": "gemma2"})), [true, false, true, false]);
    assert_eq!(config(json!({"model_type": "gemma3_text", "sliding_window_pattern": 3})), [true, true, false, true]);
    let qwen = json!({"model_type": "qwen2", "use_sliding_window": true, "max_window_layers": 1});
    assert_eq!(config(qwen), [false, true, true, true]);
    assert_eq!(config(json!({"model_type": "qwen2", "max_window_layers": 1})), [false; 4]);
}

#[test]
fn tied_weights_are_counted_once() {
    let parameters = |text: String| Architecture::from_config_json(&text).unwrap().parameters();
    let untied = parameters(with("tie_word_embeddings", json!(false)));
    assert_eq!(untied - parameters(with("tie_word_embeddings", json!(true))), 100 * 64);
    // Two layers of (64 + 32 + 32 + 64) * 64 + 3 * 64 * 128 + 2 * 64, the final norm, two tables.
    assert_eq!(untied, 2 * (192 * 64 + 3 * 64 * 128 + 128) + 64 + 2 * 100 * 64);
}
