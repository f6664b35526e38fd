//! The benchmark's numbers from comparisons with a baseline.

use serde::{Deserialize, Serialize};

use super::summary::question_clusters;
use super::verdict::{Game, Outcome, Place};
use crate::estimate::Estimate;
use crate::stats::mean_estimate;

/// The comparisons of one turn of one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnGames {
    /// Identifier of the question: the cluster.
    pub question: String,
    /// Its category; empty if not known.
    pub category: String,
    /// The turn, from 1.
    pub turn: usize,
    /// One comparison a repeat.
    pub games: Vec<Game>,
}

/// Shares of wins, with what they were made of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WinRates {
    /// Comparisons that were won in both orders.
    pub wins: usize,
    /// Comparisons with a tie in one order, or whose orders contradict one another.
    pub ties: usize,
    /// Comparisons that were lost in both orders.
    pub losses: usize,
    /// Comparisons with a verdict that could not be read. They are no part of the shares.
    pub unparsable: usize,
    /// Comparisons whose first answer won in both orders, whoever gave it; part of `ties`.
    pub first_place: usize,
    /// Comparisons whose second answer won in both orders, whoever gave it; part of `ties`.
    pub second_place: usize,
    /// `wins / (wins + ties + losses)`.
    pub win_rate: Option<Estimate>,
    /// `losses / (wins + ties + losses)`.
    pub loss_rate: Option<Estimate>,
    /// `(wins + ties / 2) / (wins + ties + losses)`.
    pub win_rate_adjusted: Option<Estimate>,
    /// Share of comparisons whose two orders prefer the same answer, or neither.
    pub agreement: Option<Estimate>,
}

/// The shares of one turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TurnWins {
    /// The turn, from 1.
    pub turn: usize,
    /// Its shares.
    pub rates: WinRates,
}

/// The shares of one category.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CategoryWins {
    /// The category.
    pub category: String,
    /// Its shares, over all turns.
    pub rates: WinRates,
}

/// The benchmark's numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairSummary {
    /// Over all turns.
    pub overall: WinRates,
    /// By turn.
    pub turns: Vec<TurnWins>,
    /// By category, in the order in which they first occur.
    pub categories: Vec<CategoryWins>,
}

/// Win, loss and agreement rates of pairwise judging, with intervals at `level`, clustered by question.
///
/// All rates lie in `[0, 1]`. Comparisons without a readable verdict in both orders are left out of the rates, as the
/// published program leaves them out, and counted. Source: Zheng et al., arXiv 2306.05685, and the table of results of
/// its program (`win_rate`, `loss_rate`, `win_rate_adjusted`); agreement, places and errors are ours.
pub fn pair_summary(rows: &[TurnGames], level: f64) -> PairSummary {
    let mut turns = rows.iter().map(|row| row.turn).collect::<Vec<_>>();
    turns.sort_unstable();
    turns.dedup();
    let mut names: Vec<&str> = Vec::new();
    for row in rows {
        if !names.contains(&row.category.as_str()) {
            names.push(&row.category);
        }
    }
    let turns = turns.into_iter().map(|turn| TurnWins { turn, rates: rates(rows, |row| row.turn == turn, level) });
    let categories = names.into_iter().map(|category| CategoryWins {
        category: category.to_owned(),
        rates: rates(rows, |row| row.category == category, level),
    });
    PairSummary { overall: rates(rows, |_| true, level), turns: turns.collect(), categories: categories.collect() }
}

fn rates(rows: &[TurnGames], chosen: impl Fn(&TurnGames) -> bool, level: f64) -> WinRates {
    let clusters = question_clusters(rows.iter().map(|row| row.question.as_str()));
    let chosen = rows.iter().zip(clusters).filter(|(row, _)| chosen(row));
    let games = chosen.flat_map(|(row, cluster)| row.games.iter().map(move |game| (*game, cluster)));
    let games = games.collect::<Vec<_>>();
    let read = games.iter().filter_map(|(game, cluster)| Some((*game, game.outcome()?, *cluster))).collect::<Vec<_>>();
    let of = read.iter().map(|(_, _, cluster)| *cluster).collect::<Vec<_>>();
    let count = |outcome| read.iter().filter(|(_, other, _)| *other == outcome).count();
    let places = |place| read.iter().filter(|(game, _, _)| game.preferred_place() == Some(place)).count();
    let share = |value: &dyn Fn(Game, Outcome) -> f64| {
        let values = read.iter().map(|(game, outcome, _)| value(*game, *outcome)).collect::<Vec<_>>();
        mean_estimate(&values, &of, level)
    };
    let one = |yes: bool| if yes { 1.0 } else { 0.0 };
    WinRates {
        wins: count(Outcome::Win),
        ties: count(Outcome::Tie),
        losses: count(Outcome::Loss),
        unparsable: games.len() - read.len(),
        first_place: places(Place::First),
        second_place: places(Place::Second),
        win_rate: share(&|_, outcome| one(outcome == Outcome::Win)),
        loss_rate: share(&|_, outcome| one(outcome == Outcome::Loss)),
        win_rate_adjusted: share(&|_, outcome| outcome.credit()),
        agreement: share(&|game, _| one(game.agrees() == Some(true))),
    }
}
