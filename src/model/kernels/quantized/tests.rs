//! Quantized panels against the tensor library's dequantization, and products with them against products with `f32`.

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use rand::Rng as _;

use super::QuantizedRows;
use crate::model::kernels::{Isa, Layout, MatrixPacker, PackedMatrix, PackedRows, Values, linear};
use crate::seed::Seed;

const FORMATS: [GgmlDType; 10] = [
    GgmlDType::Q4_0,
    GgmlDType::Q4_1,
    GgmlDType::Q5_0,
    GgmlDType::Q5_1,
    GgmlDType::Q8_0,
    GgmlDType::Q2K,
    GgmlDType::Q3K,
    GgmlDType::Q4K,
    GgmlDType::Q5K,
    GgmlDType::Q6K,
];

fn random(label: &str, count: usize) -> Vec<f32> {
    let mut stream = Seed(5).stream(&["quantized", label]);
    (0..count).map(|_| stream.random_range(-1.0..1.0)).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Rows that the tensor library quantized, and what it makes of them again.
fn quantized(format: GgmlDType, rows: usize, inputs: usize) -> (QuantizedRows, Vec<f32>) {
    let values = Tensor::from_vec(random("w", rows * inputs), (rows, inputs), &Device::Cpu).unwrap();
    let tensor = QTensor::quantize(&values, format).unwrap();
    let widened = tensor.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    (QuantizedRows::new(format, inputs, rows, tensor.data().unwrap().to_vec()).unwrap(), widened)
}

/// Any bytes are blocks: all fields take all their values. Scales that are not finite have an exponent cut off.
fn any_blocks(format: GgmlDType, rows: usize, inputs: usize) -> QuantizedRows {
    let mut stream = Seed(6).stream(&["blocks", &format!("{format:?}")]);
    let size = format.type_size();
    let mut bytes = (0..rows * inputs / format.block_size() * size).map(|_| stream.random()).collect::<Vec<u8>>();
    let halves: &[usize] = match format {
        GgmlDType::Q4_0 | GgmlDType::Q5_0 | GgmlDType::Q8_0 => &[0],
        GgmlDType::Q2K => &[80, 82],
        GgmlDType::Q3K => &[108],
        GgmlDType::Q6K => &[208],
        _ => &[0, 2],
    };
    for block in bytes.chunks_exact_mut(size) {
        for place in halves {
            block[place + 1] &= 0b1011_1111;
        }
    }
    QuantizedRows::new(format, inputs, rows, bytes).unwrap()
}

#[test]
fn every_format_widens_to_the_bits_of_dequantization() {
    for format in FORMATS {
        let (rows, widened) = quantized(format, 19, 512);
        for (rows, expected) in [(rows, widened), {
            let rows = any_blocks(format, 19, 512);
            let widened = rows.to_f32();
            (rows, widened)
        }] {
            let file = rows.bytes.len();
            let packed = PackedMatrix::stack(512, vec![(Values::Quantized(rows), None)]);
            let whole_panels = 32 * file / 19;
            assert!(packed.bytes() * 100 <= whole_panels * 135, "{format:?}: {} of {whole_panels}", packed.bytes());
            let mut row = vec![0.0; 512];
            for output in 0..19 {
                packed.copy_row(output, &mut row);
                assert_eq!(bits(&row), bits(&expected[output * 512..(output + 1) * 512]), "{format:?} {output}");
            }
        }
    }
}

#[test]
fn products_with_every_format_have_the_bits_of_products_with_the_same_weights_in_f32() {
    for format in FORMATS {
        for (count, inputs, outputs) in [(1, 768, 70), (2, 256, 16), (3, 512, 33), (5, 512, 90), (203, 768, 80)] {
            let (rows, widened) = quantized(format, outputs, inputs);
            let bias = random("b", outputs);
            let x = random("x", count * inputs);
            let single = PackedMatrix::stack(inputs, vec![(Values::Single(widened), Some(bias.clone()))]);
            let packed = PackedMatrix::stack(inputs, vec![(Values::Quantized(rows), Some(bias))]);
            for isa in Isa::available() {
                let expected = bits(&linear(Isa::PORTABLE, &PackedRows::new(&x, inputs), &single));
                for threads in [1, 3] {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    let y = pool.install(|| linear(isa, &PackedRows::new(&x, inputs), &packed));
                    assert!(bits(&y) == expected, "{format:?} {count}x{inputs}x{outputs} {} {threads}", isa.name());
                }
            }
        }
    }
}

#[test]
fn parts_of_different_types_stack_to_the_bits_of_their_stack_in_f32() {
    for sizes in [[32, 16, 48], [21, 30, 7]] {
        let parts = [GgmlDType::Q4K, GgmlDType::Q6K, GgmlDType::Q8_0].into_iter().zip(sizes);
        let parts = parts.map(|(format, rows)| quantized(format, rows, 256)).collect::<Vec<_>>();
        let bias = |(index, part): (usize, &QuantizedRows)| (index > 0).then(|| random("b", part.rows()));
        let biases = parts.iter().map(|(rows, _)| rows).enumerate().map(bias).collect::<Vec<_>>();
        let stack = |values: Vec<Values>| PackedMatrix::stack(256, values.into_iter().zip(biases.clone()).collect());
        let single = stack(parts.iter().map(|(_, widened)| Values::Single(widened.clone())).collect());
        let packed = stack(parts.into_iter().map(|(rows, _)| Values::Quantized(rows)).collect());
        let x = random("x", 9 * 256);
        let y = |w: &PackedMatrix| bits(&linear(Isa::detected(), &PackedRows::new(&x, 256), w));
        assert_eq!(y(&packed), y(&single));
        let (mut row, mut expected) = (vec![0.0; 256], vec![0.0; 256]);
        for output in 0..single.outputs() {
            packed.copy_row(output, &mut row);
            single.copy_row(output, &mut expected);
            assert_eq!(bits(&row), bits(&expected), "{sizes:?} {output}");
        }
    }
}

#[test]
fn rows_and_columns_that_are_picked_are_those_of_the_whole() {
    let (rows, widened) = quantized(GgmlDType::Q5K, 40, 256);
    let stored = Values::Single(random("w", 24 * 40));
    let mut picked = MatrixPacker::new(256, 20);
    picked.push(&Values::Quantized(rows), Layout::Rows { count: 20, source: &|row| 2 * row + 1 }, None);
    let picked = picked.finish();
    let mut row = vec![0.0; 256];
    for output in 0..20 {
        picked.copy_row(output, &mut row);
        assert_eq!(bits(&row), bits(&widened[(2 * output + 1) * 256..][..256]));
    }
    let mut columns = MatrixPacker::new(24, 18);
    columns.push(&stored, Layout::Columns { width: 40, start: 5, count: 18 }, None);
    let columns = columns.finish();
    let mut row = vec![0.0; 24];
    for output in 0..18 {
        columns.copy_row(output, &mut row);
        for (k, value) in row.iter().enumerate() {
            assert_eq!(*value, random("w", 24 * 40)[k * 40 + 5 + output]);
        }
    }
}
