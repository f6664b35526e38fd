//! Reads a task's documents from local files, in the layouts that benchmarks are distributed in.

use std::path::Path;

use serde_json::{Map, Value};

use super::error::DataError;
use super::source::{DataFile, Layout, TaskSource};
use super::tree;

/// One document: its fields by name, in the order of the file.
pub(crate) type Doc = Map<String, Value>;

/// Largest data file.
const MAX_DATA_BYTES: u64 = 512 << 20;

/// All documents of a split.
pub(crate) fn load(source: &TaskSource, split: &str, data_dir: Option<&Path>) -> Result<Vec<Doc>, DataError> {
    let Some(files) = source.dataset.splits.get(split) else {
        return Err(DataError::NoSplit {
            task: source.task.name.clone(),
            file: source.file.clone(),
            split: split.to_owned(),
            dataset: source.dataset.path.clone(),
            known: source.dataset.splits.keys().cloned().collect::<Vec<_>>().join(", "),
        });
    };
    let mut docs = Vec::new();
    for file in files {
        let (label, bytes) = read(source, file, data_dir)?;
        let text = String::from_utf8(bytes).map_err(|error| DataError::Read {
            file: label.clone(),
            message: format!("not UTF-8 at byte {}", error.utf8_error().valid_up_to()),
        })?;
        docs.extend(parse(&file.layout, &label, text.trim_start_matches('\u{feff}'))?);
    }
    if docs.is_empty() {
        return Err(DataError::Empty { task: source.task.name.clone(), split: split.to_owned() });
    }
    Ok(docs)
}

/// Finds a data file beside the task file, then under the data folder, and reads it.
fn read(source: &TaskSource, file: &DataFile, data_dir: Option<&Path>) -> Result<(String, Vec<u8>), DataError> {
    let folder = tree::folder_of(&source.path);
    for candidate in &file.candidates {
        if let Some(path) = tree::join(folder, candidate).filter(|path| source.tree.contains(path)) {
            let label = source.tree.label(&path);
            let bytes = source.tree.read(&path, MAX_DATA_BYTES);
            return bytes
                .map(|bytes| (label.clone(), bytes))
                .map_err(|message| DataError::Read { file: label, message });
        }
    }
    for candidate in &file.candidates {
        if let Some(path) = data_dir.and_then(|folder| tree::inside(folder, candidate)) {
            let label = path.display().to_string();
            let bytes = tree::read_bounded(&path, MAX_DATA_BYTES).map_err(|error| error.to_string());
            return bytes
                .map(|bytes| (label.clone(), bytes))
                .map_err(|message| DataError::Read { file: label, message });
        }
    }
    Err(DataError::Missing {
        task: source.task.name.clone(),
        expected: file.candidates.clone(),
        data_dir: data_dir.map(Path::to_path_buf),
    })
}

fn parse(layout: &Layout, file: &str, text: &str) -> Result<Vec<Doc>, DataError> {
    match layout {
        Layout::MmluCsv => mmlu_csv(file, text),
        Layout::Csv => csv_with_header(file, text),
        Layout::BbhJson => json(file, text, Some("examples")),
        Layout::BbhCot => bbh_cot(file, text),
        Layout::FastChatAnswers => fastchat_answers(file, text),
        Layout::Json { field: Some(field) } => json(file, text, Some(field)),
        Layout::Json { field: None } if text.trim_start().starts_with('[') => json(file, text, None),
        Layout::Json { field: None } | Layout::Jsonl => jsonl(file, text),
    }
}

fn row_error(file: &str, row: u64, column: &str, message: impl Into<String>) -> DataError {
    DataError::Row { file: file.to_owned(), row, column: column.to_owned(), message: message.into() }
}

