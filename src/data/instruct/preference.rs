//! The layouts of preference rows.

use super::error::RowFault;
use super::fields::Fields;
use super::messages::{conversation, is_blank};
use super::pattern::{Side, context, side, with_system};
use super::{Reading, SkipReason, joined_instruction};
use crate::chat::{Message, Role};
use crate::instruction::{PreferencePrompt, PreferenceRow};

const ACCEPTED: &str = "accepted are prompt/chosen/rejected (texts or turns), chosen/rejected as whole conversations, \
                        conversations/chosen/rejected, and instruction/input/chosen/rejected";

/// What a row asks and which answer it prefers.
pub(super) fn row(number: usize, mut fields: Fields) -> Result<Reading<PreferenceRow>, RowFault> {
    let (Some(chosen), Some(rejected)) = (fields.take("chosen"), fields.take("rejected")) else {
        return Err(RowFault::Layout { found: fields.keys(), accepted: ACCEPTED });
    };
    let chosen = side("chosen", Role::Assistant, chosen)?;
    let rejected = side("rejected", Role::Assistant, rejected)?;
    let system = |fields: &mut Fields| fields.some_text("system");
    let (prompt, chosen, rejected) = match (chosen, rejected) {
        (Side::Turns(chosen), Side::Turns(rejected)) if opens(&chosen) && opens(&rejected) => {
            let (head, chosen, rejected) = split(chosen, rejected)?;
            (PreferencePrompt::Conversation(with_system(system(&mut fields)?, head)?), chosen, rejected)
        }
        (chosen, rejected) => {
            let prompt = prompt(&mut fields)?;
            (prompt, answer("chosen", chosen)?, answer("rejected", rejected)?)
        }
    };
    let reason = if is_blank(&chosen) || is_blank(&rejected) {
        Some(SkipReason::EmptyAnswer)
    } else {
        (chosen == rejected).then_some(SkipReason::EqualAnswers)
    };
    Ok(reason.map_or(Ok(PreferenceRow { number, prompt, chosen, rejected }), Err))
}

/// Whether turns are a whole conversation and not only an answer.
fn opens(turns: &[Message]) -> bool {
    turns.first().is_some_and(|turn| turn.role != Role::Assistant)
}

/// Whole conversations with a common head: that is the prompt, and one turn of the assistant must follow on each side.
fn split(mut chosen: Vec<Message>, rejected: Vec<Message>) -> Result<(Vec<Message>, String, String), RowFault> {
    let common = chosen.iter().zip(&rejected).take_while(|(a, b)| a == b).count();
    // Equal conversations differ in nothing; their last turn is still the answer.
    let head = common.min(chosen.len().saturating_sub(1)).min(rejected.len().saturating_sub(1));
    let preferred = answer("chosen", Side::Turns(chosen.split_off(head)))?;
    let other = answer("rejected", Side::Turns(rejected.into_iter().skip(head).collect()))?;
    Ok((chosen, preferred, other))
}

/// A text, or the only turn of a list, held by the assistant.
fn answer(key: &str, side: Side) -> Result<String, RowFault> {
    let turns = match side {
        Side::Text(text) => return Ok(text),
        Side::Turns(turns) => turns,
    };
    match <[Message; 1]>::try_from(turns) {
        Ok([turn]) if turn.role == Role::Assistant => Ok(turn.content),
        _ => {
            let fault =
                "is not one turn of the assistant after what both conversations have in common; make them differ \
                         in their last turn only"
                    .to_owned();
            Err(RowFault::Conversation { key: key.to_owned(), fault })
        }
    }
}

/// What is asked, where it has keys of its own.
fn prompt(fields: &mut Fields) -> Result<PreferencePrompt, RowFault> {
    if let Some(prompt) = fields.take("prompt") {
        let system = fields.some_text("system")?;
        return Ok(match (side("prompt", Role::User, prompt)?, system) {
            (Side::Text(text), None) => PreferencePrompt::Text(text),
            (side, system) => PreferencePrompt::Conversation(with_system(system, side.into_turns(Role::User))?),
        });
    }
    if let Some(key) = ["conversations", "messages"].into_iter().find(|key| fields.has(key)) {
        let turns = conversation(key, fields.take(key).unwrap_or_default())?;
        return Ok(PreferencePrompt::Conversation(with_system(fields.some_text("system")?, turns)?));
    }
    if fields.has("instruction") {
        let turns = context(fields)?;
        let text = joined_instruction(&fields.text("instruction")?, fields.some_text("input")?.as_deref());
        return Ok(match turns {
            None => PreferencePrompt::Text(text),
            Some(mut turns) => {
                turns.push(Message::new(Role::User, text));
                PreferencePrompt::Conversation(turns)
            }
        });
    }
    Err(RowFault::Layout { found: format!("chosen, rejected and {}", fields.keys()), accepted: ACCEPTED })
}
