//! Finds the runs below a folder, such as those of a sweep.

use std::fs;
use std::path::{Path, PathBuf};

use super::{CellRecord, Stage, SweepError};
use crate::store::RunFolder;

/// How many folders below the first one are searched.
const DEPTH: usize = 6;

/// How many folders are opened at most.
const FOLDER_LIMIT: usize = 200_000;

/// What a search found, in the order of paths.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FoundRuns {
    /// Runs with scores, each with a name that tells it from the others: its path below the folder that was searched,
    /// without a last `run`.
    pub finished: Vec<(String, PathBuf)>,
    /// Runs without scores, and cells of a sweep without a run.
    pub unfinished: Vec<PathBuf>,
}

/// Searches a folder for runs. Links are not followed, hidden folders and folders within a run are not searched.
pub fn find_runs(root: &Path) -> Result<FoundRuns, SweepError> {
    let mut found = FoundRuns::default();
    let mut opened = 0;
    search(root, root, DEPTH, &mut opened, &mut found)?;
    Ok(found)
}

fn search(
    root: &Path,
    folder: &Path,
    depth: usize,
    opened: &mut usize,
    found: &mut FoundRuns,
) -> Result<(), SweepError> {
    let io = |source| SweepError::Io { path: folder.to_owned(), source };
    *opened += 1;
    if *opened > FOLDER_LIMIT {
        return Err(io(std::io::Error::other(format!("more than {FOLDER_LIMIT} folders to search"))));
    }
    let mut below = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        // The type of a link is a link, so what it leads to is not searched.
        if !hidden && entry.file_type().map_err(io)?.is_dir() {
            below.push(entry.path());
        }
    }
    below.sort();
    let of_cell = |stage: Stage| folder.join(stage.folder());
    if folder.join(CellRecord::FILE).is_file() && !RunFolder::at(of_cell(Stage::Evaluate)).exists() {
        found.unfinished.push(folder.to_owned());
    }
    for path in below {
        let run = RunFolder::at(&path);
        if !run.exists() {
            if depth > 1 {
                search(root, &path, depth - 1, opened, found)?;
            }
        } else if run.file(RunFolder::SCORES).is_file() {
            found.finished.push((name_of(root, &path), path));
        } else {
            found.unfinished.push(path);
        }
    }
    Ok(())
}

fn name_of(root: &Path, run: &Path) -> String {
    let relative = run.strip_prefix(root).unwrap_or(run);
    let mut parts: Vec<_> = relative.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    if parts.len() > 1 && parts.last().is_some_and(|last| last == Stage::Evaluate.folder()) {
        parts.pop();
    }
    parts.join("/")
}
