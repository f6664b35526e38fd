//! A checkpoint on this machine.

use std::path::Path;

use rayon::prelude::*;

use super::{BackendError, LanguageModel, ModelIdentity};
use crate::digest::Digest;
use crate::model::chat_template::{ChatOptions, ChatTemplate, Date};
use crate::model::checkpoint::{Checkpoint, CheckpointOptions};
use crate::model::engine::{
    Engine, EngineError, EngineOptions, GenerationRequest, PromptSetRequest, Scoring, SequenceScore, rolling_windows,
};
use crate::model::tokens::{Specials, TextTokenizer, TokenPair};
use crate::request::{Continuation, Decoding, Prompt, Request};
use crate::response::{ContinuationLogProb, Generation, Response};

/// How a checkpoint is asked. Only `max_length_tokens` and `date` can change an answer; the digest covers them.
#[derive(Debug, Clone, Default)]
pub struct LocalOptions {
    /// Threads, batch and memory.
    pub engine: EngineOptions,
    /// The day that chat templates may print.
    pub date: Option<Date>,
}

/// A checkpoint with its network in memory.
#[derive(Debug)]
pub struct LocalModel {
    identity: ModelIdentity,
    engine: Engine,
    tokenizer: TextTokenizer,
    chat_template: Option<ChatTemplate>,
    end_tokens: Vec<u32>,
    date: Option<Date>,
}

impl LocalModel {
    /// Opens a folder.
    pub fn open(dir: &Path, checkpoint: &CheckpointOptions, options: &LocalOptions) -> Result<Self, BackendError> {
        Self::new(Checkpoint::open(dir, checkpoint)?, options)
    }

    /// Loads an opened checkpoint's weights.
    pub fn new(checkpoint: Checkpoint, options: &LocalOptions) -> Result<Self, BackendError> {
        let digest = Self::digest(&checkpoint, options)?;
        let engine = Engine::open(checkpoint.architecture, &checkpoint.weights, options.engine.clone())?;
        Ok(Self {
            identity: ModelIdentity { name: checkpoint.name, digest },
            engine,
            tokenizer: checkpoint.tokenizer,
            chat_template: checkpoint.chat_template,
            end_tokens: checkpoint.end_token_ids,
            date: options.date,
        })
    }

    /// Hash over everything that decides an answer: the checkpoint, the day, the length limit.
    pub fn digest(checkpoint: &Checkpoint, options: &LocalOptions) -> Result<Digest, BackendError> {
        let parts =
            (checkpoint.digest(), options.date.map(|date| format!("{date:?}")), options.engine.max_length_tokens);
        Ok(Digest::of_json(&parts)?)
    }

