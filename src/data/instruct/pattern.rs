//! The layouts of instruction rows.

use serde_json::Value;

use super::error::RowFault;
use super::fields::{Fields, wrong_kind};
use super::messages::{conversation, is_blank, message};
use super::{Reading, SkipReason, joined_instruction};
use crate::chat::{Message, Role};
use crate::instruction::InstructionBody;

/// The layouts, for errors.
pub(super) const ACCEPTED: &str = "accepted are instruction/input/output, prompt/response, prompt/completion, messages \
                                   [{role, content}] and conversations [{from, value}]";

const TEXT_ONLY: &str = "has only `text`, where nothing tells the prompt from the answer, so the two cannot be weighted \
                         apart; split it into prompt and response";
const PREFERENCES: &str = "has `chosen` and `rejected`: this is preference data; use it with `wit-eval dpo`, or name one of \
                           them: --columns prompt=prompt,response=chosen";
const PAIRS: &str = "a list of [question, answer]";
const TWO_SYSTEMS: &str = "has a `system` text and a conversation that begins with a system turn; remove one of them";

/// What a row says.
pub(super) fn body(mut fields: Fields) -> Result<Reading<InstructionBody>, RowFault> {
    if fields.has("chosen") && fields.has("rejected") {
        return Err(RowFault::Refused(PREFERENCES));
    }
    let body = if let Some(key) = ["messages", "conversations"].into_iter().find(|key| fields.has(key)) {
        let turns = fields.take(key).unwrap_or_default();
        answered(key, with_system(fields.some_text("system")?, conversation(key, turns)?)?)?
    } else if fields.has("prompt") && fields.has("completion") {
        prompt_and_answer(fields, "completion")?
    } else if fields.has("prompt") && fields.has("response") {
        prompt_and_answer(fields, "response")?
    } else if fields.has("instruction") && fields.has("output") {
        alpaca(fields)?
    } else if fields.has("text") {
        return Err(RowFault::Refused(TEXT_ONLY));
    } else {
        return Err(RowFault::Layout { found: fields.keys(), accepted: ACCEPTED });
    };
    Ok(if has_empty_answer(&body) { Err(SkipReason::EmptyAnswer) } else { Ok(body) })
}

fn has_empty_answer(body: &InstructionBody) -> bool {
    match body {
        InstructionBody::Instruction { output, .. } => is_blank(output),
        InstructionBody::Text { response, .. } => is_blank(response),
        InstructionBody::Conversation(turns) => {
            turns.iter().any(|turn| turn.role == Role::Assistant && is_blank(&turn.content))
        }
    }
}

/// `prompt` with `completion` or `response`; each side is text or a list of turns.
fn prompt_and_answer(mut fields: Fields, answer: &'static str) -> Result<InstructionBody, RowFault> {
    let system = fields.some_text("system")?;
    let given = side("prompt", Role::User, fields.take("prompt").unwrap_or_default())?;
    let said = side(answer, Role::Assistant, fields.take(answer).unwrap_or_default())?;
    if let (None, Side::Text(prompt), Side::Text(response)) = (&system, &given, &said) {
        return Ok(InstructionBody::Text { prompt: prompt.clone(), response: response.clone() });
    }
    let mut turns = given.into_turns(Role::User);
    turns.extend(said.into_turns(Role::Assistant));
    answered(answer, with_system(system, turns)?)
}

/// Alpaca's layout; with `system` or `history` (pairs of question and answer) it is a conversation.
fn alpaca(mut fields: Fields) -> Result<InstructionBody, RowFault> {
    let context = context(&mut fields)?;
    let (instruction, input) = (fields.text("instruction")?, fields.some_text("input")?);
    let output = fields.text("output")?;
    let Some(mut turns) = context else {
        return Ok(InstructionBody::Instruction { instruction, input, output });
    };
    turns.push(Message::new(Role::User, joined_instruction(&instruction, input.as_deref())));
    turns.push(Message::new(Role::Assistant, output));
    Ok(InstructionBody::Conversation(turns))
}

/// The turns that `system` and `history` put before an instruction; `None` where neither says anything.
pub(super) fn context(fields: &mut Fields) -> Result<Option<Vec<Message>>, RowFault> {
    if !fields.says("system") && !fields.says("history") {
        return Ok(None);
    }
    let mut turns: Vec<Message> =
        fields.some_text("system")?.map(|text| Message::new(Role::System, text)).into_iter().collect();
    let pairs = match fields.take("history") {
        None => Vec::new(),
        Some(Value::String(text)) if is_blank(&text) => Vec::new(),
        Some(Value::Array(pairs)) => pairs,
        Some(other) => return Err(wrong_kind("history", &other, PAIRS)),
    };
    for pair in pairs {
        let [Value::String(asked), Value::String(said)] = pair.as_array().map_or(&[][..], Vec::as_slice) else {
            return Err(wrong_kind("history", &pair, PAIRS));
        };
        turns.push(Message::new(Role::User, asked.as_str()));
        turns.push(Message::new(Role::Assistant, said.as_str()));
    }
    Ok(Some(turns))
}

/// What stands on one side of an answer's beginning.
pub(super) enum Side {
    /// As it stands.
    Text(String),
    /// Turns.
    Turns(Vec<Message>),
}

impl Side {
    /// The turns; a text is one turn by `speaker`.
    pub(super) fn into_turns(self, speaker: Role) -> Vec<Message> {
        match self {
            Self::Text(text) => vec![Message::new(speaker, text)],
            Self::Turns(turns) => turns,
        }
    }
}

/// A text, a list of turns, or one turn, which `speaker` must hold.
pub(super) fn side(key: &str, speaker: Role, value: Value) -> Result<Side, RowFault> {
    match value {
        Value::String(text) => Ok(Side::Text(text)),
        Value::Object(_) => {
            let turn = message(key, 1, value)?;
            if turn.role == speaker {
                return Ok(Side::Turns(vec![turn]));
            }
            let fault = format!(
                "is a turn by the {} where the {} should speak; correct the row",
                turn.role.as_str(),
                speaker.as_str()
            );
            Err(RowFault::Conversation { key: key.to_owned(), fault })
        }
        other => conversation(key, other).map(Side::Turns),
    }
}

/// Turns with a system text before them.
pub(super) fn with_system(system: Option<String>, mut turns: Vec<Message>) -> Result<Vec<Message>, RowFault> {
    let Some(system) = system else { return Ok(turns) };
    if turns.first().is_some_and(|turn| turn.role == Role::System) {
        return Err(RowFault::Refused(TWO_SYSTEMS));
    }
    turns.insert(0, Message::new(Role::System, system));
    Ok(turns)
}

/// A conversation in which the assistant speaks.
fn answered(key: &str, turns: Vec<Message>) -> Result<InstructionBody, RowFault> {
    if turns.iter().any(|turn| turn.role == Role::Assistant) {
        return Ok(InstructionBody::Conversation(turns));
    }
    let fault = "has no turn of the assistant, so there is nothing to learn; remove the row".to_owned();
    Err(RowFault::Conversation { key: key.to_owned(), fault })
}
