//! Performance drop rate (PDR) of `PromptRobust`.

use std::collections::BTreeSet;

use super::matrix::CreditMatrix;
use super::means::mean;

/// Sums a cluster of original and mean perturbed credit, over items that have both.
pub(super) struct DropRateSums {
    sums: Vec<(f64, f64)>,
    /// Items that count.
    pub(super) items: usize,
    /// Clusters that they belong to.
    pub(super) clusters: usize,
}

impl DropRateSums {
    pub(super) fn new(matrix: &CreditMatrix, clusters: &[usize], count: usize) -> Self {
        let mut sums = vec![(0.0, 0.0); count];
        let (mut items, mut contributing) = (0, BTreeSet::new());
        for (row, cluster) in matrix.items().iter().zip(clusters) {
            let (Some(original), Some(perturbed)) = (row.original(), mean(&row.perturbed())) else { continue };
            items += 1;
            contributing.insert(*cluster);
            if let Some(sum) = sums.get_mut(*cluster) {
                sum.0 += original;
                sum.1 += original - perturbed;
            }
        }
        Self { sums, items, clusters: contributing.len() }
    }
}

/// `PDR = (O - P) / O`: the share of the original credit `O` that the perturbed wordings lose, `P` their mean credit over
/// the same items (each item's perturbed wordings count together as one).
///
/// Range: -infinity to 1 for credits of 0 or more; 0 where perturbation costs nothing, 1 where it costs everything,
/// negative where it helps. For a metric where less is better the sign turns round. Not defined for `O = 0` (or
/// below): a relative drop needs a base. No unit. Source: Zhu et al., `PromptRobust`, arXiv 2306.04528 (PDR);
/// there for one attack, which a matrix with the variants of one perturbation gives.
pub(super) fn performance_drop_rate(sums: &DropRateSums, weights: &[u32]) -> Option<f64> {
    let (mut original, mut lost) = (0.0, 0.0);
    for ((of_cluster, lost_in_cluster), weight) in sums.sums.iter().zip(weights) {
        original += of_cluster * f64::from(*weight);
        lost += lost_in_cluster * f64::from(*weight);
    }
    (original > 0.0).then(|| lost / original).filter(|rate| rate.is_finite())
}
