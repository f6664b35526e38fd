//! What is asked of a model.

use serde::{Deserialize, Serialize};

use crate::chat::{Message, Role};
use crate::response::is_zero;

/// The text a model is given.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// Plain text; the tokenizer adds its own special tokens (a beginning-of-text token, say).
    Text(String),
    /// A conversation, rendered by the model's chat template with the generation prompt open; no further special
    /// tokens are added. An `assistant_prefix` is rendered as the model's turn, which stays open behind it.
    Chat {
        /// The turns, first to last.
        messages: Vec<Message>,
        /// The beginning of the answer, given to the model (`gen_prefix` of a task); often empty.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        assistant_prefix: String,
    },
}

impl Prompt {
    /// The prompt with the model's reply to it and what the user says next.
    #[must_use]
    pub fn continued(&self, reply: &str, turn: &str, plain: Option<&PlainTurns>) -> Self {
        match self {
            Self::Text(text) => {
                let (after_user, after_reply) =
                    plain.map_or((" ", "\n\n"), |plain| (plain.after_user.as_str(), plain.after_reply.as_str()));
                Self::Text([text, after_user, reply.trim(), after_reply, turn].concat())
            }
            Self::Chat { messages, assistant_prefix } => {
                let reply = Message::new(Role::Assistant, format!("{assistant_prefix}{reply}"));
                let next = [reply, Message::new(Role::User, turn)];
                Self::Chat {
                    messages: messages.iter().cloned().chain(next).collect(),
                    assistant_prefix: assistant_prefix.clone(),
                }
            }
        }
    }

    /// The prompt as people read it: turns are headed by their role.
    pub fn as_readable_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Chat { messages, assistant_prefix } => {
                let turns = messages.iter().map(|m| format!("[{}]\n{}", m.role.as_str(), m.content));
                let mut text = turns.collect::<Vec<_>>().join("\n\n");
                if !assistant_prefix.is_empty() {
                    text.push_str("\n\n[assistant]\n");
                    text.push_str(assistant_prefix);
                }
                text
            }
        }
    }
}

/// A text whose log-probability under a prompt is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Continuation {
    /// Text, tokenized jointly with the prompt and split as lm-evaluation-harness does (PROTOCOLS 3.2 of that program).
    Text(String),
    /// Token ids as an earlier generation gave them: nothing is tokenized again.
    Tokens(Vec<u32>),
}

/// How tokens are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// The likeliest token; ties go to the lowest id.
    Greedy,
    /// Softmax sampling, seeded for each request by its own content and this seed.
    Random {
        /// Divides the logits; above 0.
        temperature: f64,
        /// Keeps the smallest set of tokens whose probability reaches this; in `(0, 1]`.
        top_p: f64,
        /// Keeps this many likeliest tokens; `None` keeps all.
        top_k: Option<usize>,
        /// Seed of the stream.
        seed: u64,
    },
}

/// Decoding settings of a generation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decoding {
    /// Generation ends after this many tokens.
    pub max_new_tokens: usize,
    /// The text is cut at the first occurrence of any of these.
    pub stop: Vec<String>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Which of several samples of the same question this is, from 0: `repeats` of a task or of a judge.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sample: usize,
}

impl Decoding {
    /// The likeliest tokens, at most so many, to the end token.
    pub fn greedy(max_new_tokens: usize) -> Self {
        Self { max_new_tokens, stop: Vec::new(), sampling: Sampling::Greedy, sample: 0 }
    }
}

/// How the turns of a conversation are written for a model that is asked with plain text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlainTurns {
    /// After what the user says.
    pub after_user: String,
    /// After what the model answers.
    pub after_reply: String,
}

/// One question to a model. A request is self-contained: its hash, with the weights' digest, keys its record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Request {
    /// Continue the prompt.
    Generate {
        /// The prompt.
        prompt: Prompt,
        /// The decoding settings.
        decoding: Decoding,
    },
    /// Log-probability of each continuation under one prompt, whose prefix is computed once.
    LogLikelihood {
        /// The prompt.
        prompt: Prompt,
        /// The continuations, for example the choices of a question.
        continuations: Vec<Continuation>,
    },
    /// A conversation: the model answers the prompt's last turn, then every following turn of the user, seeing its own
    /// earlier replies.
    Dialogue {
        /// The conversation up to the user's first turn.
        prompt: Prompt,
        /// What the user says after each reply, in order.
        turns: Vec<String>,
        /// How turns are joined where the prompt is plain text; a chat prompt needs none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plain: Option<PlainTurns>,
        /// The decoding settings of every reply.
        decoding: Decoding,
    },
    /// Log-probability of each candidate as the very next token: what a judge that answers with one token is asked.
    NextToken {
        /// The prompt.
        prompt: Prompt,
        /// Texts of one token each.
        candidates: Vec<String>,
    },
    /// Log-probability of a whole text, in windows of the model's context length where it is longer.
    Rolling {
        /// The text.
        text: String,
    },
    /// A set of prompts with one intent: a reply to each, and the log-probability of every reply under every prompt.
    /// This is what POSIX is computed from.
    PromptSet {
        /// The prompts, original first.
        prompts: Vec<Prompt>,
        /// How the replies are generated (`stop` is not applied: the reply is its tokens).
        decoding: Decoding,
    },
}
