//! The header of a GGUF file: metadata, then the place of every tensor.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use candle_core::quantized::GgmlDType;

use super::element;
use super::error::GgufError;
use super::metadata::{Metadata, Value};

const MAGIC: &[u8; 4] = b"GGUF";
const ALIGNMENT_KEY: &str = "general.alignment";
const DEFAULT_ALIGNMENT: usize = 32;
const LARGEST_ALIGNMENT: usize = 1 << 20;
/// A vocabulary's merges are the longest lists.
const LARGEST_LIST: u64 = 1 << 22;
const LARGEST_ENTRY_COUNT: u64 = 1 << 20;
const LARGEST_NAME_BYTES: usize = 1 << 16;
const LARGEST_TEXT_BYTES: usize = 1 << 26;
/// Over all metadata: a list's entry takes many more bytes in memory than in the file.
const LARGEST_VALUE_COUNT: usize = 1 << 23;
const DEEPEST_LIST: usize = 4;
const LARGEST_DIMENSIONS: u32 = 4;

/// One tensor of a file, its place checked against the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TensorEntry {
    pub name: String,
    pub element: GgmlDType,
    /// Outermost first.
    pub shape: Vec<usize>,
    /// Bytes within the whole file.
    pub bytes: Range<usize>,
}

/// What a header says.
#[derive(Debug)]
pub(super) struct Header {
    pub metadata: Metadata,
    pub tensors: Vec<TensorEntry>,
}

/// Reads and checks the header of a file that is in memory: bounded in everything that it counts, names different, tensors
/// aligned, within the file and disjoint.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Header, GgufError> {
    let mut reader = Reader { path, bytes, at: 0, values: 0 };
    let (tensor_count, key_count) = reader.counts()?;
    let mut values = std::collections::BTreeMap::new();
    for _ in 0..key_count {
        let key = reader.text(LARGEST_NAME_BYTES, "a key")?;
        let kind = reader.u32()?;
        let value = reader.value(kind, 0).map_err(|error| within(error, &key))?;
        if values.insert(key.clone(), value).is_some() {
            return Err(reader.fault(format!("the key `{key}` is there twice")));
        }
    }
    let metadata = Metadata::new(path, values);
    let alignment = alignment(&metadata)?;
    let declared = (0..tensor_count).map(|_| reader.tensor()).collect::<Result<Vec<_>, _>>()?;
    let start = reader.at.next_multiple_of(alignment);
    let tensors = placed(path, declared, start, alignment, bytes.len())?;
    Ok(Header { metadata, tensors })
}

/// Says in which key a header is at fault.
fn within(error: GgufError, key: &str) -> GgufError {
    match error {
        GgufError::Header { file, at, fault } => GgufError::Header { file, at, fault: format!("`{key}`: {fault}") },
        other => other,
    }
}

fn alignment(metadata: &Metadata) -> Result<usize, GgufError> {
    let Some(number) = metadata.integer(ALIGNMENT_KEY)? else { return Ok(DEFAULT_ALIGNMENT) };
    let fits = |n: &usize| n.is_power_of_two() && *n >= 8 && *n <= LARGEST_ALIGNMENT;
    let alignment = usize::try_from(number).ok().filter(fits);
    alignment.ok_or_else(|| metadata.invalid(ALIGNMENT_KEY, "a power of two from 8 to 1048576"))
}

/// A tensor as declared, its offset counted from the start of the data.
struct Declared {
    name: String,
    element: Result<GgmlDType, String>,
    shape: Vec<u64>,
    offset: u64,
}

fn placed(
    path: &Path,
    declared: Vec<Declared>,
    start: usize,
    alignment: usize,
    file_bytes: usize,
) -> Result<Vec<TensorEntry>, GgufError> {
    let mut names = BTreeSet::new();
    let mut entries = Vec::with_capacity(declared.len());
    for tensor in declared {
        let fault = |fault: String| GgufError::Tensor {
            file: path.to_owned(),
            tensor: tensor.name.clone(),
            fault: fault + "; the file is damaged or forged, fetch it again",
        };
        let element = tensor.element.clone().map_err(|name| GgufError::Tensor {
            file: path.to_owned(),
            tensor: tensor.name.clone(),
            fault: format!(
                "is stored as {name}, which is not supported; supported: {}; quantize the model as one of these",
                element::SUPPORTED
            ),
        })?;
        let (shape, length) = size(&tensor.shape, element).map_err(fault)?;
        let offset = usize::try_from(tensor.offset).ok().filter(|offset| offset.is_multiple_of(alignment));
        let offset = offset.ok_or_else(|| {
            fault(format!("starts at {}, which is no multiple of the alignment {alignment}", tensor.offset))
        })?;
        let first = start.checked_add(offset);
        let last = first.and_then(|first| first.checked_add(length)).filter(|last| *last <= file_bytes);
        let (Some(first), Some(last)) = (first, last) else {
            return Err(fault(format!("of {length} bytes from {offset} ends beyond the file's {file_bytes} bytes")));
        };
        if !names.insert(tensor.name.clone()) {
            return Err(fault("is listed twice".to_owned()));
        }
        entries.push(TensorEntry { name: tensor.name, element, shape, bytes: first..last });
    }
    entries.sort_by_key(|entry| (entry.bytes.start, entry.bytes.end));
    let overlapping = entries.windows(2).find_map(|pair| match pair {
        [one, other] if one.bytes.end > other.bytes.start => Some((one, other)),
        _ => None,
    });
    if let Some((one, other)) = overlapping {
        return Err(GgufError::Tensor {
            file: path.to_owned(),
            tensor: other.name.clone(),
            fault: format!("overlaps `{}`; the file is damaged or forged, fetch it again", one.name),
        });
    }
    Ok(entries)
}

