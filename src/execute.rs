//! Asks a model what a plan says, records every answer at once, and never asks what is recorded.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde::Serialize;

use crate::backend::{BackendError, LanguageModel};
use crate::digest::Digest;
use crate::judge::Judgments;
use crate::plan::Plan;
use crate::record::{PlanRecord, Purpose, ResponseRecord, ScoreRecord};
use crate::request::{Continuation, Prompt, Request};
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
    /// Requests without a recorded response, each once: task by task in the plan's order, and inside a task with those
    /// together whose prompts begin alike, so that what they share is computed once.
    pub requests: Vec<(Digest, &'a Request)>,
    /// Different requests of the plan.
    pub total: usize,
}

impl<'a> Pending<'a> {
    /// Compares a plan with what is recorded.
    pub fn of(plan: &'a Plan, checkpoint: &Digest, log: &ResponseLog) -> Result<Self, serde_json::Error> {
        Self::without(plan, checkpoint, |key| log.get(key).is_some())
    }

    /// All that a plan asks, where nothing is recorded yet.
    pub fn whole(plan: &'a Plan, checkpoint: &Digest) -> Result<Self, serde_json::Error> {
        Self::without(plan, checkpoint, |_| false)
    }

    fn without(
        plan: &'a Plan,
        checkpoint: &Digest,
        is_recorded: impl Fn(&Digest) -> bool,
    ) -> Result<Self, serde_json::Error> {
        let keys = plan.records.par_iter().map(|record| response_key(checkpoint, &record.request));
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        let mut seen = BTreeSet::new();
        let mut places = BTreeMap::new();
        let mut requests = Vec::new();
        for (record, key) in plan.records.iter().zip(keys) {
            let next = places.len();
            let task = *places.entry(record.task.as_str()).or_insert(next);
            if seen.insert(key.clone()) && !is_recorded(&key) {
                requests.push((task, key, &record.request));
            }
        }
        // Stable: what begins alike to the end stays in the plan's order.
        requests.sort_by(|(task, _, one), (other_task, _, other)| {
            task.cmp(other_task).then_with(|| beginning(one).cmp(beginning(other)))
        });
        let requests = requests.into_iter().map(|(_, key, request)| (key, request)).collect();
        Ok(Self { requests, total: seen.len() })
    }
}

/// What a request's sequences begin with, piece by piece.
fn beginning(request: &Request) -> impl Iterator<Item = &str> {
    let prompt = match request {
        Request::Generate { prompt, .. }
        | Request::LogLikelihood { prompt, .. }
        | Request::Dialogue { prompt, .. }
        | Request::NextToken { prompt, .. } => Some(prompt),
        Request::PromptSet { prompts, .. } => prompts.first(),
        Request::Rolling { .. } => None,
    };
    let text = match (request, prompt) {
        (Request::Rolling { text }, _) | (_, Some(Prompt::Text(text))) => Some(text.as_str()),
        _ => None,
    };
    let messages = match prompt {
        Some(Prompt::Chat { messages, .. }) => messages.as_slice(),
        _ => &[],
    };
    let turns = messages.iter().flat_map(|message| [message.role.as_str(), message.content.as_str()]);
    text.into_iter().chain(turns)
}

/// How many requests are handed to the model at a time: more lets it share more prefixes, and moves no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Portion {
    /// This many.
    Requests(usize),
    /// By the length of their texts: little at first, so that first answers come soon, then more and more, so that shared
    /// prefixes are seldom cut, up to what the memory for token sequences bears.
    ByLength,
}

impl From<usize> for Portion {
    fn from(requests: usize) -> Self {
        Self::Requests(requests)
    }
}

/// Bytes of text in the first portion by length; each further one has [`PORTION_GROWTH`] times as many, up to
/// [`LONGEST_PORTION_BYTES`], about four million tokens.
const FIRST_PORTION_BYTES: usize = 1 << 19;
const PORTION_GROWTH: usize = 4;
const LONGEST_PORTION_BYTES: usize = 1 << 24;

impl Portion {
    /// Requests in portions, in their order; none is empty.
    pub fn split<'p, 'a>(self, requests: &'p [(Digest, &'a Request)]) -> Vec<&'p [(Digest, &'a Request)]> {
        if let Self::Requests(count) = self {
            return requests.chunks(count.max(1)).collect();
        }
        let (mut portions, mut rest) = (Vec::new(), requests);
        let mut limit = FIRST_PORTION_BYTES;
        while !rest.is_empty() {
            let mut bytes = 0_usize;
            let fits = rest.iter().take_while(|(_, request)| {
                bytes = bytes.saturating_add(sequence_bytes(request));
                bytes <= limit
            });
            let (portion, after) = rest.split_at(fits.count().clamp(1, rest.len()));
            portions.push(portion);
            rest = after;
            limit = limit.saturating_mul(PORTION_GROWTH).min(LONGEST_PORTION_BYTES);
        }
        portions
    }
}

