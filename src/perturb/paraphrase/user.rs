//! Paraphrases that the user brings, by instance, by the original's text, or as templates.

use std::collections::{BTreeMap, BTreeSet};

use regex::{Regex, RegexBuilder};
use thiserror::Error;

use super::editable;
use crate::instance::Instance;
use crate::perturb::Outcome;

/// Most wordings of one original.
pub const MAX_VARIANTS: usize = 10_000;
/// Longest wording, in bytes.
pub const MAX_VARIANT_BYTES: usize = 256 * 1024;

/// A wording or a template cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UserParaphraseError {
    /// There is no text.
    #[error("{what} is empty; write the wording, or leave the row out")]
    Empty {
        /// "the original" or "the variant".
        what: &'static str,
    },
    /// The text is longer than [`MAX_VARIANT_BYTES`].
    #[error("a text of {bytes} bytes; the most is {MAX_VARIANT_BYTES}")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// One original has more than [`MAX_VARIANTS`] wordings.
    #[error("more than {MAX_VARIANTS} wordings of one original; split the file")]
    TooMany,
    /// The variant's placeholders are not the original's.
    #[error("the variant has the placeholders [{found}], the original [{expected}]; they have to be the same")]
    Placeholders {
        /// The variant's.
        found: String,
        /// The original's.
        expected: String,
    },
    /// Two placeholders with nothing but white space between them.
    #[error(
        "{{{left}}} and {{{right}}} stand side by side in the default template, so a question cannot be split into them"
    )]
    SideBySide {
        /// The first.
        left: String,
        /// The second.
        right: String,
    },
    /// The template cannot be matched.
    #[error("the default template cannot be matched: {detail}")]
    Template {
        /// Why.
        detail: String,
    },
}

/// A row that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// File and line or row.
    pub place: String,
    /// Why.
    pub reason: String,
}

/// A default template with other templates of the same meaning.
#[derive(Debug, Clone)]
struct Family {
    pattern: Regex,
    slots: Vec<String>,
    variants: Vec<String>,
}

/// The user's paraphrases. Draw `k` of an instance is its `k`-th wording here; further draws are authored.
#[derive(Debug, Clone, Default)]
pub struct UserParaphrases {
    by_id: BTreeMap<String, Vec<String>>,
    by_text: BTreeMap<String, Vec<String>>,
    families: BTreeMap<String, Family>,
    refused: Vec<Refusal>,
}

impl UserParaphrases {
    /// Adds a wording of the instance with this id (`<task>/<index>`). It stands for the question, without field
    /// names, options and cue.
    pub fn add_for_id(&mut self, id: &str, variant: &str) -> Result<(), UserParaphraseError> {
        push(self.by_id.entry(id.trim().to_owned()).or_default(), checked(variant, "the variant")?)
    }

    /// Adds a wording of the question (or whole query) with this text, or of the template where it holds placeholders.
    pub fn add_for_text(&mut self, original: &str, variant: &str) -> Result<(), UserParaphraseError> {
        let (original, variant) = (checked(original, "the original")?, checked(variant, "the variant")?);
        if !placeholders(original).is_empty() {
            return self.add_template(original, variant);
        }
        same_placeholders(original, variant)?;
        push(self.by_text.entry(original.to_owned()).or_default(), variant)
    }

    /// Adds a wording of a template. `{name}` stands for a part of the query that is carried over.
    pub fn add_template(&mut self, default: &str, variant: &str) -> Result<(), UserParaphraseError> {
        let (default, variant) = (checked(default, "the original")?, checked(variant, "the variant")?);
        same_placeholders(default, variant)?;
        if !self.families.contains_key(default) {
            self.families.insert(default.to_owned(), Family::new(default)?);
        }
        match self.families.get_mut(default) {
            Some(family) => push(&mut family.variants, variant),
            None => Ok(()),
        }
    }

    /// Notes a row that was left out.
    pub fn refuse(&mut self, place: impl Into<String>, reason: &impl ToString) {
        self.refused.push(Refusal { place: place.into(), reason: reason.to_string() });
    }

    /// The rows that were left out.
    pub fn refused(&self) -> &[Refusal] {
        &self.refused
    }

