//! Names of arms, grids and benchmarks as tables show them.

use crate::analyze::analysis::{ArmKind, WeightingsAnalysis};
use crate::analyze::picture::Series;
use crate::weighting::Weighting;

/// Names of a comparison.
pub(in crate::report) struct Names<'a> {
    compared: &'a WeightingsAnalysis,
}

impl<'a> Names<'a> {
    /// The names of this comparison.
    pub fn of(compared: &'a WeightingsAnalysis) -> Self {
        Self { compared }
    }

    /// Whether there are several grids, so that a grid must be named.
    pub fn has_several_series(&self) -> bool {
        self.compared.series.len() > 1
    }

    fn entry(&self, number: usize) -> Option<&'a Series> {
        self.compared.series.iter().find(|series| series.number == number)
    }

    /// A grid's name.
    pub fn series(&self, number: usize) -> String {
        match self.entry(number) {
            Some(series) if !series.name.is_empty() => series.name.clone(),
            _ => format!("grid {number}"),
        }
    }

    /// A grid's stage, where it is known.
    pub fn stage(&self, number: usize) -> &'a str {
        self.entry(number).and_then(|series| series.stage.as_deref()).unwrap_or_default()
    }

    /// A benchmark's name for people.
    pub fn benchmark(&self, id: &str) -> String {
        let found = self.compared.benchmarks.iter().find(|benchmark| benchmark.benchmark == id);
        found.map_or_else(|| id.to_owned(), |benchmark| benchmark.title.clone())
    }

    /// Benchmarks of the comparison in its order, then the others of `used` as they come.
    pub fn benchmarks_of<'b>(&self, used: impl Iterator<Item = &'b str>) -> Vec<&'b str> {
        let mut found: Vec<&str> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        found.extend(used.filter(|id| seen.insert(*id)));
        let place = |id: &&str| {
            let order = self.compared.benchmarks.iter().position(|benchmark| benchmark.benchmark == **id);
            order.unwrap_or(usize::MAX)
        };
        found.sort_by_key(place);
        found
    }

    /// An arm within its grid: `(0.4, 0.6)` for weights, `base`, or its identifier.
    pub fn cell(&self, id: &str) -> String {
        match self.compared.arm(id) {
            Some(arm) => match (arm.kind, arm.weighting) {
                (ArmKind::Base, _) => "base".to_owned(),
                (_, Some(weighting)) => weights(weighting),
                _ => id.to_owned(),
            },
            None => id.to_owned(),
        }
    }

    /// Several of them.
    pub fn cells(&self, ids: &[String]) -> String {
        ids.iter().map(|id| self.cell(id)).collect::<Vec<_>>().join(" ")
    }

    /// The first benchmark: the mean over all, where there are several.
    pub fn first_benchmark(&self) -> Option<&'a str> {
        self.compared.benchmarks.first().map(|benchmark| benchmark.benchmark.as_str())
    }
}

/// `(0.4, 0.6)`.
pub(in crate::report) fn weights(weighting: Weighting) -> String {
    format!("({}, {})", weighting.prompt(), weighting.response())
}
