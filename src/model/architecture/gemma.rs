//! Gemma 1 to 3: scaled embeddings, norms with unit offset, and from Gemma 2 on norms on both sides of each branch,
//! soft caps and sliding windows.

use super::config::{ArchitectureError, Config};
use super::rotary::Rotary;
use super::shape::{Sizes, activation, embedding_and_head, epsilon, rms, soft_cap, windows};
use super::tensors::Linear;
use super::{Activation, Architecture, Attention, Embedding, Family, Head, Layer, NormKind, QueryKeyNorm};

struct Traits {
    epsilon: f32,
    activation: Activation,
    bias: bool,
    scale: f32,
    soft_cap: Option<f32>,
    rotary: Rotary,
    sliding_rotary: Rotary,
}

#[allow(clippy::cast_possible_truncation)]
pub(super) fn read(config: &Config, family: Family) -> Result<Architecture, ArchitectureError> {
    if config.flag("use_bidirectional_attention", false)? {
        return Err(config.unsupported("use_bidirectional_attention", "false"));
    }
    let sizes = Sizes::read(config, Some(256))?;
    let (tokens, head) = embedding_and_head(config, &sizes, true)?;
    let capped = family != Family::Gemma;
    let default_base = if family == Family::Gemma3Text { 1_000_000.0 } else { 10_000.0 };
    let rotary = Rotary::read(config, sizes.head_dim, default_base, 1.0, Some("full_attention"))?;
    let scalar = if capped { config.optional_positive("query_pre_attn_scalar")?.unwrap_or(256.0) } else { 0.0 };
    let traits = Traits {
        epsilon: epsilon(config, "rms_norm_eps", 1e-6)?,
        // Gemma 1 files say `"hidden_act": "gelu"` and mean the tanh form; `hidden_activation` is what counts.
        activation: activation(config, "hidden_activation", Activation::GeluTanh)?,
        bias: config.flag("attention_bias", false)?,
        scale: if capped { scalar.powf(-0.5) as f32 } else { sizes.scale() },
        soft_cap: if capped { soft_cap(config, "attn_logit_softcapping")? } else { None },
        rotary,
        sliding_rotary: sliding_rotary(config, family, &sizes, &rotary)?,
    };
    let windows = match family {
        Family::Gemma => vec![None; sizes.layers],
        Family::Gemma2 => windows(config, sizes.layers, |layer| layer % 2 == 0)?,
        _ => {
            let key = "sliding_window_pattern";
            let key = if config.is_set(key) { key } else { "_sliding_window_pattern" };
            let pattern = config.optional_size(key, 1_024)?.unwrap_or(6);
            windows(config, sizes.layers, |layer| (layer + 1) % pattern != 0)?
        }
    };
    let layers = windows.into_iter().enumerate();
    let layers = layers.map(|(index, window)| layer(&sizes, &traits, family, index, window));
    Ok(Architecture {
        family,
        vocabulary: sizes.vocabulary,
        hidden: sizes.hidden,
        context_tokens: sizes.context,
        embedding: Embedding { tokens, scale: (sizes.hidden as f64).sqrt() as f32, positions: None },
        layers: layers.collect(),
        final_norm: rms("model.norm", sizes.hidden, NormKind::RmsUnitOffset, traits.epsilon),
        head: Head { soft_cap: if capped { soft_cap(config, "final_logit_softcapping")? } else { None }, ..head },
    })
}

/// Gemma 3 rotates its sliding layers with a base of their own, unscaled.
fn sliding_rotary(
    config: &Config,
    family: Family,
    sizes: &Sizes,
    rotary: &Rotary,
) -> Result<Rotary, ArchitectureError> {
    if family != Family::Gemma3Text {
        return Ok(*rotary);
    }
    if config.is_set("rope_parameters") {
        return Rotary::read(config, sizes.head_dim, 10_000.0, 1.0, Some("sliding_attention"));
    }
    let base = config.optional_positive("rope_local_base_freq")?.unwrap_or(10_000.0);
    Rotary::unscaled(config, sizes.head_dim, base)
}

fn layer(sizes: &Sizes, traits: &Traits, family: Family, index: usize, window: Option<usize>) -> Layer {
    let name = format!("model.layers.{index}.");
    let norm = |part: &str, width| rms(&format!("{name}{part}"), width, NormKind::RmsUnitOffset, traits.epsilon);
    let linear =
        |part: &str, inputs, outputs| Linear::named(&format!("{name}self_attn.{part}"), inputs, outputs, traits.bias);
    let both_sides = family != Family::Gemma;
    let query_key_norm = if family == Family::Gemma3Text {
        QueryKeyNorm::PerHead {
            query: Box::new(norm("self_attn.q_norm", sizes.head_dim)),
            key: Box::new(norm("self_attn.k_norm", sizes.head_dim)),
        }
    } else {
        QueryKeyNorm::None
    };
    let before = if both_sides { "pre_feedforward_layernorm" } else { "post_attention_layernorm" };
    Layer {
        attention_norm: Some(norm("input_layernorm", sizes.hidden)),
        attention: Attention {
            heads: sizes.heads,
            kv_heads: sizes.kv_heads,
            head_dim: sizes.head_dim,
            scale: traits.scale,
            soft_cap: traits.soft_cap,
            window,
            rotary: Some(if window.is_some() { traits.sliding_rotary } else { traits.rotary }),
            norm: query_key_norm,
            query: linear("q_proj", sizes.hidden, sizes.query_width()),
            key: linear("k_proj", sizes.hidden, sizes.kv_width()),
            value: linear("v_proj", sizes.hidden, sizes.kv_width()),
            output: linear("o_proj", sizes.query_width(), sizes.hidden),
        },
        post_attention_norm: both_sides.then(|| norm("post_attention_layernorm", sizes.hidden)),
        feed_forward_norm: Some(norm(before, sizes.hidden)),
        feed_forward: sizes.gated(&name, traits.activation, false),
        post_feed_forward_norm: both_sides.then(|| norm("post_feedforward_layernorm", sizes.hidden)),
        parallel: false,
    }
}
