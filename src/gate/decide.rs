//! The decision: pure, from paired columns and a policy to verdicts.

use super::checks::{Catalogue, Check, Limit, TaskGroup};
use super::level::{Level, mean_of};
use super::policy::{FloorBy, Policy};
use super::power::Threshold;
use super::results::{CheckResult, Gate, LimitResult, LimitState, SCHEMA, Side};
use super::sample::Sample;
use super::verdict::{Conclusion, Overall, Verdict};
use super::words;
use crate::estimate::Estimate;
use crate::paired::{PairedRuns, PairedSide, PairedTask};
use crate::stats::holm;

/// Decides whether the candidate may replace the baseline. The order of tasks does not matter.
pub fn decide(tasks: &[PairedTask], groups: &[TaskGroup], policy: &Policy) -> Gate {
    let alpha = f64::from(policy.defaults.alpha);
    let selection = Catalogue::new(tasks, groups).select(policy);
    let mut checks = selection.checks.iter().map(Evidence::of).collect::<Vec<_>>();
    let tests = adjust(&mut checks);
    let power = f64::from(policy.defaults.power);
    let results = checks.into_iter().map(|check| check.conclude(alpha, power, tests)).collect::<Vec<_>>();
    let verdicts = results.iter().map(|check| check.verdict).collect::<Vec<_>>();
    let compared = results.iter().any(|check| check.p_regressed.is_some());
    let overall = Overall::of(&verdicts, compared, !selection.missing.is_empty());
    Gate {
        schema: SCHEMA.to_owned(),
        conclusion: Conclusion::new(overall, policy.inconclusive),
        baseline: Side::default(),
        candidate: Side::default(),
        alpha,
        power,
        tests,
        checks: results,
        missing: selection.missing,
        left_out: selection.left_out,
        notes: Vec::new(),
        policy: policy.clone(),
    }
}

/// [`decide`] for two runs, with what a reader must know of them.
pub fn decide_runs(runs: &PairedRuns, policy: &Policy) -> Gate {
    let side = |side: &PairedSide| Side { run: side.run.clone(), checkpoint: side.checkpoint.label.clone() };
    Gate {
        baseline: side(&runs.baseline),
        candidate: side(&runs.candidate),
        notes: runs.notes.clone(),
        ..decide(&runs.tasks, &TaskGroup::of(runs), policy)
    }
}

/// A check with what its data say, before anything is adjusted.
struct Evidence<'c, 'a> {
    check: &'c Check<'a>,
    sample: Option<Sample>,
    baseline: f64,
    candidate: f64,
    margin: f64,
    p_regressed: Option<f64>,
    p_not_worse: Option<f64>,
    p_improved: Option<f64>,
    p_regressed_adjusted: Option<f64>,
    p_improved_adjusted: Option<f64>,
    limits: Vec<LimitResult>,
}

impl<'c, 'a> Evidence<'c, 'a> {
    fn of(check: &'c Check<'a>) -> Self {
        let sample = Sample::of(&check.strata);
        let baseline = mean_of(&check.strata, false);
        let margin = check.margin.at(baseline);
        let level = Level::of(&check.strata, check.is_unit);
        Self {
            check,
            sample,
            baseline,
            candidate: level.mean,
            margin,
            p_regressed: sample.map(|sample| sample.p_at_least(-margin)),
            p_not_worse: sample.map(|sample| sample.p_at_most(-margin)),
            p_improved: sample.map(|sample| sample.p_at_most(0.0)),
            p_regressed_adjusted: None,
            p_improved_adjusted: None,
            limits: check.limits.iter().map(|limit| limit_evidence(*limit, check.floor_by, &level)).collect(),
        }
    }

