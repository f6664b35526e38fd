//! GPT-2 and GPT-Neo: learned positions, layer norms with shift, no gate.

use serde_json::Value;

use super::config::{ArchitectureError, Config};
use super::gpt_neox::layer_norm;
use super::shape::{activation, epsilon, limit};
use super::tensors::{Linear, Selection, TensorView};
use super::{Activation, Architecture, Attention, Embedding, Family, FeedForward, Head, Layer, Norm, QueryKeyNorm};

struct Sizes {
    layers: usize,
    hidden: usize,
    heads: usize,
    inner: usize,
    vocabulary: usize,
    context: usize,
}

impl Sizes {
    fn read(config: &Config, family: Family) -> Result<Self, ArchitectureError> {
        let two = family == Family::Gpt2;
        let key = |gpt2: &'static str, neo: &'static str| if two { gpt2 } else { neo };
        let hidden = config.size(key("n_embd", "hidden_size"), limit::HIDDEN)?;
        let head_key = key("n_head", "num_heads");
        let heads = config.size(head_key, limit::HEADS)?;
        if hidden % heads != 0 {
            return Err(config.invalid(head_key, &format!("a divisor of the hidden size ({hidden})")));
        }
        let inner = config.optional_size(key("n_inner", "intermediate_size"), limit::INNER)?;
        Ok(Self {
            layers: config.size(key("n_layer", "num_layers"), limit::LAYERS)?,
            hidden,
            heads,
            inner: inner.unwrap_or(4 * hidden),
            vocabulary: config.size("vocab_size", limit::VOCABULARY)?,
            context: config.size(key("n_positions", "max_position_embeddings"), limit::CONTEXT)?,
        })
    }
}

pub(super) fn read(config: &Config, family: Family) -> Result<Architecture, ArchitectureError> {
    let sizes = Sizes::read(config, family)?;
    let tokens = stored("wte.weight", &[sizes.vocabulary, sizes.hidden]);
    let projection = if config.flag("tie_word_embeddings", true)? {
        None
    } else {
        Some(Linear::named("lm_head", sizes.hidden, sizes.vocabulary, false))
    };
    let epsilon = epsilon(config, "layer_norm_epsilon", 1e-5)?;
    let activation = activation(config, "activation_function", Activation::GeluTanh)?;
    let windows = match family {
        Family::Gpt2 => vec![None; sizes.layers],
        _ => local_windows(config, sizes.layers)?,
    };
    let layers = windows.into_iter().enumerate().map(|(index, window)| {
        let attention = match family {
            Family::Gpt2 => gpt2_attention(config, &sizes, index),
            _ => Ok(neo_attention(&sizes, index, window)),
        };
        Ok(Layer {
            attention_norm: Some(norm(&format!("h.{index}.ln_1"), &sizes, epsilon)),
            attention: attention?,
            post_attention_norm: None,
            feed_forward_norm: Some(norm(&format!("h.{index}.ln_2"), &sizes, epsilon)),
            feed_forward: feed_forward(&sizes, family, activation, index),
            post_feed_forward_norm: None,
            parallel: false,
        })
    });
    Ok(Architecture {
        family,
        vocabulary: sizes.vocabulary,
        hidden: sizes.hidden,
        context_tokens: sizes.context,
        embedding: Embedding {
            tokens: if projection.is_none() { tokens.or("lm_head.weight") } else { tokens },
            scale: 1.0,
            positions: Some(stored("wpe.weight", &[sizes.context, sizes.hidden])),
        },
        layers: layers.collect::<Result<_, _>>()?,
        final_norm: norm("ln_f", &sizes, epsilon),
        head: Head { projection, soft_cap: None },
    })
}

/// Checkpoints name their tensors with or without the `transformer.` of the class that wrote them.
fn stored(name: &str, shape: &[usize]) -> TensorView {
    TensorView::whole(format!("transformer.{name}"), shape).or(name)
}

fn norm(name: &str, sizes: &Sizes, epsilon: f32) -> Norm {
    let mut norm = layer_norm(name, sizes.hidden, epsilon);
    for view in std::iter::once(&mut norm.weight).chain(&mut norm.bias) {
        let bare = view.names.concat();
        view.names = vec![format!("transformer.{bare}"), bare];
    }
    norm
}

/// A projection stored as `(outputs, inputs)`.
fn linear(name: &str, inputs: usize, outputs: usize, bias: bool) -> Linear {
    Linear {
        inputs,
        outputs,
        weight: stored(&format!("{name}.weight"), &[outputs, inputs]),
        bias: bias.then(|| stored(&format!("{name}.bias"), &[outputs])),
    }
}

