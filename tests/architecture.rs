//! Holds the layer table of the crate's front page: a module may use its own layer and those below.
#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

/// Modules by layer, lowest first. A module that is missing here fails the test.
const LAYERS: [&[&str]; 7] = [
    &[
        "chat",
        "digest",
        "estimate",
        "instance",
        "instruction",
        "judgment",
        "record",
        "request",
        "response",
        "score",
        "seed",
        "task",
        "variant",
        "weighting",
    ],
    &["perturb", "scoring", "stats", "sensitivity", "corpus"],
    &["data", "store"],
    &["model", "backend", "train", "hub"],
    &["plan", "execute", "judge", "sweep"],
    &["analyze", "paired", "compare", "gate", "report"],
    &["cli"],
];

/// The layer that may not see models although it lies above them: reports are made from records alone.
const READERS: usize = 5;
const MODELS: usize = 3;

/// What only some layers may name: (words, layers that may, why).
const CONFINED: [(&[&str], &[usize], &str); 5] = [
    (&["candle_core", "tokenizers::", "safetensors::"], &[3], "models are layer 3's business"),
    (&["resvg::", "epaint_default_fonts::", "quick_junit::"], &[5], "pictures and documents are made by reports"),
    (&["println!", "eprintln!", "print!", "eprint!"], &[6], "only the edge prints"),
    (&["SystemTime", "Instant::now", "std::env::var", "env::args"], &[6], "only the edge reads clock and environment"),
    (&["std::fs", "fs::read", "File::open"], &[2, 3, 4, 6], "vocabulary, pure work and reports do no I/O"),
];

fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> =
        fs::read_dir(folder).expect("src is readable").map(|entry| entry.expect("entry is readable").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

fn top_module(source: &Path, file: &Path) -> String {
    let relative = file.strip_prefix(source).expect("the file lies under src");
    let first = relative.components().next().expect("a path has a component");
    first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// The part of a file that is compiled into the product, comments left out: tests may do what they like.
fn product_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .take_while(|line| !line.trim_start().starts_with("#[cfg(test)]"))
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Top-level modules named after `crate::` in a line, `crate::{a, b::c}` included.
fn modules_named(line: &str) -> Vec<&str> {
    let mut named = Vec::new();
    for (at, marker) in line.match_indices("crate::") {
        let tail = line.get(at + marker.len()..).unwrap_or_default();
        let list = tail.strip_prefix('{').map(|list| list.split('}').next().unwrap_or(list));
        for item in list.map_or_else(|| vec![tail], |list| list.split(',').collect()) {
            let end = item.trim().find(|c: char| !c.is_alphanumeric() && c != '_');
            let item = item.trim();
            named.push(end.and_then(|end| item.get(..end)).unwrap_or(item));
        }
    }
    named
}

#[test]
fn every_module_uses_only_its_own_layer_and_those_below() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    assert!(files.len() > 20, "the walk found the source");
    let mut faults = Vec::new();
    for file in &files {
        let module = top_module(&source, file);
        let name = file.file_name().expect("a file has a name").to_string_lossy();
        let inside = file.strip_prefix(&source).expect("the file lies under src");
        let in_tests = inside.components().any(|part| part.as_os_str() == "tests");
        let only_tests = in_tests || name == "tests.rs" || name.ends_with("_tests.rs");
        if only_tests || module == "lib" || module == "main" {
            continue;
        }
        let Some(layer) = layer_of(&module) else {
            faults.push(format!("{}: module `{module}` has no layer", file.display()));
            continue;
        };
        let text = fs::read_to_string(file).expect("source is UTF-8");
        for (number, line) in product_lines(&text) {
            let place = || format!("{}:{number}: {}", file.display(), line.trim());
            for used in modules_named(line) {
                if let Some(below) = layer_of(used) {
                    let reader_sees_model = layer == READERS && below == MODELS;
                    if below > layer || reader_sees_model {
                        faults.push(format!("{} (layer {layer} uses layer {below})", place()));
                    }
                }
            }
            for (words, allowed, why) in CONFINED {
                if !allowed.contains(&layer) && words.iter().any(|word| line.contains(word)) {
                    faults.push(format!("{} ({why})", place()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn no_file_outgrows_its_purpose() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    let long: Vec<_> = files
        .iter()
        .map(|file| (fs::read_to_string(file).expect("source is UTF-8").lines().count(), file))
        .filter(|(lines, _)| *lines > 600)
        .collect();
    assert!(long.is_empty(), "files over 600 lines: {long:?}");
    let main = fs::read_to_string(source.join("main.rs")).expect("main.rs is there");
    assert!(main.lines().count() < 60, "main.rs stays a table of contents");
}

#[test]
fn the_reader_of_use_lines_sees_single_and_grouped_modules() {
    assert_eq!(modules_named("use crate::model::engine::Engine;"), ["model"]);
    assert_eq!(modules_named("use crate::{chat::Role, cli};"), ["chat", "cli"]);
    assert!(modules_named("use std::fmt;").is_empty());
}
