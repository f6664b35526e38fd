//! Continuing prompts, many at a time.

use std::sync::atomic::Ordering;

use super::generation::{GenerationRequest, Writing};
use super::prefix_tree::Sequence;
use super::session::{Passed, Session};
use super::walk::{Stretch, Walk};
use super::{Detokenize, Engine, EngineError};
use crate::model::decoder::{Batch, KvCache, RowAnswer, RunId};
use crate::response::{FinishReason, Generation};

/// A finished generation.
#[derive(Debug)]
pub(super) struct Written {
    pub generation: Generation,
    /// Where they are kept: the hidden state that each of its tokens was chosen from.
    pub states: Vec<f32>,
}

/// Called once for each request when it is finished.
pub(super) type Finished<'a> = &'a mut dyn FnMut(usize, Result<Written, EngineError>);

/// What becomes of prompts and replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Stop strings are watched; a prompt is freed when its generation is finished.
    Texts,
    /// Replies are their tokens, their hidden states are kept, and prompts stay computed.
    Tokens,
}

/// The prompts of a call and what is computed of them.
#[derive(Debug)]
pub(super) struct Prompts<'a> {
    walk: Walk<'a>,
    /// The last hidden state of nodes at whose end a prompt ends.
    ends: Vec<Option<Vec<f32>>>,
}

impl<'a> Prompts<'a> {
    pub fn new(tokens: Vec<&'a [u32]>) -> Self {
        let walk = Walk::new(vec![None], tokens.into_iter().map(|tokens| Sequence { root: 0, tokens }).collect());
        Self { ends: vec![None; walk.tree.nodes.len()], walk }
    }

    /// The run at whose end a prompt ends, and the hidden state there.
    pub fn end(&self, prompt: usize) -> Option<(RunId, &[f32])> {
        let node = self.walk.end_of(prompt)?;
        Some((self.walk.held(node)?, self.ends.get(node)?.as_deref()?))
    }

    pub fn tokens(&self, prompt: usize) -> usize {
        self.walk.sequences.get(prompt).map_or(0, |sequence| sequence.tokens.len())
    }

    /// Frees what only this prompt still used.
    pub fn leave(&mut self, session: &mut Session, prompt: usize) {
        for node in self.walk.leave(session, prompt) {
            if let Some(end) = self.ends.get_mut(node) {
                *end = None;
            }
        }
    }
}

/// A generation that goes on in every batch.
#[derive(Debug)]
struct Active<'a> {
    prompt: usize,
    run: RunId,
    writing: Writing<'a>,
    /// Tokens in the present batch behind the newest one, which may be right.
    guess: Vec<u32>,
    states: Vec<f32>,
}

/// Generations under way.
struct Desk<'a, 's> {
    engine: &'s Engine,
    manner: Manner,
    text_of: Detokenize<'s>,
    requests: &'s [&'a GenerationRequest],
    /// Admitted prompts that are not wholly computed.
    coming: Vec<usize>,
    active: Vec<Active<'a>>,
}

impl Engine {
    /// Continues prompts. `done` is called once for each, as soon as it is finished.
    ///
    /// A prompt that does not fit is cut on the left (see [`GenerationRequest`]); an empty one is an error for that
    /// request. Finished generations leave the batch and others take their place: their prompts are computed in the same
    /// batches in which the others go on.
    pub fn generate(
        &self,
        requests: &[GenerationRequest],
        text_of: Detokenize<'_>,
        done: &mut dyn FnMut(usize, Result<Generation, EngineError>),
    ) -> Result<(), EngineError> {
        let mut kept = Vec::with_capacity(requests.len());
        for (index, request) in requests.iter().enumerate() {
            match self.usable(request) {
                Ok(()) => kept.push((index, request)),
                Err(error) => done(index, Err(error)),
            }
        }
        let (indices, requests): (Vec<_>, Vec<_>) = kept.into_iter().unzip();
        let mut prompts = self.prompts(&requests);
        let mut session = Session::new(self, self.blocks(&prompts, &requests));
        self.write(&mut session, &mut prompts, &requests, Manner::Texts, text_of, &mut |at, written| {
            if let Some(index) = indices.get(at) {
                done(*index, written.map(|written| written.generation));
            }
        })
    }

