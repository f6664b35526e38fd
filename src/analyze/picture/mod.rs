//! From arms and their numbers to the weighting picture: best cells, gains, fronts, trade-offs, effects, words.
//!
//! [`assemble`] reads arms, benchmarks and series, so that a table of scores gives the same picture as runs. Where there are
//! instances, `analyze::weightings` adds what only these can give: paired differences, and intervals that carry the
//! sampling of instances. `docs/weightings.md` has the formulas.

mod ability;
mod best_cells;
mod best_weights;
mod correlations;
mod counts;
pub(in crate::analyze) mod evidence;
mod fronts;
mod gains;
mod grid;
pub(in crate::analyze) mod preference;
mod recommendations;
mod statements;
mod trade_offs;
mod types;
pub(in crate::analyze) mod weight_effects;

pub(in crate::analyze) use correlations::speaks_of;
pub(in crate::analyze) use gains::mean_gain;
pub use statements::statements;
pub use types::*;

use crate::analyze::weightings::results::WeightingsAnalysis;
use evidence::Evidence;

/// Fills in the series' characteristics and the picture, all but the variance decomposition, which needs the credits of single
/// instances. What arms differ by is judged from their standard errors where they have any, as if arms were independent.
pub fn assemble(analysis: &mut WeightingsAnalysis, characteristics: &[CharacteristicsRow], level: f64) {
    let evidence = Evidence::of_standard_errors(analysis, level);
    assemble_with(analysis, characteristics, level, &evidence);
}

/// The same with evidence that was made elsewhere.
pub(in crate::analyze) fn assemble_with(
    analysis: &mut WeightingsAnalysis,
    characteristics: &[CharacteristicsRow],
    level: f64,
    evidence: &Evidence,
) {
    correlations::describe(&mut analysis.series, characteristics);
    let best_cells = best_cells::best_cells(analysis, evidence);
    let gains = gains::gains(analysis, evidence);
    let (correlations, mut left_out) = correlations::correlations(analysis, &best_cells, level);
    left_out.splice(0..0, general_limits(analysis));
    let mut picture = Picture {
        best_weights: best_weights::best_weights(analysis, &best_cells, level),
        mean_gains: gains::mean_gains(analysis, &gains, level),
        fronts: fronts::fronts(analysis, evidence),
        trade_offs: trade_offs::trade_offs(analysis, level),
        weight_effects: weight_effects::weight_effects(analysis, evidence, level),
        preference_gains: preference::preference_gains(analysis, evidence),
        recommendations: recommendations::recommendations(analysis, &best_cells, evidence),
        best_cells,
        gains,
        counts: Vec::new(),
        correlations,
        variance: Vec::new(),
        left_out,
    };
    picture.counts = counts::counts(analysis, &picture, level);
    analysis.picture = picture;
}

/// What holds of the whole picture.
fn general_limits(analysis: &WeightingsAnalysis) -> Vec<String> {
    let mut out = Vec::new();
    let without = grid::grids(analysis).iter().filter(|grid| !grid.has_intervals()).count();
    if without > 0 {
        out.push(format!(
            "{}: their numbers have no intervals, so which cells cannot be told from the best is not known there.",
            crate::analyze::number::counted(without, "grid")
        ));
    }
    if analysis.series.len() < 2 {
        out.push("The best prompt weight against characteristics of model and data: there is one series.".to_owned());
        return out;
    }
    if analysis.series.iter().all(|series| series.characteristics.is_empty()) {
        out.push(
            "The best prompt weight against characteristics of model and data: none are known; give them as a file."
                .to_owned(),
        );
    }
    out.push(
        "The depth of prompts' parse trees, one of the paper's characteristics: it needs a parser that was trained, and no \
         measure without one stands in for it honestly."
            .to_owned(),
    );
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]
mod tests;
