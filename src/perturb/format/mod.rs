//! The layout of a prompt: separators, spacing, case of field names, numbering of options, after `FormatSpread`.
//!
//! Source: Sclar et al., "Quantifying Language Models' Sensitivity to Spurious Features in Prompt Design",
//! arXiv 2310.11324, the grammar of appendix A. Formats are drawn uniformly from the valid ones; one format is applied
//! to the question and to every example. Where answers are scored by likelihood and the choices are the options'
//! labels, choices and example answers are re-rendered in the new numbering, as the paper's code does with its answer
//! classes. Where answers are generated, labels and wrappers stay, because the task's filters look for them.
//!
//! Deviations: an atom that the original lists twice is drawn once; the rules that [`Rule`] marks as ours are added;
//! the white space that would end the final cue is cut, because the target delimiter stands there.

mod answers;
mod grammar;
mod layout;
mod rules;
mod shape;

use rand_chacha::ChaCha8Rng;

pub use grammar::{Casing, Format, Grammar, Space};
pub use rules::Rule;
pub use shape::Shape;

use super::anatomy::parse;
use super::turns::keeps_arguments;
use super::{DataError, DataFile, Outcome, PerturbationInfo, PerturbationKind, Strength, file_named};
use crate::instance::{Expectation, Instance, PromptParts, Shot};

/// What there is to know about this perturbation.
pub const INFO: PerturbationInfo = PerturbationInfo {
    kind: PerturbationKind::Format,
    summary: "draws another layout from the FormatSpread grammar, for the question and its examples alike",
    keeps: "every field text and option text, their order, the instruction, the right answer, and, where answers are \
            generated, the option labels",
    strengths: "light: separators and spacing; default: and the case of field names, indentation and wrappers of \
                option labels; heavy: and their numbering",
    default_draws: 5,
};

/// How many drawn formats are tried before protected text that none of them keeps makes the prompt unchangeable.
const TRIES: usize = 200;

/// The grammar, read once.
#[derive(Debug, Clone)]
pub struct FormatData {
    grammar: Grammar,
}

impl FormatData {
    /// Reads `format/grammar.toml`.
    pub fn from_files(files: &[DataFile<'_>]) -> Result<Self, DataError> {
        Ok(Self { grammar: Grammar::read(file_named(files, "format", "grammar.toml")?)? })
    }

    /// The grammar.
    pub fn grammar(&self) -> &Grammar {
        &self.grammar
    }
}

/// Draws a format for an instance and applies it.
pub fn apply(instance: &Instance, strength: &Strength, rng: &mut ChaCha8Rng, data: &FormatData) -> Outcome {
    if matches!(instance.expectation, Expectation::Document) {
        return Outcome::nothing("a text that is scored as a whole has no format");
    }
    let shape = Shape::of(instance, *strength);
    if !shape.has_structure() {
        return Outcome::nothing(
            "the prompt has no field name, option list or answer cue at a place that a format could change",
        );
    }
    for _ in 0..TRIES {
        let Some(format) = data.grammar.draw(&shape, rng) else {
            return Outcome::nothing("no format of the grammar is valid for this prompt");
        };
        let Some((prompt, expectation)) = applied(instance, &format) else { continue };
        if prompt != instance.prompt && keeps_protected(instance, &prompt) {
            return Outcome::of_parts(instance, prompt, expectation, vec![format.to_string()]);
        }
    }
    Outcome::nothing("no format that was drawn differs from the prompt's own and keeps its protected text")
}

/// The instance's prompt and expectation in a format; `None` where a label would have to follow and cannot.
pub fn applied(instance: &Instance, format: &Format<'_>) -> Option<(PromptParts, Expectation)> {
    let mut prompt = instance.prompt.clone();
    let structure = parse(&prompt.query);
    prompt.query = layout::render(&structure, format);
    prompt.shots = instance.prompt.shots.iter().map(|shot| formatted(shot, format)).collect::<Option<_>>()?;
    let expectation = match (&instance.expectation, &structure.options) {
        (Expectation::Choice { choices, gold }, Some(list)) if format.relabels() => Expectation::Choice {
            choices: choices.iter().map(|choice| answers::rewritten(choice, list, format)).collect::<Option<_>>()?,
            gold: gold.clone(),
        },
        (expectation, _) => expectation.clone(),
    };
    Some((prompt, expectation))
}

fn formatted(shot: &Shot, format: &Format<'_>) -> Option<Shot> {
    let structure = parse(&shot.query);
    let target = match &structure.options {
        Some(list) if format.relabels() => answers::rewritten(&shot.target, list, format)?,
        _ => shot.target.clone(),
    };
    Some(Shot { query: layout::render(&structure, format), target, delimiter: shot.delimiter.clone() })
}

fn keeps_protected(instance: &Instance, after: &PromptParts) -> bool {
    let before = &instance.prompt;
    before.protected.iter().all(|text| before.query.matches(text).count() <= after.query.matches(text).count())
        && keeps_arguments(instance, after, false).is_ok()
}

#[cfg(test)]
mod tests;
