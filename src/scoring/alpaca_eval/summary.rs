//! All comparisons of one model with the baseline as numbers.

use serde::Serialize;

use crate::estimate::Estimate;
use crate::score::ScorePart;
use crate::stats::mean_estimate;

use super::characters;
use super::length_control::LengthControlled;
use super::preference::Preference;

const WIN_RATE: &str = "win_rate";
const LENGTH_DIFFERENCE: &str = "length_difference";
const LENGTH: &str = "length";

/// What a score of one comparison is made of; [`Comparison::from_parts`] reads it back.
pub(super) fn parts(baseline: &str, reply: &str, shares: Vec<f64>, missing: usize) -> Vec<ScorePart> {
    let difference = characters(baseline) - characters(reply);
    let part = |name: &str, credits, missing| ScorePart { name: name.to_owned(), credits, missing };
    vec![
        part(WIN_RATE, shares, missing),
        part(LENGTH_DIFFERENCE, vec![difference as f64], 0),
        part(LENGTH, vec![characters(reply) as f64], 0),
    ]
}

/// One instruction: the model's reply compared with the baseline's answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Place of the instruction in the benchmark, from 0: what the table of difficulties is joined by.
    pub position: usize,
    /// The preference, baseline first; `None` where there is none.
    pub preference: Option<Preference>,
    /// Characters of the baseline's answer less those of the reply.
    pub length_difference: i64,
    /// Characters of the reply.
    pub length: i64,
}

impl Comparison {
    /// From the two answers.
    pub fn new(position: usize, preference: Option<Preference>, baseline: &str, reply: &str) -> Self {
        let length = characters(reply);
        Self { position, preference, length_difference: characters(baseline) - length, length }
    }

    /// From the credit of a `win_rate` score and its parts; `None` where the parts are not those of a comparison.
    pub fn from_parts(position: usize, credit: Option<f64>, parts: &[ScorePart]) -> Option<Self> {
        let whole = |name: &str| {
            let part = parts.iter().find(|part| part.name == name)?;
            let value =
                part.credits.first().copied().filter(|value| value.abs() < 1e15 && value.fract().abs() <= 0.0)?;
            #[allow(clippy::cast_possible_truncation)] // whole and far below 2^53
            Some(value as i64)
        };
        let length_difference = whole(LENGTH_DIFFERENCE)?;
        let preference = match credit {
            None => None,
            Some(credit) => Some(Preference::from_share(credit)?),
        };
        Some(Self { position, preference, length_difference, length: whole(LENGTH)? })
    }
}

/// A model's numbers against the baseline. Unscored comparisons are left out of all but `average_length`.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Mean of `x - 1` over instructions, in `[0, 1]`. The standard error is the sample standard deviation (n - 1)
    /// over √n.
    pub win_rate: Estimate,
    /// Mean of the discrete credits, in `[0, 1]`.
    pub discrete_win_rate: Estimate,
    /// Comparisons with `x > 1.5`.
    pub wins: usize,
    /// Comparisons with `x < 1.5`.
    pub baseline_wins: usize,
    /// Comparisons with `x = 1.5`.
    pub draws: usize,
    /// Comparisons without a preference.
    pub unscored: usize,
    /// Mean characters of the replies, unscored ones included.
    pub average_length: f64,
    /// The win rate at equal length, where it was computed.
    pub length_controlled: Option<LengthControlled>,
}

/// A row of `AlpacaEval`'s leaderboard file, with its column names: rates and errors in percent, lengths in characters.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeaderboardRow {
    /// Mean of `x - 1`, times 100.
    pub win_rate: f64,
    /// Its standard error, times 100; `None` with one comparison.
    pub standard_error: Option<f64>,
    /// Comparisons that the model wins.
    pub n_wins: usize,
    /// Comparisons that the baseline wins.
    pub n_wins_base: usize,
    /// Comparisons that nobody wins.
    pub n_draws: usize,
    /// Comparisons that have a preference.
    pub n_total: usize,
    /// Mean of the discrete credits, times 100.
    pub discrete_win_rate: f64,
    /// Whole part of the replies' mean length.
    pub avg_length: i64,
    /// Win rate at equal length, times 100, where it was computed.
    pub length_controlled_winrate: Option<f64>,
    /// Spread of the predicted win rates over instructions, times 100, as the leaderboard has it.
    pub lc_standard_error: Option<f64>,
}

