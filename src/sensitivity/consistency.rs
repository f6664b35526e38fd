//! Consistency rate of SCORE: how often two wordings get the same answer, right or wrong.

use std::collections::BTreeMap;

use super::matrix::MatrixRow;

/// An item's pairs of wordings with equal answers, and all its pairs of wordings with answers.
pub(super) fn agreeing_and_all(row: &MatrixRow) -> Option<(f64, f64)> {
    let mut counts = BTreeMap::new();
    for answer in row.answers.iter().flatten() {
        *counts.entry(answer.as_str()).or_insert(0_usize) += 1;
    }
    let choose_two = |n: usize| n * n.saturating_sub(1) / 2;
    let agreeing = counts.values().map(|n| choose_two(*n)).sum::<usize>();
    let pairs = choose_two(counts.values().sum());
    (pairs > 0).then_some((agreeing as f64, pairs as f64))
}

/// `CR = agreeing pairs / pairs`, over all unordered pairs of wordings of an item that both have an answer, original
/// included, summed over items before dividing (items with more wordings weigh more).
///
/// Range 0 (no two wordings of any item agree) to 1 (every item has one answer); more means *less* sensitive. It needs no
/// right answer. Answers must be comparable between wordings. No unit. Source: the
/// consistency rate of SCORE, arXiv 2503.00137, in the micro form that its code in lm-evaluation-harness computes.
pub(super) fn consistency((agreeing, pairs): (f64, f64)) -> Option<f64> {
    (pairs > 0.0).then(|| agreeing / pairs)
}
