//! What a request asks of a network, as token sequences. Needs a tokenizer and no weights.

use rayon::prelude::*;

use super::LocalOptions;
use crate::digest::Digest;
use crate::model::chat_template::{ChatOptions, ChatTemplate, Date};
use crate::model::checkpoint::Checkpoint;
use crate::model::engine::{GenerationRequest, PromptSetRequest, Scoring, rolling_windows};
use crate::model::tokens::{Specials, TextTokenizer, TokenPair};
use crate::request::{Continuation, Decoding, Prompt, Request};

/// A checkpoint's way from requests to token sequences and back to text.
#[derive(Debug)]
pub(super) struct Encoder<'c> {
    pub tokenizer: &'c TextTokenizer,
    pub chat_template: Option<&'c ChatTemplate>,
    pub end_tokens: &'c [u32],
    pub date: Option<Date>,
    pub max_length_tokens: usize,
}

/// Why a request cannot be asked, for people.
type Refused = String;

impl<'c> Encoder<'c> {
    /// That of an opened checkpoint.
    pub fn of(checkpoint: &'c Checkpoint, options: &LocalOptions) -> Self {
        Self {
            tokenizer: &checkpoint.tokenizer,
            chat_template: checkpoint.chat_template.as_ref(),
            end_tokens: &checkpoint.end_token_ids,
            date: options.date,
            max_length_tokens: options.engine.longest_sequence(&checkpoint.architecture),
        }
    }

    /// What a request has scored: its continuations, windows or candidates; `None` where it asks for something else.
    pub fn scorings(&self, request: &Request) -> Option<Result<Vec<Scoring>, Refused>> {
        Some(match request {
            Request::LogLikelihood { prompt, continuations } => {
                self.text(prompt).and_then(|text| continuations.iter().map(|one| self.scoring(&text, one)).collect())
            }
            Request::Rolling { text } => self.windows(text),
            Request::NextToken { prompt, candidates } => self.text(prompt).and_then(|text| {
                candidates.iter().map(|candidate| self.next_token(&text, candidate)).collect::<Result<_, _>>()
            }),
            Request::Generate { .. } | Request::Dialogue { .. } | Request::PromptSet { .. } => return None,
        })
    }

    /// The continuation of one prompt; `label` names its random stream.
    pub fn generation(
        &self,
        prompt: &Prompt,
        decoding: &Decoding,
        label: String,
    ) -> Result<GenerationRequest, Refused> {
        let mut decoding = decoding.clone();
        // As lm-evaluation-harness does: an end token that the model spells out ends the text too.
        decoding.stop.extend(self.tokenizer.named_tokens().eos.clone());
        Ok(GenerationRequest {
            prompt: self.ids(&self.text(prompt)?)?,
            decoding,
            end_tokens: self.end_tokens.to_vec(),
            stream_label: label,
        })
    }

    /// A set of prompts.
    pub fn prompt_set(
        &self,
        prompts: &[Prompt],
        decoding: &Decoding,
        label: &Digest,
    ) -> Result<PromptSetRequest, Refused> {
        let one = |(number, prompt): (usize, &Prompt)| self.generation(prompt, decoding, format!("{label}/{number}"));
        Ok(PromptSetRequest { prompts: prompts.par_iter().enumerate().map(one).collect::<Result<_, _>>()? })
    }

    /// The text of generated ids, without special tokens.
    pub fn text_of(&self, ids: &[u32]) -> String {
        self.tokenizer.decode(ids, true).unwrap_or_default()
    }

    /// A prompt as text, and whether special tokens are still to be added.
    fn text(&self, prompt: &Prompt) -> Result<(String, Specials), Refused> {
        match prompt {
            Prompt::Text(text) => Ok((text.clone(), Specials::Added)),
            Prompt::Chat { messages, assistant_prefix } => {
                let template =
                    self.chat_template.ok_or("the checkpoint has no chat template; give one or ask with plain text")?;
                let text = if assistant_prefix.is_empty() {
                    let options = ChatOptions { add_generation_prompt: true, date: self.date };
                    template.render(messages, options).map(Some)
                } else {
                    template.render_open(messages, assistant_prefix, self.date)
                };
                let text = text.map_err(|error| error.to_string())?;
                let text = text.ok_or_else(|| format!("the chat template does not print {assistant_prefix:?}"))?;
                Ok((text, Specials::AsWritten))
            }
        }
    }

    /// A prompt's ids; never none.
    fn ids(&self, (text, specials): &(String, Specials)) -> Result<Vec<u32>, Refused> {
        let ids = self.tokenizer.encode_prompt(text, *specials).map_err(|error| error.to_string())?;
        if !ids.is_empty() {
            return Ok(ids);
        }
        Ok(vec![self.tokenizer.prefix_id().ok_or("the prompt is empty and the tokenizer names no beginning token")?])
    }

    fn scoring(&self, prompt: &(String, Specials), continuation: &Continuation) -> Result<Scoring, Refused> {
        match continuation {
            Continuation::Tokens(ids) => Ok(Scoring { context: self.ids(prompt)?, continuation: ids.clone() }),
            Continuation::Text(continuation) => {
                let (text, specials) = prompt;
                let pair = self.tokenizer.split_pair(text, continuation, *specials);
                let TokenPair { context, continuation: ids } = pair.map_err(|error| error.to_string())?;
                if ids.is_empty() {
                    return Err(format!(
                        "{continuation:?} has no token of its own after the prompt, so it has no probability"
                    ));
                }
                Ok(Scoring { context, continuation: ids })
            }
        }
    }

    /// The next token's log-probability is that of a continuation of one token.
    fn next_token(&self, prompt: &(String, Specials), candidate: &str) -> Result<Scoring, Refused> {
        let mut scoring = self.scoring(prompt, &Continuation::Text(candidate.to_owned()))?;
        // What several tokens spell begins with the first of them.
        scoring.continuation.truncate(1);
        Ok(scoring)
    }

    fn windows(&self, text: &str) -> Result<Vec<Scoring>, Refused> {
        let prefix =
            self.tokenizer.prefix_id().ok_or("the tokenizer names no beginning token to score the first after")?;
        let ids = self.tokenizer.encode_prompt(text, Specials::Added).map_err(|error| error.to_string())?;
        Ok(rolling_windows(&ids, prefix, self.max_length_tokens))
    }
}
