//! Answers in words that mean the same under every wording of an instance, so that agreement can be counted.
//!
//! Formats rename options (`A`, `(a)`, `1.`): a renamed option is known by its place. `option_order` moves texts under
//! letters that stay: there an option is known by its text, read from the question. Where the question's option list
//! cannot be read, or nothing is answered (the likelihood of a text), there is no comparable answer.

use std::cell::OnceCell;
use std::collections::HashMap;

use crate::chat::Role;
use crate::instance::Expectation;
use crate::perturb::anatomy::{OptionList, parse};
use crate::record::{PlanRecord, Purpose};
use crate::request::{Prompt, Request};
use crate::variant::VariantId;

/// The perturbation that moves options.
const MOVES_OPTIONS: &str = "option_order";

/// What answers to one wording are called in the original's terms.
struct Naming {
    /// Choices as this wording has them, with the original's.
    choices: Vec<(String, String)>,
    /// The wording's options, with the original's label of each.
    options: Option<(OptionList, Vec<String>)>,
}

impl Naming {
    fn name<'n>(&'n self, answer: &'n str) -> &'n str {
        let choice = self.choices.iter().find(|(own, _)| own == answer).map(|(_, name)| name);
        let option = || {
            let (list, names) = self.options.as_ref()?;
            names.get(list.named(answer).or_else(|| slot_of_text(list, answer))?)
        };
        choice.or_else(option).map_or(answer, String::as_str)
    }
}

/// The names of one task's answers.
#[derive(Default)]
pub(crate) struct AnswerNames {
    /// Only wordings whose answers are not taken as they are; `None` where nothing can be compared. Looked up, never
    /// iterated.
    namings: HashMap<(usize, usize), Option<Naming>>,
}

impl AnswerNames {
    /// Reads the option lists of `instances` questions under `variants`, where a comparison needs them.
    pub fn new(instances: usize, variants: &[VariantId], question: &HashMap<(usize, usize), &PlanRecord>) -> Self {
        let mut namings = HashMap::new();
        for row in 0..instances {
            let original = question.get(&(row, 0)).copied();
            let original_list = OriginalList { record: original, read: OnceCell::new() };
            for (column, variant) in variants.iter().enumerate() {
                if let Some(record) = question.get(&(row, column))
                    && let Some(naming) = naming(record, variant, &original_list)
                {
                    namings.insert((row, column), naming);
                }
            }
        }
        Self { namings }
    }

    /// The answer to a wording in the original's terms; `None` where answers cannot be compared.
    pub fn name(&self, row: usize, column: usize, answer: &str) -> Option<String> {
        let answer = answer.trim();
        match self.namings.get(&(row, column)).or_else(|| self.namings.get(&(row, 0))) {
            Some(naming) => naming.as_ref().map(|naming| naming.name(answer).to_owned()),
            None => Some(answer.to_owned()),
        }
    }
}

/// The option list of an instance's original, read when it is first needed.
struct OriginalList<'a> {
    record: Option<&'a PlanRecord>,
    read: OnceCell<Option<OptionList>>,
}

impl OriginalList<'_> {
    fn get(&self) -> Option<&OptionList> {
        self.read.get_or_init(|| option_list(&self.record?.request)).as_ref()
    }
}

