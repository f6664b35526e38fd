//! What a gate checks and how strictly: `gate.toml`. `docs/gate.md` describes every key.

use std::fmt;

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::verdict::InconclusivePolicy;
use crate::analyze::analysis::Headline;

/// Why a policy cannot be used.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// The text is no policy; the message names line and key.
    #[error("{name}: {source}")]
    Syntax {
        /// The file.
        name: String,
        /// What the decoder said.
        source: Box<toml::de::Error>,
    },
    /// A check names nothing to check, or too much.
    #[error("{name}: [[check]] number {number}: {what}")]
    Check {
        /// The file.
        name: String,
        /// Which, from 1.
        number: usize,
        /// What is wrong, and what to do.
        what: &'static str,
    },
    /// Two checks are about the same.
    #[error(
        "{name}: [[check]] number {first} and [[check]] number {second} are about the same ({subject}); write one \
         [[check]] with the limits of both"
    )]
    Twice {
        /// The file.
        name: String,
        /// The earlier, from 1.
        first: usize,
        /// The later.
        second: usize,
        /// What both are about.
        subject: String,
    },
    /// Nothing is asked for.
    #[error("{name}: `tasks` and `measures` are both empty and there is no [[check]]: nothing would be compared")]
    Empty {
        /// The file.
        name: String,
    },
}

/// A probability of an error, above 0 and below one half.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Alpha(f64);

impl TryFrom<f64> for Alpha {
    type Error = &'static str;

    fn try_from(value: f64) -> Result<Self, Self::Error> {
        if value > 0.0 && value < 0.5 {
            Ok(Self(value))
        } else {
            Err("alpha is the probability of a false alarm: above 0 and below 0.5, such as 0.05")
        }
    }
}

impl From<Alpha> for f64 {
    fn from(alpha: Alpha) -> Self {
        alpha.0
    }
}

/// A probability of finding what is there, from one half to below 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Power(f64);

impl TryFrom<f64> for Power {
    type Error = &'static str;

    fn try_from(value: f64) -> Result<Self, Self::Error> {
        if (0.5..1.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err("power is the probability of finding a drop that is there: from 0.5 to below 1, such as 0.8")
        }
    }
}

impl From<Power> for f64 {
    fn from(power: Power) -> Self {
        power.0
    }
}

/// How much worse the candidate may be: `0.02`, `"5%"` of the baseline's number as measured, or `"0.05 or 10%"`,
/// whichever is more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Margin {
    /// In the measure's own unit.
    pub absolute: f64,
    /// As a share of the baseline's number.
    pub relative: f64,
}

const MARGIN: &str = "a margin is a number from 0 up (0.02), a percentage of the baseline (\"5%\"), or both, of which the \
                      larger counts (\"0.05 or 10%\")";

impl Margin {
    /// A margin in the measure's own unit.
    pub const fn absolute(absolute: f64) -> Self {
        Self { absolute, relative: 0.0 }
    }

    /// A margin as a share of the baseline's number.
    pub const fn relative(relative: f64) -> Self {
        Self { absolute: 0.0, relative }
    }

    /// The margin where the baseline measured `baseline`.
    pub fn at(self, baseline: f64) -> f64 {
        self.absolute.max(self.relative * baseline.abs())
    }

    /// The margin, where it can be one of a number from 0 to 1.
    ///
    /// # Errors
    /// What the margin of a share looks like.
    pub fn of_share(self) -> Result<Self, String> {
        if self.absolute > 1.0 {
            Err(format!("{} is no margin of a share; write 0.02 for two points of a hundred", self.absolute))
        } else {
            Ok(self)
        }
    }

