//! Numbers in words: in a cell, and as a mark says them.

use crate::analyze::number::{counted, figure, percent, plus_minus, signed, with_interval};
use crate::estimate::Estimate;
use crate::sensitivity::Measure;

use super::scale::is_drawable;

/// A measure's estimate where it can be drawn; ends of an interval that cannot be drawn are none.
pub(super) fn known(measure: &Measure) -> Option<Estimate> {
    let estimate = *measure.estimate().filter(|estimate| is_drawable(estimate.point))?;
    let interval = estimate.interval.filter(|interval| is_drawable(interval.low) && is_drawable(interval.high));
    Some(Estimate { interval, ..estimate })
}

/// Point and ends of the interval.
pub(super) fn ends(estimate: &Estimate) -> [f64; 3] {
    let interval = estimate.interval;
    [estimate.point, interval.map_or(estimate.point, |i| i.low), interval.map_or(estimate.point, |i| i.high)]
}

/// `0.756 [0.704, 0.801] (95 % interval, n 303 in 101 clusters)`.
pub(super) fn spoken(measure: &Measure) -> String {
    worded(measure, with_interval)
}

/// The same for a share of the reference: `+4.1 % [1.0 %, 7.2 %] (...)`.
pub(super) fn spoken_percent(measure: &Measure) -> String {
    worded(measure, |estimate| {
        let interval = estimate.interval;
        let interval = interval
            .map_or("(no interval)".to_owned(), |i| format!("[{}, {}]", signed_percent(i.low), signed_percent(i.high)));
        format!("{} {interval}", signed_percent(estimate.point))
    })
}

fn worded(measure: &Measure, words: impl Fn(&Estimate) -> String) -> String {
    let Some(estimate) = known(measure) else {
        return format!("no number: {}", measure.reason().unwrap_or("it is too large to draw"));
    };
    let level = estimate.interval.map(|interval| format!("{} interval, ", percent(interval.level)));
    let clusters =
        if estimate.clusters == estimate.n { String::new() } else { format!(" in {} clusters", estimate.clusters) };
    format!("{} ({}n {}{clusters})", words(&estimate), level.unwrap_or_default(), estimate.n)
}

/// `+4.1 %`.
pub(super) fn signed_percent(share: f64) -> String {
    let value = share * 100.0;
    if value.abs() < 0.05 {
        return "0.0 %".to_owned();
    }
    if value.abs() < 1_000.0 { format!("{value:+.1} %") } else { format!("{value:+.0} %") }
}

/// A cell's number and, where there is an interval, its longer side.
pub(super) fn cell(estimate: &Estimate) -> [String; 2] {
    let side = plus_minus(estimate).split_once(' ').map(|(_, side)| side.to_owned()).unwrap_or_default();
    [figure(estimate.point), if estimate.interval.is_some() { side } else { String::new() }]
}

/// The same for a share of the reference, in percent; the unit is in the legend.
pub(super) fn cell_percent(estimate: &Estimate) -> [String; 2] {
    let point = signed_percent(estimate.point).trim_end_matches(" %").to_owned();
    let side = estimate.interval.map(|i| (i.high - estimate.point).max(estimate.point - i.low).max(0.0) * 100.0);
    let side = side.map(|side| if side > 0.0 && side < 0.05 { "±<.1".to_owned() } else { format!("±{side:.1}") });
    [point, side.unwrap_or_default()]
}

/// A number with its interval for the end of a row.
pub(super) fn row(estimate: &Estimate, is_difference: bool) -> String {
    let interval =
        estimate.interval.map_or("(no interval)".to_owned(), |i| format!("[{}, {}]", figure(i.low), figure(i.high)));
    format!("{} {interval}", if is_difference { signed(estimate.point) } else { figure(estimate.point) })
}

/// What numbers rest on: `n = 303 each; ± is the longer side of the 95 % interval`.
pub(super) fn basis<'a>(estimates: impl IntoIterator<Item = &'a Estimate>, level: f64, mark: &str) -> String {
    let mut n: Option<(usize, usize)> = None;
    let mut with = 0;
    let mut all = 0;
    for estimate in estimates {
        let (least, most) = n.unwrap_or((estimate.n, estimate.n));
        n = Some((least.min(estimate.n), most.max(estimate.n)));
        with += usize::from(estimate.interval.is_some());
        all += 1;
    }
    let Some((least, most)) = n else {
        return String::new();
    };
    let observations = if least == most { format!("n = {least} each") } else { format!("n from {least} to {most}") };
    match with {
        0 => format!("These numbers have no intervals ({observations}): nothing here shows that two of them differ."),
        some if some == all => format!("{mark} the {} interval; {observations}.", percent(level)),
        some => format!(
            "{mark} the {} interval, which {} of {} have; {observations}.",
            percent(level),
            some,
            counted(all, "number")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::{Interval, IntervalMethod};

    fn measure(point: f64, low: f64, high: f64) -> Measure {
        let interval = Some(Interval { low, high, level: 0.95, method: IntervalMethod::Wilson });
        Measure::Defined(Estimate { point, interval, standard_error: None, n: 12, clusters: 6 })
    }

    #[test]
    fn a_number_says_its_interval_or_that_it_has_none() {
        assert_eq!(spoken(&measure(0.5, 0.4, 0.625)), "0.500 [0.400, 0.625] (95 % interval, n 12 in 6 clusters)");
        assert_eq!(spoken(&measure(0.5, f64::NAN, 0.6)), "0.500 (no interval) (n 12 in 6 clusters)");
        assert_eq!(spoken(&measure(1e300, 0.0, 1.0)), "no number: it is too large to draw");
        assert_eq!(spoken(&Measure::undefined("nothing asked")), "no number: nothing asked");
        assert_eq!(
            spoken_percent(&measure(0.041, -0.01, 0.09)),
            "+4.1 % [-1.0 %, +9.0 %] (95 % interval, n 12 in 6 clusters)"
        );
    }

    #[test]
    fn a_basis_never_hides_that_intervals_are_missing() {
        let bare = Estimate { point: 1.0, interval: None, standard_error: None, n: 1, clusters: 1 };
        assert!(basis([&bare], 0.95, "± is").starts_with("These numbers have no intervals (n = 1 each)"));
    }
}
