//! What the network predicts at positions of sequences: the core of all scoring.

use super::prefix_tree::{Node, PrefixTree};
use super::session::Session;
use super::{Engine, EngineError};
use crate::model::decoder::{Batch, KvCache, RowAnswer, RowQuery, RunId};

/// A sequence, and what is asked of it.
#[derive(Debug, Clone, Copy)]
pub struct Probe<'a> {
    /// The tokens that the network is given.
    pub tokens: &'a [u32],
    /// First position whose prediction is asked.
    pub first: usize,
    /// One entry a position from there on: the token whose log-probability is asked, if any.
    pub targets: &'a [Option<u32>],
    /// Whether all logits are asked at these positions.
    pub all_logits: bool,
}

/// What the network predicts after one position.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Log-probability of the target, in nats.
    pub target_nats: Option<f32>,
    /// The likeliest token.
    pub argmax: u32,
    /// Logarithm of the sum of exponentials of the logits.
    pub log_sum_exp: f64,
    /// All logits, where asked.
    pub logits: Option<Vec<f32>>,
}

impl Prediction {
    pub(super) fn new(answer: &RowAnswer, target: Option<usize>) -> Self {
        Self {
            target_nats: target.and_then(|target| answer.target_nats.get(target).copied()),
            argmax: answer.argmax,
            log_sum_exp: answer.log_sum_exp,
            logits: answer.logits.clone(),
        }
    }
}

/// One row's question, and who asked: `(probe, number of the position in the probe, number of the target)`.
#[derive(Debug)]
struct Question {
    offset: usize,
    query: RowQuery,
    askers: Vec<(usize, usize, Option<usize>)>,
}

/// The tree of some probes while it is worked off.
struct Walk<'a> {
    probes: &'a [Probe<'a>],
    tree: PrefixTree,
    questions: Vec<Vec<Question>>,
    runs: Vec<Option<RunId>>,
    results: Vec<Vec<Option<Prediction>>>,
    released: usize,
    open: Vec<usize>,
    batch: Batch,
    /// Node, offset in it of the first row, and first row, of each stretch of the batch.
    stretches: Vec<(usize, usize, usize, usize)>,
    pending_blocks: usize,
}

