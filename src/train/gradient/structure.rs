//! The operations of a network, from the description of its architecture.

use super::binding::{Bound, Slots};
use super::norm::{self, Form};
use super::projection::{Piece, Projection};
use super::rotary::Heads;
use crate::model::architecture::{
    Activation, Architecture, Attention, Layer, Linear, Norm, NormKind, QueryKeyNorm, Rotary, Selection, TensorView,
};

/// One normalization.
#[derive(Debug)]
pub struct NormOp {
    kind: NormKind,
    epsilon: f32,
    weight: usize,
    bias: Option<usize>,
    width: usize,
    first: usize,
    stride: usize,
    parts: usize,
}

impl NormOp {
    fn whole(slots: &mut Slots, norm: &Norm) -> Self {
        Self::parts(slots, norm, norm.width, Heads { count: 1, first: 0, stride: norm.width })
    }

    fn parts(slots: &mut Slots, norm: &Norm, width: usize, heads: Heads) -> Self {
        Self {
            kind: norm.kind,
            epsilon: norm.epsilon,
            weight: slots.of(&norm.weight),
            bias: norm.bias.as_ref().map(|bias| slots.of(bias)),
            width,
            first: heads.first,
            stride: heads.stride,
            parts: heads.count,
        }
    }

    /// With a model's values.
    pub fn form<'a>(&self, bound: &Bound<'a>) -> Form<'a> {
        Form {
            kind: self.kind,
            epsilon: self.epsilon,
            weight: bound.values(self.weight),
            bias: self.bias.map(|slot| bound.values(slot)),
            width: self.width,
            first: self.first,
            stride: self.stride,
            parts: self.parts,
        }
    }

    /// Adds the gradient of `x` to `dx`, and those of gains and shifts to theirs where they are trained.
    #[allow(clippy::too_many_arguments)]
    pub fn backward(
        &self,
        bound: &Bound<'_>,
        x: &[f32],
        statistics: &[f32],
        dy: &[f32],
        dx: &mut [f32],
        gradients: &mut [Vec<f32>],
        lanes: usize,
    ) {
        let trained = |slot: &usize| bound.trained(*slot);
        let slots = [Some(self.weight).filter(trained), self.bias.filter(trained)];
        let mut sums = slots.map(|slot| slot.and_then(|slot| gradients.get_mut(slot)).map(std::mem::take));
        let [weight, bias] = &mut sums;
        let gains = norm::Gains { weight: weight.as_deref_mut(), bias: bias.as_deref_mut() };
        norm::backward(self.form(bound), x, statistics, dy, dx, gains, lanes);
        for (slot, sums) in slots.into_iter().zip(sums) {
            if let (Some(place), Some(sums)) = (slot.and_then(|slot| gradients.get_mut(slot)), sums) {
                *place = sums;
            }
        }
    }
}

/// One attention layer.
#[derive(Debug)]
pub struct AttentionOp {
    /// Queries, keys and values beside each other.
    pub qkv: Projection,
    /// Norms of queries and of keys.
    pub norms: Option<[NormOp; 2]>,
    /// Which of the network's rotary embeddings.
    pub rotary: Option<usize>,
    /// Where heads of queries, keys and values lie.
    pub heads: [Heads; 3],
    /// The layer as described.
    pub described: Attention,
    /// Output projection.
    pub output: Projection,
}

/// One layer.
#[derive(Debug)]
pub struct LayerOps {
    /// Before attention.
    pub attention_norm: Option<NormOp>,
    /// Attention.
    pub attention: AttentionOp,
    /// After attention.
    pub post_attention_norm: Option<NormOp>,
    /// Before the feed-forward layer.
    pub feed_forward_norm: Option<NormOp>,
    /// Gate, where there is one, and up projection.
    pub up: Projection,
    /// Whether there is a gate.
    pub gated: bool,
    /// The non-linearity.
    pub activation: Activation,
    /// Width between the projections.
    pub inner: usize,
    /// Down projection.
    pub down: Projection,
    /// After the feed-forward layer.
    pub post_feed_forward_norm: Option<NormOp>,
    /// Whether both branches read the layer's input.
    pub parallel: bool,
}

