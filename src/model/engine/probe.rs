//! What the network predicts at positions of sequences: the core of all scoring.

use std::collections::VecDeque;

use super::prefix_tree::{PrefixTree, Sequence};
use super::session::Session;
use super::walk::{Stretch, Walk};
use super::{Engine, EngineError};
use crate::model::decoder::{Batch, RowAnswer, RowQuery, RunId};

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
    /// From the beginning of the node.
    offset: usize,
    query: RowQuery,
    askers: Vec<(usize, usize, Option<usize>)>,
}

/// What probes ask, and what is known.
#[derive(Debug)]
struct Questions {
    /// For each node, in the order of its positions.
    of_nodes: Vec<VecDeque<Question>>,
    results: Vec<Vec<Option<Prediction>>>,
}

impl Engine {
    /// Answers probes; `done` is called once for each, as soon as it is answered.
    pub fn predict(
        &self,
        probes: &[Probe<'_>],
        done: &mut dyn FnMut(usize, Vec<Prediction>),
    ) -> Result<(), EngineError> {
        let probes = probes.iter().map(|probe| (0, *probe)).collect::<Vec<_>>();
        self.predict_after(None, vec![None], &probes, done)
    }

    /// The same for sequences that continue runs: each probe comes with the number of its root. `session` holds these runs;
    /// where there is none, a new one will do.
    pub(super) fn predict_after(
        &self,
        session: Option<&mut Session>,
        roots: Vec<Option<RunId>>,
        probes: &[(usize, Probe<'_>)],
        done: &mut dyn FnMut(usize, Vec<Prediction>),
    ) -> Result<(), EngineError> {
        let sequences = probes.iter().map(|(root, probe)| Sequence { root: *root, tokens: probe.tokens });
        let mut walk = Walk::new(roots, sequences.collect());
        let mut questions = Questions::new(&walk.tree, probes);
        let mut own = session.is_none().then(|| Session::new(self, walk.blocks()));
        let Some(session) = session.or(own.as_mut()) else { return Ok(()) };
        loop {
            let max_rows = self.max_batch_tokens();
            walk.admit(session, max_rows, true, &mut |_| Some(0));
            let mut batch = Batch::default();
            let stretches = walk.fill(session, &mut batch, max_rows);
            if batch.tokens.is_empty() {
                break;
            }
            let (rows, mut asked) = questions.about(&walk.tree, &stretches);
            let queries = asked.iter_mut().map(|question| std::mem::take(&mut question.query)).collect::<Vec<_>>();
            let answers = self.pass(session, &batch, &rows, &[], &queries)?.answers;
            questions.record(&asked, &answers);
            for node in stretches.iter().filter(|stretch| stretch.ends).map(|stretch| stretch.node) {
                for probe in walk.tree.nodes.get(node).map_or_else(Vec::new, |node| node.ends.clone()) {
                    done(probe, questions.results_of(probe));
                    walk.leave(session, probe);
                }
            }
        }
        for probe in (0..probes.len()).filter(|probe| walk.end_of(*probe).is_none()) {
            done(probe, questions.results_of(probe));
        }
        Ok(())
    }
}

impl Questions {
    fn new(tree: &PrefixTree, probes: &[(usize, Probe<'_>)]) -> Self {
        let mut of_nodes = tree.nodes.iter().map(|_| VecDeque::new()).collect::<Vec<_>>();
        for (index, (_, probe)) in probes.iter().enumerate() {
            for (node_index, node) in tree.upwards(index) {
                let (first, last) = (probe.first.max(node.start), (probe.first + probe.targets.len()).min(node.end));
                for position in first..last {
                    let number = position - probe.first;
                    let asked = (index, number, probe.targets.get(number).copied().flatten());
                    if let Some(questions) = of_nodes.get_mut(node_index) {
                        ask(questions, position - node.start, asked, probe.all_logits);
                    }
                }
                if node.start <= probe.first {
                    break;
                }
            }
        }
        Self { of_nodes, results: probes.iter().map(|(_, probe)| vec![None; probe.targets.len()]).collect() }
    }

    /// Takes out what is asked about stretches of a batch, with the rows.
    fn about(&mut self, tree: &PrefixTree, stretches: &[Stretch]) -> (Vec<usize>, Vec<Question>) {
        let (mut rows, mut asked) = (Vec::new(), Vec::new());
        for stretch in stretches {
            let Some(node) = tree.nodes.get(stretch.node) else { continue };
            let Some(questions) = self.of_nodes.get_mut(stretch.node) else { continue };
            let begin = stretch.start - node.start;
            let count = questions.partition_point(|question| question.offset < begin + stretch.rows);
            rows.extend(questions.iter().take(count).map(|question| stretch.first_row + question.offset - begin));
            asked.extend(questions.drain(..count));
        }
        (rows, asked)
    }

    fn record(&mut self, asked: &[Question], answers: &[RowAnswer]) {
        for (question, answer) in asked.iter().zip(answers) {
            for (probe, number, target) in &question.askers {
                if let Some(slot) = self.results.get_mut(*probe).and_then(|results| results.get_mut(*number)) {
                    *slot = Some(Prediction::new(answer, *target));
                }
            }
        }
    }

    fn results_of(&mut self, probe: usize) -> Vec<Prediction> {
        self.results.get_mut(probe).map(std::mem::take).unwrap_or_default().into_iter().flatten().collect()
    }
}

/// Adds a question about a row, or joins one that is already asked.
fn ask(questions: &mut VecDeque<Question>, offset: usize, asker: (usize, usize, Option<u32>), all_logits: bool) {
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
