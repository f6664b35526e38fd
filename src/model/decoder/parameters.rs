//! Weights in the form that each path of computation wants.

use std::collections::BTreeMap;
use std::rc::Rc;

use candle_core::Tensor;

use super::DecoderError;
use crate::model::architecture::{Linear, Norm, NormKind, Selection, TensorView};
use crate::model::kernels::{Layout, MatrixPacker, PackedMatrix, Values, WeightType};
use crate::model::weights::Weights;

/// A projection, or several that read the same input, one output after another.
#[derive(Debug)]
pub(super) enum Projection {
    /// For the fused kernels.
    Packed(PackedMatrix),
    /// As stored, for differentiable operations.
    Stored(Vec<StoredLinear>),
}

/// A projection's tensors as the checkpoint stores them.
#[derive(Debug)]
pub(super) struct StoredLinear {
    pub weight: Stored,
    pub bias: Option<Stored>,
}

/// A stored tensor and the part that is meant. The part is taken anew each time, so that training may change the tensor.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    tensor: Tensor,
    selection: Selection,
}

impl Stored {
    /// The part: `(outputs, inputs)` of a matrix.
    pub fn part(&self) -> candle_core::Result<Tensor> {
        match self.selection {
            Selection::Whole => Ok(self.tensor.clone()),
            Selection::Rows { start, length } => self.tensor.narrow(0, start, length),
            Selection::Columns { start, length } => self.tensor.narrow(1, start, length)?.t(),
            Selection::HeadRows { part, parts, head_dim } => {
                let dims = self.tensor.dims();
                let rows = dims.first().copied().unwrap_or(0);
                let rest = dims.get(1).copied().unwrap_or(1);
                let heads = rows / (parts * head_dim);
                let picked = self.tensor.reshape((heads, parts, head_dim * rest))?.narrow(1, part, 1)?.contiguous()?;
                if dims.len() == 1 { picked.reshape(rows / parts) } else { picked.reshape((rows / parts, rest)) }
            }
        }
    }
}

/// A normalization's values.
#[derive(Debug)]
pub(super) enum Gains {
    /// For the fused kernels; a unit offset is already added.
    Fused { weight: Vec<f32>, bias: Option<Vec<f32>>, epsilon: f32 },
    /// As stored.
    Stored { weight: Stored, bias: Option<Stored>, epsilon: f32, kind: NormKind },
}

/// An embedding table.
#[derive(Debug)]
pub(super) enum Table {
    /// Rows of this width.
    Fused { values: Values, width: usize },
    /// The rows of the output projection.
    Tied,
    /// As stored.
    Stored(Stored),
}

/// Where weights come from.
pub(super) enum Source<'a> {
    /// A checkpoint's files, read once and packed.
    Files { weights: &'a Weights, last: Option<(String, Rc<Values>)>, weight_type: WeightType },
    /// Tensors in memory by their stored names, used as they are.
    Tensors(&'a BTreeMap<String, Tensor>),
}

impl Source<'_> {
    pub fn projection(&mut self, linears: &[&Linear]) -> Result<Projection, DecoderError> {
        if let Self::Tensors(_) = self {
            let one = |linear: &&Linear| {
                let bias = linear.bias.as_ref().map(|view| self.stored(view)).transpose()?;
                Ok(StoredLinear { weight: self.stored(&linear.weight)?, bias })
            };
            return linears.iter().map(one).collect::<Result<_, _>>().map(Projection::Stored);
        }
        let inputs = linears.first().map_or(0, |linear| linear.inputs);
        // Biases first, so that parts of one stored tensor are asked for one after the other.
        let biases = linears.iter().map(|linear| match &linear.bias {
            Some(view) => self.values(view).map(|bias| Some(bias.into_single())),
            None => Ok(None),
        });
        let biases = biases.collect::<Result<Vec<_>, _>>()?;
        let outputs = linears.iter().map(|linear| outputs(&linear.weight)).sum();
        let mut packer = MatrixPacker::new(inputs, outputs);
        for (linear, bias) in linears.iter().zip(&biases) {
            // Freed before the next one is read, unless that is a part of the same.
            let whole = self.whole(&linear.weight)?;
            pack(&mut packer, &linear.weight, &whole, inputs, bias.as_deref())?;
        }
        self.forget();
        Ok(Projection::Packed(packer.finish()))
    }

    pub fn gains(&mut self, norm: &Norm) -> Result<Gains, DecoderError> {
        if let Self::Tensors(_) = self {
            let weight = self.stored(&norm.weight)?;
            let bias = norm.bias.as_ref().map(|view| self.stored(view)).transpose()?;
            return Ok(Gains::Stored { weight, bias, epsilon: norm.epsilon, kind: norm.kind });
        }
        let mut weight = self.values(&norm.weight)?.into_single();
        if norm.kind == NormKind::RmsUnitOffset {
            for gain in &mut weight {
                *gain += 1.0;
            }
        }
        let bias = norm.bias.as_ref().map(|view| self.values(view)).transpose()?;
        Ok(Gains::Fused { weight, bias: bias.map(Values::into_single), epsilon: norm.epsilon })
    }

    pub fn table(&mut self, view: &TensorView) -> Result<Table, DecoderError> {
        if let Self::Tensors(_) = self {
            return Ok(Table::Stored(self.stored(view)?));
        }
        let width = view.shape.last().copied().unwrap_or(1);
        Ok(Table::Fused { values: self.values(view)?, width })
    }

    fn stored(&self, view: &TensorView) -> Result<Stored, DecoderError> {
        let Self::Tensors(tensors) = self else { return Err(missing(view)) };
        let found = view.names.iter().find_map(|name| tensors.get(name)).ok_or_else(|| missing(view))?;
        if found.dims() != view.shape {
            return Err(DecoderError::Shape {
                tensor: view.names.join(" or "),
                found: found.dims().to_vec(),
                expected: view.shape.clone(),
            });
        }
        Ok(Stored { tensor: found.clone(), selection: view.selection })
    }

    /// The values that a view means.
    fn values(&mut self, view: &TensorView) -> Result<Values, DecoderError> {
        let whole = self.whole(view)?;
        if view.selection == Selection::Whole {
            self.forget();
            return Ok(Rc::unwrap_or_clone(whole));
        }
        Ok(match &*whole {
            Values::Single(values) => Values::Single(select(values, &view.shape, view.selection)),
            Values::Bfloat16(values) => Values::Bfloat16(select(values, &view.shape, view.selection)),
            Values::Float16(values) => Values::Float16(select(values, &view.shape, view.selection)),
            Values::Quantized(rows) => match view.selection {
                // A vector is one row of blocks.
                _ if view.shape.len() == 1 => Values::Single(select(&rows.to_f32(), &view.shape, view.selection)),
                Selection::Columns { .. } => Values::Single(select(&rows.to_f32(), &view.shape, view.selection)),
                _ => Values::Quantized(rows.picked((0..outputs(view)).map(|row| stored_row(view.selection, row)))),
            },
        })
    }

    /// The whole tensor that a view means a part of, in the type in which weights are held.
    fn whole(&mut self, view: &TensorView) -> Result<Rc<Values>, DecoderError> {
        let Self::Files { weights, last, weight_type } = self else { return Err(missing(view)) };
        let name = view.names.iter().find(|name| weights.contains(name)).or(view.names.first());
        let name = name.ok_or_else(|| missing(view))?;
        if let Some((held, values)) = last
            && held == name
        {
            return Ok(values.clone());
        }
        // Another is freed before this one is read.
        *last = None;
        let whole = Rc::new(weights.values(name, &view.shape)?.held_as(*weight_type));
        if view.selection != Selection::Whole {
            // Other parts of the same tensor are usually asked for next.
            *last = Some((name.clone(), whole.clone()));
        }
        Ok(whole)
    }

    /// Frees the tensor that is held for its other parts.
    fn forget(&mut self) {
        if let Self::Files { last, .. } = self {
            *last = None;
        }
    }
}

