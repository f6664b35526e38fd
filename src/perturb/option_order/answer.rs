//! What an expectation says about a question's options, and how it follows them.

use crate::instance::Expectation;
use crate::perturb::anatomy::OptionList;

/// How the right answer names options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Choices are labels: `by_choice[c]` is the slot that choice `c` names.
    LabelChoices {
        /// A slot for each choice.
        by_choice: Vec<usize>,
        /// The slot of the first right choice.
        right: Option<usize>,
    },
    /// Choices are the option texts: they stay, only the list changes.
    TextChoices {
        /// The slot of the first right choice.
        right: Option<usize>,
    },
    /// Accepted answers, each a label with its slot, or an option text, which stays.
    Targets {
        /// The slot that each accepted answer names by label.
        by_target: Vec<Option<usize>>,
        /// The slot of the first accepted answer.
        right: Option<usize>,
    },
}

impl Answer {
    /// Reads an expectation; the error says why its options may not move.
    pub fn of(expectation: &Expectation, list: &OptionList) -> Result<Self, String> {
        match expectation {
            Expectation::Choice { choices, gold } => Self::of_choices(choices, gold, list),
            Expectation::Text { targets, .. } => Self::of_targets(targets, list),
            Expectation::Continuation { .. } | Expectation::Document => {
                Err("what is scored is a text, not an answer that could follow its option".to_owned())
            }
            Expectation::Verified { .. } => {
                Err("a program verifies the reply, with arguments that may name an option or its place".to_owned())
            }
            Expectation::Judged { .. } => {
                Err("the judge is shown the original question, whose options have their own order".to_owned())
            }
        }
    }

    fn of_choices(choices: &[String], gold: &[usize], list: &OptionList) -> Result<Self, String> {
        let by_label = choices.iter().map(|choice| list.named(choice)).collect::<Option<Vec<_>>>();
        let by_text = choices.iter().map(|choice| slot_of_text(choice, list)).collect::<Option<Vec<_>>>();
        let right = |slots: &[usize]| gold.first().and_then(|&first| slots.get(first)).copied();
        match (by_label, by_text) {
            (Some(_), Some(_)) => Err("the choices could be labels or texts of the options".to_owned()),
            (Some(by_choice), None) if is_permutation(&by_choice, list.items.len()) => {
                Ok(Self::LabelChoices { right: right(&by_choice), by_choice })
            }
            (Some(_), None) => {
                Err(format!("the {} choices do not name each of the {} options once", choices.len(), list.items.len()))
            }
            (None, Some(slots)) => Ok(Self::TextChoices { right: right(&slots) }),
            (None, None) => Err("the choices are neither labels nor texts of the options".to_owned()),
        }
    }

    fn of_targets(targets: &[String], list: &OptionList) -> Result<Self, String> {
        let mut by_target = Vec::with_capacity(targets.len());
        let mut right = None;
        for target in targets {
            let (label, text) = (list.named(target), slot_of_text(target, list));
            match (label, text) {
                (Some(_), Some(_)) => return Err(format!("the answer {target:?} could be a label or a text")),
                (None, None) => return Err(format!("the answer {target:?} names no option")),
                _ => {}
            }
            right = right.or(label).or(text);
            by_target.push(label);
        }
        Ok(Self::Targets { by_target, right })
    }

    /// The slot of the right answer, where there is one (the first, where several are right).
    pub fn slot(&self) -> Option<usize> {
        match self {
            Self::LabelChoices { right, .. } | Self::TextChoices { right } | Self::Targets { right, .. } => *right,
        }
    }

    /// The expectation after the texts moved; `order[slot]` is the slot whose text is there afterwards.
    pub fn moved(&self, expectation: &Expectation, list: &OptionList, order: &[usize]) -> Option<Expectation> {
        let destination = |slot: usize| order.iter().position(|&from| from == slot);
        match (self, expectation) {
            (Self::LabelChoices { by_choice, .. }, Expectation::Choice { choices, gold }) => {
                let follow = |&choice: &usize| {
                    let slot = destination(*by_choice.get(choice)?)?;
                    by_choice.iter().position(|&other| other == slot)
                };
                let mut gold = gold.iter().map(follow).collect::<Option<Vec<_>>>()?;
                gold.sort_unstable();
                Some(Expectation::Choice { choices: choices.clone(), gold })
            }
            (Self::Targets { by_target, .. }, Expectation::Text { targets, choices }) => {
                let follow = |(target, slot): (&String, &Option<usize>)| match slot {
                    None => Some(target.clone()),
                    Some(slot) => relabelled(target, *slot, destination(*slot)?, list),
                };
                let targets = targets.iter().zip(by_target).map(follow).collect::<Option<Vec<_>>>()?;
                Some(Expectation::Text { targets, choices: moved_texts(choices, list, order) })
            }
            _ => Some(expectation.clone()),
        }
    }
}

/// Declared choices that are the option texts, in their order, keep naming the options in order.
fn moved_texts(choices: &[String], list: &OptionList, order: &[usize]) -> Vec<String> {
    let are_texts = choices.iter().map(|choice| choice.trim()).eq(list.texts());
    if !are_texts {
        return choices.to_vec();
    }
    order.iter().filter_map(|&from| choices.get(from).cloned()).collect()
}

fn relabelled(target: &str, from: usize, to: usize, list: &OptionList) -> Option<String> {
    let (old, new) = (&list.items.get(from)?.label, &list.items.get(to)?.label);
    Some(target.replacen(old.as_str(), new, 1))
}

fn slot_of_text(text: &str, list: &OptionList) -> Option<usize> {
    list.items.iter().position(|item| item.text == text.trim() && !item.text.is_empty())
}

fn is_permutation(slots: &[usize], count: usize) -> bool {
    let mut sorted = slots.to_vec();
    sorted.sort_unstable();
    sorted.into_iter().eq(0..count)
}
