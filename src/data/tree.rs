//! Folders that task files and the data beside them are read from: the one that ships inside the binary, or one on
//! disk. Nothing outside the folder is ever opened.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

/// The benchmarks that ship with the program.
static SHIPPED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/benchmarks");

/// A file that ships under `benchmarks`, by its path there.
pub fn shipped_file(path: &str) -> Option<&'static [u8]> {
    SHIPPED.get_file(path).map(include_dir::File::contents)
}

/// Most task files that one folder may hold.
const MAX_FILES: usize = 50_000;
/// Deepest level of folders that is walked.
const MAX_DEPTH: usize = 16;

/// A folder of task files. Paths in it are relative, with `/` between their parts.
#[derive(Debug, Clone)]
pub(crate) enum Tree {
    /// What ships inside the binary.
    Shipped,
    /// A folder on disk, in canonical form.
    Disk(PathBuf),
}

impl Tree {
    /// Opens a folder on disk.
    pub(crate) fn open(folder: &Path) -> Result<Self, String> {
        let root = fs::canonicalize(folder).map_err(|error| error.to_string())?;
        if root.is_dir() { Ok(Self::Disk(root)) } else { Err("not a folder".to_owned()) }
    }

    /// How people find the file.
    pub(crate) fn label(&self, path: &str) -> String {
        match self {
            Self::Shipped => format!("benchmarks/{path}"),
            Self::Disk(root) => root.join(path).display().to_string(),
        }
    }

    /// Paths of all `.yaml` and `.yml` files, sorted.
    pub(crate) fn task_files(&self) -> Result<Vec<String>, String> {
        let mut files = Vec::new();
        match self {
            Self::Shipped => shipped_files(&SHIPPED, &mut files),
            Self::Disk(root) => disk_files(root, "", 0, &mut files)?,
        }
        files.retain(|path| has_extension(path, "yaml") || has_extension(path, "yml"));
        files.sort();
        Ok(files)
    }

    /// Whether the file exists inside the folder.
    pub(crate) fn contains(&self, path: &str) -> bool {
        match self {
            Self::Shipped => SHIPPED.get_file(path).is_some(),
            Self::Disk(root) => inside(root, path).is_some_and(|file| file.is_file()),
        }
    }

    /// Contents of a file of at most `max_bytes`.
    pub(crate) fn read(&self, path: &str, max_bytes: u64) -> Result<Vec<u8>, String> {
        match self {
            Self::Shipped => {
                let file = SHIPPED.get_file(path).ok_or("no such file among the shipped benchmarks")?;
                Ok(file.contents().to_vec())
            }
            Self::Disk(root) => {
                let file = inside(root, path).ok_or("no such file inside the folder")?;
                read_bounded(&file, max_bytes).map_err(|error| error.to_string())
            }
        }
    }
}

/// Whether the name ends in this extension, in any case.
pub(crate) fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// A file cannot be read whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("not a regular file")]
    NotRegular,
    #[error("larger than {max_bytes} bytes, the limit for such files")]
    TooLarge { max_bytes: u64 },
}

/// Reads a regular file of at most `max_bytes`.
pub(crate) fn read_bounded(file: &Path, max_bytes: u64) -> Result<Vec<u8>, ReadError> {
    if !fs::metadata(file)?.is_file() {
        return Err(ReadError::NotRegular);
    }
    let mut bytes = Vec::new();
    fs::File::open(file)?.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes { Err(ReadError::TooLarge { max_bytes }) } else { Ok(bytes) }
}

/// The canonical path of `relative` if it exists and lies inside `root`, symbolic links resolved.
pub(crate) fn inside(root: &Path, relative: &str) -> Option<PathBuf> {
    let relative = join("", relative)?;
    let root = fs::canonicalize(root).ok()?;
    let file = fs::canonicalize(root.join(relative)).ok()?;
    file.starts_with(&root).then_some(file)
}

/// `relative` as seen from `folder`, both inside one tree; `None` where it leaves the tree or is absolute.
pub(crate) fn join(folder: &str, relative: &str) -> Option<String> {
    if relative.starts_with('/') || relative.contains(['\\', '\0']) || relative.contains(':') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The folder of a path; empty at the top.
pub(crate) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn shipped_files(folder: &Dir<'_>, files: &mut Vec<String>) {
    files.extend(folder.files().filter_map(|file| file.path().to_str()).map(|path| path.replace('\\', "/")));
    for folder in folder.dirs() {
        shipped_files(folder, files);
    }
}

fn disk_files(root: &Path, folder: &str, depth: usize, files: &mut Vec<String>) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("folders are nested deeper than {MAX_DEPTH} levels at `{folder}`"));
    }
    let entries = fs::read_dir(root.join(folder)).map_err(|error| format!("`{folder}`: {error}"))?;
    for entry in entries {
        let entry = entry.map_err(|error| error.to_string())?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') {
            continue;
        }
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        // Symbolic links to folders are not followed: they could lead outside or in circles.
        let kind = entry.file_type().map_err(|error| error.to_string())?;
        if kind.is_dir() {
            disk_files(root, &path, depth + 1, files)?;
        } else {
            files.push(path);
        }
        if files.len() > MAX_FILES {
            return Err(format!("more than {MAX_FILES} files; point to the folder of the tasks themselves"));
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leaves_the_tree_is_refused() {
        assert_eq!(join("a/b", "../c.yaml").as_deref(), Some("a/c.yaml"));
        for hostile in ["../../x", "/etc/passwd", "a/../../../x", "c:\\x"] {
            assert_eq!(join("a", hostile), None, "{hostile}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_out_of_the_folder_is_not_followed() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "x").unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), folder.path().join("link.yaml")).unwrap();
        let tree = Tree::open(folder.path()).unwrap();
        assert!(!tree.contains("link.yaml"));
        assert!(tree.read("link.yaml", 10).is_err());
    }

    #[test]
    fn a_file_over_its_limit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("big"), [0_u8; 11]).unwrap();
        assert!(Tree::open(folder.path()).unwrap().read("big", 10).unwrap_err().contains("larger"));
    }
}
