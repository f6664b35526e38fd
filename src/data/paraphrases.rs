//! Reads paraphrases that the user brings.
//!
//! The layout is told from the file: lines of JSON (`{"id": "<task>/<index>", "variants": [...]}`, with `task` and
//! `index`, or `original`, in the place of `id`); `ProSA` (`alpaca_eval_v1.json`, `..._v2.json` ... or
//! `question_v1.jsonl`, `..._v2.jsonl` ...: the same index is the same intent, version 1 the original); multi-prompt
//! tables (CSV with the columns `default prompt`, `prompt template` and `correct`; rows whose `correct` is not 1 are
//! left out). A folder is searched for all of them. Rows that cannot be taken for what they say, not for how they are
//! written, are left out with a reason ([`UserParaphrases::refused`]).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use super::tree::{ReadError, read_bounded};
use crate::perturb::paraphrase::user::UserParaphrases;

/// Largest file, in bytes.
const MAX_FILE_BYTES: u64 = 64 << 20;
/// Most files of a folder.
const MAX_FILES: usize = 1_000;
/// Deepest folder below the one given.
const MAX_DEPTH: usize = 4;

/// A file of paraphrases cannot be used.
#[derive(Debug, Error)]
pub enum ParaphraseFileError {
    /// The file or folder cannot be read.
    #[error("{}: {source}; give a file or folder of paraphrases that can be read", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is larger than 64 MiB.
    #[error("{}: larger than 64 MiB; split the file", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// The folder holds too many files.
    #[error("{}: more than {MAX_FILES} files; give a folder with the paraphrases alone", path.display())]
    TooManyFiles {
        /// Which.
        path: PathBuf,
    },
    /// There is nothing of a known layout.
    #[error("{}: no paraphrases; known are lines of JSON (.jsonl), ProSA (..._v1.json, ..._v2.json or ..._v1.jsonl, ...) and multi-prompt tables (.csv)", path.display())]
    NoFiles {
        /// Which.
        path: PathBuf,
    },
    /// A line, row or column is not as its layout has it.
    #[error("{}:{line}: {problem}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Line, from 1; of a JSON array, the number of the row.
        line: usize,
        /// What is wrong, at which field, and what to do.
        problem: String,
    },
    /// Version 1 of a `ProSA` set is missing.
    #[error("{}: version 1, the original, is missing; put {expected} beside it", path.display())]
    NoOriginal {
        /// A file of the set.
        path: PathBuf,
        /// The name expected.
        expected: String,
    },
}

/// Reads a file, or every file of a known layout in a folder.
pub fn load(path: &Path) -> Result<UserParaphrases, ParaphraseFileError> {
    let meta = fs::metadata(path).map_err(|source| ParaphraseFileError::Io { path: path.to_owned(), source })?;
    let mut files = Vec::new();
    if meta.is_dir() {
        collect(path, path, 0, &mut files)?;
    } else {
        files.push(path.to_owned());
        if let Some((stem, _, extension)) = version_of(path) {
            files = siblings(path, &stem, &extension)?;
        }
    }
    let mut sets: BTreeMap<PathBuf, BTreeMap<usize, PathBuf>> = BTreeMap::new();
    let mut user = UserParaphrases::default();
    let mut known = 0;
    for file in files {
        if let Some((stem, version, extension)) = version_of(&file) {
            sets.entry(file.with_file_name(format!("{stem}.{extension}"))).or_default().insert(version, file);
            known += 1;
            continue;
        }
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("jsonl") => user.extend(json_lines(&file)?),
            Some("csv") => match multi_prompt(&file, meta.is_dir())? {
                Some(found) => user.extend(found),
                None => continue,
            },
            _ => continue,
        }
        known += 1;
    }
    for versions in sets.values() {
        user.extend(prosa(versions)?);
    }
    if known == 0 { Err(ParaphraseFileError::NoFiles { path: path.to_owned() }) } else { Ok(user) }
}

fn collect(root: &Path, folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), ParaphraseFileError> {
    let io = |source| ParaphraseFileError::Io { path: folder.to_owned(), source };
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        entries.push((entry.path(), entry.file_type().map_err(io)?));
        if entries.len() > MAX_FILES {
            return Err(ParaphraseFileError::TooManyFiles { path: folder.to_owned() });
        }
    }
    entries.sort_by(|left, right| left.0.cmp(&right.0));
    for (path, kind) in entries {
        if kind.is_dir() && depth < MAX_DEPTH {
            collect(root, &path, depth + 1, files)?;
        } else if kind.is_file() {
            files.push(path);
        }
        if files.len() > MAX_FILES {
            return Err(ParaphraseFileError::TooManyFiles { path: root.to_owned() });
        }
    }
    Ok(())
}

