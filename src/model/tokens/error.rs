//! What can be wrong with a tokenizer.

use std::path::PathBuf;

use crate::model::checkpoint::file::FileError;

/// Why text cannot be turned into tokens or back.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// No `tokenizer.json`.
    #[error("{}: no tokenizer.json; {remedy}", dir.display())]
    NoTokenizer {
        /// The folder.
        dir: PathBuf,
        /// What to do, given what lies there instead.
        remedy: &'static str,
    },
    /// A file that cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A `tokenizer.json` that does not describe a tokenizer.
    #[error("{}: {message}; fetch the file again, or save it with a current release of the tokenizers package", file.display())]
    Invalid {
        /// The file.
        file: PathBuf,
        /// What the parser said.
        message: String,
    },
    /// A special token whose text is not one token.
    #[error("{}: {role} `{token}` is not in the vocabulary of tokenizer.json; the two files are of different models", dir.display())]
    UnknownNamedToken {
        /// The folder.
        dir: PathBuf,
        /// `bos_token` or `eos_token`.
        role: &'static str,
        /// Its text.
        token: String,
    },
    /// Text that the tokenizer fails on.
    #[error("{}: cannot encode {bytes} bytes of text starting {start:?}: {message}", file.display())]
    Encode {
        /// The tokenizer's file.
        file: PathBuf,
        /// Length of the text.
        bytes: usize,
        /// Its first characters.
        start: String,
        /// What the tokenizer said.
        message: String,
    },
    /// Ids that the tokenizer fails on.
    #[error("{}: cannot decode {count} token ids: {message}", file.display())]
    Decode {
        /// The tokenizer's file.
        file: PathBuf,
        /// How many.
        count: usize,
        /// What the tokenizer said.
        message: String,
    },
    /// Neither a beginning nor an end token to put before the first token.
    #[error("{}: an empty context needs a bos or eos token to start from, and none is declared; add bos_token or eos_token to tokenizer_config.json", file.display())]
    NoPrefixToken {
        /// The tokenizer's file.
        file: PathBuf,
    },
}
