//! The mean over benchmarks that a table itself gives, beside the one that is computed from its benchmarks.

use std::collections::BTreeMap;

use crate::analyze::number::count;
use crate::analyze::picture::{self, BestCell, Gain};
use crate::analyze::weightings::results::{BenchmarkKind, BenchmarkWeightings, Headline, WeightingsAnalysis};

use crate::estimate::Estimate;
use crate::sensitivity::Measure;

use super::benchmarks::Contents;
use super::layout::Layout;

/// Ratios that differ by less than this are the same: both means come from printed, rounded numbers.
const CLOSE: f64 = 2e-3;

/// The table's own mean over benchmarks.
pub(super) struct GivenAverage {
    /// Its numbers by arm: the mean over seeds.
    pub points: BTreeMap<String, f64>,
    /// Benchmarks of the computed mean.
    pub benchmarks: usize,
    /// Cells that have both means.
    pub cells: usize,
    /// Given mean / computed mean: the median over cells.
    pub ratio: f64,
    /// Cells whose ratio is that one.
    pub constant_in: usize,
}

impl GivenAverage {
    /// `None` where the table gives no mean, or where none is computed beside it.
    pub fn of(contents: &Contents, layout: &Layout<'_>, weightings: &WeightingsAnalysis) -> Option<Self> {
        let name = contents.average.as_ref().filter(|_| contents.has_mean())?;
        let computed = weightings.benchmarks.iter().find(|benchmark| benchmark.kind == BenchmarkKind::Average)?;
        let mut points = BTreeMap::new();
        let mut ratios = Vec::new();
        for (member, row) in layout.members.iter().zip(&computed.rows) {
            let Some(rows) = member.cells.get(name.as_str()).filter(|rows| !rows.is_empty()) else { continue };
            let given = rows.iter().map(|row| row.score).sum::<f64>() / rows.len() as f64;
            points.insert(member.arm.id.clone(), given);
            let own = row.measure(Headline::Performance).and_then(|entry| entry.value.point());
            let ratio = own.filter(|own| own.abs() > 0.0).map(|own| given / own);
            ratios.extend(ratio.into_iter().flat_map(|ratio| std::iter::repeat_n(ratio, member.repeats)));
        }
        ratios.sort_by(f64::total_cmp);
        let ratio = ratios.get(ratios.len() / 2).copied()?;
        let same = |other: &&f64| (*other - ratio).abs() <= CLOSE * ratio.abs();
        Some(Self {
            points,
            benchmarks: computed.tasks.len(),
            cells: ratios.len(),
            ratio,
            constant_in: ratios.iter().filter(same).count(),
        })
    }

    /// Whether both are the same mean.
    pub fn agrees(&self) -> bool {
        self.is_constant() && (self.ratio - 1.0).abs() <= CLOSE
    }

    fn is_constant(&self) -> bool {
        self.constant_in == self.cells
    }

    /// By how many benchmarks the given mean divides their sum, where that explains the ratio.
    fn divisor(&self) -> Option<usize> {
        let close = |by: &usize| (self.benchmarks as f64 / *by as f64 - self.ratio).abs() <= CLOSE * self.ratio;
        (1..=self.benchmarks * 2).find(close).filter(|by| *by != self.benchmarks && self.is_constant())
    }

    /// What the two means are to each other.
    pub fn ratio_text(&self) -> String {
        let all = format!("{} of {} cells", count(self.constant_in), count(self.cells));
        let cells = if self.is_constant() { format!("all {} cells", count(self.cells)) } else { all };
        if self.agrees() {
            format!("the mean of {} benchmarks in {cells}", self.benchmarks)
        } else {
            format!("{:.3} times the mean of {} benchmarks in {cells}", self.ratio, self.benchmarks)
        }
    }

    /// What is wrong with it, in words; nothing where it is the computed mean.
    pub fn slip(&self) -> Option<String> {
        if self.agrees() {
            return None;
        }
        let head = format!("The table's own average is {}", self.ratio_text());
        Some(match self.divisor() {
            Some(by) => format!(
                "{head}: it divides the sum of {} benchmarks by {by}. Relative gains do not depend on the divisor, absolute \
                 averages do; this report divides by {}.",
                self.benchmarks, self.benchmarks
            ),
            None => format!("{head}; no single divisor explains that. This report shows the computed mean."),
        })
    }

    /// Lays the gains by the given means beside those by the computed one.
    pub fn fill_gains(&self, weightings: &mut WeightingsAnalysis, level: f64) {
        let Some(name) = weightings.benchmarks.iter().find(|one| Self::is_of(one)).map(|one| one.benchmark.clone())
        else {
            return;
        };
        let known = weightings
            .picture
            .gains
            .iter()
            .map(|gain| (gain.benchmark == name).then(|| self.gain(weightings, gain)).flatten());
        let known = known.collect::<Vec<_>>();
        let of_stage = |stage: &Option<String>| {
            let gains = weightings.picture.gains.iter().zip(&known);
            let own = gains
                .filter(|(gain, _)| weightings.series.get(gain.series).is_some_and(|series| series.stage == *stage));
            own.filter_map(|(gain, point)| Some((gain.series, (*point)?))).collect::<Vec<_>>()
        };
        let means = weightings.picture.mean_gains.iter().map(|mean| {
            (mean.benchmark == name).then(|| picture::mean_gain(weightings, &of_stage(&mean.stage), level))
        });
        let means = means.collect::<Vec<_>>();
        for (mean, given) in weightings.picture.mean_gains.iter_mut().zip(means) {
            mean.as_given = given;
        }
        for (gain, point) in weightings.picture.gains.iter_mut().zip(known) {
            let estimate = |point| Estimate { point, interval: None, standard_error: None, n: 1, clusters: 1 };
            gain.as_given = point.map(|point| Measure::Defined(estimate(point)));
        }
    }

    /// The relative gain of the best cell over conventional tuning by the given means, for the grid of a gain.
    pub fn gain(&self, weightings: &WeightingsAnalysis, gain: &Gain) -> Option<f64> {
        let reference = self.points.get(&gain.reference)?;
        // Arms stand by rising weights: the first of equals has the smallest.
        let own = weightings.arms.iter().filter(|arm| arm.series == gain.series && arm.weighting.is_some());
        let best = own.filter_map(|arm| self.points.get(&arm.id)).copied().fold(f64::NEG_INFINITY, f64::max);
        (*reference > 0.0 && best.is_finite()).then(|| best / reference - 1.0)
    }

    /// The benchmark that is the computed mean.
    pub fn is_of(benchmark: &BenchmarkWeightings) -> bool {
        benchmark.kind == BenchmarkKind::Average
    }

    /// Grids whose best cell is another by the given mean: series whose best cells differ.
    pub fn other_best(&self, weightings: &WeightingsAnalysis) -> usize {
        let computed = weightings.benchmarks.iter().find(|benchmark| Self::is_of(benchmark));
        let Some(computed) = computed else { return 0 };
        let cells = weightings.picture.best_cells.iter();
        let cells = cells.filter(|cell| cell.benchmark == computed.benchmark && cell.measure == Headline::Performance);
        cells.filter(|cell| self.beats(weightings, cell)).count()
    }

    fn beats(&self, weightings: &WeightingsAnalysis, cell: &BestCell) -> bool {
        let Some(own) = self.points.get(&cell.arm) else { return false };
        let others = weightings.arms.iter().filter(|arm| arm.series == cell.series && arm.weighting.is_some());
        others.filter_map(|arm| self.points.get(&arm.id)).any(|other| other > own)
    }
}
