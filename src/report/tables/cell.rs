//! A cell of a table, before any format shows it.

use crate::analyze::number::{count, counted, figure, percent, signed};
use crate::estimate::{Estimate, IntervalMethod};
use crate::sensitivity::Measure;

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Form {
    /// Three decimals: `0.312`.
    Plain,
    /// With its sign: `+0.050`.
    Signed,
    /// A loss weight, two decimals: `0.28`.
    Weight,
    /// A relative change in percent, two decimals and its sign: `+4.14 %`.
    Gain,
    /// A share in percent: `51 %`.
    Share,
}

impl Form {
    /// A value in this form.
    pub fn text(self, value: f64) -> String {
        match self {
            Self::Plain => figure(value),
            Self::Signed => signed(value),
            Self::Weight => two_decimals(value),
            Self::Gain => {
                let text = two_decimals(value * 100.0);
                let sign = if text.starts_with('-') || text == "0.00" { "" } else { "+" };
                format!("{sign}{text} %")
            }
            Self::Share => percent(value),
        }
    }

    /// `[0.27, 0.36]`; a unit stands once.
    fn interval(self, low: f64, high: f64) -> String {
        match self {
            Self::Plain | Self::Signed => format!("[{}, {}]", figure(low), figure(high)),
            Self::Weight => format!("[{}, {}]", two_decimals(low), two_decimals(high)),
            Self::Gain => format!("[{}, {}] %", two_decimals(low * 100.0), two_decimals(high * 100.0)),
            Self::Share => format!("[{}, {}]", percent(low), percent(high)),
        }
    }
}

fn two_decimals(value: f64) -> String {
    let text = format!("{value:.2}");
    if text == "-0.00" { "0.00".to_owned() } else { text }
}

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) enum Cell {
    /// A name or another text from outside.
    Name(String),
    /// Words and figures of this program.
    Words(String),
    /// A measured number, with what else a reader should know of it.
    Number {
        /// The number.
        value: Measure,
        /// How it is written.
        form: Form,
        /// More words for the explanation; may be empty.
        more: String,
    },
}

impl Cell {
    /// A name.
    pub fn name(text: &str) -> Self {
        Self::Name(text.to_owned())
    }

    /// Words of this program.
    pub fn words(text: impl Into<String>) -> Self {
        Self::Words(text.into())
    }

    /// A counted number.
    pub fn counted(value: usize) -> Self {
        Self::Words(count(value))
    }

    /// A number.
    pub fn number(value: &Measure, form: Form) -> Self {
        Self::Number { value: value.clone(), form, more: String::new() }
    }

    /// A number with more words for its explanation.
    pub fn explained(value: &Measure, form: Form, more: String) -> Self {
        Self::Number { value: value.clone(), form, more }
    }

    /// The point, a name, or words; a dash where there is no number.
    pub fn point(&self) -> String {
        match self {
            Self::Name(text) | Self::Words(text) => text.clone(),
            Self::Number { value, form, .. } => value.point().map_or_else(|| "–".to_owned(), |v| form.text(v)),
        }
    }

    /// The interval, where there is one.
    pub fn interval(&self) -> Option<String> {
        match self {
            Self::Number { value, form, .. } => {
                value.estimate()?.interval.map(|interval| form.interval(interval.low, interval.high))
            }
            _ => None,
        }
    }

    /// Whether it is a number that should have an interval and has none.
    pub fn lacks_interval(&self) -> bool {
        matches!(self, Self::Number { value: Measure::Defined(estimate), .. } if estimate.interval.is_none())
    }

    /// Whether it is a measured number.
    pub fn is_number(&self) -> bool {
        matches!(self, Self::Number { .. })
    }

    /// What the number rests on, or why there is none; nothing for words.
    pub fn explanation(&self) -> String {
        match self {
            Self::Number { value, more, .. } => {
                let basis = explanation(value);
                if more.is_empty() { basis } else { format!("{basis}; {more}") }
            }
            _ => String::new(),
        }
    }
}

/// What a number rests on: its interval's level and method, n, clusters; or why there is none.
pub(in crate::report) fn explanation(value: &Measure) -> String {
    match value {
        Measure::Undefined { reason } => format!("No number: {reason}"),
        Measure::Defined(estimate) => basis(estimate),
    }
}

fn basis(estimate: &Estimate) -> String {
    let interval = match estimate.interval {
        Some(interval) => format!("{} interval, {}", percent(interval.level), method_words(interval.method)),
        None => "no interval: the data support none".to_owned(),
    };
    let error = estimate.standard_error.map(|error| format!("; standard error {}", figure(error))).unwrap_or_default();
    format!("{interval}; n {}, {}{error}", count(estimate.n), counted(estimate.clusters, "cluster"))
}

/// How an interval was made, in words.
pub(in crate::report) fn method_words(method: IntervalMethod) -> &'static str {
    match method {
        IntervalMethod::ClusteredT => "Student's t on the clustered standard error",
        IntervalMethod::Wilson => "Wilson's score",
        IntervalMethod::ClusteredWilson => "Wilson's score on the effective number of trials",
        IntervalMethod::ClusterBootstrap => "percentile bootstrap over clusters",
        IntervalMethod::ClusterBca => "BCa bootstrap over clusters",
        IntervalMethod::PairedScore => "score interval of a paired difference (Tango)",
        IntervalMethod::FisherZ => "Fisher's z",
        IntervalMethod::Simultaneous => "simultaneous over all cells compared",
        IntervalMethod::Jackknife => "Student's t on a jackknife over clusters",
        IntervalMethod::ChiSquare => "modified large-sample interval of a variance (chi-square)",
    }
}

/// `p 0.012`, `p < 0.001`.
pub(in crate::report) fn p_words(p: f64) -> String {
    if p < 0.001 { "p < 0.001".to_owned() } else { format!("p {p:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::Interval;

    fn measure(point: f64, low: f64, high: f64) -> Measure {
        let interval = Some(Interval { low, high, level: 0.95, method: IntervalMethod::ClusteredT });
        Measure::Defined(Estimate { point, interval, standard_error: Some(0.01), n: 75, clusters: 15 })
    }

    #[test]
    fn gains_are_written_in_percent_and_weights_with_two_decimals() {
        let gain = Cell::number(&measure(0.041_351, -0.012, 0.09), Form::Gain);
        assert_eq!((gain.point().as_str(), gain.interval().as_deref()), ("+4.14 %", Some("[-1.20, 9.00] %")));
        let weight = Cell::number(&measure(0.28, 0.1, 0.462), Form::Weight);
        assert_eq!((weight.point().as_str(), weight.interval().as_deref()), ("0.28", Some("[0.10, 0.46]")));
        assert_eq!(Form::Gain.text(-0.000_01), "0.00 %");
    }

    #[test]
    fn every_number_says_what_it_rests_on_or_why_there_is_none() {
        let found = Cell::number(&measure(0.3, 0.2, 0.4), Form::Plain).explanation();
        assert!(found.contains("95 % interval, Student's t") && found.contains("n 75, 15 clusters"), "{found}");
        let bare = Measure::Defined(Estimate { point: 1.0, interval: None, standard_error: None, n: 1, clusters: 1 });
        let cell = Cell::number(&bare, Form::Plain);
        assert!(cell.lacks_interval() && cell.explanation().starts_with("no interval"));
        let none = Cell::number(&Measure::undefined("one grid"), Form::Plain);
        assert_eq!((none.point().as_str(), none.explanation().as_str()), ("–", "No number: one grid"));
    }
}
