//! From ggml's names of tensors to those of Hugging Face checkpoints, and what conversion did to the tensors.
//!
//! Source: llama.cpp's converter. It interleaves the rows of query and key of the families that it rotates by neighbouring
//! pairs (Llama, Mistral, `SmolLM` 3), adds the unit offset to Gemma's norms, sorts GPT-NeoX's fused rows by part instead of by
//! head, and turns GPT-2's matrices.

use super::config::Heads;
use crate::model::architecture::Family;
use crate::model::weights::Arrangement;

/// How the tensors of a model are named.
pub(super) struct Names {
    pub family: Family,
    pub heads: Heads,
}

/// Tensors that are no weights of the network: factors of rotary frequencies, read with the configuration, and what old
/// converters left behind.
pub(super) fn is_read_elsewhere(ggml: &str) -> bool {
    let frequencies = ["rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"];
    frequencies.contains(&ggml) || (ggml.starts_with("blk.") && ggml.ends_with(".attn_rot_embd.weight"))
}

impl Names {
    /// The Hugging Face name of a tensor and what conversion did to it; `None` for a tensor that the family does not have.
    pub fn stored(&self, ggml: &str) -> Option<(String, Arrangement)> {
        let (path, kind) = ggml.rsplit_once('.').filter(|(_, kind)| matches!(*kind, "weight" | "bias"))?;
        let arrangement = self.arrangement(path, kind);
        let name = match path.strip_prefix("blk.") {
            None => self.outer(path)?.to_owned(),
            Some(rest) => {
                let (index, part) = rest.split_once('.')?;
                // One spelling for each layer, so that no two tensors go by the same name.
                let canonical = index.parse::<usize>().ok().filter(|layer| layer.to_string() == index)?;
                format!("{}.{canonical}.{}", self.layers(), self.inner(part)?)
            }
        };
        Some((format!("{name}.{kind}"), arrangement))
    }

    fn layers(&self) -> &'static str {
        match self.family {
            Family::GptNeox => "gpt_neox.layers",
            Family::Gpt2 => "transformer.h",
            _ => "model.layers",
        }
    }

    /// Outside of the layers.
    fn outer(&self, ggml: &str) -> Option<&'static str> {
        Some(match (self.family, ggml) {
            (Family::GptNeox, "token_embd") => "gpt_neox.embed_in",
            (Family::GptNeox, "output_norm") => "gpt_neox.final_layer_norm",
            (Family::GptNeox, "output") => "embed_out",
            (Family::Gpt2, "token_embd") => "transformer.wte",
            (Family::Gpt2, "position_embd") => "transformer.wpe",
            (Family::Gpt2, "output_norm") => "transformer.ln_f",
            (_, "token_embd") => "model.embed_tokens",
            (_, "output_norm") => "model.norm",
            (_, "output") => "lm_head",
            _ => return None,
        })
    }

    /// Within a layer.
    fn inner(&self, ggml: &str) -> Option<&'static str> {
        match self.family {
            Family::GptNeox => gpt_neox(ggml),
            Family::Gpt2 => gpt2(ggml),
            family => llama_like(family, ggml),
        }
    }

    fn arrangement(&self, path: &str, kind: &str) -> Arrangement {
        let part = path.rsplit('.').next().unwrap_or(path);
        let interleaved = matches!(self.family, Family::Llama | Family::Mistral | Family::SmolLm3);
        let gemma = matches!(self.family, Family::Gemma | Family::Gemma2 | Family::Gemma3Text);
        match part {
            "attn_q" if interleaved => Arrangement::Interleaved { heads: self.heads.query },
            "attn_k" if interleaved => Arrangement::Interleaved { heads: self.heads.key },
            "attn_qkv" if self.family == Family::GptNeox => Arrangement::ByPart { heads: self.heads.query },
            "attn_qkv" | "attn_output" | "ffn_up" | "ffn_down" if self.family == Family::Gpt2 && kind == "weight" => {
                Arrangement::Transposed
            }
            norm if gemma && norm.ends_with("norm") && kind == "weight" => Arrangement::UnitOffset,
            _ => Arrangement::AsStored,
        }
    }
}

fn llama_like(family: Family, ggml: &str) -> Option<&'static str> {
    let both_sides = matches!(family, Family::Gemma2 | Family::Gemma3Text);
    Some(match ggml {
        "attn_norm" => "input_layernorm",
        "attn_q" => "self_attn.q_proj",
        "attn_k" => "self_attn.k_proj",
        "attn_v" => "self_attn.v_proj",
        "attn_qkv" if family == Family::Phi3 => "self_attn.qkv_proj",
        "attn_output" => "self_attn.o_proj",
        "attn_q_norm" => "self_attn.q_norm",
        "attn_k_norm" => "self_attn.k_norm",
        "ffn_norm" if both_sides => "pre_feedforward_layernorm",
        "ffn_norm" => "post_attention_layernorm",
        "post_attention_norm" if both_sides || family == Family::Olmo2 => "post_attention_layernorm",
        "post_ffw_norm" => "post_feedforward_layernorm",
        "ffn_gate" => "mlp.gate_proj",
        "ffn_up" if family == Family::Phi3 => "mlp.gate_up_proj",
        "ffn_up" => "mlp.up_proj",
        "ffn_down" => "mlp.down_proj",
        _ => return None,
    })
}

fn gpt_neox(ggml: &str) -> Option<&'static str> {
    Some(match ggml {
        "attn_norm" => "input_layernorm",
        "attn_qkv" => "attention.query_key_value",
        "attn_output" => "attention.dense",
        "ffn_norm" => "post_attention_layernorm",
        "ffn_up" => "mlp.dense_h_to_4h",
        "ffn_down" => "mlp.dense_4h_to_h",
        _ => return None,
    })
}

fn gpt2(ggml: &str) -> Option<&'static str> {
    Some(match ggml {
        "attn_norm" => "ln_1",
        "attn_qkv" => "attn.c_attn",
        "attn_output" => "attn.c_proj",
        "ffn_norm" => "ln_2",
        "ffn_up" => "mlp.c_fc",
        "ffn_down" => "mlp.c_proj",
        _ => return None,
    })
}
