//! Reading a file of a checkpoint folder: bounded in size, regular files only, errors that name the file.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// Largest `config.json` and its like that is read: 16 MiB.
pub const CONFIG_LIMIT_BYTES: u64 = 16 << 20;

/// Why a file of a checkpoint folder could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file exists but cannot be opened or read.
    #[error("{}: cannot be read: {source}; check its permissions and, if it is a link, its target", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A folder, pipe or device where a file is expected.
    #[error("{}: is not a regular file; put the real file there", file.display())]
    NotAFile {
        /// The path.
        file: PathBuf,
    },
    /// More bytes than a file of this kind can sensibly have.
    #[error("{}: has more than {limit_bytes} bytes, which no valid file of this kind needs; fetch the checkpoint again", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The limit.
        limit_bytes: u64,
    },
    /// Bytes that are not UTF-8.
    #[error("{}: is not UTF-8 text (first bad byte at {at}); fetch the file again", file.display())]
    NotUtf8 {
        /// The file.
        file: PathBuf,
        /// Offset of the first bad byte.
        at: usize,
    },
    /// Text that is not the JSON expected here.
    #[error("{}:{line}:{column}: {message}; correct the file or fetch it again", file.display())]
    Json {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What the parser said, with the key where it is known.
        message: String,
    },
}

/// Opens a regular file and tells its length; `None` where there is no such file.
pub fn open(path: &Path) -> Result<Option<(File, u64)>, FileError> {
    let unreadable = |source| FileError::Unreadable { file: path.to_owned(), source };
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        // A link whose target is gone is a broken checkpoint, not an absent file.
        Err(error) if error.kind() == ErrorKind::NotFound && fs::symlink_metadata(path).is_err() => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    // Opening a pipe would wait for a writer for ever.
    if !metadata.is_file() {
        return Err(FileError::NotAFile { file: path.to_owned() });
    }
    let file = File::open(path).map_err(unreadable)?;
    Ok(Some((file, metadata.len())))
}

/// Reads a whole file of at most `limit_bytes`; `None` where there is no such file.
pub fn read_bytes(path: &Path, limit_bytes: u64) -> Result<Option<Vec<u8>>, FileError> {
    let Some((file, length)) = open(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    if length <= limit_bytes {
        // The length may change between the two calls: the bound holds on what is read.
        file.take(limit_bytes.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|source| FileError::Unreadable { file: path.to_owned(), source })?;
    }
    if length > limit_bytes || bytes.len() as u64 > limit_bytes {
        return Err(FileError::TooLarge { file: path.to_owned(), limit_bytes });
    }
    Ok(Some(bytes))
}

/// Reads a text file of at most `limit_bytes`, without its byte order mark; `None` where there is no such file.
pub fn read_text(path: &Path, limit_bytes: u64) -> Result<Option<String>, FileError> {
    let Some(bytes) = read_bytes(path, limit_bytes)? else { return Ok(None) };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        })),
        Err(error) => Err(FileError::NotUtf8 { file: path.to_owned(), at: error.utf8_error().valid_up_to() }),
    }
}

/// Parses the JSON text of `path`. Nesting beyond 128 levels is an error.
pub fn parse_json<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, FileError> {
    serde_json::from_str(text).map_err(|error| FileError::Json {
        file: path.to_owned(),
        line: error.line(),
        column: error.column(),
        message: error.to_string(),
    })
}

/// Reads and parses a JSON file of at most `limit_bytes`; `None` where there is no such file.
pub fn read_json<T: DeserializeOwned>(path: &Path, limit_bytes: u64) -> Result<Option<T>, FileError> {
    match read_text(path, limit_bytes)? {
        Some(text) => parse_json(path, &text).map(Some),
        None => Ok(None),
    }
}
