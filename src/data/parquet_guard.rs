//! What stands between the Parquet library and files from outside.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Largest description of a file, and the most fields that its schema may have, nested ones included: the library
/// follows the nesting by recursion.
const FOOTER_LIMIT_BYTES: u64 = 64 << 20;
const SCHEMA_LIMIT_FIELDS: u64 = 2000;

/// Refuses a description that is too large or declares too many fields, before the library takes it up.
///
/// The end of a file is the length of its description (4 bytes, little endian) and `PAR1`; the description is a Thrift
/// struct in the compact protocol: the version (field 1, an integer), then the schema (field 2, a list).
pub(crate) fn check_footer(file: &mut File) -> Result<(), String> {
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
pub(crate) fn contained<T>(work: impl FnOnce() -> parquet::errors::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the Parquet library gave up on it".to_owned()),
    }
}
