#![allow(clippy::unwrap_used)]

use std::fs;

use super::config::AdapterConfig;

fn config(json: &str) -> Result<AdapterConfig, String> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(super::CONFIG_FILE), json).unwrap();
    AdapterConfig::read(dir.path()).map(Option::unwrap).map_err(|error| error.to_string())
}

fn with(fields: &str) -> Result<AdapterConfig, String> {
    config(&format!(r#"{{"peft_type": "LORA", "r": 4, "lora_alpha": 8, {fields}}}"#))
}

#[test]
fn the_scale_is_alpha_over_the_rank_or_over_its_root() {
    assert_eq!(with(r#""bias": "none""#).unwrap().rank_and_scale("model.layers.0.q_proj"), (4, 2.0));
    assert_eq!(with(r#""use_rslora": true"#).unwrap().rank_and_scale("model.layers.0.q_proj"), (4, 4.0));
}

#[test]
fn patterns_match_whole_paths_or_their_ends_and_the_first_decides() {
    let patterns = r#""rank_pattern": {"^model.layers.0.q_proj": 2, "q_proj": 16, "layers\\.[01]\\.v_proj": 1},
                      "alpha_pattern": {"layers.0.q_proj": 3, "proj": 100}"#;
    let config = with(patterns).unwrap();
    assert_eq!(config.rank_and_scale("model.layers.0.q_proj"), (2, 1.5));
    assert_eq!(config.rank_and_scale("model.layers.1.q_proj"), (16, 0.5));
    assert_eq!(config.rank_and_scale("model.layers.1.v_proj"), (1, 8.0));
    assert_eq!(config.rank_and_scale("model.layers.2.v_proj"), (4, 2.0));
    // `proj` is the end of the name, but not a part of its own.
    assert_eq!(config.rank_and_scale("model.layers.2.proj"), (4, 25.0));
}

#[test]
fn what_would_change_a_number_is_refused_by_key() {
    let refused = [
        (r#""bias": "all""#, "bias"),
        (r#""use_dora": true"#, "use_dora"),
        (r#""use_qalora": true"#, "use_qalora"),
        (r#""lora_bias": true"#, "lora_bias"),
        (r#""layer_replication": [[0, 2]]"#, "layer_replication"),
        (r#""target_parameters": ["experts.w"]"#, "target_parameters"),
        (r#""trainable_token_indices": [1]"#, "trainable_token_indices"),
        (r#""alora_invocation_tokens": [5]"#, "alora_invocation_tokens"),
        (r#""init_lora_weights": "pissa""#, "init_lora_weights"),
        (r#""task_type": "SEQ_CLS""#, "task_type"),
        (r#""something_new": 0.5"#, "something_new"),
        (r#""use_rslora": "yes""#, "use_rslora"),
        (r#""rank_pattern": {"(": 3}"#, "no valid pattern"),
        (r#""rank_pattern": {"q": 0}"#, "rank_pattern of q"),
        (r#""alpha_pattern": [1]"#, "alpha_pattern"),
    ];
    for (fields, key) in refused {
        let text = with(fields).unwrap_err();
        assert!(text.contains(key) && text.contains("adapter_config.json"), "{key}: {text}");
    }
    for (text, key) in [
        (r#"{"peft_type": "IA3", "r": 4, "lora_alpha": 8}"#, "peft_type is \"IA3\""),
        (r#"{"r": 4, "lora_alpha": 8}"#, "peft_type"),
        (r#"{"peft_type": "LORA", "lora_alpha": 8}"#, "r is null"),
        (r#"{"peft_type": "LORA", "r": 18446744073709551615, "lora_alpha": 8}"#, "r is 1844"),
        (r#"{"peft_type": "LORA", "r": -1, "lora_alpha": 8}"#, "r is -1"),
        (r#"{"peft_type": "LORA", "r": 4, "lora_alpha": "8"}"#, "lora_alpha"),
        ("[1]", "adapter_config.json:1"),
        (&"[".repeat(100_000), "adapter_config.json:1"),
    ] {
        let refusal = config(text).unwrap_err();
        assert!(refusal.contains(key), "{key}: {refusal}");
    }
}
