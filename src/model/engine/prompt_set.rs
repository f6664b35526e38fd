//! Sets of prompts: a reply to each, and every reply's log-probability under every prompt.

use super::generate::{Manner, Prompts, Written};
use super::generation::GenerationRequest;
use super::probe::Probe;
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

/// A set whose replies are written: its prompts' numbers begin at `first`.
#[derive(Debug)]
struct Replied {
    index: usize,
    first: usize,
    replies: Vec<Generation>,
    /// `scores[i][j]`: of reply `j` under prompt `i`; not finite where a reply's probability is not.
    scores: Vec<Vec<f64>>,
    /// Scores that are still to come.
    missing: usize,
}

impl Engine {
    /// Answers prompt sets. Each prompt goes through the network once: its reply is generated from it, and then the replies
    /// to the other prompts of its set are scored under it, from the same keys and values, those of all sets in common
    /// batches. Its own reply's probability is known from writing it.
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
        let (max_length, budget) = (self.max_length_tokens(), self.budget_blocks());
        let blocks = |request: &GenerationRequest| {
            let prompt = request.kept_prompt(max_length).len();
            KvCache::blocks_of(prompt) + 2 * KvCache::blocks_of(request.new_tokens(max_length))
        };
        let mut total = 0;
        let fits = sets.iter().skip(start).take_while(|set| {
            total += set.prompts.iter().map(blocks).sum::<usize>();
            total <= budget
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
        let mut prompts = self.prompts(&requests);
        let mut session = Session::new(self, 2 * self.blocks(&prompts, &requests));
        let mut written = requests.iter().map(|_| Err(EngineError::EmptyPrompt)).collect::<Vec<_>>();
        self.write(&mut session, &mut prompts, &requests, Manner::Tokens, text_of, &mut |at, reply| {
            if let Some(slot) = written.get_mut(at) {
                *slot = reply;
            }
        })?;
        let mut written = written.into_iter();
        let (mut first, mut replied) = (0, Vec::new());
        for (index, set) in usable {
            let count = set.prompts.len();
            // All of the set's, also those after one that failed: the next set's come behind them.
            let of_set = written.by_ref().take(count).collect::<Vec<_>>();
            let of_set = of_set.into_iter().collect::<Result<Vec<_>, _>>();
            match of_set.and_then(|written| self.replied(&prompts, index, first, written)) {
                Ok(set) => replied.push(set),
                Err(error) => done(index, Err(error)),
            }
            first += count;
        }
        self.score_replies(&mut session, &prompts, &mut replied, done)
    }

    /// The scores that need no further pass: own replies, and first tokens of the others.
    fn replied(
        &self,
        prompts: &Prompts<'_>,
        index: usize,
        first: usize,
        written: Vec<Written>,
    ) -> Result<Replied, EngineError> {
        let (max_length, count) = (self.max_length_tokens(), written.len());
        let longest = (first..first + count).map(|prompt| prompts.tokens(prompt)).max().unwrap_or(0);
        let lengths = written.iter().map(|written| written.generation.token_ids.len());
        if let Some(tokens) = lengths.max().filter(|tokens| longest + tokens > max_length + 1) {
            return Err(EngineError::ContinuationTooLong { tokens, max_length });
        }
        let firsts = written.iter().map(|written| written.generation.token_ids.first().copied());
        let firsts = firsts.collect::<Vec<_>>();
        let mut scores = Vec::with_capacity(count);
        for (own, reply) in written.iter().enumerate() {
            let ids = &reply.generation.token_ids;
            let Some((_, state)) = prompts.end(first + own) else { return Err(EngineError::EmptyPrompt) };
            // The state after the prompt, then those that the reply's tokens but the first were chosen from.
            let rest = reply.states.get(self.width()..).unwrap_or_default();
            let mut queries = vec![RowQuery { targets: firsts.iter().copied().flatten().collect(), all_logits: false }];
            queries.extend(ids.iter().skip(1).map(|id| RowQuery { targets: vec![*id], all_logits: false }));
            let states = if ids.is_empty() { state.to_vec() } else { [state, rest].concat() };
            let answers = self.answer(states, &queries)?;
            let mut nats = answers.iter().map(|answer| answer.target_nats.as_slice());
            let mut of_firsts = nats.next().unwrap_or_default().iter().copied().map(f64::from);
            let mut row = firsts.iter().map(|id| id.and_then(|_| of_firsts.next()).unwrap_or(0.0)).collect::<Vec<_>>();
            if let Some(score) = row.get_mut(own) {
                *score = nats.flatten().fold(*score, |sum, nats| sum + f64::from(*nats));
            }
            scores.push(row);
        }
        let replies = written.into_iter().map(|written| written.generation).collect::<Vec<_>>();
        Ok(Replied { index, first, replies, scores, missing: 0 })
    }

    /// Scores the rest of all replies under all other prompts of their sets, and reports each set when it is complete.
    fn score_replies(
        &self,
        session: &mut Session,
        prompts: &Prompts<'_>,
        sets: &mut [Replied],
        done: &mut dyn FnMut(usize, Result<PromptSetAnswer, EngineError>),
    ) -> Result<(), EngineError> {
        let last = sets.last().map_or(0, |set| set.first + set.replies.len());
        let roots = (0..last).map(|prompt| prompts.end(prompt).map(|(run, _)| run)).collect::<Vec<_>>();
        let ids = sets.iter().map(|set| set.replies.iter().map(|reply| reply.token_ids.clone()).collect::<Vec<_>>());
        let ids = ids.collect::<Vec<_>>();
        let targets = |ids: &Vec<u32>| ids.iter().skip(1).copied().map(Some).collect::<Vec<_>>();
        let targets = ids.iter().map(|set| set.iter().map(targets).collect::<Vec<_>>()).collect::<Vec<_>>();
        let (mut probes, mut places) = (Vec::new(), Vec::new());
        for (number, (set, (ids, targets))) in sets.iter_mut().zip(ids.iter().zip(&targets)).enumerate() {
            for prompt in 0..ids.len() {
                for (reply, (ids, targets)) in ids.iter().zip(targets).enumerate() {
                    if prompt != reply && !targets.is_empty() {
                        let tokens = ids.get(..targets.len()).unwrap_or_default();
                        probes.push((set.first + prompt, Probe { tokens, first: 0, targets, all_logits: false }));
                        places.push((number, prompt, reply));
                        set.missing += 1;
                    }
                }
            }
        }
        for set in sets.iter_mut().filter(|set| set.missing == 0) {
            done(set.index, set.answer());
        }
        self.predict_after(Some(session), roots, &probes, &mut |at, predictions| {
            let Some((number, prompt, reply)) = places.get(at) else { return };
            let Some(set) = sets.get_mut(*number) else { return };
            let rest = ids.get(*number).and_then(|ids| ids.get(*reply)).and_then(|ids| ids.get(1..));
            let nats = SequenceScore::new(rest.unwrap_or_default(), &predictions, 0).map(|score| score.token_nats);
            if let Some(score) = set.scores.get_mut(*prompt).and_then(|row| row.get_mut(*reply)) {
                *score = nats.map_or(f64::NAN, |nats| nats.iter().fold(*score, |sum, nats| sum + f64::from(*nats)));
            }
            set.missing -= 1;
            if set.missing == 0 {
                done(set.index, set.answer());
            }
        })
    }
}

impl Replied {
    /// Takes out the answer.
    fn answer(&mut self) -> Result<PromptSetAnswer, EngineError> {
        let (replies, log_probs) = (std::mem::take(&mut self.replies), std::mem::take(&mut self.scores));
        if log_probs.iter().flatten().any(|nats| !nats.is_finite()) {
            return Err(EngineError::NotFinite);
        }
        Ok(PromptSetAnswer { replies, log_probs })
    }
}