/// How much more than a token of context a scored token weighs.
const SCORED_WEIGHT: usize = 8;

/// Length of the texts that a request's sequences spell: a prompt counts once for every continuation. What is scored token
/// by token weighs more, as more is remembered of it.
fn sequence_bytes(request: &Request) -> usize {
    let length = |prompt: &Prompt| match prompt {
        Prompt::Text(text) => text.len(),
        Prompt::Chat { messages, assistant_prefix } => {
            messages.iter().map(|message| message.content.len()).sum::<usize>() + assistant_prefix.len()
        }
    };
    match request {
        Request::Generate { prompt, .. } => length(prompt),
        Request::Dialogue { prompt, turns, .. } => length(prompt) + turns.iter().map(String::len).sum::<usize>(),
        Request::LogLikelihood { prompt, continuations } => {
            let lengths = continuations.iter().map(|continuation| match continuation {
                Continuation::Text(text) => text.len(),
                Continuation::Tokens(ids) => 4 * ids.len(),
            });
            length(prompt) * continuations.len() + SCORED_WEIGHT * lengths.sum::<usize>()
        }
        Request::NextToken { prompt, candidates } => length(prompt) * candidates.len(),
        Request::Rolling { text } => SCORED_WEIGHT * text.len(),
        Request::PromptSet { prompts, .. } => prompts.iter().map(length).sum(),
    }
}

/// Told after every recorded answer: answers recorded now, requests to be asked in this call.
pub type Observer<'o> = &'o mut dyn FnMut(usize, usize);

/// Asks for everything pending, in portions, and records each answer as it comes.
pub fn execute(
    model: &dyn LanguageModel,
    pending: &Pending<'_>,
    log: &mut ResponseLog,
    portion: impl Into<Portion>,
    observer: Observer<'_>,
) -> Result<(), ExecuteError> {
    let total = pending.requests.len();
    let mut answered = 0;
    for part in portion.into().split(&pending.requests) {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::record::{LIKELIHOOD, LikelihoodPart};

    fn asked(task: &str, prompt: &str) -> PlanRecord {
        PlanRecord {
            task: task.to_owned(),
            instance: prompt.to_owned(),
            cluster: prompt.to_owned(),
            purpose: Purpose::Likelihood { part: LikelihoodPart::Prompt },
            request: Request::Generate {
                prompt: Prompt::Text(prompt.to_owned()),
                decoding: crate::request::Decoding::greedy(4),
            },
        }
    }

    fn prompts(pending: &Pending<'_>) -> Vec<String> {
        let text = |request: &Request| match request {
            Request::Generate { prompt, .. } => prompt.as_readable_text(),
            other => format!("{other:?}"),
        };
        pending.requests.iter().map(|(_, request)| text(request)).collect()
    }

    #[test]
    fn prompts_that_begin_alike_are_asked_together_and_tasks_stay_in_their_order() {
        let tasks = [("z", "few shots A"), ("z", "other"), (LIKELIHOOD, "b"), ("z", "few shots B"), (LIKELIHOOD, "a")];
        let plan = Plan { records: tasks.map(|(task, prompt)| asked(task, prompt)).to_vec(), skipped: Vec::new() };
        let pending = Pending::whole(&plan, &Digest::of_bytes(b"model")).unwrap();
        assert_eq!(prompts(&pending), ["few shots A", "few shots B", "other", "a", "b"]);
    }

    #[test]
    fn portions_by_length_grow_and_leave_nothing_out() {
        let long = "x".repeat(FIRST_PORTION_BYTES / 4);
        let records = (0..100).map(|number| asked("task", &format!("{number:03}{long}"))).collect::<Vec<_>>();
        let plan = Plan { records, skipped: Vec::new() };
        let pending = Pending::whole(&plan, &Digest::of_bytes(b"model")).unwrap();
        let sizes =
            |portion: Portion| portion.split(&pending.requests).iter().map(|part| part.len()).collect::<Vec<_>>();
        assert_eq!(sizes(Portion::ByLength), [3, 15, 63, 19]);
        assert_eq!(sizes(Portion::Requests(40)), [40, 40, 20]);
        let whole = Portion::ByLength.split(&pending.requests).concat();
        assert_eq!(whole.len(), 100);
        let huge = Plan { records: vec![asked("t", &"y".repeat(FIRST_PORTION_BYTES * 2)); 1], skipped: Vec::new() };
        let huge = Pending::whole(&huge, &Digest::of_bytes(b"model")).unwrap();
        assert_eq!(Portion::ByLength.split(&huge.requests).len(), 1, "what is longer than a portion is one by itself");
    }
}
