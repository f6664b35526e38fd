//! In how many grids something holds: the counts that the paper gives in its text.

use std::collections::BTreeSet;

use crate::analyze::number::counted;
use crate::analyze::weightings::results::{BenchmarkKind, BenchmarkWeightings, Headline, WeightingsAnalysis};
use crate::sensitivity::Measure;
use crate::stats::mean_estimate;
use crate::weighting::Weighting;

use super::grid::{Grid, clusters, described, headline_benchmark, mean_over_grids, series_numbers, top_benchmarks};
use super::types::{Ability, BestCell, Count, Picture, WeightAxis};

/// Weights are multiples of a tenth or so; sums of steps may miss them by their last bits.
const CLOSE: f64 = 1e-9;

/// A grid in which something holds or does not.
struct Trial {
    series: usize,
    benchmark: String,
    holds: bool,
}

/// Every count over several grids, for each stage. `picture` has its best cells, effects and preference gains already.
pub(super) fn counts(analysis: &WeightingsAnalysis, picture: &Picture, level: f64) -> Vec<Count> {
    let numbers = series_numbers(analysis);
    let stages = numbers.iter().map(|number| described(analysis, *number).stage).collect::<BTreeSet<_>>();
    let mut out = Vec::new();
    for stage in stages {
        let own = numbers.iter().copied().filter(|number| described(analysis, *number).stage == stage);
        let tally = Tally { analysis, stage: stage.clone(), series: own.collect(), level };
        out.extend(tally.best_weights(&picture.best_cells));
        out.extend(tally.best_on_average(&picture.best_cells));
        out.extend(tally.prompt_only());
        out.extend(tally.sensitivity(picture));
    }
    out.retain(|count| count.of > 1);
    out
}

struct Tally<'a> {
    analysis: &'a WeightingsAnalysis,
    stage: Option<String>,
    series: Vec<usize>,
    level: f64,
}

