//! Llama, Mistral and `SmolLM` 3: pre-norm, rotary embedding, gated feed-forward.

use super::config::{ArchitectureError, Config};
use super::rotary::Rotary;
use super::shape::{Sizes, activation, embedding_and_head, epsilon, rms, windows};
use super::tensors::Linear;
use super::{Activation, Architecture, Attention, Embedding, Family, Layer, NormKind, QueryKeyNorm};

pub(super) fn read(config: &Config, family: Family) -> Result<Architecture, ArchitectureError> {
    let sizes = Sizes::read(config, None)?;
    let tied = family == Family::SmolLm3;
    let (tokens, head) = embedding_and_head(config, &sizes, tied)?;
    let default_base = if family == Family::SmolLm3 { 2_000_000.0 } else { 10_000.0 };
    let rotary = Rotary::read(config, sizes.head_dim, default_base, 1.0, None)?;
    let windows = match family {
        Family::Mistral => windows(config, sizes.layers, |_| true)?,
        Family::SmolLm3 => {
            let slides = config.flag("use_sliding_window", false)?;
            windows(config, sizes.layers, |_| slides)?
        }
        _ => vec![None; sizes.layers],
    };
    let rotates = rotating_layers(config, family, sizes.layers)?;
    let traits = Traits {
        epsilon: epsilon(config, "rms_norm_eps", 1e-6)?,
        activation: activation(config, "hidden_act", Activation::Silu)?,
        attention_bias: family != Family::Mistral && config.flag("attention_bias", false)?,
        mlp_bias: config.flag("mlp_bias", false)?,
    };
    let layers = windows.into_iter().zip(rotates).enumerate();
    let layers = layers.map(|(index, (window, rotates))| {
        layer(&sizes, &traits, &format!("model.layers.{index}."), window, rotates.then_some(&rotary))
    });
    Ok(Architecture {
        family,
        vocabulary: sizes.vocabulary,
        hidden: sizes.hidden,
        context_tokens: sizes.context,
        embedding: Embedding { tokens, scale: 1.0, positions: None },
        layers: layers.collect(),
        final_norm: rms("model.norm", sizes.hidden, NormKind::Rms, traits.epsilon),
        head,
    })
}

struct Traits {
    epsilon: f32,
    activation: Activation,
    attention_bias: bool,
    mlp_bias: bool,
}

fn layer(sizes: &Sizes, traits: &Traits, name: &str, window: Option<usize>, rotary: Option<&Rotary>) -> Layer {
    let norm = |part: &str| Some(rms(&format!("{name}{part}"), sizes.hidden, NormKind::Rms, traits.epsilon));
    let linear = |part: &str, inputs, outputs| {
        Linear::named(&format!("{name}self_attn.{part}"), inputs, outputs, traits.attention_bias)
    };
    Layer {
        attention_norm: norm("input_layernorm"),
        attention: Attention {
            heads: sizes.heads,
            kv_heads: sizes.kv_heads,
            head_dim: sizes.head_dim,
            scale: sizes.scale(),
            soft_cap: None,
            window,
            rotary: rotary.copied(),
            norm: QueryKeyNorm::None,
            query: linear("q_proj", sizes.hidden, sizes.query_width()),
            key: linear("k_proj", sizes.hidden, sizes.kv_width()),
            value: linear("v_proj", sizes.hidden, sizes.kv_width()),
            output: linear("o_proj", sizes.query_width(), sizes.hidden),
        },
        post_attention_norm: None,
        feed_forward_norm: norm("post_attention_layernorm"),
        feed_forward: sizes.gated(name, traits.activation, traits.mlp_bias),
        post_feed_forward_norm: None,
        parallel: false,
    }
}

/// Which layers have a rotary embedding. In `no_rope_layers`, 1 marks a layer that has one.
fn rotating_layers(config: &Config, family: Family, layers: usize) -> Result<Vec<bool>, ArchitectureError> {
    if family != Family::SmolLm3 {
        return Ok(vec![true; layers]);
    }
    if let Some(flags) = config.flags("no_rope_layers", layers)? {
        return Ok(flags);
    }
    let interval = config.optional_size("no_rope_layer_interval", layers.max(64))?.unwrap_or(4);
    Ok((0..layers).map(|layer| (layer + 1) % interval != 0).collect())
}
