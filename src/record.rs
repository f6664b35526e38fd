//! The lines of a run's files: the contract between asking, judging and reporting.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::instance::Expectation;
use crate::request::Request;
use crate::response::{Response, is_zero};
use crate::score::{Score, ScorePart};
use crate::variant::VariantId;

/// What stands in [`PlanRecord::task`] where no task asks.
pub const LIKELIHOOD: &str = "likelihood";

/// Which part of a pair of prompt and response a likelihood is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LikelihoodPart {
    /// The prompt.
    Prompt,
    /// The response, given the prompt.
    Response,
}

/// Why a request is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "purpose")]
pub enum Purpose {
    /// To be judged by the task's metrics.
    Judge {
        /// Which wording of the instance this is.
        variant: VariantId,
        /// What a good answer to this wording is.
        expectation: Expectation,
    },
    /// To measure POSIX over the original and the first draw of every perturbation that keeps the expected answer.
    Posix {
        /// The wordings, in the order of the request's prompts.
        variants: Vec<VariantId>,
    },
    /// To measure how likely a text of instruction data is. Nothing is judged.
    Likelihood {
        /// Which part of the pair is scored.
        part: LikelihoodPart,
    },
}

/// A line of `plan.jsonl`: one question, asked of every checkpoint of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanRecord {
    /// Name of the task; [`LIKELIHOOD`] where that is the purpose.
    pub task: String,
    /// Identifier of the instance.
    pub instance: String,
    /// Cluster of the instance.
    pub cluster: String,
    /// Why it is asked.
    #[serde(flatten)]
    pub purpose: Purpose,
    /// What is asked.
    pub request: Request,
}

/// A variant that could not be made, with the reason ("nothing to change").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedVariant {
    /// Name of the task.
    pub task: String,
    /// Identifier of the instance.
    pub instance: String,
    /// The variant that was asked for.
    pub variant: VariantId,
    /// Why there is none.
    pub reason: String,
}

/// A line of `responses.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResponseRecord {
    /// Hash of weights, request and decoding.
    pub key: Digest,
    /// What the model answered.
    pub response: Response,
}

/// A line of `scores.jsonl`: one metric's judgment of one response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreRecord {
    /// Label of the checkpoint within the run.
    pub checkpoint: String,
    /// Name of the task.
    pub task: String,
    /// Identifier of the instance.
    pub instance: String,
    /// Cluster of the instance.
    pub cluster: String,
    /// Which wording.
    pub variant: VariantId,
    /// Name of the filter pipeline that took the answer from the response.
    pub filter: String,
    /// Name of the metric.
    pub metric: String,
    /// The judgment.
    pub score: Score,
    /// What it is made of, where it has parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<ScorePart>,
    /// Key of the response that was judged.
    pub response: Digest,
    /// Tokens cut off the left of the prompt because the model's context is too short for it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub prompt_tokens_cut: usize,
}
