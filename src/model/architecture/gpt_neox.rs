//! GPT-NeoX and Pythia: parallel branches, partial rotary embedding, query, key and value interleaved by head.

use super::config::{ArchitectureError, Config};
use super::rotary::Rotary;
use super::shape::{Sizes, activation, epsilon};
use super::tensors::{Linear, Selection, TensorView};
use super::{
    Activation, Architecture, Attention, Embedding, Family, FeedForward, Head, Layer, Norm, NormKind, QueryKeyNorm,
};

pub(super) fn read(config: &Config) -> Result<Architecture, ArchitectureError> {
    let sizes = Sizes::read(config, None)?;
    let shape = [sizes.vocabulary, sizes.hidden];
    let tokens = TensorView::whole("gpt_neox.embed_in.weight", &shape);
    let projection = if config.flag("tie_word_embeddings", false)? {
        None
    } else {
        Some(Linear::named("embed_out", sizes.hidden, sizes.vocabulary, false))
    };
    let base = config.optional_positive("rotary_emb_base")?.unwrap_or(10_000.0);
    let fraction = config.optional_positive("rotary_pct")?.unwrap_or(0.25);
    let traits = Traits {
        rotary: Rotary::read(config, sizes.head_dim, base, fraction, None)?,
        epsilon: epsilon(config, "layer_norm_eps", 1e-5)?,
        activation: activation(config, "hidden_act", Activation::GeluErf)?,
        bias: config.flag("attention_bias", true)?,
        parallel: config.flag("use_parallel_residual", true)?,
    };
    let final_norm = layer_norm("gpt_neox.final_layer_norm", sizes.hidden, traits.epsilon);
    Ok(Architecture {
        family: Family::GptNeox,
        vocabulary: sizes.vocabulary,
        hidden: sizes.hidden,
        context_tokens: sizes.context,
        embedding: Embedding { tokens, scale: 1.0, positions: None },
        layers: (0..sizes.layers).map(|index| layer(&sizes, &traits, index)).collect(),
        final_norm,
        head: Head { projection, soft_cap: None },
    })
}

struct Traits {
    rotary: Rotary,
    epsilon: f32,
    activation: Activation,
    bias: bool,
    parallel: bool,
}

/// A norm with gain and shift.
pub(super) fn layer_norm(name: &str, width: usize, epsilon: f32) -> Norm {
    Norm {
        kind: NormKind::Layer,
        epsilon,
        width,
        weight: TensorView::whole(format!("{name}.weight"), &[width]),
        bias: Some(TensorView::whole(format!("{name}.bias"), &[width])),
    }
}

fn layer(sizes: &Sizes, traits: &Traits, index: usize) -> Layer {
    let name = format!("gpt_neox.layers.{index}.");
    let norm = |part: &str| Some(layer_norm(&format!("{name}{part}"), sizes.hidden, traits.epsilon));
    let width = sizes.query_width();
    let stored = |suffix: &str, shape: &[usize], part| TensorView {
        names: vec![format!("{name}attention.query_key_value.{suffix}")],
        shape: shape.to_vec(),
        selection: Selection::HeadRows { part, parts: 3, head_dim: sizes.head_dim },
    };
    let part = |part| Linear {
        inputs: sizes.hidden,
        outputs: width,
        weight: stored("weight", &[3 * width, sizes.hidden], part),
        bias: traits.bias.then(|| stored("bias", &[3 * width], part)),
    };
    Layer {
        attention_norm: norm("input_layernorm"),
        attention: Attention {
            heads: sizes.heads,
            kv_heads: sizes.heads,
            head_dim: sizes.head_dim,
            scale: sizes.scale(),
            soft_cap: None,
            window: None,
            rotary: Some(traits.rotary),
            norm: QueryKeyNorm::None,
            query: part(0),
            key: part(1),
            value: part(2),
            output: Linear::named(&format!("{name}attention.dense"), width, sizes.hidden, traits.bias),
        },
        post_attention_norm: None,
        feed_forward_norm: norm("post_attention_layernorm"),
        feed_forward: FeedForward {
            inner: sizes.inner,
            activation: traits.activation,
            gate: None,
            up: Linear::named(&format!("{name}mlp.dense_h_to_4h"), sizes.hidden, sizes.inner, true),
            down: Linear::named(&format!("{name}mlp.dense_4h_to_h"), sizes.inner, sizes.hidden, true),
        },
        post_feed_forward_norm: None,
        parallel: traits.parallel,
    }
}