    /// Reads a margin as it is written.
    ///
    /// # Errors
    /// What a margin looks like.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut margin = Self::absolute(0.0);
        let parts = text.split(" or ").map(str::trim).collect::<Vec<_>>();
        if parts.len() > 2 {
            return Err(MARGIN);
        }
        for part in parts {
            let (number, is_share) = part.strip_suffix('%').map_or((part, false), |number| (number.trim_end(), true));
            let value = number.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0).ok_or(MARGIN)?;
            if is_share {
                margin.relative = margin.relative.max(value / 100.0);
            } else {
                margin.absolute = margin.absolute.max(value);
            }
        }
        Ok(margin)
    }
}

impl fmt::Display for Margin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.relative * 100.0;
        // Percentages are written with few digits; a hundredth of one needs no rounding error behind it.
        let percent = (percent * 1e9).round() / 1e9;
        match (self.absolute > 0.0, self.relative > 0.0) {
            (true, true) => write!(f, "{} or {percent}%", self.absolute),
            (false, true) => write!(f, "{percent}%"),
            _ => write!(f, "{}", self.absolute),
        }
    }
}

impl Serialize for Margin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Margin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MarginVisitor;
        impl Visitor<'_> for MarginVisitor {
            type Value = Margin;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(MARGIN)
            }

            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Margin, E> {
                if value.is_finite() && value >= 0.0 { Ok(Margin::absolute(value)) } else { Err(E::custom(MARGIN)) }
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Margin, E> {
                self.visit_f64(value as f64)
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Margin, E> {
                self.visit_f64(value as f64)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Margin, E> {
                Margin::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(MarginVisitor)
    }
}

/// When a floor or a ceiling is violated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FloorBy {
    /// Where the one-sided interval lies wholly beyond it.
    #[default]
    Interval,
    /// Where the point lies beyond it, however uncertain.
    Point,
}

/// The margins by measure, for checks that name none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Margins {
    /// Performance on the original wording, where credits are shares.
    #[serde(deserialize_with = "share")]
    pub performance: Margin,
    /// Performance over perturbed wordings.
    #[serde(deserialize_with = "share")]
    pub perturbed: Margin,
    /// Worst case over wordings.
    #[serde(deserialize_with = "share")]
    pub worst_case: Margin,
    /// POSIX, nats a token.
    pub posix: Margin,
    /// Spread over wordings.
    #[serde(deserialize_with = "share")]
    pub spread: Margin,
    /// Variance over wordings.
    #[serde(deserialize_with = "share")]
    pub variance: Margin,
    /// Flip rate.
    #[serde(deserialize_with = "share")]
    pub flip_rate: Margin,
    /// Measures of metrics that are no shares (ratings, perplexities).
    pub not_shares: Margin,
}

impl Default for Margins {
    fn default() -> Self {
        let share = Margin::absolute(0.02);
        Self {
            performance: share,
            perturbed: share,
            worst_case: share,
            posix: Margin { absolute: 0.05, relative: 0.1 },
            spread: share,
            variance: Margin::absolute(0.01),
            flip_rate: share,
            not_shares: Margin::relative(0.02),
        }
    }
}

impl Margins {
    /// The margin of a measure.
    pub fn of(&self, measure: Headline, is_share: bool) -> Margin {
        match measure {
            Headline::Posix => self.posix,
            Headline::FlipRate => self.flip_rate,
            _ if !is_share => self.not_shares,
            Headline::Performance => self.performance,
            Headline::Perturbed => self.perturbed,
            Headline::WorstCase => self.worst_case,
            Headline::Spread => self.spread,
            Headline::Variance => self.variance,
        }
    }

    /// One margin for everything that is a share.
    #[must_use]
    pub fn with_shares(self, margin: Margin) -> Self {
        Self { performance: margin, perturbed: margin, worst_case: margin, spread: margin, flip_rate: margin, ..self }
    }
}

