//! What a checkpoint's network looks like, read from its `config.json` and described by capability rather than by name:
//! where norms sit, what each layer's window and rotary embedding are, which tensors hold which weights.
//!
//! One file a family maps configuration keys and tensor names to this description; the decoder knows no family.

mod config;
mod family;
mod gemma;
mod gpt;
mod gpt_neox;
mod llama;
mod olmo2;
mod phi3;
mod qwen;
mod rotary;
mod scaling;
mod shape;
mod tensors;
#[cfg(test)]
mod tests;

pub use config::ArchitectureError;
pub use family::Family;
pub use rotary::Rotary;
pub use scaling::{Divisors, RotaryScaling};
pub use tensors::{Linear, Selection, TensorView};

use config::Config;

/// How a vector is normalized.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NormKind {
    /// `x / sqrt(mean(x^2) + epsilon) * w`.
    Rms,
    /// `x / sqrt(mean(x^2) + epsilon) * (1 + w)`.
    RmsUnitOffset,
    /// `(x - mean(x)) / sqrt(var(x) + epsilon) * w + b`.
    Layer,
}

/// One normalization and the tensors that it reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Norm {
    /// The formula.
    pub kind: NormKind,
    /// Added under the square root.
    pub epsilon: f32,
    /// Number of values normalized together.
    pub width: usize,
    /// The gains.
    pub weight: TensorView,
    /// The shifts.
    pub bias: Option<TensorView>,
}

/// The non-linearity of a feed-forward layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x * sigmoid(x)`.
    Silu,
    /// `x * Phi(x)`, by the error function.
    GeluErf,
    /// The tanh approximation of the former.
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
}

/// What of queries and keys is normalized before the rotary embedding.
#[derive(Debug, Clone, PartialEq)]
pub enum QueryKeyNorm {
    /// Nothing.
    None,
    /// Each head by itself; the norms' width is the head's.
    PerHead {
        /// Of queries.
        query: Box<Norm>,
        /// Of keys.
        key: Box<Norm>,
    },
    /// The whole projection at once.
    Whole {
        /// Of queries.
        query: Box<Norm>,
        /// Of keys.
        key: Box<Norm>,
    },
}

/// One attention layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Attention {
    /// Number of query heads; a multiple of `kv_heads`.
    pub heads: usize,
    /// Number of key and value heads.
    pub kv_heads: usize,
    /// Values a head.
    pub head_dim: usize,
    /// Scores are multiplied by this.
    pub scale: f32,
    /// Scores become `cap * tanh(score / cap)`.
    pub soft_cap: Option<f32>,
    /// A query sees this many positions, its own included; `None` sees all before it.
    pub window: Option<usize>,
    /// Rotary position embedding; `None` rotates nothing.
    pub rotary: Option<Rotary>,
    /// Normalization of queries and keys.
    pub norm: QueryKeyNorm,
    /// Query projection.
    pub query: Linear,
    /// Key projection.
    pub key: Linear,
    /// Value projection.
    pub value: Linear,
    /// Output projection.
    pub output: Linear,
}

/// One feed-forward layer: `down(activation(gate(x)) * up(x))`, or `down(activation(up(x)))` without a gate.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedForward {
    /// Width between the projections.
    pub inner: usize,
    /// The non-linearity.
    pub activation: Activation,
    /// Gate projection of gated layers.
    pub gate: Option<Linear>,
    /// Up projection.
    pub up: Linear,
    /// Down projection.
    pub down: Linear,
}

/// One transformer layer. A norm that is `None` is left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Before attention.
    pub attention_norm: Option<Norm>,
    /// Attention.
    pub attention: Attention,
    /// After attention, before the residual sum.
    pub post_attention_norm: Option<Norm>,
    /// Before the feed-forward layer.
    pub feed_forward_norm: Option<Norm>,
    /// The feed-forward layer.
    pub feed_forward: FeedForward,
    /// After the feed-forward layer, before the residual sum.
    pub post_feed_forward_norm: Option<Norm>,
    /// Whether both branches read the layer's input (GPT-NeoX) instead of one after the other.
    pub parallel: bool,
}

/// Token and position embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// One row a token.
    pub tokens: TensorView,
    /// Rows are multiplied by this.
    pub scale: f32,
    /// Learned positions, one row a position.
    pub positions: Option<TensorView>,
}

/// From the last hidden state to logits.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// The projection; `None` where it is the token embedding (tied).
    pub projection: Option<Linear>,
    /// Logits become `cap * tanh(logit / cap)`.
    pub soft_cap: Option<f32>,
}

