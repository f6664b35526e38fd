//! Continuing prompts, many at a time.

use super::generation::{GenerationRequest, Writing};
use super::prefix_tree::PrefixTree;
use super::session::Session;
use super::{Detokenize, Engine, EngineError};
use crate::model::decoder::{Batch, KvCache, RunId};
use crate::response::{FinishReason, Generation};

/// Called once for each request when it is finished.
pub(super) type Finished<'a> = &'a mut dyn FnMut(usize, Result<Generation, EngineError>);

/// The prompts of a call and what is computed of them.
pub(super) struct Prompts<'a> {
    pub tokens: Vec<&'a [u32]>,
    tree: PrefixTree,
    runs: Vec<Option<RunId>>,
    /// The last hidden state of nodes at whose end a prompt ends.
    ends: Vec<Option<Vec<f32>>>,
    /// Unfinished prompts below each node.
    users: Vec<usize>,
}

impl<'a> Prompts<'a> {
    pub fn new(tokens: Vec<&'a [u32]>) -> Self {
        let tree = PrefixTree::build(&tokens);
        let count = tree.nodes.len();
        let mut users = vec![0; count];
        for prompt in 0..tokens.len() {
            for (node, _) in tree.upwards(prompt) {
                if let Some(users) = users.get_mut(node) {
                    *users += 1;
                }
            }
        }
        Self { tokens, tree, runs: vec![None; count], ends: vec![None; count], users }
    }

    /// The run at whose end a prompt ends, and the hidden state there.
    pub fn end(&self, prompt: usize) -> Option<(RunId, &[f32])> {
        let node = self.tree.end_of.get(prompt).copied().flatten()?;
        Some((self.runs.get(node).copied().flatten()?, self.ends.get(node)?.as_deref()?))
    }

    /// Prompts in the order in which they share most.
    fn order(&self) -> Vec<usize> {
        self.tree.nodes.iter().flat_map(|node| node.ends.iter().copied()).collect()
    }

    /// Blocks that computing a prompt would take.
    fn missing_blocks(&self, prompt: usize) -> usize {
        let missing = self.tree.upwards(prompt).filter(|(node, _)| matches!(self.runs.get(*node), Some(None)));
        missing.map(|(_, node)| KvCache::blocks_of(node.end - node.start)).sum()
    }

    /// Frees what only this prompt still used.
    pub fn leave(&mut self, session: &mut Session, prompt: usize) {
        let path = self.tree.upwards(prompt).map(|(node, _)| node).collect::<Vec<_>>();
        for node in path {
            let Some(users) = self.users.get_mut(node) else { continue };
            *users -= 1;
            if *users == 0 {
                if let Some(run) = self.runs.get_mut(node).and_then(Option::take) {
                    session.release(run);
                }
                if let Some(end) = self.ends.get_mut(node) {
                    *end = None;
                }
            }
        }
    }
}

/// A generation in the batch.
struct Active<'a> {
    prompt: usize,
    run: RunId,
    blocks: usize,
    writing: Writing<'a>,
}

