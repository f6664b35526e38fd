//! Published figures beside what the scores give.

use crate::analyze::analysis::PublishedComparison;
use crate::analyze::picture::{BestWeights, Gain, Grouping, PublishedFigure};
use crate::analyze::weightings::results::WeightingsAnalysis;
use crate::data::score_table::published::{Group, PublishedEntry, PublishedFigures, Quantity, numbers};

use super::given_average::GivenAverage;
use super::names::AVERAGE;

/// What is shown where the scores do not have the quantity.
const ABSENT: &str = "not in these scores";

/// Compares every figure, to the digits that are printed.
pub(super) fn compare(
    figures: &PublishedFigures,
    weightings: &WeightingsAnalysis,
    given: Option<&GivenAverage>,
) -> PublishedComparison {
    let desk = Desk { weightings, given };
    let mut rows = Vec::new();
    let mut slips = Vec::new();
    for entry in &figures.figure {
        let row = desk.row(entry);
        slips.extend(desk.slip(entry, &row, figures));
        rows.push(row);
    }
    for remark in &figures.remark {
        let group = remark.best_weights.map(|group| desk.all_weights(group)).filter(|all| !all.is_empty());
        let tail = group.map_or_else(String::new, |all| format!("; the scores give {all}"));
        slips.push(format!("{}: {}{tail}.", remark.place, remark.text.trim_end_matches('.')));
    }
    PublishedComparison { source: figures.source.clone(), rows, slips }
}

struct Desk<'a> {
    weightings: &'a WeightingsAnalysis,
    given: Option<&'a GivenAverage>,
}

/// Numbers that the scores give for a figure: every reading of it that is as good as another, the first one shown first.
struct Reading {
    shown: String,
    /// Each to be compared with the printed numbers.
    candidates: Vec<Vec<String>>,
}

