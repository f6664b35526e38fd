//! What can be wrong with a GGUF file.

use std::path::PathBuf;

use crate::model::checkpoint::file::FileError;

/// Why a GGUF file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// A file that cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A path without a file.
    #[error("{}: there is no such file; check the path", file.display())]
    NoFile {
        /// The path.
        file: PathBuf,
    },
    /// A folder without a model in GGUF.
    #[error("{}: no model in GGUF in this folder; point at the .gguf file", dir.display())]
    NoModel {
        /// The folder.
        dir: PathBuf,
    },
    /// A folder with several models in GGUF.
    #[error("{}: holds several models in GGUF ({names}); point at the one that is meant", dir.display())]
    SeveralModels {
        /// The folder.
        dir: PathBuf,
        /// Their files.
        names: String,
    },
    /// Another version of the format, or another byte order.
    #[error("{}: is GGUF of version {version}, but only versions 2 and 3 in little-endian order are read; convert the model anew", file.display())]
    Version {
        /// The file.
        file: PathBuf,
        /// As the file says, in words where it is known.
        version: String,
    },
    /// A header that is not what it must be.
    #[error("{}: byte {at}: {fault}; the file is cut off, damaged or no GGUF, fetch it again", file.display())]
    Header {
        /// The file.
        file: PathBuf,
        /// Where.
        at: usize,
        /// What is wrong.
        fault: String,
    },
    /// A tensor that cannot be what the file says it is, or that is not supported.
    #[error("{}: tensor `{tensor}` {fault}", file.display())]
    Tensor {
        /// The file.
        file: PathBuf,
        /// The tensor, as ggml names it.
        tensor: String,
        /// What is wrong and what to do.
        fault: String,
    },
    /// A key of the metadata that is not there.
    #[error("{}: the metadata have no `{key}`; convert the model anew, or fetch the file again", file.display())]
    MissingKey {
        /// The file.
        file: PathBuf,
        /// The key.
        key: String,
    },
    /// A key of another type or range than it must have.
    #[error("{}: `{key}` is {value}, expected {expected}; convert the model anew, or fetch the file again", file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// The key.
        key: String,
        /// Its value.
        value: String,
        /// What it should be.
        expected: String,
    },
    /// A key that asks for something that is not supported.
    #[error("{}: `{key}` is {value}, which is not supported; supported: {supported}", file.display())]
    Unsupported {
        /// The file.
        file: PathBuf,
        /// The key.
        key: String,
        /// Its value.
        value: String,
        /// What is.
        supported: String,
    },
    /// A part of a model in several files that does not fit the others.
    #[error("{}: {fault}", file.display())]
    Part {
        /// The file.
        file: PathBuf,
        /// What is wrong and what to do.
        fault: String,
    },
}
