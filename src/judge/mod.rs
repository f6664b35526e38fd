//! Asks a judge about the replies of a run and turns its answers into scores.
//!
//! What is asked follows from the run's records and from [`Judging`]; the answers come from any [`LanguageModel`]: a
//! checkpoint, an endpoint, or the recording of either. Scoring again from a recording is therefore the same call.

mod protocol;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::backend::{BackendError, LanguageModel};
use crate::digest::Digest;
use crate::execute::response_key;
use crate::judgment::{JudgeCall, JudgeIdentity};
use crate::record::{PlanRecord, Purpose};
use crate::request::Request;
use crate::response::Response;
use crate::scoring::MetricScore;
use crate::store::ResponseLog;
use crate::task::Task;

pub use protocol::{AlpacaEvalProtocol, MtBenchProtocol, Protocols};

/// The format of `judging.json`.
pub const JUDGING_FORMAT: u64 = 1;

/// Who judges a run, and how: `judging.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judging {
    /// [`JUDGING_FORMAT`].
    pub format: u64,
    /// Who judges.
    pub judge: JudgeIdentity,
    /// How each kind of task is judged.
    pub protocols: Protocols,
}

/// Why a run could not be judged. What the judge answered before is recorded.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// The judge stopped answering.
    #[error("the judge: {0}")]
    Backend(#[from] BackendError),
    /// A request could not be hashed.
    #[error("a request could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The protocol's templates cannot be used.
    #[error("{0}")]
    Protocol(String),
    /// The judge left a question unanswered without saying why.
    #[error("the judge gave no answer to {count} questions; run again to ask for them")]
    Unanswered {
        /// How many.
        count: usize,
    },
}

/// The judged scores of a run, by label of the checkpoint and place in the plan.
pub type Judgments = BTreeMap<(String, usize), Vec<MetricScore>>;

/// What the judge made of a run.
#[derive(Debug, Clone, Default)]
pub struct Judged {
    /// The scores.
    pub scores: Judgments,
    /// What was asked about each reply and what was answered, by label of the checkpoint and place in the plan.
    pub calls: BTreeMap<(String, usize), Vec<(JudgeCall, Response)>>,
}

/// One reply with what the judge is asked about it.
struct Question<'a> {
    label: &'a str,
    place: usize,
    task: &'a Task,
    record: &'a PlanRecord,
    replies: Vec<String>,
    calls: Result<Vec<JudgeCall>, String>,
}

/// Asks about every reply of a judged task. `observer` is told the answers so far and the questions in all; questions
/// that several replies share (equal replies, say) are asked once.
pub fn judge(
    judging: &Judging,
    model: &dyn LanguageModel,
    checkpoints: &[(&str, &Digest)],
    tasks: &[Task],
    plan: &[PlanRecord],
    log: &ResponseLog,
    observer: &mut dyn FnMut(usize, usize),
) -> Result<Judged, JudgeError> {
    let protocols = judging.protocols.read().map_err(JudgeError::Protocol)?;
    let tasks: BTreeMap<&str, &Task> = tasks.iter().map(|task| (task.name.as_str(), task)).collect();
    let mut questions = Vec::new();
    for (label, digest) in checkpoints {
        for (place, record) in plan.iter().enumerate() {
            let Some(task) = tasks.get(record.task.as_str()).copied().filter(|task| task.scorer.needs_judge()) else {
                continue;
            };
            let Purpose::Judge { expectation, .. } = &record.purpose else { continue };
            let Some(response) = log.get(&response_key(digest, &record.request)?) else { continue };
            let replies = response.replies().iter().map(|reply| reply.text.clone()).collect::<Vec<_>>();
            let calls = match response {
                Response::Failed { reason } => Err(format!("the request failed: {reason}")),
                _ => protocols.calls(task.scorer, expectation, &replies),
            };
            questions.push(Question { label, place, task, record, replies, calls });
        }
    }
    let answers = answers(model, &questions, observer)?;
    let mut judged = Judged::default();
    for question in questions {
        let Purpose::Judge { expectation, .. } = &question.record.purpose else { continue };
        let place = (question.label.to_owned(), question.place);
        let answered = match &question.calls {
            Ok(calls) => Ok(answered(calls, &answers)),
            Err(reason) => Err(reason.as_str()),
        };
        if let Ok(calls) = &answered {
            let calls = calls.iter().map(|(call, answer)| ((*call).clone(), (*answer).clone())).collect();
            judged.calls.insert(place.clone(), calls);
        }
        let scores = protocols.scores(question.task, expectation, &question.replies, answered);
        judged.scores.insert(place, scores);
    }
    Ok(judged)
}

/// The questions with what was answered to them.
fn answered<'a>(calls: &'a [JudgeCall], answers: &'a BTreeMap<Digest, Response>) -> Vec<(&'a JudgeCall, &'a Response)> {
    let answer = |call: &'a JudgeCall| Some((call, answers.get(&Digest::of_json(&call.request).ok()?)?));
    calls.iter().filter_map(answer).collect()
}

/// The judge's answers, by the hash of what was asked.
fn answers(
    model: &dyn LanguageModel,
    questions: &[Question<'_>],
    observer: &mut dyn FnMut(usize, usize),
) -> Result<BTreeMap<Digest, Response>, JudgeError> {
    let mut asked: BTreeMap<Digest, &Request> = BTreeMap::new();
    let mut order = Vec::new();
    for call in questions.iter().filter_map(|question| question.calls.as_ref().ok()).flatten() {
        let key = Digest::of_json(&call.request)?;
        if asked.insert(key.clone(), &call.request).is_none() {
            order.push((key, &call.request));
        }
    }
    let requests = order.iter().map(|(_, request)| *request).collect::<Vec<_>>();
    let mut found = BTreeMap::new();
    observer(0, requests.len());
    model.answer(&requests, &mut |index, response| {
        if let Some((key, _)) = order.get(index) {
            found.insert(key.clone(), response);
            observer(found.len(), requests.len());
        }
    })?;
    match requests.len() - found.len() {
        0 => Ok(found),
        count => Err(JudgeError::Unanswered { count }),
    }
}
