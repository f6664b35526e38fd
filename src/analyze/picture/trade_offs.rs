//! Instruction adherence against conversation.

use crate::analyze::weightings::results::{BenchmarkWeightings, Headline, WeightingsAnalysis};
use crate::stats::spearman;

use super::grid::{Grid, series_numbers, top_benchmarks};
use super::types::{Ability, TradeOff, TradeOffPoint};
use super::weight_effects::correlation_measure;

/// One entry a series and pair of benchmarks that has a cell with both numbers. The correlation's interval takes the cells as
/// independent.
pub(super) fn trade_offs(analysis: &WeightingsAnalysis, level: f64) -> Vec<TradeOff> {
    let top = top_benchmarks(analysis);
    let of = |ability| top.iter().filter(move |benchmark| benchmark.ability == Some(ability)).copied();
    let mut out = Vec::new();
    for series in series_numbers(analysis) {
        for adherence in of(Ability::Adherence) {
            for conversation in of(Ability::Conversation) {
                out.extend(trade_off(analysis, series, adherence, conversation, level));
            }
        }
    }
    out
}

fn trade_off(
    analysis: &WeightingsAnalysis,
    series: usize,
    adherence: &BenchmarkWeightings,
    conversation: &BenchmarkWeightings,
    level: f64,
) -> Option<TradeOff> {
    let first = Grid::new(analysis, adherence, series, Headline::Performance);
    let second = Grid::new(analysis, conversation, series, Headline::Performance);
    let pairs = first.cells.iter().filter_map(|cell| Some((*cell, second.cell(&cell.arm.id)?))).collect::<Vec<_>>();
    let (best, best_other) = (first.best()?, second.best()?);
    let (mine, theirs): (Vec<_>, Vec<_>) =
        pairs.iter().map(|(a, b)| (a.point() * first.sign(), b.point() * second.sign())).unzip();
    let point = |(a, b): &(super::grid::Cell<'_>, super::grid::Cell<'_>)| TradeOffPoint {
        arm: a.arm.id.clone(),
        adherence: a.entry.value.clone(),
        conversation: b.entry.value.clone(),
    };
    (!pairs.is_empty()).then(|| TradeOff {
        series,
        adherence: adherence.benchmark.clone(),
        conversation: conversation.benchmark.clone(),
        points: pairs.iter().map(point).collect(),
        best_adherence: best.arm.id.clone(),
        best_conversation: best_other.arm.id.clone(),
        correlation: correlation_measure(spearman(&mine, &theirs, level).map(|found| found.estimate), pairs.len()),
    })
}
