//! The configuration of a model in GGUF, written as the `config.json` that its family has.

use serde_json::{Map, Value as Json, json};

use super::GgufFile;
use super::error::GgufError;
use super::metadata::Metadata;
use super::rotary::Rotated;
use crate::model::architecture::Family;

const ARCHITECTURE: &str = "general.architecture";

/// ggml's names of the families that are supported. Mistral goes by `llama`.
const FAMILIES: [(&str, Family); 11] = [
    ("llama", Family::Llama),
    ("qwen2", Family::Qwen2),
    ("qwen3", Family::Qwen3),
    ("gemma", Family::Gemma),
    ("gemma2", Family::Gemma2),
    ("gemma3", Family::Gemma3Text),
    ("phi3", Family::Phi3),
    ("olmo2", Family::Olmo2),
    ("smollm3", Family::SmolLm3),
    ("gptneox", Family::GptNeox),
    ("gpt2", Family::Gpt2),
];

/// Keys that are read, or say nothing that the network must know. Any other of the family's keys is refused: it asks for
/// something that would be left out.
const KNOWN: [&str; 29] = [
    "attention.causal",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.layer_norm_epsilon",
    "attention.layer_norm_rms_epsilon",
    "attention.scale",
    "attention.sliding_window",
    "attention.sliding_window_pattern",
    "attention.value_length",
    "attn_logit_softcapping",
    "block_count",
    "context_length",
    "embedding_length",
    "expert_count",
    "expert_used_count",
    "feed_forward_length",
    "final_logit_softcapping",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scale_linear",
    "rope.scaling.attn_factor",
    "rope.scaling.factor",
    "rope.scaling.finetuned",
    "rope.scaling.original_context_length",
    "rope.scaling.type",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
    "vocab_size",
];

/// Numbers of attention heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heads {
    pub query: usize,
    pub key: usize,
}

impl Heads {
    pub fn read(metadata: &Metadata) -> Result<Self, GgufError> {
        let keys = Keys { metadata, prefix: prefix(metadata)? };
        let query = keys.size("attention.head_count")?;
        Ok(Self { query, key: keys.optional_size("attention.head_count_kv")?.unwrap_or(query) })
    }
}

fn prefix(metadata: &Metadata) -> Result<&str, GgufError> {
    metadata.text(ARCHITECTURE)?.ok_or_else(|| metadata.missing(ARCHITECTURE))
}

pub(super) fn family(metadata: &Metadata) -> Result<Family, GgufError> {
    let name = prefix(metadata)?;
    let kind = "general.type";
    if metadata.text(kind)?.is_some_and(|kind| kind != "model") {
        return Err(metadata.unsupported(kind, "model"));
    }
    let found = FAMILIES.iter().find(|(known, _)| *known == name).map(|(_, family)| *family);
    let supported = || FAMILIES.map(|(name, _)| name).join(", ");
    let family = found.ok_or_else(|| metadata.unsupported(ARCHITECTURE, &supported()))?;
    // A Llama with a sliding window is a Mistral.
    let keys = Keys { metadata, prefix: name };
    let windowed = family == Family::Llama && keys.window()?.is_some();
    Ok(if windowed { Family::Mistral } else { family })
}

pub(super) fn config_json(file: &GgufFile) -> Result<String, GgufError> {
    let metadata = file.metadata();
    let keys = Keys { metadata, prefix: prefix(metadata)? };
    let family = family(metadata)?;
    keys.check(family)?;
    let mut config = Map::new();
    config.insert("model_type".to_owned(), json!(family.as_str()));
    config.insert("tie_word_embeddings".to_owned(), json!(!file.contains("output.weight")));
    for (key, name) in
        [("tokenizer.ggml.bos_token_id", "bos_token_id"), ("tokenizer.ggml.eos_token_id", "eos_token_id")]
    {
        config.insert(name.to_owned(), json!(metadata.integer(key)?));
    }
    let table = "token_embd.weight";
    let vocabulary = file.shape(table).and_then(|shape| shape.first());
    let vocabulary = vocabulary.ok_or_else(|| GgufError::Tensor {
        file: file.path().to_owned(),
        tensor: table.to_owned(),
        fault: "is missing; fetch the file again".to_owned(),
    })?;
    config.insert("vocab_size".to_owned(), json!(vocabulary));
    let specific = if family == Family::Gpt2 { keys.gpt2()? } else { keys.rotating(file, family)? };
    config.extend(object(specific));
    Ok(Json::Object(config).to_string())
}

fn object(value: Json) -> Map<String, Json> {
    if let Json::Object(values) = value { values } else { Map::new() }
}

/// The keys of a family, which begin with its name.
struct Keys<'a> {
    metadata: &'a Metadata,
    prefix: &'a str,
}

