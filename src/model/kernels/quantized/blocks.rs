//! The block formats of ggml, field by field.

use candle_core::quantized::GgmlDType;
use half::f16;

/// Inputs of the largest block.
const LARGEST: usize = 256;

/// What a format's weights are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    /// Bits of an integer in the first planes: 8, 4 or 2.
    pub low: usize,
    /// Further, higher bits: 0, 1 or 2.
    pub high: usize,
    /// Subtracted from an integer.
    pub offset: i32,
    /// Whether a minimum is subtracted.
    pub minima: bool,
    /// Whether groups of a block of 256 have factors of their own; otherwise a block has 32 inputs.
    pub factors: bool,
}

impl Form {
    /// Of a format; `None` for those that are not weights of a file, and for plain numbers.
    pub fn of(format: GgmlDType) -> Option<Self> {
        let (low, high, offset, minima, factors) = match format {
            GgmlDType::Q4_0 => (4, 0, 8, false, false),
            GgmlDType::Q4_1 => (4, 0, 0, true, false),
            GgmlDType::Q5_0 => (4, 1, 16, false, false),
            GgmlDType::Q5_1 => (4, 1, 0, true, false),
            GgmlDType::Q8_0 => (8, 0, 128, false, false),
            GgmlDType::Q2K => (2, 0, 0, true, true),
            GgmlDType::Q3K => (2, 1, 4, false, true),
            GgmlDType::Q4K => (4, 0, 0, true, true),
            GgmlDType::Q5K => (4, 1, 0, true, true),
            GgmlDType::Q6K => (4, 2, 32, false, true),
            _ => return None,
        };
        Some(Self { low, high, offset, minima, factors })
    }

    /// Inputs of a block.
    pub fn block(self) -> usize {
        if self.factors { LARGEST } else { 32 }
    }

    /// Units of sixteen bytes in a cell.
    pub fn cell_units(self) -> usize {
        2 * (self.low + self.high) + if self.factors { 1 + usize::from(self.minima) } else { 0 }
    }

    /// Sixteens of scales and minima in a block.
    pub fn scale_units(self) -> usize {
        1 + usize::from(self.minima)
    }
}

/// A block taken apart: an input's weight is `scale * factor * (code - offset) - minimum * factor`.
#[derive(Debug)]
pub(super) struct Block {
    pub codes: [u8; LARGEST],
    /// One for each sixteen inputs, in formats that have them.
    pub scale_factors: [i8; 16],
    pub minimum_factors: [i8; 16],
    pub scale: f32,
    pub minimum: f32,
}

impl Default for Block {
    fn default() -> Self {
        Self { codes: [0; LARGEST], scale_factors: [0; 16], minimum_factors: [0; 16], scale: 0.0, minimum: 0.0 }
    }
}

fn half(bytes: &[u8]) -> f32 {
    f16::from_le_bytes([bytes[0], bytes[1]]).to_f32()
}

impl Block {
    /// Reads a block of a format that has a [`Form`].
    ///
    /// # Panics
    ///
    /// If the bytes are fewer than a block's.
    pub fn read(&mut self, format: GgmlDType, bytes: &[u8]) {
        match format {
            GgmlDType::Q4_0 => self.small(bytes, false, false),
            GgmlDType::Q4_1 => self.small(bytes, true, false),
            GgmlDType::Q5_0 => self.small(bytes, false, true),
            GgmlDType::Q5_1 => self.small(bytes, true, true),
            GgmlDType::Q8_0 => {
                self.scale = half(bytes);
                // From -128..128 to 0..256, the offset being 128.
                self.codes.iter_mut().zip(&bytes[2..34]).for_each(|(code, byte)| *code = byte ^ 0x80);
            }
            GgmlDType::Q2K => self.two_bits(bytes),
            GgmlDType::Q3K => self.three_bits(bytes),
            GgmlDType::Q4K => self.four_or_five_bits(bytes, false),
            GgmlDType::Q5K => self.four_or_five_bits(bytes, true),
            _ => self.six_bits(bytes),
        }
    }

