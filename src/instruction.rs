//! Rows of instruction and preference data, whatever file they came from.

use serde::{Deserialize, Serialize};

use crate::chat::Message;

/// One example of how to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstructionRow {
    /// Its place in its file, from 1: a line of JSONL, an element of a JSON list, a row of a table.
    pub number: usize,
    /// What it says.
    pub body: InstructionBody,
}

/// What an instruction row says, in the shape that its file has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstructionBody {
    /// Alpaca's `instruction`, `input`, `output`.
    Instruction {
        /// What to do.
        instruction: String,
        /// What to do it to; `None` where there is nothing or only an empty text.
        input: Option<String>,
        /// The answer.
        output: String,
    },
    /// `prompt` with `response` or `completion`, as they stand.
    Text {
        /// Everything before the answer.
        prompt: String,
        /// The answer.
        response: String,
    },
    /// A conversation with at least one answer of the assistant.
    Conversation(Vec<Message>),
}

/// Two answers to one prompt, of which one is preferred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreferenceRow {
    /// Its place in its file, from 1.
    pub number: usize,
    /// What is asked.
    pub prompt: PreferencePrompt,
    /// The preferred answer.
    pub chosen: String,
    /// The other one.
    pub rejected: String,
}

/// What a preference row asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreferencePrompt {
    /// Text as it stands.
    Text(String),
    /// A conversation that the answers continue.
    Conversation(Vec<Message>),
}

/// Which part of an example a token belongs to: decides its weight in the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenRole {
    /// Begins a sequence; never predicted.
    Special,
    /// Everything that the model is given: instructions, questions, and the marks of a template around them.
    Prompt,
    /// Everything that the model must say: answers, and the mark that ends each.
    Response,
}

/// An example as the model sees it: one role a token.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenizedExample {
    /// Token ids.
    pub ids: Vec<u32>,
    /// The role of each token; as long as `ids`.
    pub roles: Vec<TokenRole>,
}

impl TokenizedExample {
    /// Number of tokens of a role that are predicted; the first token of a sequence is not.
    pub fn predicted(&self, role: TokenRole) -> usize {
        self.roles.iter().skip(1).filter(|r| **r == role).count()
    }
}
