//! A seeded, untrained checkpoint, so that the whole line can be tried without any download.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rand::Rng as _;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use crate::seed::Seed;
use crate::store::{StoreError, write_atomically};

/// Why the checkpoint could not be written.
#[derive(Debug, thiserror::Error)]
pub enum UntrainedError {
    /// The operating system refused.
    #[error("{0}; choose a folder that can be written with --output_path")]
    Store(#[from] StoreError),
    /// The weights could not be laid out.
    #[error("the weights could not be written: {0}")]
    Weights(#[from] safetensors::SafeTensorError),
}

const HIDDEN: usize = 64;
const HEADS: usize = 4;
const KV_HEADS: usize = 2;
const LAYERS: usize = 2;
const INNER: usize = 128;
const POSITIONS: usize = 4096;
const SPECIAL: [&str; 2] = ["<|begin|>", "<|end|>"];
const VOCABULARY: usize = 256 + SPECIAL.len();

/// Writes a Hugging Face folder: a two-layer Llama with random weights (normal, standard deviation 0.08) and a
/// tokenizer of single bytes. Equal seeds give equal bytes.
pub fn write_untrained_checkpoint(folder: &Path, seed: Seed) -> Result<(), UntrainedError> {
    for (name, value) in
        [("config.json", config()), ("tokenizer.json", tokenizer()), ("tokenizer_config.json", tokenizer_config())]
    {
        write(&folder.join(name), format!("{value:#}\n").as_bytes())?;
    }
    write(&folder.join("model.safetensors"), &weights(seed)?)
}

/// A file that another process may have mapped is never written in place.
fn write(path: &Path, bytes: &[u8]) -> Result<(), UntrainedError> {
    if fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    Ok(write_atomically(path, bytes)?)
}

fn config() -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": POSITIONS,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "tie_word_embeddings": true,
        "bos_token_id": 256,
        "eos_token_id": 257,
        "torch_dtype": "float32",
    })
}

fn tokenizer_config() -> Value {
    json!({ "bos_token": SPECIAL[0], "eos_token": SPECIAL[1], "add_bos_token": true, "model_max_length": POSITIONS })
}

/// A byte-level tokenizer without merges: every byte is a token, in the order of the bytes.
fn tokenizer() -> Value {
    let vocabulary: BTreeMap<String, usize> = byte_characters().map(|(byte, c)| (c.to_string(), byte)).collect();
    let added: Vec<Value> = SPECIAL
        .iter()
        .enumerate()
        .map(|(index, content)| {
            json!({
                "id": 256 + index, "content": content, "special": true,
                "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            })
        })
        .collect();
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{ "SpecialToken": { "id": SPECIAL[0], "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } }],
            "pair": [{ "Sequence": { "id": "A", "type_id": 0 } }, { "Sequence": { "id": "B", "type_id": 1 } }],
            "special_tokens": { SPECIAL[0]: { "id": SPECIAL[0], "ids": [256], "tokens": [SPECIAL[0]] } },
        },
        "decoder": { "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true },
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": vocabulary, "merges": [],
        },
    })
}

/// The printable character that byte-level tokenizers write for each byte: itself where it is printable in Latin-1,
/// otherwise the next free one from U+0100.
fn byte_characters() -> impl Iterator<Item = (usize, char)> {
    let mut next_free = 0x100_u32;
    (0..=255_u8).map(move |byte| {
        let printable = matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
        let character = if printable {
            char::from(byte)
        } else {
            next_free += 1;
            char::from_u32(next_free - 1).unwrap_or(char::REPLACEMENT_CHARACTER)
        };
        (usize::from(byte), character)
    })
}

fn weights(seed: Seed) -> Result<Vec<u8>, UntrainedError> {
    let mut shapes: Vec<(String, Vec<usize>)> = vec![
        ("model.embed_tokens.weight".to_owned(), vec![VOCABULARY, HIDDEN]),
        ("model.norm.weight".to_owned(), vec![HIDDEN]),
    ];
    let key_width = HIDDEN / HEADS * KV_HEADS;
    for layer in 0..LAYERS {
        for (name, shape) in [
            ("input_layernorm", vec![HIDDEN]),
            ("post_attention_layernorm", vec![HIDDEN]),
            ("self_attn.q_proj", vec![HIDDEN, HIDDEN]),
            ("self_attn.k_proj", vec![key_width, HIDDEN]),
            ("self_attn.v_proj", vec![key_width, HIDDEN]),
            ("self_attn.o_proj", vec![HIDDEN, HIDDEN]),
            ("mlp.gate_proj", vec![INNER, HIDDEN]),
            ("mlp.up_proj", vec![INNER, HIDDEN]),
            ("mlp.down_proj", vec![HIDDEN, INNER]),
        ] {
            shapes.push((format!("model.layers.{layer}.{name}.weight"), shape));
        }
    }
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = shapes
        .into_iter()
        .map(|(name, shape)| {
            let bytes = tensor_bytes(&name, &shape, seed);
            (name, shape, bytes)
        })
        .collect();
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    Ok(safetensors::serialize(views, None)?)
}

/// Norm weights are 1; everything else is normal.
fn tensor_bytes(name: &str, shape: &[usize], seed: Seed) -> Vec<u8> {
    let mut rng = seed.stream(&["untrained", name]);
    let count: usize = shape.iter().product();
    let mut values = Vec::with_capacity(count + 1);
    while values.len() < count {
        if shape.len() == 1 {
            values.push(1.0);
            continue;
        }
        // Box-Muller: two independent normal values from two uniform ones.
        let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
        let angle = std::f64::consts::TAU * rng.random::<f64>();
        values.extend([radius * angle.cos() * 0.08, radius * angle.sin() * 0.08]);
    }
    #[allow(clippy::cast_possible_truncation)] // to the weights' own precision
    values.iter().take(count).flat_map(|value| (*value as f32).to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_own_printable_character() {
        let characters: std::collections::BTreeSet<char> = byte_characters().map(|(_, c)| c).collect();
        assert_eq!(characters.len(), 256);
        // Known pairs of the byte-level alphabet: space is U+0120, line feed U+010A.
        let of = |byte: usize| byte_characters().nth(byte).map(|(_, c)| c);
        assert_eq!((of(0x20), of(0x0A), of(0x41)), (Some('\u{120}'), Some('\u{10A}'), Some('A')));
    }

    #[test]
    fn equal_seeds_give_equal_weights_and_other_seeds_do_not() {
        let bytes = |seed| weights(Seed(seed)).ok();
        assert_eq!(bytes(1), bytes(1));
        assert_ne!(bytes(1), bytes(2));
    }
}
