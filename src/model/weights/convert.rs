//! Stored elements to `f32`.

use rayon::prelude::*;
use safetensors::Dtype;

/// Elements below which one thread is faster than handing out work.
const PARALLEL_ELEMENTS: usize = 1 << 18;

/// Little-endian F32, F16 or BF16 bytes as `f32`; `None` for any other element type.
///
/// All three conversions are exact: every F16 and BF16 value, infinities and NaN included, is an `f32` value.
pub(super) fn to_f32(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    match dtype {
        Dtype::F32 => Some(convert(bytes, |element: [u8; 4]| f32::from_le_bytes(element))),
        Dtype::F16 => Some(convert(bytes, |element: [u8; 2]| half::f16::from_le_bytes(element).to_f32())),
        Dtype::BF16 => Some(convert(bytes, |element: [u8; 2]| half::bf16::from_le_bytes(element).to_f32())),
        _ => None,
    }
}

/// Little-endian BF16 bytes as they are.
pub(super) fn to_bf16(bytes: &[u8]) -> Vec<half::bf16> {
    convert(bytes, half::bf16::from_le_bytes)
}

/// Little-endian F16 bytes as they are; `None` where a value is infinite or no number.
pub(super) fn to_f16(bytes: &[u8]) -> Option<Vec<half::f16>> {
    let values = convert(bytes, half::f16::from_le_bytes);
    values.iter().all(|value| value.is_finite()).then_some(values)
}

fn convert<const WIDTH: usize, T: Copy + Default + Send>(
    bytes: &[u8],
    element: impl Fn([u8; WIDTH]) -> T + Sync,
) -> Vec<T> {
    let (elements, _) = bytes.as_chunks::<WIDTH>();
    let mut values = vec![T::default(); elements.len()];
    let fill = |(values, elements): (&mut [T], &[[u8; WIDTH]])| {
        for (value, bytes) in values.iter_mut().zip(elements) {
            *value = element(*bytes);
        }
    };
    if values.len() < PARALLEL_ELEMENTS {
        fill((&mut values, elements));
    } else {
        values.par_chunks_mut(PARALLEL_ELEMENTS).zip(elements.par_chunks(PARALLEL_ELEMENTS)).for_each(fill);
    }
    values
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn every_half_precision_pattern_converts_exactly() {
        let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
        let bf16 = to_f32(Dtype::BF16, &bytes).unwrap();
        let f16 = to_f32(Dtype::F16, &bytes).unwrap();
        for pattern in 0..=u16::MAX {
            let at = usize::from(pattern);
            let (sign, exponent, fraction) = (pattern >> 15, (pattern >> 10) & 31, f64::from(pattern & 1023));
            // IEEE 754 binary16 by its definition.
            let magnitude = match exponent {
                31 => f64::INFINITY,
                0 => fraction * 2_f64.powi(-24),
                _ => (1.0 + fraction / 1024.0) * 2_f64.powi(i32::from(exponent) - 15),
            };
            if exponent == 31 && fraction > 0.0 {
                assert!(f16[at].is_nan());
            } else {
                assert_eq!(f64::from(f16[at]), if sign == 1 { -magnitude } else { magnitude });
            }
            // bfloat16 is the upper half of binary32.
            let wide = f32::from_bits(u32::from(pattern) << 16);
            assert!(bf16[at].to_bits() == wide.to_bits() || (bf16[at].is_nan() && wide.is_nan()));
        }
        assert_eq!(to_f32(Dtype::I64, &bytes), None);
        assert_eq!(to_f16(&bytes), None);
        let finite = to_f16(&bytes[..0x7c00 * 2]).unwrap();
        assert!(finite.iter().zip(&f16).all(|(value, wide)| value.to_f32() == *wide));
    }

    #[test]
    fn large_tensors_come_out_in_order() {
        let values: Vec<f32> = (0..PARALLEL_ELEMENTS * 2 + 7).map(|i| i as f32).collect();
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(to_f32(Dtype::F32, &bytes), Some(values));
    }
}
