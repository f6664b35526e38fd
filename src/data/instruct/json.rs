//! Rows of JSON: a list of objects, or one object a line.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::de::{DeserializeSeed, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::error::{InstructError, RowFault};
use super::rows::{RowAllowance, RowBound, RowSink};

/// A `.json` file: a list of objects, else one object a line.
pub(super) fn values<R: Read>(
    path: &Path,
    mut reader: BufReader<RowBound<R>>,
    sink: &mut RowSink,
) -> Result<(), InstructError> {
    let unreadable = |error: std::io::Error| InstructError::Read { file: path.to_owned(), message: error.to_string() };
    let head = reader.fill_buf().map_err(unreadable)?;
    let mark = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let is_list = head.iter().skip(mark).find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    if !is_list {
        return lines(path, reader, sink);
    }
    reader.consume(mark);
    let mut fault = None;
    let allowance = reader.get_ref().allowance();
    let list = List { sink, fault: &mut fault, allowance };
    let mut source = serde_json::Deserializer::from_reader(reader);
    let read = list.deserialize(&mut source).and_then(|()| source.end());
    match (read, fault) {
        (_, Some((row, fault))) => Err(InstructError::Row { file: path.to_owned(), row, fault }),
        (Err(error), None) => Err(InstructError::Malformed {
            file: path.to_owned(),
            place: format!("line {}", error.line()),
            message: format!("{error}; the file should be a list of JSON objects"),
        }),
        (Ok(()), None) => Ok(()),
    }
}

/// One object a line; blank lines are allowed and counted.
pub(super) fn lines<R: Read>(
    path: &Path,
    mut reader: BufReader<RowBound<R>>,
    sink: &mut RowSink,
) -> Result<(), InstructError> {
    let allowance = reader.get_ref().allowance();
    let mut line = Vec::new();
    for row in 1.. {
        line.clear();
        let malformed =
            |message: String| InstructError::Malformed { file: path.to_owned(), place: format!("line {row}"), message };
        if reader.read_until(b'\n', &mut line).map_err(|error| malformed(error.to_string()))? == 0 {
            break;
        }
        allowance.renew();
        let text = if row == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line) } else { &line };
        if text.trim_ascii().is_empty() {
            continue;
        }
        let fields: Map<String, Value> = serde_json::from_slice(text).map_err(|error| {
            malformed(format!("{error}; every line should be one JSON object, or the whole file one list of objects"))
        })?;
        sink(row, fields).map_err(|fault| InstructError::Row { file: path.to_owned(), row, fault })?;
    }
    Ok(())
}

/// Hands out the elements of a list while it is being read.
struct List<'a, 'b> {
    sink: &'a mut RowSink<'b>,
    fault: &'a mut Option<(usize, RowFault)>,
    allowance: RowAllowance,
}

impl<'de> DeserializeSeed<'de> for List<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut row = 0;
        while let Some(fields) = list.next_element::<Map<String, Value>>()? {
            row += 1;
            self.allowance.renew();
            if let Err(fault) = (self.sink)(row, fields) {
                *self.fault = Some((row, fault));
                return Err(serde::de::Error::custom("a row that cannot be used"));
            }
        }
        Ok(())
    }
}
