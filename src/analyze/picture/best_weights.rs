//! Mean weights of the best cells: the paper's Tables 2, 4 and 6.

use std::collections::BTreeMap;

use crate::analyze::weightings::results::{Headline, WeightingsAnalysis};
use crate::sensitivity::Measure;
use crate::stats::mean_estimate;

use super::grid::{clusters, described, mean_over_grids, top_benchmarks};
use super::types::{BestCell, BestWeights, Grouping};

/// By benchmark (in their order, the mean over benchmarks included), data set and model, for each stage. The intervals are
/// those of a share (weights lie in [0, 1]) over grids clustered by base model (by series where fewer than two models are known, and within a model).
pub(super) fn best_weights(analysis: &WeightingsAnalysis, cells: &[BestCell], level: f64) -> Vec<BestWeights> {
    let top = top_benchmarks(analysis).iter().map(|benchmark| benchmark.benchmark.as_str()).collect::<Vec<_>>();
    let order = |name: &str| analysis.benchmarks.iter().position(|benchmark| benchmark.benchmark == name);
    let mut groups: BTreeMap<(Grouping, Option<String>, usize, String), Vec<&BestCell>> = BTreeMap::new();
    for cell in cells.iter().filter(|cell| cell.measure == Headline::Performance) {
        let series = described(analysis, cell.series);
        let mut add = |grouping, place, name: String| {
            groups.entry((grouping, series.stage.clone(), place, name)).or_default().push(cell);
        };
        add(Grouping::Benchmark, order(&cell.benchmark).unwrap_or(usize::MAX), cell.benchmark.clone());
        if top.contains(&cell.benchmark.as_str()) {
            for (grouping, name) in [(Grouping::Dataset, &series.dataset), (Grouping::Model, &series.model)] {
                if let Some(name) = name {
                    add(grouping, 0, name.clone());
                }
            }
        }
    }
    let entry = |((grouping, stage, _, name), cells): (_, Vec<&BestCell>)| {
        let series = cells.iter().map(|cell| cell.series).collect::<Vec<_>>();
        let clusters = if grouping == Grouping::Model { series } else { clusters(analysis, &series) };
        let mean = |weight: &dyn Fn(&BestCell) -> f64| {
            let values = cells.iter().map(|cell| weight(cell)).collect::<Vec<_>>();
            mean_over_grids(&values, &clusters, level, mean_estimate)
                .map_or_else(|| Measure::undefined("there is no grid"), Measure::Defined)
        };
        BestWeights {
            grouping,
            name,
            stage,
            prompt: mean(&|cell| cell.weighting.prompt()),
            response: mean(&|cell| cell.weighting.response()),
            grids: cells.len(),
        }
    };
    groups.into_iter().map(entry).collect()
}
