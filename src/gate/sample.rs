//! The paired differences of one check, as one sample of independent clusters.

use crate::analyze::analysis::Headline;
use crate::paired::{PairedColumn, PairedTask};

/// Differences smaller than this are none: two engines may add log-probabilities in another order.
const NO_DIFFERENCE: f64 = 1e-9;

/// One task's column with its part in the mean that is checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stratum<'a> {
    /// The rows.
    pub column: &'a PairedColumn,
    /// The task's part in the mean; the parts of a sample add up to 1.
    pub part: f64,
    /// 1 where more is better, -1 where less is.
    pub direction: f64,
    /// The largest difference that one row can have; `None` where there is no bound.
    pub range: Option<f64>,
}

/// The largest difference between two numbers of one row, by measure.
///
/// Credits of share metrics lie in [0, 1], so their differences, and those of flip rates, are at most 1; a sample
/// variance of such credits is at most 1/2 (of two wordings, 0 and 1); a row of the linearised spread is a difference of two credits, in [-1, 1].
pub(super) fn range_of(task: &PairedTask, measure: Headline) -> Option<f64> {
    match measure {
        Headline::Posix => None,
        Headline::FlipRate => Some(1.0),
        _ if !task.is_share => None,
        Headline::Variance => Some(0.5),
        Headline::Spread => Some(2.0),
        _ => Some(1.0),
    }
}

/// What the tests need to know of the differences. Positive is better, whatever the measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    /// The mean difference.
    pub mean: f64,
    /// Its clustered standard error.
    pub standard_error: f64,
    /// Rows.
    pub rows: usize,
    /// Independent clusters.
    pub clusters: usize,
    /// Degrees of freedom of the standard error.
    pub df: f64,
    /// Clusters in which the candidate is better.
    pub better: usize,
    /// Clusters in which the candidate is worse.
    pub worse: usize,
    /// The largest contribution of a cluster, either way, as a difference of the mean times the clusters.
    pub largest: f64,
    /// The largest contribution that a cluster could have.
    pub range: f64,
    /// Whether every cluster is one row and every difference is -1, 0 or 1.
    pub is_binary: bool,
}

/// A cluster's sums.
#[derive(Default, Clone, Copy)]
struct ClusterSums {
    weight: f64,
    difference: f64,
    rows: usize,
}

