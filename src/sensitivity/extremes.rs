//! Worst-case and best-case credit.

use super::Measure;
use super::matrix::{CreditMatrix, MatrixRow};
use super::means::over_items;

/// What an item needs for an index that compares its wordings.
pub(super) const NEEDS_TWO: &str = "no item has two scored wordings";

/// Worst-case credit: `mean_i min_v c_iv` over all wordings of an item, original included.
///
/// Range: that of the credit; never above [`super::Index::BestCase`] and, with no cell missing, never above any single
/// variant's mean. For a metric where less is better the two change places
/// ([`super::Sensitivity::where_lower_is_better`]). Items with fewer than two scored wordings are left out. The minimum
/// over more wordings is lower: compare only runs with equal variants. Source:
/// HELM, arXiv 2211.09110 (robustness as the worst case over transformations of an instance).
pub(super) fn worst_case(matrix: &CreditMatrix, clusters: &[usize], level: f64) -> Measure {
    over_items(matrix, clusters, level, |row| extreme(row, f64::min), NEEDS_TWO)
}

/// Best-case credit: `mean_i max_v c_iv`; see [`worst_case`].
pub(super) fn best_case(matrix: &CreditMatrix, clusters: &[usize], level: f64) -> Measure {
    over_items(matrix, clusters, level, |row| extreme(row, f64::max), NEEDS_TWO)
}

fn extreme(row: &MatrixRow, choose: impl Fn(f64, f64) -> f64) -> Option<f64> {
    let present = row.present();
    if present.len() < 2 { None } else { present.into_iter().reduce(choose) }
}
