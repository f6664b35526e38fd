//! Runs `perturbations/<name>/cases.toml`: what each perturbation is expected to do, as data, without a model.
//!
//! A file is a list of `[[case]]` tables. What is perturbed: `name`, `query`, and optionally `instruction`, `shots`
//! (`[{ query, target }]`), `choices` with `gold`, or `targets` (with `choices`), `continuation`, or `checks` (a list of
//! `{ id, kwargs }` for each turn), `later` (further turns of the user), `protected`, `assistant_prefix`; how: `strength` (default `default`), `seed` (default 0), `draws` (default 1; every draw must
//! meet every expectation). What is expected, at least one of:
//!
//! | key | holds where |
//! | --- | --- |
//! | `expect`, `expect_instruction`, `expect_later` | the query, the instruction, the further turns, are exactly this |
//! | `one_of` | the query is one of these |
//! | `nothing` | there is no variant, and the reason contains this text |
//! | `contains`, `lacks` | instruction, query and further turns together contain each, none, of these |
//! | `preserves` | each of these occurs as often as before |
//! | `same_words` | the words (split at white space) are the same, in order |
//! | `same_letters` | the text is the same but for upper and lower case |
//! | `changed_words` | this many words, compared place by place, differ |
//! | `edits` | the perturbation states this many changes |
//! | `expect_choices`, `expect_gold`, `expect_targets` | the expectation's parts are exactly these |
//! | `expect_shots` | the examples are exactly these |

use serde::Deserialize;

use super::{DataError, Outcome, PerturbationKind, PerturbationSpec, Perturbed, Perturber, Strength, embedded_files};
use super::{file_named, spec::MAX_DRAWS};
use crate::instance::{Check, Expectation, Instance, PromptParts, Shot};
use crate::seed::Seed;

/// How one case came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseResult {
    /// Which perturbation.
    pub perturbation: PerturbationKind,
    /// Name of the case.
    pub case: String,
    /// Whether every expectation holds.
    pub passed: bool,
    /// What does not hold; empty where all does.
    pub detail: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    case: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    query: String,
    #[serde(default)]
    instruction: String,
    #[serde(default)]
    shots: Vec<Shot>,
    #[serde(default)]
    choices: Vec<String>,
    #[serde(default)]
    gold: Vec<usize>,
    #[serde(default)]
    targets: Vec<String>,
    continuation: Option<String>,
    #[serde(default)]
    checks: Vec<Vec<Check>>,
    #[serde(default)]
    later: Vec<String>,
    #[serde(default)]
    protected: Vec<String>,
    #[serde(default)]
    assistant_prefix: String,
    strength: Option<toml::Value>,
    #[serde(default)]
    seed: u64,
    draws: Option<usize>,
    expect: Option<String>,
    expect_instruction: Option<String>,
    expect_later: Option<Vec<String>>,
    one_of: Option<Vec<String>>,
    nothing: Option<String>,
    #[serde(default)]
    contains: Vec<String>,
    #[serde(default)]
    lacks: Vec<String>,
    #[serde(default)]
    preserves: Vec<String>,
    same_words: Option<bool>,
    same_letters: Option<bool>,
    changed_words: Option<usize>,
    edits: Option<usize>,
    expect_choices: Option<Vec<String>>,
    expect_gold: Option<Vec<usize>>,
    expect_targets: Option<Vec<String>>,
    expect_shots: Option<Vec<Shot>>,
}

/// Runs the shipped cases of every perturbation. A file that cannot be read is a failed case named `cases.toml`.
pub fn run_all(perturber: &Perturber) -> Vec<CaseResult> {
    PerturbationKind::ALL.into_iter().flat_map(|kind| run_shipped(perturber, kind)).collect()
}

/// Runs the shipped cases of one perturbation.
pub fn run_shipped(perturber: &Perturber, kind: PerturbationKind) -> Vec<CaseResult> {
    let files = embedded_files(kind.name());
    let file = files.and_then(|files| file_named(&files, kind.name(), "cases.toml"));
    match file.and_then(|file| run_text(perturber, kind, file.text)) {
        Ok(results) => results,
        Err(error) => {
            vec![CaseResult {
                perturbation: kind,
                case: "cases.toml".to_owned(),
                passed: false,
                detail: error.to_string(),
            }]
        }
    }
}

/// Runs the cases of a file's text.
pub fn run_text(perturber: &Perturber, kind: PerturbationKind, text: &str) -> Result<Vec<CaseResult>, DataError> {
    let path = format!("{}/cases.toml", kind.name());
    let file: CaseFile = toml::from_str(text).map_err(|error| DataError::invalid(&path, error))?;
    let results = file.case.iter().map(|case| {
        let failures = case.failures(perturber, kind);
        CaseResult {
            perturbation: kind,
            case: case.name.clone(),
            passed: failures.is_empty(),
            detail: failures.join("; "),
        }
    });
    Ok(results.collect())
}