impl Sample {
    /// The sample of a weighted mean over tasks; `None` where a task has fewer than two clusters, or a number is not
    /// finite.
    ///
    /// Within a task the standard error is the clustered one of a weighted mean,
    /// `SE_t² = C/(C-1) Σ_c (Σ_{i in c} w_i (d_i - m_t))² / W_t²`; tasks are independent strata, `SE² = Σ a_t² SE_t²`,
    /// with Satterthwaite's degrees of freedom.
    pub(super) fn of(strata: &[Stratum<'_>]) -> Option<Self> {
        let sums = strata.iter().map(Self::cluster_sums).collect::<Vec<_>>();
        let clusters = sums.iter().map(Vec::len).sum::<usize>();
        let mut sample = Self {
            mean: 0.0,
            standard_error: 0.0,
            rows: 0,
            clusters,
            df: 0.0,
            better: 0,
            worse: 0,
            largest: 0.0,
            range: 0.0,
            is_binary: strata.len() == 1,
        };
        let (mut variance, mut per_df) = (0.0, 0.0);
        for (stratum, sums) in strata.iter().zip(&sums) {
            let part = sample.add(stratum, sums)?;
            variance += part;
            per_df += part * part / (sums.len() - 1) as f64;
        }
        sample.standard_error = variance.sqrt();
        sample.df = if per_df > 0.0 { variance * variance / per_df } else { (clusters - strata.len()) as f64 };
        (sample.rows > 0 && sample.mean.is_finite() && sample.standard_error.is_finite()).then_some(sample)
    }

    fn cluster_sums(stratum: &Stratum<'_>) -> Vec<ClusterSums> {
        let mut clusters: Vec<ClusterSums> = Vec::new();
        for row in &stratum.column.rows {
            if clusters.len() <= row.cluster {
                clusters.resize(row.cluster + 1, ClusterSums::default());
            }
            if let Some(sums) = clusters.get_mut(row.cluster) {
                sums.weight += row.weight;
                sums.difference += row.weight * stratum.direction * (row.candidate - row.baseline);
                sums.rows += 1;
            }
        }
        // Clusters whose rows were left out have none.
        clusters.retain(|sums| sums.rows > 0);
        clusters
    }

    /// Adds a task and answers its part of the variance.
    fn add(&mut self, stratum: &Stratum<'_>, sums: &[ClusterSums]) -> Option<f64> {
        let total = sums.iter().map(|cluster| cluster.weight).sum::<f64>();
        if sums.len() < 2 || total.is_nan() || total <= 0.0 {
            return None;
        }
        let mean = sums.iter().map(|cluster| cluster.difference).sum::<f64>() / total;
        let squares = sums.iter().map(|cluster| (cluster.difference - mean * cluster.weight).powi(2)).sum::<f64>();
        let scale = self.clusters as f64 * stratum.part / total;
        let seen = stratum.column.rows.iter().flat_map(|row| [row.baseline.abs(), row.candidate.abs()]);
        let range = stratum.range.unwrap_or_else(|| seen.fold(0.0, f64::max));
        for cluster in sums {
            let contribution = scale * cluster.difference;
            self.better += usize::from(cluster.difference > NO_DIFFERENCE);
            self.worse += usize::from(cluster.difference < -NO_DIFFERENCE);
            self.largest = self.largest.max(contribution.abs());
            self.range = self.range.max(scale * cluster.weight * range);
            self.rows += cluster.rows;
            let size = cluster.difference.abs();
            self.is_binary &= cluster.rows == 1
                && (cluster.weight - 1.0).abs() < NO_DIFFERENCE
                && (size < NO_DIFFERENCE || (size - 1.0).abs() < NO_DIFFERENCE);
        }
        self.mean += stratum.part * mean;
        let count = sums.len() as f64;
        Some(stratum.part.powi(2) * count / (count - 1.0) * squares / total.powi(2))
    }

    /// The same sample with better and worse exchanged.
    pub(super) fn mirrored(&self) -> Self {
        Self { mean: -self.mean, better: self.worse, worse: self.better, ..*self }
    }

    /// Clusters in which the two runs differ.
    pub(super) fn differing(&self) -> usize {
        self.better + self.worse
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use super::*;
    use crate::paired::PairedRow;

    /// A column with one row a cluster.
    pub(crate) fn column(pairs: &[(f64, f64)]) -> PairedColumn {
        let row = |(index, (baseline, candidate)): (usize, &(f64, f64))| PairedRow {
            instance: index.to_string(),
            cluster: index,
            weight: 1.0,
            baseline: *baseline,
            candidate: *candidate,
        };
        let rows = pairs.iter().enumerate().map(row).collect();
        PairedColumn { measure: Headline::Performance, perturbation: None, rows, unpaired: 0 }
    }

    pub(crate) fn sample(pairs: &[(f64, f64)]) -> Sample {
        let column = column(pairs);
        Sample::of(&[Stratum { column: &column, part: 1.0, direction: 1.0, range: Some(1.0) }]).unwrap()
    }

    #[test]
    fn the_error_is_that_of_the_paired_clustered_mean() {
        let pairs = [(0.5, 0.25), (1.0, 0.0), (0.0, 0.75), (0.25, 0.25), (1.0, 1.0), (0.5, 1.0)];
        let mut column = column(&pairs);
        for (row, cluster) in column.rows.iter_mut().zip([0, 0, 1, 1, 2, 2]) {
            row.cluster = cluster;
        }
        let found = Sample::of(&[Stratum { column: &column, part: 1.0, direction: 1.0, range: Some(1.0) }]).unwrap();
        let (candidate, baseline): (Vec<_>, Vec<_>) = pairs.iter().map(|(b, c)| (*c, *b)).unzip();
        let expected = crate::stats::paired_difference(&candidate, &baseline, &[0, 0, 1, 1, 2, 2], 0.9).unwrap();
        assert!((found.mean - expected.point).abs() < 1e-12);
        assert!((found.standard_error - expected.standard_error.unwrap()).abs() < 1e-12);
        assert_eq!((found.clusters, found.rows, found.better, found.worse), (3, 6, 2, 1));
        assert!(!found.is_binary && (found.range - 1.0).abs() < 1e-12 && (found.largest - 0.625).abs() < 1e-12);
    }

    #[test]
    fn tasks_are_strata_of_a_mean() {
        let (small, large) =
            (column(&[(0.0, 1.0), (0.0, 0.0)]), column(&[(1.0, 0.0), (1.0, 1.0), (0.0, 0.0), (1.0, 1.0)]));
        let half = |column| Stratum { column, part: 0.5, direction: 1.0, range: Some(1.0) };
        let found = Sample::of(&[half(&small), half(&large)]).unwrap();
        // By hand: (0.5 - 0.25) / 2; variances 0.25 and 0.0625, each a quarter of it.
        assert!((found.mean - 0.125).abs() < 1e-12);
        assert!((found.standard_error.powi(2) - (0.25 + 0.0625) / 4.0).abs() < 1e-12);
        assert_eq!((found.better, found.worse, found.is_binary), (1, 1, false));
        assert!(Sample::of(&[half(&column(&[(0.0, 1.0)]))]).is_none(), "one cluster shows nothing");
    }
}
