//! The judge's prompt templates, by what they are for.

use serde::{Deserialize, Serialize};

use super::settings::Mode;
use super::template::Template;
use crate::digest::Digest;
use crate::judgment::JudgePrompt;

/// Stands before the published name in the names of the templates that this program ships.
const SHIPPED_PREFIX: &str = "wit-";

/// Digest of the eight published templates (name, system prompt and template of each, sorted by name, as JSON).
const PUBLISHED_DIGEST: &str = "1f814a8cf1739a109bb2e9aa9dfe9e83a861c655c75fc4d244167fbd9bb93a63";

/// What a template is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PromptRole {
    /// Rating or comparison.
    pub mode: Mode,
    /// Whether reference answers are shown.
    pub with_reference: bool,
    /// Whether both turns are shown and the second is judged.
    pub second_turn: bool,
}

impl PromptRole {
    /// All eight.
    pub fn all() -> impl Iterator<Item = Self> {
        [Mode::Single, Mode::Pairwise].into_iter().flat_map(|mode| {
            [(false, false), (true, false), (false, true), (true, true)].map(|(with_reference, second_turn)| Self {
                mode,
                with_reference,
                second_turn,
            })
        })
    }

    /// The template's published name.
    pub fn name(self) -> &'static str {
        match (self.mode, self.with_reference, self.second_turn) {
            (Mode::Single, false, false) => "single-v1",
            (Mode::Single, true, false) => "single-math-v1",
            (Mode::Single, false, true) => "single-v1-multi-turn",
            (Mode::Single, true, true) => "single-math-v1-multi-turn",
            (Mode::Pairwise, false, false) => "pair-v2",
            (Mode::Pairwise, true, false) => "pair-math-v1",
            (Mode::Pairwise, false, true) => "pair-v2-multi-turn",
            (Mode::Pairwise, true, true) => "pair-math-v1-multi-turn",
        }
    }

    /// Placeholders without which the judge does not see what it judges.
    pub(super) fn judged_slots(self) -> &'static [&'static str] {
        match (self.mode, self.second_turn) {
            (Mode::Single, false) => &["answer"],
            (Mode::Single, true) => &["answer_2"],
            (Mode::Pairwise, false) => &["answer_a", "answer_b"],
            (Mode::Pairwise, true) => &["answer_a_2", "answer_b_2"],
        }
    }
}

/// Whose words the judge is asked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wording {
    /// The published templates, to the letter: ratings compare with published ones, the judge being the same.
    Published,
    /// The templates that this program ships. Ratings compare with one another only.
    Shipped,
    /// Templates from elsewhere.
    Other,
}

/// Templates that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// No templates at all.
    #[error(
        "there is no judge prompt; give a file of judge prompts with at least the templates of the mode that is used"
    )]
    Empty,
    /// Two templates of the same name.
    #[error("judge prompt `{name}` is given twice; remove one")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A template that cannot be read.
    #[error("judge prompt `{name}`: {message}")]
    Template {
        /// The name.
        name: String,
        /// What is wrong and what to do.
        message: String,
    },
    /// A template that hides from the judge what it is to judge.
    #[error("judge prompt `{name}` has no `{{{slot}}}`: the judge would not see what it judges; add it")]
    Hidden {
        /// The name.
        name: String,
        /// The placeholder that it lacks.
        slot: &'static str,
    },
}

/// A template that was read.
#[derive(Debug, Clone)]
pub(super) struct ReadPrompt {
    /// As it was given.
    pub(super) prompt: JudgePrompt,
    /// Its user turn.
    pub(super) template: Template,
}

/// The templates of one file, read and checked.
#[derive(Debug, Clone)]
pub struct PromptSet {
    prompts: Vec<ReadPrompt>,
    wording: Wording,
}