impl Summary {
    /// Aggregates comparisons, one an instruction; `level` is the coverage of the intervals. `None` where no comparison
    /// has a preference, or the level is not in (0, 1).
    pub fn new(comparisons: &[Comparison], level: f64) -> Option<Self> {
        let preferences = comparisons.iter().filter_map(|comparison| comparison.preference).collect::<Vec<_>>();
        let clusters = (0..preferences.len()).collect::<Vec<_>>();
        let mean = |credit: fn(Preference) -> f64| {
            mean_estimate(&preferences.iter().map(|x| credit(*x)).collect::<Vec<_>>(), &clusters, level)
        };
        let count = |test: fn(f64) -> bool| preferences.iter().filter(|x| test(x.discrete())).count();
        let (wins, baseline_wins) = (count(|share| share > 0.5), count(|share| share < 0.5));
        let length = comparisons.iter().map(|comparison| comparison.length as f64).sum::<f64>();
        Some(Self {
            win_rate: mean(Preference::share)?,
            discrete_win_rate: mean(Preference::discrete)?,
            wins,
            baseline_wins,
            draws: preferences.len() - wins - baseline_wins,
            unscored: comparisons.len() - preferences.len(),
            average_length: length / comparisons.len() as f64,
            length_controlled: None,
        })
    }

    /// The same as a row of the leaderboard.
    pub fn leaderboard_row(&self) -> LeaderboardRow {
        let controlled = self.length_controlled.as_ref();
        #[allow(clippy::cast_possible_truncation)] // a length; the cast saturates
        let avg_length = self.average_length as i64;
        LeaderboardRow {
            win_rate: 100.0 * self.win_rate.point,
            standard_error: self.win_rate.standard_error.map(|error| 100.0 * error),
            n_wins: self.wins,
            n_wins_base: self.baseline_wins,
            n_draws: self.draws,
            n_total: self.win_rate.n,
            discrete_win_rate: 100.0 * self.discrete_win_rate.point,
            avg_length,
            length_controlled_winrate: controlled.map(|found| 100.0 * found.win_rate.point),
            lc_standard_error: controlled.and_then(|found| found.prediction_error).map(|error| 100.0 * error),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn comparisons(stored: &[Option<f64>]) -> Vec<Comparison> {
        let preference = |value: &Option<f64>| value.and_then(Preference::from_stored);
        stored.iter().map(preference).enumerate().map(|(at, x)| Comparison::new(at, x, "abc", "defgh")).collect()
    }

    /// By hand: the shares 1, 0, ½, ½ and ¾ have the mean 0.55 and the sample variance 0.1375; None and 3 are dropped.
    #[test]
    fn draws_count_half_and_what_is_no_preference_not_at_all() {
        let summary = Summary::new(
            &comparisons(&[Some(2.0), Some(1.0), Some(1.5), Some(0.0), Some(1.75), None, Some(3.0)]),
            0.95,
        )
        .unwrap();
        assert!((summary.win_rate.point - 0.55).abs() < 1e-12);
        let error = (0.1375_f64 / 5.0).sqrt();
        assert!((summary.win_rate.standard_error.unwrap() - error).abs() < 1e-12);
        assert!((summary.discrete_win_rate.point - 0.6).abs() < 1e-12);
        assert_eq!((summary.wins, summary.baseline_wins, summary.draws, summary.unscored), (2, 1, 2, 2));
        let row = summary.leaderboard_row();
        assert_eq!((row.n_total, row.avg_length, row.length_controlled_winrate), (5, 5, None));
    }

    #[test]
    fn nothing_judged_gives_no_number() {
        assert_eq!(Summary::new(&comparisons(&[None, None]), 0.95), None);
        assert_eq!(Summary::new(&[], 0.95), None);
    }

    #[test]
    fn a_comparison_reads_back_from_the_parts_of_its_score() {
        let comparison = Comparison::new(4, Preference::from_stored(1.25), "long baseline", "short");
        let parts = parts("long baseline", "short", vec![0.25], 0);
        assert_eq!(Comparison::from_parts(4, Some(0.25), &parts), Some(comparison));
        assert_eq!(Comparison::from_parts(4, None, &parts).unwrap().preference, None);
        assert_eq!(Comparison::from_parts(4, Some(1.25), &parts), None);
        assert_eq!(Comparison::from_parts(4, Some(0.25), &[]), None);
    }
}
