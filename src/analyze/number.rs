//! Numbers as people read them: three decimals below 10, fewer above, intervals always beside the point.

use crate::estimate::Estimate;
use crate::sensitivity::Measure;

/// A number with three decimals, fewer where it is large; zero has no sign.
pub fn figure(value: f64) -> String {
    let decimals = match value.abs() {
        size if size < 10.0 => 3,
        size if size < 100.0 => 2,
        size if size < 10_000.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    if text.trim_start_matches(['-', '0', '.']).is_empty() { text.trim_start_matches('-').to_owned() } else { text }
}

/// A number with its sign, for differences.
pub fn signed(value: f64) -> String {
    let text = figure(value);
    let is_zero = text.trim_start_matches(['0', '.']).is_empty();
    if text.starts_with('-') || is_zero { text } else { format!("+{text}") }
}

/// A share as a percentage without decimals, one decimal below 10 %.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    if value.abs() < 9.95 && value != 0.0 { format!("{value:.1} %") } else { format!("{value:.0} %") }
}

/// `0.312 [0.272, 0.352]`, or the point alone with the reason why there is no interval left to the reader's caption.
pub fn with_interval(estimate: &Estimate) -> String {
    match estimate.interval {
        Some(interval) => format!("{} {}", figure(estimate.point), interval_text(interval.low, interval.high)),
        None => format!("{} (no interval)", figure(estimate.point)),
    }
}

/// `[0.272, 0.352]`.
pub fn interval_text(low: f64, high: f64) -> String {
    format!("[{}, {}]", figure(low), figure(high))
}

/// `0.312 ±0.04`, where the number after ± is the longer side of the interval; `?` where there is none.
pub fn plus_minus(estimate: &Estimate) -> String {
    match estimate.interval {
        Some(interval) => {
            let side = (interval.high - estimate.point).max(estimate.point - interval.low).max(0.0);
            let decimals = if side < 100.0 { 2 } else { 0 };
            // Two decimals must not turn a real uncertainty into none.
            if side > 0.0 && side < 0.005 {
                format!("{} ±<.01", figure(estimate.point))
            } else {
                format!("{} ±{side:.decimals$}", figure(estimate.point))
            }
        }
        None => format!("{} ±?", figure(estimate.point)),
    }
}

/// [`plus_minus`] with its sign, for differences.
pub fn signed_plus_minus(estimate: &Estimate) -> String {
    let text = plus_minus(estimate);
    let tail = text.split_once(' ').map_or("", |(_, tail)| tail);
    format!("{} {tail}", signed(estimate.point))
}

/// `+0.050 [0.010, 0.090]`.
pub fn signed_with_interval(estimate: &Estimate) -> String {
    match estimate.interval {
        Some(interval) => format!("{} {}", signed(estimate.point), interval_text(interval.low, interval.high)),
        None => format!("{} (no interval)", signed(estimate.point)),
    }
}

/// [`plus_minus`], or a dash.
pub fn measure_plus_minus(measure: &Measure) -> String {
    measure.estimate().map_or_else(|| "–".to_owned(), plus_minus)
}

/// [`with_interval`], or a dash.
pub fn measure_with_interval(measure: &Measure) -> String {
    measure.estimate().map_or_else(|| "–".to_owned(), with_interval)
}

/// A count with separators: `12,345`.
pub fn count(value: usize) -> String {
    let digits = value.to_string();
    let first = digits.len() % 3;
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && place % 3 == first {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 task`, `3 tasks`.
pub fn counted(value: usize, noun: &str) -> String {
    format!("{} {noun}{}", count(value), if value == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::{Interval, IntervalMethod};

    fn estimate(point: f64, low: f64, high: f64) -> Estimate {
        let interval = Some(Interval { low, high, level: 0.95, method: IntervalMethod::Wilson });
        Estimate { point, interval, standard_error: None, n: 10, clusters: 10 }
    }

    #[test]
    fn a_figure_never_says_minus_zero() {
        assert_eq!(figure(-0.0001), "0.000");
        assert_eq!(figure(-0.25), "-0.250");
        assert_eq!(signed(0.25), "+0.250");
        assert_eq!(signed(0.0001), "0.000");
        assert_eq!(figure(12.3456), "12.35");
        assert_eq!(figure(1234.56), "1234.6");
        assert_eq!(figure(0.0), "0.000");
    }

    #[test]
    fn plus_minus_shows_the_longer_side_and_never_claims_certainty() {
        assert_eq!(plus_minus(&estimate(0.3, 0.25, 0.4)), "0.300 ±0.10");
        assert_eq!(plus_minus(&estimate(0.3, 0.299, 0.301)), "0.300 ±<.01");
        assert_eq!(plus_minus(&Estimate { interval: None, ..estimate(0.3, 0.0, 0.0) }), "0.300 ±?");
        assert_eq!(with_interval(&estimate(0.3, 0.25, 0.4)), "0.300 [0.250, 0.400]");
        assert_eq!(signed_plus_minus(&estimate(0.3, 0.25, 0.4)), "+0.300 ±0.10");
        assert_eq!(signed_with_interval(&estimate(-0.3, -0.4, 0.1)), "-0.300 [-0.400, 0.100]");
    }

    #[test]
    fn counts_have_separators_and_plurals() {
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(counted(1, "task"), "1 task");
        assert_eq!(counted(0, "task"), "0 tasks");
        assert_eq!(percent(0.0512), "5.1 %");
        assert_eq!(percent(0.5), "50 %");
    }
}
