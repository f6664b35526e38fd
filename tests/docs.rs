//! The documentation is held to the program: pages and links are complete, examples run, flags exist.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every page, with its text.
fn pages() -> Vec<(PathBuf, String)> {
    let mut paths = vec![root().join("README.md"), root().join("results/README.md")];
    for folder in ["docs", "docs/adr"] {
        let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        paths.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    paths.extend(results_pages());
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(&path).unwrap())).collect()
}

/// The pages of committed results; runs beside them are the user's own.
fn results_pages() -> impl Iterator<Item = PathBuf> {
    ["demo_grid", "paper"].into_iter().map(|name| root().join("results").join(name).join("README.md"))
}

/// Fenced blocks of one language, with the line that they start at.
fn blocks(text: &str, language: &str) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    let mut open: Option<(String, usize, Vec<String>)> = None;
    for (index, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => open = Some((info.trim().to_owned(), index + 1, Vec::new())),
            (Some(_), Some("")) => {
                let (info, start, lines) = open.take().unwrap();
                if info == language {
                    found.push((start, lines));
                }
            }
            (Some((_, _, lines)), _) => lines.push(line.to_owned()),
            (None, None) => {}
        }
    }
    found
}

/// Lines with those that a backslash continues.
fn joined(lines: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut continued = false;
    for line in lines {
        let head = line.trim_end().strip_suffix('\\');
        let text = head.unwrap_or(line);
        if continued {
            let last = out.last_mut().unwrap();
            last.push(' ');
            last.push_str(text.trim());
        } else {
            out.push(text.to_owned());
        }
        continued = head.is_some();
    }
    out
}

/// Commands in blocks that are indented; three spaces part a command from what is said about it.
fn indented(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("    ")).map(str::to_owned).collect::<Vec<_>>();
    let commands = joined(&lines).into_iter().filter(|line| line.starts_with("wit-eval "));
    commands.map(|line| line.split("   ").next().unwrap_or_default().to_owned()).collect()
}

/// Words as a shell splits them, quotes honoured; a comment ends the command.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut any) = (Vec::new(), String::new(), None, false);
    for c in command.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => (quote, any) = (Some(c), true),
            (None, '#') if word.is_empty() && !any => break,
            (None, c) if c.is_whitespace() => {
                if !word.is_empty() || any {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            (_, c) => word.push(c),
        }
    }
    if !word.is_empty() || any {
        words.push(word);
    }
    words
}

fn wit_eval() -> Command {
    Command::new(env!("CARGO_BIN_EXE_wit-eval"))
}

#[test]
fn the_books_contents_list_every_page_and_no_other() {
    let summary = fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let link = Regex::new(r"\]\(([^)]+\.md)\)").unwrap();
    let listed = link.captures_iter(&summary).map(|found| found[1].to_owned()).collect::<BTreeSet<_>>();
    let docs = root().join("docs");
    let there = pages().into_iter().filter_map(|(path, _)| Some(path.strip_prefix(&docs).ok()?.to_str()?.to_owned()));
    let there = there.filter(|name| name != "SUMMARY.md").collect::<BTreeSet<_>>();
    assert!(there.len() > 20);
    assert_eq!(listed, there);
}

