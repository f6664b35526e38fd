//! Requests whose answer is text of the model's own.

use rayon::prelude::*;

use super::{Done, LocalModel, failed};
use crate::backend::BackendError;
use crate::digest::Digest;
use crate::model::engine::{EngineError, PromptSetAnswer};
use crate::request::{Prompt, Request};
use crate::response::{Generation, Response};

/// Dialogues that go from turn to turn together. Their replies are recorded when the last turn is answered, so that a
/// kill costs no more than these.
const DIALOGUES_TOGETHER: usize = 128;

/// A dialogue under way.
struct Dialogue<'r> {
    index: usize,
    request: &'r Request,
    prompt: Prompt,
    replies: Vec<Generation>,
}

impl LocalModel {
    pub(super) fn answer_generations(&self, requests: &[&Request], done: Done<'_>) -> Result<(), BackendError> {
        let encoder = self.encoder();
        let tokenized = |(index, request): (usize, &&Request)| match request {
            Request::Generate { prompt, decoding } => {
                let label = Digest::of_json(request).map(|digest| digest.as_str().to_owned());
                Some(label.map(|label| (index, encoder.generation(prompt, decoding, label))))
            }
            _ => None,
        };
        let tokenized: Vec<_> = requests.par_iter().enumerate().filter_map(tokenized).collect::<Result<_, _>>()?;
        let (indices, generations) = usable(tokenized, done);
        self.engine.generate(&generations, &|ids| encoder.text_of(ids), &mut |at, result| {
            if let Some(index) = indices.get(at) {
                done(*index, result.map_or_else(failed, Response::Generated));
            }
        })?;
        Ok(())
    }

    pub(super) fn answer_dialogues(&self, requests: &[&Request], done: Done<'_>) -> Result<(), BackendError> {
        let begun = |(index, request): (usize, &&'_ Request)| match request {
            Request::Dialogue { prompt, .. } => Some((index, prompt.clone())),
            _ => None,
        };
        let begun = requests.iter().enumerate().filter_map(begun).collect::<Vec<_>>();
        for some in begun.chunks(DIALOGUES_TOGETHER) {
            let open = some.iter().filter_map(|(index, prompt)| {
                let request = *requests.get(*index)?;
                Some(Dialogue { index: *index, request, prompt: prompt.clone(), replies: Vec::new() })
            });
            let mut open = open.collect::<Vec<_>>();
            while !open.is_empty() {
                open = self.next_turn(open, done)?;
            }
        }
        Ok(())
    }

    /// Answers the next turn of each dialogue; gives those that have another.
    fn next_turn<'r>(&self, open: Vec<Dialogue<'r>>, done: Done<'_>) -> Result<Vec<Dialogue<'r>>, BackendError> {
        let encoder = self.encoder();
        let (mut asked, mut generations) = (Vec::new(), Vec::new());
        for dialogue in open {
            let Request::Dialogue { decoding, .. } = dialogue.request else { continue };
            let label = format!("{}/{}", Digest::of_json(dialogue.request)?, dialogue.replies.len());
            match encoder.generation(&dialogue.prompt, decoding, label) {
                Ok(generation) => {
                    generations.push(generation);
                    asked.push(dialogue);
                }
                Err(reason) => done(dialogue.index, Response::Failed { reason }),
            }
        }
        let mut answers: Vec<Option<Result<Generation, EngineError>>> = asked.iter().map(|_| None).collect();
        self.engine.generate(&generations, &|ids| encoder.text_of(ids), &mut |at, result| {
            if let Some(slot) = answers.get_mut(at) {
                *slot = Some(result);
            }
        })?;
        let mut going_on = Vec::new();
        for (dialogue, answer) in asked.into_iter().zip(answers) {
            match answer {
                None => {}
                Some(Err(error)) => done(dialogue.index, failed(error)),
                Some(Ok(reply)) => going_on.extend(dialogue.answered(reply, done)),
            }
        }
        Ok(going_on)
    }

    pub(super) fn answer_prompt_sets(&self, requests: &[&Request], done: Done<'_>) -> Result<(), BackendError> {
        let encoder = self.encoder();
        let mut tokenized = Vec::new();
        for (index, request) in requests.iter().enumerate() {
            let Request::PromptSet { prompts, decoding } = request else { continue };
            tokenized.push((index, encoder.prompt_set(prompts, decoding, &Digest::of_json(request)?)));
        }
        let (indices, sets) = usable(tokenized, done);
        self.engine.prompt_sets(&sets, &|ids| encoder.text_of(ids), &mut |at, result| {
            let response =
                |PromptSetAnswer { replies, log_probs }: PromptSetAnswer| Response::PromptSet { replies, log_probs };
            if let Some(index) = indices.get(at) {
                done(*index, result.map_or_else(failed, response));
            }
        })?;
        Ok(())
    }
}

impl Dialogue<'_> {
    /// With a reply: done after the last, else ready for the next turn.
    fn answered(mut self, reply: Generation, done: Done<'_>) -> Option<Self> {
        let Request::Dialogue { turns, plain, .. } = self.request else { return None };
        let next = turns.get(self.replies.len());
        if let Some(turn) = next {
            self.prompt = self.prompt.continued(&reply.text, turn, plain.as_ref());
        }
        self.replies.push(reply);
        if next.is_some() {
            return Some(self);
        }
        done(self.index, Response::Dialogue { replies: self.replies });
        None
    }
}

/// What can be asked, apart from its indices; what cannot is answered with the reason.
fn usable<T>(tokenized: Vec<(usize, Result<T, String>)>, done: Done<'_>) -> (Vec<usize>, Vec<T>) {
    let (mut indices, mut items) = (Vec::new(), Vec::new());
    for (index, item) in tokenized {
        match item {
            Ok(item) => {
                indices.push(index);
                items.push(item);
            }
            Err(reason) => done(index, Response::Failed { reason }),
        }
    }
    (indices, items)
}
