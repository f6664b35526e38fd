//! The words that instructions are made of, read from `perturbations/arguments/words.toml`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use crate::perturb::{DataError, DataFile, embedded_files, file_named};

/// Words and shapes that no perturbation changes in a prompt that carries verifiable instructions.
#[derive(Debug)]
pub struct InstructionWords {
    relations: Regex,
    quantities: Regex,
    shapes: Vec<Regex>,
    languages: BTreeMap<String, Vec<String>>,
    subjects: BTreeMap<String, Regex>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WordsFile {
    relations: Vec<String>,
    quantities: Vec<String>,
    shapes: Vec<String>,
    languages: BTreeMap<String, Vec<String>>,
    subjects: BTreeMap<String, Vec<String>>,
}

/// The words that ship with the program.
static SHIPPED: LazyLock<Result<InstructionWords, DataError>> =
    LazyLock::new(|| InstructionWords::from_files(&embedded_files("arguments")?));

impl InstructionWords {
    /// The words that ship with the program; an error says which line of them is wrong.
    pub fn shipped() -> Result<&'static Self, DataError> {
        SHIPPED.as_ref().map_err(Clone::clone)
    }

    /// Reads `arguments/words.toml`.
    pub fn from_files(files: &[DataFile<'_>]) -> Result<Self, DataError> {
        let file = file_named(files, "arguments", "words.toml")?;
        let invalid = |problem: String| DataError::invalid(file.path, problem);
        let read: WordsFile = toml::from_str(file.text).map_err(|error| invalid(error.to_string()))?;
        let compile = |key: &str, pattern: &str| {
            let built = RegexBuilder::new(pattern).size_limit(8 << 20).build();
            built.map_err(|error| invalid(format!("`{key}`: {error}")))
        };
        let phrases = |key: &str, listed: &[String]| match listed.iter().find(|phrase| phrase.trim().is_empty()) {
            Some(_) => Err(invalid(format!("`{key}` lists an empty phrase; delete it"))),
            None if listed.is_empty() => Err(invalid(format!("`{key}` lists nothing"))),
            None => compile(key, &pattern(listed)),
        };
        if !read.subjects.contains_key("any") {
            return Err(invalid("`subjects.any` is missing; list the words of unknown instructions there".to_owned()));
        }
        let subjects = read.subjects.iter().map(|(key, listed)| Ok((key.clone(), phrases(key, listed)?)));
        Ok(Self {
            relations: phrases("relations", &read.relations)?,
            quantities: phrases("quantities", &read.quantities)?,
            shapes: read.shapes.iter().map(|shape| compile("shapes", shape)).collect::<Result<_, _>>()?,
            subjects: subjects.collect::<Result<_, DataError>>()?,
            languages: read.languages,
        })
    }

    /// Names of a language; none for an unknown code.
    pub(super) fn language(&self, code: &str) -> &[String] {
        self.languages.get(&code.to_lowercase()).map_or(&[], Vec::as_slice)
    }

    /// Where a text speaks of what an instruction is about.
    pub(super) fn subject_of(&self, id: &str, text: &str) -> Vec<Range<usize>> {
        let family = id.split(':').next().unwrap_or_default();
        let known = [id, family, "any"].into_iter().find_map(|key| self.subjects.get(key));
        known.iter().flat_map(|pattern| pattern.find_iter(text)).map(|found| found.range()).collect()
    }

    /// Where a text relates numbers, negates, or states a quantity without a numeral.
    pub(super) fn relations(&self, text: &str) -> Vec<Range<usize>> {
        let found = [&self.relations, &self.quantities].into_iter().flat_map(|pattern| pattern.find_iter(text));
        found.map(|found| found.range()).collect()
    }

    /// Where a text shows the form of what is asked.
    pub(super) fn shapes(&self, text: &str) -> Vec<Range<usize>> {
        self.shapes.iter().flat_map(|shape| shape.find_iter(text)).map(|found| found.range()).collect()
    }
}

/// Phrases as one pattern, the longest first, so that `no more than` is found before `no`.
fn pattern(phrases: &[String]) -> String {
    let mut phrases = phrases.iter().map(|phrase| phrase.trim()).collect::<Vec<_>>();
    phrases.sort_by_key(|phrase| (std::cmp::Reverse(phrase.len()), *phrase));
    let written = phrases.into_iter().map(|phrase| {
        let (stem, ending) = phrase.strip_suffix('*').map_or((phrase, ""), |stem| (stem, "[a-z]*"));
        let words = stem.split_whitespace().map(regex::escape).collect::<Vec<_>>().join(r"[ \t\r\n-]+");
        format!("{words}{ending}")
    });
    format!(r"(?i)(?-u:\b)(?:{})(?-u:\b)", written.collect::<Vec<_>>().join("|"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;

    fn found(id: &str, text: &'static str) -> Vec<&'static str> {
        let words = InstructionWords::shipped().unwrap();
        words.subject_of(id, text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn an_identifier_has_its_own_subject_its_familys_or_any() {
        let text = "All lowercase, no comma, with 3 bullet points.";
        assert_eq!(found("change_case:english_lowercase", text), ["lowercase"]);
        assert_eq!(found("punctuation:no_comma", text), ["comma"]);
        assert_eq!(found("detectable_format:number_bullet_lists", text), ["bullet", "points"]);
        assert_eq!(found("my:own", text), ["lowercase", "comma", "bullet"]);
    }

    #[test]
    fn the_longest_relation_is_found_and_hyphens_count_as_spaces() {
        let words = InstructionWords::shipped().unwrap();
        let text = "Use no more than 3 lines, at-least once.";
        let mut found = words.relations(text).into_iter().map(|range| &text[range]).collect::<Vec<_>>();
        found.sort_unstable();
        assert_eq!(found, ["at-least", "no more than", "once"]);
    }

    #[test]
    fn a_wrong_file_is_refused_with_its_key() {
        let refused = |text: &str| {
            let file = DataFile { path: "arguments/words.toml", text };
            InstructionWords::from_files(&[file]).unwrap_err().to_string()
        };
        let file = |shape: &str, subjects: &str| {
            format!("relations=[\"a\"]\nquantities=[\"b\"]\nshapes=['{shape}']\n[languages]\n[subjects]\n{subjects}\n")
        };
        assert!(refused(&file("(", "any=[\"x\"]")).contains("`shapes`"));
        assert!(refused(&file("x", "")).contains("`subjects.any`"));
        assert!(refused(&file("x", "any=[\" \"]")).contains("empty phrase"));
        assert!(refused("relation=1").contains("relation"));
    }
}
