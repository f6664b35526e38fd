//! Quantized weights as panels: the blocks' integers, interleaved by sixteen outputs.

use rayon::prelude::*;

use super::QuantizedRows;
use super::blocks::{Block, Form};
use crate::model::kernels::LANES;

/// Panels of a quantized matrix. A cell is sixteen inputs of sixteen outputs: its integers cut into planes of bits, then,
/// where the format has them, the integers that its block's scale and minimum are multiplied with.
///
/// A weight widens to `f32(d * s) * (q - offset) - f32(m * t)`, with the roundings that dequantizing has.
#[derive(Debug, Clone)]
pub(in crate::model::kernels) struct GroupedPanels {
    form: Form,
    inputs: usize,
    /// Of each cell, panel after panel.
    cells: Vec<[u8; LANES]>,
    /// Of each block: `d`, and `m` where there are minima.
    scales: Vec<[f32; LANES]>,
}

impl GroupedPanels {
    /// Packs `count` rows, those that `source` names; `None` for a format that has no such panels.
    pub fn new(rows: &QuantizedRows, count: usize, source: &(dyn Fn(usize) -> usize + Sync)) -> Option<Self> {
        let form = Form::of(rows.format())?;
        let inputs = rows.inputs();
        let panels = count.div_ceil(LANES);
        let (cell_units, scale_units) = (form.cell_units(), form.scale_units());
        let (panel_cells, panel_scales) = (inputs / LANES * cell_units, inputs / form.block() * scale_units);
        let mut cells = vec![[0; LANES]; panels * panel_cells];
        let mut scales = vec![[0.0; LANES]; panels * panel_scales];
        let parts = cells.par_chunks_mut(panel_cells).zip(scales.par_chunks_mut(panel_scales));
        parts.enumerate().for_each(|(panel, (cells, scales))| {
            let mut block = Block::default();
            for lane in 0..(count - panel * LANES).min(LANES) {
                let stored = rows.row(source(panel * LANES + lane)).chunks_exact(rows.format().type_size());
                let scales = scales.chunks_exact_mut(scale_units);
                let cells = cells.chunks_exact_mut(form.block() / LANES * cell_units);
                for ((bytes, scales), cells) in stored.zip(scales).zip(cells) {
                    block.read(rows.format(), bytes);
                    scales[0][lane] = block.scale;
                    if form.minima {
                        scales[1][lane] = block.minimum;
                    }
                    for (group, cell) in cells.chunks_exact_mut(cell_units).enumerate() {
                        store(form, &block, group, lane, cell);
                    }
                }
            }
        });
        Some(Self { form, inputs, cells, scales })
    }

    /// Bytes.
    pub fn bytes(&self) -> usize {
        size_of_val(self.cells.as_slice()) + size_of_val(self.scales.as_slice())
    }

    /// Widens a panel's weights from input `start` on, a multiple of sixteen, as many as there is room for.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    pub fn widen(&self, panel: usize, start: usize, into: &mut [[f32; LANES]]) {
        match (self.form.low, self.form.high) {
            (8, _) => self.widen_as::<8, 0>(panel, start, into),
            (4, 0) => self.widen_as::<4, 0>(panel, start, into),
            (4, 1) => self.widen_as::<4, 1>(panel, start, into),
            (4, _) => self.widen_as::<4, 2>(panel, start, into),
            (_, 0) => self.widen_as::<2, 0>(panel, start, into),
            _ => self.widen_as::<2, 1>(panel, start, into),
        }
    }

    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn widen_as<const LOW: usize, const HIGH: usize>(&self, panel: usize, start: usize, into: &mut [[f32; LANES]]) {
        let form = self.form;
        let (cell_units, scale_units) = (form.cell_units(), form.scale_units());
        let first = panel * (self.inputs / LANES) + start / LANES;
        let block_cells = form.block() / LANES;
        let (chunks, _) = into.as_chunks_mut::<LANES>();
        for (index, chunk) in chunks.iter_mut().enumerate() {
            let cell = &self.cells[(first + index) * cell_units..][..cell_units];
            let scales = &self.scales[(first + index) / block_cells * scale_units..][..scale_units];
            let mut scale = scales[0];
            if form.factors {
                multiply(&mut scale, &cell[LOW * 2 + HIGH * 2]);
            }
            widen_cell::<LOW, HIGH>(cell, form.offset, &scale, chunk);
            if form.minima {
                let mut minimum = scales[1];
                if form.factors {
                    multiply(&mut minimum, &cell[LOW * 2 + HIGH * 2 + 1]);
                }
                for weights in chunk {
                    for l in 0..LANES {
                        weights[l] -= minimum[l];
                    }
                }
            }
        }
    }
}

/// Multiplies with the signed integers of a group.
#[inline(always)]
#[allow(clippy::inline_always)]
fn multiply(values: &mut [f32; LANES], factors: &[u8; LANES]) {
    for l in 0..LANES {
        values[l] *= f32::from(factors[l].cast_signed());
    }
}

/// The integers of a cell times their scales.
#[inline(always)]
#[allow(clippy::inline_always)]
fn widen_cell<const LOW: usize, const HIGH: usize>(
    cell: &[[u8; LANES]],
    offset: i32,
    scale: &[f32; LANES],
    into: &mut [[f32; LANES]; LANES],
) {
    let (low, high) = (&cell[..LOW * 2], &cell[LOW * 2..LOW * 2 + HIGH * 2]);
    for (i, weights) in into.iter_mut().enumerate() {
        let units = low[i % (2 * LOW)];
        let shift = i / (2 * LOW) * LOW;
        for l in 0..LANES {
            let mut code = (i32::from(units[l]) >> shift) & ((1 << LOW) - 1);
            if HIGH > 0 {
                let units = &high[i % (2 * HIGH).max(1)];
                let shift = i / (2 * HIGH).max(1) * HIGH;
                code |= ((i32::from(units[l]) >> shift) & ((1 << HIGH) - 1)) << LOW;
            }
            #[allow(clippy::cast_precision_loss)]
            let value = (code - offset) as f32;
            weights[l] = scale[l] * value;
        }
    }
}

/// Puts one output's integers of a group of sixteen inputs into its cell.
fn store(form: Form, block: &Block, group: usize, lane: usize, cell: &mut [[u8; LANES]]) {
    let codes = &block.codes[group * LANES..(group + 1) * LANES];
    let (low, high) = (2 * form.low, 2 * form.high);
    for (i, code) in codes.iter().enumerate() {
        let mask = u8::MAX >> (8 - form.low);
        cell[i % low][lane] |= (code & mask) << (i / low * form.low);
        if form.high > 0 {
            cell[low + i % high][lane] |= (code >> form.low) << (i / high * form.high);
        }
    }
    if form.factors {
        cell[low + high][lane] = block.scale_factors[group].cast_unsigned();
        if form.minima {
            cell[low + high + 1][lane] = block.minimum_factors[group].cast_unsigned();
        }
    }
}
