//! Performance: of each variant, of the original, and over all wordings.

use crate::stats::{clustered_mean, mean_estimate};

use super::matrix::{CreditMatrix, MatrixRow};
use super::{Measure, VariantPerformance};

/// Mean over items of a number that some items have.
///
/// The interval is clustered by the items' clusters. Wilson's is considered only where every credit of the matrix lies
/// in [0, 1], because then so does every number an item can have.
pub(super) fn over_items(
    matrix: &CreditMatrix,
    clusters: &[usize],
    level: f64,
    number: impl Fn(&MatrixRow) -> Option<f64>,
    reason: &str,
) -> Measure {
    let (values, labels): (Vec<f64>, Vec<usize>) = matrix
        .items()
        .iter()
        .zip(clusters)
        .filter_map(|(row, cluster)| number(row).map(|value| (value, *cluster)))
        .unzip();
    let estimate = if matrix.credits_are_shares() {
        mean_estimate(&values, &labels, level)
    } else {
        clustered_mean(&values, &labels, level)
    };
    Measure::from_option(estimate, || matrix.reason_or(reason))
}

/// Mean credit of the original: `O = mean_i c_i0`, over items whose original is scored. Unit and direction are the
/// metric's.
pub(super) fn original(matrix: &CreditMatrix, clusters: &[usize], level: f64) -> Measure {
    over_items(matrix, clusters, level, MatrixRow::original, "no item has a scored original")
}

/// Mean over items of the item's mean credit over all its wordings, original included: `mean_i mean_v c_iv`. Items count
/// equally, however many wordings they have. Unit and direction are the metric's. Source: "average performance" of
/// Mizrahi et al., TACL 2024 (arXiv 2401.00595).
pub(super) fn mean_over_variants(matrix: &CreditMatrix, clusters: &[usize], level: f64) -> Measure {
    let number = |row: &MatrixRow| mean(&row.present());
    over_items(matrix, clusters, level, number, "no cell is scored")
}

/// As [`mean_over_variants`], without the original.
pub(super) fn perturbed_mean(matrix: &CreditMatrix, clusters: &[usize], level: f64) -> Measure {
    let number = |row: &MatrixRow| mean(&row.perturbed());
    over_items(matrix, clusters, level, number, "no item has a scored perturbed variant")
}

/// Each variant's mean credit over the items that have it, and its mean change against the same items' original.
pub(super) fn by_variant(matrix: &CreditMatrix, clusters: &[usize], level: f64) -> Vec<VariantPerformance> {
    let cell = |row: &MatrixRow, column: usize| row.credits.get(column).copied().flatten();
    matrix
        .variants()
        .iter()
        .enumerate()
        .map(|(column, variant)| VariantPerformance {
            variant: variant.clone(),
            credit: over_items(matrix, clusters, level, |row| cell(row, column), "no item has this variant scored"),
            change: change(matrix, clusters, level, column),
        })
        .collect()
}

fn change(matrix: &CreditMatrix, clusters: &[usize], level: f64, column: usize) -> Measure {
    let (values, labels): (Vec<f64>, Vec<usize>) = matrix
        .items()
        .iter()
        .zip(clusters)
        .filter_map(|(row, cluster)| Some((row.credits.get(column).copied()?? - row.original()?, *cluster)))
        .unzip();
    let reason = "no item has both this variant and the original scored";
    Measure::from_option(clustered_mean(&values, &labels, level), || matrix.reason_or(reason))
}

/// The mean, around the first value, so that equal values give exactly that value.
pub(super) fn mean(values: &[f64]) -> Option<f64> {
    let origin = *values.first()?;
    Some(origin + values.iter().map(|value| value - origin).sum::<f64>() / values.len() as f64)
}
