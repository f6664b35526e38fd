//! Recorded answers: asked once, replayed from a file ever after, so that a rerun needs neither a key nor a model.
//!
//! A replay file has one [`JudgmentRecord`](crate::judgment::JudgmentRecord) a line. An answer belongs to exactly one
//! request of one model; a prompt that changed by one character is a request that the file does not answer.

mod difference;
mod file;
mod model;
mod recorder;

use std::path::PathBuf;

pub use model::ReplayModel;
pub use recorder::Recorder;

/// Why recorded answers could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file could not be opened, read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
    /// A line is not a record.
    #[error("{}:{line}: {reason}; mend or delete this line, its question is then asked again", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Another process writes to the file.
    #[error("{}: another process is recording into this file; wait for it or name another file", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file has no record.
    #[error("{}: no answer is recorded in it; record some by a run with a model or an endpoint", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file has records of several models.
    #[error("{}: it holds answers of {count} models ({}); name one of them", path.display(), names.join(", "))]
    SeveralModels {
        /// The file.
        path: PathBuf,
        /// How many models.
        count: usize,
        /// Their names.
        names: Vec<String>,
    },
    /// The file has no record of the model that was named.
    #[error("{}: it holds no answer of `{wanted}`, only of {}", path.display(), names.join(", "))]
    NoSuchModel {
        /// The file.
        path: PathBuf,
        /// The model that was named.
        wanted: String,
        /// Those present.
        names: Vec<String>,
    },
    /// Questions without a recorded answer.
    #[error(
        "{}: {count} requests have no recorded answer. The first one begins {beginning:?}.\n{nearest}\nRun once more with the model \
         itself and the same file, which adds the missing answers, or put the prompt back",
        path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// How many.
        count: usize,
        /// How the first one's prompt begins.
        beginning: String,
        /// How it differs from the nearest recorded request.
        nearest: String,
    },
    /// A request could not be hashed.
    #[error("a request could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl ReplayError {
    fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}

#[cfg(test)]
mod tests;