/// The whole network.
#[derive(Debug)]
pub struct Structure {
    /// The tensors that it reads.
    pub slots: Slots,
    /// Number of token ids.
    pub vocabulary: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Slot of the token embedding.
    pub tokens: usize,
    /// Rows of it are multiplied by this.
    pub token_scale: f32,
    /// Slot of learned positions, and how many there are.
    pub positions: Option<(usize, usize)>,
    /// Different rotary embeddings.
    pub rotaries: Vec<Rotary>,
    /// The layers.
    pub layers: Vec<LayerOps>,
    /// After the last layer.
    pub final_norm: NormOp,
    /// To logits.
    pub head: Projection,
    /// Logits become `cap * tanh(logit / cap)`.
    pub soft_cap: Option<f32>,
}

impl Structure {
    /// Lists the operations.
    pub fn new(architecture: &Architecture) -> Self {
        let mut slots = Slots::default();
        let mut rotaries = Vec::new();
        let tokens = slots.of(&architecture.embedding.tokens);
        let positions = architecture.embedding.positions.as_ref();
        let positions = positions.map(|view| (slots.of(view), view.shape.first().copied().unwrap_or(0)));
        let layers = architecture.layers.iter().map(|layer| layer_ops(&mut slots, &mut rotaries, layer)).collect();
        let final_norm = NormOp::whole(&mut slots, &architecture.final_norm);
        let head = match &architecture.head.projection {
            Some(linear) => projection(&mut slots, &[linear]),
            None => Projection {
                inputs: architecture.hidden,
                width: architecture.vocabulary,
                pieces: vec![Piece {
                    weight: tokens,
                    offset: 0,
                    stride: architecture.hidden,
                    transposed: false,
                    outputs: architecture.vocabulary,
                    stored_output: 0,
                    column: 0,
                    bias: None,
                }],
            },
        };
        Self {
            slots,
            vocabulary: architecture.vocabulary,
            hidden: architecture.hidden,
            tokens,
            token_scale: architecture.embedding.scale,
            positions,
            rotaries,
            layers,
            final_norm,
            head,
            soft_cap: architecture.head.soft_cap,
        }
    }
}

fn layer_ops(slots: &mut Slots, rotaries: &mut Vec<Rotary>, layer: &Layer) -> LayerOps {
    let mut norm = |norm: &Option<Norm>| norm.as_ref().map(|norm| NormOp::whole(slots, norm));
    let attention_norm = norm(&layer.attention_norm);
    let post_attention_norm = norm(&layer.post_attention_norm);
    let feed_forward_norm = norm(&layer.feed_forward_norm);
    let post_feed_forward_norm = norm(&layer.post_feed_forward_norm);
    let feed_forward = &layer.feed_forward;
    let up = feed_forward.gate.iter().chain([&feed_forward.up]).collect::<Vec<_>>();
    LayerOps {
        attention_norm,
        attention: attention_op(slots, rotaries, &layer.attention),
        post_attention_norm,
        feed_forward_norm,
        up: projection(slots, &up),
        gated: feed_forward.gate.is_some(),
        activation: feed_forward.activation,
        inner: feed_forward.inner,
        down: projection(slots, &[&feed_forward.down]),
        post_feed_forward_norm,
        parallel: layer.parallel,
    }
}

fn attention_op(slots: &mut Slots, rotaries: &mut Vec<Rotary>, attention: &Attention) -> AttentionOp {
    let (heads, kv_heads, dim) = (attention.heads, attention.kv_heads, attention.head_dim);
    let beside = |count, first| Heads { count, first, stride: dim };
    let (mut places, mut qkv) = (
        [beside(heads, 0), beside(kv_heads, heads * dim), beside(kv_heads, (heads + kv_heads) * dim)],
        projection(slots, &[&attention.query, &attention.key, &attention.value]),
    );
    if let Some(stored) = interleaved(slots, attention) {
        let stride = 3 * dim;
        places = [0, 1, 2].map(|part| Heads { count: heads, first: part * dim, stride });
        qkv = stored;
    }
    let width = qkv.width;
    let norms = match &attention.norm {
        QueryKeyNorm::None => None,
        QueryKeyNorm::PerHead { query, key } => {
            let [query_heads, key_heads, _] = places;
            Some([NormOp::parts(slots, query, width, query_heads), NormOp::parts(slots, key, width, key_heads)])
        }
        QueryKeyNorm::Whole { query, key } => {
            let whole = |heads: Heads| Heads { count: 1, first: heads.first, stride: width };
            let [query_heads, key_heads, _] = places.map(whole);
            Some([NormOp::parts(slots, query, width, query_heads), NormOp::parts(slots, key, width, key_heads)])
        }
    };
    let rotary = attention.rotary.map(|rotary| {
        rotaries.iter().position(|known| *known == rotary).unwrap_or_else(|| {
            rotaries.push(rotary);
            rotaries.len() - 1
        })
    });
    let output = projection(slots, &[&attention.output]);
    AttentionOp { qkv, norms, rotary, heads: places, described: attention.clone(), output }
}

