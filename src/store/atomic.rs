//! Whole files are written under a temporary name and renamed, so a reader sees the old file or the new one.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use super::StoreError;

/// Replaces `path` with `bytes` in one step; makes the folder if needed.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(StoreError::io(folder))?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    let partial = path.with_file_name(name);
    let mut file = File::create(&partial).map_err(StoreError::io(&partial))?;
    file.write_all(bytes).and_then(|()| file.sync_data()).map_err(StoreError::io(&partial))?;
    drop(file);
    fs::rename(&partial, path).map_err(StoreError::io(path))?;
    // The rename itself survives a power cut only once the folder is written; not every system can do that.
    if let Some(folder) = path.parent().and_then(|folder| File::open(folder).ok()) {
        let _ = folder.sync_all();
    }
    Ok(())
}
