//! An adapter and its base, written as one checkpoint.

use std::path::Path;

use super::folder::{self, FolderError, FolderSource, StoredDtype};
use crate::model::checkpoint::{Checkpoint, WitJson};
use crate::model::weights::WeightsError;

/// Why an adapter could not be merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// A folder that is no adapter.
    #[error("{}: has no adapter_config.json, or has weights of its own, so there is nothing to merge; give an adapter's folder", dir.display())]
    NotAnAdapter {
        /// The folder.
        dir: std::path::PathBuf,
    },
    /// Weights that cannot be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The result cannot be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// Writes the merged weights `W + s B A` of an opened adapter as a whole checkpoint, in the base's type where `dtype`
/// does not say otherwise, and returns the type. Merging is done in `f32`; storing in 16 bits rounds once, at the end.
pub fn merge(checkpoint: &Checkpoint, out: &Path, dtype: Option<StoredDtype>) -> Result<StoredDtype, MergeError> {
    if !checkpoint.is_adapter() {
        return Err(MergeError::NotAnAdapter { dir: checkpoint.dir.clone() });
    }
    let dtype = dtype.unwrap_or_else(|| StoredDtype::of(checkpoint));
    let parameters = folder::read_parameters(checkpoint)?;
    let wit = WitJson::from(&checkpoint.provenance);
    folder::write_checkpoint(out, &FolderSource::of(checkpoint), &parameters, dtype, &wit)?;
    Ok(dtype)
}
