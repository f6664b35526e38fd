//! Rows of a Parquet file from a hub, as JSON.

use std::fs::File;
use std::path::Path;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Map, Value};

use crate::data::parquet_guard::{check_footer, contained};

/// Most rows, and most bytes of text in them.
const MOST_ROWS: usize = 2_000_000;
const MOST_TEXT_BYTES: usize = 1 << 30;

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