impl Keys<'_> {
    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.prefix)
    }

    /// Refuses what would be left out.
    fn check(&self, family: Family) -> Result<(), GgufError> {
        let own = match family {
            Family::GptNeox => "use_parallel_residual",
            Family::Gemma3Text => "rope.freq_base_swa",
            _ => "tensor_data_layout",
        };
        for key in self.metadata.keys() {
            let Some(rest) = key.strip_prefix(self.prefix).and_then(|rest| rest.strip_prefix('.')) else { continue };
            if rest != own && !KNOWN.contains(&rest) {
                return Err(self.metadata.unsupported(key, "models without this key"));
            }
        }
        for key in ["expert_count", "expert_used_count"] {
            let key = self.key(key);
            if self.metadata.integer(&key)?.is_some_and(|count| count != 0) {
                return Err(self.metadata.unsupported(&key, "0 (no mixture of experts)"));
            }
        }
        let causal = self.key("attention.causal");
        if self.metadata.flag(&causal)? == Some(false) {
            return Err(self.metadata.unsupported(&causal, "true"));
        }
        let gemma = matches!(family, Family::Gemma2 | Family::Gemma3Text);
        let windowed = gemma || matches!(family, Family::Mistral | Family::Phi3);
        let refused = [
            ("attention.scale", gemma),
            ("attention.sliding_window_pattern", gemma),
            ("attn_logit_softcapping", family == Family::Gemma2),
            ("final_logit_softcapping", gemma),
        ];
        for (key, allowed) in refused {
            let key = self.key(key);
            if !allowed && self.metadata.contains(&key) {
                return Err(self.metadata.unsupported(&key, "models of this family without this key"));
            }
        }
        if !windowed && self.window()?.is_some() {
            return Err(self.metadata.unsupported(&self.key("attention.sliding_window"), "0 in this family"));
        }
        Ok(())
    }

    /// A number above zero; a list of one number for each layer must be of equal ones.
    fn optional_size(&self, key: &str) -> Result<Option<usize>, GgufError> {
        let key = self.key(key);
        let number = if self.metadata.is_list(&key) {
            let numbers = self.metadata.integers(&key)?.unwrap_or_default();
            let first = numbers.first().copied();
            if first.is_some_and(|first| numbers.iter().any(|number| *number != first)) {
                return Err(self.metadata.unsupported(&key, "the same number in all layers"));
            }
            first
        } else {
            self.metadata.integer(&key)?
        };
        let Some(number) = number else { return Ok(None) };
        let size = usize::try_from(number).ok().filter(|size| (1..1 << 32).contains(size));
        size.map(Some).ok_or_else(|| self.metadata.invalid(&key, "an integer above 0"))
    }

    fn size(&self, key: &str) -> Result<usize, GgufError> {
        self.optional_size(key)?.ok_or_else(|| self.metadata.missing(&self.key(key)))
    }

    /// A finite number above zero.
    fn optional_number(&self, key: &str) -> Result<Option<f64>, GgufError> {
        let key = self.key(key);
        let Some(number) = self.metadata.number(&key)? else { return Ok(None) };
        let sound = (number.is_finite() && number > 0.0).then_some(number);
        sound.map(Some).ok_or_else(|| self.metadata.invalid(&key, "a number above 0"))
    }

    fn number(&self, key: &str) -> Result<f64, GgufError> {
        self.optional_number(key)?.ok_or_else(|| self.metadata.missing(&self.key(key)))
    }

    /// The sliding window; none where it is zero.
    fn window(&self) -> Result<Option<usize>, GgufError> {
        let key = self.key("attention.sliding_window");
        if self.metadata.integer(&key)? == Some(0) {
            return Ok(None);
        }
        self.optional_size("attention.sliding_window")
    }

    fn gpt2(&self) -> Result<Json, GgufError> {
        Ok(json!({
            "n_layer": self.size("block_count")?,
            "n_positions": self.size("context_length")?,
            "n_embd": self.size("embedding_length")?,
            "n_inner": self.size("feed_forward_length")?,
            "n_head": self.size("attention.head_count")?,
            "layer_norm_epsilon": self.number("attention.layer_norm_epsilon")?,
            "activation_function": "gelu_new",
        }))
    }

    /// Every family but GPT-2.
    fn rotating(&self, file: &GgufFile, family: Family) -> Result<Json, GgufError> {
        let (hidden, heads) = (self.size("embedding_length")?, Heads::read(self.metadata)?);
        let head_dim = self.optional_size("attention.key_length")?.unwrap_or(hidden / heads.query);
        if self.optional_size("attention.value_length")?.is_some_and(|value| value != head_dim) {
            let supported = format!("attention.key_length ({head_dim})");
            return Err(self.metadata.unsupported(&self.key("attention.value_length"), &supported));
        }
        let base = self.optional_number("rope.freq_base")?.unwrap_or(10_000.0);
        let dims = self.optional_size("rope.dimension_count")?.unwrap_or(head_dim);
        let scaling = Rotated { file, prefix: self.prefix, base, dims }.scaling()?;
        let bias = |part: &str| file.contains(&format!("blk.0.{part}.bias"));
        let neox = family == Family::GptNeox;
        let epsilon = if neox { "attention.layer_norm_epsilon" } else { "attention.layer_norm_rms_epsilon" };
        let mut config = object(json!({
            "hidden_size": hidden,
            "num_hidden_layers": self.size("block_count")?,
            "intermediate_size": self.size("feed_forward_length")?,
            "num_attention_heads": heads.query,
            "num_key_value_heads": heads.key,
            "head_dim": head_dim,
            "max_position_embeddings": self.size("context_length")?,
            "rms_norm_eps": self.number(epsilon)?,
            "rope_theta": base,
            "rope_scaling": scaling,
            "attention_bias": bias("attn_q") || bias("attn_qkv"),
            "mlp_bias": bias("ffn_gate"),
            "sliding_window": self.window()?,
        }));
        if dims != head_dim {
            // The fraction is multiplied out and rounded down again where it is read.
            let fraction = (dims as f64 + 0.25) / head_dim as f64;
            config.insert("partial_rotary_factor".to_owned(), json!(fraction));
        }
        config.extend(match family {
            Family::Gemma2 | Family::Gemma3Text => self.gemma(family, hidden, heads.query, head_dim)?,
            Family::SmolLm3 => object(json!({"no_rope_layer_interval": 4})),
            Family::GptNeox => object(json!({
                "layer_norm_eps": self.number(epsilon)?,
                "hidden_act": "gelu",
                "use_parallel_residual": self.metadata.flag(&self.key("use_parallel_residual"))?.unwrap_or(true),
            })),
            _ => Map::new(),
        });
        Ok(Json::Object(config))
    }

    /// What llama.cpp knows of Gemma 2 and 3 without being told stands in for absent keys.
    fn gemma(
        &self,
        family: Family,
        hidden: usize,
        heads: usize,
        head_dim: usize,
    ) -> Result<Map<String, Json>, GgufError> {
        let two = family == Family::Gemma2;
        let layers = self.size("block_count")?;
        // The largest of either generation scales its scores by the width that a head would have.
        let largest = layers == if two { 46 } else { 62 };
        let width = if largest { hidden / heads } else { head_dim };
        let scalar = self.optional_number("attention.scale")?.map_or(width as f64, |scale| (scale * scale).recip());
        if !scalar.is_finite() {
            return Err(self.metadata.invalid(&self.key("attention.scale"), "a number whose square has a reciprocal"));
        }
        let mut config = object(json!({"query_pre_attn_scalar": scalar}));
        let cap = |key: &str, default: f64| Ok::<_, GgufError>(self.optional_number(key)?.or(two.then_some(default)));
        config.insert("attn_logit_softcapping".to_owned(), json!(cap("attn_logit_softcapping", 50.0)?));
        config.insert("final_logit_softcapping".to_owned(), json!(cap("final_logit_softcapping", 30.0)?));
        let window = self.window()?.or(two.then_some(4_096));
        config.insert("sliding_window".to_owned(), json!(window));
        let slides = self.sliding_layers(layers, if two { 2 } else { 6 })?;
        let kind = |slides: &bool| if *slides && window.is_some() { "sliding_attention" } else { "full_attention" };
        config.insert("layer_types".to_owned(), json!(slides.iter().map(kind).collect::<Vec<_>>()));
        if !two {
            let base = self.optional_number("rope.freq_base_swa")?.unwrap_or(10_000.0);
            config.insert("rope_local_base_freq".to_owned(), json!(base));
        }
        Ok(config)
    }

    /// Which layers have the window: all but every `period`th, or as the file lists them.
    fn sliding_layers(&self, layers: usize, period: usize) -> Result<Vec<bool>, GgufError> {
        let key = self.key("attention.sliding_window_pattern");
        if self.metadata.is_list(&key) {
            let listed = self.metadata.integers(&key)?.unwrap_or_default();
            if listed.len() != layers {
                return Err(self.metadata.invalid(&key, "one entry for each layer"));
            }
            return Ok(listed.iter().map(|slides| *slides != 0).collect());
        }
        let period = self.optional_size("attention.sliding_window_pattern")?.unwrap_or(period);
        // Guards against a count of layers that no file has tensors for.
        let layers = layers.min(1 << 16);
        Ok((0..layers).map(|layer| (layer + 1) % period != 0).collect())
    }
}