impl Engine {
    /// Answers probes; `done` is called once for each, as soon as it is answered.
    pub fn predict(
        &self,
        probes: &[Probe<'_>],
        done: &mut dyn FnMut(usize, Vec<Prediction>),
    ) -> Result<(), EngineError> {
        self.predict_after(&mut Session::new(self), None, probes, done)
    }

    /// The same for sequences that go on after a run that is already computed.
    pub(super) fn predict_after(
        &self,
        session: &mut Session,
        base: Option<RunId>,
        probes: &[Probe<'_>],
        done: &mut dyn FnMut(usize, Vec<Prediction>),
    ) -> Result<(), EngineError> {
        let mut walk = Walk::new(probes);
        for index in 0..walk.tree.nodes.len() {
            let Some(node) = walk.tree.nodes.get(index).cloned() else { break };
            let parent = node.parent.and_then(|parent| walk.runs.get(parent).copied().flatten()).or(base);
            let run = session.forest.branch(parent);
            if let Some(slot) = walk.runs.get_mut(index) {
                *slot = Some(run);
            }
            walk.open.push(index);
            let mut offset = 0;
            while offset < node.end - node.start {
                let room = self.max_batch_tokens().saturating_sub(walk.batch.tokens.len());
                let length = (node.end - node.start - offset).min(room);
                let blocks = KvCache::blocks_of(length);
                let full = length == 0 || !session.has_room(walk.pending_blocks + blocks);
                if full && !walk.batch.tokens.is_empty() {
                    self.flush(session, &mut walk, index, done)?;
                    continue;
                }
                walk.take(session, index, &node, run, offset..offset + length);
                walk.pending_blocks += blocks;
                offset += length;
            }
        }
        let end = walk.tree.nodes.len();
        self.flush(session, &mut walk, end, done)?;
        for (probe, results) in walk.results.iter_mut().enumerate() {
            if walk.tree.end_of.get(probe).copied().flatten().is_none() {
                done(probe, results.drain(..).flatten().collect());
            }
        }
        Ok(())
    }

    /// Computes the batch, hands out its predictions and frees every run that no node from `next` on is below.
    fn flush(
        &self,
        session: &mut Session,
        walk: &mut Walk<'_>,
        next: usize,
        done: &mut dyn FnMut(usize, Vec<Prediction>),
    ) -> Result<(), EngineError> {
        let batch = std::mem::take(&mut walk.batch);
        let stretches = std::mem::take(&mut walk.stretches);
        walk.pending_blocks = 0;
        let (mut rows, mut questions) = (Vec::new(), Vec::new());
        for (node, offset, first_row, length) in &stretches {
            let asked = walk.questions.get_mut(*node).map(std::mem::take).unwrap_or_default();
            let (now, later): (Vec<_>, Vec<_>) = asked.into_iter().partition(|q| q.offset < offset + length);
            rows.extend(now.iter().map(|question| first_row + question.offset - offset));
            questions.extend(now);
            if let Some(slot) = walk.questions.get_mut(*node) {
                *slot = later;
            }
        }
        let hidden = self.forward(session, &batch, &rows)?;
        let queries = questions.iter().map(|question| question.query.clone()).collect::<Vec<_>>();
        let answers = self.answer(hidden, &queries)?;
        for (question, answer) in questions.iter().zip(&answers) {
            for (probe, number, target) in &question.askers {
                if let Some(slot) = walk.results.get_mut(*probe).and_then(|results| results.get_mut(*number)) {
                    *slot = Some(Prediction::new(answer, *target));
                }
            }
        }
        walk.finish(&stretches, done);
        walk.free(session, next);
        Ok(())
    }
}

impl<'a> Walk<'a> {
    fn new(probes: &'a [Probe<'a>]) -> Self {
        let tree = PrefixTree::build(&probes.iter().map(|probe| probe.tokens).collect::<Vec<_>>());
        let mut questions = tree.nodes.iter().map(|_| Vec::<Question>::new()).collect::<Vec<_>>();
        for (index, probe) in probes.iter().enumerate() {
            for (node_index, node) in tree.upwards(index) {
                let (first, last) = (probe.first.max(node.start), (probe.first + probe.targets.len()).min(node.end));
                for position in first..last {
                    let number = position - probe.first;
                    let asked = (index, number, probe.targets.get(number).copied().flatten());
                    if let Some(questions) = questions.get_mut(node_index) {
                        ask(questions, position - node.start, asked, probe.all_logits);
                    }
                }
                if node.start <= probe.first {
                    break;
                }
            }
        }
        for questions in &mut questions {
            questions.sort_by_key(|question| question.offset);
        }
        Self {
            probes,
            runs: vec![None; tree.nodes.len()],
            tree,
            questions,
            results: probes.iter().map(|probe| vec![None; probe.targets.len()]).collect(),
            released: 0,
            open: Vec::new(),
            batch: Batch::default(),
            stretches: Vec::new(),
            pending_blocks: 0,
        }
    }

    /// Puts a stretch of a node into the batch.
    fn take(&mut self, session: &mut Session, index: usize, node: &Node, run: RunId, stretch: std::ops::Range<usize>) {
        let tokens = self.probes.get(node.sequence).map_or(&[][..], |probe| probe.tokens);
        let tokens = tokens.get(node.start + stretch.start..node.start + stretch.end).unwrap_or_default();
        let first_row = session.forest.append(run, tokens, &mut self.batch);
        self.stretches.push((index, stretch.start, first_row, stretch.len()));
    }

    /// Reports probes whose last token was in the batch.
    fn finish(&mut self, stretches: &[(usize, usize, usize, usize)], done: &mut dyn FnMut(usize, Vec<Prediction>)) {
        for (index, offset, _, length) in stretches {
            let Some(node) = self.tree.nodes.get(*index).filter(|node| offset + length == node.end - node.start) else {
                continue;
            };
            for probe in &node.ends {
                if let Some(results) = self.results.get_mut(*probe) {
                    done(*probe, results.drain(..).flatten().collect());
                }
            }
        }
    }

    fn free(&mut self, session: &mut Session, next: usize) {
        let (nodes, runs) = (&self.tree.nodes, &mut self.runs);
        self.open.retain(|index| {
            if nodes.get(*index).is_some_and(|node| node.subtree_end > next) {
                return true;
            }
            if let Some(run) = runs.get_mut(*index).and_then(Option::take) {
                session.release(run);
                self.released += 1;
            }
            false
        });
    }
}

/// Adds a question about a row, or joins one that is already asked.
fn ask(questions: &mut Vec<Question>, offset: usize, asker: (usize, usize, Option<u32>), all_logits: bool) {
    let (probe, number, target) = asker;
    let at = match questions.binary_search_by_key(&offset, |question| question.offset) {
        Ok(at) => at,
        Err(at) => {
            questions.insert(at, Question { offset, query: RowQuery::default(), askers: Vec::new() });
            at
        }
    };
    let Some(question) = questions.get_mut(at) else { return };
    question.query.all_logits |= all_logits;
    let target = target.map(|target| {
        let targets = &mut question.query.targets;
        targets.iter().position(|known| *known == target).unwrap_or_else(|| {
            targets.push(target);
            targets.len() - 1
        })
    });
    question.askers.push((probe, number, target));
}