    /// Blocks of 32: scale, perhaps minimum, perhaps fifth bits, and half bytes of which the low ones come first.
    fn small(&mut self, bytes: &[u8], minimum: bool, fifth: bool) {
        self.scale = half(bytes);
        let mut rest = &bytes[2..];
        if minimum {
            // It is added there, subtracted here.
            self.minimum = -half(rest);
            rest = &rest[2..];
        }
        let mut bits = 0;
        if fifth {
            bits = u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]);
            rest = &rest[4..];
        }
        for (j, pair) in rest[..16].iter().enumerate() {
            self.codes[j] = pair & 15 | u8::from(bits >> j & 1 == 1) << 4;
            self.codes[j + 16] = pair >> 4 | u8::from(bits >> (j + 16) & 1 == 1) << 4;
        }
    }

    /// `scales[16], qs[64], d, dmin`.
    fn two_bits(&mut self, bytes: &[u8]) {
        for (group, factor) in bytes[..16].iter().enumerate() {
            self.scale_factors[group] = (factor & 15).cast_signed();
            self.minimum_factors[group] = (factor >> 4).cast_signed();
        }
        self.spread_pairs(&bytes[16..80]);
        self.scale = half(&bytes[80..]);
        self.minimum = half(&bytes[82..]);
    }

    /// `hmask[32], qs[64], scales[12], d`: the third bit counts as set when 4 is not subtracted.
    fn three_bits(&mut self, bytes: &[u8]) {
        self.spread_pairs(&bytes[32..96]);
        for (k, code) in self.codes.iter_mut().enumerate() {
            *code |= (bytes[k % 32] >> (k / 32) & 1) << 2;
        }
        let packed = &bytes[96..108];
        for group in 0..16 {
            let low = packed[group % 8] >> (group / 8 * 4) & 15;
            let high = packed[8 + group % 4] >> (group / 4 * 2) & 3;
            self.scale_factors[group] = (low | high << 4).cast_signed() - 32;
        }
        self.scale = half(&bytes[108..]);
    }

    /// Two bits an input: in each half of the block, a byte holds inputs that are 32 apart.
    fn spread_pairs(&mut self, bytes: &[u8]) {
        for (k, code) in self.codes.iter_mut().enumerate() {
            *code = bytes[k / 128 * 32 + k % 32] >> (k % 128 / 32 * 2) & 3;
        }
    }

    /// `d, dmin, scales[12]`, perhaps `qh[32]`, `qs[128]`.
    fn four_or_five_bits(&mut self, bytes: &[u8], fifth: bool) {
        self.scale = half(bytes);
        self.minimum = half(&bytes[2..]);
        let packed = &bytes[4..16];
        for group in 0..8 {
            let (scale, minimum) = if group < 4 {
                (packed[group] & 63, packed[group + 4] & 63)
            } else {
                let (low, last) = (packed[group + 4], group - 4);
                (low & 15 | packed[last] >> 6 << 4, low >> 4 | packed[group] >> 6 << 4)
            };
            self.scale_factors[2 * group..2 * group + 2].fill(scale.cast_signed());
            self.minimum_factors[2 * group..2 * group + 2].fill(minimum.cast_signed());
        }
        let (fifths, quarters) = bytes[16..].split_at(if fifth { 32 } else { 0 });
        for (k, code) in self.codes.iter_mut().enumerate() {
            *code = quarters[k / 64 * 32 + k % 32] >> (k % 64 / 32 * 4) & 15;
            if fifth {
                *code |= (fifths[k % 32] >> (k / 32) & 1) << 4;
            }
        }
    }

    /// `ql[128], qh[64], scales[16], d`.
    fn six_bits(&mut self, bytes: &[u8]) {
        for (k, code) in self.codes.iter_mut().enumerate() {
            let (half, quarter, l) = (k / 128, k % 128 / 32, k % 32);
            let low = bytes[half * 64 + quarter % 2 * 32 + l] >> (quarter / 2 * 4) & 15;
            let high = bytes[128 + half * 32 + l] >> (quarter * 2) & 3;
            *code = low | high << 4;
        }
        for (factor, byte) in self.scale_factors.iter_mut().zip(&bytes[192..208]) {
            *factor = byte.cast_signed();
        }
        self.scale = half(&bytes[208..]);
    }
}
