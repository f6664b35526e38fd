//! Requests whose answer is the log-probability of given texts.

use rayon::prelude::*;

use super::{Done, LocalModel};
use crate::backend::BackendError;
use crate::model::engine::{EngineError, Scoring, SequenceScore};
use crate::request::Request;
use crate::response::{ContinuationLogProb, Response};

/// A request of which some continuations are not scored yet.
struct Open {
    index: usize,
    scores: Vec<Option<Result<SequenceScore, EngineError>>>,
    missing: usize,
}

impl LocalModel {
    /// Log-likelihoods, whole texts and next tokens, all in one prefix tree; each is answered when the last of its
    /// continuations is scored.
    pub(super) fn answer_scored(&self, requests: &[&Request], done: Done<'_>) -> Result<(), BackendError> {
        let encoder = self.encoder();
        let tokenized = |(index, request): (usize, &&Request)| Some((index, encoder.scorings(request)?));
        let lists = requests.par_iter().enumerate().filter_map(tokenized).collect::<Vec<_>>();
        self.score_lists(lists, &mut |index, scores| {
            let response = match (scores, requests.get(index)) {
                (Ok(scores), Some(request)) => response(request, &scores),
                (Ok(_), None) => return,
                (Err(reason), _) => Response::Failed { reason },
            };
            done(index, response);
        })
    }

    fn score_lists(
        &self,
        lists: Vec<(usize, Result<Vec<Scoring>, String>)>,
        done: &mut dyn FnMut(usize, Result<Vec<SequenceScore>, String>),
    ) -> Result<(), BackendError> {
        let (mut open, mut items, mut owners) = (Vec::new(), Vec::new(), Vec::new());
        for (index, list) in lists {
            match list {
                Ok(list) if list.is_empty() => done(index, Ok(Vec::new())),
                Ok(list) => {
                    owners.extend((0..list.len()).map(|place| (open.len(), place)));
                    let scores = list.iter().map(|_| None).collect();
                    open.push(Open { index, scores, missing: list.len() });
                    items.extend(list);
                }
                Err(reason) => done(index, Err(reason)),
            }
        }
        self.engine.score(&items, &mut |at, score| {
            let Some((owner, place)) = owners.get(at) else { return };
            let Some(request) = open.get_mut(*owner) else { return };
            let Some(slot) = request.scores.get_mut(*place) else { return };
            *slot = Some(score);
            request.missing -= 1;
            if request.missing == 0 {
                let scores = request.scores.drain(..).flatten().collect::<Result<Vec<_>, EngineError>>();
                done(request.index, scores.map_err(|error| error.to_string()));
            }
        })?;
        Ok(())
    }
}

/// The answer to a request whose scores are complete.
fn response(request: &Request, scores: &[SequenceScore]) -> Response {
    match request {
        Request::Rolling { .. } => Response::Rolling {
            sum_nats: scores.iter().map(SequenceScore::sum_nats).sum(),
            tokens: scores.iter().map(|score| score.token_nats.len()).sum(),
        },
        Request::NextToken { .. } => {
            Response::NextToken { log_probs: scores.iter().map(|score| Some(score.sum_nats())).collect() }
        }
        _ => Response::LogProbs { continuations: scores.iter().map(continuation).collect() },
    }
}

fn continuation(score: &SequenceScore) -> ContinuationLogProb {
    ContinuationLogProb {
        sum_nats: score.sum_nats(),
        tokens: score.token_nats.len(),
        is_greedy: score.is_greedy,
        prompt_tokens_cut: score.prompt_tokens_cut,
    }
}
