//! What to do, in words that claim no more than the intervals allow.

use crate::analyze::number::{counted, figure, measure_with_interval};
use crate::analyze::weightings::results::{BenchmarkWeightings, Headline, SeedVariance, WeightingsAnalysis};

use super::evidence::Evidence;
use super::grid::{Cell, Grid, described, headline_benchmark, label, series_numbers};
use super::types::{BestCell, Firmness, Recommendation};

/// More names than this are counted instead of listed.
const LISTED: usize = 8;

/// One entry a series, on the mean over benchmarks (on the first benchmark where there is no mean).
pub(super) fn recommendations(
    analysis: &WeightingsAnalysis,
    cells: &[BestCell],
    evidence: &Evidence,
) -> Vec<Recommendation> {
    let Some(benchmark) = headline_benchmark(analysis) else {
        return Vec::new();
    };
    let numbers = series_numbers(analysis);
    let several = numbers.len() > 1;
    let one = |series: usize| {
        let grid = Grid::new(analysis, benchmark, series, Headline::Performance);
        let own = |cell: &&BestCell| {
            cell.series == series && cell.benchmark == benchmark.benchmark && cell.measure == Headline::Performance
        };
        let best = cells.iter().find(own);
        let choice =
            Choice { best: grid.best()?, sensitivity: sensitivity(analysis, benchmark, series), grid, evidence };
        let (firmness, arms, text) = choice.recommendation(best.and_then(|best| best.not_worse.clone()));
        let head = if several { format!("{}: ", described(analysis, series).name) } else { String::new() };
        Some(Recommendation { series, firmness, arms, text: format!("{head}{text}") })
    };
    numbers.into_iter().filter_map(one).collect()
}

/// The first measure of sensitivity in which the series has numbers.
pub(super) fn sensitivity<'a>(
    analysis: &'a WeightingsAnalysis,
    benchmark: &'a BenchmarkWeightings,
    series: usize,
) -> Option<Grid<'a>> {
    let order = [Headline::Posix, Headline::Spread, Headline::Variance, Headline::FlipRate];
    order.into_iter().map(|m| Grid::new(analysis, benchmark, series, m)).find(|grid| !grid.cells.is_empty())
}

/// `mean of 5 benchmarks (acc)`.
pub(super) fn place(benchmark: &BenchmarkWeightings) -> String {
    if benchmark.metric.is_empty() || benchmark.metric == benchmark.title {
        benchmark.title.clone()
    } else {
        format!("{} ({})", benchmark.title, benchmark.metric)
    }
}

/// Names, the first ones listed.
pub(super) fn names(all: &[String]) -> String {
    let shown = all.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    let more = all.len().saturating_sub(LISTED);
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// Why nothing is suggested in place of conventional tuning.
fn nothing_better(title: &str, no_less_sensitive: bool) -> String {
    if no_less_sensitive {
        format!(
            " No member is shown to be less sensitive by {title} than conventional tuning either: nothing here supports leaving it."
        )
    } else {
        format!(
            " The members that are shown to be less sensitive by {title} than conventional tuning have no performance that is \
             shown to be above 0: nothing here supports leaving it."
        )
    }
}

/// What a recommendation for one series is made from.
struct Choice<'a> {
    grid: Grid<'a>,
    best: Cell<'a>,
    sensitivity: Option<Grid<'a>>,
    evidence: &'a Evidence,
}

