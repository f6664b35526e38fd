//! The order of a question's options: texts move under fixed labels, and the right answer follows its text.
//!
//! Only the question's options move; examples stay as they are. Options such as `All of the above` stay in their place
//! at the end, and where an option's text speaks of others by label or place, nothing is moved: the question would
//! ask something else.

mod answer;

use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::anatomy::{Mention, OptionList, PromptStructure, parse};
use super::{DataError, DataFile, Outcome, PerturbationInfo, PerturbationKind, Strength, file_named};
use crate::instance::Instance;
use answer::Answer;

/// What there is to know about this perturbation.
pub const INFO: PerturbationInfo = PerturbationInfo {
    kind: PerturbationKind::OptionOrder,
    summary: "moves the texts of a question's options under their fixed labels; the right answer follows its text",
    keeps: "every option text, every label, everything outside the list, the text of the right answer, and the place \
            of options such as \"none of the above\"",
    strengths: "light: two options change places; default: any other order; heavy: the right answer moves, and so \
                does every other option",
    default_draws: 3,
};

/// How options speak of each other, read once.
#[derive(Debug, Clone)]
pub struct OptionOrderData {
    stays_last: Vec<String>,
    stays: Vec<String>,
    refuses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReferencesFile {
    stays_last: Vec<String>,
    stays: Vec<String>,
    refuses: Vec<String>,
}

impl OptionOrderData {
    /// Reads `option_order/references.toml`.
    pub fn from_files(files: &[DataFile<'_>]) -> Result<Self, DataError> {
        let file = file_named(files, "option_order", "references.toml")?;
        let read: ReferencesFile = toml::from_str(file.text).map_err(|error| DataError::invalid(file.path, error))?;
        let phrases = [&read.stays_last, &read.stays, &read.refuses].into_iter().flatten();
        for phrase in phrases {
            if phrase.trim().is_empty() || *phrase != normalised(phrase) {
                let problem = format!("{phrase:?} is not in small letters with single spaces; write it so");
                return Err(DataError::invalid(file.path, problem));
            }
        }
        Ok(Self { stays_last: read.stays_last, stays: read.stays, refuses: read.refuses })
    }
}

/// Small letters, digits and single spaces: how phrases are compared.
fn normalised(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// Whether a phrase occurs in a normalised text at word boundaries.
fn has_phrase(text: &str, phrases: &[String]) -> bool {
    let padded = format!(" {text} ");
    phrases.iter().any(|phrase| padded.contains(&format!(" {phrase} ")))
}

/// Draws another order of an instance's options.
pub fn apply(instance: &Instance, strength: &Strength, rng: &mut ChaCha8Rng, data: &OptionOrderData) -> Outcome {
    let structure = parse(&instance.prompt.query);
    let Some(list) = &structure.options else {
        return Outcome::nothing("the question lists no labelled options");
    };
    let answer = match Answer::of(&instance.expectation, list) {
        Ok(answer) => answer,
        Err(reason) => return Outcome::nothing(reason),
    };
    let movable = match movable(&structure, list, data) {
        Ok(movable) => movable,
        Err(reason) => return Outcome::nothing(reason),
    };
    let Some(order) = draw(list, &movable, &answer, *strength, rng) else {
        return Outcome::nothing("there is no other order: the options that may move have the same text");
    };
    let Some(expectation) = answer.moved(&instance.expectation, list, &order) else {
        return Outcome::nothing("the right answer cannot follow its option");
    };
    let mut prompt = instance.prompt.clone();
    prompt.query = reordered(&structure, &order);
    if prompt
        .protected
        .iter()
        .any(|text| instance.prompt.query.contains(text.as_str()) && !prompt.query.contains(text.as_str()))
    {
        return Outcome::nothing("protected text spans several options");
    }
    let labels = list.labels();
    let moves = order.iter().zip(0..).filter(|&(&from, slot)| from != slot);
    let moves =
        moves.filter_map(|(&from, slot): (_, usize)| Some(format!("{} was {}", labels.get(slot)?, labels.get(from)?)));
    Outcome::of_parts(instance, prompt, expectation, vec![format!("options: {}", moves.collect::<Vec<_>>().join(", "))])
}

/// The slots whose texts may move, at least two; or why none may.
fn movable(structure: &PromptStructure, list: &OptionList, data: &OptionOrderData) -> Result<Vec<usize>, String> {
    let texts = list.texts().into_iter().map(normalised).collect::<Vec<_>>();
    for (text, label) in list.texts().into_iter().zip(list.labels()) {
        if list.is_mentioned_in(text, Mention::Any) {
            return Err(format!("option {label} speaks of options by label"));
        }
    }
    if structure.fields.iter().chain(&structure.tail).any(|field| list.is_mentioned_in(&field.text, Mention::Announced))
    {
        return Err("the question speaks of an option by label".to_owned());
    }
    let end = texts.iter().rposition(|text| !has_phrase(text, &data.stays_last)).map_or(0, |place| place + 1);
    let mut movable = Vec::new();
    for (slot, (text, label)) in texts.iter().zip(list.labels()).enumerate() {
        if slot >= end || has_phrase(text, &data.stays) {
            continue;
        }
        if has_phrase(text, &data.stays_last) || has_phrase(text, &data.refuses) {
            return Err(format!("option {label} speaks of the options before it"));
        }
        movable.push(slot);
    }
    if movable.len() < 2 { Err("fewer than two options may move".to_owned()) } else { Ok(movable) }
}

/// An order in which `order[slot]` is the slot whose text goes there. Never one that shows the same texts.
fn draw(
    list: &OptionList,
    movable: &[usize],
    answer: &Answer,
    strength: Strength,
    rng: &mut ChaCha8Rng,
) -> Option<Vec<usize>> {
    let texts = list.texts();
    let differs = |order: &[usize]| order.iter().enumerate().any(|(slot, from)| texts.get(slot) != texts.get(*from));
    (0..MAX_DRAWS)
        .map(|_| match strength {
            Strength::Light => swapped(texts.len(), movable, rng),
            Strength::Default | Strength::Rate(_) => shuffled(texts.len(), movable, rng),
            Strength::Heavy => displaced(texts.len(), movable, answer.slot(), rng),
        })
        .find(|order| differs(order))
}

/// Draws before options count as having one order only.
const MAX_DRAWS: usize = 200;

fn place(slots: usize, movable: &[usize], sources: &[usize]) -> Vec<usize> {
    let mut order = (0..slots).collect::<Vec<_>>();
    for (slot, &from) in movable.iter().zip(sources) {
        if let Some(place) = order.get_mut(*slot) {
            *place = from;
        }
    }
    order
}

fn swapped(slots: usize, movable: &[usize], rng: &mut ChaCha8Rng) -> Vec<usize> {
    let first = rng.random_range(0..movable.len());
    let second = (first + rng.random_range(1..movable.len())) % movable.len();
    let mut sources = movable.to_vec();
    sources.swap(first, second);
    place(slots, movable, &sources)
}

fn shuffled(slots: usize, movable: &[usize], rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut sources = movable.to_vec();
    sources.shuffle(rng);
    place(slots, movable, &sources)
}

/// No option keeps its place; the right one goes to any other place with the same probability.
fn displaced(slots: usize, movable: &[usize], right: Option<usize>, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut sources = movable.to_vec();
    let right = right.and_then(|slot| movable.iter().position(|&other| other == slot));
    let target = right.map(|right| (right + rng.random_range(1..movable.len())) % movable.len());
    for _ in 0..MAX_DRAWS {
        sources.shuffle(rng);
        let derangement = sources.iter().zip(movable).all(|(from, slot)| from != slot);
        let there = match (right, target) {
            (Some(right), Some(target)) => sources.get(target) == movable.get(right),
            _ => true,
        };
        if derangement && there {
            break;
        }
    }
    place(slots, movable, &sources)
}

fn reordered(structure: &PromptStructure, order: &[usize]) -> String {
    let mut moved = structure.clone();
    if let (Some(list), Some(original)) = (&mut moved.options, &structure.options) {
        for (item, from) in list.items.iter_mut().zip(order) {
            if let Some(source) = original.items.get(*from) {
                item.text.clone_from(&source.text);
            }
        }
    }
    moved.render()
}

#[cfg(test)]
mod tests;
