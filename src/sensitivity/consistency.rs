//! Consistency rate of SCORE: how often two wordings get the same answer, right or wrong.

use std::collections::{BTreeMap, BTreeSet};

use super::matrix::{CreditMatrix, MatrixRow};

/// Sums a cluster of agreeing pairs and of pairs.
pub(super) struct AgreementSums {
    sums: Vec<(f64, f64)>,
    /// Items with at least one pair.
    pub(super) items: usize,
    /// Clusters that they belong to.
    pub(super) clusters: usize,
}

impl AgreementSums {
    pub(super) fn new(matrix: &CreditMatrix, clusters: &[usize], count: usize) -> Self {
        let mut sums = vec![(0.0, 0.0); count];
        let (mut items, mut contributing) = (0, BTreeSet::new());
        for (row, cluster) in matrix.items().iter().zip(clusters) {
            let (agreeing, pairs) = pairs(row);
            if pairs > 0 {
                items += 1;
                contributing.insert(*cluster);
            }
            if let Some(sum) = sums.get_mut(*cluster) {
                sum.0 += agreeing as f64;
                sum.1 += pairs as f64;
            }
        }
        Self { sums, items, clusters: contributing.len() }
    }
}

fn pairs(row: &MatrixRow) -> (usize, usize) {
    let mut counts = BTreeMap::new();
    for answer in row.answers.iter().flatten() {
        *counts.entry(answer.as_str()).or_insert(0_usize) += 1;
    }
    let choose_two = |n: usize| n * n.saturating_sub(1) / 2;
    (counts.values().map(|n| choose_two(*n)).sum(), choose_two(counts.values().sum()))
}

/// `CR = agreeing pairs / pairs`, over all unordered pairs of wordings of an item that both have an answer, original
/// included, summed over items before dividing (items with more wordings weigh more).
///
/// Range 0 (no two wordings of any item agree) to 1 (every item has one answer); more means *less* sensitive. It needs no
/// right answer. Answers must be comparable between wordings. No unit. Source: the
/// consistency rate of SCORE, arXiv 2503.00137, in the micro form that its code in lm-evaluation-harness computes.
pub(super) fn consistency(sums: &AgreementSums, weights: &[u32]) -> Option<f64> {
    let (mut agreeing, mut pairs) = (0.0, 0.0);
    for ((of_cluster, pairs_in_cluster), weight) in sums.sums.iter().zip(weights) {
        agreeing += of_cluster * f64::from(*weight);
        pairs += pairs_in_cluster * f64::from(*weight);
    }
    (pairs > 0.0).then(|| agreeing / pairs)
}