/// What is checked where no `[[check]]` says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Defaults {
    /// Probability of one or more false alarms, over all checks together.
    pub alpha: Alpha,
    /// Probability with which the smallest detectable drop is found.
    pub power: Power,
    /// When a floor is violated.
    pub floor_by: FloorBy,
    /// Tasks that are checked; `*` matches any text.
    pub tasks: Vec<String>,
    /// Measures that are checked.
    pub measures: Vec<Headline>,
    /// Whether tasks of a group are checked as the group's mean.
    pub groups: bool,
    /// The margins.
    pub margin: Margins,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            alpha: Alpha(0.05),
            power: Power(0.8),
            floor_by: FloorBy::Interval,
            tasks: vec!["*".to_owned()],
            measures: vec![Headline::Performance, Headline::WorstCase, Headline::Posix, Headline::Spread],
            groups: true,
            margin: Margins::default(),
        }
    }
}

/// One `[[check]]`: a check of its own, or other limits for one that the defaults make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckRule {
    /// A task, or a pattern over tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// A group of the run; `average` is the mean over all tasks whose credits are shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What is measured.
    pub measure: Headline,
    /// The perturbation, for `performance` over its wordings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub perturbation: Option<String>,
    /// The metric, where it is not the task's first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// The filter pipeline, where it is not the metric's first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// How much worse the candidate may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<Margin>,
    /// The candidate's number must not be below.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "limit")]
    pub floor: Option<f64>,
    /// The candidate's number must not be above.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "limit")]
    pub ceiling: Option<f64>,
    /// When floor and ceiling are violated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor_by: Option<FloorBy>,
    /// Whether the gate has no verdict without it.
    #[serde(default = "yes")]
    pub required: bool,
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Margin, D::Error> {
    Margin::deserialize(deserializer)?.of_share().map_err(D::Error::custom)
}

fn yes() -> bool {
    true
}

fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let value = f64::deserialize(deserializer)?;
    if value.is_finite() { Ok(Some(value)) } else { Err(D::Error::custom("a limit is a finite number")) }
}

/// A whole policy.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// What the exit code makes of an inconclusive gate.
    pub inconclusive: InconclusivePolicy,
    /// What is checked by default.
    pub defaults: Defaults,
    /// Further checks, and other limits; of several that apply the last that names a value wins.
    #[serde(rename = "check")]
    pub checks: Vec<CheckRule>,
}

impl Policy {
    /// Reads a policy; `name` is the file's, for messages.
    pub fn from_toml(text: &str, name: &str) -> Result<Self, PolicyError> {
        let syntax = |source| PolicyError::Syntax { name: name.to_owned(), source: Box::new(source) };
        let policy: Self = toml::from_str(text).map_err(syntax)?;
        policy.validate(name)?;
        Ok(policy)
    }

    fn validate(&self, name: &str) -> Result<(), PolicyError> {
        for (number, rule) in (1..).zip(&self.checks) {
            let wrong = |what| Err(PolicyError::Check { name: name.to_owned(), number, what });
            if rule.task.is_some() == rule.group.is_some() {
                return wrong("name either a `task` or a `group`");
            }
            if rule.perturbation.is_some() && rule.measure != Headline::Performance {
                return wrong(
                    "`perturbation` goes with measure = \"performance\"; the other measures are over all wordings",
                );
            }
            if rule.floor.zip(rule.ceiling).is_some_and(|(floor, ceiling)| floor > ceiling) {
                return wrong("the floor lies above the ceiling");
            }
            if let Some((first, _)) = (1..number).zip(&self.checks).find(|(_, earlier)| earlier.is_about_same(rule)) {
                let (name, subject) = (name.to_owned(), rule.subject());
                return Err(PolicyError::Twice { name, first, second: number, subject });
            }
        }
        if self.checks.is_empty() && (self.defaults.tasks.is_empty() || self.defaults.measures.is_empty()) {
            return Err(PolicyError::Empty { name: name.to_owned() });
        }
        Ok(())
    }
}

