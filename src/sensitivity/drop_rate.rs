//! Performance drop rate (PDR) of `PromptRobust`.

use super::matrix::MatrixRow;
use super::means::mean;

/// An item's original credit and how much of it the mean of its perturbed wordings loses, where it has both.
pub(super) fn original_and_lost(row: &MatrixRow) -> Option<(f64, f64)> {
    let (original, perturbed) = (row.original()?, mean(&row.perturbed())?);
    Some((original, original - perturbed))
}

/// `PDR = (O - P) / O`: the share of the original credit `O` that the perturbed wordings lose, `P` their mean credit over
/// the same items (each item's perturbed wordings count together as one).
///
/// Range: -infinity to 1 for credits of 0 or more; 0 where perturbation costs nothing, 1 where it costs everything,
/// negative where it helps. For a metric where less is better the sign turns round. Not defined for `O = 0` (or
/// below): a relative drop needs a base. No unit. Source: Zhu et al., `PromptRobust`, arXiv 2306.04528 (PDR);
/// there for one attack, which a matrix with the variants of one perturbation gives.
pub(super) fn performance_drop_rate((original, lost): (f64, f64)) -> Option<f64> {
    (original > 0.0).then(|| lost / original).filter(|rate| rate.is_finite())
}
