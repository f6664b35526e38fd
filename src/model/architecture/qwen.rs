//! Qwen 2 (biases on query, key and value) and Qwen 3 (norms on query and key heads).

use super::config::{ArchitectureError, Config};
use super::rotary::Rotary;
use super::shape::{Sizes, activation, embedding_and_head, epsilon, limit, rms, windows};
use super::tensors::Linear;
use super::{Activation, Architecture, Attention, Embedding, Family, Layer, NormKind, QueryKeyNorm};

pub(super) fn read(config: &Config, family: Family) -> Result<Architecture, ArchitectureError> {
    let three = family == Family::Qwen3;
    let sizes = Sizes::read(config, three.then_some(128))?;
    let (tokens, head) = embedding_and_head(config, &sizes, false)?;
    let rotary = Rotary::read(config, sizes.head_dim, 10_000.0, 1.0, None)?;
    let epsilon = epsilon(config, "rms_norm_eps", 1e-6)?;
    let activation = activation(config, "hidden_act", Activation::Silu)?;
    let bias = !three || config.flag("attention_bias", false)?;
    let output_bias = three && bias;
    let slides = config.flag("use_sliding_window", false)?;
    let first_sliding = config.optional_size("max_window_layers", limit::LAYERS)?.unwrap_or(28);
    let windows = windows(config, sizes.layers, |layer| slides && layer >= first_sliding)?;
    let layer = |(index, window): (usize, Option<usize>)| {
        let name = format!("model.layers.{index}.");
        let norm = |part: &str, width| rms(&format!("{name}{part}"), width, NormKind::Rms, epsilon);
        let linear = |part: &str, inputs, outputs, bias| {
            Linear::named(&format!("{name}self_attn.{part}"), inputs, outputs, bias)
        };
        let query_key_norm = if three {
            QueryKeyNorm::PerHead {
                query: Box::new(norm("self_attn.q_norm", sizes.head_dim)),
                key: Box::new(norm("self_attn.k_norm", sizes.head_dim)),
            }
        } else {
            QueryKeyNorm::None
        };
        Layer {
            attention_norm: Some(norm("input_layernorm", sizes.hidden)),
            attention: Attention {
                heads: sizes.heads,
                kv_heads: sizes.kv_heads,
                head_dim: sizes.head_dim,
                scale: sizes.scale(),
                soft_cap: None,
                window,
                rotary: Some(rotary),
                norm: query_key_norm,
                query: linear("q_proj", sizes.hidden, sizes.query_width(), bias),
                key: linear("k_proj", sizes.hidden, sizes.kv_width(), bias),
                value: linear("v_proj", sizes.hidden, sizes.kv_width(), bias),
                output: linear("o_proj", sizes.query_width(), sizes.hidden, output_bias),
            },
            post_attention_norm: None,
            feed_forward_norm: Some(norm("post_attention_layernorm", sizes.hidden)),
            feed_forward: sizes.gated(&name, activation, false),
            post_feed_forward_norm: None,
            parallel: false,
        }
    };
    Ok(Architecture {
        family,
        vocabulary: sizes.vocabulary,
        hidden: sizes.hidden,
        context_tokens: sizes.context,
        embedding: Embedding { tokens, scale: 1.0, positions: None },
        layers: windows.into_iter().enumerate().map(layer).collect(),
        final_norm: rms("model.norm", sizes.hidden, NormKind::Rms, epsilon),
        head,
    })
}