/// Whether a name matches a pattern in which `*` stands for any text.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts = parts.collect::<Vec<_>>();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Policy::from_toml(text, "gate.toml").unwrap_err().to_string()
    }

    #[test]
    fn a_policy_without_a_word_is_the_default_and_reads_back() {
        assert_eq!(Policy::from_toml("", "gate.toml").unwrap(), Policy::default());
        let text = toml::to_string(&Policy::default()).unwrap();
        assert_eq!(Policy::from_toml(&text, "gate.toml").unwrap(), Policy::default());
    }

    #[test]
    fn the_shipped_example_is_a_policy() {
        let text = include_str!("../../docs/examples/gate.toml");
        let policy = Policy::from_toml(text, "gate.toml").unwrap();
        assert!(policy.checks.iter().any(|rule| rule.floor.is_some()));
        assert!(policy.checks.iter().any(|rule| rule.ceiling.is_some()));
    }

    #[test]
    fn what_a_policy_does_not_know_is_refused_with_its_line() {
        let unknown = error("inconclusive = \"report\"\n[defaults]\nalhpa = 0.05\n");
        assert!(unknown.contains("gate.toml") && unknown.contains("line 3") && unknown.contains("alhpa"), "{unknown}");
        let level = error("[defaults]\n\nalpha = 5\n");
        assert!(level.contains("line 3") && level.contains("below 0.5"), "{level}");
        let margin = error("[[check]]\ntask = \"mmlu\"\nmeasure = \"performance\"\nmargin = \"-2%\"\n");
        assert!(margin.contains("line 4") && margin.contains("a margin is"), "{margin}");
        let measure = error("[[check]]\ntask = \"mmlu\"\nmeasure = \"accuracy\"\n");
        assert!(measure.contains("line 3") && measure.contains("worst_case"), "{measure}");
        assert!(error("[[check]]\nmeasure = \"posix\"\n").contains("either a `task` or a `group`"));
        let share = error("[defaults.margin]\nposix = 2\nnot_shares = 3\nworst_case = 2\n");
        assert!(share.contains("line 4") && share.contains("2 is no margin of a share; write 0.02"), "{share}");
        assert!(error("[defaults]\ntasks = []\n").contains("nothing would be compared"));
        assert!(error("[[check]]\ntask = \"a\"\nmeasure = \"posix\"\nfloor = nan\n").contains("finite"));
    }

    #[test]
    fn two_checks_of_the_same_are_refused_by_their_numbers() {
        let check = |rest: &str| format!("[[check]]\ntask = \"mmlu\"\nmeasure = \"performance\"\n{rest}");
        let two = |second: &str| check("floor = 0.2\n") + &check("metric = \"acc\"\n") + &check(second);
        let twice = error(&two("margin = 0.1\n"));
        assert!(
            twice.contains("number 1 and [[check]] number 3") && twice.contains("task mmlu: performance"),
            "{twice}"
        );
        for other in ["perturbation = \"typo\"\n", "metric = \"f1\"\n", "filter = \"strict\"\n"] {
            assert!(Policy::from_toml(&two(other), "gate.toml").is_ok(), "{other}");
        }
    }

    #[test]
    fn margins_are_absolute_relative_or_the_larger_of_both() {
        assert_eq!(Margin::parse("5%"), Ok(Margin::relative(0.05)));
        let both = Margin::parse("0.05 or 10%").unwrap();
        assert!((both.at(1.0) - 0.1).abs() < 1e-12 && (both.at(0.2) - 0.05).abs() < 1e-12);
        for text in ["0.02", "5%", "0.05 or 10%", "2.5%"] {
            assert_eq!(Margin::parse(text).unwrap().to_string(), text);
        }
        for wrong in ["", "x", "nan", "-1", "1 or 2 or 3", "inf%"] {
            assert!(Margin::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name) in [("*", ""), ("mmlu_*", "mmlu_anatomy"), ("a*b*c", "a-b-b-c"), ("x", "x"), ("*a", "ba")] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("mmlu_*", "bbh"), ("a*b", "ab-"), ("x", "xy"), ("ab*ba", "aba"), ("", "x")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
