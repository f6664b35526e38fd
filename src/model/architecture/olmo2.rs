//! `OLMo` 2: norms after each branch instead of before it, and over whole query and key projections.

use super::config::{ArchitectureError, Config};
use super::rotary::Rotary;
use super::shape::{Sizes, activation, embedding_and_head, epsilon, rms};
use super::tensors::Linear;
use super::{Activation, Architecture, Attention, Embedding, Family, Layer, NormKind, QueryKeyNorm};

pub(super) fn read(config: &Config) -> Result<Architecture, ArchitectureError> {
    let sizes = Sizes::read(config, None)?;
    let (tokens, head) = embedding_and_head(config, &sizes, false)?;
    let rotary = Rotary::read(config, sizes.head_dim, 10_000.0, 1.0, None)?;
    let epsilon = epsilon(config, "rms_norm_eps", 1e-5)?;
    let activation = activation(config, "hidden_act", Activation::Silu)?;
    let bias = config.flag("attention_bias", false)?;
    let layer = |index: usize| {
        let name = format!("model.layers.{index}.");
        let norm = |part: &str, width| rms(&format!("{name}{part}"), width, NormKind::Rms, epsilon);
        let linear =
            |part: &str, inputs, outputs| Linear::named(&format!("{name}self_attn.{part}"), inputs, outputs, bias);
        Layer {
            attention_norm: None,
            attention: Attention {
                heads: sizes.heads,
                kv_heads: sizes.kv_heads,
                head_dim: sizes.head_dim,
                scale: sizes.scale(),
                soft_cap: None,
                window: None,
                rotary: Some(rotary),
                norm: QueryKeyNorm::Whole {
                    query: Box::new(norm("self_attn.q_norm", sizes.query_width())),
                    key: Box::new(norm("self_attn.k_norm", sizes.kv_width())),
                },
                query: linear("q_proj", sizes.hidden, sizes.query_width()),
                key: linear("k_proj", sizes.hidden, sizes.kv_width()),
                value: linear("v_proj", sizes.hidden, sizes.kv_width()),
                output: linear("o_proj", sizes.query_width(), sizes.hidden),
            },
            post_attention_norm: Some(norm("post_attention_layernorm", sizes.hidden)),
            feed_forward_norm: None,
            feed_forward: sizes.gated(&name, activation, false),
            post_feed_forward_norm: Some(norm("post_feedforward_layernorm", sizes.hidden)),
            parallel: false,
        }
    };
    Ok(Architecture {
        family: Family::Olmo2,
        vocabulary: sizes.vocabulary,
        hidden: sizes.hidden,
        context_tokens: sizes.context,
        embedding: Embedding { tokens, scale: 1.0, positions: None },
        layers: (0..sizes.layers).map(layer).collect(),
        final_norm: rms("model.norm", sizes.hidden, NormKind::Rms, epsilon),
        head,
    })
}
