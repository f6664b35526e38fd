//! What the arms of a table are compared on: its benchmarks, their mean, and the measures of sensitivity.

use std::collections::{BTreeMap, BTreeSet};

use crate::analyze::analysis::ArmResult;
use crate::analyze::number::{counted, figure};
use crate::analyze::picture::Ability;
use crate::analyze::weightings::results::{ArmKind, BenchmarkKind, BenchmarkWeightings, Headline, SeedVariance};
use crate::data::score_table::{ScoreRow, ScoreTable};
use crate::estimate::Estimate;
use crate::sensitivity::Measure;

use super::cell::{Replicate, estimate, steady, sum, with_interval};
use super::contrasts::Compared;
use super::layout::{Cells, Layout, Member};
use super::names::{AVERAGE, Column, column};
use super::{ScoresError, scales::Scales};

/// Where the numbers of a measure come from.
enum Source {
    /// The scores under a name.
    Column(String),
    /// The mean over benchmarks, each multiplied by its factor.
    Mean(Vec<(String, f64)>),
}

/// A benchmark before anything is computed.
struct Plan {
    name: String,
    title: String,
    kind: BenchmarkKind,
    ability: Option<Ability>,
    higher_is_better: bool,
    tasks: Vec<String>,
    left_out: Vec<String>,
    sources: BTreeMap<Headline, Source>,
}

/// What the table's names say.
pub(super) struct Contents {
    /// Benchmarks with a performance, and whether more is better.
    pub performance: BTreeMap<String, bool>,
    /// The name of the table's own mean over benchmarks.
    pub average: Option<String>,
    /// Measures of sensitivity: measure, benchmark, name in the table.
    measures: Vec<(Headline, Option<String>, String)>,
    /// Names for which reports have no place.
    pub no_place: Vec<String>,
}

impl Contents {
    pub fn new(table: &ScoreTable) -> Result<Self, ScoresError> {
        let mut directions: BTreeMap<&str, (Option<bool>, &ScoreRow)> = BTreeMap::new();
        for row in &table.rows {
            let (known, first) = directions.entry(&row.benchmark).or_insert((row.higher_is_better, row));
            match (*known, row.higher_is_better) {
                (Some(a), Some(b)) if a != b => {
                    let (place, first) = (table.place(row), table.place(first));
                    return Err(ScoresError::Direction { place, first, benchmark: row.benchmark.clone() });
                }
                (None, Some(_)) => *known = row.higher_is_better,
                _ => {}
            }
        }
        let mut out = Self { performance: BTreeMap::new(), average: None, measures: Vec::new(), no_place: Vec::new() };
        for (name, (direction, _)) in directions {
            match column(name) {
                Column::Performance => {
                    out.performance.insert(name.to_owned(), direction.unwrap_or(true));
                }
                Column::Average => out.average = Some(name.to_owned()),
                Column::Measure(headline, of) => out.measures.push((headline, of.map(str::to_owned), name.to_owned())),
                Column::NoPlace => out.no_place.push(name.to_owned()),
            }
        }
        Ok(out)
    }

    /// Benchmarks of which more is better: they can be averaged.
    pub fn averaged(&self) -> impl Iterator<Item = &String> {
        self.performance.iter().filter(|(_, better)| **better).map(|(name, _)| name)
    }

    /// Whether the mean is computed here.
    pub fn has_mean(&self) -> bool {
        self.averaged().count() > 1
    }

    fn plans(&self, scales: &Scales) -> Vec<Plan> {
        let mut plans = Vec::new();
        let own = |name: &String| BTreeMap::from([(Headline::Performance, Source::Column(name.clone()))]);
        if self.has_mean() {
            plans.push(Plan::mean(self, scales));
        } else if let Some(name) = &self.average {
            plans.push(Plan::given(own(name)));
        }
        for (name, higher_is_better) in &self.performance {
            plans.push(Plan {
                name: name.clone(),
                title: name.clone(),
                kind: BenchmarkKind::Task,
                ability: Some(Ability::of_benchmark(name)),
                higher_is_better: *higher_is_better,
                tasks: vec![name.clone()],
                left_out: Vec::new(),
                sources: own(name),
            });
        }
        if plans.is_empty() {
            plans.push(Plan { title: "sensitivity".to_owned(), ..Plan::given(BTreeMap::new()) });
        }
        for (headline, of, name) in &self.measures {
            let plan = match of {
                Some(of) => plans.iter_mut().find(|plan| plan.name.eq_ignore_ascii_case(of)),
                None => plans.first_mut(),
            };
            if let Some(plan) = plan {
                plan.sources.insert(*headline, Source::Column(name.clone()));
            }
        }
        plans
    }

