//! What a task's number is made of: categories of instructions, turns of a conversation, length of replies.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::instance::Expectation;
use crate::record::{Purpose, ScoreRecord};
use crate::response::Response;
use crate::scoring::alpaca_eval::{self, Comparison, LengthControlSettings};
use crate::scoring::instructions::compare_modes;
use crate::scoring::mt_bench::{self, RatingMean, TurnRatings};
use crate::seed::Seed;
use crate::sensitivity::Measure;
use crate::stats::{cluster_indices, mean_estimate};
use crate::task::{Metric, Scorer, Task, VerifierMode};

use super::number::{figure, with_interval};
use super::task::measure;

/// Resamples of the length-controlled win rate's interval.
const LENGTH_CONTROL_DRAWS: usize = 1_000;

/// Names of the sums over all prompts and over all instructions.
const PROMPTS: &str = "prompts, every instruction";
const INSTRUCTIONS: &str = "instructions";

/// A table of parts of a task's number, on the original wording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Breakdown {
    /// What the rows are.
    pub title: String,
    /// Heads of the columns of numbers.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<BreakdownRow>,
    /// What a reader must know.
    pub notes: Vec<String>,
}

/// A row of a [`Breakdown`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BreakdownRow {
    /// The part.
    pub name: String,
    /// One number a column.
    pub values: Vec<Measure>,
}

/// A scored original: the instance, its cluster, its question's expectation and its score.
pub(super) struct Original<'a> {
    pub instance: &'a str,
    pub cluster: &'a str,
    pub purpose: &'a Purpose,
    pub score: &'a ScoreRecord,
    pub response: Option<&'a Response>,
}

/// The breakdown of a task; `None` for tasks whose number has no parts. `originals` gives the scores of the original wordings
/// under a metric and the task's first filter.
pub(super) fn breakdown<'a>(
    task: &Task,
    originals: impl Fn(Metric) -> Vec<Original<'a>>,
    level: f64,
    seed: Seed,
) -> Option<Breakdown> {
    let found = match task.scorer {
        Scorer::Targets => None,
        Scorer::Instructions(_) | Scorer::Dialogue => {
            let strict = originals(Metric::InstLevelStrictAcc);
            let loose = originals(Metric::InstLevelLooseAcc);
            let mut table = instructions(&strict, &loose, level);
            let prompts = [Metric::PromptLevelStrictAcc, Metric::PromptLevelLooseAcc].map(|metric| {
                let originals = originals(metric);
                let scored = originals.iter().filter_map(|one| Some((one.score.score.credit()?, one.cluster)));
                let (credits, clusters): (Vec<f64>, Vec<&str>) = scored.unzip();
                let estimate = mean_estimate(&credits, &cluster_indices(clusters.iter().copied()), level);
                measure(estimate, "no prompt was scored")
            });
            if !table.rows.is_empty() {
                table.rows.insert(0, BreakdownRow { name: PROMPTS.to_owned(), values: prompts.into() });
            }
            if let Scorer::Instructions(mode) = task.scorer {
                table.notes = modes(mode, &strict);
            }
            Some(table)
        }
        Scorer::MtBench => Some(ratings(&originals(Metric::Rating), level)),
        Scorer::MtBenchPair => Some(games(&originals(Metric::WinRate), level)),
        Scorer::AlpacaEval => comparisons(&originals(Metric::WinRate), level, seed),
    };
    found.filter(|table| !table.rows.is_empty())
}

/// Credits with their clusters.
type Shares<'a> = (Vec<f64>, Vec<&'a str>);