impl Case {
    fn instance(&self) -> Instance {
        let expectation = match (&self.continuation, self.targets.is_empty(), self.choices.is_empty()) {
            (Some(text), _, _) => Expectation::Continuation { text: text.clone() },
            (None, false, _) => Expectation::Text { targets: self.targets.clone(), choices: self.choices.clone() },
            (None, true, _) if !self.checks.is_empty() => Expectation::Verified { turns: self.checks.clone() },
            (None, true, false) => Expectation::Choice { choices: self.choices.clone(), gold: self.gold.clone() },
            (None, true, true) => Expectation::Document,
        };
        Instance {
            task: "case".to_owned(),
            id: self.name.clone(),
            cluster: self.name.clone(),
            prompt: PromptParts {
                instruction: self.instruction.clone(),
                shots: self.shots.clone(),
                earlier: Vec::new(),
                query: self.query.clone(),
                later: self.later.clone(),
                assistant_prefix: self.assistant_prefix.clone(),
                target_delimiter: " ".to_owned(),
                fewshot_delimiter: "\n\n".to_owned(),
                protected: self.protected.clone(),
                system: None,
            },
            expectation,
            temperature: None,
        }
    }

    fn strength(&self) -> Result<Strength, String> {
        let text = match &self.strength {
            None => return Ok(Strength::Default),
            Some(toml::Value::String(text)) => text.clone(),
            Some(toml::Value::Float(rate)) => rate.to_string(),
            Some(toml::Value::Integer(rate)) => rate.to_string(),
            Some(other) => return Err(format!("`strength` is {}; write a name or a number", other.type_str())),
        };
        text.parse().map_err(|error: super::SpecError| error.to_string())
    }

    fn expects_something(&self) -> bool {
        let exact = [&self.expect, &self.expect_instruction, &self.nothing].iter().any(|key| key.is_some());
        let lists = [&self.contains, &self.lacks, &self.preserves].iter().any(|list| !list.is_empty());
        let flags = self.same_words.is_some() || self.same_letters.is_some();
        let counts = self.changed_words.is_some() || self.edits.is_some();
        let parts = self.expect_choices.is_some() || self.expect_gold.is_some() || self.expect_targets.is_some();
        let turns = self.expect_later.is_some() || self.expect_shots.is_some();
        exact || lists || flags || counts || parts || turns || self.one_of.is_some()
    }

    fn failures(&self, perturber: &Perturber, kind: PerturbationKind) -> Vec<String> {
        if !self.expects_something() {
            return vec!["the case expects nothing; add `expect`, `nothing` or a property".to_owned()];
        }
        let strength = match self.strength() {
            Ok(strength) => strength,
            Err(problem) => return vec![problem],
        };
        let instance = self.instance();
        let spec = PerturbationSpec { kind, strength, draws: self.draws.unwrap_or(1).clamp(1, MAX_DRAWS) };
        let mut failures = Vec::new();
        for (id, outcome) in perturber.variants(&instance, &[spec], Seed(self.seed)) {
            let found = match (&outcome, &self.nothing) {
                (Outcome::Nothing { reason }, Some(wanted)) if reason.contains(wanted.as_str()) => Vec::new(),
                (Outcome::Nothing { reason }, _) => vec![format!("no variant: {reason}")],
                (Outcome::Changed(found), Some(_)) => vec![format!("changed, into {:?}", found.prompt.query)],
                (Outcome::Changed(found), None) => self.unmet(&instance.prompt, found),
            };
            failures.extend(found.into_iter().map(|failure| format!("draw {}: {failure}", id.draw)));
        }
        failures
    }

    fn unmet(&self, before: &PromptParts, found: &Perturbed) -> Vec<String> {
        let mut unmet = self.unmet_texts(&found.prompt);
        unmet.extend(self.unmet_properties(&joined(before), &joined(&found.prompt), found.changes.len()));
        unmet.extend(self.unmet_expectation(&found.expectation));
        if let Some(shots) = self.expect_shots.as_ref().filter(|shots| **shots != found.prompt.shots) {
            unmet.push(format!("the examples are {:?}, not {shots:?}", found.prompt.shots));
        }
        unmet
    }

    fn unmet_texts(&self, prompt: &PromptParts) -> Vec<String> {
        let mut unmet = Vec::new();
        if self.expect.as_ref().is_some_and(|wanted| *wanted != prompt.query) {
            unmet.push(format!("the query is {:?}", prompt.query));
        }
        if self.expect_instruction.as_ref().is_some_and(|wanted| *wanted != prompt.instruction) {
            unmet.push(format!("the instruction is {:?}", prompt.instruction));
        }
        if self.expect_later.as_ref().is_some_and(|wanted| *wanted != prompt.later) {
            unmet.push(format!("the further turns are {:?}", prompt.later));
        }
        if self.one_of.as_ref().is_some_and(|wanted| !wanted.contains(&prompt.query)) {
            unmet.push(format!("the query is none of those listed: {:?}", prompt.query));
        }
        unmet
    }

