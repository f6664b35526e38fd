//! Keys that most families share.

use super::config::{ArchitectureError, Config};
use super::tensors::{Linear, TensorView};
use super::{Activation, FeedForward, Head, Norm, NormKind};

/// Largest values that are believed; anything above is a broken or hostile file.
pub(super) mod limit {
    pub const LAYERS: usize = 1_024;
    pub const HIDDEN: usize = 1 << 17;
    pub const INNER: usize = 1 << 20;
    pub const HEADS: usize = 4_096;
    pub const HEAD_DIM: usize = 8_192;
    pub const VOCABULARY: usize = 1 << 24;
    pub const CONTEXT: usize = 1 << 26;
}

/// Sizes of a Llama-like network.
pub(super) struct Sizes {
    pub layers: usize,
    pub hidden: usize,
    pub inner: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub vocabulary: usize,
    pub context: usize,
}

impl Sizes {
    pub fn read(config: &Config, default_head_dim: Option<usize>) -> Result<Self, ArchitectureError> {
        let hidden = config.size("hidden_size", limit::HIDDEN)?;
        let heads = config.size("num_attention_heads", limit::HEADS)?;
        let kv_heads = config.optional_size("num_key_value_heads", limit::HEADS)?.unwrap_or(heads);
        if heads % kv_heads != 0 {
            return Err(config.invalid("num_key_value_heads", &format!("a divisor of num_attention_heads ({heads})")));
        }
        let head_dim = match config.optional_size("head_dim", limit::HEAD_DIM)?.or(default_head_dim) {
            Some(head_dim) => head_dim,
            None if hidden % heads == 0 => hidden / heads,
            None => return Err(config.invalid("num_attention_heads", &format!("a divisor of hidden_size ({hidden})"))),
        };
        Ok(Self {
            layers: config.size("num_hidden_layers", limit::LAYERS)?,
            hidden,
            inner: config.size("intermediate_size", limit::INNER)?,
            heads,
            kv_heads,
            head_dim,
            vocabulary: config.size("vocab_size", limit::VOCABULARY)?,
            context: config.size("max_position_embeddings", limit::CONTEXT)?,
        })
    }

    pub fn query_width(&self) -> usize {
        self.heads * self.head_dim
    }

    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// `1 / sqrt(head_dim)`.
    #[allow(clippy::cast_possible_truncation)]
    pub fn scale(&self) -> f32 {
        (self.head_dim as f64).powf(-0.5) as f32
    }

    /// The gated feed-forward layer under `{layer}mlp.`.
    pub fn gated(&self, layer: &str, activation: Activation, bias: bool) -> FeedForward {
        FeedForward {
            inner: self.inner,
            activation,
            gate: Some(Linear::named(&format!("{layer}mlp.gate_proj"), self.hidden, self.inner, bias)),
            up: Linear::named(&format!("{layer}mlp.up_proj"), self.hidden, self.inner, bias),
            down: Linear::named(&format!("{layer}mlp.down_proj"), self.inner, self.hidden, bias),
        }
    }
}

/// A norm without shift.
pub(super) fn rms(name: &str, width: usize, kind: NormKind, epsilon: f32) -> Norm {
    Norm { kind, epsilon, width, weight: TensorView::whole(format!("{name}.weight"), &[width]), bias: None }
}

#[allow(clippy::cast_possible_truncation)]
pub(super) fn epsilon(config: &Config, key: &str, default: f64) -> Result<f32, ArchitectureError> {
    Ok(config.optional_positive(key)?.unwrap_or(default) as f32)
}

#[allow(clippy::cast_possible_truncation)]
pub(super) fn soft_cap(config: &Config, key: &str) -> Result<Option<f32>, ArchitectureError> {
    Ok(config.optional_positive(key)?.map(|cap| cap as f32))
}

pub(super) fn activation(config: &Config, key: &str, default: Activation) -> Result<Activation, ArchitectureError> {
    match config.text(key)? {
        None => Ok(default),
        Some("silu" | "swish") => Ok(Activation::Silu),
        Some("gelu") => Ok(Activation::GeluErf),
        Some("gelu_new" | "gelu_pytorch_tanh") => Ok(Activation::GeluTanh),
        Some("relu") => Ok(Activation::Relu),
        Some(_) => Err(config.unsupported(key, "silu, gelu, gelu_new, gelu_pytorch_tanh, relu")),
    }
}

/// Token embedding and output projection of a Llama-like network. Where they are tied, the one tensor may be stored
/// under either name.
pub(super) fn embedding_and_head(
    config: &Config,
    sizes: &Sizes,
    tied_by_default: bool,
) -> Result<(TensorView, Head), ArchitectureError> {
    let shape = [sizes.vocabulary, sizes.hidden];
    let embedding = TensorView::whole("model.embed_tokens.weight", &shape);
    if config.flag("tie_word_embeddings", tied_by_default)? {
        return Ok((embedding.or("lm_head.weight"), Head { projection: None, soft_cap: None }));
    }
    let projection = Some(Linear::named("lm_head", sizes.hidden, sizes.vocabulary, false));
    Ok((embedding, Head { projection, soft_cap: None }))
}

/// Each layer's sliding window: by `layer_types` where the file has them, else where `slides` says so.
pub(super) fn windows(
    config: &Config,
    layers: usize,
    slides: impl Fn(usize) -> bool,
) -> Result<Vec<Option<usize>>, ArchitectureError> {
    let window = config.optional_size("sliding_window", limit::CONTEXT)?;
    let Some(types) = config.texts("layer_types", layers)? else {
        return Ok((0..layers).map(|layer| window.filter(|_| slides(layer))).collect());
    };
    let one = |name: &&str| match *name {
        "full_attention" => Ok(None),
        "sliding_attention" => window.map(Some).ok_or_else(|| config.missing("sliding_window")),
        _ => Err(config.unsupported("layer_types", "full_attention, sliding_attention")),
    };
    types.iter().map(one).collect()
}
