//! Small Parquet files, as the hub's data sets have them.

use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

fn file(schema: &str, write: impl FnOnce(&mut SerializedRowGroupWriter<'_, &mut Vec<u8>>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer =
        SerializedFileWriter::new(&mut bytes, schema, Arc::new(WriterProperties::builder().build())).unwrap();
    let mut group = writer.next_row_group().unwrap();
    write(&mut group);
    group.close().unwrap();
    writer.close().unwrap();
    bytes
}

fn texts(group: &mut SerializedRowGroupWriter<'_, &mut Vec<u8>>, values: &[&str], levels: Option<(&[i16], &[i16])>) {
    let values = values.iter().map(|text| ByteArray::from(*text)).collect::<Vec<_>>();
    let mut column = group.next_column().unwrap().unwrap();
    let (definition, repetition) = levels.map_or((None, None), |(d, r)| (Some(d), Some(r)));
    column.typed::<ByteArrayType>().write_batch(&values, definition, repetition).unwrap();
    column.close().unwrap();
}

/// Two columns of text.
pub fn pairs(first: &str, second: &str, rows: &[(&str, &str)]) -> Vec<u8> {
    let schema = format!("message m {{ required binary {first} (UTF8); required binary {second} (UTF8); }}");
    file(&schema, |group| {
        texts(group, &rows.iter().map(|row| row.0).collect::<Vec<_>>(), None);
        texts(group, &rows.iter().map(|row| row.1).collect::<Vec<_>>(), None);
    })
}

/// Question, subject, four choices, number of the answer.
pub fn mmlu(rows: &[(&str, &str, [&str; 4], i64)]) -> Vec<u8> {
    let schema = "message m { required binary question (UTF8); required binary subject (UTF8);
        required group choices (LIST) { repeated group list { required binary element (UTF8); } }
        required int64 answer; }";
    file(schema, |group| {
        texts(group, &rows.iter().map(|row| row.0).collect::<Vec<_>>(), None);
        texts(group, &rows.iter().map(|row| row.1).collect::<Vec<_>>(), None);
        let choices = rows.iter().flat_map(|row| row.2).collect::<Vec<_>>();
        let repetition = (0..choices.len()).map(|i| i16::from(i % 4 != 0)).collect::<Vec<_>>();
        texts(group, &choices, Some((&vec![1; choices.len()], &repetition)));
        let mut column = group.next_column().unwrap().unwrap();
        let answers = rows.iter().map(|row| row.3).collect::<Vec<_>>();
        column.typed::<Int64Type>().write_batch(&answers, None, None).unwrap();
        column.close().unwrap();
    })
}
