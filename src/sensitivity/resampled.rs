//! The indices that have no simple standard error: all over the same cluster resamples.

use crate::estimate::Estimate;
use crate::seed::Seed;
use crate::stats::{cluster_bootstrap_many, cluster_count};

use super::Measure;
use super::consistency::{AgreementSums, consistency};
use super::drop_rate::{DropRateSums, performance_drop_rate};
use super::matrix::CreditMatrix;
use super::spread::{PairedChanges, spread};
use super::variance::between_variant_variance;

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
        let changes = PairedChanges::new(matrix, clusters, count);
        let drops = DropRateSums::new(matrix, clusters, count);
        let agreement = AgreementSums::new(matrix, clusters, count);
        let statistics = |weights: &[u32]| {
            let changes = changes.of(weights);
            let variance = between_variant_variance(&changes);
            [
                spread(&changes),
                variance,
                variance.map(f64::sqrt),
                performance_drop_rate(&drops, weights),
                consistency(&agreement, weights),
            ]
        };
        let [spread, variance, sd, drop_rate, agreeing] =
            cluster_bootstrap_many(count, matrix.items().len(), statistics, draws, seed, level);
        let pair = "no item has both its original and a perturbed variant scored";
        let no_base =
            if drops.items == 0 { pair } else { "the original credit is not above 0: a relative drop has no base" };
        let measure = |estimate: Option<Estimate>, (n, clusters): (usize, usize), reason: &str| {
            Measure::from_option(estimate.map(|e| Estimate { n, clusters, ..e }), || matrix.reason_or(reason))
        };
        let paired = (drops.items, drops.clusters);
        Self {
            spread: measure(spread, paired, pair),
            between_variant_variance: measure(variance, paired, pair),
            between_variant_sd: measure(sd, paired, pair),
            performance_drop_rate: measure(drop_rate, paired, no_base),
            consistency: measure(agreeing, (agreement.items, agreement.clusters), "no item has two answers"),
        }
    }
}
