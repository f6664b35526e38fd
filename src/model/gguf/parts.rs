//! Which files a model in GGUF is made of.

use std::path::{Path, PathBuf};

use super::error::GgufError;
use super::metadata::Metadata;
use crate::model::checkpoint::file::{self, FileError};
use crate::model::weights::{Mapping, stays_with};

const EXTENSION: &str = ".gguf";
const DIGITS: usize = 5;

/// Whether a path goes by the format's name.
pub fn is_gguf(path: &Path) -> bool {
    name(path).is_some_and(|name| name.ends_with(EXTENSION)) && !path.is_dir()
}

/// The model in GGUF that a folder holds; of several files, the first.
///
/// # Errors
/// Where the folder cannot be read, or holds several models: by their names.
pub fn model_in(dir: &Path) -> Result<Option<PathBuf>, GgufError> {
    let unreadable = |source| FileError::Unreadable { file: dir.to_owned(), source };
    if !dir.is_dir() {
        return Ok(None);
    }
    let mut models = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let Some(name) = name(&path) else { continue };
        // What llama.cpp keeps beside a model: projections of images, statistics of activations.
        let companion = name.starts_with("mmproj") || name.contains("imatrix");
        let first = numbered(name).is_none_or(|(_, number, _)| number == 1);
        if is_gguf(&path) && !companion && first {
            models.push(path);
        }
    }
    models.sort();
    match models.as_slice() {
        [] => Ok(None),
        [one] if stays_with(dir, one).map_err(unreadable)? => Ok(Some(one.clone())),
        [one] => Err(leads_out(one)),
        several => {
            let names = several.iter().filter_map(|path| name(path)).collect::<Vec<_>>().join(", ");
            Err(GgufError::SeveralModels { dir: dir.to_owned(), names })
        }
    }
}

/// What reports call a model: its file's name without number and extension.
pub fn name_of(path: &Path) -> String {
    let name = name(path).unwrap_or_default();
    let stem = numbered(name).map_or_else(|| name.strip_suffix(EXTENSION).unwrap_or(name), |(stem, ..)| stem);
    if stem.is_empty() { "checkpoint".to_owned() } else { stem.to_owned() }
}

/// All files of the model that one of them belongs to, in order.
pub(super) fn paths_of(path: &Path) -> Result<Vec<PathBuf>, GgufError> {
    let Some((stem, _, count)) = name(path).and_then(numbered) else { return Ok(vec![path.to_owned()]) };
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut paths = Vec::new();
    for number in 1..=count {
        let part = path.with_file_name(format!("{stem}-{number:05}-of-{count:05}{EXTENSION}"));
        if std::fs::symlink_metadata(&part).is_err() {
            let fault = format!("is missing; the model is in {count} files, fetch them all into one folder");
            return Err(GgufError::Part { file: part, fault });
        }
        let inside = stays_with(dir, &part).map_err(|source| FileError::Unreadable { file: part.clone(), source })?;
        if !inside && part != path {
            return Err(leads_out(&part));
        }
        paths.push(part);
    }
    Ok(paths)
}

/// Maps a file.
pub(super) fn map(path: &Path) -> Result<Mapping, GgufError> {
    let Some((handle, _)) = file::open(path)? else { return Err(GgufError::NoFile { file: path.to_owned() }) };
    Mapping::of(&handle).map_err(|source| FileError::Unreadable { file: path.to_owned(), source }.into())
}

/// Checks what a file says of its place among the others.
pub(super) fn check(metadata: &Metadata, place: usize, count: usize) -> Result<(), GgufError> {
    let said = |key: &str| Ok::<_, GgufError>(metadata.integer(key)?.and_then(|n| usize::try_from(n).ok()));
    let (said_count, said_place) = (said("split.count")?.unwrap_or(1).max(1), said("split.no")?.unwrap_or(0));
    if (said_count, said_place) == (count, place) {
        return Ok(());
    }
    let fault = format!(
        "is file {} of {said_count} by its own account, but {} of {count} by its name; give the files the names that \
         they were published with",
        said_place + 1,
        place + 1
    );
    Err(GgufError::Part { file: metadata.file().to_owned(), fault })
}

fn leads_out(path: &Path) -> GgufError {
    let fault = "is a link that leads out of the folder; put the file there".to_owned();
    GgufError::Part { file: path.to_owned(), fault }
}

fn name(path: &Path) -> Option<&str> {
    path.file_name().and_then(|name| name.to_str())
}

/// Takes `stem-00002-of-00003.gguf` apart.
fn numbered(name: &str) -> Option<(&str, usize, usize)> {
    let (rest, count) = name.strip_suffix(EXTENSION)?.rsplit_once("-of-")?;
    let (stem, number) = rest.rsplit_once('-')?;
    let read = |digits: &str| {
        let plain = digits.len() == DIGITS && digits.bytes().all(|digit| digit.is_ascii_digit());
        plain.then(|| digits.parse().ok()).flatten()
    };
    let (number, count): (usize, usize) = (read(number)?, read(count)?);
    (number >= 1 && number <= count).then_some((stem, number, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_several_says_which_it_is() {
        assert_eq!(numbered("model-q4-00002-of-00003.gguf"), Some(("model-q4", 2, 3)));
        let others = ["model.gguf", "model-00004-of-00003.gguf", "model-00000-of-00003.gguf", "m-1-of-3.gguf"];
        for name in others {
            assert_eq!(numbered(name), None, "{name}");
        }
        assert_eq!(name_of(Path::new("a/tuned-p0.4-r0.6-00001-of-00002.gguf")), "tuned-p0.4-r0.6");
        assert_eq!(name_of(Path::new("tuned.gguf")), "tuned");
    }
}
