//! The state of one call: which runs exist and what is cached of them.

use super::{Engine, EngineError};
use crate::model::decoder::{Batch, Forest, KvCache, RowAnswer, RowQuery, RunId};

/// Runs and their keys and values.
#[derive(Debug)]
pub(super) struct Session {
    pub forest: Forest,
    pub cache: KvCache,
    budget_blocks: usize,
}

impl Session {
    pub fn new(engine: &Engine) -> Self {
        let cache = engine.decoder.cache();
        let budget_blocks = engine.options.kv_budget_bytes / cache.block_bytes().max(1);
        Self { forest: Forest::default(), cache, budget_blocks }
    }

    /// Whether this many more blocks are within the budget.
    pub fn has_room(&self, blocks: usize) -> bool {
        self.cache.used_blocks() + blocks <= self.budget_blocks
    }

    pub fn release(&mut self, run: RunId) {
        self.cache.release(run);
        self.forest.release(run);
    }
}

impl Engine {
    /// Runs a batch and gives the hidden states of some of its rows, one after another.
    pub(super) fn forward(
        &self,
        session: &mut Session,
        batch: &Batch,
        rows: &[usize],
    ) -> Result<Vec<f32>, EngineError> {
        if batch.tokens.is_empty() {
            return Ok(Vec::new());
        }
        self.count(batch.tokens.len());
        let (forest, cache) = (&session.forest, &mut session.cache);
        Ok(self.on_threads(|| {
            let hidden = self.decoder.hidden(batch, forest, cache)?;
            self.decoder.rows(&hidden, rows)
        })?)
    }

    /// What hidden states predict, one query a row.
    pub(super) fn answer(&self, hidden: Vec<f32>, queries: &[RowQuery]) -> Result<Vec<RowAnswer>, EngineError> {
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.on_threads(|| self.decoder.answer(hidden, queries))?)
    }

    pub(super) fn max_batch_tokens(&self) -> usize {
        self.options.max_batch_tokens.max(1)
    }
}
