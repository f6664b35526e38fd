//! What can be wrong with an adapter.

use std::path::PathBuf;

use crate::model::checkpoint::file::FileError;
use crate::model::weights::WeightsError;

/// Why an adapter folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// A file that cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Tensors that cannot be used, the adapter's or the base's.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A key of `adapter_config.json` with a value that cannot be honoured.
    #[error("{}: {key} is {value}, but {fault}", file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// The key.
        key: String,
        /// Its value as JSON, cut off if long.
        value: String,
        /// What is wrong with it and what to do.
        fault: String,
    },
    /// No tensors.
    #[error("{}: there is no adapter_model.safetensors beside adapter_config.json; {remedy}", dir.display())]
    NoWeights {
        /// The folder.
        dir: PathBuf,
        /// What to do, given what lies there instead.
        remedy: &'static str,
    },
    /// A base that is not on this machine.
    #[error("{}: the adapter's base {named} is not a folder with a config.json; give the base model's folder with --base DIR", dir.display())]
    NoBase {
        /// The adapter's folder.
        dir: PathBuf,
        /// The base as the adapter or the caller names it.
        named: String,
    },
    /// A base that needs a base.
    #[error("{}: the base {} is an adapter itself; merge that one first (wit-eval merge --adapter {} --out DIR) and give the result with --base DIR", dir.display(), base.display(), base.display())]
    BaseIsAdapter {
        /// The adapter's folder.
        dir: PathBuf,
        /// Its base.
        base: PathBuf,
    },
    /// A tensor that does not fit.
    #[error("{}: tensor `{tensor}` {fault}", file.display())]
    Tensor {
        /// The adapter's tensor file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// What is wrong with it and what to do.
        fault: String,
    },
}
