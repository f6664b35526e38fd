//! What a judge is asked about one conversation.

use super::category::needs_reference;
use super::prompt_set::{PromptRole, PromptSet, ReadPrompt};
use super::settings::{Mode, Settings};
use crate::chat::{Message, Role};
use crate::instance::{Baseline, Expectation};
use crate::judgment::JudgeCall;
use crate::request::{Prompt, Request};

/// Turns that the protocol's templates show at most.
const MAX_TURNS: usize = 2;

/// A conversation that a judge cannot be asked about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The instance is none that a judge decides.
    #[error(
        "the instance is not judged by a model; use the scorer `mt_bench` for questions with `turns` and a category"
    )]
    NotJudged,
    /// A number of turns that the templates do not show.
    #[error("the question has {turns} turns; MT-Bench's templates show one or two: shorten the conversation")]
    Turns {
        /// Turns of the user.
        turns: usize,
    },
    /// As many replies as turns are needed.
    #[error("{who} gave {replies} replies to {turns} turns; generate the conversation again")]
    Replies {
        /// Whose replies.
        who: String,
        /// How many there are.
        replies: usize,
        /// Turns of the user.
        turns: usize,
    },
    /// Pairwise judging of an instance that has nothing to compare with.
    #[error("there is no baseline answer to compare with; give the answers of a baseline, or use the mode `single`")]
    NoBaseline,
    /// A category whose answers are judged against a reference, without one.
    #[error(
        "a question of category `{category}` is judged against a reference, and there is none for turn {turn}; \
         give the reference answers"
    )]
    NoReference {
        /// The category.
        category: String,
        /// The turn, from 1.
        turn: usize,
    },
    /// A template that the file of judge prompts lacks.
    #[error("there is no judge prompt `{name}`; add it to the file of judge prompts")]
    NoPrompt {
        /// Its published name.
        name: &'static str,
    },
    /// A placeholder that has no value in this place.
    #[error(
        "judge prompt `{prompt}` has the placeholder `{{{placeholder}}}`, which has no value there; known are {known}"
    )]
    Placeholder {
        /// The template's name.
        prompt: String,
        /// The placeholder.
        placeholder: String,
        /// Those that have a value.
        known: &'static str,
    },
    /// Nothing would be asked.
    #[error("0 repeats ask nothing; use at least 1")]
    NoRepeats,
}

/// The questions to the judge about one conversation: by turn, then repeat, then order.
///
/// Turn 1 is judged by itself, turn 2 with the whole conversation in view. Single-answer grading asks once a turn and
/// repeat; pairwise judging asks twice, the judged reply first and then (`swapped`) the baseline's. Questions on
/// mathematics, reasoning and coding use the templates with reference answers. Placeholders are replaced once and
/// literally: whatever a reply contains is shown, not expanded. An empty system prompt gives no system turn.
pub fn calls(
    expectation: &Expectation,
    replies: &[String],
    prompts: &PromptSet,
    settings: &Settings,
) -> Result<Vec<JudgeCall>, CallError> {
    let conversation = Conversation::new(expectation, replies, settings.mode)?;
    if settings.repeats == 0 {
        return Err(CallError::NoRepeats);
    }
    let orders: &[bool] = match settings.mode {
        Mode::Single => &[false],
        Mode::Pairwise => &[false, true],
    };
    let mut calls = Vec::with_capacity(conversation.questions.len() * settings.repeats * orders.len());
    for turn in 1..=conversation.questions.len() {
        let role = PromptRole {
            mode: settings.mode,
            with_reference: needs_reference(conversation.category),
            second_turn: turn == 2,
        };
        let read = prompts.find(role).ok_or(CallError::NoPrompt { name: role.name() })?;
        let shown = orders
            .iter()
            .map(|swapped| Ok((*swapped, conversation.prompt(read, role, *swapped)?)))
            .collect::<Result<Vec<_>, CallError>>()?;
        for repeat in 0..settings.repeats {
            calls.extend(shown.iter().map(|(swapped, prompt)| JudgeCall {
                turn,
                repeat,
                prompt_name: read.prompt.name.clone(),
                swapped: *swapped,
                request: Request::Generate { prompt: prompt.clone(), decoding: settings.decoding(repeat) },
            }));
        }
    }
    Ok(calls)
}

/// What the templates show.
struct Conversation<'a> {
    category: &'a str,
    questions: &'a [String],
    references: &'a [String],
    replies: &'a [String],
    /// The baseline's replies; those of the judged model where there is no baseline.
    baseline: &'a [String],
}