impl Tally<'_> {
    fn count(&self, name: &str, statement: &str, trials: &[Trial]) -> Count {
        let hits = trials.iter().filter(|trial| trial.holds).count();
        let values = trials.iter().map(|trial| f64::from(trial.holds)).collect::<Vec<_>>();
        let series = trials.iter().map(|trial| trial.series).collect::<Vec<_>>();
        let share = mean_over_grids(&values, &clusters(self.analysis, &series), self.level, mean_estimate);
        Count {
            name: name.to_owned(),
            statement: format!("{statement} (of {})", self.design(trials)),
            stage: self.stage.clone(),
            hits,
            of: trials.len(),
            share: share.map_or_else(|| Measure::undefined("there is no grid"), Measure::Defined),
        }
    }

    /// `75 grids = 5 models x 3 data sets x 5 benchmarks`, as far as it factors.
    fn design(&self, trials: &[Trial]) -> String {
        let mut models = BTreeSet::new();
        let mut datasets = BTreeSet::new();
        let (mut series, mut benchmarks) = (BTreeSet::new(), BTreeSet::new());
        for trial in trials {
            let known = described(self.analysis, trial.series);
            models.insert(known.model);
            datasets.insert(known.dataset);
            series.insert(trial.series);
            benchmarks.insert(&trial.benchmark);
        }
        let grids = counted(trials.len(), "grid");
        let known = !models.contains(&None) && !datasets.contains(&None);
        if known && series.len() > 1 && models.len() * datasets.len() * benchmarks.len() == trials.len() {
            let sets = format!("{} x {}", counted(models.len(), "model"), counted(datasets.len(), "data set"));
            return format!("{grids} = {sets} x {}", counted(benchmarks.len(), "benchmark"));
        }
        if series.len() * benchmarks.len() == trials.len() {
            return format!("{grids} = {} series x {}", series.len(), counted(benchmarks.len(), "benchmark"));
        }
        grids
    }

    /// Best cells by performance of the series on these benchmarks.
    fn trials(
        &self,
        cells: &[BestCell],
        on: &dyn Fn(&BenchmarkWeightings) -> bool,
        holds: &dyn Fn(Weighting) -> bool,
    ) -> Vec<Trial> {
        let names = self.analysis.benchmarks.iter().filter(|benchmark| on(benchmark)).map(|b| b.benchmark.as_str());
        let names = names.collect::<Vec<_>>();
        let own = cells.iter().filter(|cell| {
            cell.measure == Headline::Performance
                && cell.cells > 1
                && self.series.contains(&cell.series)
                && names.contains(&cell.benchmark.as_str())
        });
        own.map(|cell| Trial { series: cell.series, benchmark: cell.benchmark.clone(), holds: holds(cell.weighting) })
            .collect()
    }

    fn best_weights(&self, cells: &[BestCell]) -> Vec<Count> {
        let top = top_benchmarks(self.analysis).iter().map(|b| b.benchmark.clone()).collect::<Vec<_>>();
        let all = |benchmark: &BenchmarkWeightings| top.contains(&benchmark.benchmark);
        let asks = |ability: Ability| {
            let top = &top;
            move |benchmark: &BenchmarkWeightings| {
                benchmark.ability == Some(ability) && top.contains(&benchmark.benchmark)
            }
        };
        let of = |name: &str, statement: &str, holds: &dyn Fn(Weighting) -> bool| {
            self.count(name, statement, &self.trials(cells, &all, holds))
        };
        vec![
            of("best_prompt_weight_within_0_0.6", "the best prompt weight lies in 0 to 0.6", &|w| {
                w.prompt() <= 0.6 + CLOSE
            }),
            of("best_prompt_weight_above_0", "the best prompt weight is not 0", &|w| w.prompt() > CLOSE),
            of("best_response_weight_1", "the best response weight is 1", &|w| w.response() >= 1.0 - CLOSE),
            of("best_response_weight_within_0.4_1", "the best response weight lies in 0.4 to 1", &|w| {
                w.response() >= 0.4 - CLOSE
            }),
            of("best_is_conventional", "conventional tuning (0,1) has the best number", &|w| {
                w == Weighting::CONVENTIONAL
            }),
            self.count(
                "adherence_best_response_weight_at_most_0.4",
                "the best response weight is at most 0.4 on a benchmark of instruction adherence",
                &self.trials(cells, &asks(Ability::Adherence), &|w| w.response() <= 0.4 + CLOSE),
            ),
            self.count(
                "conversation_best_response_weight_at_least_0.6",
                "the best response weight is at least 0.6 on a benchmark of conversation",
                &self.trials(cells, &asks(Ability::Conversation), &|w| w.response() >= 0.6 - CLOSE),
            ),
        ]
    }

    fn best_on_average(&self, cells: &[BestCell]) -> Vec<Count> {
        let mean = |benchmark: &BenchmarkWeightings| benchmark.kind == BenchmarkKind::Average;
        vec![self.count(
            "best_on_average_is_conventional",
            "conventional tuning (0,1) has the best mean over benchmarks",
            &self.trials(cells, &mean, &|w| w == Weighting::CONVENTIONAL),
        )]
    }

    /// The best prompt-only cell against the untuned base, on the benchmark that stands for all.
    fn prompt_only(&self) -> Vec<Count> {
        let Some(benchmark) = headline_benchmark(self.analysis) else {
            return Vec::new();
        };
        let trial = |series: &usize| {
            let grid = Grid::new(self.analysis, benchmark, *series, Headline::Performance);
            let only = grid.cells.iter().filter(|cell| cell.weighting.response() < CLOSE).copied().collect();
            let best = Grid { cells: only, ..grid }.best()?;
            let base = best.arm.base_arm.as_ref()?;
            let row = benchmark.rows.iter().find(|row| row.arm == *base)?;
            let base = row.measure(Headline::Performance)?.value.point()?;
            let sign = if benchmark.higher_is_better { 1.0 } else { -1.0 };
            let holds = (best.point() - base) * sign > 0.0;
            Some(Trial { series: *series, benchmark: benchmark.benchmark.clone(), holds })
        };
        let trials = self.series.iter().filter_map(trial).collect::<Vec<_>>();
        let place = &benchmark.title;
        vec![self.count(
            "best_prompt_only_above_base",
            &format!("the best prompt-only cell (x,0) has a better number than the untuned base on {place}"),
            &trials,
        )]
    }

    /// Who is the least sensitive, and what the response weight does to sensitivity, on every benchmark that has a measure
    /// of it and stands for all.
    fn sensitivity(&self, picture: &Picture) -> Vec<Count> {
        let Some(benchmark) = headline_benchmark(self.analysis) else {
            return Vec::new();
        };
        let mut out = Vec::new();
        for measure in Headline::ALL.into_iter().filter(|measure| measure.is_sensitivity()) {
            let own = |series: usize, name: &str, of: Headline| {
                of == measure && name == benchmark.benchmark && self.series.contains(&series)
            };
            let best = picture.best_cells.iter().filter(|c| c.cells > 1 && own(c.series, &c.benchmark, c.measure));
            let trials = best.map(|cell| Trial {
                series: cell.series,
                benchmark: cell.benchmark.clone(),
                holds: cell.weighting == Weighting::CONVENTIONAL,
            });
            let (name, title) = (measure.as_str(), measure.title());
            out.push(self.count(
                &format!("least_sensitive_is_conventional_{name}"),
                &format!("conventional tuning (0,1) has the lowest {title} on {}", benchmark.title),
                &trials.collect::<Vec<_>>(),
            ));
            let effects = picture.weight_effects.iter();
            let effects = effects.filter(|e| e.axis == WeightAxis::Response && own(e.series, &e.benchmark, e.measure));
            let rising = effects.filter_map(|effect| {
                let holds = effect.slope.point()? > 0.0;
                Some(Trial { series: effect.series, benchmark: effect.benchmark.clone(), holds })
            });
            out.push(self.count(
                &format!("response_weight_raises_{name}"),
                &format!("{title} rises with the response weight (least squares) on {}", benchmark.title),
                &rising.collect::<Vec<_>>(),
            ));
        }
        out
    }
}
