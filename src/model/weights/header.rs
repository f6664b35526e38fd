//! The header of a safetensors file: eight bytes of length, then JSON that names every tensor.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use safetensors::Dtype;
use serde::Deserialize;
use serde::de::{self, IgnoredAny, MapAccess, Visitor};

use super::error::{TensorFault, WeightsError};

/// Largest header that the format's reference implementation reads.
const HEADER_LIMIT_BYTES: u64 = 100_000_000;
const LENGTH_BYTES: usize = 8;

/// One tensor of a file, its place checked against the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TensorEntry {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    /// Bytes within the whole file.
    pub bytes: Range<usize>,
}

/// Reads and checks the header of a safetensors file that is in memory.
///
/// The tensors must follow each other without gap or overlap and end with the file, each as long as its shape and
/// element type say; the names must differ.
pub(super) fn parse(path: &Path, file: &[u8]) -> Result<Vec<TensorEntry>, WeightsError> {
    let (json, data_start) = header_text(path, file)?;
    let Header(declared) = serde_json::from_str(json)
        .map_err(|error| WeightsError::HeaderJson { file: path.to_owned(), message: error.to_string() })?;
    let mut entries = declared
        .into_iter()
        .map(|(name, info)| entry(name, info, data_start, file.len()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|(tensor, fault)| WeightsError::Tensor { file: path.to_owned(), tensor, fault })?;
    check_unique(path, &entries)?;
    entries.sort_by_key(|entry| (entry.bytes.start, entry.bytes.end));
    check_cover(path, &entries, data_start, file.len())?;
    Ok(entries)
}

fn header_text<'a>(path: &Path, file: &'a [u8]) -> Result<(&'a str, usize), WeightsError> {
    let truncated = || WeightsError::Truncated { file: path.to_owned(), bytes: file.len() };
    let length = file.first_chunk::<LENGTH_BYTES>().ok_or_else(truncated)?;
    let declared_bytes = u64::from_le_bytes(*length);
    let end = usize::try_from(declared_bytes)
        .ok()
        .filter(|_| declared_bytes <= HEADER_LIMIT_BYTES)
        .and_then(|length| length.checked_add(LENGTH_BYTES))
        .filter(|end| *end <= file.len())
        .ok_or(WeightsError::HeaderLength { file: path.to_owned(), declared_bytes, file_bytes: file.len() })?;
    let bytes = file.get(LENGTH_BYTES..end).ok_or_else(truncated)?;
    let json = std::str::from_utf8(bytes)
        .map_err(|error| WeightsError::HeaderJson { file: path.to_owned(), message: error.to_string() })?;
    Ok((json, end))
}

fn entry(
    name: String,
    info: TensorInfo,
    data_start: usize,
    file_bytes: usize,
) -> Result<TensorEntry, (String, TensorFault)> {
    match placed(info, data_start, file_bytes) {
        Ok((dtype, shape, bytes)) => Ok(TensorEntry { name, dtype, shape, bytes }),
        Err(fault) => Err((name, fault)),
    }
}

fn placed(
    info: TensorInfo,
    data_start: usize,
    file_bytes: usize,
) -> Result<(Dtype, Vec<usize>, Range<usize>), TensorFault> {
    let dtype = Dtype::deserialize(serde_json::Value::String(info.dtype.clone()))
        .map_err(|_| TensorFault::UnknownDtype { dtype: info.dtype })?;
    let (start, end) = info.data_offsets;
    if start > end {
        return Err(TensorFault::Reversed { start, end });
    }
    let beyond = || TensorFault::BeyondEnd { end, data_bytes: file_bytes.saturating_sub(data_start) };
    let last = data_start.checked_add(end).filter(|last| *last <= file_bytes).ok_or_else(beyond)?;
    let first = data_start.checked_add(start).ok_or_else(beyond)?;
    let elements = info.shape.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
    let needed = elements
        .and_then(|elements| elements.checked_mul(dtype.bitsize()))
        .filter(|bits| bits % 8 == 0)
        .map(|bits| bits / 8);
    if needed != Some(last - first) {
        return Err(TensorFault::Size { dtype, shape: info.shape, bytes: last - first });
    }
    Ok((dtype, info.shape, first..last))
}

fn check_unique(path: &Path, entries: &[TensorEntry]) -> Result<(), WeightsError> {
    let mut names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    names.sort_unstable();
    let repeated = names.windows(2).find_map(|pair| match pair {
        [one, other] if one == other => Some(*one),
        _ => None,
    });
    repeated.map_or(Ok(()), |tensor| {
        Err(WeightsError::Tensor { file: path.to_owned(), tensor: tensor.to_owned(), fault: TensorFault::Repeated })
    })
}

fn check_cover(path: &Path, sorted: &[TensorEntry], data_start: usize, file_bytes: usize) -> Result<(), WeightsError> {
    let mut covered = data_start;
    let mut before = None;
    for entry in sorted {
        let fault = match entry.bytes.start.cmp(&covered) {
            std::cmp::Ordering::Less => {
                before.map(|other: &TensorEntry| TensorFault::Overlap { other: other.name.clone() })
            }
            std::cmp::Ordering::Greater => Some(TensorFault::Gap { bytes: entry.bytes.start - covered }),
            std::cmp::Ordering::Equal => None,
        };
        if let Some(fault) = fault {
            return Err(WeightsError::Tensor { file: path.to_owned(), tensor: entry.name.clone(), fault });
        }
        covered = entry.bytes.end;
        before = Some(entry);
    }
    if covered < file_bytes {
        return Err(WeightsError::Surplus { file: path.to_owned(), bytes: file_bytes - covered });
    }
    Ok(())
}

#[derive(Deserialize)]
struct TensorInfo {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

/// The entries in file order, so that a repeated name is seen.
struct Header(Vec<(String, TensorInfo)>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object that maps tensor names to dtype, shape and data_offsets")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut entries = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let info = map.next_value().map_err(|error| de::Error::custom(format_args!("tensor `{name}`: {error}")))?;
            entries.push((name, info));
        }
        Ok(Header(entries))
    }
}