impl<'a> Conversation<'a> {
    fn new(expectation: &'a Expectation, replies: &'a [String], mode: Mode) -> Result<Self, CallError> {
        let Expectation::Judged { category, questions, references, baseline } = expectation else {
            return Err(CallError::NotJudged);
        };
        let turns = questions.len();
        if turns == 0 || turns > MAX_TURNS {
            return Err(CallError::Turns { turns });
        }
        if replies.len() != turns {
            return Err(CallError::Replies { who: "the model".to_owned(), replies: replies.len(), turns });
        }
        let baseline = match (mode, baseline) {
            (Mode::Single, _) => replies,
            (Mode::Pairwise, None) => return Err(CallError::NoBaseline),
            (Mode::Pairwise, Some(Baseline { generator, replies })) if replies.len() != turns => {
                return Err(CallError::Replies { who: format!("`{generator}`"), replies: replies.len(), turns });
            }
            (Mode::Pairwise, Some(baseline)) => &baseline.replies,
        };
        Ok(Self { category, questions, references, replies, baseline })
    }

    fn prompt(&self, read: &ReadPrompt, role: PromptRole, swapped: bool) -> Result<Prompt, CallError> {
        let (a, b) = if swapped { (self.baseline, self.replies) } else { (self.replies, self.baseline) };
        let text = read.template.fill(|slot| {
            let found = match slot_of(slot, role) {
                Some(Slot::Reference(turn)) => {
                    let reference = self.references.get(turn - 1);
                    return reference
                        .map(String::as_str)
                        .ok_or_else(|| CallError::NoReference { category: self.category.to_owned(), turn });
                }
                Some(Slot::Question(turn)) => self.questions.get(turn - 1),
                Some(Slot::Answer(turn)) => self.replies.get(turn - 1),
                Some(Slot::AnswerA(turn)) => a.get(turn - 1),
                Some(Slot::AnswerB(turn)) => b.get(turn - 1),
                None => None,
            };
            found.map(String::as_str).ok_or_else(|| CallError::Placeholder {
                prompt: read.prompt.name.clone(),
                placeholder: slot.to_owned(),
                known: known_slots(role),
            })
        })?;
        let system = Some(&read.prompt.system_prompt).filter(|system| !system.is_empty());
        let messages = system.map(|system| Message::new(Role::System, system)).into_iter();
        let messages = messages.chain([Message::new(Role::User, text)]).collect();
        Ok(Prompt::Chat { messages, assistant_prefix: String::new() })
    }
}

/// What a placeholder stands for; turns from 1.
enum Slot {
    Question(usize),
    Answer(usize),
    AnswerA(usize),
    AnswerB(usize),
    Reference(usize),
}

/// The first turn is shown under names without a number, the whole conversation under numbered ones.
fn slot_of(name: &str, role: PromptRole) -> Option<Slot> {
    let (stem, turn) = match (name.strip_suffix("_1"), name.strip_suffix("_2")) {
        (Some(stem), _) => (stem, Some(1)),
        (_, Some(stem)) => (stem, Some(2)),
        _ => (name, None),
    };
    if stem == "ref_answer" {
        return (role.with_reference).then_some(Slot::Reference(turn?));
    }
    let turn = match (turn, role.second_turn) {
        (None, false) => 1,
        (Some(turn), true) => turn,
        _ => return None,
    };
    match (stem, role.mode) {
        ("question", _) => Some(Slot::Question(turn)),
        ("answer", Mode::Single) => Some(Slot::Answer(turn)),
        ("answer_a", Mode::Pairwise) => Some(Slot::AnswerA(turn)),
        ("answer_b", Mode::Pairwise) => Some(Slot::AnswerB(turn)),
        _ => None,
    }
}

fn known_slots(role: PromptRole) -> &'static str {
    match (role.mode, role.second_turn, role.with_reference) {
        (Mode::Single, false, false) => "question, answer",
        (Mode::Single, false, true) => "question, answer, ref_answer_1, ref_answer_2",
        (Mode::Single, true, false) => "question_1, question_2, answer_1, answer_2",
        (Mode::Single, true, true) => "question_1, question_2, answer_1, answer_2, ref_answer_1, ref_answer_2",
        (Mode::Pairwise, false, false) => "question, answer_a, answer_b",
        (Mode::Pairwise, false, true) => "question, answer_a, answer_b, ref_answer_1, ref_answer_2",
        (Mode::Pairwise, true, false) => "question_1, question_2, answer_a_1, answer_a_2, answer_b_1, answer_b_2",
        (Mode::Pairwise, true, true) => {
            "question_1, question_2, answer_a_1, answer_a_2, answer_b_1, answer_b_2, ref_answer_1, ref_answer_2"
        }
    }
}
