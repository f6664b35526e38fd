//! Working off the prefix tree of some sequences, depth first, in batches.

use std::collections::VecDeque;

use super::prefix_tree::{PrefixTree, Sequence};
use super::session::Session;
use crate::model::decoder::{Batch, KvCache, RunId};

/// What there is of a node.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// Nothing.
    Waiting,
    /// It is to be computed, and room for it is promised.
    Promised,
    /// A run, of which at least the beginning is in a batch.
    Held(RunId),
}

/// Consecutive rows of a batch that belong to one node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    /// The node.
    pub node: usize,
    /// Position of the first row in the node's sequences.
    pub start: usize,
    /// First row.
    pub first_row: usize,
    /// Number of rows.
    pub rows: usize,
    /// Whether the node's last token is among them.
    pub ends: bool,
}

impl Stretch {
    /// The last of its rows.
    pub fn last_row(&self) -> usize {
        self.first_row + self.rows - 1
    }
}

/// The tree of some sequences and what is computed of it.
///
/// Sequences are admitted in depth-first order, as memory allows, and leave when they are done with. A node's run is freed
/// when no sequence that has not left is below it.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    pub sequences: Vec<Sequence<'a>>,
    pub tree: PrefixTree,
    /// The computed runs that the sequences' roots stand for.
    roots: Vec<Option<RunId>>,
    places: Vec<Place>,
    /// For each node, sequences through it that have not left.
    users: Vec<usize>,
    /// Sequences that are not admitted.
    waiting: VecDeque<usize>,
    /// Nodes that are not wholly in batches, parents first.
    unfinished: VecDeque<usize>,
    /// Tokens of the first of these that are in batches.
    begun_tokens: usize,
    unfinished_tokens: usize,
}

impl<'a> Walk<'a> {
    /// Sequences that continue the runs in `roots`, or begin anew where there is none.
    pub fn new(roots: Vec<Option<RunId>>, sequences: Vec<Sequence<'a>>) -> Self {
        let tree = PrefixTree::build(&sequences);
        let count = tree.nodes.len();
        let mut users = vec![0; count];
        for sequence in 0..sequences.len() {
            for (node, _) in tree.upwards(sequence) {
                if let Some(users) = users.get_mut(node) {
                    *users += 1;
                }
            }
        }
        Self {
            waiting: tree.nodes.iter().flat_map(|node| node.ends.iter().copied()).collect(),
            sequences,
            tree,
            roots,
            places: vec![Place::Waiting; count],
            users,
            unfinished: VecDeque::new(),
            begun_tokens: 0,
            unfinished_tokens: 0,
        }
    }

    /// Blocks that all nodes together take.
    pub fn blocks(&self) -> usize {
        self.tree.nodes.iter().map(|node| KvCache::blocks_of(node.length())).sum()
    }

    /// Admits sequences until `wanted_tokens` are to be computed, room is short, or `behind` is `None`: else it says how
    /// many tokens will follow a sequence, for which room is promised too. Where nothing is under way (`idle`), one is
    /// admitted in any case. What is wholly computed already costs no tokens.
    pub fn admit(
        &mut self,
        session: &mut Session,
        wanted_tokens: usize,
        idle: bool,
        behind: &mut dyn FnMut(usize) -> Option<usize>,
    ) -> Vec<usize> {
        let mut admitted = Vec::new();
        while let Some(sequence) = self.waiting.front().copied() {
            let Some(behind) = behind(sequence) else { break };
            let waiting = |(node, _): &(usize, _)| matches!(self.places.get(*node), Some(Place::Waiting));
            let missing = self.tree.upwards(sequence).take_while(waiting);
            let mut missing = missing.map(|(index, node)| (index, node.length())).collect::<Vec<_>>();
            missing.reverse();
            let blocks = missing.iter().map(|(_, length)| KvCache::blocks_of(*length)).sum::<usize>();
            let blocks = blocks + KvCache::blocks_of(behind);
            let needed = idle && admitted.is_empty() && self.unfinished.is_empty();
            let enough = self.unfinished_tokens >= wanted_tokens && !missing.is_empty();
            if !needed && (enough || !session.has_room(blocks)) {
                break;
            }
            self.waiting.pop_front();
            session.promise(blocks);
            for (node, length) in missing {
                if let Some(place) = self.places.get_mut(node) {
                    *place = Place::Promised;
                }
                self.unfinished.push_back(node);
                self.unfinished_tokens += length;
            }
            admitted.push(sequence);
        }
        admitted
    }

    /// Adds what is to be computed to a batch, until it has `max_rows`.
    pub fn fill(&mut self, session: &mut Session, batch: &mut Batch, max_rows: usize) -> Vec<Stretch> {
        let mut stretches = Vec::new();
        while batch.tokens.len() < max_rows
            && let Some(index) = self.unfinished.front().copied()
            && let Some(node) = self.tree.nodes.get(index)
        {
            let sequence = self.sequences.get(node.sequence);
            let run = self.held(index).unwrap_or_else(|| {
                let root = sequence.and_then(|sequence| self.roots.get(sequence.root).copied().flatten());
                session.branch(node.parent.and_then(|parent| self.held(parent)).or(root), node.length())
            });
            let start = node.start + self.begun_tokens;
            let end = node.end.min(start + max_rows - batch.tokens.len());
            let tokens = sequence.and_then(|sequence| sequence.tokens.get(start..end)).unwrap_or_default();
            let first_row = session.forest.append(run, tokens, batch);
            let ends = end == node.end;
            stretches.push(Stretch { node: index, start, first_row, rows: end - start, ends });
            if let Some(place) = self.places.get_mut(index) {
                *place = Place::Held(run);
            }
            self.unfinished_tokens -= end - start;
            self.begun_tokens = if ends { 0 } else { self.begun_tokens + end - start };
            if ends {
                self.unfinished.pop_front();
            }
        }
        stretches
    }

    /// Tokens of admitted sequences that are in no batch yet.
    pub fn unfinished_tokens(&self) -> usize {
        self.unfinished_tokens
    }

    /// The node at whose end a sequence ends.
    pub fn end_of(&self, sequence: usize) -> Option<usize> {
        self.tree.end_of.get(sequence).copied().flatten()
    }

    /// A node's run, once it is in a batch.
    pub fn held(&self, node: usize) -> Option<RunId> {
        match self.places.get(node) {
            Some(Place::Held(run)) => Some(*run),
            _ => None,
        }
    }

    /// Frees what only this sequence still used; gives the freed nodes.
    pub fn leave(&mut self, session: &mut Session, sequence: usize) -> Vec<usize> {
        let path = self.tree.upwards(sequence).map(|(node, _)| node).collect::<Vec<_>>();
        let mut freed = Vec::new();
        for node in path {
            let Some(users) = self.users.get_mut(node) else { continue };
            *users -= 1;
            if *users == 0 {
                freed.push(node);
                if let Some(run) = self.held(node) {
                    session.release(run);
                }
            }
        }
        freed
    }
}
