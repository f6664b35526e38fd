//! What can go wrong when a folder is written.

use std::path::PathBuf;

use crate::model::architecture::ArchitectureError;
use crate::model::checkpoint::file::FileError;

/// Why a folder could not be written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system refused.
    #[error("{}: {source}; {remedy}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// A file of the source that cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A source without configuration.
    #[error("{}: no config.json to go with the weights; point at the base model's folder", dir.display())]
    NoConfig {
        /// The source.
        dir: PathBuf,
    },
    /// A source whose configuration describes no network.
    #[error("{}: {source}", file.display())]
    Architecture {
        /// Its `config.json`.
        file: PathBuf,
        /// Why.
        source: Box<ArchitectureError>,
    },
    /// A folder that must not be written to.
    #[error("{}: {fault}", out.display())]
    Occupied {
        /// The folder.
        out: PathBuf,
        /// Why not, and what to do.
        fault: &'static str,
    },
    /// A tensor that cannot be written.
    #[error("tensor `{tensor}` {fault}")]
    Tensor {
        /// The tensor.
        tensor: String,
        /// Why not.
        fault: String,
    },
    /// A value that is infinite or not a number.
    #[error(
        "tensor `{tensor}` holds {value}, so training has failed and nothing was written; lower the learning rate, or go back to an earlier state"
    )]
    NotFinite {
        /// The tensor.
        tensor: String,
        /// The first such value.
        value: f32,
    },
    /// A value beyond the stored type's range.
    #[error("tensor `{tensor}` holds {value}, which float16 cannot hold; store as bf16 or f32")]
    TooLarge {
        /// The tensor.
        tensor: String,
        /// The first such value.
        value: f32,
    },
}