    /// The network.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// A prompt as text, and whether special tokens are still to be added.
    fn text(&self, prompt: &Prompt) -> Result<(String, Specials), String> {
        match prompt {
            Prompt::Text(text) => Ok((text.clone(), Specials::Added)),
            Prompt::Chat { messages, assistant_prefix } => {
                let template = self.chat_template.as_ref();
                let template =
                    template.ok_or("the checkpoint has no chat template; give one or ask with plain text")?;
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
    fn ids(&self, prompt: &Prompt) -> Result<Vec<u32>, String> {
        let (text, specials) = self.text(prompt)?;
        let ids = self.tokenizer.encode_prompt(&text, specials).map_err(|error| error.to_string())?;
        if !ids.is_empty() {
            return Ok(ids);
        }
        Ok(vec![self.tokenizer.prefix_id().ok_or("the prompt is empty and the tokenizer names no beginning token")?])
    }

    fn scoring(&self, prompt: &Prompt, continuation: &Continuation) -> Result<Scoring, String> {
        match continuation {
            Continuation::Tokens(ids) => Ok(Scoring { context: self.ids(prompt)?, continuation: ids.clone() }),
            Continuation::Text(continuation) => {
                let (text, specials) = self.text(prompt)?;
                let pair = self.tokenizer.split_pair(&text, continuation, specials);
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

    fn windows(&self, text: &str) -> Result<Vec<Scoring>, String> {
        let prefix =
            self.tokenizer.prefix_id().ok_or("the tokenizer names no beginning token to score the first after")?;
        let ids = self.tokenizer.encode_prompt(text, Specials::Added).map_err(|error| error.to_string())?;
        Ok(rolling_windows(&ids, prefix, self.engine.max_length_tokens()))
    }

    fn generation(&self, prompt: &Prompt, decoding: &Decoding, label: String) -> Result<GenerationRequest, String> {
        let mut decoding = decoding.clone();
        // As lm-evaluation-harness does: an end token that the model spells out ends the text too.
        decoding.stop.extend(self.tokenizer.named_tokens().eos.clone());
        Ok(GenerationRequest {
            prompt: self.ids(prompt)?,
            decoding,
            end_tokens: self.end_tokens.clone(),
            stream_label: label,
        })
    }

    fn text_of(&self, ids: &[u32]) -> String {
        self.tokenizer.decode(ids, true).unwrap_or_default()
    }

    /// Scores lists of continuations, one list a request, in one prefix tree; `done` gets each list when it is complete.
    fn score_lists(
        &self,
        lists: Vec<(usize, Result<Vec<Scoring>, String>)>,
        done: &mut dyn FnMut(usize, Result<Vec<SequenceScore>, String>),
    ) -> Result<(), BackendError> {
        let mut open = Vec::new();
        let (mut items, mut owners) = (Vec::new(), Vec::new());
        for (index, list) in lists {
            match list {
                Ok(list) if list.is_empty() => done(index, Ok(Vec::new())),
                Ok(list) => {
                    owners.extend((0..list.len()).map(|place| (open.len(), place)));
                    open.push((index, list.iter().map(|_| None).collect::<Vec<_>>(), list.len()));
                    items.extend(list);
                }
                Err(reason) => done(index, Err(reason)),
            }
        }
        self.engine.score(&items, &mut |at, score| {
            let Some((index, scores, missing)) = owners.get(at).and_then(|(owner, _)| open.get_mut(*owner)) else {
                return;
            };
            if let Some(slot) = owners.get(at).and_then(|(_, place)| scores.get_mut(*place)) {
                *slot = Some(score);
                *missing -= 1;
            }
            if *missing == 0 {
                let scores = scores.drain(..).flatten().collect::<Result<Vec<_>, EngineError>>();
                done(*index, scores.map_err(|error| error.to_string()));
            }
        })?;
        Ok(())
    }

    fn answer_log_likelihoods(&self, requests: &[&Request], done: Done<'_>) -> Result<(), BackendError> {
        let list = |(index, request): (usize, &&Request)| match request {
            Request::LogLikelihood { prompt, continuations } => {
                Some((index, continuations.iter().map(|one| self.scoring(prompt, one)).collect()))
            }
            _ => None,
        };
        let lists = requests.par_iter().enumerate().filter_map(list).collect();
        self.score_lists(lists, &mut |index, scores| {
            let one = |score: &SequenceScore| ContinuationLogProb {
                sum_nats: score.sum_nats(),
                tokens: score.token_nats.len(),
                is_greedy: score.is_greedy,
                prompt_tokens_cut: score.prompt_tokens_cut,
            };
            done(
                index,
                match scores {
                    Ok(scores) => Response::LogProbs { continuations: scores.iter().map(one).collect() },
                    Err(reason) => Response::Failed { reason },
                },
            );
        })
    }

    fn answer_rolling(&self, requests: &[&Request], done: Done<'_>) -> Result<(), BackendError> {
        let list = |(index, request): (usize, &&Request)| match request {
            Request::Rolling { text } => Some((index, self.windows(text))),
            _ => None,
        };
        let lists = requests.par_iter().enumerate().filter_map(list).collect();
        self.score_lists(lists, &mut |index, scores| {
            done(
                index,
                match scores {
                    Ok(scores) => Response::Rolling {
                        sum_nats: scores.iter().map(SequenceScore::sum_nats).sum(),
                        tokens: scores.iter().map(|score| score.token_nats.len()).sum(),
                    },
                    Err(reason) => Response::Failed { reason },
                },
            );
        })
    }

    fn answer_generations(&self, requests: &[&Request], done: Done<'_>) -> Result<(), BackendError> {
        let (mut indices, mut generations) = (Vec::new(), Vec::new());
        let read = |(index, request): (usize, &&Request)| match request {
            Request::Generate { prompt, decoding } => {
                let label = Digest::of_json(request).map(|digest| digest.as_str().to_owned());
                Some(label.map(|label| (index, self.generation(prompt, decoding, label))))
            }
            _ => None,
        };
        let tokenized: Vec<_> = requests.par_iter().enumerate().filter_map(read).collect::<Result<_, _>>()?;
        for (index, generation) in tokenized {
            match generation {
                Ok(generation) => {
                    indices.push(index);
                    generations.push(generation);
                }
                Err(reason) => done(index, Response::Failed { reason }),
            }
        }
        self.engine.generate(&generations, &|ids| self.text_of(ids), &mut |at, result| {
            if let Some(index) = indices.get(at) {
                done(*index, result.map_or_else(failed, Response::Generated));
            }
        })?;
        Ok(())
    }

    /// Every dialogue's first turn, then every second turn, and so on: dialogues that are shorter or broken drop out.
    fn answer_dialogues(&self, requests: &[&Request], done: Done<'_>) -> Result<(), BackendError> {
        struct Open<'r> {
            index: usize,
            request: &'r Request,
            prompt: Prompt,
            replies: Vec<Generation>,
        }
        let mut open: Vec<Open<'_>> = Vec::new();
        for (index, request) in requests.iter().enumerate() {
            if let Request::Dialogue { prompt, .. } = request {
                open.push(Open { index, request, prompt: prompt.clone(), replies: Vec::new() });
            }
        }
        while !open.is_empty() {
            let mut asked = Vec::new();
            let mut tokenized = Vec::new();
            for dialogue in open {
                let Request::Dialogue { decoding, .. } = dialogue.request else { continue };
                let label = format!("{}/{}", Digest::of_json(dialogue.request)?, dialogue.replies.len());
                match self.generation(&dialogue.prompt, decoding, label) {
                    Ok(generation) => {
                        tokenized.push(generation);
                        asked.push(dialogue);
                    }
                    Err(reason) => done(dialogue.index, Response::Failed { reason }),
                }
            }
            let mut answers: Vec<Option<Result<Generation, EngineError>>> = asked.iter().map(|_| None).collect();
            self.engine.generate(&tokenized, &|ids| self.text_of(ids), &mut |at, result| {
                if let Some(slot) = answers.get_mut(at) {
                    *slot = Some(result);
                }
            })?;
            open = Vec::new();
            for (mut dialogue, answer) in asked.into_iter().zip(answers) {
                let Request::Dialogue { turns, plain, .. } = dialogue.request else { continue };
                match answer {
                    None => {}
                    Some(Err(error)) => done(dialogue.index, failed(error)),
                    Some(Ok(reply)) => {
                        let next = turns.get(dialogue.replies.len());
                        dialogue.prompt = match next {
                            Some(turn) => dialogue.prompt.continued(&reply.text, turn, plain.as_ref()),
                            None => dialogue.prompt,
                        };
                        dialogue.replies.push(reply);
                        if next.is_some() {
                            open.push(dialogue);
                        } else {
                            done(dialogue.index, Response::Dialogue { replies: dialogue.replies });
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The next token's log-probability is that of a continuation of one token.
    fn answer_next_tokens(&self, requests: &[&Request], done: Done<'_>) -> Result<(), BackendError> {
        let list = |(index, request): (usize, &&Request)| match request {
            Request::NextToken { prompt, candidates } => {
                Some((index, candidates.iter().map(|text| self.next_token(prompt, text)).collect()))
            }
            _ => None,
        };
        let lists = requests.par_iter().enumerate().filter_map(list).collect();
        self.score_lists(lists, &mut |index, scores| {
            done(
                index,
                match scores {
                    Ok(scores) => {
                        Response::NextToken { log_probs: scores.iter().map(|score| Some(score.sum_nats())).collect() }
                    }
                    Err(reason) => Response::Failed { reason },
                },
            );
        })
    }

    fn next_token(&self, prompt: &Prompt, candidate: &str) -> Result<Scoring, String> {
        let mut scoring = self.scoring(prompt, &Continuation::Text(candidate.to_owned()))?;
        // What several tokens spell begins with the first of them.
        scoring.continuation.truncate(1);
        Ok(scoring)
    }

    fn answer_prompt_sets(&self, requests: &[&Request], done: Done<'_>) -> Result<(), BackendError> {
        let (mut indices, mut sets) = (Vec::new(), Vec::new());
        for (index, request) in requests.iter().enumerate() {
            let Request::PromptSet { prompts, decoding } = request else { continue };
            let label = Digest::of_json(request)?;
            let prompts = prompts.par_iter().enumerate();
            let prompts =
                prompts.map(|(number, prompt)| self.generation(prompt, decoding, format!("{label}/{number}")));
            match prompts.collect::<Result<Vec<_>, _>>() {
                Ok(prompts) => {
                    indices.push(index);
                    sets.push(PromptSetRequest { prompts });
                }
                Err(reason) => done(index, Response::Failed { reason }),
            }
        }
        self.engine.prompt_sets(&sets, &|ids| self.text_of(ids), &mut |at, result| {
            let response = |answer: crate::model::engine::PromptSetAnswer| Response::PromptSet {
                replies: answer.replies,
                log_probs: answer.log_probs,
            };
            if let Some(index) = indices.get(at) {
                done(*index, result.map_or_else(failed, response));
            }
        })?;
        Ok(())
    }
}

type Done<'a> = &'a mut dyn FnMut(usize, Response);

#[allow(clippy::needless_pass_by_value)]
fn failed(error: EngineError) -> Response {
    Response::Failed { reason: error.to_string() }
}

impl LanguageModel for LocalModel {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn answer(&self, requests: &[&Request], done: &mut dyn FnMut(usize, Response)) -> Result<(), BackendError> {
        self.answer_log_likelihoods(requests, done)?;
        self.answer_rolling(requests, done)?;
        self.answer_generations(requests, done)?;
        self.answer_dialogues(requests, done)?;
        self.answer_next_tokens(requests, done)?;
        self.answer_prompt_sets(requests, done)
    }
}
