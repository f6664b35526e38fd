//! Reads task files: bounded, without Python tags, with their includes merged and every complaint at its line.

use serde::de::DeserializeOwned;
use serde_yaml_ng::{Mapping, Value};

use super::error::{CatalogError, did_you_mean};
use super::tree::{self, Tree};
use super::wire::{WireGroup, WireTask};

/// Largest task file.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// Largest task file that uses anchors: each may stand for much more than its own text.
const MAX_ANCHORED_BYTES: usize = 16 << 10;
/// Deepest nesting of lists and tables; patterns in a task file may leave a few brackets open.
const MAX_NESTING: usize = 100;
/// Longest chain of includes.
const MAX_INCLUDES: usize = 8;

/// Most files that one file may include, those of its includes counted.
const MAX_INCLUDED_FILES: usize = 64;

/// A task file and the files it includes, for naming the line at fault.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    /// Label and text, the file itself first.
    texts: Vec<(String, String)>,
}

impl Origin {
    /// Name of the file itself.
    pub(super) fn label(&self) -> &str {
        self.texts.first().map_or("", |(label, _)| label)
    }

    /// File and line at which a key stands; line 0 where it is nowhere.
    pub(super) fn locate(&self, key: &str) -> (String, usize) {
        let last = key.rsplit('.').next().unwrap_or(key);
        let found = self.texts.iter().find_map(|(label, text)| Some((label.clone(), line_of_key(text, last)?)));
        found.unwrap_or_else(|| (self.label().to_owned(), 0))
    }

    /// A complaint about the value of a key.
    pub(super) fn invalid(&self, key: &str, message: impl Into<String>) -> CatalogError {
        let (file, line) = self.locate(key);
        CatalogError::Invalid { file, line, key: key.to_owned(), message: message.into() }
    }

    /// Decodes merged keys; the files were checked one by one before, so this fails for in-place members only.
    pub(super) fn decode<T: DeserializeOwned>(&self, merged: Mapping) -> Result<T, CatalogError> {
        refuse_tags(&Value::Mapping(merged.clone()), self.label(), self.texts.first().map_or("", |(_, text)| text))?;
        T::deserialize(Value::Mapping(merged)).map_err(|error| {
            let unknown = unknown_key(&error.to_string());
            let line = unknown.as_ref().map_or(0, |(key, _)| self.locate(key).1);
            complaint(self.label(), line, unknown, &error)
        })
    }
}

/// A file with everything it includes.
#[derive(Debug, Clone)]
pub(super) struct YamlFile {
    pub(super) origin: Origin,
    /// All keys; its own win over included ones.
    pub(super) keys: Mapping,
}

impl YamlFile {
    /// Reads a file and its includes. `trees` are further folders in which an include may be, from their top.
    pub(super) fn read(tree: &Tree, path: &str, trees: &[Tree]) -> Result<Self, CatalogError> {
        let mut left = MAX_INCLUDED_FILES;
        Self::read_chained(tree, path, trees, &mut Vec::new(), &mut left)
    }

    /// `chain` are the files on the way here, `left` the number of files that may still be included.
    fn read_chained(
        tree: &Tree,
        path: &str,
        trees: &[Tree],
        chain: &mut Vec<String>,
        left: &mut usize,
    ) -> Result<Self, CatalogError> {
        let label = tree.label(path);
        if chain.contains(&label) || chain.len() >= MAX_INCLUDES {
            let first = chain.first().cloned().unwrap_or_default();
            return Err(CatalogError::IncludeCycle {
                file: first,
                chain: format!("{} -> {label}", chain.join(" -> ")),
            });
        }
        let (text, mut own) = read_one(tree, path, &label)?;
        let mut origin = Origin { texts: vec![(label.clone(), text)] };
        let mut keys = Mapping::new();
        chain.push(label);
        // The first of several includes wins, as in lm-evaluation-harness.
        for include in includes(&own).into_iter().rev() {
            let Some((tree, path)) = find(tree, tree::folder_of(path), &include, trees) else {
                let message =
                    format!("`{include}` is neither beside this file nor in a folder given by --include_path");
                return Err(origin.invalid("include", message));
            };
            *left = left.checked_sub(1).ok_or_else(|| {
                origin.invalid(
                    "include",
                    format!("more than {MAX_INCLUDED_FILES} files are included, some of them again"),
                )
            })?;
            let included = Self::read_chained(&tree, &path, trees, chain, left)?;
            keys.extend(included.keys);
            origin.texts.splice(1..1, included.origin.texts);
        }
        chain.pop();
        own.remove("include");
        keys.extend(own);
        Ok(Self { origin, keys })
    }
}

