//! Writes fixture checkpoints as GGUF, as llama.cpp's converter describes it: its keys, its names, and what it does to the
//! tensors. Independent of what is tested: it goes the other way, by reshaping.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use serde_json::Value as Json;
use wit_eval::model::weights::Weights;

/// A tensor's shape and values.
pub type Plain = (Vec<usize>, Vec<f32>);

/// A checkpoint to be written.
pub struct Model {
    pub config: Json,
    pub tensors: BTreeMap<String, Plain>,
}

/// What a written file holds, besides the file.
pub struct Written {
    /// What the file's tensors stand for, by Hugging Face name.
    pub stands_for: BTreeMap<String, Plain>,
    /// How many are in blocks.
    pub quantized: usize,
}

impl Model {
    pub fn open(dir: &Path) -> Self {
        let config = serde_json::from_str(&std::fs::read_to_string(dir.join("config.json")).unwrap()).unwrap();
        let weights = Weights::open(dir).unwrap();
        let read = |name: &str| {
            let shape = weights.shape(name).unwrap().to_vec();
            (name.to_owned(), (shape.clone(), weights.to_f32(name, &shape).unwrap()))
        };
        Self { config, tensors: weights.names().map(read).collect() }
    }

    fn family(&self) -> &str {
        self.config["model_type"].as_str().unwrap()
    }

    fn prefix(&self) -> &str {
        match self.family() {
            "mistral" => "llama",
            "gemma3_text" => "gemma3",
            "gpt_neox" => "gptneox",
            family => family,
        }
    }

    fn size(&self, keys: &[&str]) -> usize {
        let found = keys.iter().find_map(|key| self.config[key].as_u64());
        usize::try_from(found.unwrap_or_else(|| panic!("no {keys:?}"))).unwrap()
    }

    fn heads(&self, key: bool) -> usize {
        let query = self.size(&["num_attention_heads", "n_head"]);
        if key { self.config["num_key_value_heads"].as_u64().map_or(query, |n| n.try_into().unwrap()) } else { query }
    }

    fn head_dim(&self) -> usize {
        let hidden = self.size(&["hidden_size", "n_embd"]);
        self.config["head_dim"].as_u64().map_or(hidden / self.heads(false), |n| n.try_into().unwrap())
    }

    /// The metadata, tokenizer aside.
    pub fn metadata(&self) -> Vec<(String, Value)> {
        let prefix = self.prefix();
        let int = |n: usize| Value::U32(n.try_into().unwrap());
        let hidden = self.size(&["hidden_size", "n_embd"]);
        let inner = self.config["intermediate_size"].as_u64().map_or(4 * hidden, |n| n.try_into().unwrap());
        let mut own = vec![
            ("block_count", int(self.size(&["num_hidden_layers", "n_layer"]))),
            ("context_length", int(self.size(&["max_position_embeddings", "n_positions"]))),
            ("embedding_length", int(hidden)),
            ("feed_forward_length", int(inner)),
            ("attention.head_count", int(self.heads(false))),
        ];
        #[allow(clippy::cast_possible_truncation)]
        let float = |key: &str| self.config[key].as_f64().map(|number| Value::F32(number as f32));
        let mut some = |key: &'static str, value: Option<Value>| own.extend(value.map(|value| (key, value)));
        some("attention.layer_norm_rms_epsilon", float("rms_norm_eps"));
        some("attention.layer_norm_epsilon", float("layer_norm_eps").or(float("layer_norm_epsilon")));
        some("attn_logit_softcapping", float("attn_logit_softcapping"));
        some("final_logit_softcapping", float("final_logit_softcapping"));
        if self.family() != "gpt2" {
            some("attention.head_count_kv", Some(int(self.heads(true))));
            some("rope.freq_base", float("rope_theta").or(float("rotary_emb_base")));
        }
        if self.config["head_dim"].is_u64() {
            some("attention.key_length", Some(int(self.head_dim())));
            some("attention.value_length", Some(int(self.head_dim())));
        }
        if self.family() == "gpt_neox" {
            some("rope.dimension_count", Some(int(self.head_dim() / 4)));
            some("use_parallel_residual", Some(Value::Bool(true)));
        }
        let windowed = !matches!(self.family(), "qwen2" | "qwen3" | "smollm3");
        some(
            "attention.sliding_window",
            self.config["sliding_window"].as_u64().filter(|_| windowed).map(|n| int(n as usize)),
        );
        if self.family() == "phi3" {
            some("attention.sliding_window", Some(int(0)));
        }
        if let Some(pattern) = self.config["sliding_window_pattern"].as_u64() {
            some("attention.sliding_window_pattern", Some(int(pattern as usize)));
            some("rope.freq_base_swa", float("rope_local_base_freq"));
        }
        #[allow(clippy::cast_possible_truncation)]
        if let Some(scalar) = self.config["query_pre_attn_scalar"].as_f64() {
            some("attention.scale", Some(Value::F32(scalar.powf(-0.5) as f32)));
        }
        if let Some(scaling) = self.config["rope_scaling"].as_object() {
            let kind = scaling["rope_type"].as_str().unwrap();
            #[allow(clippy::cast_possible_truncation)]
            let number = |key: &str| scaling.get(key).map(|number| Value::F32(number.as_f64().unwrap() as f32));
            some("rope.scaling.factor", number("factor").filter(|_| kind != "llama3"));
            some("rope.scaling.type", Some(Value::String(kind.to_owned())).filter(|_| kind != "llama3"));
            some("rope.scaling.yarn_beta_fast", number("beta_fast"));
            let original = scaling.get("original_max_position_embeddings").and_then(Json::as_u64);
            some(
                "rope.scaling.original_context_length",
                original.filter(|_| kind != "llama3").map(|n| int(n as usize)),
            );
        }
        let mut metadata = vec![("general.architecture".to_owned(), Value::String(prefix.to_owned()))];
        metadata.extend(own.into_iter().map(|(key, value)| (format!("{prefix}.{key}"), value)));
        metadata
    }

