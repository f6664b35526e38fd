//! Judgments that were made elsewhere.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::{ExternalArgs, print_table, read_text, say, write_json};
use crate::analyze::number::{figure, with_interval};
use crate::cli::Exit;
use crate::cli::progress::note;
use crate::data::alpaca_eval::{read_annotations, read_difficulty_table, summarize};
use crate::data::fastchat::{self, PairJudgment, SingleJudgment};
use crate::data::{LoggedTask, TaskSource};
use crate::estimate::Estimate;
use crate::scoring::alpaca_eval::LengthControlSettings;
use crate::scoring::mt_bench::{PairSummary, RatingMean, Summary, WinRates, pair_summary, summary};
use crate::seed::Seed;

/// Resamples of the length-controlled win rate's interval.
const LENGTH_CONTROL_DRAWS: usize = 1_000;

/// Aggregates annotations as AlpacaEval does.
pub(super) fn annotations(file: &Path, args: &ExternalArgs, level: f64) -> anyhow::Result<Exit> {
    let annotations = read_annotations(file)?;
    let table = args.difficulties.as_deref().map(read_difficulty_table).transpose()?;
    let settings = LengthControlSettings { seed: Seed(0), draws: LENGTH_CONTROL_DRAWS, level };
    let found = summarize(&file.display().to_string(), &annotations, None, table.as_ref(), settings)?;
    let summary = &found.summary;
    say(&format!("{} against {}, judged by {}", found.generator, found.baseline, found.annotator))?;
    let mut rows = vec![
        vec!["win rate".to_owned(), in_percent(&summary.win_rate)],
        vec!["discrete win rate".to_owned(), in_percent(&summary.discrete_win_rate)],
    ];
    if let Some(controlled) = &summary.length_controlled {
        let name = format!("length-controlled win rate ({})", controlled.form.as_str());
        rows.push(vec![name, in_percent(&controlled.win_rate)]);
    }
    let counts = [
        ("wins", summary.wins),
        ("losses", summary.baseline_wins),
        ("draws", summary.draws),
        ("unscored", summary.unscored),
    ];
    rows.extend(counts.map(|(name, count)| vec![name.to_owned(), count.to_string()]));
    rows.push(vec!["mean length, characters".to_owned(), figure(summary.average_length)]);
    print_table(&["", "percent; counts"], &rows)?;
    match (&found.no_length_control, &summary.length_controlled) {
        (Some(reason), _) => say(&format!("No length-controlled win rate: {reason}"))?,
        (None, Some(controlled)) if controlled.extreme => {
            say("The length-controlled win rate is further from the win rate than is plausible.")?;
        }
        _ => {}
    }
    if table.is_none() {
        say("Without --difficulties the length-controlled win rate is the minimal form, not the leaderboard's.")?;
    }
    let controlled = summary.length_controlled.as_ref();
    write_json(
        args,
        &json!({
            "generator": found.generator,
            "baseline": found.baseline,
            "annotator": found.annotator,
            "leaderboard_row": summary.leaderboard_row(),
            "win_rate": summary.win_rate,
            "discrete_win_rate": summary.discrete_win_rate,
            "length_controlled_win_rate": controlled.map(|found| found.win_rate),
            "length_control": controlled.map(|found| found.form.as_str()),
            "no_length_control": found.no_length_control.as_ref().map(ToString::to_string),
        }),
    )?;
    Ok(Exit::Success)
}

fn in_percent(estimate: &Estimate) -> String {
    let scaled = |value: f64| value * 100.0;
    let interval = estimate.interval.map(|interval| crate::estimate::Interval {
        low: scaled(interval.low),
        high: scaled(interval.high),
        ..interval
    });
    let error =
        estimate.standard_error.map_or(String::new(), |error| format!(", standard error {}", figure(scaled(error))));
    with_interval(&Estimate { point: scaled(estimate.point), interval, ..*estimate }) + &error
}

/// Aggregates single ratings or comparisons as `FastChat` does, model by model.
pub(super) fn ratings(
    source: &TaskSource,
    file: &Path,
    args: &ExternalArgs,
    level: f64,
    quiet: bool,
) -> anyhow::Result<Exit> {
    let name = file.display().to_string();
    let text = read_text(file)?;
    let categories = categories(source, args, quiet);
    let first: Option<Value> =
        text.lines().find(|line| !line.trim().is_empty()).and_then(|line| serde_json::from_str(line).ok());
    if first.is_some_and(|row| row.get("model_1").is_some()) {
        return pairs(&fastchat::pair_judgments(&text, &name)?, &categories, args, level);
    }
    singles(&fastchat::single_judgments(&text, &name)?, &categories, args, level)
}

