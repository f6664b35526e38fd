//! Verdicts, and the exit code that a verdict has.

use serde::{Deserialize, Serialize};

/// What may be said of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Better than the baseline.
    Improved,
    /// Not worse by the margin, and not shown to be better.
    Unchanged,
    /// Worse by more than the margin, or beyond a floor or a ceiling.
    Regressed,
    /// The data show neither.
    Inconclusive,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Improved, Self::Unchanged, Self::Regressed, Self::Inconclusive];

    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Improved => "improved",
            Self::Unchanged => "unchanged",
            Self::Regressed => "regressed",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// What the exit code makes of an inconclusive gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InconclusivePolicy {
    /// Exit code 3.
    #[default]
    Report,
    /// Exit code 0.
    Pass,
    /// Exit code 1.
    Fail,
}

impl InconclusivePolicy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Report, Self::Pass, Self::Fail];

    /// Whether an inconclusive check counts as a failure; `None` where it passes.
    pub fn as_red(self) -> Option<bool> {
        match self {
            Self::Report => Some(false),
            Self::Fail => Some(true),
            Self::Pass => None,
        }
    }
}

/// What may be said of all checks together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overall {
    /// Every check is unchanged or improved, and one at least is improved.
    Improved,
    /// Every check is unchanged.
    Unchanged,
    /// One check at least is regressed.
    Regressed,
    /// No check is regressed, and one at least is inconclusive.
    Inconclusive,
    /// No check had data to decide from.
    NothingCompared,
    /// A required check could not be made.
    RequiredMissing,
    /// The runs could not be read, or must not be compared.
    NotComparable,
}

impl Overall {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Improved,
        Self::Unchanged,
        Self::Regressed,
        Self::Inconclusive,
        Self::NothingCompared,
        Self::RequiredMissing,
        Self::NotComparable,
    ];

    /// The verdict over checks. `compared` is whether any of them had data to decide from, `missing` whether a required
    /// one could not be made.
    pub fn of(verdicts: &[Verdict], compared: bool, missing: bool) -> Self {
        let any = |verdict| verdicts.contains(&verdict);
        if missing {
            Self::RequiredMissing
        } else if any(Verdict::Regressed) {
            Self::Regressed
        } else if !compared || verdicts.is_empty() {
            Self::NothingCompared
        } else if any(Verdict::Inconclusive) {
            Self::Inconclusive
        } else if any(Verdict::Improved) {
            Self::Improved
        } else {
            Self::Unchanged
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Improved => "improved",
            Self::Unchanged => "unchanged",
            Self::Regressed => "regressed",
            Self::Inconclusive => "inconclusive",
            Self::NothingCompared => "nothing compared",
            Self::RequiredMissing => "no verdict: a required check is missing",
            Self::NotComparable => "no verdict: could not compare",
        }
    }

    /// The exit code: 0 fine, 1 regressed, 2 could not compare, 3 too little to decide.
    pub fn exit_code(self, inconclusive: InconclusivePolicy) -> u8 {
        match (self, inconclusive) {
            (Self::Improved | Self::Unchanged, _) | (Self::Inconclusive, InconclusivePolicy::Pass) => 0,
            (Self::Regressed, _) | (Self::Inconclusive, InconclusivePolicy::Fail) => 1,
            (Self::RequiredMissing | Self::NotComparable, _) => 2,
            (Self::NothingCompared, _) | (Self::Inconclusive, InconclusivePolicy::Report) => 3,
        }
    }
}

/// The end of a gate: the verdict, and the exit code that goes with it. Made in one place from the same two values, so
/// that what is printed and what the process answers cannot differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conclusion {
    /// The verdict.
    pub verdict: Overall,
    /// The exit code.
    pub exit_code: u8,
    /// The policy that made it.
    pub inconclusive: InconclusivePolicy,
}

impl Conclusion {
    /// The end of a gate with this verdict under this policy.
    pub fn new(verdict: Overall, inconclusive: InconclusivePolicy) -> Self {
        Self { verdict, exit_code: verdict.exit_code(inconclusive), inconclusive }
    }

    /// The last line that is printed.
    pub fn line(&self) -> String {
        let by_policy = match (self.verdict, self.exit_code) {
            (Overall::Inconclusive, 0) => ", passed by policy",
            (Overall::Inconclusive, 1) => ", failed by policy",
            _ => "",
        };
        format!("gate: {}{by_policy} (exit code {})", self.verdict.words(), self.exit_code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every set of verdicts, with and without data, with and without a missing check, under every policy.
    #[test]
    fn no_combination_prints_a_verdict_that_its_exit_code_contradicts() {
        for set in 0..16_usize {
            let verdicts =
                Verdict::ALL.into_iter().zip(0..).filter(|(_, bit)| set >> bit & 1 == 1).map(|(verdict, _)| verdict);
            let verdicts = verdicts.collect::<Vec<_>>();
            for (compared, missing) in [(true, true), (true, false), (false, true), (false, false)] {
                for policy in InconclusivePolicy::ALL {
                    let conclusion = Conclusion::new(Overall::of(&verdicts, compared, missing), policy);
                    let line = conclusion.line();
                    assert!(line.ends_with(&format!("(exit code {})", conclusion.exit_code)), "{line}");
                    let red = missing || !compared || verdicts.is_empty();
                    assert!(!(red && conclusion.exit_code == 0), "{line}: green without a comparison");
                    assert_eq!(conclusion.exit_code == 2, missing, "{line}");
                    if verdicts.contains(&Verdict::Regressed) && !missing {
                        assert!(conclusion.exit_code == 1 && line.contains("regressed"), "{line}");
                    }
                    if conclusion.exit_code == 0 {
                        let said = ["improved", "unchanged", "passed by policy"].iter().any(|word| line.contains(word));
                        assert!(said && !verdicts.contains(&Verdict::Regressed), "{line}");
                    }
                    let undecided = verdicts.contains(&Verdict::Inconclusive) && conclusion.exit_code == 0;
                    assert!(!undecided || policy == InconclusivePolicy::Pass, "{line}");
                }
            }
        }
    }
}
