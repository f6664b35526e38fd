//! What can be wrong with the tokenizer in a GGUF file.

use std::path::PathBuf;

use super::Metadata;
use crate::model::gguf::GgufError;

/// Why the metadata of a GGUF file gives no tokenizer.
#[derive(Debug, thiserror::Error)]
pub enum GgufTokenizerError {
    /// A key of another type than it must have.
    #[error(transparent)]
    Metadata(Box<GgufError>),
    /// A key that a tokenizer needs is absent.
    #[error("{}: the metadata have no `{key}`; convert the model anew, or name a folder with its tokenizer with --tokenizer DIR", file.display())]
    Missing {
        /// The file.
        file: PathBuf,
        /// The key.
        key: String,
    },
    /// A key whose entries are not what they must be.
    #[error("{}: `{key}`: {fault}; the file is damaged or was converted wrongly, fetch or convert it anew, or name a folder with the model's tokenizer with --tokenizer DIR", file.display())]
    Invalid {
        /// The file.
        file: PathBuf,
        /// The key.
        key: String,
        /// What is wrong, with the entry at fault.
        fault: String,
    },
    /// A key that asks for something that is not supported.
    #[error("{}: `{key}` is {value:?}, which is not supported; supported: {supported}. Name a folder with the model's tokenizer with --tokenizer DIR", file.display())]
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
    /// The tokenizer library refuses the parts.
    #[error("{}: the tokenizer in the metadata cannot be built: {message}; name a folder with the model's tokenizer with --tokenizer DIR", file.display())]
    Build {
        /// The file.
        file: PathBuf,
        /// What it said.
        message: String,
    },
}

impl From<GgufError> for GgufTokenizerError {
    fn from(error: GgufError) -> Self {
        Self::Metadata(Box::new(error))
    }
}

impl GgufTokenizerError {
    pub(super) fn missing(metadata: &Metadata, key: &str) -> Self {
        Self::Missing { file: metadata.file().to_owned(), key: key.to_owned() }
    }

    pub(super) fn invalid(metadata: &Metadata, key: &str, fault: impl Into<String>) -> Self {
        Self::Invalid { file: metadata.file().to_owned(), key: key.to_owned(), fault: fault.into() }
    }

    pub(super) fn unsupported(metadata: &Metadata, key: &str, value: &str, supported: &str) -> Self {
        let value = value.chars().take(80).collect();
        Self::Unsupported {
            file: metadata.file().to_owned(),
            key: key.to_owned(),
            value,
            supported: supported.to_owned(),
        }
    }

    pub(super) fn build(metadata: &Metadata, error: &dyn std::fmt::Display) -> Self {
        Self::Build { file: metadata.file().to_owned(), message: error.to_string() }
    }
}
