//! The benchmark's numbers from the ratings of its questions.

use serde::{Deserialize, Serialize};

use super::rating::RATING_SCALE;
use super::score::median;
use super::variance::{VarianceComponents, variance_components};
use crate::estimate::Estimate;
use crate::score::ScorePart;
use crate::stats::clustered_mean;

/// The ratings of one turn of one question.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnRatings {
    /// Identifier of the question: the cluster.
    pub question: String,
    /// Its category; empty if not known.
    pub category: String,
    /// The turn, from 1.
    pub turn: usize,
    /// One rating a repeat that gave one, in points; finite.
    pub ratings: Vec<f64>,
    /// Repeats that gave none.
    pub unparsable: usize,
}

impl TurnRatings {
    /// The turns of a conversation from the parts of its [`score`](super::score()).
    pub fn from_parts(question: &str, category: &str, parts: &[ScorePart]) -> Vec<Self> {
        let turns = parts.iter().filter_map(|part| {
            let turn = part.name.strip_prefix("turn ")?.parse().ok()?;
            Some(Self {
                question: question.to_owned(),
                category: category.to_owned(),
                turn,
                ratings: part.credits.clone(),
                unparsable: part.missing,
            })
        });
        turns.collect()
    }
}

/// What a mean could be at the ends of the scale.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// If every unparsable rating were 1.
    pub low: f64,
    /// If every unparsable rating were 10.
    pub high: f64,
}

/// A mean rating, in points, with what it was made of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RatingMean {
    /// Mean over all ratings that could be read: the published number. `None` where there is none.
    pub mean: Option<Estimate>,
    /// Mean over questions and turns of the median over repeats; the same with one repeat.
    pub mean_of_medians: Option<Estimate>,
    /// Ratings that could be read.
    pub kept: usize,
    /// Judgments without a rating. They are no part of the means.
    pub unparsable: usize,
    /// Kept ratings that lie off the scale from 1 to 10.
    pub off_scale: usize,
    /// What the published mean could be, had every judgment given a rating on the scale; both ends are that mean where
    /// all did.
    pub bounds: Option<Bounds>,
}

/// The mean of one turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TurnMean {
    /// The turn, from 1.
    pub turn: usize,
    /// Its mean.
    pub rating: RatingMean,
}

/// The means of one category.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CategoryRatings {
    /// The category.
    pub category: String,
    /// Over all turns.
    pub overall: RatingMean,
    /// By turn.
    pub turns: Vec<TurnMean>,
}

/// The benchmark's numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Over all turns.
    pub overall: RatingMean,
    /// By turn.
    pub turns: Vec<TurnMean>,
    /// By category, in the order in which they first occur.
    pub categories: Vec<CategoryRatings>,
    /// What part of the error is the judge's; `None` without repeats.
    pub variance: Option<VarianceComponents>,
}

/// Turn means, category means and the overall mean of single-answer grading, with intervals at `level`.
///
/// The published number of a group of judgments is the mean over those that gave a rating, every judgment counting the
/// same. Its error is clustered by question, since the two turns of a conversation are not independent
/// ([`clustered_mean`], Student's t). Units are points on a scale from 1 to 10; more is better. Unparsable judgments
/// are counted, and `bounds` says what they could change. Ratings off the scale are kept, as the published program
/// keeps them, and counted.
///
/// Source: Zheng et al., arXiv 2306.05685, and the table of results of its program; the errors, bounds and medians are
/// ours.
pub fn summary(rows: &[TurnRatings], level: f64) -> Summary {
    let all = rows.iter().collect::<Vec<_>>();
    let mut names: Vec<&str> = Vec::new();
    for row in rows {
        if !names.contains(&row.category.as_str()) {
            names.push(&row.category);
        }
    }
    let categories = names.into_iter().map(|category| {
        let own = all.iter().copied().filter(|row| row.category == category).collect::<Vec<_>>();
        CategoryRatings {
            category: category.to_owned(),
            overall: rating_mean(&own, level),
            turns: by_turn(&own, level),
        }
    });
    Summary {
        overall: rating_mean(&all, level),
        turns: by_turn(&all, level),
        categories: categories.collect(),
        variance: variance_components(rows, level),
    }
}

fn by_turn(rows: &[&TurnRatings], level: f64) -> Vec<TurnMean> {
    let mut turns = rows.iter().map(|row| row.turn).collect::<Vec<_>>();
    turns.sort_unstable();
    turns.dedup();
    let mean = |turn| {
        let own = rows.iter().copied().filter(|row| row.turn == turn).collect::<Vec<_>>();
        TurnMean { turn, rating: rating_mean(&own, level) }
    };
    turns.into_iter().map(mean).collect()
}

fn rating_mean(rows: &[&TurnRatings], level: f64) -> RatingMean {
    let clusters = question_clusters(rows.iter().map(|row| row.question.as_str()));
    let (mut ratings, mut of) = (Vec::new(), Vec::new());
    let (mut medians, mut median_of) = (Vec::new(), Vec::new());
    let mut unparsable = 0;
    for (row, cluster) in rows.iter().zip(clusters) {
        ratings.extend_from_slice(&row.ratings);
        of.resize(ratings.len(), cluster);
        if let Some(middle) = median(&row.ratings) {
            medians.push(middle);
            median_of.push(cluster);
        }
        unparsable += row.unparsable;
    }
    let kept = ratings.len();
    let off_scale = ratings.iter().filter(|rating| !RATING_SCALE.contains(rating)).count();
    let (sum, total) = (ratings.iter().sum::<f64>(), (kept + unparsable) as f64);
    let at = |points: f64| (sum + unparsable as f64 * points) / total;
    RatingMean {
        mean: clustered_mean(&ratings, &of, level),
        mean_of_medians: clustered_mean(&medians, &median_of, level),
        kept,
        unparsable,
        off_scale,
        bounds: (total > 0.0).then(|| Bounds { low: at(*RATING_SCALE.start()), high: at(*RATING_SCALE.end()) }),
    }
}

/// A number for each question, by name.
pub(super) fn question_clusters<'a>(questions: impl Iterator<Item = &'a str> + Clone) -> Vec<usize> {
    let mut names = questions.clone().collect::<Vec<_>>();
    names.sort_unstable();
    names.dedup();
    questions.map(|name| names.binary_search(&name).unwrap_or_default()).collect()
}
