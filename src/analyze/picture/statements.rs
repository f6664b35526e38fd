//! What the picture says besides the recommendations, as sentences.

use crate::analyze::number::{counted, percent, signed, signed_with_interval};
use crate::analyze::weightings::results::{ArmKind, ContrastVerdict, Headline, WeightingsAnalysis};
use crate::estimate::Estimate;
use crate::sensitivity::Measure;

use super::grid::{described, headline_benchmark, label, series_numbers};
use super::recommendations::{names, place, sensitivity};
use super::types::{PreferenceGain, TradeOff, WeightAxis};

/// With more series than this, what holds of each is counted instead of listed.
const LISTED_SERIES: usize = 3;

/// Mean gains, the trade-off, prompt-only cells, the effect of the response weight, preference tuning: as far as there is
/// something to say.
pub fn statements(analysis: &WeightingsAnalysis) -> Vec<String> {
    let mut out = Vec::new();
    out.extend(mean_gains(analysis));
    out.extend(trade_offs(analysis));
    out.extend(prompt_only(analysis));
    out.extend(response_weight(analysis));
    out.extend(preference(analysis));
    out
}

/// `+4.1 %`, with the interval where there is one.
fn signed_percent(measure: &Measure) -> String {
    let Some(estimate) = measure.estimate() else {
        return measure.reason().unwrap_or("not known").to_owned();
    };
    let one = |value: f64| format!("{}{:.2} %", if value > 0.0 { "+" } else { "" }, value * 100.0);
    match estimate.interval {
        Some(interval) => format!("{} [{}, {}]", one(estimate.point), one(interval.low), one(interval.high)),
        None => format!("{} (no interval)", one(estimate.point)),
    }
}

/// `sft of llama on lima: `, where there are several series.
fn head(analysis: &WeightingsAnalysis, series: usize) -> String {
    if analysis.has_one_series() { String::new() } else { format!("{}: ", described(analysis, series).name) }
}

/// An arm's name within its series.
fn name(analysis: &WeightingsAnalysis, id: &str) -> String {
    analysis.arm(id).map_or_else(|| id.to_owned(), label)
}

fn title(analysis: &WeightingsAnalysis, benchmark: &str) -> String {
    let found = analysis.benchmarks.iter().find(|found| found.benchmark == benchmark);
    found.map_or_else(|| benchmark.to_owned(), |found| found.title.clone())
}

fn mean_gains(analysis: &WeightingsAnalysis) -> Vec<String> {
    let Some(benchmark) = headline_benchmark(analysis) else {
        return Vec::new();
    };
    let gains = &analysis.picture.gains;
    let mut out = Vec::new();
    if series_numbers(analysis).len() <= LISTED_SERIES {
        for gain in gains.iter().filter(|gain| gain.benchmark == benchmark.benchmark && gain.arm != gain.reference) {
            out.push(format!(
                "{}{} has the best number on {}: relative gain over conventional tuning (0,1) {}, the largest of {}{}.",
                head(analysis, gain.series),
                name(analysis, &gain.arm),
                place(benchmark),
                signed_percent(&gain.relative),
                counted(gain.chosen_from, "cell"),
                if gain.relative.estimate().is_some_and(|estimate| estimate.interval.is_some()) {
                    "; the interval holds for all of them together"
                } else {
                    ""
                },
            ));
        }
    }
    let means = analysis.picture.mean_gains.iter();
    for mean in means.filter(|mean| mean.benchmark == benchmark.benchmark && mean.series > 1) {
        let stage = mean.stage.as_ref().map(|stage| format!(" ({stage})")).unwrap_or_default();
        out.push(format!(
            "Mean relative gain of the best cell over conventional tuning (0,1) on {}{stage}: {} over {} series. Each best cell \
             was chosen by the same numbers, so the mean is one of maxima and larger than a new run would give.",
            place(benchmark),
            signed_percent(&mean.relative),
            mean.series,
        ));
    }
    out
}

