//! Asks a model what a plan says, records every answer at once, and never asks what is recorded.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde::Serialize;

use crate::backend::{BackendError, LanguageModel};
use crate::digest::Digest;
use crate::judge::Judgments;
use crate::plan::Plan;
use crate::record::{PlanRecord, Purpose, ResponseRecord, ScoreRecord};
use crate::request::Request;
use crate::response::Response;
use crate::scoring::{Judge, MetricScore, PatternError};
use crate::store::{ResponseLog, StoreError};
use crate::task::Task;

/// Moves whenever the same weights and request may give another response: a change of the arithmetic, say.
const KEY_VERSION: u32 = 1;

/// Why a run stopped. Everything that was answered before is recorded.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The model stopped answering.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The records could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A request could not be hashed.
    #[error("a request could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The model left a request unanswered without saying why.
    #[error("the model gave no answer to {count} requests; run again to ask for them")]
    Unanswered {
        /// How many.
        count: usize,
    },
    /// A response is missing.
    #[error(
        "no response is recorded for `{instance}` ({what}) of checkpoint {checkpoint}; run `wit-eval --checkpoint` again to finish the run"
    )]
    Missing {
        /// Label of the checkpoint.
        checkpoint: String,
        /// Identifier of the instance.
        instance: String,
        /// Which wording.
        what: String,
    },
    /// A task's filter has a pattern that cannot be used.
    #[error("task `{task}`: {source}")]
    Pattern {
        /// Name of the task.
        task: String,
        /// What is wrong with it.
        source: PatternError,
    },
    /// A plan names a task that the manifest lacks.
    #[error(
        "the plan asks for task `{task}`, which the manifest does not define; the run's folder was changed: run again"
    )]
    UnknownTask {
        /// Name of the task.
        task: String,
    },
}

/// The key of a response: what it depends on and nothing else.
///
/// SHA-256 over the JSON of key version, checkpoint digest and request (prompt, continuations, decoding).
pub fn response_key(checkpoint: &Digest, request: &Request) -> Result<Digest, serde_json::Error> {
    #[derive(Serialize)]
    struct Key<'a> {
        version: u32,
        checkpoint: &'a Digest,
        request: &'a Request,
    }
    Digest::of_json(&Key { version: KEY_VERSION, checkpoint, request })
}

/// What is left to ask of one checkpoint.
#[derive(Debug)]
pub struct Pending<'a> {
    /// Requests without a recorded response, each once, in plan order.
    pub requests: Vec<(Digest, &'a Request)>,
    /// Different requests of the plan.
    pub total: usize,
}

impl<'a> Pending<'a> {
    /// Compares a plan with what is recorded.
    pub fn of(plan: &'a Plan, checkpoint: &Digest, log: &ResponseLog) -> Result<Self, serde_json::Error> {
        let mut seen = BTreeSet::new();
        let mut requests = Vec::new();
        for record in &plan.records {
            let key = response_key(checkpoint, &record.request)?;
            if !seen.insert(key.clone()) {
                continue;
            }
            if log.get(&key).is_none() {
                requests.push((key, &record.request));
            }
        }
        Ok(Self { requests, total: seen.len() })
    }
}

/// Told after every recorded answer: answers recorded now, requests to be asked in this call.
pub type Observer<'o> = &'o mut dyn FnMut(usize, usize);

/// Asks for everything pending and records each answer as it comes. `chunk` requests are handed to the model at a
/// time: more lets it share more prefixes, and moves no answer.
pub fn execute(
    model: &dyn LanguageModel,
    pending: &Pending<'_>,
    log: &mut ResponseLog,
    chunk: usize,
    observer: Observer<'_>,
) -> Result<(), ExecuteError> {
    let total = pending.requests.len();
    let mut answered = 0;
    for part in pending.requests.chunks(chunk.max(1)) {
        let requests: Vec<&Request> = part.iter().map(|(_, request)| *request).collect();
        let mut failure = None;
        let mut received = BTreeSet::new();
        let outcome = model.answer(&requests, &mut |index, response: Response| {
            let Some((key, _)) = part.get(index).filter(|_| received.insert(index)) else {
                return;
            };
            if failure.is_none() {
                failure = log.append(vec![ResponseRecord { key: key.clone(), response }]).err();
                answered += 1;
                observer(answered, total);
            }
        });
        if let Some(error) = failure {
            return Err(error.into());
        }
        outcome?;
        if received.len() < part.len() {
            return Err(ExecuteError::Unanswered { count: part.len() - received.len() });
        }
    }
    log.sync()?;
    Ok(())
}

/// Judges every recorded answer, in plan order. Pure: the same records give the same scores. What another model judges is
/// taken from `judgments`.
///
/// # Errors
/// [`ExecuteError::Missing`] where the run is unfinished.
pub fn judge(
    checkpoint: (&str, &Digest),
    tasks: &[Task],
    plan: &[PlanRecord],
    log: &ResponseLog,
    judgments: &Judgments,
) -> Result<Vec<ScoreRecord>, ExecuteError> {
    let judges: BTreeMap<&str, Judge> = tasks
        .iter()
        .map(|task| {
            let pattern = |source| ExecuteError::Pattern { task: task.name.clone(), source };
            Ok((task.name.as_str(), Judge::new(task).map_err(pattern)?))
        })
        .collect::<Result<_, ExecuteError>>()?;
    let (label, _) = checkpoint;
    let one = |(place, record): (usize, &PlanRecord)| {
        let verdicts = judgments.get(&(label.to_owned(), place)).map(Vec::as_slice);
        judge_one(checkpoint, &judges, record, log, verdicts)
    };
    let scores: Vec<Vec<ScoreRecord>> = plan.par_iter().enumerate().map(one).collect::<Result<_, _>>()?;
    Ok(scores.into_iter().flatten().collect())
}

fn judge_one(
    (label, digest): (&str, &Digest),
    judges: &BTreeMap<&str, Judge>,
    record: &PlanRecord,
    log: &ResponseLog,
    verdicts: Option<&[MetricScore]>,
) -> Result<Vec<ScoreRecord>, ExecuteError> {
    let Purpose::Judge { variant, expectation } = &record.purpose else {
        return Ok(Vec::new());
    };
    let judge =
        judges.get(record.task.as_str()).ok_or_else(|| ExecuteError::UnknownTask { task: record.task.clone() })?;
    let key = response_key(digest, &record.request)?;
    let response = log.get(&key).ok_or_else(|| ExecuteError::Missing {
        checkpoint: label.to_owned(),
        instance: record.instance.clone(),
        what: variant.to_string(),
    })?;
    let scores = match verdicts {
        Some(scores) => scores.to_vec(),
        None => judge.score(expectation, &record.request, response),
    };
    let scores = scores.into_iter().map(|judged| ScoreRecord {
        checkpoint: label.to_owned(),
        task: record.task.clone(),
        instance: record.instance.clone(),
        cluster: record.cluster.clone(),
        variant: variant.clone(),
        filter: judged.filter,
        metric: judged.metric,
        score: judged.score,
        parts: judged.parts,
        response: key.clone(),
        prompt_tokens_cut: response.prompt_tokens_cut(),
    });
    Ok(scores.collect())
}
