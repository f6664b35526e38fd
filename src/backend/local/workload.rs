//! How much work requests are, counted without weights.

use rayon::prelude::*;

use super::LocalOptions;
use super::encoder::Encoder;
use crate::digest::Digest;
use crate::model::checkpoint::Checkpoint;
use crate::model::engine::{TokenCount, generation_count, prompt_set_count, score_count};

use crate::request::{Decoding, Request};

/// Requests of each kind, and the tokens that answering them takes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Workload {
    /// Requests for log-likelihoods of continuations, with how many continuations.
    pub log_likelihoods: (usize, usize),
    /// Whole texts to be scored.
    pub texts: usize,
    /// Next tokens to be scored.
    pub next_tokens: usize,
    /// Replies to be generated.
    pub generations: usize,
    /// Dialogues.
    pub dialogues: usize,
    /// Sets of prompts, with how many prompts.
    pub prompt_sets: (usize, usize),
    /// Requests that cannot be asked.
    pub refused: usize,
    /// Why the first of them cannot.
    pub refusal: Option<String>,
    /// What is scored.
    pub scored: TokenCount,
    /// Prompts of what is generated; of dialogues the first turn.
    pub prompts: TokenCount,
    /// Prompt sets, every reply as long as it may become.
    pub sets: TokenCount,
    /// Tokens that may be generated for replies and dialogues.
    pub new_tokens_at_most: u64,
    /// The longest sequence, with what may be generated after it.
    pub longest_tokens: usize,
}

impl Workload {
    /// Adds what is handed to the engine at one time.
    pub fn add(
        &mut self,
        checkpoint: &Checkpoint,
        options: &LocalOptions,
        requests: &[&Request],
    ) -> serde_json::Result<()> {
        let encoder = Encoder::of(checkpoint, options);
        self.add_scored(&encoder, requests);
        self.add_generations(&encoder, requests);
        self.add_sets(&encoder, requests)
    }

    /// All tokens, asked and computed.
    pub fn tokens(&self) -> TokenCount {
        self.scored + self.prompts + self.sets
    }

    fn add_scored(&mut self, encoder: &Encoder<'_>, requests: &[&Request]) {
        for request in requests {
            match request {
                Request::LogLikelihood { continuations, .. } => {
                    self.log_likelihoods.0 += 1;
                    self.log_likelihoods.1 += continuations.len();
                }
                Request::Rolling { .. } => self.texts += 1,
                Request::NextToken { .. } => self.next_tokens += 1,
                Request::Generate { .. } | Request::Dialogue { .. } | Request::PromptSet { .. } => {}
            }
        }
        let lists = requests.par_iter().filter_map(|request| encoder.scorings(request)).collect();
        let items = self.usable(lists).into_iter().flatten().collect::<Vec<_>>();
        for item in &items {
            self.at_length(encoder, item.context.len() + item.continuation.len());
        }
        self.scored = self.scored + score_count(&items, encoder.max_length_tokens);
    }

    fn add_generations(&mut self, encoder: &Encoder<'_>, requests: &[&Request]) {
        let asked = requests.iter().filter_map(|request| match request {
            Request::Generate { prompt, decoding } => Some((prompt, decoding, 0)),
            Request::Dialogue { prompt, decoding, turns, .. } => Some((prompt, decoding, turns.len())),
            _ => None,
        });
        let asked = asked.collect::<Vec<_>>();
        self.dialogues += asked.iter().filter(|(_, _, later)| *later > 0).count();
        self.generations += asked.iter().filter(|(_, _, later)| *later == 0).count();
        let tokenized = asked.par_iter().map(|(prompt, decoding, later)| {
            let generation = encoder.generation(prompt, decoding, String::new())?;
            Ok((generation, new_tokens(decoding, encoder) * (*later as u64 + 1)))
        });
        let usable = self.usable(tokenized.collect());
        for (generation, new_tokens) in &usable {
            self.new_tokens_at_most += new_tokens;
            self.at_length(encoder, generation.prompt.len().saturating_add(generation.decoding.max_new_tokens));
        }
        let generations = usable.into_iter().map(|(generation, _)| generation).collect::<Vec<_>>();
        self.prompts = self.prompts + generation_count(&generations, encoder.max_length_tokens);
    }

    fn add_sets(&mut self, encoder: &Encoder<'_>, requests: &[&Request]) -> serde_json::Result<()> {
        let mut sets = Vec::new();
        for request in requests {
            let Request::PromptSet { prompts, decoding } = request else { continue };
            self.prompt_sets.0 += 1;
            self.prompt_sets.1 += prompts.len();
            sets.push(encoder.prompt_set(prompts, decoding, &Digest::of_json(request)?));
        }
        let sets = self.usable(sets);
        for prompt in sets.iter().flat_map(|set| &set.prompts) {
            self.at_length(encoder, prompt.prompt.len().saturating_add(prompt.decoding.max_new_tokens));
        }
        self.sets = self.sets + prompt_set_count(&sets, encoder.max_length_tokens);
        Ok(())
    }

    /// What can be asked; the rest is counted.
    fn usable<T>(&mut self, tokenized: Vec<Result<T, String>>) -> Vec<T> {
        let mut usable = Vec::with_capacity(tokenized.len());
        for item in tokenized {
            match item {
                Ok(item) => usable.push(item),
                Err(reason) => {
                    self.refused += 1;
                    self.refusal.get_or_insert(reason);
                }
            }
        }
        usable
    }

    fn at_length(&mut self, encoder: &Encoder<'_>, tokens: usize) {
        self.longest_tokens = self.longest_tokens.max(tokens.min(encoder.max_length_tokens));
    }
}

fn new_tokens(decoding: &Decoding, encoder: &Encoder<'_>) -> u64 {
    decoding.max_new_tokens.min(encoder.max_length_tokens) as u64
}
