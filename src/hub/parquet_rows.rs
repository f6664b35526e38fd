//! Rows of a Parquet file from a hub, as JSON.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Map, Value};

/// Most rows, and most bytes of text in them.
const MOST_ROWS: usize = 2_000_000;
const MOST_TEXT_BYTES: usize = 1 << 30;
/// Longest description of a file, and most fields of its schema: the library follows their nesting by recursion.
const FOOTER_LIMIT_BYTES: u64 = 64 << 20;
const MOST_FIELDS: u64 = 2000;

/// Every row of a file. An error says what is wrong with it.
pub(super) fn rows(path: &Path) -> Result<Vec<Map<String, Value>>, String> {
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    check_footer(&mut file)?;
    let reader = contained(|| SerializedFileReader::new(file))?;
    let mut found = contained(|| reader.get_row_iter(None))?;
    let mut rows = Vec::new();
    let mut text_bytes = 0;
    while let Some(row) = contained(|| found.next().transpose())? {
        let row = row.into_columns().into_iter().map(|(name, field)| (name, json(&field))).collect::<Map<_, _>>();
        text_bytes += row.values().map(text_length).sum::<usize>();
        rows.push(row);
        if rows.len() > MOST_ROWS || text_bytes > MOST_TEXT_BYTES {
            return Err(format!("more than {MOST_ROWS} rows or {MOST_TEXT_BYTES} bytes of text"));
        }
    }
    Ok(rows)
}

fn text_length(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(text_length).sum(),
        Value::Object(fields) => fields.values().map(text_length).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

fn json(field: &Field) -> Value {
    match field {
        Field::Bool(value) => Value::from(*value),
        Field::Byte(value) => Value::from(*value),
        Field::Short(value) => Value::from(*value),
        Field::Int(value) => Value::from(*value),
        Field::Long(value) => Value::from(*value),
        Field::UByte(value) => Value::from(*value),
        Field::UShort(value) => Value::from(*value),
        Field::UInt(value) => Value::from(*value),
        Field::ULong(value) => Value::from(*value),
        Field::Float(value) => Value::from(*value),
        Field::Double(value) => Value::from(*value),
        Field::Str(text) => Value::from(text.as_str()),
        Field::Bytes(bytes) => Value::from(String::from_utf8_lossy(bytes.data()).into_owned()),
        Field::Group(row) => {
            Value::Object(row.get_column_iter().map(|(name, field)| (name.clone(), json(field))).collect())
        }
        Field::ListInternal(list) => Value::Array(list.elements().iter().map(json).collect()),
        _ => Value::Null,
    }
}

/// Refuses a description that is too long or declares too many fields. It stands before the last 8 bytes, which are its
/// length and a mark, and begins with the version (field 1) and the list of the schema's fields (field 2).
fn check_footer(file: &mut File) -> Result<(), String> {
    let mut tail = [0_u8; 8];
    let end = file.seek(SeekFrom::End(-8)).and_then(|at| file.read_exact(&mut tail).map(|()| at));
    let end = end.map_err(|_| "too short for a Parquet file".to_owned())?;
    let [a, b, c, d, mark @ ..] = tail;
    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
    if &mark != b"PAR1" || length > FOOTER_LIMIT_BYTES || length > end {
        return Err("no Parquet file".to_owned());
    }
    let mut head = [0_u8; 16];
    let read = file.seek(SeekFrom::Start(end - length)).and_then(|_| file.read(&mut head));
    read.and_then(|_| file.seek(SeekFrom::Start(0))).map_err(|error| error.to_string())?;
    match fields(&head) {
        Some(count) if count <= MOST_FIELDS => Ok(()),
        _ => Err("a Parquet file whose schema is not described as usual".to_owned()),
    }
}

fn fields(description: &[u8]) -> Option<u64> {
    let mut bytes = description.iter().copied();
    (bytes.next()? == 0x15).then_some(())?;
    while bytes.next()? & 0x80 != 0 {}
    (bytes.next()? == 0x19).then_some(())?;
    match bytes.next()? >> 4 {
        15 => {}
        short => return Some(u64::from(short)),
    }
    let mut count = 0_u64;
    for shift in (0..35).step_by(7) {
        let byte = bytes.next()?;
        count |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(count);
        }
    }
    None
}

/// Runs the library on what came from outside: a panic in it is an error like any other.
fn contained<T>(work: impl FnOnce() -> parquet::errors::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(_) => Err("the Parquet library gave up on it".to_owned()),
    }
}