    fn unmet_properties(&self, before: &str, after: &str, changes: usize) -> Vec<String> {
        let mut unmet = Vec::new();
        let lost = self.preserves.iter().filter(|text| before.matches(*text).count() != after.matches(*text).count());
        unmet.extend(lost.map(|text| format!("{text:?} does not occur as often as before in {after:?}")));
        let absent = self.contains.iter().filter(|text| !after.contains(*text));
        unmet.extend(absent.map(|text| format!("{text:?} is not in {after:?}")));
        let present = self.lacks.iter().filter(|text| after.contains(*text));
        unmet.extend(present.map(|text| format!("{text:?} is in {after:?}")));
        let same_words = before.split_whitespace().eq(after.split_whitespace());
        if self.same_words.is_some_and(|wanted| wanted != same_words) {
            unmet.push(format!("same_words is {same_words}: {after:?}"));
        }
        let same_letters = before.to_lowercase() == after.to_lowercase();
        if self.same_letters.is_some_and(|wanted| wanted != same_letters) {
            unmet.push(format!("same_letters is {same_letters}: {after:?}"));
        }
        let differing = before.split_whitespace().zip(after.split_whitespace()).filter(|(a, b)| a != b).count();
        if self.changed_words.is_some_and(|wanted| wanted != differing) {
            unmet.push(format!("{differing} words changed: {after:?}"));
        }
        if self.edits.is_some_and(|wanted| wanted != changes) {
            unmet.push(format!("{changes} changes are stated: {after:?}"));
        }
        unmet
    }

    fn unmet_expectation(&self, expectation: &Expectation) -> Vec<String> {
        let (choices, gold, targets): (&[String], &[usize], &[String]) = match expectation {
            Expectation::Choice { choices, gold } => (choices, gold, &[]),
            Expectation::Text { targets, choices } => (choices, &[], targets),
            Expectation::Continuation { .. }
            | Expectation::Document
            | Expectation::Verified { .. }
            | Expectation::Judged { .. } => (&[], &[], &[]),
        };
        let mut unmet = Vec::new();
        if self.expect_choices.as_ref().is_some_and(|wanted| wanted != choices) {
            unmet.push(format!("the choices are {choices:?}"));
        }
        if self.expect_gold.as_ref().is_some_and(|wanted| wanted != gold) {
            unmet.push(format!("the gold choices are {gold:?}"));
        }
        if self.expect_targets.as_ref().is_some_and(|wanted| wanted != targets) {
            unmet.push(format!("the targets are {targets:?}"));
        }
        unmet
    }
}

fn joined(prompt: &PromptParts) -> String {
    [&prompt.instruction, &prompt.query].into_iter().chain(&prompt.later).map(String::as_str).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;

    fn results(text: &str) -> Vec<CaseResult> {
        run_text(&Perturber::embedded().unwrap(), PerturbationKind::Casing, text).unwrap()
    }

    #[test]
    fn every_shipped_case_passes_and_every_perturbation_has_a_dozen() {
        let results = run_all(&Perturber::embedded().unwrap());
        let failed = results.iter().filter(|result| !result.passed).collect::<Vec<_>>();
        assert!(failed.is_empty(), "{failed:#?}");
        for kind in PerturbationKind::ALL {
            let count = results.iter().filter(|result| result.perturbation == kind).count();
            assert!(count >= 12, "{kind} has {count} cases");
        }
    }

    #[test]
    fn a_case_that_does_not_hold_fails_and_says_what_was_found() {
        let found = results("[[case]]\nname = \"a\"\nquery = \"Hello there\"\nexpect = \"nope\"\n");
        assert!(!found[0].passed && found[0].detail.contains("the query is"), "{found:?}");
        let found = results("[[case]]\nname = \"a\"\nquery = \"Hello there\"\nnothing = \"x\"\n");
        assert!(!found[0].passed && found[0].detail.contains("changed, into"), "{found:?}");
    }

    #[test]
    fn a_case_that_expects_nothing_at_all_fails() {
        assert!(!results("[[case]]\nname = \"a\"\nquery = \"Hello\"\n")[0].passed);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let perturber = Perturber::embedded().unwrap();
        let text = "[[case]]\nname = \"a\"\nquerry = \"x\"\n";
        let error = run_text(&perturber, PerturbationKind::Casing, text).unwrap_err().to_string();
        assert!(error.contains("casing/cases.toml") && error.contains("querry") && error.contains('3'), "{error}");
    }
}