/// Headerless question, four options, answer letter; quoted fields may hold line breaks. The answer becomes an index, as
/// in the hosted data set that stock task files name.
fn mmlu_csv(file: &str, text: &str) -> Result<Vec<Doc>, DataError> {
    let mut docs = Vec::new();
    for (record, row) in csv_records(file, text, false)?.1 {
        let fields: Vec<&str> = record.iter().collect();
        let [question, a, b, c, d, answer] = fields.as_slice() else {
            let message = format!("{} columns where 6 are expected (question, A, B, C, D, answer)", fields.len());
            return Err(row_error(file, row, "", message));
        };
        let index = match answer.trim() {
            "A" => 0,
            "B" => 1,
            "C" => 2,
            "D" => 3,
            other => return Err(row_error(file, row, "answer", format!("`{other:.20}` is not one of A, B, C, D"))),
        };
        let mut doc = Doc::new();
        doc.insert("question".into(), Value::from(*question));
        doc.insert("choices".into(), Value::from(vec![*a, *b, *c, *d]));
        doc.insert("answer".into(), Value::from(index));
        docs.push(doc);
    }
    Ok(docs)
}

/// A column whose every cell is an integer holds integers, as it does for lm-evaluation-harness: `doc_to_target: label`
/// is then a place among the choices. Other cells stay text; nothing stands for a missing value.
fn csv_with_header(file: &str, text: &str) -> Result<Vec<Doc>, DataError> {
    let (header, records) = csv_records(file, text, true)?;
    let integer = |column: usize| {
        let mut cells = records.iter().map(|(record, _)| record.get(column).map(str::parse::<i64>));
        !records.is_empty() && cells.all(|cell| matches!(cell, Some(Ok(_))))
    };
    let integers = (0..header.len()).map(integer).collect::<Vec<_>>();
    let doc = |record: csv::StringRecord| {
        let cells = record.iter().zip(&integers).map(|(cell, integer)| match cell.parse::<i64>() {
            Ok(number) if *integer => Value::from(number),
            _ => Value::from(cell),
        });
        header.iter().map(str::to_owned).zip(cells).collect::<Doc>()
    };
    Ok(records.into_iter().map(|(record, _)| doc(record)).collect())
}

type Records = (csv::StringRecord, Vec<(csv::StringRecord, u64)>);

fn csv_records(file: &str, text: &str, has_header: bool) -> Result<Records, DataError> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(has_header).flexible(!has_header).from_reader(text.as_bytes());
    let fail = |error: csv::Error| {
        let row = error.position().map_or(0, csv::Position::line);
        row_error(file, row, "", error.to_string())
    };
    let header = if has_header { reader.headers().map_err(fail)?.clone() } else { csv::StringRecord::new() };
    let mut records = Vec::new();
    for record in reader.records() {
        let record = record.map_err(fail)?;
        let line = record.position().map_or(0, csv::Position::line);
        records.push((record, line));
    }
    Ok((header, records))
}

fn jsonl(file: &str, text: &str) -> Result<Vec<Doc>, DataError> {
    let mut docs = Vec::new();
    for (line, row) in text.lines().zip(1_u64..).filter(|(line, _)| !line.trim().is_empty()) {
        match serde_json::from_str(line) {
            Ok(Value::Object(doc)) => docs.push(doc),
            Ok(_) => return Err(row_error(file, row, "", "a line must be a JSON object with the document's fields")),
            Err(error) => return Err(row_error(file, row, &format!("{}", error.column()), error.to_string())),
        }
    }
    Ok(docs)
}

/// The first answer of each line.
fn fastchat_answers(file: &str, text: &str) -> Result<Vec<Doc>, DataError> {
    let answer = |(mut row, number): (Doc, u64)| {
        let turns = row.get_mut("choices").and_then(|choices| choices.get_mut(0)?.get_mut("turns")).map(Value::take);
        let turns = turns.ok_or_else(|| row_error(file, number, "choices", "no `choices[0].turns`"))?;
        let mut doc = Doc::new();
        for (from, to) in [("question_id", "question_id"), ("model_id", "generator")] {
            let value = row.remove(from).ok_or_else(|| row_error(file, number, from, "no such field"))?;
            doc.insert(to.to_owned(), value);
        }
        doc.insert("turns".to_owned(), turns);
        Ok(doc)
    };
    jsonl(file, text)?.into_iter().zip(1_u64..).map(answer).collect()
}

