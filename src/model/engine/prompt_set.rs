//! Sets of prompts: a reply to each, and every reply's log-probability under every prompt.

use super::generate::Prompts;
use super::generation::GenerationRequest;
use super::probe::{Prediction, Probe};
use super::score::SequenceScore;
use super::session::Session;
use super::{Detokenize, Engine, EngineError};
use crate::model::decoder::{KvCache, RowQuery};
use crate::response::Generation;

/// Prompts with one intent, each with how its reply is generated; stop strings are not applied.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptSetRequest {
    /// The prompts.
    pub prompts: Vec<GenerationRequest>,
}

/// Replies and their log-probabilities.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptSetAnswer {
    /// One a prompt.
    pub replies: Vec<Generation>,
    /// `log_probs[i][j]`: of reply `j` under prompt `i`, in nats, summed over the reply's tokens.
    pub log_probs: Vec<Vec<f64>>,
}

impl Engine {
    /// Answers prompt sets. Each prompt goes through the network once: its reply is generated from it, and then all
    /// replies of its set are scored under it, from the same keys and values.
    pub fn prompt_sets(
        &self,
        sets: &[PromptSetRequest],
        text_of: Detokenize<'_>,
        done: &mut dyn FnMut(usize, Result<PromptSetAnswer, EngineError>),
    ) -> Result<(), EngineError> {
        let mut start = 0;
        while start < sets.len() {
            let end = self.fitting(sets, start);
            let some = sets.get(start..end).unwrap_or_default();
            self.some_sets(some, text_of, &mut |at, result| done(start + at, result))?;
            start = end;
        }
        Ok(())
    }

    /// The end of the longest stretch of sets from `start` on that is within the budget; at least one.
    fn fitting(&self, sets: &[PromptSetRequest], start: usize) -> usize {
        let session = Session::new(self);
        let max_length = self.max_length_tokens();
        let blocks = |request: &GenerationRequest| {
            let new = request.decoding.max_new_tokens.min(max_length);
            KvCache::blocks_of(request.prompt.len().min(max_length)) + 2 * KvCache::blocks_of(new)
        };
        let mut total = 0;
        let fits = sets.iter().skip(start).take_while(|set| {
            total += set.prompts.iter().map(blocks).sum::<usize>();
            session.has_room(total)
        });
        start + fits.count().max(1)
    }

    fn some_sets(
        &self,
        sets: &[PromptSetRequest],
        text_of: Detokenize<'_>,
        done: &mut dyn FnMut(usize, Result<PromptSetAnswer, EngineError>),
    ) -> Result<(), EngineError> {
        let mut usable = Vec::with_capacity(sets.len());
        for (index, set) in sets.iter().enumerate() {
            match set.prompts.iter().try_for_each(|request| self.usable(request)) {
                Ok(()) => usable.push((index, set)),
                Err(error) => done(index, Err(error)),
            }
        }
        let requests = usable.iter().flat_map(|(_, set)| &set.prompts).collect::<Vec<_>>();
        let mut session = Session::new(self);
        let mut prompts = self.prompts(&requests);
        let mut replies = requests.iter().map(|_| Err(EngineError::EmptyPrompt)).collect::<Vec<_>>();
        self.write(&mut session, &mut prompts, &requests, false, text_of, &mut |at, reply| {
            if let Some(slot) = replies.get_mut(at) {
                *slot = reply;
            }
        })?;
        let mut replies = replies.into_iter();
        let mut first = 0;
        for (index, set) in usable {
            let replies = replies.by_ref().take(set.prompts.len()).collect::<Result<Vec<_>, _>>();
            let answer = match replies {
                Ok(replies) => self.matrix(&mut session, &prompts, first, replies)?,
                Err(error) => Err(error),
            };
            for prompt in first..first + set.prompts.len() {
                prompts.leave(&mut session, prompt);
            }
            first += set.prompts.len();
            done(index, answer);
        }
        Ok(())
    }

    /// Scores replies under the prompts from `first` on. An error of the set is inside the result.
    #[allow(clippy::type_complexity)]
    fn matrix(
        &self,
        session: &mut Session,
        prompts: &Prompts<'_>,
        first: usize,
        replies: Vec<Generation>,
    ) -> Result<Result<PromptSetAnswer, EngineError>, EngineError> {
        let mut log_probs = Vec::with_capacity(replies.len());
        for prompt in first..first + replies.len() {
            match self.replies_under(session, prompts, prompt, &replies)? {
                Ok(row) => log_probs.push(row),
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(PromptSetAnswer { replies, log_probs }))
    }

    #[allow(clippy::type_complexity)]
    fn replies_under(
        &self,
        session: &mut Session,
        prompts: &Prompts<'_>,
        prompt: usize,
        replies: &[Generation],
    ) -> Result<Result<Vec<f64>, EngineError>, EngineError> {
        let max_length = self.max_length_tokens();
        let length = prompts.tokens.get(prompt).map_or(0, |tokens| tokens.len());
        let ids = || replies.iter().map(|reply| reply.token_ids.as_slice());
        if let Some(tokens) = ids().map(<[u32]>::len).find(|tokens| length + tokens > max_length + 1) {
            return Ok(Err(EngineError::ContinuationTooLong { tokens, max_length }));
        }
        let Some((base, hidden)) = prompts.end(prompt) else { return Ok(Err(EngineError::EmptyPrompt)) };
        let firsts = ids().map(|ids| ids.first().copied()).collect::<Vec<_>>();
        let query = RowQuery { targets: firsts.iter().copied().flatten().collect(), all_logits: false };
        let answer = self.answer(hidden.to_vec(), &[query])?;
        let mut first_nats = answer.first().map(|answer| answer.target_nats.iter().copied()).into_iter().flatten();
        let targets = ids().map(|ids| ids.iter().skip(1).copied().map(Some).collect::<Vec<_>>()).collect::<Vec<_>>();
        let probes = ids().zip(&targets).map(|(ids, targets)| Probe {
            tokens: ids.get(..targets.len()).unwrap_or_default(),
            first: 0,
            targets,
            all_logits: false,
        });
        let probes = probes.collect::<Vec<_>>();
        let mut predictions: Vec<Vec<Prediction>> = vec![Vec::new(); replies.len()];
        self.predict_after(session, Some(base), &probes, &mut |at, found| {
            if let Some(slot) = predictions.get_mut(at) {
                *slot = found;
            }
        })?;
        let row = ids().zip(&predictions).map(|(ids, predictions)| {
            let Some((_, rest)) = ids.split_first() else { return Ok(0.0) };
            let rest = SequenceScore::new(rest, predictions, 0)?;
            let first = first_nats.next().filter(|nats| nats.is_finite()).ok_or(EngineError::NotFinite)?;
            let token_nats = [vec![first], rest.token_nats].concat();
            Ok(SequenceScore { token_nats, is_greedy: false, prompt_tokens_cut: 0 }.sum_nats())
        });
        Ok(row.collect())
    }
}