/// Shape, outermost first, and length in bytes.
fn size(dimensions: &[u64], element: GgmlDType) -> Result<(Vec<usize>, usize), String> {
    let shape = dimensions.iter().rev().map(|n| usize::try_from(*n).ok().filter(|n| *n > 0));
    let shape = shape.collect::<Option<Vec<usize>>>().ok_or_else(|| format!("has the shape {dimensions:?}"))?;
    let inner = shape.last().copied().unwrap_or(1);
    if !inner.is_multiple_of(element.block_size()) {
        return Err(format!(
            "has rows of {inner} values, no whole number of {}'s blocks of {}",
            element::name(element),
            element.block_size()
        ));
    }
    let blocks =
        shape.iter().rev().skip(1).try_fold(inner / element.block_size(), |product, size| product.checked_mul(*size));
    let bytes = blocks.and_then(|blocks| blocks.checked_mul(element.type_size()));
    bytes.map(|bytes| (shape, bytes)).ok_or_else(|| format!("has the shape {dimensions:?}, more than memory can hold"))
}

/// Reads little-endian values from a file in memory.
struct Reader<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    at: usize,
    values: usize,
}

impl<'a> Reader<'a> {
    /// Numbers of tensors and of keys.
    fn counts(&mut self) -> Result<(u64, u64), GgufError> {
        if self.take(MAGIC.len())? != MAGIC {
            self.at = 0;
            return Err(self.fault("the file does not begin with `GGUF`".to_owned()));
        }
        let version = self.u32()?;
        if !matches!(version, 2 | 3) {
            let swapped = version.swap_bytes();
            let version =
                if matches!(swapped, 1..=3) { format!("{swapped} (big-endian)") } else { version.to_string() };
            return Err(GgufError::Version { file: self.path.to_owned(), version });
        }
        let counts = (self.u64()?, self.u64()?);
        if counts.0 > LARGEST_ENTRY_COUNT || counts.1 > LARGEST_ENTRY_COUNT {
            return Err(self.fault(format!("{} tensors and {} keys are more than any model has", counts.0, counts.1)));
        }
        Ok(counts)
    }

    fn tensor(&mut self) -> Result<Declared, GgufError> {
        let name = self.text(LARGEST_NAME_BYTES, "a tensor's name")?;
        let dimensions = self.u32()?;
        if dimensions > LARGEST_DIMENSIONS {
            return Err(self.fault(format!("tensor `{name}` has {dimensions} dimensions, at most 4 are possible")));
        }
        let shape = (0..dimensions).map(|_| self.u64()).collect::<Result<Vec<_>, _>>()?;
        let element = element::of_number(self.u32()?);
        Ok(Declared { name, element, shape, offset: self.u64()? })
    }

    fn value(&mut self, kind: u32, depth: usize) -> Result<Value, GgufError> {
        self.values += 1;
        if self.values > LARGEST_VALUE_COUNT {
            return Err(self.fault("there are more values than any model's metadata have".to_owned()));
        }
        Ok(match kind {
            0 => Value::U8(u8::from_le_bytes(self.array()?)),
            1 => Value::I8(i8::from_le_bytes(self.array()?)),
            2 => Value::U16(u16::from_le_bytes(self.array()?)),
            3 => Value::I16(i16::from_le_bytes(self.array()?)),
            4 => Value::U32(self.u32()?),
            5 => Value::I32(i32::from_le_bytes(self.array()?)),
            6 => Value::F32(f32::from_le_bytes(self.array()?)),
            7 => match self.array::<1>()? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                [other] => return Err(self.fault(format!("a truth value is {other}, neither 0 nor 1"))),
            },
            8 => Value::String(self.text(LARGEST_TEXT_BYTES, "a text")?),
            9 => self.list(depth)?,
            10 => Value::U64(self.u64()?),
            11 => Value::I64(i64::from_le_bytes(self.array()?)),
            12 => Value::F64(f64::from_le_bytes(self.array()?)),
            other => return Err(self.fault(format!("there is no type of values with number {other}"))),
        })
    }

    fn list(&mut self, depth: usize) -> Result<Value, GgufError> {
        if depth >= DEEPEST_LIST {
            return Err(self.fault("lists are nested deeper than any model's metadata are".to_owned()));
        }
        let (kind, count) = (self.u32()?, self.u64()?);
        // Every value takes at least a byte.
        let left = self.bytes.len() - self.at;
        if count > LARGEST_LIST || usize::try_from(count).is_ok_and(|count| count > left) {
            return Err(self.fault(format!("a list of {count} values is longer than the file or any vocabulary")));
        }
        let values = (0..count).map(|_| self.value(kind, depth + 1)).collect::<Result<Vec<_>, _>>()?;
        Ok(Value::Array(values))
    }

    fn text(&mut self, limit: usize, what: &str) -> Result<String, GgufError> {
        let length = self.u64()?;
        let fits = usize::try_from(length).ok().filter(|length| *length <= limit);
        let length = fits.ok_or_else(|| self.fault(format!("{what} of {length} bytes is longer than {limit}")))?;
        // Vocabularies hold pieces of characters here and there.
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    fn u32(&mut self) -> Result<u32, GgufError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, GgufError> {
        self.array().map(u64::from_le_bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| self.fault("the header ends here".to_owned()))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], GgufError> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| self.fault(format!("{length} more bytes are needed, the file ends before")))?;
        self.at += length;
        Ok(taken)
    }

    fn fault(&self, fault: String) -> GgufError {
        GgufError::Header { file: self.path.to_owned(), at: self.at, fault }
    }
}
