//! Phi 3: query, key and value in one tensor, gate and up projection in another.

use super::config::{ArchitectureError, Config};
use super::rotary::Rotary;
use super::shape::{Sizes, activation, embedding_and_head, epsilon, rms, windows};
use super::tensors::{Linear, TensorView};
use super::{Activation, Architecture, Attention, Embedding, Family, FeedForward, Layer, NormKind, QueryKeyNorm};

pub(super) fn read(config: &Config) -> Result<Architecture, ArchitectureError> {
    let sizes = Sizes::read(config, None)?;
    let (tokens, head) = embedding_and_head(config, &sizes, false)?;
    let rotary = Rotary::read(config, sizes.head_dim, 10_000.0, 1.0, None)?;
    let epsilon = epsilon(config, "rms_norm_eps", 1e-5)?;
    let activation = activation(config, "hidden_act", Activation::Silu)?;
    let windows = windows(config, sizes.layers, |_| true)?;
    let layers = windows.into_iter().enumerate();
    let layers = layers.map(|(index, window)| layer(&sizes, &rotary, epsilon, activation, index, window));
    Ok(Architecture {
        family: Family::Phi3,
        vocabulary: sizes.vocabulary,
        hidden: sizes.hidden,
        context_tokens: sizes.context,
        embedding: Embedding { tokens, scale: 1.0, positions: None },
        layers: layers.collect(),
        final_norm: rms("model.norm", sizes.hidden, NormKind::Rms, epsilon),
        head,
    })
}

fn layer(
    sizes: &Sizes,
    rotary: &Rotary,
    epsilon: f32,
    activation: Activation,
    index: usize,
    window: Option<usize>,
) -> Layer {
    let name = format!("model.layers.{index}.");
    let norm = |part: &str| Some(rms(&format!("{name}{part}"), sizes.hidden, NormKind::Rms, epsilon));
    let part = |tensor: &str, rows, start, outputs| Linear {
        inputs: sizes.hidden,
        outputs,
        weight: TensorView::rows(format!("{name}{tensor}.weight"), &[rows, sizes.hidden], start, outputs),
        bias: None,
    };
    let (query, kv) = (sizes.query_width(), sizes.kv_width());
    let qkv = |start, outputs| part("self_attn.qkv_proj", query + 2 * kv, start, outputs);
    let gate_up = |start| part("mlp.gate_up_proj", 2 * sizes.inner, start, sizes.inner);
    Layer {
        attention_norm: norm("input_layernorm"),
        attention: Attention {
            heads: sizes.heads,
            kv_heads: sizes.kv_heads,
            head_dim: sizes.head_dim,
            scale: sizes.scale(),
            soft_cap: None,
            window,
            rotary: Some(*rotary),
            norm: QueryKeyNorm::None,
            query: qkv(0, query),
            key: qkv(query, kv),
            value: qkv(query + kv, kv),
            output: Linear::named(&format!("{name}self_attn.o_proj"), query, sizes.hidden, false),
        },
        post_attention_norm: None,
        feed_forward_norm: norm("post_attention_layernorm"),
        feed_forward: FeedForward {
            inner: sizes.inner,
            activation,
            gate: Some(gate_up(0)),
            up: gate_up(sizes.inner),
            down: Linear::named(&format!("{name}mlp.down_proj"), sizes.inner, sizes.hidden, false),
        },
        post_feed_forward_norm: None,
        parallel: false,
    }
}