    pub(super) fn usable(&self, request: &GenerationRequest) -> Result<(), EngineError> {
        if request.prompt.is_empty() {
            return Err(EngineError::EmptyPrompt);
        }
        self.check(request.prompt.iter())
    }

    pub(super) fn prompts<'a>(&self, requests: &[&'a GenerationRequest]) -> Prompts<'a> {
        let max_length = self.max_length_tokens();
        Prompts::new(requests.iter().map(|request| request.kept_prompt(max_length)).collect())
    }

    /// Blocks that prompts and their replies take at most.
    pub(super) fn blocks(&self, prompts: &Prompts<'_>, requests: &[&GenerationRequest]) -> usize {
        let max_length = self.max_length_tokens();
        let replies = requests.iter().map(|request| KvCache::blocks_of(request.new_tokens(max_length)));
        prompts.walk.blocks() + replies.sum::<usize>()
    }

    /// The loop of generation.
    pub(super) fn write<'a>(
        &self,
        session: &mut Session,
        prompts: &mut Prompts<'a>,
        requests: &[&'a GenerationRequest],
        manner: Manner,
        text_of: Detokenize<'_>,
        done: Finished<'_>,
    ) -> Result<(), EngineError> {
        let (coming, active) = (Vec::new(), Vec::new());
        let mut desk = Desk { engine: self, manner, text_of, requests, coming, active };
        loop {
            desk.admit(session, prompts);
            if desk.active.is_empty() && desk.coming.is_empty() {
                return Ok(());
            }
            let answers = desk.step(session, prompts)?;
            desk.choose(session, prompts, &answers, done);
        }
    }
}

impl Desk<'_, '_> {
    /// Admits prompts as rows and memory allow.
    fn admit(&mut self, session: &mut Session, prompts: &mut Prompts<'_>) {
        let (max_rows, max_length) = (self.engine.max_batch_tokens(), self.engine.max_length_tokens());
        let mut busy = self.active.len() + self.coming.len();
        let behind = &mut |prompt: usize| {
            busy += 1;
            let request = self.requests.get(prompt)?;
            (busy <= max_rows).then(|| request.new_tokens(max_length))
        };
        let wanted = max_rows.saturating_sub(self.active.len());
        let idle = self.active.is_empty() && self.coming.is_empty();
        self.coming.extend(prompts.walk.admit(session, wanted, idle, behind));
    }

    /// One batch: every generation's newest token with what is guessed to follow, and prompts in the rows that are left.
    /// Prompts that are computed by then become generations. Gives each generation's answers, one after another: one more
    /// than there are guessed tokens.
    fn step(&mut self, session: &mut Session, prompts: &mut Prompts<'_>) -> Result<Vec<RowAnswer>, EngineError> {
        let mut batch = Batch::default();
        let max_rows = self.engine.max_batch_tokens();
        let mut free_rows = max_rows.saturating_sub(self.active.len());
        let rows = self.active.len() + prompts.walk.unfinished_tokens().min(free_rows);
        for one in &mut self.active {
            if self.engine.options.lookup {
                one.guess = one.writing.guess(rows);
                one.guess.truncate(free_rows);
                free_rows -= one.guess.len();
            }
            let newest = one.writing.tokens.last().into_iter().chain(&one.guess).copied();
            session.forest.append(one.run, &newest.collect::<Vec<_>>(), &mut batch);
        }
        let mut rows = (0..batch.tokens.len()).collect::<Vec<_>>();
        let ended = prompts.walk.fill(session, &mut batch, max_rows);
        let ended = ended.into_iter().filter(|stretch| stretch.ends).collect::<Vec<_>>();
        rows.extend(self.start(session, prompts, |prompts, prompt| {
            let node = prompts.walk.end_of(prompt)?;
            ended.iter().find(|stretch| stretch.node == node).map(Stretch::last_row)
        }));
        let asked = rows.len();
        rows.extend(ended.iter().map(Stretch::last_row));
        let kept = self.start(session, prompts, |prompts, prompt| Some(prompts.end(prompt)?.1.to_vec())).concat();
        let queries = self.active.iter().flat_map(|one| (0..=one.guess.len()).map(|_| one.writing.query()));
        let queries = queries.collect::<Vec<_>>();
        let Passed { states, answers } = self.engine.pass(session, &batch, &rows, &kept, &queries)?;
        let width = self.engine.width();
        let (subjects, of_ended) = states.split_at_checked(asked * width).unwrap_or_default();
        for (stretch, state) in ended.iter().zip(of_ended.chunks_exact(width)) {
            if let Some(end) = prompts.ends.get_mut(stretch.node) {
                *end = Some(state.to_vec());
            }
        }
        if self.manner == Manner::Tokens {
            let mut subjects = subjects.chunks_exact(width).chain(kept.chunks_exact(width));
            for one in &mut self.active {
                let of_one = subjects.by_ref().take(one.guess.len() + 1);
                of_one.for_each(|state| one.states.extend_from_slice(state));
            }
        }
        Ok(answers)
    }

