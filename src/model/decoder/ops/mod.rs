//! The operations of the forward pass: own kernels, and the tensor library's.

mod fused;
mod kept;
mod plain;
mod workspace;

use rayon::prelude::*;

use super::DecoderError;
use super::parameters::{Gains, Projection};
use crate::model::architecture::{Attention, FeedForward, Rotary};

pub(super) use fused::{Fused, with_values};
pub(super) use kept::KeptTensors;
pub(super) use plain::{Plain, capped, embed as plain_embed, linear as plain_linear, normalized, select_rows};
pub(super) use workspace::Workspace;

/// Rows whose angles are computed together.
const ANGLE_ROWS: usize = 64;

/// What the layers are computed with.
pub(super) trait Operations {
    /// Activations: rows of values.
    type Rows;

    /// `norm(x) W^T + b`.
    fn projected(
        &mut self,
        x: &Self::Rows,
        norm: Option<&Gains>,
        projection: &Projection,
    ) -> Result<Self::Rows, DecoderError>;

    /// Queries and keys with their norms and rotary embedding applied, values as they are.
    fn positioned(
        &mut self,
        qkv: Self::Rows,
        attention: &Attention,
        norms: Option<&(Gains, Gains)>,
    ) -> Result<Self::Rows, DecoderError>;

    /// Attention of each row over its path, `(rows, heads * head_dim)`, in the layer of this number.
    fn attention(&mut self, qkv: Self::Rows, layer: usize, attention: &Attention) -> Result<Self::Rows, DecoderError>;

    /// Some of the rows, at least one.
    fn picked(&mut self, x: Self::Rows, rows: &[usize]) -> Result<Self::Rows, DecoderError>;

    /// `x` and a branch, added.
    fn residual(&mut self, x: Self::Rows, branch: Branch<'_, Self::Rows>) -> Result<Self::Rows, DecoderError>;
}

/// What a layer adds to its input: `norm(f(y) W^T + b)`.
pub(super) struct Branch<'a, R> {
    pub y: R,
    /// Whose non-linearity `f` is, with its gate where it has one; none leaves `y` as it is.
    pub feed_forward: Option<&'a FeedForward>,
    pub projection: &'a Projection,
    pub norm: Option<&'a Gains>,
}

/// Cosines and sines of `position * frequency`, the product rounded to single precision as the models were trained with,
/// times the embedding's attention factor.
#[allow(clippy::cast_possible_truncation)]
fn angles(rotary: &Rotary, positions: &[usize]) -> (Vec<f32>, Vec<f32>) {
    let (frequencies, factor) = (rotary.frequencies(), rotary.attention_factor());
    let half = frequencies.len();
    let (mut cosines, mut sines) = (vec![0.0; positions.len() * half], vec![0.0; positions.len() * half]);
    let row = |((cosines, sines), position): ((&mut [f32], &mut [f32]), &usize)| {
        for ((cosine, sine), frequency) in cosines.iter_mut().zip(sines).zip(&frequencies) {
            let (s, c) = f64::from(*position as f32 * frequency).sin_cos();
            (*cosine, *sine) = (c as f32 * factor, s as f32 * factor);
        }
    };
    let (each_cosines, each_sines) = (cosines.par_chunks_mut(half.max(1)), sines.par_chunks_mut(half.max(1)));
    each_cosines.zip(each_sines).zip(positions).with_min_len(ANGLE_ROWS).for_each(row);
    (cosines, sines)
}
