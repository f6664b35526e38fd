//! Rows of a table with a header line: values separated by commas or tabs.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value};

use super::error::InstructError;
use super::rows::{RowBound, RowSink};

/// Records of a table. All cells are text; an empty cell is an empty text.
pub(super) fn records<R: Read>(
    path: &Path,
    reader: RowBound<R>,
    delimiter: u8,
    sink: &mut RowSink,
) -> Result<(), InstructError> {
    let allowance = reader.allowance();
    let malformed = |place: String, message: String| InstructError::Malformed { file: path.to_owned(), place, message };
    let mut table = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(reader);
    let header = table.headers().map_err(|error| malformed("line 1".to_owned(), error.to_string()))?.clone();
    let mut seen = BTreeSet::new();
    if let Some(twice) = header.iter().find(|name| !seen.insert(*name)) {
        return Err(malformed("line 1".to_owned(), format!("the column `{twice}` is there twice; rename one")));
    }
    let mut record = csv::StringRecord::new();
    for row in 1.. {
        allowance.renew();
        let more = table.read_record(&mut record).map_err(|error| {
            malformed(
                format!("row {row}"),
                format!("{error}; the first line should name the columns and every row fill them"),
            )
        })?;
        if !more {
            break;
        }
        let cells = header.iter().zip(&record).map(|(name, cell)| (name.to_owned(), Value::from(cell)));
        sink(row, cells.collect::<Map<_, _>>()).map_err(|fault| InstructError::Row {
            file: path.to_owned(),
            row,
            fault,
        })?;
    }
    Ok(())
}
