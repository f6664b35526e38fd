//! The indices that have no simple standard error: all over the same cluster resamples.

use crate::estimate::Estimate;
use crate::seed::Seed;
use crate::stats::{cluster_bootstrap_many, cluster_count};

use super::Measure;
use super::cluster_sums::{Basis, ClusterSums};
use super::consistency::consistency;
use super::drop_rate::performance_drop_rate;
use super::matrix::CreditMatrix;
use super::spread::{paired_changes, spread};
use super::variance::between_variant_variance;

/// Draws where all draws are equal: the fewest that have an interval.
const CONSTANT_DRAWS: usize = 2;

pub(super) struct Resampled {
    pub(super) spread: Measure,
    pub(super) between_variant_variance: Measure,
    pub(super) between_variant_sd: Measure,
    pub(super) performance_drop_rate: Measure,
    pub(super) consistency: Measure,
}

impl Resampled {
    pub(super) fn of(matrix: &CreditMatrix, clusters: &[usize], level: f64, seed: Seed, draws: usize) -> Self {
        let count = cluster_count(clusters);
        let sums = ClusterSums::new(matrix, clusters, count);
        let statistics = |weights: &[u32]| {
            let sums = sums.of(weights);
            let changes = paired_changes(&sums.changes);
            let variance = between_variant_variance(&changes);
            [
                spread(&changes),
                variance,
                variance.map(f64::sqrt),
                performance_drop_rate(sums.drop),
                consistency(sums.agreement),
            ]
        };
        let draws = if sums.are_constant() { draws.min(CONSTANT_DRAWS) } else { draws };
        let [spread, variance, sd, drop_rate, agreeing] =
            cluster_bootstrap_many(count, matrix.items().len(), statistics, draws, seed, level);
        let pair = "no item has both its original and a perturbed variant scored";
        let no_base = if sums.paired.items == 0 {
            pair
        } else {
            "the original credit is not above 0: a relative drop has no base"
        };
        let measure = |estimate: Option<Estimate>, basis: &Basis, reason: &str| {
            let counted = |e| Estimate { n: basis.items, clusters: basis.clusters(), ..e };
            Measure::from_option(estimate.map(counted), || matrix.reason_or(reason))
        };
        let paired = &sums.paired;
        Self {
            spread: measure(spread, paired, pair),
            between_variant_variance: measure(variance, paired, pair),
            between_variant_sd: measure(sd, paired, pair),
            performance_drop_rate: measure(drop_rate, paired, no_base),
            consistency: measure(agreeing, &sums.answered, "no item has two answers that can be compared"),
        }
    }
}
