//! The data that ships with the perturbations, embedded so that an installed binary works in any folder.

use include_dir::{Dir, include_dir};
use thiserror::Error;

static PERTURBATIONS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/perturbations");

/// A data file of a perturbation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataFile<'a> {
    /// Path below `perturbations/`, with `/` between its parts: `typo/keyboard.toml`.
    pub path: &'a str,
    /// The whole text.
    pub text: &'a str,
}

/// A data file of a perturbation cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DataError {
    /// The perturbation needs a file that is not there.
    #[error("perturbations/{path}: no such file; it ships with the program, so the build is incomplete")]
    Missing {
        /// Path below `perturbations/`.
        path: String,
    },
    /// The file's content is wrong.
    #[error("perturbations/{path}: {problem}")]
    Invalid {
        /// Path below `perturbations/`.
        path: String,
        /// What is wrong, at which line or key, and what to do.
        problem: String,
    },
}

impl DataError {
    /// A file whose content is wrong.
    #[allow(clippy::needless_pass_by_value, reason = "takes an error as `map_err` hands it over")]
    pub fn invalid(path: impl Into<String>, problem: impl ToString) -> Self {
        Self::Invalid { path: path.into(), problem: problem.to_string() }
    }
}

/// The embedded files of one folder below `perturbations/` (not of folders in it), by path.
pub fn embedded_files(folder: &str) -> Result<Vec<DataFile<'static>>, DataError> {
    let Some(dir) = PERTURBATIONS.get_dir(folder) else {
        return Err(DataError::Missing { path: folder.to_owned() });
    };
    let mut files = Vec::new();
    for file in dir.files() {
        let path = file.path().to_str().ok_or_else(|| DataError::invalid(folder, "a file name is not UTF-8"))?;
        let text = file.contents_utf8().ok_or_else(|| DataError::invalid(path, "not UTF-8; save it as UTF-8"))?;
        files.push(DataFile { path, text });
    }
    files.sort_by_key(|file| file.path);
    Ok(files)
}

/// The file called `name` among a folder's files.
pub fn file_named<'a>(files: &[DataFile<'a>], folder: &str, name: &str) -> Result<DataFile<'a>, DataError> {
    let path = format!("{folder}/{name}");
    files.iter().copied().find(|file| file.path == path).ok_or(DataError::Missing { path })
}
