//! Opens a file and hands out its rows one after another.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::columns::ColumnMap;
use super::error::{InstructError, RowFault};
use super::{json, parquet_file, table};
use crate::digest::Digest;

/// Largest row: far more text than any context takes.
const ROW_LIMIT_BYTES: usize = 16 << 20;

/// What takes the rows: number and fields.
pub(super) type RowSink<'a> = dyn FnMut(usize, Map<String, Value>) -> Result<(), RowFault> + 'a;

enum Kind {
    Json,
    Lines,
    Table(u8),
    Parquet,
}

/// Hands every row to `sink` and returns the digest of the file. `columns`: what of a row is needed at all.
pub(super) fn for_each_row(path: &Path, columns: &ColumnMap, sink: &mut RowSink) -> Result<Digest, InstructError> {
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    let kind = match extension.as_deref() {
        Some("json") => Kind::Json,
        Some("jsonl" | "ndjson") => Kind::Lines,
        Some("csv") => Kind::Table(b','),
        Some("tsv") => Kind::Table(b'\t'),
        Some("parquet") => Kind::Parquet,
        _ => return Err(InstructError::Kind { file: path.to_owned() }),
    };
    let unreadable = |message: String| InstructError::Read { file: path.to_owned(), message };
    let io_error = |error: io::Error| unreadable(error.to_string());
    // Opening a pipe would wait for a writer for ever.
    let metadata = fs::metadata(path).map_err(io_error)?;
    if !metadata.is_file() {
        return Err(unreadable("it is not a regular file; name the file itself".to_owned()));
    }
    let mut file = File::open(path).map_err(io_error)?;
    let digest = Digest::of_reader(&file).map_err(io_error)?;
    file.seek(SeekFrom::Start(0)).map_err(io_error)?;
    match kind {
        Kind::Json => json::values(path, BufReader::new(RowBound::new(file)), sink),
        Kind::Lines => json::lines(path, BufReader::new(RowBound::new(file)), sink),
        Kind::Table(delimiter) => table::records(path, RowBound::new(file), delimiter, sink),
        Kind::Parquet => parquet_file::records(path, file, columns, sink),
    }?;
    Ok(digest)
}

/// A reader that ends with an error when one row takes more bytes than a row can sensibly have.
pub(super) struct RowBound<R> {
    inner: R,
    left: RowAllowance,
}

/// How many bytes the row under way may still take.
#[derive(Clone)]
pub(super) struct RowAllowance(Rc<Cell<usize>>);

impl RowAllowance {
    /// A row is over.
    pub(super) fn renew(&self) {
        self.0.set(ROW_LIMIT_BYTES);
    }
}

impl<R: Read> RowBound<R> {
    fn new(inner: R) -> Self {
        Self { inner, left: RowAllowance(Rc::new(Cell::new(ROW_LIMIT_BYTES))) }
    }

    pub(super) fn allowance(&self) -> RowAllowance {
        self.left.clone()
    }
}

impl<R: Read> Read for RowBound<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let Some(left) = self.left.0.get().checked_sub(count) else {
            return Err(io::Error::other(format!("a row has more than {} MiB; split it", ROW_LIMIT_BYTES >> 20)));
        };
        self.left.0.set(left);
        Ok(count)
    }
}
