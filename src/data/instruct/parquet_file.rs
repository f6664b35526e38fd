//! Rows of a Parquet file; only the columns that a layout can use are read.

use std::fs::File;
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
use crate::data::parquet_guard::{check_footer, contained};

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
