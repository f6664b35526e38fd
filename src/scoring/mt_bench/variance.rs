//! The judge's part of the error, apart from the items'.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::summary::{TurnRatings, question_clusters};
use crate::estimate::Estimate;
use crate::stats::{clustered_mean, ratio_estimate};

/// How ratings vary: between questions, and between repeats of one judgment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VarianceComponents {
    /// Variance of a single rating over repeats of the same judgment, in points squared.
    pub judge_variance: Estimate,
    /// Variance between questions of the rating that endless repeats would give, in points squared. Not cut off at 0: a
    /// negative value says that the questions differ no more than the judge does.
    pub item_variance: Estimate,
    /// Standard error of the overall mean, in points.
    pub standard_error: f64,
    /// The part of it that more repeats would remove, in points.
    pub judge_standard_error: f64,
    /// The part of it that only more questions would remove, in points.
    pub item_standard_error: f64,
    /// Questions that have at least two ratings in every turn; the others are not used.
    pub questions: usize,
    /// The fewest ratings of a turn among them.
    pub fewest_repeats: usize,
    /// The most.
    pub most_repeats: usize,
}

/// One question: its mean over turns, and the variance that the judge gives to that mean.
struct Item {
    mean: f64,
    judge_part: f64,
    /// Sum of squares and degrees of freedom within each turn.
    within: Vec<(f64, f64)>,
}

/// Splits the variance of mean ratings into the questions' and the judge's.
///
/// # Formula
///
/// `y_qtk = m_t + a_q + e_qtk`: question `q`, turn `t` of `T`, repeat `k` of `K_qt`, with `s²_qt` the sample variance
/// over repeats. A question's score is `y_q`, the mean over turns of the mean over repeats; its judge's part is `j_q =
/// (1/T²) Σ_t s²_qt / K_qt`. Then, over `n` questions,
///
/// - judge variance `= Σ_qt (K_qt - 1) s²_qt / Σ_qt (K_qt - 1)`, a ratio with clustered error;
/// - item variance `= s²(y_q) - mean(j_q)`, because `Var(y_q) = Var(item) + Var(judge)/K`; its error is that of the
///   mean over questions of `n/(n-1) (y_q - ȳ)² - j_q`, linearised, which is rough with few questions;
/// - `SE² = s²(y_q)/n`, of which `mean(j_q)/n` is the judge's and the rest (at least 0) the items'.
///
/// A turn's effect is common to all questions and no part of either. `a_q` holds what a question has in common over the
/// judge's repeats, its deviation in one turn included.
///
/// # Units and range
///
/// Points squared, and points for errors. `None` where fewer than two questions have two ratings in every turn.
///
/// # Source
///
/// Miller, arXiv 2411.00640, section on resampling (law of total variance); Searle, Casella and `McCulloch`, Variance
/// Components, 1992, chapter 3 (one-way random model, the same as here with one turn and equal `K`).
pub fn variance_components(rows: &[TurnRatings], level: f64) -> Option<VarianceComponents> {
    let (items, repeats) = items(rows);
    let n = items.len() as f64;
    if items.len() < 2 {
        return None;
    }
    let clusters = (0..items.len()).collect::<Vec<_>>();
    let center = items.iter().map(|item| item.mean).sum::<f64>() / n;
    let spread = items.iter().map(|item| (item.mean - center).powi(2)).sum::<f64>() / (n - 1.0);
    let judge_part = items.iter().map(|item| item.judge_part).sum::<f64>() / n;
    let contributions = items.iter().map(|item| n / (n - 1.0) * (item.mean - center).powi(2) - item.judge_part);
    let cells = items
        .iter()
        .zip(&clusters)
        .flat_map(|(item, cluster)| item.within.iter().map(move |(squares, freedom)| (*squares, *freedom, *cluster)));
    let cells = cells.collect::<Vec<_>>();
    let squares = cells.iter().map(|cell| cell.0).collect::<Vec<_>>();
    let freedom = cells.iter().map(|cell| cell.1).collect::<Vec<_>>();
    let of = cells.iter().map(|cell| cell.2).collect::<Vec<_>>();
    Some(VarianceComponents {
        judge_variance: ratio_estimate(&squares, &freedom, &of, level)?,
        item_variance: clustered_mean(&contributions.collect::<Vec<_>>(), &clusters, level)?,
        standard_error: (spread / n).sqrt(),
        judge_standard_error: (judge_part / n).sqrt(),
        item_standard_error: ((spread - judge_part) / n).max(0.0).sqrt(),
        questions: items.len(),
        fewest_repeats: repeats.iter().copied().min().unwrap_or_default(),
        most_repeats: repeats.iter().copied().max().unwrap_or_default(),
    })
}

/// The questions that have at least two ratings in every turn that occurs, and the numbers of their ratings.
fn items(rows: &[TurnRatings]) -> (Vec<Item>, Vec<usize>) {
    let mut turns = rows.iter().map(|row| row.turn).collect::<Vec<_>>();
    turns.sort_unstable();
    turns.dedup();
    let clusters = question_clusters(rows.iter().map(|row| row.question.as_str()));
    let mut cells = BTreeMap::<usize, BTreeMap<usize, Vec<f64>>>::new();
    for (row, cluster) in rows.iter().zip(clusters) {
        cells.entry(cluster).or_default().entry(row.turn).or_default().extend_from_slice(&row.ratings);
    }
    let (mut items, mut repeats) = (Vec::new(), Vec::new());
    for by_turn in cells.values() {
        if by_turn.len() < turns.len() || by_turn.values().any(|ratings| ratings.len() < 2) {
            continue;
        }
        let mut item = Item { mean: 0.0, judge_part: 0.0, within: Vec::new() };
        let count = turns.len() as f64;
        for ratings in by_turn.values() {
            let k = ratings.len() as f64;
            let mean = ratings.iter().sum::<f64>() / k;
            let squares = ratings.iter().map(|rating| (rating - mean).powi(2)).sum::<f64>();
            item.mean += mean / count;
            item.judge_part += squares / (k - 1.0) / k / count.powi(2);
            item.within.push((squares, k - 1.0));
            repeats.push(ratings.len());
        }
        items.push(item);
    }
    (items, repeats)
}
