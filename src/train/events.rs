//! Event files that `TensorBoard` shows: scalars by step.
//!
//! A file is a sequence of records, each a length (8 bytes, little endian), the masked CRC-32C of these bytes, the data,
//! and the masked CRC-32C of the data; the data are protocol-buffer messages `Event`. Source: the `TFRecord` format of
//! `TensorFlow` and its `event.proto` and `summary.proto`.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::folder::{FolderError, io_error};

/// Added to a rotated checksum, so that checksums of data that hold checksums stay sound.
const MASK: u32 = 0xa282_ead8;
/// Files of one second and name that are told apart.
const SAME_NAME: usize = 10_000;

/// Wire types of protocol buffers.
const VARINT: u8 = 0;
const EIGHT_BYTES: u8 = 1;
const LENGTH_DELIMITED: u8 = 2;
const FOUR_BYTES: u8 = 5;

/// One event file, being written.
#[derive(Debug)]
pub struct EventWriter {
    path: PathBuf,
    out: BufWriter<File>,
}

impl EventWriter {
    /// Makes a new file `events.out.tfevents.SECONDS.NAME` in `dir`, never writing into one that is there.
    ///
    /// `wall_time` is in seconds since 1970. A run that goes on opens another file in the same folder and calls
    /// [`Self::restart`]; `TensorBoard` joins them.
    pub fn create(dir: &Path, wall_time: f64, name: &str) -> Result<Self, FolderError> {
        fs::create_dir_all(dir).map_err(|source| io_error(dir, source))?;
        let name: String =
            name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
        let stem = format!("events.out.tfevents.{:010.0}.{name}", wall_time.max(0.0).floor());
        let mut attempt = 0;
        let (path, file) = loop {
            let path = dir.join(if attempt == 0 { stem.clone() } else { format!("{stem}.{attempt}") });
            match File::create_new(&path) {
                Ok(file) => break (path, file),
                Err(error) if error.kind() == ErrorKind::AlreadyExists && attempt < SAME_NAME => attempt += 1,
                Err(error) => return Err(io_error(&path, error)),
            }
        };
        let mut writer = Self { path, out: BufWriter::new(file) };
        let mut event = timed(wall_time);
        bytes_field(&mut event, 3, b"brain.Event:2");
        writer.record(&event)?;
        Ok(writer)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says that the run goes on with `step`: what older files hold from there on is not shown.
    pub fn restart(&mut self, step: u64, wall_time: f64) -> Result<(), FolderError> {
        let mut event = timed(wall_time);
        varint_field(&mut event, 2, step);
        // SessionLog { status: START }
        bytes_field(&mut event, 7, &[key(1, VARINT), 1]);
        self.record(&event)
    }

    /// Adds a point to a curve. A `tag` such as `train/loss` is shown in group `train`.
    pub fn scalar(&mut self, step: u64, wall_time: f64, tag: &str, value: f32) -> Result<(), FolderError> {
        let mut point = Vec::with_capacity(tag.len() + 16);
        bytes_field(&mut point, 1, tag.as_bytes());
        point.push(key(2, FOUR_BYTES));
        point.extend(value.to_le_bytes());
        let mut summary = Vec::with_capacity(point.len() + 8);
        bytes_field(&mut summary, 1, &point);
        let mut event = timed(wall_time);
        varint_field(&mut event, 2, step);
        bytes_field(&mut event, 5, &summary);
        self.record(&event)
    }

    /// Hands everything to the system, so that a viewer sees it.
    pub fn flush(&mut self) -> Result<(), FolderError> {
        self.out.flush().map_err(|source| io_error(&self.path, source))
    }

    fn record(&mut self, data: &[u8]) -> Result<(), FolderError> {
        let length = (data.len() as u64).to_le_bytes();
        let parts: [&[u8]; 4] = [&length, &masked_crc(&length), data, &masked_crc(data)];
        let written: io::Result<()> = parts.iter().try_for_each(|part| self.out.write_all(part));
        written.map_err(|source| io_error(&self.path, source))
    }
}

fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(MASK).to_le_bytes()
}

/// The key of a field; all numbers here are below 16, so that it is one byte.
fn key(field: u8, wire_type: u8) -> u8 {
    field << 3 | wire_type
}

/// An event that starts with its time.
fn timed(wall_time: f64) -> Vec<u8> {
    let mut event = vec![key(1, EIGHT_BYTES)];
    event.extend(wall_time.to_le_bytes());
    event
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

fn varint_field(out: &mut Vec<u8>, field: u8, value: u64) {
    out.push(key(field, VARINT));
    varint(out, value);
}

fn bytes_field(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    out.push(key(field, LENGTH_DELIMITED));
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_format() {
        // CRC-32C of "123456789" by its definition (RFC 3720), then rotated by 15 bits and masked by hand.
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(masked_crc(b"123456789"), 0xc78a_b0e5_u32.to_le_bytes());
    }

    #[test]
    fn a_point_has_the_bytes_that_the_schema_asks_for() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::create(dir.path(), 1.5, "host").unwrap();
        writer.scalar(300, 2.0, "train/loss", 0.5).unwrap();
        writer.flush().unwrap();
        let bytes = fs::read(writer.path()).unwrap();
        let first = 12 + (9 + 15) + 4;
        let mut expected = vec![0x09];
        expected.extend(2.0_f64.to_le_bytes());
        expected.extend([0x10, 0xac, 0x02, 0x2a, 19, 0x0a, 17, 0x0a, 10]);
        expected.extend(b"train/loss");
        expected.extend([0x15, 0, 0, 0, 0x3f]);
        assert_eq!(bytes[first..first + 8], (expected.len() as u64).to_le_bytes());
        assert_eq!(bytes[first + 12..first + 12 + expected.len()], expected);
        assert_eq!(bytes.len(), first + 12 + expected.len() + 4);
        assert!(bytes[12 + 9..].starts_with(b"\x1a\x0dbrain.Event:2"));
    }

    #[test]
    fn a_file_that_is_there_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let names: Vec<_> = (0..3)
            .map(|_| EventWriter::create(dir.path(), 1_700_000_000.9, "a/b").unwrap().path().to_owned())
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        let stem = "events.out.tfevents.1700000000.a-b";
        assert_eq!(names, [stem.to_owned(), format!("{stem}.1"), format!("{stem}.2")]);
    }
}
