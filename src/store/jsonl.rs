//! Files of one JSON value a line.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{StoreError, write_atomically};

/// Writes all rows in one step.
pub(super) fn write<T: Serialize>(path: &Path, rows: &[T]) -> Result<(), StoreError> {
    let mut bytes = Vec::new();
    for row in rows {
        append_line(&mut bytes, row, path)?;
    }
    write_atomically(path, &bytes)
}

/// Adds a row and its line break to a buffer.
pub(super) fn append_line<T: Serialize>(bytes: &mut Vec<u8>, row: &T, path: &Path) -> Result<(), StoreError> {
    serde_json::to_writer(&mut *bytes, row).map_err(|source| StoreError::Document { path: path.to_owned(), source })?;
    bytes.push(b'\n');
    Ok(())
}

/// Reads all rows.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, StoreError> {
    let file = File::open(path).map_err(StoreError::io(path))?;
    let mut rows = Vec::new();
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(StoreError::io(path))?;
        if line.trim().is_empty() {
            continue;
        }
        let row = serde_json::from_str(&line).map_err(|source| StoreError::Line {
            path: path.to_owned(),
            line: index + 1,
            source,
        })?;
        rows.push(row);
    }
    Ok(rows)
}
