//! The files of `FastChat`'s `llm_judge`: questions, answers, reference answers, judge prompts and judgments, read from
//! text and written back with the same keys in the same order.
//!
//! | file | read | row |
//! | --- | --- | --- |
//! | `question.jsonl` | [`questions`] | [`Question`] |
//! | `model_answer/MODEL.jsonl`, `reference_answer/JUDGE.jsonl` | [`model_answers`] | [`ModelAnswer`] |
//! | `judge_prompts.jsonl` | [`judge_prompts`] | [`JudgePrompt`](crate::judgment::JudgePrompt) |
//! | `model_judgment/JUDGE_single.jsonl` | [`single_judgments`] | [`SingleJudgment`] |
//! | `model_judgment/JUDGE_pair.jsonl` | [`pair_judgments`] | [`PairJudgment`] |
//!
//! [`to_jsonl`] writes rows as Python's `json.dumps` does, so that a file that `FastChat` wrote comes back byte for
//! byte. Keys that are not known here are kept, behind the known ones. No clock is read: time stamps are given, 0.0
//! where there is none to give.

mod aggregate;
mod answer;
mod error;
mod judge_prompt;
mod judgment;
mod pair;
mod python_json;
mod question;
mod recorded;
mod row;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::float_cmp)]
mod tests;

pub use aggregate::{categories, compared_turns, models, rated_turns};
pub use answer::{Choice, ModelAnswer, model_answers};
pub use error::FastChatError;
pub use judge_prompt::judge_prompts;
pub use judgment::{SingleJudgment, single_judgments};
pub use pair::{PairJudgment, Winner, pair_judgments};
pub use python_json::to_jsonl;
pub use question::{Question, questions};
pub use recorded::{JudgedBy, answers_of_run, pair_judgments_of_run, single_judgments_of_run};
