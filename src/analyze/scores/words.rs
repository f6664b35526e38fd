//! What a table of scores shows, in words, and what it cannot show.

use std::collections::{BTreeMap, BTreeSet};

use crate::analyze::analysis::{Finding, Severity};
use crate::analyze::number::counted;
use crate::analyze::picture::{CharacteristicsRow, Grouping, speaks_of};
use crate::analyze::weightings::results::{ArmKind, Headline, WeightingsAnalysis};
use crate::data::score_table::ScoreTable;
use crate::data::score_table::published::PublishedFigures;
use crate::weighting::Weighting;

use super::benchmarks::{Contents, factor_text};
use super::given_average::GivenAverage;
use super::scales::Scales;

/// More names than this are counted instead of listed.
const LISTED: usize = 6;

/// Everything that is told.
pub(super) struct Story<'a> {
    pub table: &'a ScoreTable,
    pub contents: &'a Contents,
    pub scales: &'a Scales,
    pub weightings: &'a WeightingsAnalysis,
    pub given: Option<&'a GivenAverage>,
    pub published: Option<&'a PublishedFigures>,
    pub characteristics: &'a [CharacteristicsRow],
}

impl Story<'_> {
    /// Results, then reasons to trust them less.
    pub fn tell(&self) -> Vec<Finding> {
        let results = [vec![self.design()], self.mean_gains(), self.best_weights(), self.counts(), self.unverifiable()];
        let warnings = [
            self.intervals(),
            self.averages(),
            self.scales(),
            self.gaps(),
            self.names(),
            self.unused_characteristics(),
        ];
        let finding = |severity: Severity| move |text: String| Finding { severity, text };
        let results = results.into_iter().flatten().map(finding(Severity::Result));
        results.chain(warnings.into_iter().flatten().map(finding(Severity::Warning))).collect()
    }

    fn has_intervals(&self) -> (usize, usize) {
        let tuned = |id: &String| self.weightings.arm(id).is_some_and(|arm| arm.kind == ArmKind::Weighting);
        let rows = self.weightings.benchmarks.iter().flat_map(|b| &b.rows).filter(|row| tuned(&row.arm));
        let numbers = rows.flat_map(|row| &row.measures).filter_map(|entry| entry.value.estimate()).collect::<Vec<_>>();
        (numbers.iter().filter(|estimate| estimate.interval.is_some()).count(), numbers.len())
    }

    fn design(&self) -> String {
        let series = &self.weightings.series;
        let tuned = self.weightings.arms.iter().filter(|arm| arm.kind == ArmKind::Weighting).count();
        let distinct = |name: &dyn Fn(usize) -> Option<String>| {
            let names = (0..series.len()).filter_map(name).collect::<BTreeSet<_>>();
            names.len().max(1)
        };
        let models = distinct(&|place| series.get(place)?.model.clone());
        let datasets = distinct(&|place| series.get(place)?.dataset.clone());
        format!(
            "A table of {} from {}: {} ({}, {}) with {} in all, on {}.",
            counted(self.table.rows.len(), "score"),
            counted(self.table.files.len(), "file"),
            counted(series.len(), "grid"),
            counted(models, "model"),
            counted(datasets, "data set"),
            counted(tuned, "tuned model"),
            counted(self.contents.performance.len(), "benchmark"),
        )
    }

    fn mean_gains(&self) -> Vec<String> {
        let Some(first) = self.weightings.benchmarks.first() else { return Vec::new() };
        let entries = self.weightings.picture.mean_gains.iter().filter(|gain| gain.benchmark == first.benchmark);
        let sentence = |entry: &crate::analyze::picture::MeanGain| {
            let estimate = entry.relative.estimate()?;
            let stage = entry.stage.as_ref().map_or_else(String::new, |stage| format!(" after {stage}"));
            let interval = match estimate.interval {
                Some(interval) => format!(
                    "[{:+.2} %, {:+.2} %] over grids; it is a mean of maxima, which holds the luck of each choice",
                    interval.low * 100.0,
                    interval.high * 100.0
                ),
                None => "no interval".to_owned(),
            };
            Some(format!(
                "The best cell of a grid stands {:+.2} % above conventional tuning (0,1){stage} on {}, as the mean of {} ({interval}).",
                estimate.point * 100.0,
                first.title,
                counted(entry.series, "grid"),
            ))
        };
        entries.filter_map(sentence).collect()
    }

    fn best_weights(&self) -> Vec<String> {
        if self.weightings.series.len() < 2 {
            return Vec::new();
        }
        let group = |grouping: Grouping, words: &str| {
            let all = self.weightings.picture.best_weights.iter().filter(|entry| entry.grouping == grouping);
            let several = all.clone().filter(|entry| entry.grids > 1);
            let entry = |entry: &crate::analyze::picture::BestWeights| {
                let (p, r) = (entry.prompt.point()?, entry.response.point()?);
                let stage = entry.stage.as_ref().filter(|_| self.several_stages());
                let stage = stage.map_or_else(String::new, |stage| format!(" ({stage})"));
                Some(format!("{}{stage} {p:.2} / {r:.2}", entry.name))
            };
            let listed = several.filter_map(entry).collect::<Vec<_>>();
            let head = format!("Mean best weights (prompt / response) by {words}");
            let all = listed.join(", ");
            (!all.is_empty()).then(|| format!("{head}, points whose intervals over grids stand in the tables: {all}."))
        };
        let groups =
            [(Grouping::Benchmark, "benchmark"), (Grouping::Dataset, "data set"), (Grouping::Model, "base model")];
        groups.into_iter().filter_map(|(grouping, words)| group(grouping, words)).collect()
    }

    fn several_stages(&self) -> bool {
        let first = self.weightings.series.first().map(|series| &series.stage);
        self.weightings.series.iter().any(|series| Some(&series.stage) != first)
    }

    /// The counts in one sentence a stage; their tables have the intervals.
    fn counts(&self) -> Vec<String> {
        let mut stages: BTreeMap<Option<&str>, Vec<String>> = BTreeMap::new();
        for count in self.weightings.picture.counts.iter().filter(|count| count.of > 1) {
            // The statement ends with how its grids are made up.
            let statement = count.statement.rsplit_once(" (of ").map_or(count.statement.as_str(), |(head, _)| head);
            let entry = format!("{statement} in {} of {}", count.hits, count.of);
            stages.entry(count.stage.as_deref()).or_default().push(entry);
        }
        let sentence = |(stage, entries): (Option<&str>, Vec<String>)| {
            let stage =
                stage.filter(|_| self.several_stages()).map_or_else(String::new, |stage| format!(" after {stage}"));
            format!("In how many grids{stage}, by points: {}.", entries.join("; "))
        };
        stages.into_iter().map(sentence).collect()
    }

    fn unverifiable(&self) -> Vec<String> {
        let entries = self.published.iter().flat_map(|figures| &figures.unverifiable);
        let sentence = |entry: &crate::data::score_table::published::UnverifiableFigure| {
            let reason = entry.reason.trim_end_matches('.');
            format!("Published but not recomputed: {}, {}, {}: {reason}.", entry.place, entry.subject, entry.published)
        };
        entries.map(sentence).collect()
    }

    fn intervals(&self) -> Vec<String> {
        let (with, all) = self.has_intervals();
        let head = if with == 0 {
            "The table's numbers have no intervals: no seeds and no standard errors. Best cells, gains and counts follow the \
             points alone, and nobody can tell from them whether a cell differs from its neighbours."
                .to_owned()
        } else if with < all {
            format!(
                "Only {with} of {all} numbers have an interval; a number without one can be shown neither better nor worse than \
                 another."
            )
        } else {
            "Intervals come from the table's seeds and standard errors. Its numbers cannot be paired on items: arms are taken \
             to be independent, and differences look less certain than a comparison on the same items would show."
                .to_owned()
        };
        vec![head]
    }

    fn averages(&self) -> Vec<String> {
        let Some(given) = self.given else {
            let alone = self.contents.average.as_ref().filter(|_| !self.contents.has_mean());
            return alone
                .map(|name| format!("`{name}` stands as the table gives it: there are no benchmarks to average."))
                .into_iter()
                .collect();
        };
        let mut out = given.slip().into_iter().collect::<Vec<_>>();
        let other = given.other_best(self.weightings);
        if other > 0 {
            let grids = counted(other, "grid");
            out.push(format!(
                "By the table's own average, {grids} would have another best cell than by the computed mean."
            ));
        }
        out
    }

    fn scales(&self) -> Vec<String> {
        let mut out = Vec::new();
        for (name, factor) in &self.scales.factors {
            let why = if self.scales.automatic.contains(name) {
                " because its ratings go from 1 to 10; --scale gives another factor"
            } else {
                ""
            };
            let factor = factor_text(*factor);
            out.push(format!("{name} is multiplied by {factor} where it is averaged with other benchmarks{why}."));
        }
        if !self.scales.shares_beside_others.is_empty() {
            out.push(format!(
                "The scores of {} lie in 0 to 1, others do not: the mean over benchmarks hardly sees them. If they are shares \
                 beside percentages, give --scale NAME=100.",
                names(&self.scales.shares_beside_others)
            ));
        }
        out
    }

    /// Grids without conventional tuning, and arms without a mean.
    fn gaps(&self) -> Vec<String> {
        let mut out = Vec::new();
        let lacks = |number: usize| {
            let own = |arm: &&crate::analyze::analysis::Arm| arm.series == number;
            !self.weightings.arms.iter().filter(own).any(|arm| arm.weighting == Some(Weighting::CONVENTIONAL))
        };
        let without = self.weightings.series.iter().filter(|series| lacks(series.number));
        let without = without.map(|series| series.name.clone()).collect::<Vec<_>>();
        if !without.is_empty() {
            out.push(format!("Without conventional tuning (0,1), and so without gains: {}.", names(&without)));
        }
        for benchmark in &self.weightings.benchmarks {
            let absent = benchmark
                .rows
                .iter()
                .filter(|row| row.measure(Headline::Performance).is_some_and(|entry| entry.value.estimate().is_none()));
            let absent = absent.map(|row| row.arm.clone()).collect::<Vec<_>>();
            if !absent.is_empty() && absent.len() < benchmark.rows.len() {
                out.push(format!("No number on {}: {}.", benchmark.title, names(&absent)));
            }
        }
        out
    }

    /// Characteristics of what the table does not have.
    fn unused_characteristics(&self) -> Vec<String> {
        let speaks = |row: &&CharacteristicsRow| self.weightings.series.iter().any(|series| speaks_of(row, series));
        let stray = self.characteristics.iter().filter(|row| !speaks(row)).map(|row| {
            let names = [("model", &row.model), ("dataset", &row.dataset)];
            let names = names.into_iter().filter_map(|(column, name)| Some(format!("{column} `{}`", name.as_ref()?)));
            names.collect::<Vec<_>>().join(" with ")
        });
        let stray = stray.collect::<Vec<_>>();
        if stray.is_empty() {
            return Vec::new();
        }
        vec![format!(
            "Characteristics of no grid of the table, and so without use: {}. Their names must be those of the table's columns \
             model and dataset.",
            names(&stray)
        )]
    }

    /// Names that were understood as something, or not at all.
    fn names(&self) -> Vec<String> {
        let mut out = Vec::new();
        if !self.contents.no_place.is_empty() {
            let list = names(&self.contents.no_place);
            out.push(format!("Left out, because reports have no place for that index: {list}."));
        }
        let stray = self.contents.stray();
        if !stray.is_empty() {
            out.push(format!("Left out, because the table has no performance on their benchmark: {}.", names(&stray)));
        }
        let worse = self.contents.performance.iter().filter(|(_, better)| !**better).map(|(name, _)| name.clone());
        let worse = worse.collect::<Vec<_>>();
        if !worse.is_empty() && self.contents.has_mean() {
            out.push(format!("Not part of the mean over benchmarks, because less is better: {}.", names(&worse)));
        }
        out
    }
}

/// Names, the first ones listed.
fn names(all: &[String]) -> String {
    let shown = all.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    let more = all.len().saturating_sub(LISTED);
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}
