//! Files as hubs hold them, laid out as tasks read them.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::parquet_rows::rows;
use super::sources::Conversion;

type Row = Map<String, Value>;

/// The files that come of one: by subject where the conversion parts it, else one with an empty name.
pub(super) fn converted(conversion: Conversion, file: &Path) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let rows = rows(file)?;
    if rows.is_empty() {
        return Err("it has no rows".to_owned());
    }
    match conversion {
        Conversion::MmluCsv => mmlu(&rows),
        Conversion::BbhJson => Ok(BTreeMap::from([(String::new(), bbh(&rows)?)])),
        Conversion::Jsonl => Ok(BTreeMap::from([(String::new(), jsonl(&rows)?)])),
    }
}

fn text<'a>(row: &'a Row, number: usize, column: &str) -> Result<&'a str, String> {
    let found = row.get(column).and_then(Value::as_str);
    found.ok_or_else(|| format!("row {number} has no text in the column `{column}`"))
}

fn mmlu(rows: &[Row]) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut writers: BTreeMap<String, csv::Writer<Vec<u8>>> = BTreeMap::new();
    for (row, number) in rows.iter().zip(1..) {
        let choices = row.get("choices").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let choices = choices.iter().filter_map(Value::as_str).collect::<Vec<_>>();
        let answer = row.get("answer").and_then(Value::as_u64).and_then(|place| usize::try_from(place).ok());
        let letter = answer.and_then(|place| ["A", "B", "C", "D"].get(place));
        let ([a, b, c, d], Some(letter)) = (choices.as_slice(), letter) else {
            return Err(format!("row {number} has not four `choices` and an `answer` from 0 to 3"));
        };
        let subject = text(row, number, "subject")?.to_owned();
        let writer = writers.entry(subject).or_insert_with(|| csv::Writer::from_writer(Vec::new()));
        let record = [text(row, number, "question")?, a, b, c, d, letter];
        writer.write_record(record).map_err(|error| error.to_string())?;
    }
    let finished = writers
        .into_iter()
        .map(|(subject, writer)| Ok((subject, writer.into_inner().map_err(|error| error.to_string())?)));
    finished.collect()
}

fn bbh(rows: &[Row]) -> Result<Vec<u8>, String> {
    let examples = rows.iter().zip(1..).map(|(row, number)| {
        Ok(json!({ "input": text(row, number, "input")?, "target": text(row, number, "target")? }))
    });
    let examples = examples.collect::<Result<Vec<_>, String>>()?;
    let mut bytes = serde_json::to_vec_pretty(&json!({ "examples": examples })).map_err(|error| error.to_string())?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn jsonl(rows: &[Row]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut bytes, row).map_err(|error| error.to_string())?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}