    /// Writes the model with its matrices in `element`, where their rows are a whole number of blocks.
    pub fn write(&self, to: &Path, element: GgmlDType, more: &[(String, Value)]) -> Written {
        let mut written = Written { stands_for: BTreeMap::new(), quantized: 0 };
        let mut stored = Vec::new();
        for (name, (shape, values)) in &self.tensors {
            let Some(ggml) = self.ggml_name(name) else { continue };
            let indices: Vec<usize> = (0..values.len()).collect();
            let (indices, file_shape) = self.arranged(&ggml, &indices, shape);
            let offset = if self.family().starts_with("gemma") && ggml.ends_with("norm.weight") { 1.0 } else { 0.0 };
            let arranged: Vec<f32> = indices.iter().map(|at| values[*at] + offset).collect();
            let inner = *file_shape.last().unwrap();
            let element =
                if file_shape.len() == 2 && inner % element.block_size() == 0 { element } else { GgmlDType::F32 };
            let tensor = Tensor::from_vec(arranged, file_shape, &Device::Cpu).unwrap();
            let tensor = QTensor::quantize(&tensor, element).unwrap();
            let read: Vec<f32> = tensor.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap().to_vec1().unwrap();
            let mut stands_for = vec![0.0; values.len()];
            for (at, value) in indices.iter().zip(&read) {
                stands_for[*at] = value - offset;
            }
            written.quantized += usize::from(element.block_size() > 1);
            written.stands_for.insert(name.clone(), (shape.clone(), stands_for));
            stored.push((ggml, tensor));
        }
        stored.extend(self.rope_factors().into_iter().map(|(name, factors)| {
            let tensor = Tensor::new(factors, &Device::Cpu).unwrap();
            (name.to_owned(), QTensor::quantize(&tensor, GgmlDType::F32).unwrap())
        }));
        write(to, &[self.metadata(), more.to_vec()].concat(), &stored);
        written
    }

    /// Llama 3's scaling, and `LongRoPE`'s, as the tensors that the converter makes of them.
    fn rope_factors(&self) -> Vec<(&'static str, Vec<f32>)> {
        let Some(scaling) = self.config["rope_scaling"].as_object() else { return Vec::new() };
        let number = |key: &str| scaling[key].as_f64().unwrap();
        #[allow(clippy::cast_possible_truncation)]
        let list = |key: &str| scaling[key].as_array().unwrap().iter().map(|n| n.as_f64().unwrap() as f32).collect();
        match scaling["rope_type"].as_str().unwrap() {
            "llama3" => {}
            "longrope" => {
                let (long, short) = (list("long_factor"), list("short_factor"));
                return vec![("rope_factors_long.weight", long), ("rope_factors_short.weight", short)];
            }
            _ => return Vec::new(),
        }
        let (factor, low, high) = (number("factor"), number("low_freq_factor"), number("high_freq_factor"));
        let (context, dims) = (number("original_max_position_embeddings"), self.head_dim());
        let base = self.config["rope_theta"].as_f64().unwrap();
        #[allow(clippy::cast_possible_truncation)]
        let one = |pair: usize| {
            let wavelength = std::f64::consts::TAU * base.powf(2.0 * pair as f64 / dims as f64);
            let scaled = if wavelength < context / high {
                1.0
            } else if wavelength > context / low {
                factor
            } else {
                let smooth = (context / wavelength - low) / (high - low);
                1.0 / ((1.0 - smooth) / factor + smooth)
            };
            scaled as f32
        };
        vec![("rope_freqs.weight", (0..dims / 2).map(one).collect())]
    }