    /// Measures of benchmarks that have no performance.
    pub fn stray(&self) -> Vec<String> {
        let has = |of: &String| self.performance.keys().any(|name| name.eq_ignore_ascii_case(of));
        self.measures.iter().filter(|(_, of, _)| of.as_ref().is_some_and(|of| !has(of))).map(|m| m.2.clone()).collect()
    }
}

impl Plan {
    fn mean(contents: &Contents, scales: &Scales) -> Self {
        let members = contents.averaged().map(|name| (name.clone(), scales.factor(name))).collect::<Vec<_>>();
        let multiplied = members.iter().filter(|(_, factor)| (factor - 1.0).abs() > 0.0);
        let multiplied = multiplied.map(|(name, factor)| format!("{name} x {}", factor_text(*factor)));
        let multiplied = multiplied.collect::<Vec<_>>().join(", ");
        let tail = if multiplied.is_empty() { multiplied } else { format!(" ({multiplied})") };
        Self {
            name: AVERAGE.to_owned(),
            title: format!("mean of {}{tail}", counted(members.len(), "benchmark")),
            kind: BenchmarkKind::Average,
            ability: None,
            higher_is_better: true,
            tasks: members.iter().map(|(name, _)| name.clone()).collect(),
            left_out: contents
                .performance
                .iter()
                .filter(|(_, better)| !**better)
                .map(|(name, _)| name.clone())
                .collect(),
            sources: BTreeMap::from([(Headline::Performance, Source::Mean(members))]),
        }
    }

    /// A mean that the table gives, or none at all.
    fn given(sources: BTreeMap<Headline, Source>) -> Self {
        Self {
            name: AVERAGE.to_owned(),
            title: "average, as the table gives it".to_owned(),
            kind: BenchmarkKind::Average,
            ability: None,
            higher_is_better: true,
            tasks: Vec::new(),
            left_out: Vec::new(),
            sources,
        }
    }

    fn compute(&self, layout: &Layout<'_>, level: f64) -> BenchmarkWeightings {
        let mut rows =
            layout.members.iter().map(|member| ArmResult { arm: member.arm.id.clone(), measures: Vec::new() });
        let mut rows = rows.by_ref().collect::<Vec<_>>();
        let mut best = Vec::new();
        for headline in Headline::ALL {
            let source = self.sources.get(&headline);
            if source.is_none() && headline != Headline::Performance {
                continue;
            }
            let values = layout.members.iter().map(|member| match source {
                Some(source) => source.value(&member.cells, level),
                None => Measure::undefined("the table has no performance"),
            });
            let values = values.collect::<Vec<_>>();
            let higher_is_better = self.higher_is_better && !headline.is_sensitivity();
            let compared = Compared { members: &layout.members, values: &values, headline, higher_is_better, level };
            let (measures, sets) = compared.run(&|member| source.map_or(SeedVariance::None, |s| s.seeds(member)));
            for (row, measure) in rows.iter_mut().zip(measures) {
                row.measures.push(measure);
            }
            best.extend(sets);
        }
        BenchmarkWeightings {
            benchmark: self.name.clone(),
            title: self.title.clone(),
            kind: self.kind,
            ability: self.ability,
            metric: "score".to_owned(),
            higher_is_better: self.higher_is_better,
            tasks: self.tasks.clone(),
            left_out: self.left_out.clone(),
            rows,
            best,
        }
    }
}