/// The whole network.
#[derive(Debug, Clone, PartialEq)]
pub struct Architecture {
    /// Which family's configuration this was.
    pub family: Family,
    /// Number of token ids.
    pub vocabulary: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Positions that the model was made for.
    pub context_tokens: usize,
    /// Input side.
    pub embedding: Embedding,
    /// The layers, first to last.
    pub layers: Vec<Layer>,
    /// After the last layer.
    pub final_norm: Norm,
    /// Output side.
    pub head: Head,
}

impl Architecture {
    /// Reads a `config.json`, in the layout that published checkpoints use or as transformers 5 writes it.
    ///
    /// Families, rotary types, activations and quantizations that are not supported are refused by name; sizes are
    /// checked before anything is allocated for them.
    ///
    /// Of a model with `LongRoPE` this gives the network for sequences up to its original context; see
    /// [`Architecture::for_length`].
    pub fn from_config_json(text: &str) -> Result<Self, ArchitectureError> {
        Self::for_length(text, None)
    }

    /// The same for sequences of up to `max_length_tokens`.
    ///
    /// Only `LongRoPE` (Phi 3 with 128k tokens of context) makes a difference: with more than its original context asked
    /// for, it computes all sequences, short ones too, with the frequencies for long ones.
    pub fn for_length(text: &str, max_length_tokens: Option<usize>) -> Result<Self, ArchitectureError> {
        let config = Config::parse(text)?.wanting(max_length_tokens);
        let mut architecture = Self::read(&config)?;
        for attention in architecture.layers.iter().map(|layer| &layer.attention) {
            if let Some(RotaryScaling::LongRope { context_tokens, .. }) = attention.rotary.map(|it| it.scaling) {
                architecture.context_tokens = architecture.context_tokens.min(context_tokens);
            }
        }
        Ok(architecture)
    }

    fn read(config: &Config) -> Result<Self, ArchitectureError> {
        if config.is_set("quantization_config") {
            return Err(config.unsupported("quantization_config", "only unquantized F32, F16 or BF16 weights"));
        }
        match Family::read(config)? {
            family @ (Family::Llama | Family::Mistral | Family::SmolLm3) => llama::read(config, family),
            family @ (Family::Qwen2 | Family::Qwen3) => qwen::read(config, family),
            family @ (Family::Gemma | Family::Gemma2 | Family::Gemma3Text) => gemma::read(config, family),
            Family::Phi3 => phi3::read(config),
            Family::Olmo2 => olmo2::read(config),
            Family::GptNeox => gpt_neox::read(config),
            family @ (Family::Gpt2 | Family::GptNeo) => gpt::read(config, family),
        }
    }

    /// Number of values in all weights, tied ones once.
    pub fn parameters(&self) -> usize {
        let mut seen = std::collections::BTreeMap::new();
        for view in self.tensors() {
            seen.insert(view.names.first().cloned(), view.shape.iter().product::<usize>());
        }
        seen.values().sum()
    }

    /// Every tensor that the network reads; a stored tensor of which several parts are used appears several times.
    pub fn tensors(&self) -> Vec<&TensorView> {
        let mut all = vec![&self.embedding.tokens];
        all.extend(&self.embedding.positions);
        for layer in &self.layers {
            let norms = [
                &layer.attention_norm,
                &layer.post_attention_norm,
                &layer.feed_forward_norm,
                &layer.post_feed_forward_norm,
            ];
            for norm in norms.into_iter().flatten() {
                all.push(&norm.weight);
                all.extend(&norm.bias);
            }
            if let QueryKeyNorm::PerHead { query, key } | QueryKeyNorm::Whole { query, key } = &layer.attention.norm {
                all.extend([&query.weight, &key.weight]);
            }
            let attention = &layer.attention;
            let linears = [&attention.query, &attention.key, &attention.value, &attention.output];
            let feed_forward = [&layer.feed_forward.up, &layer.feed_forward.down];
            for linear in linears.into_iter().chain(&layer.feed_forward.gate).chain(feed_forward) {
                all.push(&linear.weight);
                all.extend(&linear.bias);
            }
        }
        all.push(&self.final_norm.weight);
        all.extend(&self.final_norm.bias);
        if let Some(linear) = &self.head.projection {
            all.push(&linear.weight);
            all.extend(&linear.bias);
        }
        all
    }
}

impl std::fmt::Display for Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let millions = self.parameters() as f64 / 1e6;
        write!(
            f,
            "{}, {} layers of width {}, {millions:.1}M parameters",
            self.family.as_str(),
            self.layers.len(),
            self.hidden
        )
    }
}
