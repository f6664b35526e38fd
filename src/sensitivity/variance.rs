//! Variance and standard deviation over wordings: of one item's credits, and of the variants' means.

use super::Measure;
use super::extremes::NEEDS_TWO;
use super::matrix::CreditMatrix;
use super::means::{mean, over_items};

/// Within-item variance: `mean_i s_i²`, `s_i²` the sample variance (divisor `n_i - 1`) of item `i`'s credits over its
/// wordings, original included.
///
/// Range: 0 (no wording of any item changes its credit) to half the squared width of the credit's range (two wordings);
/// more means more sensitive. For credits of 0 and 1 it is half of PSS. It includes what two decodings of one prompt
/// would differ by, if decoding samples. Unit: the credit's, squared. Items with fewer than two scored wordings are
/// left out. Source: the prompt component of the variance decomposition in Brittlebench, arXiv 2603.13285.
pub(super) fn within_item_variance(matrix: &CreditMatrix, clusters: &[usize], level: f64) -> Measure {
    over_items(matrix, clusters, level, |row| sample_variance(&row.present()), NEEDS_TWO)
}

/// Within-item standard deviation: `mean_i s_i`; see [`within_item_variance`]. In the credit's own unit, and at most the
/// square root of the within-item variance.
pub(super) fn within_item_sd(matrix: &CreditMatrix, clusters: &[usize], level: f64) -> Measure {
    let number = |row: &super::MatrixRow| sample_variance(&row.present()).map(f64::sqrt);
    over_items(matrix, clusters, level, number, NEEDS_TWO)
}

/// Between-variant variance: the sample variance (divisor `V - 1`) of the `V` variants' mean credits, original included.
///
/// Each variant's mean is taken as its paired change from the original (see `spread.rs`), which with no cell missing
/// gives the variance of the plain means. Range 0 to half the squared width of the credit's range (two complete
/// variants). More means that *a whole benchmark's score* depends on the wording; changes that cancel out over items do
/// not show here but in the [within-item variance](within_item_variance). The point is biased upwards by sampling error of
/// the means; the interval, a bootstrap test turned round (`levels.rs` of [`crate::stats`]), is not: it reaches 0 where noise alone
/// explains the variance. Unit: the credit's, squared.
pub(super) fn between_variant_variance(levels: &[f64]) -> Option<f64> {
    sample_variance(levels)
}

/// Sample variance around the first value, so that equal values give exactly 0.
fn sample_variance(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let mean = mean(values)?;
    Some(values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64)
}