/// `question_v2.jsonl` is (`question`, 2, `jsonl`).
fn version_of(path: &Path) -> Option<(String, usize, String)> {
    let extension = path.extension()?.to_str().filter(|extension| matches!(*extension, "json" | "jsonl"))?;
    let (stem, version) = path.file_stem()?.to_str()?.rsplit_once("_v")?;
    Some((stem.to_owned(), version.parse().ok().filter(|version| *version <= 1_000)?, extension.to_owned()))
}

fn siblings(path: &Path, stem: &str, extension: &str) -> Result<Vec<PathBuf>, ParaphraseFileError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut files = Vec::new();
    collect(folder, folder, MAX_DEPTH, &mut files)?;
    let is_sibling = |file: &PathBuf| version_of(file).is_some_and(|(s, _, e)| s == stem && e == extension);
    files.retain(is_sibling);
    Ok(files)
}

fn read(path: &Path) -> Result<String, ParaphraseFileError> {
    let io = |source| ParaphraseFileError::Io { path: path.to_owned(), source };
    let bytes = read_bounded(path, MAX_FILE_BYTES).map_err(|error| match error {
        ReadError::Io(source) => io(source),
        ReadError::NotRegular => io(std::io::Error::other(error)),
        ReadError::TooLarge { .. } => ParaphraseFileError::TooLarge { path: path.to_owned() },
    })?;
    String::from_utf8(bytes).map_err(|error| io(std::io::Error::new(std::io::ErrorKind::InvalidData, error)))
}

fn malformed(path: &Path, line: usize, problem: &(impl ToString + ?Sized)) -> ParaphraseFileError {
    ParaphraseFileError::Malformed { path: path.to_owned(), line, problem: problem.to_string() }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineWire {
    id: Option<String>,
    task: Option<String>,
    index: Option<u64>,
    original: Option<String>,
    variants: Vec<String>,
}

fn json_lines(path: &Path) -> Result<UserParaphrases, ParaphraseFileError> {
    let text = read(path)?;
    let mut user = UserParaphrases::default();
    for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line)) {
        if line.trim().is_empty() {
            continue;
        }
        let wire: LineWire = serde_json::from_str(line).map_err(|error| {
            malformed(
                path,
                number,
                &format!("{error}; a line is {{\"id\": \"<task>/<index>\", \"variants\": [\"...\"]}}"),
            )
        })?;
        if wire.variants.is_empty() {
            return Err(malformed(path, number, "field `variants` is empty; write at least one wording"));
        }
        let id = match (&wire.id, &wire.task, wire.index, &wire.original) {
            (Some(id), None, None, None) => Some(id.clone()),
            (None, Some(task), Some(index), None) => Some(format!("{task}/{index}")),
            (None, None, None, Some(_)) => None,
            _ => return Err(malformed(path, number, "write exactly one of `id`, `task` with `index`, or `original`")),
        };
        for (variant, text) in wire.variants.iter().enumerate() {
            let added = match (&id, &wire.original) {
                (Some(id), _) => user.add_for_id(id, text),
                (None, original) => user.add_for_text(original.as_deref().unwrap_or_default(), text),
            };
            if let Err(error) = added {
                user.refuse(format!("{}:{number}: variants[{variant}]", path.display()), &error);
            }
        }
    }
    Ok(user)
}

#[derive(Deserialize)]
struct AlpacaRow {
    question: String,
    others: AlpacaIndex,
}

#[derive(Deserialize)]
struct AlpacaIndex {
    index: String,
}

#[derive(Deserialize)]
struct ArenaRow {
    question_id: String,
    turns: Vec<ArenaTurn>,
}

#[derive(Deserialize)]
struct ArenaTurn {
    content: String,
}

