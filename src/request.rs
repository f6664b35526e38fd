//! What is asked of a model.

use serde::{Deserialize, Serialize};

use crate::chat::Message;

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