    /// Takes the wordings of another file in, after those known.
    pub fn extend(&mut self, other: Self) {
        for (id, variants) in other.by_id {
            self.by_id.entry(id).or_default().extend(variants);
        }
        for (text, variants) in other.by_text {
            self.by_text.entry(text).or_default().extend(variants);
        }
        for (default, family) in other.families {
            match self.families.get_mut(&default) {
                Some(known) => known.variants.extend(family.variants),
                None => drop(self.families.insert(default, family)),
            }
        }
        self.refused.extend(other.refused);
    }

    /// Number of wordings.
    pub fn len(&self) -> usize {
        let lists = self.by_id.values().chain(self.by_text.values()).map(Vec::len);
        lists.chain(self.families.values().map(|family| family.variants.len())).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of wordings of an instance.
    pub fn count(&self, instance: &Instance) -> usize {
        self.wordings(instance).len()
    }

    /// The wording with this number, where the user gave one.
    pub fn variant(&self, instance: &Instance, draw: usize) -> Option<Outcome> {
        if self.is_empty() {
            return None;
        }
        let wording = self.wordings(instance).into_iter().nth(draw)?;
        let mut prompt = instance.prompt.clone();
        match wording {
            Wording::Query(query) => prompt.query = query,
            Wording::Instruction(instruction) => prompt.instruction = instruction,
            Wording::Unusable(reason) => return Some(Outcome::nothing(reason)),
        }
        let lost = instance.prompt.protected.iter().find(|kept| {
            let holds =
                |query: &str, instruction: &str| query.contains(kept.as_str()) || instruction.contains(kept.as_str());
            holds(&instance.prompt.query, &instance.prompt.instruction) && !holds(&prompt.query, &prompt.instruction)
        });
        if let Some(lost) = lost {
            return Some(Outcome::nothing(format!(
                "the user's wording {} lacks \"{lost}\", which the task protects",
                draw + 1
            )));
        }
        Some(Outcome::of_prompt(instance, prompt, vec![format!("the user's wording {}", draw + 1)]))
    }

    fn wordings(&self, instance: &Instance) -> Vec<Wording> {
        let prompt = &instance.prompt;
        let (head, question, tail) = split_query(&prompt.query);
        let around = |variant: &String| Wording::Query(format!("{head}{variant}{tail}"));
        if let Some(variants) = self.by_id.get(&instance.id) {
            let usable = |variant: &String| match same_placeholders(question, variant) {
                Ok(()) => around(variant),
                Err(error) => Wording::Unusable(error.to_string()),
            };
            return variants.iter().map(usable).collect();
        }
        if let Some(variants) = self.by_text.get(question.trim()) {
            return variants.iter().map(around).collect();
        }
        let whole = prompt.query.trim_end();
        if let Some(variants) = self.by_text.get(whole.trim_start()) {
            let end = prompt.query.get(whole.len()..).unwrap_or_default();
            return variants.iter().map(|variant| Wording::Query(format!("{variant}{end}"))).collect();
        }
        let by_template = self.families.values().find_map(|family| {
            let query = family.render(&prompt.query).map(|texts| texts.into_iter().map(Wording::Query).collect());
            query.or_else(|| {
                let texts = family.render(&prompt.instruction)?;
                Some(texts.into_iter().map(Wording::Instruction).collect())
            })
        });
        by_template.unwrap_or_default()
    }
}

enum Wording {
    Query(String),
    Instruction(String),
    Unusable(String),
}

/// What stands before the question (field names), the question, and what stands after it (options, cue).
fn split_query(query: &str) -> (&str, &str, &str) {
    let range = editable::question_range(query);
    let text = query.get(range.clone()).unwrap_or_default();
    let start = range.start + (text.len() - text.trim_start().len());
    let end = start + text.trim().len();
    (
        query.get(..start).unwrap_or_default(),
        query.get(start..end).unwrap_or_default(),
        query.get(end..).unwrap_or_default(),
    )
}

impl Family {
    fn new(default: &str) -> Result<Self, UserParaphraseError> {
        let (body, _) = without_cue(without_name(default));
        let mut pattern = String::from(r"(?s)\A\s*");
        let mut slots: Vec<String> = Vec::new();
        let mut rest = body;
        while let Some((at, name)) = placeholders(rest).into_iter().next() {
            let literal = rest.get(..at).unwrap_or_default();
            if let Some(left) = slots.last().filter(|_| literal.trim().is_empty()) {
                return Err(UserParaphraseError::SideBySide { left: left.clone(), right: name });
            }
            pattern.push_str(&loose(literal));
            pattern.push_str("(.+?)");
            rest = rest.get(at + name.len() + 2..).unwrap_or_default();
            slots.push(name);
        }
        pattern.push_str(&loose(rest));
        pattern.push_str(r"\s*\z");
        let built = RegexBuilder::new(&pattern).size_limit(4 << 20).build();
        let pattern = built.map_err(|error| UserParaphraseError::Template { detail: error.to_string() })?;
        Ok(Self { pattern, slots, variants: Vec::new() })
    }

