//! What a model answered.

use serde::{Deserialize, Serialize};

/// Why a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model emitted an end token.
    EndToken,
    /// A stop string appeared.
    StopString,
    /// `max_new_tokens` were generated, or the model's context is full.
    Length,
}

/// A generated continuation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generation {
    /// The text, without special tokens, cut at the first stop string.
    pub text: String,
    /// The ids as generated, an emitted end token included.
    pub token_ids: Vec<u32>,
    /// Why it ended.
    pub finish: FinishReason,
}

/// The log-probability of one continuation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ContinuationLogProb {
    /// Sum of the tokens' log-probabilities, in nats.
    pub sum_nats: f64,
    /// Number of tokens that the sum runs over.
    pub tokens: usize,
    /// Whether greedy decoding would have produced exactly these tokens.
    pub is_greedy: bool,
}

/// A model's answer to a [`Request`](crate::request::Request), of the matching kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Response {
    /// Answer to `Generate`.
    Generated(Generation),
    /// Answer to `LogLikelihood`, one entry a continuation, in their order.
    LogProbs {
        /// One entry a continuation.
        continuations: Vec<ContinuationLogProb>,
    },
    /// Answer to `Rolling`.
    Rolling {
        /// Log-probability of the text, in nats.
        sum_nats: f64,
        /// Tokens scored.
        tokens: usize,
    },
    /// Answer to `PromptSet`.
    PromptSet {
        /// Replies, one a prompt, in their order.
        replies: Vec<Generation>,
        /// `log_probs[i][j]` = log P(reply j | prompt i), in nats, summed over the reply's tokens.
        log_probs: Vec<Vec<f64>>,
    },
    /// The request could not be answered; the reason says why. It is recorded, so that it is neither asked again nor
    /// counted as a wrong answer.
    Failed {
        /// For people.
        reason: String,
    },
}
