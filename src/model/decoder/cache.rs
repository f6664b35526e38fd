//! Keys and values of computed positions.

use super::forest::{Batch, Forest, RunId};
use super::ops::KeptTensors;
use crate::model::kernels::{AttentionShape, Keys, LANES, RowSpan, Span, store_keys};

/// The keys and values of a forest's runs, in blocks of sixteen positions. A run's blocks are its own, so that runs
/// come and go without moving others.
#[derive(Debug)]
pub struct KvCache {
    shapes: Vec<AttentionShape>,
    /// For each layer, all blocks.
    layers: Vec<Vec<[f32; LANES]>>,
    /// For each run, its blocks.
    blocks: Vec<Vec<u32>>,
    vacant: Vec<u32>,
    allocated: u32,
    /// Blocks for which addresses are set apart when the first is needed.
    expected: usize,
    /// On the plain path, in place of the blocks' contents.
    kept: Option<KeptTensors>,
}

impl KvCache {
    /// An empty cache.
    pub(super) fn new(shapes: Vec<AttentionShape>) -> Self {
        let layers = shapes.iter().map(|_| Vec::new()).collect();
        Self { shapes, layers, blocks: Vec::new(), vacant: Vec::new(), allocated: 0, expected: 0, kept: None }
    }

    /// Keeps keys and values as tensors wherever the network computes, for the plain path. Blocks then only count.
    #[must_use]
    pub fn keeping_tensors(mut self) -> Self {
        self.kept = Some(KeptTensors::new(self.shapes.len()));
        self
    }

    /// The kept tensors, with room counted for a batch; `None` where none are kept.
    pub(super) fn kept(&mut self, forest: &Forest, batch: &Batch) -> Option<&mut KeptTensors> {
        if self.kept.is_some() {
            self.allot(forest, batch);
        }
        self.kept.as_mut()
    }

    /// Announces how many blocks may come. Addresses are set apart for them, so that growing copies nothing; memory is taken
    /// as blocks are written.
    pub fn expect(&mut self, blocks: usize) {
        self.expected = blocks;
    }

    /// Blocks in use.
    pub fn used_blocks(&self) -> usize {
        self.allocated as usize - self.vacant.len()
    }

    /// Blocks that a run of this many tokens takes.
    pub fn blocks_of(tokens: usize) -> usize {
        tokens.div_ceil(LANES)
    }

    /// Bytes of one block, over all layers.
    pub fn block_bytes(&self) -> usize {
        self.shapes.iter().map(|shape| shape.block_groups() * size_of::<[f32; LANES]>()).sum()
    }

    /// Frees a run's blocks.
    pub fn release(&mut self, run: RunId) {
        if let Some(blocks) = self.blocks.get_mut(run.index()) {
            self.vacant.append(blocks);
        }
        if let Some(kept) = &mut self.kept {
            kept.release(run);
        }
    }

    /// Gives every run of a batch the blocks that its rows need.
    fn allot(&mut self, forest: &Forest, batch: &Batch) {
        for append in &batch.appends {
            let index = append.run.index();
            if self.blocks.len() <= index {
                self.blocks.resize_with(index + 1, Vec::new);
            }
            let needed = Self::blocks_of(append.start + append.rows - forest.start(append.run));
            let have = self.blocks.get(index).map_or(0, Vec::len);
            for _ in have..needed {
                let block = self.vacant.pop().unwrap_or_else(|| {
                    self.allocated += 1;
                    self.allocated - 1
                });
                if let Some(blocks) = self.blocks.get_mut(index) {
                    blocks.push(block);
                }
            }
        }
    }

    /// Makes room for every row of a batch.
    pub(super) fn reserve(&mut self, forest: &Forest, batch: &Batch) {
        self.allot(forest, batch);
        let allocated = self.allocated as usize;
        for (groups, shape) in self.layers.iter_mut().zip(&self.shapes) {
            let size = allocated * shape.block_groups();
            if groups.capacity() == 0 {
                let expected = self.expected.max(allocated) * shape.block_groups();
                // Where the system does not give as many addresses, or more come, the vector grows by itself.
                let _ = groups.try_reserve_exact(expected);
            }
            if groups.len() < size {
                groups.resize(size, [0.0; LANES]);
            }
        }
    }

    /// Writes the keys and values of a batch's rows of queries, keys and values.
    pub(super) fn store(&mut self, layer: usize, forest: &Forest, batch: &Batch, qkv: &[f32]) {
        let (Some(groups), Some(shape)) = (self.layers.get_mut(layer), self.shapes.get(layer)) else { return };
        let width = (shape.heads + 2 * shape.kv_heads) * shape.head_dim;
        let size = shape.block_groups();
        let mut rows = qkv.chunks_exact(width);
        for append in &batch.appends {
            let blocks = self.blocks.get(append.run.index()).map_or(&[][..], Vec::as_slice);
            let offset = append.start - forest.start(append.run);
            for (slot, row) in (offset..offset + append.rows).zip(rows.by_ref()) {
                let block = blocks.get(slot / LANES).map(|block| *block as usize * size);
                let block = block.and_then(|start| groups.get_mut(start..start + size));
                if let Some(block) = block {
                    store_keys(shape, block, slot % LANES, row);
                }
            }
        }
    }

    /// What each stretch of a batch's rows sees.
    pub(super) fn spans<'a>(&'a self, forest: &Forest, batch: &Batch) -> Vec<RowSpan<'a>> {
        let span = |run: RunId| Span {
            start: forest.start(run),
            length: forest.length(run),
            blocks: self.blocks.get(run.index()).map_or(&[][..], Vec::as_slice),
        };
        let rows = |append: &super::forest::Append| RowSpan {
            first_row: append.first_row,
            rows: append.rows,
            start: append.start,
            path: forest.path(append.run).into_iter().map(span).collect(),
        };
        batch.appends.iter().map(rows).collect()
    }

    /// A layer's keys and values and its sizes.
    pub(super) fn layer(&self, layer: usize) -> Option<(Keys<'_>, &AttentionShape)> {
        Some((Keys { groups: self.layers.get(layer)? }, self.shapes.get(layer)?))
    }
}