impl Choice<'_> {
    fn recommendation(&self, set: Option<Vec<String>>) -> (Firmness, Vec<String>, String) {
        let only = vec![self.best.arm.id.clone()];
        if self.grid.cells.len() < 2 {
            let text = format!(
                "There is one weighting with a number, {}: {} on {}. There is nothing to choose from.",
                label(self.best.arm),
                measure_with_interval(&self.best.entry.value),
                place(self.grid.benchmark),
            );
            return (Firmness::NotSupported, only, text);
        }
        match set {
            None => (Firmness::NotSupported, only, self.without_intervals()),
            Some(set) if set.len() == 1 => (Firmness::Clear, set, self.clear()),
            Some(set) => {
                let text = self.tied(&set);
                (Firmness::Tied, set, text)
            }
        }
    }

    fn clear(&self) -> String {
        let margin = self.grid.second().map(|second| {
            format!(
                "; the next by points is {} with {}, a margin of {} between the points",
                label(second.arm),
                measure_with_interval(&second.entry.value),
                figure((self.best.point() - second.point()).abs()),
            )
        });
        format!(
            "{} is shown to be the best of {} on {}: {}. Every other one is shown to be worse{}.{}{}",
            self.subject(),
            counted(self.grid.cells.len(), "weighting"),
            place(self.grid.benchmark),
            measure_with_interval(&self.best.entry.value),
            margin.unwrap_or_default(),
            self.its_sensitivity(),
            self.seeds(),
        )
    }

    fn tied(&self, set: &[String]) -> String {
        let conventional = match self.grid.conventional() {
            Some(cell) if set.contains(&cell.arm.id) => " Conventional tuning (0,1) is one of them.",
            Some(_) => " Conventional tuning (0,1) is not among them: it is shown to be worse.",
            None => "",
        };
        format!(
            "Of {}, {} cannot be told from the best on {}: {}. By points {} is first with {}.{conventional}{}{}",
            counted(self.grid.cells.len(), "weighting"),
            set.len(),
            place(self.grid.benchmark),
            names(&set.iter().map(|id| self.label_of(id)).collect::<Vec<_>>()),
            label(self.best.arm),
            measure_with_interval(&self.best.entry.value),
            self.suggestion(set),
            self.seeds(),
        )
    }

    fn without_intervals(&self) -> String {
        let most = if self.grid.sign() > 0.0 { "highest" } else { "lowest" };
        let next = self
            .grid
            .second()
            .map(|second| format!("; the next is {} with {}", label(second.arm), figure(second.point())));
        format!(
            "{} has the {most} number of {} on {}: {}{}. None of them has an interval, so whether it differs from its neighbours \
             cannot be told.{}",
            label(self.best.arm),
            counted(self.grid.cells.len(), "weighting"),
            place(self.grid.benchmark),
            figure(self.best.point()),
            next.unwrap_or_default(),
            self.its_sensitivity(),
        )
    }

    /// An arm's name within the series.
    fn label_of(&self, id: &str) -> String {
        self.grid.cell(id).map_or_else(|| id.to_owned(), |cell| label(cell.arm))
    }

    /// Inside a set whose members cannot be told apart by performance: sensitivity where it is shown, else what changes
    /// nothing. A suggestion, in so many words.
    fn suggestion(&self, set: &[String]) -> String {
        let conventional = self.grid.conventional().filter(|cell| set.contains(&cell.arm.id));
        let Some(sensitivity) = &self.sensitivity else {
            return match conventional {
                Some(_) => {
                    " Sensitivity was not measured. Nothing here supports leaving conventional tuning.".to_owned()
                }
                None => " Sensitivity was not measured: nothing here prefers one of them.".to_owned(),
            };
        };
        let key = sensitivity.key();
        let less = |one: &str, other: &str| self.evidence.is_shown(&key, one, other);
        let with_number = set.iter().filter(|id| sensitivity.cell(id).is_some()).collect::<Vec<_>>();
        let least = with_number
            .iter()
            .find(|one| set.len() == with_number.len() && set.iter().all(|other| other == **one || less(one, other)));
        let title = sensitivity.measure.title();
        let beside = |id: &str| {
            let number = |grid: &Grid<'_>| grid.cell(id).map(|cell| measure_with_interval(&cell.entry.value));
            let (own, performance) = (number(sensitivity), number(&self.grid));
            let name = self.label_of(id);
            format!("{name} ({title} {}, performance {})", own.unwrap_or_default(), performance.unwrap_or_default())
        };
        if let Some(least) = least.filter(|id| self.performs(id)) {
            return format!(
                " A suggestion inside the set: {} is shown to be less sensitive than every other member.",
                beside(least)
            );
        }
        let Some(conventional) = conventional else {
            return match least {
                Some(least) => format!(
                    " No suggestion: the least sensitive member by {title} is {}, whose performance is not shown to be above 0.",
                    beside(least)
                ),
                None => format!(
                    " {title} does not single out one of them either: more instances or seeds would narrow the set."
                ),
            };
        };
        let shown = with_number.iter().filter(|id| less(id, &conventional.arm.id)).collect::<Vec<_>>();
        let useful = shown.iter().filter(|id| self.performs(id)).map(|id| beside(id)).collect::<Vec<_>>();
        if useful.is_empty() {
            return nothing_better(title, shown.is_empty());
        }
        format!(
            " A suggestion inside the set: shown to be less sensitive than conventional tuning, which is {}: {}.",
            beside(&conventional.arm.id),
            names(&useful)
        )
    }

    /// Whether an arm's performance is shown to be above 0, where more is better: one that gets nothing right does so in
    /// every wording, and its low sensitivity recommends nothing.
    fn performs(&self, id: &str) -> bool {
        self.grid.sign() < 0.0
            || self.grid.cell(id).is_some_and(|cell| {
                cell.point() > 0.0 && cell.estimate.interval.is_none_or(|interval| interval.low > 0.0)
            })
    }

    /// Sensitivity beside performance.
    fn its_sensitivity(&self) -> String {
        let Some(grid) = &self.sensitivity else {
            return " Its sensitivity was not measured.".to_owned();
        };
        let title = grid.measure.title();
        let Some(own) = grid.cell(&self.best.arm.id) else {
            return format!(" Its {title} was not measured.");
        };
        let text = format!(" Its {title} is {}", measure_with_interval(&own.entry.value));
        let Some(least) = grid.best().filter(|least| least.point() < own.point()) else {
            return format!("{text}, the lowest point of all.");
        };
        let performance = self.grid.cell(&least.arm.id).map(|cell| measure_with_interval(&cell.entry.value));
        format!(
            "{text}; the lowest point is that of {}, {} (performance {}).",
            label(least.arm),
            measure_with_interval(&least.entry.value),
            performance.unwrap_or_else(|| "not measured".to_owned())
        )
    }

    fn subject(&self) -> String {
        if self.best.entry.seed_variance == SeedVariance::NotMeasured {
            format!("The checkpoint of {}", label(self.best.arm))
        } else {
            label(self.best.arm)
        }
    }

    fn seeds(&self) -> &'static str {
        if self.best.entry.seed_variance == SeedVariance::NotMeasured {
            " This speaks of these checkpoints: the variance between training seeds is not measured, and another seed of the \
             same weighting may differ as much."
        } else {
            ""
        }
    }
}