/// How a wording's answers are named; `None` where they are named as the original's are.
#[allow(clippy::option_option)] // as the original's, not comparable, by a naming of its own
fn naming(record: &PlanRecord, variant: &VariantId, original: &OriginalList<'_>) -> Option<Option<Naming>> {
    let moves = variant.perturbation == MOVES_OPTIONS;
    match (expectation(record)?, original.record.and_then(expectation)) {
        (Expectation::Choice { choices, .. }, Some(Expectation::Choice { choices: names, .. })) => {
            if moves {
                Some(moved_choices(choices, names, option_list(&record.request).as_ref(), original.get()))
            } else if choices == names {
                None
            } else {
                Some(Some(Naming { choices: by_place(choices, names), options: None }))
            }
        }
        (own @ Expectation::Text { choices, .. }, Some(first @ Expectation::Text { choices: names, .. })) => {
            if variant.is_original() {
                return original.get().map(|list| Some(Naming { choices: Vec::new(), options: Some(labelled(list)) }));
            }
            if !moves && own == first {
                return None;
            }
            let options = original.get().map(|list| renamed(option_list(&record.request), list, moves));
            match options {
                Some(options) => Some(options.map(|options| Naming { choices: Vec::new(), options: Some(options) })),
                None if moves => Some(None),
                None => Some(Some(Naming { choices: by_place(choices, names), options: None })),
            }
        }
        (Expectation::Choice { .. } | Expectation::Text { .. }, _) => None,
        (
            Expectation::Continuation { .. }
            | Expectation::Document
            | Expectation::Verified { .. }
            | Expectation::Judged { .. },
            _,
        ) => Some(None),
    }
}

fn expectation(record: &PlanRecord) -> Option<&Expectation> {
    match &record.purpose {
        Purpose::Judge { expectation, .. } => Some(expectation),
        Purpose::Posix { .. } | Purpose::Likelihood { .. } => None,
    }
}

/// The options that the question lists: those of the last user turn, or the last ones of a plain text.
fn option_list(request: &Request) -> Option<OptionList> {
    let (Request::Generate { prompt, .. } | Request::LogLikelihood { prompt, .. }) = request else {
        return None;
    };
    let query = match prompt {
        Prompt::Text(text) => text,
        Prompt::Chat { messages, .. } => &messages.iter().rfind(|message| message.role == Role::User)?.content,
    };
    parse(query).options
}

fn slot_of_text(list: &OptionList, text: &str) -> Option<usize> {
    list.items.iter().position(|item| item.text.trim() == text)
}

fn by_place(choices: &[String], names: &[String]) -> Vec<(String, String)> {
    choices.iter().zip(names).map(|(choice, name)| (choice.trim().to_owned(), name.trim().to_owned())).collect()
}

fn labelled(list: &OptionList) -> (OptionList, Vec<String>) {
    (list.clone(), list.items.iter().map(|item| item.label.clone()).collect())
}

/// A wording's options with the original's labels: of the same text where texts move, of the same place elsewhere.
fn renamed(own: Option<OptionList>, original: &OptionList, moves: bool) -> Option<(OptionList, Vec<String>)> {
    let own = own.filter(|own| own.items.len() == original.items.len())?;
    let slot = |(place, text): (usize, &str)| if moves { slot_of_text(original, text.trim()) } else { Some(place) };
    let name = |place: (usize, &str)| Some(original.items.get(slot(place)?)?.label.clone());
    let names = own.texts().into_iter().enumerate().map(name).collect::<Option<Vec<_>>>()?;
    Some((own, names))
}

/// Choices of a question whose options moved. Choices that are letters follow the texts; choices that are texts stay.
fn moved_choices(
    choices: &[String],
    names: &[String],
    own: Option<&OptionList>,
    original: Option<&OptionList>,
) -> Option<Naming> {
    let (own, original) = own.zip(original)?;
    if own.items.len() != choices.len() || original.items.len() != names.len() {
        return None;
    }
    if choices.iter().all(|choice| slot_of_text(own, choice.trim()).is_some()) {
        return Some(Naming { choices: by_place(choices, choices), options: None });
    }
    let follow = |choice: &String| {
        let text = &own.items.get(own.named(choice)?)?.text;
        let slot = slot_of_text(original, text.trim())?;
        let name = names.iter().find(|name| original.named(name) == Some(slot))?;
        Some((choice.trim().to_owned(), name.trim().to_owned()))
    };
    let choices = choices.iter().map(follow).collect::<Option<Vec<_>>>()?;
    Some(Naming { choices, options: None })
}
