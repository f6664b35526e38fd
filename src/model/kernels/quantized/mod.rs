//! Quantized weights: rows of ggml's blocks.

mod blocks;
mod grouped;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp)]
mod tests;

use std::borrow::Cow;

pub use candle_core::quantized::GgmlDType;
use candle_core::quantized::QStorage;
use candle_core::{CpuStorage, Device};

pub(super) use grouped::GroupedPanels;

/// Of any block.
const ALIGNMENT: usize = 16;

/// Rows of blocks, one row an output.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantizedRows {
    format: GgmlDType,
    inputs: usize,
    rows: usize,
    bytes: Vec<u8>,
}

impl QuantizedRows {
    /// `rows` rows of `inputs` values each; `None` where a row is no whole number of blocks, or the bytes are not
    /// exactly those of the rows.
    pub fn new(format: GgmlDType, inputs: usize, rows: usize, bytes: Vec<u8>) -> Option<Self> {
        let row = (inputs.is_multiple_of(format.block_size())).then(|| inputs / format.block_size())?;
        let expected = row.checked_mul(format.type_size())?.checked_mul(rows)?;
        (inputs > 0 && bytes.len() == expected).then_some(Self { format, inputs, rows, bytes })
    }

    /// How many values.
    pub fn len(&self) -> usize {
        self.rows * self.inputs
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Block format.
    pub fn format(&self) -> GgmlDType {
        self.format
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Values of a row.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The blocks of a row.
    pub fn row(&self, row: usize) -> &[u8] {
        let size = self.bytes.len() / self.rows.max(1);
        self.bytes.get(row * size..(row + 1) * size).unwrap_or(&[])
    }

    /// These rows, in this order.
    #[must_use]
    pub fn picked(&self, rows: impl Iterator<Item = usize>) -> Self {
        let mut bytes = Vec::new();
        let mut count = 0;
        for row in rows.filter(|row| *row < self.rows) {
            bytes.extend_from_slice(self.row(row));
            count += 1;
        }
        Self { bytes, rows: count, ..*self }
    }

    /// All values, row-major.
    pub fn to_f32(&self) -> Vec<f32> {
        widened(self.format, &self.bytes, self.len())
    }

    /// Copies the values from `start` on, the beginning of a row.
    pub fn copy_to(&self, start: usize, into: &mut [f32]) {
        let row = start / self.inputs;
        let values = widened(self.format, self.row(row), self.inputs);
        into.iter_mut().zip(values).for_each(|(to, value)| *to = value);
    }
}

/// What blocks stand for, by the tensor library.
fn widened(format: GgmlDType, bytes: &[u8], count: usize) -> Vec<f32> {
    // The library reads blocks in place, so they must lie where a block may.
    let mut room = vec![0; bytes.len() + ALIGNMENT];
    let start = room.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
    let aligned = &mut room[start..start + bytes.len()];
    aligned.copy_from_slice(bytes);
    let Ok(QStorage::Cpu(blocks)) = QStorage::from_data(Cow::Borrowed(aligned), &Device::Cpu, format) else {
        return vec![f32::NAN; count];
    };
    match blocks.dequantize(count) {
        Ok(CpuStorage::F32(values)) => values,
        _ => vec![f32::NAN; count],
    }
}
