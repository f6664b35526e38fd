//! The types of elements that GGUF stores tensors in.

use candle_core::quantized::GgmlDType;

/// What is read, in ggml's words.
pub(super) const SUPPORTED: &str = "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K";

/// All types of the format by number: ggml's name and, where it is read, the type.
const TYPES: [(u32, &str, Option<GgmlDType>); 32] = [
    (0, "F32", Some(GgmlDType::F32)),
    (1, "F16", Some(GgmlDType::F16)),
    (2, "Q4_0", Some(GgmlDType::Q4_0)),
    (3, "Q4_1", Some(GgmlDType::Q4_1)),
    (6, "Q5_0", Some(GgmlDType::Q5_0)),
    (7, "Q5_1", Some(GgmlDType::Q5_1)),
    (8, "Q8_0", Some(GgmlDType::Q8_0)),
    (9, "Q8_1", None),
    (10, "Q2_K", Some(GgmlDType::Q2K)),
    (11, "Q3_K", Some(GgmlDType::Q3K)),
    (12, "Q4_K", Some(GgmlDType::Q4K)),
    (13, "Q5_K", Some(GgmlDType::Q5K)),
    (14, "Q6_K", Some(GgmlDType::Q6K)),
    (15, "Q8_K", None),
    (16, "IQ2_XXS", None),
    (17, "IQ2_XS", None),
    (18, "IQ3_XXS", None),
    (19, "IQ1_S", None),
    (20, "IQ4_NL", None),
    (21, "IQ3_S", None),
    (22, "IQ2_S", None),
    (23, "IQ4_XS", None),
    (24, "I8", None),
    (25, "I16", None),
    (26, "I32", None),
    (27, "I64", None),
    (28, "F64", None),
    (29, "IQ1_M", None),
    (30, "BF16", Some(GgmlDType::BF16)),
    (34, "TQ1_0", None),
    (35, "TQ2_0", None),
    (39, "MXFP4", None),
];

/// The type of a number, or its name where it is not read.
pub(super) fn of_number(number: u32) -> Result<GgmlDType, String> {
    let known = TYPES.iter().find(|(known, ..)| *known == number);
    match known {
        Some((_, _, Some(element))) => Ok(*element),
        Some((_, name, None)) => Err((*name).to_owned()),
        None => Err(format!("type {number}")),
    }
}

/// ggml's name of a type.
pub(crate) fn name(element: GgmlDType) -> &'static str {
    TYPES.iter().find(|(_, _, read)| *read == Some(element)).map_or("?", |(_, name, _)| name)
}

/// Where the half-precision scales of a block lie, in bytes from its start.
fn scales(element: GgmlDType) -> &'static [usize] {
    match element {
        GgmlDType::Q4_0 | GgmlDType::Q5_0 | GgmlDType::Q8_0 => &[0],
        GgmlDType::Q4_1 | GgmlDType::Q5_1 | GgmlDType::Q4K | GgmlDType::Q5K => &[0, 2],
        GgmlDType::Q2K => &[80, 82],
        GgmlDType::Q3K => &[108],
        GgmlDType::Q6K => &[208],
        _ => &[],
    }
}

/// The first block of which a scale is infinite or no number.
pub(crate) fn first_broken_block(element: GgmlDType, bytes: &[u8]) -> Option<usize> {
    const EXPONENT: u8 = 0x7c;
    let broken = |block: &[u8]| {
        let high_byte = |at: &usize| block.get(at + 1).copied().unwrap_or_default();
        scales(element).iter().map(high_byte).any(|byte| byte & EXPONENT == EXPONENT)
    };
    bytes.chunks_exact(element.type_size()).position(broken)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::quantized::QTensor;
    use candle_core::{Device, Tensor};

    use super::*;

    #[test]
    fn a_scale_is_where_an_infinite_one_makes_a_value_infinite() {
        for (_, _, element) in TYPES {
            let Some(element) = element.filter(|element| element.block_size() > 1) else { continue };
            let values: Vec<f32> = (0..512_u16).map(|i| f32::from(i % 37) - 18.0).collect();
            let tensor = Tensor::from_vec(values, 512, &Device::Cpu).unwrap();
            let blocks = QTensor::quantize(&tensor, element).unwrap().data().unwrap().into_owned();
            assert_eq!(first_broken_block(element, &blocks), None, "{element:?}");
            let size = element.type_size();
            for (at, _) in blocks.iter().enumerate().take(size - 1) {
                let mut forged = blocks.clone();
                forged.splice(size + at..size + at + 2, [0x00, 0x7c]);
                let rows = crate::model::kernels::QuantizedRows::new(element, 512, 1, forged.clone()).unwrap();
                let finite = rows.to_f32().iter().all(|value| value.is_finite());
                let found = first_broken_block(element, &forged);
                assert!(finite || found == Some(1), "{element:?}, byte {at}");
                if scales(element).contains(&at) {
                    assert_eq!(found, Some(1), "{element:?}, byte {at}");
                    assert!(!finite, "{element:?}, byte {at}");
                }
            }
        }
    }

    #[test]
    fn types_that_are_not_read_go_by_their_names() {
        assert_eq!(of_number(16), Err("IQ2_XXS".to_owned()));
        assert_eq!(of_number(35), Err("TQ2_0".to_owned()));
        assert_eq!(of_number(4_000), Err("type 4000".to_owned()));
        for name in SUPPORTED.split(", ") {
            let (number, ..) = TYPES.iter().find(|(_, known, _)| *known == name).unwrap();
            assert_eq!(super::name(of_number(*number).unwrap()), name);
        }
    }
}
