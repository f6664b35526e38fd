//! One generation: what is asked, and its state while it runs.

use rand_chacha::ChaCha8Rng;

use super::lookup::{Lookup, Text};
use super::sampling::draw;
use super::stop::StopStrings;
use super::{Detokenize, EngineError};
use crate::model::decoder::{RowAnswer, RowQuery};
use crate::request::{Decoding, Sampling};
use crate::response::{FinishReason, Generation};
use crate::seed::Seed;

/// A prompt to be continued.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationRequest {
    /// The prompt; at least one token.
    pub prompt: Vec<u32>,
    /// Limit, stop strings, and how tokens are chosen.
    pub decoding: Decoding,
    /// Tokens that end the generation.
    pub end_tokens: Vec<u32>,
    /// Names the random stream; two requests with the same label and seed draw the same numbers.
    pub stream_label: String,
}

impl GenerationRequest {
    /// The part of the prompt that is kept, as lm-evaluation-harness cuts it: the last `max_length - max_new_tokens`
    /// tokens. Where the generation alone could fill the context, half of the context is left to the prompt.
    pub(super) fn kept_prompt(&self, max_length: usize) -> &[u32] {
        let asked = self.decoding.max_new_tokens;
        let keep = if asked < max_length { max_length - asked } else { max_length.div_ceil(2) };
        self.prompt.get(self.prompt.len().saturating_sub(keep)..).unwrap_or(&self.prompt)
    }

    /// New tokens that fit behind the kept prompt, and are asked.
    pub(super) fn new_tokens(&self, max_length: usize) -> usize {
        self.decoding.max_new_tokens.min(max_length.saturating_sub(self.kept_prompt(max_length).len()))
    }
}

/// A generation under way.
#[derive(Debug)]
pub(super) struct Writing<'a> {
    request: &'a GenerationRequest,
    stops: StopStrings<'a>,
    stream: Option<ChaCha8Rng>,
    /// Tokens that still fit behind the prompt.
    limit: usize,
    prompt: &'a [u32],
    lookup: Lookup,
    pub tokens: Vec<u32>,
}

impl<'a> Writing<'a> {
    /// `stops` are left out where the reply is its tokens.
    pub fn new(request: &'a GenerationRequest, max_length: usize, stops: bool) -> Self {
        let stream = match request.decoding.sampling {
            Sampling::Greedy => None,
            Sampling::Random { seed, .. } => Some(Seed(seed).stream(&["sampling", &request.stream_label])),
        };
        Self {
            request,
            prompt: request.kept_prompt(max_length),
            lookup: Lookup::default(),
            stops: StopStrings::new(if stops { &request.decoding.stop } else { &[] }),
            stream,
            limit: request.new_tokens(max_length),
            tokens: Vec::new(),
        }
    }

    /// Tokens that may still come.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// What must be known to choose the next token.
    pub fn query(&self) -> RowQuery {
        RowQuery { targets: Vec::new(), all_logits: self.stream.is_some() }
    }

    /// What the next tokens may be, for a batch of so many rows: see [`Lookup::guess`]. Only likeliest tokens are guessed.
    pub fn guess(&self, rows: usize) -> Vec<u32> {
        if self.stream.is_some() {
            return Vec::new();
        }
        // Behind the last one that is guessed, another is chosen.
        let limit = self.limit.saturating_sub(self.tokens.len() + 1);
        self.lookup.guess(Text { prompt: self.prompt, reply: &self.tokens }, rows, limit)
    }

    /// Chooses and appends next tokens: from the first answer, and from each that comes after a guess that was right.
    /// `answers` has one more than `guess`. Tells why the generation ends, if it does.
    pub fn advance(
        &mut self,
        answers: &[RowAnswer],
        guess: &[u32],
        text_of: Detokenize<'_>,
    ) -> Result<Option<FinishReason>, EngineError> {
        let mut guess = guess.iter();
        for answer in answers {
            let finish = self.choose(answer, text_of)?;
            if finish.is_some() {
                return Ok(finish);
            }
            self.lookup.saw_newest(Text { prompt: self.prompt, reply: &self.tokens });
            if guess.next() != self.tokens.last() {
                break;
            }
        }
        Ok(None)
    }

    /// Chooses and appends the next token.
    fn choose(&mut self, answer: &RowAnswer, text_of: Detokenize<'_>) -> Result<Option<FinishReason>, EngineError> {
        if !answer.log_sum_exp.is_finite() {
            return Err(EngineError::NotFinite);
        }
        let token = match (&mut self.stream, &answer.logits) {
            (Some(stream), Some(logits)) => draw(logits, self.request.decoding.sampling, stream),
            _ => Some(answer.argmax),
        };
        let token = token.ok_or(EngineError::NotFinite)?;
        self.tokens.push(token);
        Ok(if self.request.end_tokens.contains(&token) {
            Some(FinishReason::EndToken)
        } else if self.stops.reached(&self.tokens, text_of) {
            Some(FinishReason::StopString)
        } else if self.tokens.len() >= self.limit {
            Some(FinishReason::Length)
        } else {
            None
        })
    }

    /// The finished generation. Its text has no end token and is cut at stop strings.
    pub fn finished(&self, finish: FinishReason, text_of: Detokenize<'_>) -> Generation {
        let written = match (finish, self.tokens.split_last()) {
            (FinishReason::EndToken, Some((_, before))) => before,
            _ => &self.tokens,
        };
        let mut text = text_of(written);
        let cut = self.stops.cut(&mut text);
        let finish = if cut && finish == FinishReason::Length { FinishReason::StopString } else { finish };
        let prompt_tokens_cut = self.request.prompt.len() - self.prompt.len();
        Generation { text, token_ids: self.tokens.clone(), finish, prompt_tokens_cut }
    }
}
