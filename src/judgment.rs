//! Questions to a judge and what it answered.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::request::Request;
use crate::response::Response;

/// A prompt template of a judge, in the layout of FastChat's `judge_prompts.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgePrompt {
    /// Name, which records repeat (`single-v1`).
    pub name: String,
    /// The system turn; empty for none.
    pub system_prompt: String,
    /// The user turn, with placeholders in braces (`{question}`, `{answer}`).
    pub prompt_template: String,
}

/// A question to a judge about one reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgeCall {
    /// Turn of the conversation that is judged, from 1.
    pub turn: usize,
    /// Which repeat of the same question, from 0.
    pub repeat: usize,
    /// Name of the prompt template.
    pub prompt_name: String,
    /// Whether the judged reply stands in second place, after the baseline's; always false without a baseline.
    #[serde(default)]
    pub swapped: bool,
    /// What is asked.
    pub request: Request,
}

/// Who judges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgeIdentity {
    /// For people.
    pub name: String,
    /// Over everything that decides an answer.
    pub digest: Digest,
}

/// A line of `judgments.jsonl`, and of a replay file: one question to a judge with its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgmentRecord {
    /// SHA-256 over the request's JSON: an answer is replayed to exactly this question.
    pub request_key: Digest,
    /// Who answered.
    pub judge: JudgeIdentity,
    /// What was asked.
    pub request: Request,
    /// What it answered.
    pub response: Response,
}