fn trade_offs(analysis: &WeightingsAnalysis) -> Vec<String> {
    let all = &analysis.picture.trade_offs;
    if series_numbers(analysis).len() <= LISTED_SERIES {
        return all.iter().map(|trade_off| one_trade_off(analysis, trade_off)).collect();
    }
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for trade_off in all {
        let pair = (trade_off.adherence.as_str(), trade_off.conversation.as_str());
        if !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    let of = |(adherence, conversation): (&str, &str)| {
        let own = all.iter().filter(|found| found.adherence == adherence && found.conversation == conversation);
        let signs = own.filter_map(|found| sign(found.correlation.estimate()?)).collect::<Vec<_>>();
        let count = |sign: std::cmp::Ordering| signs.iter().filter(|found| **found == sign).count();
        format!(
            "Adherence ({}) against conversation ({}) over the cells of {} series: the rank correlation is shown to be positive \
             in {}, negative in {}, and cannot be told from 0 in {} (cells taken as independent).",
            title(analysis, adherence),
            title(analysis, conversation),
            signs.len(),
            count(std::cmp::Ordering::Greater),
            count(std::cmp::Ordering::Less),
            count(std::cmp::Ordering::Equal),
        )
    };
    pairs.into_iter().map(of).collect()
}

/// How an interval stands to 0.
fn sign(estimate: &Estimate) -> Option<std::cmp::Ordering> {
    let interval = estimate.interval?;
    Some(if interval.low > 0.0 {
        std::cmp::Ordering::Greater
    } else if interval.high < 0.0 {
        std::cmp::Ordering::Less
    } else {
        std::cmp::Ordering::Equal
    })
}

fn one_trade_off(analysis: &WeightingsAnalysis, trade_off: &TradeOff) -> String {
    let (adherence, conversation) = (title(analysis, &trade_off.adherence), title(analysis, &trade_off.conversation));
    let together = match trade_off.correlation.estimate() {
        None => String::new(),
        Some(estimate) => {
            let words = match sign(estimate) {
                Some(std::cmp::Ordering::Greater) => "the two rise together",
                Some(std::cmp::Ordering::Less) => "one is paid for with the other",
                Some(std::cmp::Ordering::Equal) | None => "neither a trade-off nor its absence is shown",
            };
            format!(
                " Over {}, {words} (rank correlation {}; cells taken as independent).",
                counted(trade_off.points.len(), "cell"),
                signed_with_interval(estimate)
            )
        }
    };
    let best = if trade_off.best_adherence == trade_off.best_conversation {
        format!("{} has the best number in both.", name(analysis, &trade_off.best_adherence))
    } else {
        format!(
            "{} has the best number on {adherence}, {} on {conversation}.",
            name(analysis, &trade_off.best_adherence),
            name(analysis, &trade_off.best_conversation)
        )
    };
    format!(
        "{}Adherence ({adherence}) against conversation ({conversation}): {best}{together}",
        head(analysis, trade_off.series)
    )
}

/// Prompt-only cells against the untuned base.
fn prompt_only(analysis: &WeightingsAnalysis) -> Vec<String> {
    let Some(benchmark) = headline_benchmark(analysis) else {
        return Vec::new();
    };
    let of = |series: usize| {
        let own = |id: &str| {
            let arm = analysis.arm(id)?;
            let is_own = arm.kind == ArmKind::Weighting && arm.series == series;
            arm.weighting.filter(|weighting| is_own && weighting.response() <= 0.0)
        };
        let rows = benchmark.rows.iter().filter(|row| own(&row.arm).is_some());
        let contrasts = rows.filter_map(|row| {
            let contrast = row.measure(Headline::Performance)?.against_base.as_ref()?;
            Some((row.arm.as_str(), contrast.verdict, contrast.difference.point()?))
        });
        let contrasts = contrasts.collect::<Vec<_>>();
        let named = |verdict: ContrastVerdict| {
            let own = contrasts.iter().filter(|(_, found, _)| *found == verdict);
            own.map(|(arm, _, point)| format!("{} ({})", name(analysis, arm), signed(*point))).collect::<Vec<_>>()
        };
        let (better, worse) = (named(ContrastVerdict::Better), named(ContrastVerdict::Worse));
        let unknown = named(ContrastVerdict::Unknown).len();
        let rest = contrasts.len() - better.len() - worse.len() - unknown;
        let mut parts = Vec::new();
        if !better.is_empty() {
            parts.push(format!("{} better: {}", better.len(), names(&better)));
        }
        if !worse.is_empty() {
            parts.push(format!("{} worse: {}", worse.len(), names(&worse)));
        }
        if rest > 0 {
            parts.push(format!("{rest} cannot be told apart from it"));
        }
        if unknown > 0 {
            parts.push(format!("{unknown} without an interval"));
        }
        (!parts.is_empty()).then(|| {
            format!(
                "{}Prompt-only tuning (x,0) against the untuned base, performance on {}: of {}, {}.",
                head(analysis, series),
                place(benchmark),
                counted(contrasts.len(), "cell"),
                parts.join("; ")
            )
        })
    };
    let numbers = series_numbers(analysis);
    if numbers.len() > LISTED_SERIES { Vec::new() } else { numbers.into_iter().filter_map(of).collect() }
}

/// What one unit of the response weight does to sensitivity, with performance beside it.
fn response_weight(analysis: &WeightingsAnalysis) -> Vec<String> {
    let (Some(benchmark), numbers) = (headline_benchmark(analysis), series_numbers(analysis)) else {
        return Vec::new();
    };
    if numbers.len() > LISTED_SERIES {
        return Vec::new();
    }
    let of = |series: usize| {
        let measure = sensitivity(analysis, benchmark, series)?.measure;
        let effects = analysis.picture.weight_effects.iter();
        let own = effects
            .filter(|e| e.series == series && e.benchmark == benchmark.benchmark && e.axis == WeightAxis::Response);
        let own = own.collect::<Vec<_>>();
        let slope = |measure: Headline| own.iter().find(|e| e.measure == measure)?.slope.estimate().copied();
        let (sensitive, performs) = (slope(measure)?, slope(Headline::Performance)?);
        let words = match sign(&sensitive) {
            Some(std::cmp::Ordering::Greater) => "a higher response weight goes with more sensitivity",
            Some(std::cmp::Ordering::Less) => "a higher response weight goes with less sensitivity",
            Some(std::cmp::Ordering::Equal) | None => "no effect of the response weight on sensitivity is shown",
        };
        Some(format!(
            "{}For one unit of response weight, prompt weight held fixed, {} changes by {} and performance by {} on {}: {words}, as \
             far as a straight line describes it.",
            head(analysis, series),
            measure.title(),
            signed_with_interval(&sensitive),
            signed_with_interval(&performs),
            place(benchmark),
        ))
    };
    numbers.into_iter().filter_map(of).collect()
}

/// What preference tuning did to performance.
fn preference(analysis: &WeightingsAnalysis) -> Vec<String> {
    let Some(benchmark) = headline_benchmark(analysis) else {
        return Vec::new();
    };
    let own = |gain: &&PreferenceGain| gain.benchmark == benchmark.benchmark && gain.measure == Headline::Performance;
    let gains = analysis.picture.preference_gains.iter().filter(own).collect::<Vec<_>>();
    if gains.is_empty() {
        return Vec::new();
    }
    let signs = gains.iter().filter_map(|gain| sign(gain.difference.estimate()?)).collect::<Vec<_>>();
    let sign_for_better =
        if benchmark.higher_is_better { std::cmp::Ordering::Greater } else { std::cmp::Ordering::Less };
    let better = signs.iter().filter(|sign| **sign == sign_for_better).count();
    let equal = signs.iter().filter(|sign| **sign == std::cmp::Ordering::Equal).count();
    let mut parts = Vec::new();
    if signs.is_empty() {
        let higher = gains.iter().filter(|gain| gain.difference.point().is_some_and(|point| point > 0.0)).count();
        parts.push(format!("{higher} have a higher number after it (no intervals)"));
    } else {
        parts.push(format!(
            "{better} better, {} worse, {equal} cannot be told apart (intervals not adjusted for their number)",
            signs.len() - better - equal
        ));
        let without = gains.len() - signs.len();
        if without > 0 {
            parts.push(format!("{without} without an interval"));
        }
    }
    let relative = gains.iter().filter_map(|gain| gain.relative.point()).collect::<Vec<_>>();
    if !relative.is_empty() {
        let mean = relative.iter().sum::<f64>() / relative.len() as f64;
        parts.push(format!("mean relative change {} (no interval)", percent(mean)));
    }
    vec![format!(
        "Preference tuning, each weighting against itself before, performance on {}: of {}, {}.",
        place(benchmark),
        counted(gains.len(), "weighting"),
        parts.join("; ")
    )]
}