fn prosa(versions: &BTreeMap<usize, PathBuf>) -> Result<UserParaphrases, ParaphraseFileError> {
    let Some(original) = versions.get(&1) else {
        let path = versions.values().next().cloned().unwrap_or_default();
        let expected = version_of(&path).map_or(String::new(), |(stem, _, extension)| format!("{stem}_v1.{extension}"));
        return Err(ParaphraseFileError::NoOriginal { path, expected });
    };
    let mut user = UserParaphrases::default();
    let originals = prosa_rows(original)?.into_iter().collect::<BTreeMap<_, _>>();
    for (_, path) in versions.iter().filter(|(version, _)| **version != 1) {
        for (index, text) in prosa_rows(path)? {
            let place = format!("{}: index {index}", path.display());
            let Some(source) = originals.get(&index) else {
                user.refuse(place, &"version 1 has no such index");
                continue;
            };
            if let Err(error) = user.add_for_text(source, &text) {
                user.refuse(place, &error);
            }
        }
    }
    Ok(user)
}

/// Index and text of each row.
fn prosa_rows(path: &Path) -> Result<Vec<(String, String)>, ParaphraseFileError> {
    let text = read(path)?;
    if path.extension().is_some_and(|extension| extension == "json") {
        let rows: Vec<AlpacaRow> = serde_json::from_str(&text).map_err(|error| {
            malformed(
                path,
                error.line(),
                &format!("{error}; a row is {{\"question\": ..., \"others\": {{\"index\": ...}}}}"),
            )
        })?;
        return Ok(rows.into_iter().map(|row| (row.others.index, row.question)).collect());
    }
    let mut rows = Vec::new();
    for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line)) {
        if line.trim().is_empty() {
            continue;
        }
        let row: ArenaRow = serde_json::from_str(line).map_err(|error| {
            malformed(
                path,
                number,
                &format!("{error}; a row is {{\"question_id\": ..., \"turns\": [{{\"content\": ...}}]}}"),
            )
        })?;
        let first = row.turns.into_iter().next();
        let first =
            first.ok_or_else(|| malformed(path, number, "field `turns` is empty; write the question as its first"))?;
        rows.push((row.question_id, first.content));
    }
    Ok(rows)
}

/// The templates of a table. `None` for a table of something else where a whole folder is read.
fn multi_prompt(path: &Path, in_folder: bool) -> Result<Option<UserParaphrases>, ParaphraseFileError> {
    let text = read(path)?;
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|error| malformed(path, 1, &error))?.clone();
    let column = |name: &str| headers.iter().position(|header| header.trim() == name);
    let columns = (column("default prompt"), column("prompt template"), column("correct"));
    let (Some(is_default), Some(template), Some(correct)) = columns else {
        if in_folder {
            return Ok(None);
        }
        return Err(malformed(path, 1, "the columns `default prompt`, `prompt template` and `correct` are needed"));
    };
    let mut defaults: Vec<String> = Vec::new();
    let mut others = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            malformed(path, usize::try_from(line).unwrap_or_default(), &error)
        })?;
        let line = record.position().map_or(0, |position| usize::try_from(position.line()).unwrap_or_default());
        let field = |index: usize| record.get(index).unwrap_or_default();
        match field(is_default).trim().to_lowercase().as_str() {
            "true" | "1" => defaults.push(field(template).to_owned()),
            "false" | "0" => others.push((line, field(template).to_owned(), field(correct).trim().to_owned())),
            other => {
                return Err(malformed(
                    path,
                    line,
                    &format!("column `default prompt` is `{other}`; write True or False"),
                ));
            }
        }
    }
    if defaults.is_empty() {
        return Err(malformed(path, 1, "no row is the default prompt; mark one with True"));
    }
    Ok(Some(templates(path, &defaults, others)))
}

/// Wordings of every default prompt whose placeholders they have. Several defaults are wordings of each other.
fn templates(path: &Path, defaults: &[String], others: Vec<(usize, String, String)>) -> UserParaphrases {
    let mut user = UserParaphrases::default();
    for (line, template, correct) in others {
        let place = format!("{}:{line}", path.display());
        if correct != "1" {
            user.refuse(place, &format!("marked as not correct (`{correct}`)"));
            continue;
        }
        let results = defaults.iter().map(|default| user.add_template(default, &template)).collect::<Vec<_>>();
        if let (false, Some(Err(error))) = (results.iter().any(Result::is_ok), results.first()) {
            user.refuse(place, error);
        }
    }
    for default in defaults {
        for other in defaults.iter().filter(|other| *other != default) {
            // A default with other placeholders stands for itself only.
            let _ = user.add_template(default, other);
        }
    }
    user
}

#[cfg(test)]
#[path = "paraphrases_tests.rs"]
mod tests;