impl Engine {
    /// Continues prompts. `done` is called once for each, as soon as it is finished.
    ///
    /// A prompt that does not fit is cut on the left (see [`GenerationRequest`]); an empty one is an error for that
    /// request. Finished generations leave the batch and others take their place.
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
        let mut session = Session::new(self);
        let mut prompts = self.prompts(&requests);
        self.write(&mut session, &mut prompts, &requests, true, text_of, &mut |at, result| {
            if let Some(index) = indices.get(at) {
                done(*index, result);
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

    /// The loop of generation. With `release`, stop strings are watched and a prompt is freed when its generation is
    /// finished; without, the replies are their tokens and prompts stay computed.
    pub(super) fn write<'a>(
        &self,
        session: &mut Session,
        prompts: &mut Prompts<'a>,
        requests: &[&'a GenerationRequest],
        release: bool,
        text_of: Detokenize<'_>,
        done: Finished<'_>,
    ) -> Result<(), EngineError> {
        let mut waiting = prompts.order().into_iter().peekable();
        let mut active: Vec<Active<'a>> = Vec::new();
        loop {
            let mut admitted = Vec::new();
            let mut reserved = active.iter().map(|one| one.blocks).sum::<usize>();
            while let Some(prompt) = waiting.peek().copied() {
                let Some(asked) = requests.get(prompt) else { break };
                let prompt_tokens = prompts.tokens.get(prompt).map_or(0, |ids| ids.len());
                let draft = Writing::new(asked, prompt_tokens, self.max_length_tokens(), release);
                let blocks = KvCache::blocks_of(draft.limit());
                let fits = active.len() + admitted.len() < self.max_batch_tokens()
                    && session.has_room(reserved + blocks + prompts.missing_blocks(prompt));
                let none_yet = active.is_empty() && admitted.is_empty();
                if !fits && !none_yet {
                    break;
                }
                waiting.next();
                reserved += blocks;
                self.prefill(session, prompts, prompt)?;
                admitted.push((prompt, blocks, draft));
            }
            if active.is_empty() && admitted.is_empty() {
                return Ok(());
            }
            let mut states = self.step(session, &active)?;
            for (prompt, blocks, writing) in admitted {
                let Some((end, hidden)) = prompts.end(prompt) else { continue };
                states.extend_from_slice(hidden);
                let run = session.forest.branch(Some(end));
                active.push(Active { prompt, run, blocks, writing });
            }
            self.choose(session, prompts, &mut active, states, release, text_of, done)?;
        }
    }

    /// Computes what is missing of a prompt.
    fn prefill(&self, session: &mut Session, prompts: &mut Prompts<'_>, prompt: usize) -> Result<(), EngineError> {
        let mut path = prompts.tree.upwards(prompt).map(|(index, node)| (index, node.clone())).collect::<Vec<_>>();
        path.reverse();
        let mut parent = None;
        for (index, node) in path {
            let Some(slot) = prompts.runs.get_mut(index) else { continue };
            if slot.is_some() {
                parent = *slot;
                continue;
            }
            let run = session.forest.branch(parent);
            *slot = Some(run);
            parent = Some(run);
            let tokens = prompts.tokens.get(node.sequence).and_then(|tokens| tokens.get(node.start..node.end));
            let pieces = tokens.unwrap_or_default().chunks(self.max_batch_tokens()).collect::<Vec<_>>();
            for (number, piece) in pieces.iter().enumerate() {
                let mut batch = Batch::default();
                session.forest.append(run, piece, &mut batch);
                let ends = number + 1 == pieces.len() && !node.ends.is_empty();
                let last = [piece.len() - 1];
                let hidden = self.forward(session, &batch, if ends { &last } else { &[] })?;
                if let (true, Some(end)) = (ends, prompts.ends.get_mut(index)) {
                    *end = Some(hidden);
                }
            }
        }
        Ok(())
    }

    /// Feeds each generation its newest token; gives their hidden states.
    fn step(&self, session: &mut Session, active: &[Active<'_>]) -> Result<Vec<f32>, EngineError> {
        if active.is_empty() {
            return Ok(Vec::new());
        }
        let mut batch = Batch::default();
        for one in active {
            let newest = one.writing.tokens.last().map_or(&[][..], std::slice::from_ref);
            session.forest.append(one.run, newest, &mut batch);
        }
        let rows = (0..batch.tokens.len()).collect::<Vec<_>>();
        self.forward(session, &batch, &rows)
    }

    /// Chooses every generation's next token; finished ones are reported and leave.
    #[allow(clippy::too_many_arguments)]
    fn choose(
        &self,
        session: &mut Session,
        prompts: &mut Prompts<'_>,
        active: &mut Vec<Active<'_>>,
        states: Vec<f32>,
        release: bool,
        text_of: Detokenize<'_>,
        done: Finished<'_>,
    ) -> Result<(), EngineError> {
        let queries = active.iter().map(|one| one.writing.query()).collect::<Vec<_>>();
        let answers = self.answer(states, &queries)?;
        let mut left = Vec::with_capacity(active.len());
        for (mut one, answer) in active.drain(..).zip(answers) {
            let result = if one.writing.limit() == 0 {
                Ok(Some(FinishReason::Length))
            } else {
                one.writing.advance(&answer, text_of)
            };
            match result {
                Ok(None) => {
                    left.push(one);
                    continue;
                }
                Ok(Some(finish)) => done(one.prompt, Ok(one.writing.finished(finish, text_of))),
                Err(error) => done(one.prompt, Err(error)),
            }
            session.release(one.run);
            if release {
                prompts.leave(session, one.prompt);
            }
        }
        *active = left;
        Ok(())
    }
}
