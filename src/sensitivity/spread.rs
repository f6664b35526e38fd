//! Spread of `FormatSpread`, and the paired changes that indices over variants are made of.

use super::matrix::CreditMatrix;

/// Each perturbed variant's mean change of credit against the original *of the same items*,
/// `d_v = mean over items with both of (c_iv - c_i0)`, kept as sums a cluster so that clusters can be resampled.
///
/// With no cell missing, `d_v` is the difference of the variants' means. With missing cells it compares like with like:
/// a variant that only easy items have does not look better for that.
pub(super) struct PairedChanges {
    /// Perturbed variants.
    variants: usize,
    /// `sums[cluster * variants + variant]` = sum of changes.
    sums: Vec<f64>,
    /// Items behind each sum.
    items: Vec<f64>,
}

impl PairedChanges {
    pub(super) fn new(matrix: &CreditMatrix, clusters: &[usize], count: usize) -> Self {
        let variants = matrix.variants().len().saturating_sub(1);
        let mut sums = vec![0.0; count * variants];
        let mut items = sums.clone();
        for (row, cluster) in matrix.items().iter().zip(clusters) {
            let Some(original) = row.original() else { continue };
            let cells = sums.iter_mut().zip(&mut items).skip(cluster * variants);
            for ((sum, item), credit) in cells.zip(row.credits.iter().skip(1)) {
                if let Some(credit) = credit {
                    *sum += credit - original;
                    *item += 1.0;
                }
            }
        }
        Self { variants, sums, items }
    }

    /// Changes of the variants that any item in the resample has, each cluster `weights[cluster]` times.
    pub(super) fn of(&self, weights: &[u32]) -> Vec<f64> {
        let mut sums = vec![0.0; self.variants];
        let mut items = sums.clone();
        let width = self.variants.max(1);
        let rows = self.sums.chunks_exact(width).zip(self.items.chunks_exact(width)).zip(weights);
        for ((row_sums, row_items), weight) in rows.filter(|(_, weight)| **weight > 0) {
            let weight = f64::from(*weight);
            for (total, sum) in sums.iter_mut().zip(row_sums) {
                *total += weight * sum;
            }
            for (total, item) in items.iter_mut().zip(row_items) {
                *total += weight * item;
            }
        }
        sums.iter().zip(&items).filter(|(_, items)| **items > 0.0).map(|(sum, items)| sum / items).collect()
    }
}

/// Spread: `max_v m_v - min_v m_v` over all variants, original included, `m_v` the variants' mean credits.
///
/// Means are taken as [paired changes](PairedChanges), the original's being 0; with no cell missing the result is the
/// plain difference of the best and the worst mean. Range 0 to the width of the credit's range (with missing cells up to
/// twice it, where the extremes come from different items); more means more sensitive. It never falls when a variant is
/// added: compare only runs with equal variants. Biased upwards by sampling error (a maximum minus a minimum of noisy
/// means), and so are the bootstrap's draws. Unit: the credit's. Source: Sclar et al., `FormatSpread`, ICLR 2024 (arXiv
/// 2310.11324), its performance spread; here over the variants given, without its search.
pub(super) fn spread(changes: &[f64]) -> Option<f64> {
    if changes.is_empty() {
        return None;
    }
    let high = changes.iter().copied().fold(0.0, f64::max);
    let low = changes.iter().copied().fold(0.0, f64::min);
    Some(high - low)
}