    /// Values in the file's order, and the file's shape, outermost first.
    fn arranged(&self, ggml: &str, values: &[usize], shape: &[usize]) -> (Vec<usize>, Vec<usize>) {
        let width: usize = shape[1..].iter().product();
        let rows = |order: Vec<usize>| {
            let row = |at: usize| values[at * width..(at + 1) * width].to_vec();
            (order.into_iter().flat_map(row).collect(), shape.to_vec())
        };
        let rotated_in_pairs = matches!(self.family(), "llama" | "mistral" | "smollm3");
        if rotated_in_pairs && (ggml.contains("attn_q.") || ggml.contains("attn_k.")) {
            // reshape(heads, 2, half, width).swapaxes(1, 2)
            let (heads, half) = (self.heads(ggml.contains("attn_k.")), self.head_dim() / 2);
            let mut order = Vec::new();
            for head in 0..heads {
                for i in 0..half {
                    order.extend([head * 2 * half + i, head * 2 * half + half + i]);
                }
            }
            return rows(order);
        }
        if self.family() == "gpt_neox" && ggml.contains("attn_qkv") {
            // reshape(heads, 3, head_dim, width), the three parts one after another
            let (heads, dim) = (self.heads(false), self.head_dim());
            let mut order = Vec::new();
            for part in 0..3 {
                for head in 0..heads {
                    order.extend((0..dim).map(|i| (head * 3 + part) * dim + i));
                }
            }
            return rows(order);
        }
        let turned = ["attn_qkv.weight", "attn_output.weight", "ffn_up.weight", "ffn_down.weight"];
        if self.family() == "gpt2" && turned.iter().any(|name| ggml.ends_with(name)) {
            let order = (0..width).flat_map(|column| (0..shape[0]).map(move |row| row * width + column));
            return (order.map(|at| values[at]).collect(), vec![width, shape[0]]);
        }
        (values.to_vec(), shape.to_vec())
    }

    fn ggml_name(&self, name: &str) -> Option<String> {
        let name = name.strip_prefix("transformer.").unwrap_or(name);
        let (path, kind) = name.rsplit_once('.')?;
        let gemma = matches!(self.family(), "gemma2" | "gemma3_text");
        let outer = match path {
            "model.embed_tokens" | "gpt_neox.embed_in" | "wte" => "token_embd",
            "wpe" => "position_embd",
            "model.norm" | "gpt_neox.final_layer_norm" | "ln_f" => "output_norm",
            "lm_head" | "embed_out" => "output",
            _ => "",
        };
        if !outer.is_empty() {
            return Some(format!("{outer}.{kind}"));
        }
        let layer = ["model.layers.", "gpt_neox.layers.", "h."].iter().find_map(|start| path.strip_prefix(start))?;
        let (index, part) = layer.split_once('.')?;
        let part = match part {
            "input_layernorm" | "ln_1" => "attn_norm",
            "self_attn.q_proj" => "attn_q",
            "self_attn.k_proj" => "attn_k",
            "self_attn.v_proj" => "attn_v",
            "self_attn.qkv_proj" | "attention.query_key_value" | "attn.c_attn" => "attn_qkv",
            "self_attn.o_proj" | "attention.dense" | "attn.c_proj" => "attn_output",
            "self_attn.q_norm" => "attn_q_norm",
            "self_attn.k_norm" => "attn_k_norm",
            "post_attention_layernorm" if gemma || self.family() == "olmo2" => "post_attention_norm",
            "post_attention_layernorm" | "pre_feedforward_layernorm" | "ln_2" => "ffn_norm",
            "post_feedforward_layernorm" => "post_ffw_norm",
            "mlp.gate_proj" => "ffn_gate",
            "mlp.up_proj" | "mlp.gate_up_proj" | "mlp.dense_h_to_4h" | "mlp.c_fc" => "ffn_up",
            "mlp.down_proj" | "mlp.dense_4h_to_h" | "mlp.c_proj" => "ffn_down",
            // Masks that old checkpoints store.
            _ => return None,
        };
        Some(format!("blk.{index}.{part}.{kind}"))
    }
}

/// Writes a file with candle's writer.
pub fn write(to: &Path, metadata: &[(String, Value)], tensors: &[(String, QTensor)]) {
    let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    gguf_file::write(&mut BufWriter::new(File::create(to).unwrap()), &metadata, &tensors).unwrap();
}