/// Whether the keys are those of a group: it lists its members under `task`.
pub(super) fn is_group(keys: &Mapping) -> bool {
    keys.contains_key("group") && !matches!(keys.get("task"), None | Some(Value::String(_)))
}

fn includes(keys: &Mapping) -> Vec<String> {
    match keys.get("include") {
        Some(Value::String(path)) => vec![path.clone()],
        Some(Value::Sequence(paths)) => paths.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn find(tree: &Tree, folder: &str, include: &str, trees: &[Tree]) -> Option<(Tree, String)> {
    let beside = tree::join(folder, include).filter(|path| tree.contains(path)).map(|path| (tree.clone(), path));
    beside.or_else(|| {
        let path = tree::join("", include)?;
        trees.iter().find(|tree| tree.contains(&path)).map(|tree| (tree.clone(), path))
    })
}

/// Reads one file and checks its keys and types, whatever it is: a task, a template or a group.
fn read_one(tree: &Tree, path: &str, label: &str) -> Result<(String, Mapping), CatalogError> {
    let unreadable = |message| CatalogError::Read { file: label.to_owned(), message };
    let bytes = tree.read(path, MAX_FILE_BYTES).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable("not UTF-8".to_owned()))?;
    if text.len() > MAX_ANCHORED_BYTES && uses_anchors(&text) {
        return Err(unreadable(format!("a file with anchors (`&name`) may have {MAX_ANCHORED_BYTES} bytes at most")));
    }
    if nests_deeply(&text) {
        return Err(unreadable(format!("lists or tables are nested deeper than {MAX_NESTING} levels")));
    }
    let text = with_known_functions(text);
    let value: Value = serde_yaml_ng::from_str(&text).map_err(|error| complaint_at(label, &error))?;
    refuse_tags(&value, label, &text)?;
    let keys = match value {
        Value::Mapping(keys) => keys,
        Value::Null => Mapping::new(),
        _ => {
            let message = "a task file is a table of keys and values".to_owned();
            return Err(CatalogError::Yaml { file: label.to_owned(), line: 1, message });
        }
    };
    // Typed reading from the text gives the line of a mistake, which the untyped value has lost.
    if is_group(&keys) {
        serde_yaml_ng::from_str::<WireGroup>(&text).map(drop).map_err(|error| complaint_at(label, &error))?;
    } else if !keys.is_empty() {
        serde_yaml_ng::from_str::<WireTask>(&text).map(drop).map_err(|error| complaint_at(label, &error))?;
    }
    Ok((text, keys))
}

fn uses_anchors(text: &str) -> bool {
    let mut previous = '\n';
    text.chars().any(|c| {
        let starts_a_node = previous.is_whitespace() || "[{,:-".contains(previous);
        previous = c;
        c == '&' && starts_a_node
    })
}

/// Whether brackets, or dashes on one line, open more levels than any task needs. The YAML reader would refuse them too,
/// but after a time that grows with the square of their number.
fn nests_deeply(text: &str) -> bool {
    let mut open = 0_usize;
    for c in text.chars() {
        match c {
            '[' | '{' => open += 1,
            ']' | '}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > MAX_NESTING {
            return true;
        }
    }
    let is_marker = |word: &&str| matches!(*word, "-" | "?" | ":");
    text.lines().any(|line| line.split_whitespace().take_while(is_marker).count() > MAX_NESTING)
}

/// The Python functions that stock IFEval tasks name, replaced by what this program has in their place. Lines stay lines.
fn with_known_functions(text: String) -> String {
    if !text.contains("prompt_level_strict_acc") {
        return text;
    }
    let known =
        [("!function utils.process_results", "ifeval"), ("!function utils.agg_inst_level_acc", "weighted_mean")];
    known.into_iter().fold(text, |text, (function, own)| text.replace(function, own))
}

/// Refuses `!function` and every other tag.
fn refuse_tags(value: &Value, file: &str, text: &str) -> Result<(), CatalogError> {
    let Some((key, tag, argument)) = first_tag(value, "") else { return Ok(()) };
    let line = text.lines().position(|line| line.contains(&tag)).map_or(0, |at| at + 1);
    let file = file.to_owned();
    if tag == "!function" {
        let line =
            text.lines().position(|line| line.contains(&tag) && line.contains(&argument)).map_or(line, |at| at + 1);
        return Err(CatalogError::Function { file, line, key, function: argument });
    }
    let message = format!("{key}: the YAML tag `{tag}` is not supported");
    Err(CatalogError::Yaml { file, line, message })
}

fn first_tag(value: &Value, key: &str) -> Option<(String, String, String)> {
    match value {
        Value::Tagged(tagged) => {
            let argument = tagged.value.as_str().unwrap_or_default().to_owned();
            Some((key.to_owned(), tagged.tag.to_string(), argument))
        }
        Value::Sequence(items) => items.iter().find_map(|item| first_tag(item, key)),
        Value::Mapping(entries) => entries
            .iter()
            .find_map(|(name, item)| first_tag(name, key).or_else(|| first_tag(item, name.as_str().unwrap_or(key)))),
        _ => None,
    }
}

fn complaint_at(file: &str, error: &serde_yaml_ng::Error) -> CatalogError {
    let line = error.location().map_or(0, |location| location.line());
    complaint(file, line, unknown_key(&error.to_string()), error)
}

fn complaint(file: &str, line: usize, unknown: Option<(String, String)>, error: &serde_yaml_ng::Error) -> CatalogError {
    let file = file.to_owned();
    match unknown {
        Some((key, hint)) => CatalogError::UnknownKey { file, line, key, hint },
        None => CatalogError::Yaml { file, line, message: error.to_string() },
    }
}

/// The key that serde does not know, and which of those it expected is meant.
fn unknown_key(message: &str) -> Option<(String, String)> {
    let (_, tail) = message.split_once("unknown field `")?;
    let (key, expected) = tail.split_once('`')?;
    let expected = expected.split('`').skip(1).step_by(2);
    Some((key.to_owned(), did_you_mean(key, expected)))
}

/// The line on which a key stands, from 1.
fn line_of_key(text: &str, key: &str) -> Option<usize> {
    let stands_here = |line: &str| {
        let line = line.trim_start_matches([' ', '-', '"', '\'', '{']);
        line.strip_prefix(key).is_some_and(|rest| rest.trim_start_matches(['"', '\'']).trim_start().starts_with(':'))
    };
    text.lines().position(stands_here).map(|at| at + 1)
}

/// Whether a text holds a backslash and an `n` outside Jinja's braces: a line break that was meant, between single quotes.
pub(super) fn has_literal_line_break(text: &str) -> bool {
    let mut rest = text;
    loop {
        let open = rest.find("{{").into_iter().chain(rest.find("{%")).min();
        let (plain, inside) = rest.split_at(open.unwrap_or(rest.len()));
        if plain.contains("\\n") {
            return true;
        }
        let close = inside.find("}}").into_iter().chain(inside.find("%}")).min();
        match close.and_then(|at| inside.get(at + 2..)) {
            Some(tail) => rest = tail,
            None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_break_between_single_quotes_is_noticed_outside_jinja_only() {
        assert!(has_literal_line_break(r"Question:\nAnswer"));
        assert!(has_literal_line_break(r"{{a}}\n{{b}}"));
        assert!(!has_literal_line_break(r"{{ a.split('\n') }} b"));
        assert!(!has_literal_line_break("real\n{{ open"));
    }

    #[test]
    fn a_key_is_found_at_its_line_quoted_or_in_a_list() {
        let text = "a: 1\n\"b\": 2\n- function: x\n";
        assert_eq!(line_of_key(text, "b"), Some(2));
        assert_eq!(line_of_key(text, "function"), Some(3));
        assert_eq!(line_of_key(text, "funct"), None);
    }
}
