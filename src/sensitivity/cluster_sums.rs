//! What clusters add to the indices that are resampled.
//!
//! Sums are made once. Many clusters add the same (right under every wording, wrong under every wording), and such
//! clusters are kept once: a resample then costs a pass over the different sums instead of over all clusters.

use std::collections::{BTreeMap, BTreeSet};

use super::consistency::agreeing_and_all;
use super::drop_rate::original_and_lost;
use super::matrix::CreditMatrix;
use super::spread::add_changes;

/// Sums over items, or over the items of a resample.
#[derive(Clone, Default)]
pub(super) struct Sums {
    /// A perturbed variant's changes, and the items that have both it and the original.
    pub(super) changes: Vec<(f64, f64)>,
    /// Original credit, and what perturbation loses of it.
    pub(super) drop: (f64, f64),
    /// Agreeing pairs of answers, and all pairs.
    pub(super) agreement: (f64, f64),
}

impl Sums {
    fn add(&mut self, other: &Self, times: f64) {
        let pairs = self.changes.iter_mut().chain([&mut self.drop, &mut self.agreement]);
        for (own, others) in pairs.zip(other.changes.iter().chain([&other.drop, &other.agreement])) {
            own.0 += times * others.0;
            own.1 += times * others.1;
        }
    }

    fn bits(&self) -> Vec<(u64, u64)> {
        let pairs = self.changes.iter().chain([&self.drop, &self.agreement]);
        pairs.map(|(first, second)| (first.to_bits(), second.to_bits())).collect()
    }
}

/// The items that an index uses and the clusters that they belong to.
#[derive(Default)]
pub(super) struct Basis {
    pub(super) items: usize,
    clusters: BTreeSet<usize>,
}

impl Basis {
    fn take(&mut self, cluster: usize, pair: Option<(f64, f64)>) -> (f64, f64) {
        if pair.is_some() {
            self.items += 1;
            self.clusters.insert(cluster);
        }
        pair.unwrap_or_default()
    }

    pub(super) fn clusters(&self) -> usize {
        self.clusters.len()
    }
}

/// The sums of every cluster, equal ones kept once.
pub(super) struct ClusterSums {
    /// Which of the different sums each cluster has.
    kind: Vec<usize>,
    kinds: Vec<Sums>,
    /// Items with an original and a perturbed wording.
    pub(super) paired: Basis,
    /// Items with a pair of answers.
    pub(super) answered: Basis,
}

impl ClusterSums {
    pub(super) fn new(matrix: &CreditMatrix, clusters: &[usize], count: usize) -> Self {
        let changes = vec![(0.0, 0.0); matrix.variants().len().saturating_sub(1)];
        let none = Sums { changes, ..Sums::default() };
        let mut sums = vec![none.clone(); count];
        let (mut paired, mut answered) = (Basis::default(), Basis::default());
        for (row, cluster) in matrix.items().iter().zip(clusters) {
            let mut item = none.clone();
            add_changes(row, &mut item.changes);
            item.drop = paired.take(*cluster, original_and_lost(row));
            item.agreement = answered.take(*cluster, agreeing_and_all(row));
            if let Some(sum) = sums.get_mut(*cluster) {
                sum.add(&item, 1.0);
            }
        }
        let mut known = BTreeMap::new();
        let mut kinds = Vec::new();
        let mut kind = Vec::with_capacity(count);
        for sum in sums {
            kind.push(*known.entry(sum.bits()).or_insert_with(|| {
                kinds.push(sum);
                kinds.len() - 1
            }));
        }
        Self { kind, kinds, paired, answered }
    }

    /// Whether every resample gives the same sums.
    pub(super) fn are_constant(&self) -> bool {
        self.kinds.len() < 2
    }

    /// The sums of a resample that holds each cluster `weights[cluster]` times.
    pub(super) fn of(&self, weights: &[u32]) -> Sums {
        let mut times = vec![0_u32; self.kinds.len()];
        for (kind, weight) in self.kind.iter().zip(weights) {
            if let Some(times) = times.get_mut(*kind) {
                *times += weight;
            }
        }
        let mut total =
            Sums { changes: vec![(0.0, 0.0); self.kinds.first().map_or(0, |s| s.changes.len())], ..Sums::default() };
        for (sum, times) in self.kinds.iter().zip(times).filter(|(_, times)| *times > 0) {
            total.add(sum, f64::from(times));
        }
        total
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sensitivity::MatrixRow;
    use crate::variant::VariantId;

    fn matrix(rows: &[Vec<Option<bool>>]) -> CreditMatrix {
        let variant = |draw: usize| match draw {
            0 => VariantId::original(),
            draw => VariantId { perturbation: "typo".into(), strength: "default".into(), draw },
        };
        let row = |(index, cells): (usize, &Vec<Option<bool>>)| MatrixRow {
            instance: format!("t/{index}"),
            cluster: format!("t/{}", index / 2),
            credits: cells.iter().map(|cell| cell.map(f64::from)).collect(),
            answers: cells.iter().map(|cell| cell.map(|right| right.to_string())).collect(),
        };
        CreditMatrix::new((0..3).map(variant).collect(), rows.iter().enumerate().map(row).collect()).unwrap()
    }

    proptest! {
        /// Against clusters that are written out as often as they were drawn.
        #[test]
        fn a_resample_adds_up_as_if_its_clusters_stood_there_as_often_as_drawn(
            rows in prop::collection::vec(prop::collection::vec(prop::option::of(any::<bool>()), 3), 8),
            weights in prop::collection::vec(0_u32..4, 4),
        ) {
            let whole = matrix(&rows);
            let drawn = ClusterSums::new(&whole, &whole.clusters(), 4).of(&weights);
            let repeated = rows.chunks(2).zip(&weights);
            let repeated = repeated.flat_map(|(pair, times)| (0..*times).flat_map(|_| pair.iter().cloned())).collect::<Vec<_>>();
            let copies = matrix(&repeated);
            let count = repeated.len() / 2;
            let written = ClusterSums::new(&copies, &copies.clusters(), count).of(&vec![1; count]);
            if count > 0 {
                prop_assert_eq!(drawn.bits(), written.bits());
            }
        }
    }
}