/// Accuracies of categories (before the colon) and of single instructions: shares of all instructions of that name.
fn instructions(strict: &[Original<'_>], loose: &[Original<'_>], level: f64) -> Breakdown {
    let mut found: BTreeMap<String, [Shares<'_>; 2]> = BTreeMap::new();
    for (column, originals) in [strict, loose].into_iter().enumerate() {
        for original in originals {
            for part in &original.score.parts {
                let category = part.name.split(':').next().unwrap_or_default();
                let own = (category != part.name).then_some(part.name.as_str());
                // The space sorts the sum before the categories.
                for name in [" ", category].into_iter().chain(own) {
                    let columns = found.entry(name.to_owned()).or_default();
                    if let Some((credits, clusters)) = columns.get_mut(column) {
                        credits.extend_from_slice(&part.credits);
                        clusters.resize(credits.len(), original.cluster);
                    }
                }
            }
        }
    }
    let share = |(credits, clusters): &Shares<'_>| {
        let estimate = mean_estimate(credits, &cluster_indices(clusters.iter().copied()), level);
        measure(estimate, "no instruction of this name was scored")
    };
    let row = |(name, columns): (&String, &[Shares<'_>; 2])| BreakdownRow {
        name: if name == " " { INSTRUCTIONS.to_owned() } else { name.clone() },
        values: columns.iter().map(share).collect(),
    };
    let rows = found.iter().map(row);
    Breakdown {
        title: "Share of instructions followed".to_owned(),
        columns: vec!["strict".to_owned(), "loose".to_owned()],
        rows: rows.collect(),
        notes: Vec::new(),
    }
}

/// Where the three ways of verifying would decide otherwise: instructions by name, with the reason.
fn modes(used: VerifierMode, originals: &[Original<'_>]) -> Vec<String> {
    let mut found: BTreeMap<(String, &'static str), usize> = BTreeMap::new();
    for original in originals {
        let Purpose::Judge { expectation: Expectation::Verified { turns }, .. } = original.purpose else { continue };
        let (Some(checks), Some(response)) = (turns.first(), original.response) else { continue };
        let reply = response.replies().first().map_or("", |reply| reply.text.as_str());
        for difference in compare_modes(checks, reply).unwrap_or_default() {
            *found.entry((difference.id, difference.reason)).or_default() += 1;
        }
    }
    let mut notes = vec![format!("verified in mode `{used}`; --ifeval_mode chooses among official, lm-eval and fixed")];
    if found.is_empty() {
        notes.push("the three modes decide alike on every reply".to_owned());
    }
    notes.extend(
        found.iter().map(|((id, reason), count)| format!("the modes differ on {count} replies in {id}: {reason}")),
    );
    notes
}

fn ratings(originals: &[Original<'_>], level: f64) -> Breakdown {
    let turns = originals.iter().flat_map(|original| {
        TurnRatings::from_parts(original.instance, category(original.purpose), &original.score.parts)
    });
    let summary = mt_bench::summary(&turns.collect::<Vec<_>>(), level);
    let row = |name: String, rating: &RatingMean| BreakdownRow {
        name,
        values: vec![
            measure(rating.mean, "no judgment gave a rating"),
            measure(rating.mean_of_medians, "no judgment gave a rating"),
        ],
    };
    let mut rows = vec![row("all turns".to_owned(), &summary.overall)];
    rows.extend(summary.turns.iter().map(|turn| row(format!("turn {}", turn.turn), &turn.rating)));
    let named = summary.categories.iter().filter(|category| !category.category.is_empty());
    rows.extend(named.map(|category| row(category.category.clone(), &category.overall)));
    let overall = summary.overall;
    let mut notes = vec![format!("{} judgments with a rating, {} without", overall.kept, overall.unparsable)];
    if let Some(bounds) = overall.bounds.filter(|_| overall.unparsable > 0) {
        notes.push(format!(
            "were every judgment without a rating a 1 or a 10, the mean of all turns would lie between {} and {}",
            figure(bounds.low),
            figure(bounds.high)
        ));
    }
    if let Some(variance) = &summary.variance {
        notes.push(format!(
            "variance between questions {}, of the judge within a question {}; of the mean's standard error, {} is the \
             judge's and {} the questions'",
            with_interval(&variance.item_variance),
            with_interval(&variance.judge_variance),
            figure(variance.judge_standard_error),
            figure(variance.item_standard_error)
        ));
    }
    Breakdown {
        title: "Ratings".to_owned(),
        columns: vec!["mean".to_owned(), "mean of medians".to_owned()],
        rows,
        notes,
    }
}

/// Wins over the baseline by turn and category; a tie counts one half, and so does a win that the other order takes back.
fn games(originals: &[Original<'_>], level: f64) -> Breakdown {
    let mut found: BTreeMap<String, (Vec<f64>, Vec<&str>)> = BTreeMap::new();
    let mut missing = 0;
    for original in originals {
        for part in &original.score.parts {
            missing += part.missing;
            let names = [part.name.as_str(), "all turns", category(original.purpose)];
            for name in names.into_iter().filter(|name| !name.is_empty()) {
                let (credits, clusters) = found.entry(name.to_owned()).or_default();
                credits.extend_from_slice(&part.credits);
                clusters.resize(credits.len(), original.cluster);
            }
        }
    }
    let rows = found.iter().map(|(name, (credits, clusters))| {
        let estimate = mean_estimate(credits, &cluster_indices(clusters.iter().copied()), level);
        BreakdownRow { name: name.clone(), values: vec![measure(estimate, "no judgment gave a verdict")] }
    });
    Breakdown {
        title: "Wins over the baseline".to_owned(),
        columns: vec!["share".to_owned()],
        rows: rows.collect(),
        notes: vec![format!("{missing} comparisons without a verdict that both orders give")],
    }
}

fn category(purpose: &Purpose) -> &str {
    match purpose {
        Purpose::Judge { expectation: Expectation::Judged { category, .. }, .. } => category,
        _ => "",
    }
}

fn comparisons(originals: &[Original<'_>], level: f64, seed: Seed) -> Option<Breakdown> {
    let numbered = originals.iter().enumerate();
    let found = numbered.filter_map(|(place, original)| {
        Comparison::from_parts(place, original.score.score.credit(), &original.score.parts)
    });
    let comparisons = found.collect::<Vec<_>>();
    let summary = alpaca_eval::Summary::new(&comparisons, level)?;
    let settings = LengthControlSettings { level, draws: LENGTH_CONTROL_DRAWS, ..LengthControlSettings::new(seed) };
    let controlled = alpaca_eval::length_controlled(&comparisons, None, settings);
    let row = |name: &str, value: Measure| BreakdownRow { name: name.to_owned(), values: vec![value] };
    let mut notes = vec![
        format!(
            "{} wins, {} wins of the baseline, {} draws, {} without a preference; replies are {} characters long on average",
            summary.wins,
            summary.baseline_wins,
            summary.draws,
            summary.unscored,
            figure(summary.average_length)
        ),
        "the length-controlled win rate is the minimal form: without the table of difficulties it is not the leaderboard's"
            .to_owned(),
    ];
    if controlled.as_ref().is_ok_and(|found| found.extreme) {
        notes.push("length control moves the win rate further than AlpacaEval takes to be plausible".to_owned());
    }
    let length_controlled = match controlled {
        Ok(found) => Measure::Defined(found.win_rate),
        Err(error) => Measure::undefined(error.to_string()),
    };
    Some(Breakdown {
        title: "Comparisons with the baseline".to_owned(),
        columns: vec!["share".to_owned()],
        rows: vec![
            row("win rate", Measure::Defined(summary.win_rate)),
            row("discrete win rate", Measure::Defined(summary.discrete_win_rate)),
            row("length-controlled win rate (minimal)", length_controlled),
        ],
        notes,
    })
}
