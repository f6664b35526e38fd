//! Rows of a Parquet file; only the columns that a layout can use are read.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::Type;
use serde_json::{Map, Value};

use super::columns::ColumnMap;
use super::error::{InstructError, RowFault};
use super::fields::Fields;
use super::rows::RowSink;

/// Largest description of a file, and the most fields that its schema may have, nested ones included: the library
/// follows the nesting by recursion.
const FOOTER_LIMIT_BYTES: u64 = 64 << 20;
const SCHEMA_LIMIT_FIELDS: u64 = 2000;

/// Rows of a Parquet file.
pub(super) fn records(
    path: &Path,
    mut file: File,
    columns: &ColumnMap,
    sink: &mut RowSink,
) -> Result<(), InstructError> {
    let malformed = |place: &str, message: String| InstructError::Malformed {
        file: path.to_owned(),
        place: place.to_owned(),
        message: format!("{message}; write the file again, or convert it to JSON lines"),
    };
    check_footer(&mut file).map_err(|message| malformed("footer", message))?;
    let opened = contained(|| {
        let reader = SerializedFileReader::new(file)?;
        let schema = reader.metadata().file_metadata().schema_descr().root_schema_ptr();
        Ok((reader, schema))
    });
    let (reader, schema) = opened.map_err(|message| malformed("footer", message))?;
    let wanted: Vec<Arc<Type>> =
        schema.get_fields().iter().filter(|field| columns.reads(field.name())).cloned().collect();
    if wanted.is_empty() {
        let names = schema.get_fields().iter().map(|field| (field.name().to_owned(), Value::Null)).collect();
        let found = Fields::new(names).keys();
        let fault = RowFault::Layout { found, accepted: super::pattern::ACCEPTED };
        return Err(InstructError::Row { file: path.to_owned(), row: 1, fault });
    }
    let rows = contained(|| {
        let projection = Type::group_type_builder(schema.name()).with_fields(wanted).build()?;
        reader.get_row_iter(Some(projection))
    });
    let mut rows = rows.map_err(|message| malformed("schema", message))?;
    for row in 1.. {
        let next =
            contained(|| rows.next().transpose()).map_err(|message| malformed(&format!("row {row}"), message))?;
        let Some(record) = next else { break };
        let fields = record.into_columns().into_iter().map(|(name, field)| (name, json(field)));
        sink(row, fields.collect()).map_err(|fault| InstructError::Row { file: path.to_owned(), row, fault })?;
    }
    Ok(())
}

/// Text, lists and structs as JSON; what no layout uses becomes a number or true, so that errors can tell its kind.
fn json(field: Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Str(text) => Value::from(text),
        Field::Bytes(bytes) => String::from_utf8(bytes.data().to_vec()).map_or(Value::Bool(true), Value::from),
        Field::Group(row) => Value::Object(
            row.into_columns().into_iter().map(|(name, field)| (name, json(field))).collect::<Map<_, _>>(),
        ),
        Field::ListInternal(list) => Value::Array(list.elements().iter().cloned().map(json).collect()),
        Field::MapInternal(_) => Value::Object(Map::new()),
        Field::Bool(value) => Value::Bool(value),
        _ => Value::from(0),
    }
}

/// Refuses a description that is too large or declares too many fields, before the library takes it up.
///
/// The end of a file is the length of its description (4 bytes, little endian) and `PAR1`; the description is a Thrift
/// struct in the compact protocol: the version (field 1, an integer), then the schema (field 2, a list).
fn check_footer(file: &mut File) -> Result<(), String> {
    let mut tail = [0_u8; 8];
    let ends = file.seek(SeekFrom::End(-8)).and_then(|at| file.read_exact(&mut tail).map(|()| at));
    let at = ends.map_err(|_| "too short for a Parquet file".to_owned())?;
    let [a, b, c, d, mark @ ..] = tail;
    if &mark != b"PAR1" {
        return Err("no Parquet file: it does not end in PAR1".to_owned());
    }
    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
    if length > FOOTER_LIMIT_BYTES || length > at {
        return Err(format!("the description at the end claims {length} bytes"));
    }
    let mut head = Vec::new();
    let start = file.seek(SeekFrom::Start(at - length));
    start.and_then(|_| file.take(32).read_to_end(&mut head)).map_err(|error| error.to_string())?;
    file.seek(SeekFrom::Start(0)).map_err(|error| error.to_string())?;
    match declared_fields(&head) {
        Some(fields) if fields <= SCHEMA_LIMIT_FIELDS => Ok(()),
        Some(fields) => Err(format!("the schema has {fields} fields, more than {SCHEMA_LIMIT_FIELDS}")),
        None => Err("the description at the end does not begin with a version and a schema".to_owned()),
    }
}

/// Length of the schema's list.
fn declared_fields(description: &[u8]) -> Option<u64> {
    const VERSION_FIELD: u8 = 0x15;
    const SCHEMA_FIELD: u8 = 0x19;
    let mut bytes = description.iter().copied();
    let number = |bytes: &mut dyn Iterator<Item = u8>| {
        let mut value = 0_u64;
        for shift in (0..35).step_by(7) {
            let byte = bytes.next()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    };
    (bytes.next()? == VERSION_FIELD).then_some(())?;
    number(&mut bytes)?;
    (bytes.next()? == SCHEMA_FIELD).then_some(())?;
    match bytes.next()? >> 4 {
        15 => number(&mut bytes),
        short => Some(u64::from(short)),
    }
}

/// Runs the library on data from outside: a panic in it is an error like any other.
fn contained<T>(work: impl FnOnce() -> parquet::errors::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the Parquet library gave up on it".to_owned()),
    }
}