/// Where one tensor holds each head's query, key and value in turn: the tensor as one projection.
fn interleaved(slots: &mut Slots, attention: &Attention) -> Option<Projection> {
    let parts = [&attention.query, &attention.key, &attention.value];
    for (index, linear) in parts.iter().enumerate() {
        let views = std::iter::once(&linear.weight).chain(&linear.bias);
        for (view, first) in views.zip(std::iter::once(&attention.query.weight).chain(&attention.query.bias)) {
            let expected = Selection::HeadRows { part: index, parts: 3, head_dim: attention.head_dim };
            if view.selection != expected || view.names != first.names {
                return None;
            }
        }
    }
    let alike = parts.iter().all(|linear| linear.bias.is_some() == attention.query.bias.is_some());
    if !alike || attention.heads != attention.kv_heads || matches!(attention.norm, QueryKeyNorm::Whole { .. }) {
        return None;
    }
    let whole = |view: &TensorView| TensorView { selection: Selection::Whole, ..view.clone() };
    let linear = Linear {
        inputs: attention.query.inputs,
        outputs: 3 * attention.query.outputs,
        weight: whole(&attention.query.weight),
        bias: attention.query.bias.as_ref().map(whole),
    };
    Some(projection(slots, &[&linear]))
}

/// Several projections of one input beside each other. What lies beside each other in a stored tensor too is one piece.
fn projection(slots: &mut Slots, linears: &[&Linear]) -> Projection {
    let inputs = linears.first().map_or(0, |linear| linear.inputs);
    let mut pieces: Vec<Piece> = Vec::new();
    let mut column = 0;
    for linear in linears {
        for piece in pieces_of(slots, linear, column) {
            match pieces.last_mut().filter(|last| continues(last, &piece)) {
                Some(last) => last.outputs += piece.outputs,
                None => pieces.push(piece),
            }
        }
        column += linear.outputs;
    }
    Projection { inputs, width: column, pieces }
}

fn continues(last: &Piece, next: &Piece) -> bool {
    let bias = last.bias.map(|(slot, start)| (slot, start + last.outputs));
    last.weight == next.weight
        && last.transposed == next.transposed
        && last.stored_output + last.outputs == next.stored_output
        && last.column + last.outputs == next.column
        && bias == next.bias
}

fn pieces_of(slots: &mut Slots, linear: &Linear, column: usize) -> Vec<Piece> {
    let weight = slots.of(&linear.weight);
    let bias = linear.bias.as_ref().map(|view| (slots.of(view), view.selection));
    let stride = linear.weight.shape.get(1).copied().unwrap_or(1);
    let piece = |stored_output: usize, outputs, at: usize| {
        let transposed = matches!(linear.weight.selection, Selection::Columns { .. });
        Piece {
            weight,
            offset: if transposed { stored_output } else { stored_output * stride },
            stride,
            transposed,
            outputs,
            stored_output,
            column: column + at,
            bias: bias.map(|(slot, selection)| (slot, first_of(selection, at))),
        }
    };
    match linear.weight.selection {
        Selection::Whole => vec![piece(0, linear.outputs, 0)],
        Selection::Rows { start, length } | Selection::Columns { start, length } => vec![piece(start, length, 0)],
        Selection::HeadRows { part, parts, head_dim } => {
            let heads = linear.outputs / head_dim;
            (0..heads).map(|head| piece((head * parts + part) * head_dim, head_dim, head * head_dim)).collect()
        }
    }
}

/// Where the entry number `at` of a selection of a vector is stored.
fn first_of(selection: Selection, at: usize) -> usize {
    match selection {
        Selection::Whole => at,
        Selection::Rows { start, .. } | Selection::Columns { start, .. } => start + at,
        Selection::HeadRows { part, parts, head_dim } => (at / head_dim * parts + part) * head_dim + at % head_dim,
    }
}
