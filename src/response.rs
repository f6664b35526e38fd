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

/// Whether a count is left out of its record.
#[allow(clippy::trivially_copy_pass_by_ref)] // the signature that serde calls
pub(crate) fn is_zero(count: &usize) -> bool {
    *count == 0
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
    /// Tokens cut off the left of the prompt because the model's context is too short for it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub prompt_tokens_cut: usize,
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
    /// Tokens cut off the left of the prompt because the model's context is too short for it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub prompt_tokens_cut: usize,
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
    /// Answer to `Dialogue`: one reply a turn of the user.
    Dialogue {
        /// The replies, first to last.
        replies: Vec<Generation>,
    },
    /// Answer to `NextToken`.
    NextToken {
        /// One entry a candidate, in nats; `None` where a server lists its likeliest tokens and this is none of them.
        log_probs: Vec<Option<f64>>,
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

impl Response {
    /// The most tokens that were cut off the left of a prompt; 0 where every prompt fitted the model's context.
    pub fn prompt_tokens_cut(&self) -> usize {
        match self {
            Self::Generated(generation) => generation.prompt_tokens_cut,
            Self::LogProbs { continuations } => continuations.iter().map(|c| c.prompt_tokens_cut).max().unwrap_or(0),
            Self::PromptSet { replies, .. } | Self::Dialogue { replies } => {
                replies.iter().map(|reply| reply.prompt_tokens_cut).max().unwrap_or(0)
            }
            Self::NextToken { .. } | Self::Rolling { .. } | Self::Failed { .. } => 0,
        }
    }

    /// The texts that were generated: one, or one a turn of a dialogue; none for other kinds.
    pub fn replies(&self) -> &[Generation] {
        match self {
            Self::Generated(generation) => std::slice::from_ref(generation),
            Self::Dialogue { replies } | Self::PromptSet { replies, .. } => replies,
            Self::LogProbs { .. } | Self::NextToken { .. } | Self::Rolling { .. } | Self::Failed { .. } => &[],
        }
    }
}
