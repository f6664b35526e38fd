//! Reasons, in numbers.

use super::results::{CheckResult, LimitState};
use super::verdict::Verdict;
use crate::analyze::number::{counted, figure, interval_text, signed};

/// A p-value as people read it.
pub(super) fn p_text(p: f64) -> String {
    if p < 0.0005 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") }
}

/// A number small enough to vanish at three decimals keeps its first digits.
pub(super) fn fine(value: f64) -> String {
    if value.abs() >= 0.0095 || value.abs() <= 0.0 { figure(value) } else { format!("{value:.2e}") }
}

impl CheckResult {
    /// What is measured, for people: `performance under typo`.
    pub fn measure_words(&self) -> String {
        let under = self.perturbation.as_ref().map_or_else(String::new, |name| format!(" under {name}"));
        format!("{}{under}", self.measure.title())
    }

    /// The difference with its interval.
    pub fn difference_words(&self) -> String {
        match self.difference.interval {
            Some(interval) => {
                format!("{} {}", signed(self.difference.point), interval_text(interval.low, interval.high))
            }
            None => format!("{} (no interval)", signed(self.difference.point)),
        }
    }
}

/// Why a check has its verdict.
pub(super) fn reason(check: &CheckResult, alpha: f64, tests: usize) -> String {
    let mut parts = vec![format!(
        "baseline {}, candidate {}, difference {}{}",
        figure(check.baseline),
        figure(check.candidate),
        check.difference_words(),
        check.difference.interval.map_or(String::new(), |interval| format!(" at {:.0} %", 100.0 * interval.level)),
    )];
    parts.extend(paired_reason(check, alpha, tests));
    parts.extend(check.limits.iter().map(|limit| {
        let name = if limit.is_floor { "floor" } else { "ceiling" };
        let found = match limit.state {
            LimitState::Holds => "holds",
            LimitState::Violated => "is violated",
            LimitState::Undecided => "is neither shown to hold nor to be violated",
        };
        let by = limit.p_violated_adjusted.map_or_else(
            || " (by the point, whatever its uncertainty)".to_owned(),
            |p| format!(" (violation: {}, adjusted)", p_text(p)),
        );
        format!("{name} {} {found}{by}", figure(limit.value))
    }));
    if check.unpaired > 0 {
        parts.push(format!("{} in one run only, left out", counted(check.unpaired, "instance")));
    }
    parts.join("; ")
}

fn paired_reason(check: &CheckResult, alpha: f64, tests: usize) -> Option<String> {
    let margin = fine(check.margin);
    let (Some(adjusted), Some(not_worse)) = (check.p_regressed_adjusted, check.p_not_worse) else {
        return Some("no interval: fewer than two independent clusters".to_owned());
    };
    let drop = || {
        let over = if tests > 1 { format!(", adjusted over {tests} tests") } else { String::new() };
        format!("{}{over}", p_text(adjusted))
    };
    let by_limit = check.limits.iter().any(|limit| limit.state == LimitState::Violated);
    match check.verdict {
        Verdict::Regressed if by_limit => None,
        Verdict::Regressed => Some(format!("worse by more than the margin {margin} ({})", drop())),
        Verdict::Improved => {
            Some(format!("better ({} after adjustment)", check.p_improved_adjusted.map_or_else(String::new, p_text)))
        }
        // Inconclusive for a floor or a ceiling only.
        Verdict::Unchanged | Verdict::Inconclusive if not_worse < alpha => {
            Some(format!("not worse by the margin {margin} ({})", p_text(not_worse)))
        }
        Verdict::Unchanged | Verdict::Inconclusive => Some(format!(
            "neither worse by more than the margin {margin} ({}) nor shown not to be ({})",
            drop(),
            p_text(not_worse)
        )),
    }
}
