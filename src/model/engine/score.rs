//! Log-probabilities of continuations.

use super::probe::{Prediction, Probe};
use super::{Engine, EngineError};

/// A continuation under a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scoring {
    /// What stands before; at least one token.
    pub context: Vec<u32>,
    /// What is scored.
    pub continuation: Vec<u32>,
}

impl Scoring {
    /// The tokens given to the network: of context and continuation the last `max_length + 1`, all but the last.
    pub(super) fn input_tokens(&self, max_length: usize) -> Result<Vec<u32>, EngineError> {
        if self.context.is_empty() {
            return Err(EngineError::EmptyPrompt);
        }
        if self.continuation.len() > max_length {
            return Err(EngineError::ContinuationTooLong { tokens: self.continuation.len(), max_length });
        }
        let whole = [self.context.as_slice(), &self.continuation].concat();
        let end = whole.len() - 1;
        Ok(whole.get(end.saturating_sub(max_length)..end).unwrap_or_default().to_vec())
    }
}

/// The log-probabilities of a continuation's tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct SequenceScore {
    /// One a token, in nats.
    pub token_nats: Vec<f32>,
    /// Whether greedy decoding would have produced exactly these tokens.
    pub is_greedy: bool,
    /// Tokens cut off the left of the context.
    pub prompt_tokens_cut: usize,
}

impl SequenceScore {
    /// The sum, in double precision, in the tokens' order.
    pub fn sum_nats(&self) -> f64 {
        self.token_nats.iter().map(|nats| f64::from(*nats)).sum()
    }

    pub(super) fn new(
        continuation: &[u32],
        predictions: &[Prediction],
        prompt_tokens_cut: usize,
    ) -> Result<Self, EngineError> {
        let token_nats = predictions.iter().filter_map(|p| p.target_nats).collect::<Vec<_>>();
        if token_nats.len() != continuation.len() || token_nats.iter().any(|nats| !nats.is_finite()) {
            return Err(EngineError::NotFinite);
        }
        let is_greedy = predictions.iter().zip(continuation).all(|(prediction, token)| prediction.argmax == *token);
        Ok(Self { token_nats, is_greedy, prompt_tokens_cut })
    }
}

impl Engine {
    /// Scores continuations; `done` is called once for each, as soon as it is known.
    ///
    /// What is too long is cut on the left: of context and continuation the last `max_length + 1` tokens count. A
    /// continuation that is longer than the model's context, or an empty context, is an error for that item.
    pub fn score(
        &self,
        items: &[Scoring],
        done: &mut dyn FnMut(usize, Result<SequenceScore, EngineError>),
    ) -> Result<(), EngineError> {
        let mut inputs = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let known = self.check(item.context.iter().chain(&item.continuation));
            match item.input_tokens(self.max_length_tokens()).and_then(|tokens| known.map(|()| tokens)) {
                Ok(tokens) => {
                    inputs.push((index, (tokens, item.continuation.iter().copied().map(Some).collect::<Vec<_>>())));
                }
                Err(error) => done(index, Err(error)),
            }
        }
        let probes = inputs.iter().map(|(_, (tokens, targets))| {
            let first = tokens.len().saturating_sub(targets.len());
            Probe { tokens, first, targets, all_logits: false }
        });
        let probes = probes.collect::<Vec<_>>();
        self.predict(&probes, &mut |at, predictions| {
            let Some((index, _)) = inputs.get(at) else { return };
            let Some(item) = items.get(*index) else { return };
            let cut = (item.context.len() + item.continuation.len()).saturating_sub(self.max_length_tokens() + 1);
            done(*index, SequenceScore::new(&item.continuation, &predictions, cut));
        })
    }

    /// Log-probability of every token of a sequence but the first, in nats.
    pub fn sequence_log_probs(&self, ids: &[u32]) -> Result<Vec<f32>, EngineError> {
        let (first, rest) = ids.split_at_checked(1).ok_or(EngineError::EmptyPrompt)?;
        let item = Scoring { context: first.to_vec(), continuation: rest.to_vec() };
        let mut result = Err(EngineError::EmptyPrompt);
        self.score(&[item], &mut |_, score| result = score)?;
        result.map(|score| score.token_nats)
    }

    /// Refuses ids that the model does not know, for one item instead of for a whole batch.
    pub(super) fn check<'a>(&self, mut ids: impl Iterator<Item = &'a u32>) -> Result<(), EngineError> {
        let vocabulary = self.vocabulary();
        match ids.find(|id| **id as usize >= vocabulary) {
            Some(id) => Err(crate::model::decoder::DecoderError::TokenOutsideVocabulary { id: *id, vocabulary }.into()),
            None => Ok(()),
        }
    }
}