impl Desk<'_> {
    fn row(&self, entry: &PublishedEntry) -> PublishedFigure {
        let printed = numbers(&entry.published);
        let decimals = printed.first().and_then(|number| number.split_once('.')).map_or(0, |(_, tail)| tail.len());
        let reading = self.reading(&entry.quantity, decimals.min(9));
        let agrees = match (&entry.quantity, &reading) {
            (Quantity::Average {}, _) => self.given.is_some_and(GivenAverage::agrees),
            (_, Some(reading)) => reading.candidates.iter().any(|candidate| *candidate == printed),
            (_, None) => false,
        };
        PublishedFigure {
            place: entry.place.clone(),
            subject: entry.subject.clone(),
            published: entry.published.clone(),
            recomputed: reading.map_or_else(|| ABSENT.to_owned(), |reading| reading.shown),
            agrees,
        }
    }

    fn reading(&self, quantity: &Quantity, decimals: usize) -> Option<Reading> {
        let percent = |share: f64| format!("{:.decimals$}", share * 100.0);
        match quantity {
            Quantity::BestWeights { group, name, stage } => {
                let found = self.weights(*group).into_iter().find(|entry| {
                    entry.name.eq_ignore_ascii_case(name) && (stage.is_none() || entry.stage == *stage)
                })?;
                let (prompt, response) = (found.prompt.point()?, found.response.point()?);
                let pair = vec![format!("{prompt:.decimals$}"), format!("{response:.decimals$}")];
                Some(Reading { shown: pair.join(" / "), candidates: vec![pair] })
            }
            Quantity::Gain { model, dataset, stage, benchmark } => {
                let gain = self.gains(benchmark.as_deref(), stage.as_deref()).find(|gain| {
                    let series = self.weightings.series.iter().find(|series| series.number == gain.series);
                    let same = |known: &Option<String>, name: &str| {
                        known.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(name))
                    };
                    series.is_some_and(|series| same(&series.model, model) && same(&series.dataset, dataset))
                })?;
                let by_table = self.given.filter(|_| benchmark.is_none());
                let by_table = by_table.and_then(|given| given.gain(self.weightings, gain));
                Some(gains_reading(gain.relative.point()?, by_table, &percent))
            }
            Quantity::MeanGain { stage, benchmark } => {
                let name = benchmark.as_deref().unwrap_or(AVERAGE);
                let found = self.weightings.picture.mean_gains.iter().find(|entry| {
                    entry.benchmark.eq_ignore_ascii_case(name) && (stage.is_none() || entry.stage == *stage)
                })?;
                let by_table = self.given.filter(|_| benchmark.is_none()).and_then(|given| {
                    let all = self.gains(None, stage.as_deref()).map(|gain| given.gain(self.weightings, gain));
                    let all = all.collect::<Option<Vec<_>>>().filter(|all| !all.is_empty())?;
                    Some(all.iter().sum::<f64>() / all.len() as f64)
                });
                Some(gains_reading(found.relative.point()?, by_table, &percent))
            }
            Quantity::Count { name, stage } => {
                let mut counts = self.weightings.picture.counts.iter();
                let found = counts.find(|count| count.name == *name && (stage.is_none() || count.stage == *stage))?;
                let pair = vec![found.hits.to_string(), found.of.to_string()];
                Some(Reading { shown: pair.join(" of "), candidates: vec![pair] })
            }
            Quantity::Average {} => Some(Reading { shown: self.given?.ratio_text(), candidates: Vec::new() }),
        }
    }

    fn gains<'b>(&'b self, benchmark: Option<&'b str>, stage: Option<&'b str>) -> impl Iterator<Item = &'b Gain> {
        let name = benchmark.unwrap_or(AVERAGE);
        let fits = move |gain: &&Gain| {
            let series = self.weightings.series.iter().find(|series| series.number == gain.series);
            gain.benchmark.eq_ignore_ascii_case(name)
                && (stage.is_none() || series.is_some_and(|series| series.stage.as_deref() == stage))
        };
        self.weightings.picture.gains.iter().filter(fits)
    }

    fn weights(&self, group: Group) -> Vec<&BestWeights> {
        let grouping = match group {
            Group::Benchmark => Grouping::Benchmark,
            Group::Dataset => Grouping::Dataset,
            Group::Model => Grouping::Model,
        };
        self.weightings.picture.best_weights.iter().filter(|entry| entry.grouping == grouping).collect()
    }

    /// `Gemma-2-2B 0.40 / 0.59, Mistral-7B 0.32 / 0.52`.
    fn all_weights(&self, group: Group) -> String {
        let entry = |entry: &&BestWeights| {
            Some(format!("{} {:.2} / {:.2}", entry.name, entry.prompt.point()?, entry.response.point()?))
        };
        self.weights(group).iter().filter_map(entry).collect::<Vec<_>>().join(", ")
    }

    /// What is wrong in print, where something is.
    fn slip(&self, entry: &PublishedEntry, row: &PublishedFigure, figures: &PublishedFigures) -> Option<String> {
        if row.agrees || row.recomputed == ABSENT {
            return None;
        }
        if entry.quantity == (Quantity::Average {}) {
            return self.given.and_then(GivenAverage::slip).map(|slip| format!("{}: {slip}", entry.place));
        }
        let head = format!("{}, {}: printed as {}", entry.place, entry.subject, entry.published);
        if let Some([from, to]) = entry.from_to {
            let follows = (to - from) / from * 100.0;
            return Some(format!("{head}, although from {from} to {to} is {follows:+.2} %."));
        }
        let tail = self.explained(entry, figures).unwrap_or_default();
        Some(format!("{head}, the scores give {}.{tail}", row.recomputed))
    }

    /// Whether a printed mean gain becomes the one that the scores give once a printed gain is put right.
    fn explained(&self, entry: &PublishedEntry, figures: &PublishedFigures) -> Option<String> {
        let Quantity::MeanGain { stage, benchmark } = &entry.quantity else { return None };
        let printed: f64 = numbers(&entry.published).first()?.parse().ok()?;
        let decimals = numbers(&entry.published).first()?.split_once('.').map_or(0, |(_, tail)| tail.len());
        let count = self.gains(benchmark.as_deref(), stage.as_deref()).count() as f64;
        let fix = figures.figure.iter().filter(|other| matches!(other.quantity, Quantity::Gain { .. }));
        let moved = fix.filter_map(|other| {
            let [from, to] = other.from_to?;
            let wrong: f64 = numbers(&other.published).first()?.parse().ok()?;
            Some((to - from) / from * 100.0 - wrong)
        });
        let corrected = format!("{:.decimals$}", printed + moved.sum::<f64>() / count);
        let candidates = self.reading(&entry.quantity, decimals)?.candidates;
        let explains = candidates.iter().any(|candidate| candidate.first() == Some(&corrected));
        explains.then(|| format!(" With the gain above put right, the printed gains give {corrected} % too."))
    }
}

/// A gain by the computed mean and, where the table gives a mean itself, by that one.
fn gains_reading(computed: f64, by_table: Option<f64>, percent: &dyn Fn(f64) -> String) -> Reading {
    let (own, other) = (percent(computed), by_table.map(percent));
    let signed = |text: &String| if text.starts_with('-') { text.clone() } else { format!("+{text}") };
    let shown = match &other {
        Some(other) if *other != own => {
            format!("{} % ({} % by the table's own averages)", signed(&own), signed(other))
        }
        _ => format!("{} %", signed(&own)),
    };
    Reading { shown, candidates: [Some(own), other].into_iter().flatten().map(|text| vec![text]).collect() }
}