impl Source {
    /// The number of an arm.
    fn value(&self, cells: &Cells<'_>, level: f64) -> Measure {
        let found = match self {
            Self::Column(name) => match cells.get(name.as_str()) {
                Some(rows) => estimate(&replicates(rows), level).ok_or_else(|| "the scores are too large".to_owned()),
                None => Err(format!("the table has no score on {name}")),
            },
            Self::Mean(members) => mean(members, cells, level),
        };
        match found {
            Ok(estimate) => Measure::Defined(estimate),
            Err(reason) => Measure::undefined(reason),
        }
    }

    /// What the intervals know of training seeds.
    fn seeds(&self, member: &Member<'_>) -> SeedVariance {
        let several = |name: &str| member.cells.get(name).is_some_and(|rows| rows.len() > 1);
        let several = match self {
            Self::Column(name) => several(name),
            Self::Mean(members) => members.iter().all(|(name, _)| several(name)),
        };
        match member.arm.kind {
            ArmKind::Base => SeedVariance::None,
            _ if several => SeedVariance::Measured,
            _ => SeedVariance::NotMeasured,
        }
    }
}

fn replicates(rows: &[&ScoreRow]) -> Vec<Replicate> {
    rows.iter().map(|row| Replicate::of(row)).collect()
}

/// `Σ factor · score / k` over `k` benchmarks: seed by seed where all have the same seeds, so that what a good seed does to
/// all benchmarks is seen; else of the means, taken to be independent.
fn mean(members: &[(String, f64)], cells: &Cells<'_>, level: f64) -> Result<Estimate, String> {
    let mut columns = Vec::new();
    let mut missing = Vec::new();
    for (name, factor) in members {
        match cells.get(name.as_str()) {
            Some(rows) => columns.push((*factor, rows)),
            None => missing.push(name.as_str()),
        }
    }
    if !missing.is_empty() {
        return Err(format!("no mean without a score on {}", missing.join(", ")));
    }
    let count = columns.len() as f64;
    let seeds = |rows: &[&ScoreRow]| rows.iter().map(|row| row.seed.clone()).collect::<BTreeSet<_>>();
    let shared = columns.windows(2).all(|pair| matches!(pair, [(_, a), (_, b)] if seeds(a) == seeds(b)));
    let length = columns.first().map_or(0, |(_, rows)| rows.len());
    if !shared || length < 2 {
        let parts = columns.iter().filter_map(|(factor, rows)| {
            // The sum is divided at its end, so that means of equal sums are equal.
            Some((*factor, estimate(&replicates(rows), level)?))
        });
        let parts = parts.collect::<Vec<_>>();
        return Ok(divided(&sum(&parts, level), count, level));
    }
    let by_seed = (0..length).map(|seed| {
        let rows = columns.iter().filter_map(|(factor, rows)| Some((*factor, *rows.get(seed)?))).collect::<Vec<_>>();
        let squares = rows.iter().map(|(factor, row)| Some((factor * Replicate::of(row).standard_error?).powi(2)));
        let squares = squares.collect::<Option<Vec<_>>>();
        Replicate {
            score: rows.iter().map(|(factor, row)| factor * row.score).sum::<f64>() / count,
            standard_error: squares.map(|squares| squares.iter().sum::<f64>().sqrt() / count),
            n: rows.iter().filter_map(|(_, row)| row.n).min(),
        }
    });
    estimate(&by_seed.collect::<Vec<_>>(), level).ok_or_else(|| "the scores are too large".to_owned())
}

fn divided(estimate: &Estimate, by: f64, level: f64) -> Estimate {
    let standard_error = estimate.standard_error.map(|error| error / by);
    with_interval(Estimate { point: steady(estimate.point / by), standard_error, ..*estimate }, level)
}

/// Every benchmark with the numbers of all arms; the mean first.
pub(super) fn benchmarks(
    contents: &Contents,
    layout: &Layout<'_>,
    scales: &Scales,
    level: f64,
) -> Vec<BenchmarkWeightings> {
    contents.plans(scales).iter().map(|plan| plan.compute(layout, level)).collect()
}

/// A factor as people read it.
pub(super) fn factor_text(factor: f64) -> String {
    if factor.fract().abs() > 0.0 { figure(factor) } else { factor.to_string() }
}