/// Categories of the questions, from the benchmark's data where they are at hand.
fn categories(source: &TaskSource, args: &ExternalArgs, quiet: bool) -> BTreeMap<i64, String> {
    match LoggedTask::read(source, args.data.as_deref()) {
        Ok(logged) => {
            let category = |fields: &serde_json::Map<String, Value>| {
                Some((fields.get("question_id")?.as_i64()?, fields.get("category")?.as_str()?.to_owned()))
            };
            logged.documents.iter().filter_map(|document| category(&document.fields)).collect()
        }
        Err(error) => {
            note(quiet, &format!("no numbers by category: {error}"));
            BTreeMap::new()
        }
    }
}

fn singles(
    judgments: &[SingleJudgment],
    categories: &BTreeMap<i64, String>,
    args: &ExternalArgs,
    level: f64,
) -> anyhow::Result<Exit> {
    let mut all = serde_json::Map::new();
    let mut kept = 0;
    for model in fastchat::models(judgments) {
        let found = summary(&fastchat::rated_turns(judgments, categories, model), level);
        say(&format!("{model}: ratings from 1 to 10"))?;
        print_table(&["", "mean", "ratings", "unparsable", "mean if those were 1 or 10"], &rating_rows(&found))?;
        if let Some(variance) = &found.variance {
            say(&format!(
                "Standard error {} over {} questions; the judge's part {}, the questions' {}.",
                figure(variance.standard_error),
                variance.questions,
                figure(variance.judge_standard_error),
                figure(variance.item_standard_error)
            ))?;
        }
        kept += found.overall.kept;
        all.insert(model.to_owned(), json!(found));
    }
    write_json(args, &Value::Object(all))?;
    Ok(if kept > 0 { Exit::Success } else { Exit::Nothing })
}

fn rating_rows(found: &Summary) -> Vec<Vec<String>> {
    let row = |name: String, rating: &RatingMean| {
        let mean = rating.mean.as_ref().map_or_else(|| "none".to_owned(), with_interval);
        let bounds = rating.bounds.map(|bounds| format!("{} to {}", figure(bounds.low), figure(bounds.high)));
        let bounds = bounds.filter(|_| rating.unparsable > 0).unwrap_or_default();
        vec![name, mean, rating.kept.to_string(), rating.unparsable.to_string(), bounds]
    };
    let turns = found.turns.iter().map(|turn| row(format!("turn {}", turn.turn), &turn.rating));
    let named = found.categories.iter().filter(|category| !category.category.is_empty());
    let categories = named.map(|category| row(category.category.clone(), &category.overall));
    std::iter::once(row("all".to_owned(), &found.overall)).chain(turns).chain(categories).collect()
}

fn pairs(
    judgments: &[PairJudgment],
    categories: &BTreeMap<i64, String>,
    args: &ExternalArgs,
    level: f64,
) -> anyhow::Result<Exit> {
    let mut models: Vec<&str> = judgments.iter().flat_map(|one| [one.model_1.as_str(), one.model_2.as_str()]).collect();
    models.sort_unstable();
    models.dedup();
    let mut all = serde_json::Map::new();
    let mut read = 0;
    for model in models {
        let found = pair_summary(&fastchat::compared_turns(judgments, categories, model, None), level);
        say(&format!("{model}: comparisons in both orders"))?;
        let heads = ["", "win rate, ties half", "wins", "ties", "losses", "unparsable", "orders agree"];
        print_table(&heads, &win_rows(&found))?;
        read += found.overall.wins + found.overall.ties + found.overall.losses;
        all.insert(model.to_owned(), json!(found));
    }
    write_json(args, &Value::Object(all))?;
    Ok(if read > 0 { Exit::Success } else { Exit::Nothing })
}

fn win_rows(found: &PairSummary) -> Vec<Vec<String>> {
    let row = |name: String, rates: &WinRates| {
        let shown = |estimate: &Option<Estimate>| estimate.as_ref().map_or_else(|| "none".to_owned(), with_interval);
        let counts = [rates.wins, rates.ties, rates.losses, rates.unparsable].map(|count| count.to_string());
        let [wins, ties, losses, unparsable] = counts;
        vec![name, shown(&rates.win_rate_adjusted), wins, ties, losses, unparsable, shown(&rates.agreement)]
    };
    let turns = found.turns.iter().map(|turn| row(format!("turn {}", turn.turn), &turn.rates));
    let named = found.categories.iter().filter(|category| !category.category.is_empty());
    let categories = named.map(|category| row(category.category.clone(), &category.rates));
    std::iter::once(row("all".to_owned(), &found.overall)).chain(turns).chain(categories).collect()
}