    /// The text in every wording, where the default template matches it; its cue stays.
    fn render(&self, text: &str) -> Option<Vec<String>> {
        let trimmed = text.trim_end();
        let blank = text.get(trimmed.len()..).unwrap_or_default();
        let (body, cue) = without_cue(without_name(trimmed));
        let found = self.pattern.captures(body)?;
        let mut held: BTreeMap<&str, &str> = BTreeMap::new();
        for (index, slot) in self.slots.iter().enumerate() {
            let value = found.get(index + 1).map_or("", |value| value.as_str());
            if held.insert(slot, value).is_some_and(|known| known != value) {
                return None;
            }
        }
        let fill = |variant: &String| {
            let mut out = String::with_capacity(text.len());
            let mut rest = variant.trim_end();
            while let Some((at, name)) = placeholders(rest).into_iter().next() {
                out.push_str(rest.get(..at).unwrap_or_default());
                out.push_str(held.get(name.as_str()).copied().unwrap_or_default());
                rest = rest.get(at + name.len() + 2..).unwrap_or_default();
            }
            out.push_str(rest);
            if without_cue(variant.trim_end()).1.is_empty() {
                out.push_str(cue);
            }
            out.push_str(blank);
            out
        };
        Some(self.variants.iter().map(fill).collect())
    }
}

/// A literal as a pattern in which any white space stands for any other.
fn loose(literal: &str) -> String {
    let words = literal.split_whitespace().map(regex::escape).collect::<Vec<_>>().join(r"\s+");
    let edge = |is_blank: bool| if is_blank { r"\s*" } else { "" };
    let starts = literal.starts_with(char::is_whitespace);
    let ends = literal.ends_with(char::is_whitespace) && !words.is_empty();
    format!("{}{words}{}", edge(starts), edge(ends))
}

fn without_name(text: &str) -> &str {
    let text = text.trim_start();
    ["Q:", "Question:"].iter().find_map(|name| text.strip_prefix(name)).map_or(text, str::trim_start)
}

/// The text without a cue at its end, and the cue with the white space before it.
fn without_cue(text: &str) -> (&str, &str) {
    let text = text.trim_end();
    let body = ["\nA:", "\nAnswer:"].iter().find_map(|cue| text.strip_suffix(cue)).map_or(text, str::trim_end);
    (body, text.get(body.len()..).unwrap_or_default())
}

fn push(list: &mut Vec<String>, variant: &str) -> Result<(), UserParaphraseError> {
    if list.len() >= MAX_VARIANTS {
        return Err(UserParaphraseError::TooMany);
    }
    list.push(variant.to_owned());
    Ok(())
}

fn checked<'a>(text: &'a str, what: &'static str) -> Result<&'a str, UserParaphraseError> {
    match text.trim() {
        "" => Err(UserParaphraseError::Empty { what }),
        long if long.len() > MAX_VARIANT_BYTES => Err(UserParaphraseError::TooLong { bytes: long.len() }),
        text => Ok(text),
    }
}

fn same_placeholders(original: &str, variant: &str) -> Result<(), UserParaphraseError> {
    let names = |text| placeholders(text).into_iter().map(|(_, name)| name).collect::<BTreeSet<_>>();
    let (expected, found) = (names(original), names(variant));
    if expected == found {
        return Ok(());
    }
    let listed = |names: BTreeSet<String>| names.into_iter().collect::<Vec<_>>().join(", ");
    Err(UserParaphraseError::Placeholders { found: listed(found), expected: listed(expected) })
}

/// Where placeholders `{name}` start, with their names. Braces after a letter, a digit or `\ } ^ _ $` are mathematics
/// or code.
fn placeholders(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('{') {
        let before = text.get(..at).and_then(|head| head.chars().next_back());
        let glued = before.is_some_and(|c| c.is_alphanumeric() || "\\}^_${".contains(c));
        let name = text.get(at + 1..).and_then(|tail| tail.split_once('}')).map_or("", |(name, _)| name);
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' ' | '/');
        let is_name =
            name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.len() <= 60 && name.chars().all(plain);
        if is_name && !glued {
            found.push((at, name.to_owned()));
        }
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;
    use crate::instance::{Expectation, PromptParts};

    fn instance(query: &str, protected: &[&str]) -> Instance {
        let protected = protected.iter().map(|text| (*text).to_owned()).collect();
        Instance {
            task: "t".to_owned(),
            id: "t/3".to_owned(),
            cluster: "t/3".to_owned(),
            prompt: PromptParts { query: query.to_owned(), protected, ..PromptParts::default() },
            expectation: Expectation::Text { targets: vec!["x".to_owned()], choices: Vec::new() },
            temperature: None,
        }
    }

    fn query(outcome: &Outcome) -> &str {
        &outcome.changed().unwrap().prompt.query
    }

    #[test]
    fn draw_k_is_the_kth_wording_and_a_draw_beyond_the_list_is_not_the_users() {
        let mut user = UserParaphrases::default();
        user.add_for_id("t/3", "Say what two and two make.").unwrap();
        user.add_for_id("t/3", "How much is two and two?").unwrap();
        let instance = instance("What is two and two?", &[]);
        assert_eq!(query(&user.variant(&instance, 1).unwrap()), "How much is two and two?");
        assert_eq!(user.variant(&instance, 2), None);
        assert_eq!(user.count(&instance), 2);
    }

    #[test]
    fn a_wording_of_the_question_leaves_field_name_options_and_cue() {
        let mut user = UserParaphrases::default();
        user.add_for_text("Which is a fruit?", "Which one can be called a fruit?").unwrap();
        let instance = instance("Question: Which is a fruit?\nA. pear\nB. stone\nAnswer:", &[]);
        let outcome = user.variant(&instance, 0).unwrap();
        assert_eq!(query(&outcome), "Question: Which one can be called a fruit?\nA. pear\nB. stone\nAnswer:");
    }

    #[test]
    fn a_template_carries_over_what_its_placeholders_hold_and_keeps_the_cue() {
        let mut user = UserParaphrases::default();
        let default = "Q: Do you come back?\n{steps}\nOptions:\n- Yes\n- No\nA:";
        user.add_template(default, "Following {steps}, is the start reached?").unwrap();
        user.add_template(default, "Q: Back?\n{steps}\nOptions:\n- Yes\n- No\nA:").unwrap();
        let instance = instance("Q: Do you come back? Go left {x}.\nOptions:\n- Yes\n- No\nA: ", &[]);
        assert_eq!(query(&user.variant(&instance, 0).unwrap()), "Following Go left {x}., is the start reached?\nA: ");
        let second = user.variant(&instance, 1).unwrap();
        assert_eq!(query(&second), "Q: Back?\nGo left {x}.\nOptions:\n- Yes\n- No\nA: ");
    }

    #[test]
    fn wordings_with_other_placeholders_or_without_protected_text_are_refused() {
        let mut user = UserParaphrases::default();
        let error = user.add_template("Sort {words}", "Sort {list}").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the variant has the placeholders [list], the original [words]; they have to be the same"
        );
        assert!(matches!(user.add_template("{a} {b}", "{b} {a}"), Err(UserParaphraseError::SideBySide { .. })));
        assert!(matches!(user.add_for_text("x", " "), Err(UserParaphraseError::Empty { .. })));
        user.add_for_id("t/3", "Write a poem.").unwrap();
        let outcome = user.variant(&instance("Write a poem with the word sun.", &["sun"]), 0).unwrap();
        assert!(outcome.reason().unwrap().contains("lacks \"sun\""));
    }

    #[test]
    fn braces_of_mathematics_and_code_are_no_placeholders() {
        assert!(placeholders(r"\frac{a}{b} and x^{n} and f{x} and {1} and {{x}}").iter().all(|(_, name)| name == "x"));
        assert_eq!(placeholders("a {b} c").len(), 1);
        assert!(placeholders("{unclosed").is_empty());
    }
}
