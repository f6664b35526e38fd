//! Weights as a checkpoint stores them, on their way into panels.

use half::{bf16, f16};

use super::quantized::QuantizedRows;

/// The type that weights are held in, `--dtype`. On the CPU, activations and sums are `f32` in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WeightType {
    /// As the checkpoint stores them.
    #[default]
    Stored,
    /// Four bytes; every stored type widens exactly.
    Float32,
    /// Rounded to bfloat16, two bytes.
    Bfloat16,
    /// Rounded to IEEE half precision, two bytes.
    Float16,
}

/// Numbers as a checkpoint stores them. Each is an `f32`: computing with either gives the same bits.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Four bytes each.
    Single(Vec<f32>),
    /// Two bytes each: the upper half of an `f32`.
    Bfloat16(Vec<bf16>),
    /// Two bytes each, IEEE half precision; all finite.
    Float16(Vec<f16>),
    /// Blocks of integers with their scales.
    Quantized(QuantizedRows),
}

impl Values {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::Single(values) => values.len(),
            Self::Bfloat16(values) => values.len(),
            Self::Float16(values) => values.len(),
            Self::Quantized(rows) => rows.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Widened, where they are not `f32` already.
    pub fn into_single(self) -> Vec<f32> {
        match self {
            Self::Single(values) => values,
            Self::Bfloat16(values) => values.into_iter().map(bf16::to_f32).collect(),
            Self::Float16(values) => values.into_iter().map(f16::to_f32).collect(),
            Self::Quantized(rows) => rows.to_f32(),
        }
    }

    /// In the type that is asked for; rounded to nearest, ties to even, where it is narrower. Half precision that would
    /// overflow stays `f32`.
    #[must_use]
    pub fn held_as(self, weight_type: WeightType) -> Self {
        match weight_type {
            WeightType::Stored => self,
            WeightType::Float32 => Self::Single(self.into_single()),
            WeightType::Bfloat16 if matches!(self, Self::Bfloat16(_)) => self,
            WeightType::Bfloat16 => Self::Bfloat16(self.into_single().into_iter().map(bf16::from_f32).collect()),
            WeightType::Float16 if matches!(self, Self::Float16(_)) => self,
            WeightType::Float16 => {
                let values = self.into_single();
                let rounded = values.iter().copied().map(f16::from_f32).collect::<Vec<_>>();
                if rounded.iter().all(|value| value.is_finite()) {
                    Self::Float16(rounded)
                } else {
                    Self::Single(values)
                }
            }
        }
    }

    /// Copies the values from `start` on; what is missing stays as it was.
    pub fn copy_to(&self, start: usize, into: &mut [f32]) {
        fn copy<T: Copy>(values: &[T], start: usize, into: &mut [f32], widened: impl Fn(T) -> f32) {
            let values = values.get(start..).unwrap_or(&[]);
            into.iter_mut().zip(values).for_each(|(to, value)| *to = widened(*value));
        }
        match self {
            Self::Single(values) => copy(values, start, into, |value| value),
            Self::Bfloat16(values) => copy(values, start, into, bf16::to_f32),
            Self::Float16(values) => copy(values, start, into, f16::to_f32),
            Self::Quantized(rows) => rows.copy_to(start, into),
        }
    }
}
