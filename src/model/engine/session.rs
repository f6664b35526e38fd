//! The state of one call: which runs exist and what is cached of them.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::halving::{halving, out_of_memory};
use super::{Engine, EngineError};
use crate::model::decoder::{Batch, Forest, KvCache, RowAnswer, RowQuery, RunId};

/// Runs and their keys and values.
#[derive(Debug)]
pub(super) struct Session {
    pub forest: Forest,
    cache: KvCache,
    budget_blocks: usize,
    promised_blocks: usize,
    /// Of the promised blocks, those of each run.
    blocks_of_runs: BTreeMap<RunId, usize>,
}

/// What a pass through the network gave.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// The hidden states of the rows that were named, one after another.
    pub states: Vec<f32>,
    /// One a query.
    pub answers: Vec<RowAnswer>,
}

impl Session {
    /// A session that will promise up to this many blocks at a time, or what the budget allows.
    pub fn new(engine: &Engine, blocks: usize) -> Self {
        let mut cache = engine.decoder.cache();
        if engine.options.device.is_some() {
            cache = cache.keeping_tensors();
        }
        let budget_blocks = engine.budget_blocks();
        cache.expect(blocks.min(budget_blocks));
        Self { forest: Forest::default(), cache, budget_blocks, promised_blocks: 0, blocks_of_runs: BTreeMap::new() }
    }

    /// Whether this many more blocks are within the budget.
    pub fn has_room(&self, blocks: usize) -> bool {
        blocks == 0 || self.promised_blocks + blocks <= self.budget_blocks
    }

    /// Sets blocks apart for runs to come.
    pub fn promise(&mut self, blocks: usize) {
        self.promised_blocks += blocks;
    }

    /// A new run of up to `tokens`, whose blocks were promised.
    pub fn branch(&mut self, parent: Option<RunId>, tokens: usize) -> RunId {
        let run = self.forest.branch(parent);
        self.blocks_of_runs.insert(run, KvCache::blocks_of(tokens));
        run
    }

    /// Frees a run.
    pub fn release(&mut self, run: RunId) {
        self.promised_blocks -= self.blocks_of_runs.remove(&run).unwrap_or(0);
        self.cache.release(run);
        self.forest.release(run);
    }
}

impl Engine {
    /// Runs a batch through the network. The queries are about the first of the named `rows`, then about the hidden states
    /// `kept` from earlier batches.
    pub(super) fn pass(
        &self,
        session: &mut Session,
        batch: &Batch,
        rows: &[usize],
        kept: &[f32],
        queries: &[RowQuery],
    ) -> Result<Passed, EngineError> {
        self.count(batch.tokens.len());
        let width = self.width();
        let (forest, cache) = (&session.forest, &mut session.cache);
        let mut limit = self.row_limit.load(Ordering::Relaxed);
        let passed = self.on_threads(|| {
            let mut forward = |batch: &Batch, rows: &[usize]| self.decoder.states(batch, forest, cache, rows);
            let states = halving(batch, rows, &mut limit, &mut forward, &out_of_memory)?;
            let asked = queries.len() * width - kept.len();
            let mut subjects = states.get(..asked).unwrap_or_default().to_vec();
            subjects.extend_from_slice(kept);
            let answers = if queries.is_empty() { Vec::new() } else { self.decoder.answer(subjects, queries)? };
            Ok::<_, EngineError>(Passed { states, answers })
        });
        self.row_limit.fetch_min(limit.max(1), Ordering::Relaxed);
        passed
    }

    /// What hidden states predict, one query a row.
    pub(super) fn answer(&self, hidden: Vec<f32>, queries: &[RowQuery]) -> Result<Vec<RowAnswer>, EngineError> {
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.on_threads(|| self.decoder.answer(hidden, queries))?)
    }

    /// Values of a hidden state.
    pub(super) fn width(&self) -> usize {
        self.decoder.architecture().hidden.max(1)
    }

    /// Blocks of keys and values that may be held.
    pub(super) fn budget_blocks(&self) -> usize {
        self.cache_bytes / self.decoder.cache().block_bytes().max(1)
    }
}
