//! Safetensors files, written tensor by tensor: no second copy of the weights is made.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde_json::{Map, Value, json};

use super::staging::io_error;
use super::{FolderError, StoredDtype};
use crate::train::parameters::Parameter;

/// Values converted at a time.
const BLOCK: usize = 1 << 16;
/// The header is padded to a multiple of this, so that the data are aligned.
const ALIGNMENT: usize = 8;

/// A tensor to be written.
#[derive(Debug, Clone)]
pub(in crate::train) struct NamedTensor<'a> {
    pub name: String,
    pub shape: Vec<usize>,
    pub values: &'a [f32],
}

impl<'a> NamedTensor<'a> {
    pub fn of(name: &str, parameter: &'a Parameter) -> Self {
        Self { name: name.to_owned(), shape: parameter.shape.clone(), values: &parameter.values }
    }
}

/// Writes a new file with these tensors, in this order, and sees that it reaches the disk.
pub(in crate::train) fn write_tensors(
    path: &Path,
    tensors: &[NamedTensor<'_>],
    dtype: StoredDtype,
) -> Result<(), FolderError> {
    let header = header(tensors, dtype)?;
    let io = |source| io_error(path, source);
    let file = File::create(path).map_err(io)?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    out.write_all(&(header.len() as u64).to_le_bytes()).and_then(|()| out.write_all(&header)).map_err(io)?;
    let mut bytes = Vec::with_capacity(BLOCK * dtype.width());
    for tensor in tensors {
        for block in tensor.values.chunks(BLOCK) {
            bytes.clear();
            encode(tensor, block, dtype, &mut bytes)?;
            out.write_all(&bytes).map_err(io)?;
        }
    }
    let file = out.into_inner().map_err(io::IntoInnerError::into_error).map_err(io)?;
    file.sync_data().map_err(io)
}

fn header(tensors: &[NamedTensor<'_>], dtype: StoredDtype) -> Result<Vec<u8>, FolderError> {
    let kind = match dtype {
        StoredDtype::F32 => "F32",
        StoredDtype::Bf16 => "BF16",
        StoredDtype::F16 => "F16",
    };
    let mut entries = Map::new();
    entries.insert("__metadata__".to_owned(), json!({"format": "pt"}));
    let mut start = 0_usize;
    for NamedTensor { name, shape, values } in tensors {
        if shape.iter().product::<usize>() != values.len() {
            let fault = format!("of shape {shape:?} has {} values", values.len());
            return Err(FolderError::Tensor { tensor: name.clone(), fault });
        }
        let end = start + values.len() * dtype.width();
        entries.insert(name.clone(), json!({"dtype": kind, "shape": shape, "data_offsets": [start, end]}));
        start = end;
    }
    let mut header = Value::Object(entries).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
    Ok(header)
}

fn encode(tensor: &NamedTensor<'_>, block: &[f32], dtype: StoredDtype, bytes: &mut Vec<u8>) -> Result<(), FolderError> {
    if let Some(value) = block.iter().copied().find(|value| !value.is_finite()) {
        return Err(FolderError::NotFinite { tensor: tensor.name.clone(), value });
    }
    match dtype {
        StoredDtype::F32 => bytes.extend(block.iter().flat_map(|value| value.to_le_bytes())),
        StoredDtype::Bf16 => {
            // Rounding would carry the very largest values to infinity.
            let largest = half::bf16::MAX.to_f32();
            let half = |value: &f32| half::bf16::from_f32(value.clamp(-largest, largest));
            bytes.extend(block.iter().flat_map(|value| half(value).to_le_bytes()));
        }
        StoredDtype::F16 => {
            for value in block {
                let half = half::f16::from_f32(*value);
                if !half.is_finite() {
                    return Err(FolderError::TooLarge { tensor: tensor.name.clone(), value: *value });
                }
                bytes.extend(half.to_le_bytes());
            }
        }
    }
    Ok(())
}
