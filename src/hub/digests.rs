//! `digests.json` of a data folder: what each fetched file is and where it came from.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::HubError;
use super::name::checked_path;
use crate::store::write_atomically;

/// Name of the file.
pub const DIGESTS_FILE: &str = "digests.json";

/// The largest such file that is read.
const LIMIT_BYTES: u64 = 16 << 20;

/// One file of the data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DigestRecord {
    /// SHA-256 of the file as it lies there.
    pub sha256: String,
    /// Repository that it comes from; empty for one put there by hand.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub repo: String,
    /// Revision that was asked for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub revision: String,
    /// Commit that the hub gave.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub commit: String,
    /// File of the repository.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remote: String,
}

/// The records of a data folder, by relative path.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digests {
    /// The records.
    pub files: BTreeMap<String, DigestRecord>,
}

impl Digests {
    /// The records of a folder; none where it has no such file.
    pub fn of(data_dir: &Path) -> Result<Self, HubError> {
        let file = data_dir.join(DIGESTS_FILE);
        let invalid = |problem: String| HubError::Sources {
            file: file.display().to_string(),
            problem: format!("{problem}; delete the file, and fetch again to write it anew"),
        };
        let text = match fs::metadata(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(HubError::io(&file)(error)),
            Ok(found) if found.len() > LIMIT_BYTES => return Err(invalid(format!("{} bytes long", found.len()))),
            Ok(_) => fs::read_to_string(&file).map_err(HubError::io(&file))?,
        };
        let read: Self = serde_json::from_str(&text).map_err(|error| invalid(error.to_string()))?;
        match read.files.keys().find(|name| checked_path(name, "file").is_err()) {
            Some(name) => Err(invalid(format!("`{name:.80}` is no relative path"))),
            None => Ok(read),
        }
    }

    /// Writes the records.
    pub fn save(&self, data_dir: &Path) -> Result<(), HubError> {
        let file = data_dir.join(DIGESTS_FILE);
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|error| HubError::Sources { file: file.display().to_string(), problem: error.to_string() })?;
        text.push(b'\n');
        Ok(write_atomically(&file, &text)?)
    }
}

/// The path of a target in the data folder. A folder on the way that is a link out of the data folder is refused.
pub(super) fn place(data_dir: &Path, target: &str) -> Result<PathBuf, HubError> {
    let path = data_dir.join(checked_path(target, "file of the data folder")?);
    let Ok(root) = fs::canonicalize(data_dir) else { return Ok(path) };
    let existing = path.ancestors().skip(1).find_map(|folder| fs::canonicalize(folder).ok());
    match existing {
        Some(folder) if !folder.starts_with(&root) => Err(HubError::Name {
            name: target.to_owned(),
            what: "file of the data folder",
            problem: format!("its folder is a link to {}", folder.display()),
        }),
        _ => Ok(path),
    }
}
