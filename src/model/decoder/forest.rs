//! Which rows follow which: token sequences that share prefixes, as a forest of runs.

use std::ops::Range;

/// Names a run of a [`Forest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunId(usize);

impl RunId {
    /// Its place among the forest's runs.
    pub(super) fn index(self) -> usize {
        self.0
    }
}

#[derive(Debug, Clone, Copy)]
struct Run {
    parent: Option<RunId>,
    start: usize,
    length: usize,
}

/// Runs of consecutive tokens. A run begins where its parent ends; a sequence is a path from a root to some position.
#[derive(Debug, Default)]
pub struct Forest {
    runs: Vec<Run>,
    vacant: Vec<RunId>,
}

/// Consecutive rows of a batch that belong to one run.
#[derive(Debug, Clone, Copy)]
pub struct Append {
    /// The run.
    pub run: RunId,
    /// First row.
    pub first_row: usize,
    /// Number of rows.
    pub rows: usize,
    /// Absolute position of the first row.
    pub start: usize,
}

/// Tokens that go through the network together: packed, without padding.
#[derive(Debug, Default)]
pub struct Batch {
    /// One token a row.
    pub tokens: Vec<u32>,
    /// Absolute position of each row.
    pub positions: Vec<usize>,
    /// Which run each stretch of rows continues; a run's parent has all its rows in earlier batches or earlier stretches.
    pub appends: Vec<Append>,
}

impl Batch {
    /// Some of the rows, as a batch of their own; the rows before them must have been computed.
    #[must_use]
    pub fn piece(&self, rows: Range<usize>) -> Self {
        let cut = |append: &Append| {
            let first = append.first_row.max(rows.start);
            let end = (append.first_row + append.rows).min(rows.end);
            (first < end).then(|| Append {
                run: append.run,
                first_row: first - rows.start,
                rows: end - first,
                start: append.start + first - append.first_row,
            })
        };
        Self {
            tokens: self.tokens.get(rows.clone()).unwrap_or_default().to_vec(),
            positions: self.positions.get(rows.clone()).unwrap_or_default().to_vec(),
            appends: self.appends.iter().filter_map(cut).collect(),
        }
    }
}

impl Forest {
    /// A new, empty run after the present end of `parent`, which must not grow any more.
    pub fn branch(&mut self, parent: Option<RunId>) -> RunId {
        let run = Run { parent, start: parent.map_or(0, |parent| self.end(parent)), length: 0 };
        if let Some(id) = self.vacant.pop() {
            if let Some(slot) = self.runs.get_mut(id.0) {
                *slot = run;
            }
            return id;
        }
        self.runs.push(run);
        RunId(self.runs.len() - 1)
    }

    /// Appends tokens to a run and to the batch that will compute them; gives the first row.
    pub fn append(&mut self, run: RunId, tokens: &[u32], batch: &mut Batch) -> usize {
        let (start, first_row) = (self.end(run), batch.tokens.len());
        if let Some(run) = self.runs.get_mut(run.0) {
            run.length += tokens.len();
        }
        batch.tokens.extend_from_slice(tokens);
        batch.positions.extend(start..start + tokens.len());
        if !tokens.is_empty() {
            batch.appends.push(Append { run, first_row, rows: tokens.len(), start });
        }
        first_row
    }

    /// Forgets a run's tokens but the first so many. What is computed of the others is written over by those to come.
    pub fn truncate(&mut self, run: RunId, length: usize) {
        if let Some(run) = self.runs.get_mut(run.0) {
            run.length = run.length.min(length);
        }
    }

    /// The position after a run's last token.
    pub fn end(&self, run: RunId) -> usize {
        self.start(run) + self.length(run)
    }

    /// The position of a run's first token.
    pub fn start(&self, run: RunId) -> usize {
        self.runs.get(run.0).map_or(0, |run| run.start)
    }

    /// Number of tokens of a run.
    pub fn length(&self, run: RunId) -> usize {
        self.runs.get(run.0).map_or(0, |run| run.length)
    }

    /// The runs from a root down to this one.
    pub fn path(&self, run: RunId) -> Vec<RunId> {
        let parent = |id: &RunId| self.runs.get(id.0).and_then(|run| run.parent);
        let mut path = std::iter::successors(Some(run), parent).collect::<Vec<_>>();
        path.reverse();
        path
    }

    /// Gives a run's name back. No run may be its child any more.
    pub fn release(&mut self, run: RunId) {
        self.vacant.push(run);
    }
}