impl PromptSet {
    /// Reads the templates. Those under names that MT-Bench does not use are kept and never asked for.
    pub fn new(prompts: Vec<JudgePrompt>) -> Result<Self, PromptError> {
        if prompts.is_empty() {
            return Err(PromptError::Empty);
        }
        let wording = wording(&prompts);
        let mut read: Vec<ReadPrompt> = Vec::with_capacity(prompts.len());
        for prompt in prompts {
            let name = || prompt.name.clone();
            if read.iter().any(|other| other.prompt.name == prompt.name) {
                return Err(PromptError::Duplicate { name: name() });
            }
            let role = PromptRole::all().find(|role| is_for(&prompt, *role));
            match Template::parse(&prompt.prompt_template) {
                Ok(template) => {
                    let slots = role.map_or(&[][..], PromptRole::judged_slots);
                    if let Some(slot) = slots.iter().find(|slot| !template.has(slot)) {
                        return Err(PromptError::Hidden { name: name(), slot });
                    }
                    read.push(ReadPrompt { prompt, template });
                }
                Err(message) if role.is_some() => return Err(PromptError::Template { name: name(), message }),
                Err(_) => {}
            }
        }
        Ok(Self { prompts: read, wording })
    }

    /// Whose words these are.
    pub fn wording(&self) -> Wording {
        self.wording
    }

    /// The template for a role, if the set has one: under its published name, else under the shipped one.
    pub(super) fn find(&self, role: PromptRole) -> Option<&ReadPrompt> {
        let exact = self.prompts.iter().find(|read| read.prompt.name == role.name());
        exact.or_else(|| self.prompts.iter().find(|read| is_for(&read.prompt, role)))
    }

    /// The name of the template that a role is asked with, as records repeat it.
    pub fn prompt_name(&self, role: PromptRole) -> Option<&str> {
        self.find(role).map(|read| read.prompt.name.as_str())
    }
}

fn is_for(prompt: &JudgePrompt, role: PromptRole) -> bool {
    prompt.name.strip_prefix(SHIPPED_PREFIX).unwrap_or(&prompt.name) == role.name()
}

fn wording(prompts: &[JudgePrompt]) -> Wording {
    let used = prompts.iter().filter(|prompt| PromptRole::all().any(|role| is_for(prompt, role)));
    let mut used = used.collect::<Vec<_>>();
    if !used.is_empty() && used.iter().all(|prompt| prompt.name.starts_with(SHIPPED_PREFIX)) {
        return Wording::Shipped;
    }
    used.sort_by(|a, b| a.name.cmp(&b.name));
    match Digest::of_json(&used) {
        Ok(digest) if digest.as_str() == PUBLISHED_DIGEST => Wording::Published,
        _ => Wording::Other,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn prompt(name: &str, template: &str) -> JudgePrompt {
        JudgePrompt { name: name.into(), system_prompt: String::new(), prompt_template: template.into() }
    }

    #[test]
    fn a_template_that_hides_the_answer_is_refused() {
        let error = PromptSet::new(vec![prompt("pair-v2", "{question} {answer_a}")]).unwrap_err();
        assert_eq!(error, PromptError::Hidden { name: "pair-v2".into(), slot: "answer_b" });
        assert!(PromptSet::new(vec![prompt("single-v1", "{question {answer}")]).is_err());
        assert!(PromptSet::new(vec![prompt("single-v1", "{answer}"), prompt("single-v1", "{answer}")]).is_err());
        assert_eq!(PromptSet::new(Vec::new()).unwrap_err(), PromptError::Empty);
    }

    #[test]
    fn templates_of_other_benchmarks_do_no_harm() {
        let set = PromptSet::new(vec![prompt("pair-score", "{a!r}"), prompt("single-v1", "{answer}")]).unwrap();
        let role = PromptRole { mode: Mode::Single, with_reference: false, second_turn: false };
        assert_eq!(set.prompt_name(role), Some("single-v1"));
        assert_eq!(set.prompt_name(PromptRole { second_turn: true, ..role }), None);
        assert_eq!(set.wording(), Wording::Other);
    }

    #[test]
    fn shipped_templates_are_found_by_role_and_known_by_name() {
        let set = PromptSet::new(vec![prompt("wit-single-v1", "{answer}")]).unwrap();
        let role = PromptRole { mode: Mode::Single, with_reference: false, second_turn: false };
        assert_eq!((set.prompt_name(role), set.wording()), (Some("wit-single-v1"), Wording::Shipped));
    }
}