    fn conclude(self, alpha: f64, power: f64, tests: usize) -> CheckResult {
        let mut limits = self.limits.clone();
        for limit in limits.iter_mut().filter(|limit| limit.by == FloorBy::Interval) {
            let shown = |p: Option<f64>| p.is_some_and(|p| p < alpha);
            limit.state = match (shown(limit.p_violated_adjusted), shown(limit.p_holds)) {
                (true, _) => LimitState::Violated,
                (false, true) => LimitState::Holds,
                (false, false) => LimitState::Undecided,
            };
        }
        let threshold = Threshold { margin: self.margin, alpha: alpha / tests.max(1) as f64 };
        let check = self.check;
        let mut result = CheckResult {
            kind: check.kind,
            subject: check.name.to_owned(),
            title: check.title.to_owned(),
            metric: check.metric.clone(),
            filter: check.filter.clone(),
            measure: check.measure,
            perturbation: check.perturbation.clone(),
            more_is_better: check.more_is_better,
            verdict: Verdict::Inconclusive,
            reason: String::new(),
            baseline: self.baseline,
            candidate: self.candidate,
            difference: self.difference(alpha),
            unpaired: check.strata.iter().map(|stratum| stratum.column.unpaired).sum(),
            margin: self.margin,
            margin_rule: check.margin,
            p_regressed: self.p_regressed,
            p_regressed_adjusted: self.p_regressed_adjusted,
            p_not_worse: self.p_not_worse,
            p_improved: self.p_improved,
            p_improved_adjusted: self.p_improved_adjusted,
            limits,
            smallest_detectable_drop: self
                .sample
                .and_then(|sample| sample.smallest_detectable_drop(threshold, power))
                // A drop that cannot be is none that could be detected.
                .filter(|drop| check.largest_drop.is_none_or(|largest| *drop <= largest)),
            instances_for_twice_the_margin: self
                .sample
                .and_then(|sample| sample.instances_for_twice_the_margin(threshold)),
            required: check.required,
        };
        result.verdict = verdict(&result, alpha);
        result.reason = words::reason(&result, alpha, tests);
        result
    }

    /// Candidate minus baseline, in the measure's own direction.
    fn difference(&self, alpha: f64) -> Estimate {
        let sign = if self.check.more_is_better { 1.0 } else { -1.0 };
        let interval = self.sample.and_then(|sample| sample.interval(alpha)).map(|mut interval| {
            let ends = (sign * interval.low, sign * interval.high);
            (interval.low, interval.high) = (ends.0.min(ends.1), ends.0.max(ends.1));
            interval
        });
        let rows = self.check.strata.iter().map(|stratum| stratum.column.rows.len()).sum();
        Estimate {
            point: self.sample.map_or(self.candidate - self.baseline, |sample| sign * sample.mean),
            interval,
            standard_error: self.sample.map(|sample| sample.standard_error),
            n: rows,
            clusters: self.sample.map_or(1, |sample| sample.clusters),
        }
    }
}

fn limit_evidence(limit: Limit, by: FloorBy, level: &Level) -> LimitResult {
    let Limit { is_floor, value } = limit;
    let beyond = if is_floor { level.mean < value } else { level.mean > value };
    let by_interval = by == FloorBy::Interval;
    let (below, above) = (level.p_at_least(value), level.p_at_most(value));
    let (p_violated, p_holds) = if is_floor { (below, above) } else { (above, below) };
    LimitResult {
        is_floor,
        value,
        by,
        p_violated: p_violated.filter(|_| by_interval),
        p_violated_adjusted: None,
        p_holds: p_holds.filter(|_| by_interval),
        state: match (by_interval, beyond) {
            (true, _) => LimitState::Undecided,
            (false, true) => LimitState::Violated,
            (false, false) => LimitState::Holds,
        },
    }
}

/// Adjusts the p-values of everything that can fail as one family, and those of improvements as another. Answers the
/// size of the first.
fn adjust(checks: &mut [Evidence<'_, '_>]) -> usize {
    let drops = checks.iter().filter_map(|check| check.p_regressed);
    let limits = checks.iter().flat_map(|check| check.limits.iter().filter_map(|limit| limit.p_violated));
    let failing = drops.chain(limits).collect::<Vec<_>>();
    let mut adjusted = holm(&failing).into_iter();
    for check in checks.iter_mut().filter(|check| check.p_regressed.is_some()) {
        check.p_regressed_adjusted = adjusted.next();
    }
    for limit in checks.iter_mut().flat_map(|check| &mut check.limits).filter(|limit| limit.p_violated.is_some()) {
        limit.p_violated_adjusted = adjusted.next();
    }
    let mut improved = holm(&checks.iter().filter_map(|check| check.p_improved).collect::<Vec<_>>()).into_iter();
    for check in checks.iter_mut().filter(|check| check.p_improved.is_some()) {
        check.p_improved_adjusted = improved.next();
    }
    failing.len()
}

/// The decision table of one check (`docs/gate.md`).
fn verdict(check: &CheckResult, alpha: f64) -> Verdict {
    let shown = |p: Option<f64>| p.is_some_and(|p| p < alpha);
    let limit = |state| check.limits.iter().any(|limit| limit.state == state);
    if limit(LimitState::Violated) || shown(check.p_regressed_adjusted) {
        Verdict::Regressed
    } else if limit(LimitState::Undecided) || !shown(check.p_not_worse) {
        Verdict::Inconclusive
    } else if shown(check.p_improved_adjusted) {
        Verdict::Improved
    } else {
        Verdict::Unchanged
    }
}