fn json(file: &str, text: &str, field: Option<&str>) -> Result<Vec<Doc>, DataError> {
    let fail = |message: String| DataError::Read { file: file.to_owned(), message };
    let mut value: Value = serde_json::from_str(text).map_err(|error| fail(error.to_string()))?;
    if let Some(field) = field {
        let found = value.get_mut(field).map(Value::take);
        value = found.ok_or_else(|| fail(format!("no field `{field}` at the top, where the documents should be")))?;
    }
    let Value::Array(rows) = value else {
        return Err(fail("the documents should be a list of JSON objects".to_owned()));
    };
    let doc = |(row, value): (u64, Value)| match value {
        Value::Object(doc) => Ok(doc),
        _ => Err(row_error(file, row, "", "a document must be a JSON object")),
    };
    (1_u64..).zip(rows).map(doc).collect()
}

/// Solved examples of a chain-of-thought prompt file: after a line of dashes, a description, then blocks that start with
/// `Q: ` and go on with `A: Let's think step by step.` and, after a line break (in one file a space), the reasoning.
fn bbh_cot(file: &str, text: &str) -> Result<Vec<Doc>, DataError> {
    const CUE: &str = "\nA: Let's think step by step.";
    let fail = |message: &str| DataError::Read { file: file.to_owned(), message: message.to_owned() };
    let (_, body) = text.split_once("-----\n").ok_or_else(|| fail("no line of dashes before the prompt"))?;
    let mut blocks = body.split("\n\nQ: ");
    let instruction = blocks.next().unwrap_or_default();
    let mut docs = Vec::new();
    for block in blocks {
        let (input, target) =
            block.split_once(CUE).ok_or_else(|| fail("an example lacks the words `A: Let's think step by step.`"))?;
        let mut doc = Doc::new();
        doc.insert("instruction".into(), Value::from(instruction));
        doc.insert("input".into(), Value::from(input));
        doc.insert("target".into(), Value::from(target.trim()));
        docs.push(doc);
    }
    Ok(docs)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn a_csv_column_of_integers_is_numbers_and_any_other_is_text() {
        let docs = parse(&Layout::Csv, "f.csv", "q,label,code\na,0,01\nb,3,x\n").unwrap();
        assert_eq!(docs[1]["label"], 3);
        assert_eq!((&docs[0]["code"], &docs[0]["q"]), (&Value::from("01"), &Value::from("a")));
    }

    #[test]
    fn mmlu_rows_may_hold_line_breaks_and_errors_name_row_and_column() {
        let good = "\"Two\nlines, \"\"quoted\"\"\",a,b,c,\"d, e\",C\n";
        let docs = parse(&Layout::MmluCsv, "f.csv", good).unwrap();
        assert_eq!(docs[0]["question"], "Two\nlines, \"quoted\"");
        assert_eq!(docs[0]["answer"], 2);
        let bad = parse(&Layout::MmluCsv, "f.csv", &format!("{good}q,a,b,c,d,E\n")).unwrap_err();
        assert!(matches!(&bad, DataError::Row { row: 3, column, .. } if column == "answer"), "{bad}");
        let short = parse(&Layout::MmluCsv, "f.csv", "q,a,b\n").unwrap_err().to_string();
        assert!(short.contains("3 columns") && short.contains("row 1"), "{short}");
    }

    #[test]
    fn json_may_be_an_array_lines_or_a_field() {
        let array = parse(&Layout::Json { field: None }, "f", r#"[{"a": 1}, {"a": 2}]"#).unwrap();
        let lines = parse(&Layout::Json { field: None }, "f", "{\"a\": 1}\n\n{\"a\": 2}\n").unwrap();
        let field = parse(&Layout::BbhJson, "f", r#"{"examples": [{"a": 1}, {"a": 2}]}"#).unwrap();
        assert_eq!(array, lines);
        assert_eq!(array, field);
    }

    #[test]
    fn hostile_data_files_are_refused() {
        let deep = "[".repeat(100_000);
        for layout in [Layout::Json { field: None }, Layout::BbhJson, Layout::BbhCot, Layout::MmluCsv, Layout::Jsonl] {
            for text in ["[1, 2]", "{\"a\"", deep.as_str(), "\"open"] {
                assert!(parse(&layout, "f", text).is_err(), "{layout:?} {text:.10}");
            }
        }
    }
}