/// A heading's anchor as GitHub and mdBook make it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let (mut faults, mut links) = (Vec::new(), 0);
    for (path, text) in pages() {
        for found in link.captures_iter(&text) {
            let target = &found[1];
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            links += 1;
            let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let headings = fs::read_to_string(&file).ok().map(|text| {
                text.lines()
                    .filter(|line| line.starts_with('#'))
                    .map(|line| anchor(line.trim_start_matches('#')))
                    .collect::<BTreeSet<_>>()
            });
            let known = fragment.is_empty() || headings.is_some_and(|headings| headings.contains(fragment));
            if !file.exists() || !known {
                faults.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(links > 50, "links were found");
}

/// The flags of a verb, by its help.
fn flags_of(verb: &[String], known: &mut BTreeMap<Vec<String>, Option<BTreeSet<String>>>) -> Option<BTreeSet<String>> {
    let entry = known.entry(verb.to_vec()).or_insert_with(|| {
        let output = wit_eval().args(verb).arg("--help").output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        let flag = Regex::new(r"(?m)(?:^|[\s,\[])(--[a-z0-9][a-z0-9_-]*|-[a-z])").unwrap();
        output.status.success().then(|| flag.captures_iter(&help).map(|found| found[1].replace('_', "-")).collect())
    });
    entry.clone()
}

#[test]
fn every_flag_that_a_page_names_in_a_command_exists() {
    let mut known = BTreeMap::new();
    let verbs = Regex::new(r"(?m)^  ([a-z-]+) ").unwrap();
    let help = String::from_utf8(wit_eval().arg("--help").output().unwrap().stdout).unwrap();
    let verbs = verbs.captures_iter(&help).map(|found| found[1].to_owned()).collect::<BTreeSet<_>>();
    assert!(verbs.contains("report") && verbs.contains("gate"), "{verbs:?}");
    let (mut faults, mut commands) = (Vec::new(), 0);
    for (path, text) in pages() {
        let found = ["sh", "console"].into_iter().flat_map(|language| blocks(&text, language));
        for line in found.flat_map(|(_, lines)| joined(&lines)).chain(indented(&text)) {
            let words = words(line.trim_start_matches("$ "));
            if words.first().map(String::as_str) != Some("wit-eval") {
                continue;
            }
            commands += 1;
            let mut verb = words[1..].iter().take_while(|word| !word.starts_with('-')).cloned().collect::<Vec<_>>();
            verb.truncate(if words.get(1).is_some_and(|word| word == "baseline") { 2 } else { 1 });
            if !verb.first().is_some_and(|verb| verbs.contains(verb)) {
                verb.clear();
            }
            let Some(flags) = flags_of(&verb, &mut known) else {
                faults.push(format!("{}: no verb {verb:?}", path.display()));
                continue;
            };
            for word in words[1..].iter().filter(|word| word.starts_with("--") && word.len() > 2) {
                let flag = word.split('=').next().unwrap_or(word).replace('_', "-");
                if !flags.contains(&flag) {
                    faults.push(format!("{}: `{line}`: no {flag}", path.display()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(commands > 40, "{commands} commands were found");
}

/// Whether a line of output is what a page shows; `[..]` stands for anything.
fn shows(expected: &str, line: &str) -> bool {
    let pattern = expected.trim_end().split("[..]").map(regex::escape).collect::<Vec<_>>().join(".*");
    Regex::new(&format!("^{pattern}$")).unwrap().is_match(line.trim_end())
}

/// One command of a page with what the page says of it.
struct Example {
    line: usize,
    command: String,
    shown: Vec<String>,
    exit_code: i32,
}

/// `$ command` lines; below each the lines that it prints, in order (`...` for lines left out), and `? N` for an exit
/// code other than 0.
fn examples(text: &str) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    for (line, lines) in blocks(text, "console") {
        for text in joined(&lines) {
            if let Some(command) = text.strip_prefix("$ ") {
                found.push(Example { line, command: command.to_owned(), shown: Vec::new(), exit_code: 0 });
            } else if let Some(code) = text.strip_prefix("? ") {
                found.last_mut().expect("a command stands before its exit code").exit_code =
                    code.trim().parse().unwrap();
            } else if text != "..." && !text.is_empty() {
                found.last_mut().expect("a command stands before its output").shown.push(text);
            }
        }
    }
    found
}

fn run(example: &Example, place: &Path, page: &Path) {
    let words = words(&example.command);
    let place_in_page = format!("{}:{}: {}", page.display(), example.line, example.command);
    assert_eq!(words.first().map(String::as_str), Some("wit-eval"), "{place_in_page}: only wit-eval is run");
    let output = wit_eval().args(&words[1..]).current_dir(place).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert_eq!(output.status.code(), Some(example.exit_code), "{place_in_page}\n{text}");
    let mut lines = text.lines();
    for shown in &example.shown {
        assert!(
            lines.any(|line| shows(shown, line)),
            "{place_in_page}: `{shown}` is not printed (in this order):\n{text}"
        );
    }
}

/// Each page in a folder of its own that sees the project's committed data.
#[test]
fn the_examples_of_every_page_print_what_the_page_shows() {
    let mut commands = 0;
    for (path, text) in pages() {
        let examples = examples(&text);
        if examples.is_empty() {
            continue;
        }
        let place = tempfile::tempdir().unwrap();
        for (from, to) in [("results/paper", "results/paper"), ("docs/examples", "docs/examples")] {
            copy(&root().join(from), &place.path().join(to));
        }
        for example in &examples {
            commands += 1;
            run(example, place.path(), &path);
        }
    }
    assert!(commands >= 5, "{commands} examples were run");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