fn missing(view: &TensorView) -> DecoderError {
    DecoderError::MissingTensor { tensor: view.names.join(" or ") }
}

/// Rows of outputs that a view of a matrix means.
fn outputs(view: &TensorView) -> usize {
    let rows = view.shape.first().copied().unwrap_or(0);
    match view.selection {
        Selection::Whole => rows,
        Selection::Rows { length, .. } | Selection::Columns { length, .. } => length,
        Selection::HeadRows { parts, .. } => rows / parts.max(1),
    }
}

/// Where a selection's row is stored.
fn stored_row(selection: Selection, row: usize) -> usize {
    match selection {
        Selection::Whole | Selection::Columns { .. } => row,
        Selection::Rows { start, .. } => start + row,
        Selection::HeadRows { part, parts, head_dim } => (row / head_dim * parts + part) * head_dim + row % head_dim,
    }
}

/// Packs what a view means of a stored matrix, without a copy in between.
fn pack(
    packer: &mut MatrixPacker,
    view: &TensorView,
    whole: &Values,
    inputs: usize,
    bias: Option<&[f32]>,
) -> Result<(), DecoderError> {
    let (rows, width) = (view.shape.first().copied().unwrap_or(0), view.shape.get(1).copied().unwrap_or(1));
    let count = outputs(view);
    let columns = if let Selection::Columns { start, .. } = view.selection { Some(start) } else { None };
    let fits = match columns {
        Some(start) => inputs == rows && start + count <= width,
        None => inputs == width && (count == 0 || stored_row(view.selection, count - 1) < rows),
    };
    if !fits || whole.len() != rows * width || bias.is_some_and(|bias| bias.len() != count) {
        let (tensor, found) = (view.names.join(" or "), view.shape.clone());
        return Err(DecoderError::Shape { tensor, found, expected: vec![count, inputs] });
    }
    let source = |row| stored_row(view.selection, row);
    let layout = match columns {
        Some(start) => Layout::Columns { width, start, count },
        None => Layout::Rows { count, source: &source },
    };
    packer.push(whole, layout, bias);
    Ok(())
}

/// A part of a stored tensor, as rows of outputs.
fn select<T: Copy>(values: &[T], shape: &[usize], selection: Selection) -> Vec<T> {
    let width = shape.get(1).copied().unwrap_or(1);
    match selection {
        Selection::Whole => values.to_vec(),
        Selection::Rows { start, length } => {
            values.get(start * width..(start + length) * width).unwrap_or_default().to_vec()
        }
        Selection::Columns { start, length } => {
            let column = |at: usize| values.iter().skip(at).step_by(width).copied();
            (start..start + length).flat_map(column).collect()
        }
        Selection::HeadRows { part, parts, head_dim } => {
            let chunks = values.chunks_exact(head_dim * width).skip(part).step_by(parts);
            chunks.flatten().copied().collect()
        }
    }
}