/// Columns `start..start + outputs` of a projection stored as `(inputs, width)`.
fn transposed(name: &str, inputs: usize, width: usize, start: usize, outputs: usize) -> Linear {
    let mut weight = stored(&format!("{name}.weight"), &[inputs, width]);
    weight.selection = Selection::Columns { start, length: outputs };
    let mut bias = stored(&format!("{name}.bias"), &[width]);
    bias.selection = Selection::Rows { start, length: outputs };
    Linear { inputs, outputs, weight, bias: Some(bias) }
}

#[allow(clippy::cast_possible_truncation)]
fn gpt2_attention(config: &Config, sizes: &Sizes, index: usize) -> Result<Attention, ArchitectureError> {
    let head_dim = sizes.hidden / sizes.heads;
    let mut scale = if config.flag("scale_attn_weights", true)? { (head_dim as f64).powf(-0.5) } else { 1.0 };
    if config.flag("scale_attn_by_inverse_layer_idx", false)? {
        scale /= (index + 1) as f64;
    }
    let width = sizes.hidden;
    let qkv = |part| transposed(&format!("h.{index}.attn.c_attn"), width, 3 * width, part * width, width);
    Ok(Attention {
        heads: sizes.heads,
        kv_heads: sizes.heads,
        head_dim,
        scale: scale as f32,
        soft_cap: None,
        window: None,
        rotary: None,
        norm: QueryKeyNorm::None,
        query: qkv(0),
        key: qkv(1),
        value: qkv(2),
        output: transposed(&format!("h.{index}.attn.c_proj"), width, width, 0, width),
    })
}

/// GPT-Neo does not scale its scores.
fn neo_attention(sizes: &Sizes, index: usize, window: Option<usize>) -> Attention {
    let part = |name: &str, bias| linear(&format!("h.{index}.attn.attention.{name}"), sizes.hidden, sizes.hidden, bias);
    Attention {
        heads: sizes.heads,
        kv_heads: sizes.heads,
        head_dim: sizes.hidden / sizes.heads,
        scale: 1.0,
        soft_cap: None,
        window,
        rotary: None,
        norm: QueryKeyNorm::None,
        query: part("q_proj", false),
        key: part("k_proj", false),
        value: part("v_proj", false),
        output: part("out_proj", true),
    }
}

fn feed_forward(sizes: &Sizes, family: Family, activation: Activation, index: usize) -> FeedForward {
    let (up, down) = (format!("h.{index}.mlp.c_fc"), format!("h.{index}.mlp.c_proj"));
    let (up, down) = if family == Family::Gpt2 {
        let up = transposed(&up, sizes.hidden, sizes.inner, 0, sizes.inner);
        (up, transposed(&down, sizes.inner, sizes.hidden, 0, sizes.hidden))
    } else {
        (linear(&up, sizes.hidden, sizes.inner, true), linear(&down, sizes.inner, sizes.hidden, true))
    };
    FeedForward { inner: sizes.inner, activation, gate: None, up, down }
}

/// GPT-Neo's layers are `global` or `local`: from `attention_layers`, or from `attention_types` as
/// `[[["global", "local"], 12]]`.
fn local_windows(config: &Config, layers: usize) -> Result<Vec<Option<usize>>, ArchitectureError> {
    let window = config.optional_size("window_size", limit::CONTEXT)?.unwrap_or(256);
    let kinds = match config.texts("attention_layers", layers)? {
        Some(kinds) => kinds,
        None => repeated_kinds(config, layers)?,
    };
    let one = |kind: &&str| match *kind {
        "global" => Ok(None),
        "local" => Ok(Some(window)),
        _ => Err(config.unsupported("attention_layers", "global, local")),
    };
    kinds.iter().map(one).collect()
}

fn repeated_kinds(config: &Config, layers: usize) -> Result<Vec<&str>, ArchitectureError> {
    let key = "attention_types";
    let wrong = || config.invalid(key, &format!("[[[\"global\", \"local\"], n]] for {layers} layers"));
    let mut kinds = Vec::new();
    for group in config.raw_list(key).ok_or_else(|| config.missing(key))? {
        let (names, times) =
            group.get(0).and_then(Value::as_array).zip(group.get(1).and_then(Value::as_u64)).ok_or_else(wrong)?;
        let names = names.iter().map(Value::as_str).collect::<Option<Vec<_>>>().ok_or_else(wrong)?;
        let times = usize::try_from(times).ok().filter(|times| *times <= layers).ok_or_else(wrong)?;
        if names.is_empty() || kinds.len() + names.len() * times > layers {
            return Err(wrong());
        }
        kinds.extend(names.iter().copied().cycle().take(names.len() * times));
    }
    if kinds.len() == layers { Ok(kinds) } else { Err(wrong()) }
}
