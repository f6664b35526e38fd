//! On which scale a benchmark's scores are, and by what they are multiplied before they are averaged with others.

use std::collections::BTreeMap;

use crate::data::score_table::ScoreTable;

use super::ScoresError;
use super::benchmarks::Contents;
use super::names::is_rating;

/// Largest rating of MT-Bench and its kind.
const HIGHEST_RATING: f64 = 10.0;

/// Factors by benchmark; 1 for those that are not named.
pub(super) struct Scales {
    pub factors: BTreeMap<String, f64>,
    /// The factors that nobody asked for.
    pub automatic: Vec<String>,
    /// Benchmarks on a scale from 0 to 1 beside others that are not: a mean of both says little.
    pub shares_beside_others: Vec<String>,
}

impl Scales {
    /// The factors asked for, and those of ratings from 1 to 10: 10 beside percentages, 0.1 beside shares, so that a rating
    /// has the scale of the others.
    pub fn new(table: &ScoreTable, contents: &Contents, asked: &BTreeMap<String, f64>) -> Result<Self, ScoresError> {
        let mut largest: BTreeMap<&str, f64> = BTreeMap::new();
        for row in &table.rows {
            let most = largest.entry(row.benchmark.as_str()).or_insert(0.0);
            *most = most.max(row.score.abs());
        }
        let largest = |name: &String| largest.get(name.as_str()).copied().unwrap_or(0.0);
        let mut scales = Self { factors: BTreeMap::new(), automatic: Vec::new(), shares_beside_others: Vec::new() };
        for (name, factor) in asked {
            let known = contents.performance.keys().find(|known| known.eq_ignore_ascii_case(name));
            let known = known.ok_or_else(|| ScoresError::UnknownScale {
                name: name.clone(),
                known: contents.performance.keys().cloned().collect::<Vec<_>>().join(", "),
            })?;
            if !(factor.is_finite() && *factor > 0.0 && *factor <= 1e6) {
                return Err(ScoresError::Scale { name: name.clone(), factor: *factor });
            }
            scales.factors.insert(known.clone(), *factor);
        }
        let averaged = if contents.has_mean() { contents.averaged().cloned().collect() } else { Vec::new() };
        let is_free_rating = |name: &&String| {
            let most = largest(name);
            is_rating(name)
                && !asked.keys().any(|a| a.eq_ignore_ascii_case(name))
                && most > 1.0
                && most <= HIGHEST_RATING
        };
        let ratings = averaged.iter().filter(is_free_rating).cloned().collect::<Vec<_>>();
        let others = averaged.iter().filter(|name| !ratings.contains(name));
        let shares =
            others.clone().count() > 0 && others.clone().all(|name| largest(name) * scales.factor(name) <= 1.0);
        for name in &ratings {
            scales.factors.insert(name.clone(), if shares { 0.1 } else { 10.0 });
        }
        let small = others.filter(|name| largest(name) * scales.factor(name) <= 1.0).cloned().collect::<Vec<_>>();
        scales.shares_beside_others = if shares { Vec::new() } else { small };
        scales.automatic = ratings;
        Ok(scales)
    }

    /// By what a benchmark's scores are multiplied.
    pub fn factor(&self, name: &str) -> f64 {
        self.factors.get(name).copied().unwrap_or(1.0)
    }
}