    /// Makes generations of the coming prompts for which `found` finds something; gives what it found.
    fn start<T>(
        &mut self,
        session: &mut Session,
        prompts: &Prompts<'_>,
        found: impl Fn(&Prompts<'_>, usize) -> Option<T>,
    ) -> Vec<T> {
        let max_length = self.engine.max_length_tokens();
        let mut all = Vec::new();
        for prompt in std::mem::take(&mut self.coming) {
            let end = prompts.walk.end_of(prompt).and_then(|node| prompts.walk.held(node));
            let (Some(found), Some(end), Some(request)) = (found(prompts, prompt), end, self.requests.get(prompt))
            else {
                self.coming.push(prompt);
                continue;
            };
            all.push(found);
            let writing = Writing::new(request, max_length, self.manner == Manner::Texts);
            let run = session.branch(Some(end), writing.limit());
            self.active.push(Active { prompt, run, writing, guess: Vec::new(), states: Vec::new() });
        }
        all
    }

    /// Chooses every generation's next token, or tokens; finished ones are reported and leave.
    fn choose(&mut self, session: &mut Session, prompts: &mut Prompts<'_>, answers: &[RowAnswer], done: Finished<'_>) {
        let mut left = Vec::with_capacity(self.active.len());
        let mut answers = answers;
        for mut one in self.active.drain(..) {
            let of_one;
            (of_one, answers) = answers.split_at_checked(one.guess.len() + 1).unwrap_or_default();
            let guess = std::mem::take(&mut one.guess);
            let known = one.writing.tokens.len();
            let finish = match one.writing.limit() {
                0 => Ok(Some(FinishReason::Length)),
                _ => one.writing.advance(of_one, &guess, self.text_of),
            };
            // Of the pass, what belongs to the reply: the newest token is not computed, but chosen from a state.
            let chosen = one.writing.tokens.len();
            session.forest.truncate(one.run, chosen.saturating_sub(1));
            one.states.truncate(chosen * self.engine.width());
            let right = (chosen - known).saturating_sub(1).min(guess.len());
            self.engine.right_guesses.fetch_add(right as u64, Ordering::Relaxed);
            self.engine.wrong_guesses.fetch_add((guess.len() - right) as u64, Ordering::Relaxed);
            let written = match finish {
                Ok(None) => {
                    left.push(one);
                    continue;
                }
                Ok(Some(finish)) => {
                    Ok(Written { generation: one.writing.finished(finish, self.text_of), states: one.states })
                }
                Err(error) => Err(error),
            };
            session.release(one.run);
            if self.manner == Manner::Texts {
                prompts.leave(session, one.prompt);
            }
            done(one.prompt, written);
        }
        self.active = left;
    }
}
