//! The best cell of every grid, with the cells that cannot be told from it.

use crate::analyze::weightings::results::WeightingsAnalysis;

use super::evidence::Evidence;
use super::grid::{Grid, grids};
use super::types::BestCell;

/// One entry a series, benchmark and measure. The set that cannot be told from the best is the benchmark's own, else what the
/// evidence leaves unbeaten. A measure that was not tested although its numbers have intervals has no entry.
pub(super) fn best_cells(analysis: &WeightingsAnalysis, evidence: &Evidence) -> Vec<BestCell> {
    grids(analysis).iter().filter_map(|grid| best_cell(grid, evidence)).collect()
}

fn best_cell(grid: &Grid<'_>, evidence: &Evidence) -> Option<BestCell> {
    let best = grid.best()?;
    let mut sets = grid.benchmark.best.iter();
    let set = sets.find(|set| set.series == grid.series && set.measure == grid.measure);
    let kept = |in_set: &dyn Fn(&str) -> bool| {
        let cells = grid.cells.iter().map(|cell| &cell.arm.id).filter(|id| **id == best.arm.id || in_set(id));
        Some(cells.cloned().collect::<Vec<_>>())
    };
    let not_worse = match (set, evidence.shown.get(&grid.key())) {
        _ if !grid.has_intervals() => None,
        _ if grid.cells.len() == 1 => kept(&|_| false),
        (Some(set), _) => kept(&|id| set.not_worse.iter().any(|kept| kept == id)),
        (None, Some(pairs)) => kept(&|id| pairs.iter().all(|(_, worse)| worse != id)),
        (None, None) => return None,
    };
    let same = |point: f64| point.total_cmp(&best.point()).is_eq();
    let tied = grid.cells.iter().filter(|cell| cell.arm.id != best.arm.id && same(cell.point()));
    Some(BestCell {
        series: grid.series,
        benchmark: grid.benchmark.benchmark.clone(),
        measure: grid.measure,
        arm: best.arm.id.clone(),
        weighting: best.weighting,
        value: best.entry.value.clone(),
        tied: tied.map(|cell| cell.arm.id.clone()).collect(),
        not_worse,
        cells: grid.cells.len(),
    })
}
