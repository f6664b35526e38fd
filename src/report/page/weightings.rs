//! What the weightings did: a table a benchmark, maps over λp and λr, and performance against sensitivity.

use serde::Serialize;

use crate::analyze::Analysis;
use crate::analyze::analysis::{ArmKind, BenchmarkWeightings, Contrast, ContrastVerdict, Headline, WeightingsAnalysis};
use crate::report::plane::{PlanePoint, plane};
use crate::report::plot::{legend_mark, spoken};
use crate::report::weighting_lines::{ArmLine, lines, reference_words, seed_notes, shown_sensitivity, verdict_words};
use crate::sensitivity::Measure;
use crate::weighting::Weighting;

use super::Number;

/// More arms than this have no label in the plane, the reference, the base and the extremes aside.
const MOST_LABELS: usize = 8;

#[derive(Serialize)]
pub(super) struct Weightings {
    reference: String,
    has_base: bool,
    seed_notes: Vec<&'static str>,
    blocks: Vec<Block>,
    aside: Vec<[String; 2]>,
    marks_svg: [String; 3],
}

#[derive(Serialize)]
struct Block {
    title: String,
    metric: String,
    better: &'static str,
    left_out: String,
    sensitivity: &'static str,
    maps: Vec<Map>,
    plane_svg: String,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    arm: String,
    name: &'static str,
    prompt: String,
    response: String,
    seeds: String,
    may_be_best: bool,
    numbers: Vec<Number>,
    changes: Vec<Change>,
}

#[derive(Serialize)]
struct Change {
    number: Number,
    words: &'static str,
    detail: String,
    is_clear: bool,
}

/// Cells of λp by λr.
#[derive(Serialize)]
struct Map {
    title: String,
    series: String,
    is_sensitivity: bool,
    columns: Vec<String>,
    rows: Vec<MapRow>,
}

#[derive(Serialize)]
struct MapRow {
    prompt: String,
    cells: Vec<MapCell>,
}

#[derive(Serialize)]
struct MapCell {
    number: Option<Number>,
    what: &'static str,
    strength: String,
    is_clear: bool,
    is_reference: bool,
}

/// The section, where weightings are compared.
pub(super) fn weightings(analysis: &Analysis) -> Option<Weightings> {
    let compared = analysis.weightings.as_ref()?;
    let first = compared.benchmarks.first().map(|benchmark| lines(compared, benchmark)).unwrap_or_default();
    Some(Weightings {
        reference: reference_words(compared),
        has_base: has_base(compared),
        seed_notes: seed_notes(&first),
        blocks: compared.benchmarks.iter().map(|benchmark| block(compared, benchmark)).collect(),
        aside: compared.not_comparable.iter().map(|entry| [entry.checkpoint.clone(), entry.reason.clone()]).collect(),
        marks_svg: [legend_mark(0), legend_mark(1), legend_mark(2)],
    })
}

/// Whether some arm is compared with a base beside its reference.
fn has_base(compared: &WeightingsAnalysis) -> bool {
    compared.arms.iter().any(|arm| arm.base_arm.is_some() && arm.base_arm != arm.reference)
}

fn block(compared: &WeightingsAnalysis, benchmark: &BenchmarkWeightings) -> Block {
    let lines = lines(compared, benchmark);
    let sensitivity = shown_sensitivity(benchmark);
    Block {
        title: benchmark.title.clone(),
        metric: benchmark.metric.clone(),
        better: if benchmark.higher_is_better { "higher is better" } else { "lower is better" },
        left_out: benchmark.left_out.join(", "),
        sensitivity: sensitivity.title(),
        maps: maps(compared, benchmark, &lines, sensitivity),
        plane_svg: plane(&points(benchmark, &lines, sensitivity)).unwrap_or_default(),
        rows: lines.iter().map(|line| row(compared, benchmark, line)).collect(),
    }
}

fn may_be_best(benchmark: &BenchmarkWeightings, line: &ArmLine<'_>) -> bool {
    let mut sets = benchmark.best.iter().filter(|set| set.measure == Headline::Performance);
    sets.any(|set| set.series == line.arm.series && set.not_worse.contains(&line.arm.id))
}

fn row(compared: &WeightingsAnalysis, benchmark: &BenchmarkWeightings, line: &ArmLine<'_>) -> Row {
    let [prompt, response] = line.weights();
    let shown = [
        Headline::Performance,
        Headline::Perturbed,
        Headline::WorstCase,
        line.sensitivity,
        Headline::Spread,
        Headline::Variance,
    ];
    let mut changes =
        [Headline::Performance, line.sensitivity].map(|h| change(h, line.contrast(h))).into_iter().collect::<Vec<_>>();
    if has_base(compared) {
        let entries = [Headline::Performance, line.sensitivity];
        changes.extend(entries.map(|h| change(h, line.entry(h).and_then(|entry| entry.against_base.as_ref()))));
    }
    // Where the spread stands for sensitivity it needs no column of its own.
    let twice = line.sensitivity == Headline::Spread;
    let places = shown.iter().enumerate().filter(|(place, _)| !(twice && *place == 4));
    Row {
        arm: line.arm.id.clone(),
        name: line.name(),
        prompt,
        response,
        seeds: line.seeds(),
        may_be_best: may_be_best(benchmark, line),
        numbers: places.map(|(_, headline)| Number::optional(line.value(*headline))).collect(),
        changes,
    }
}

fn change(headline: Headline, contrast: Option<&Contrast>) -> Change {
    let Some(contrast) = contrast else {
        let none = Measure::undefined("not compared with itself, or with nothing");
        return Change { number: Number::of(&none), words: "", detail: String::new(), is_clear: false };
    };
    let p = contrast.p_adjusted.map(|p| if p < 0.001 { "p < 0.001".to_owned() } else { format!("p {p:.3}") });
    Change {
        number: Number::signed(&contrast.difference),
        words: verdict_words(headline, contrast.verdict),
        detail: p
            .map(|p| format!("{p} after Holm over {}, against {}", contrast.comparisons, contrast.with))
            .unwrap_or_default(),
        is_clear: matches!(contrast.verdict, ContrastVerdict::Better | ContrastVerdict::Worse),
    }
}

/// The maps of every series that has at least two values of each weight: performance, then sensitivity.
fn maps(
    compared: &WeightingsAnalysis,
    benchmark: &BenchmarkWeightings,
    lines: &[ArmLine<'_>],
    sensitivity: Headline,
) -> Vec<Map> {
    let tuned = lines.iter().filter(|line| line.arm.kind == ArmKind::Weighting);
    let series = tuned.map(|line| line.arm.series).collect::<std::collections::BTreeSet<_>>();
    let single = compared.has_one_series();
    let mut out = Vec::new();
    for number in series {
        for headline in [Headline::Performance, sensitivity] {
            let own = lines.iter().filter(|line| line.arm.kind == ArmKind::Weighting && line.arm.series == number);
            let own = own.collect::<Vec<_>>();
            let name = own.first().filter(|_| !single).map(|line| {
                [line.arm.stage.as_deref(), line.arm.base.as_deref()]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join(" of ")
            });
            let bases =
                own.iter().filter_map(|line| line.arm.base_arm.as_ref()).collect::<std::collections::BTreeSet<_>>();
            let base = lines.iter().find(|line| bases.contains(&line.arm.id));
            out.extend(map(benchmark, &own, base, headline, name.unwrap_or_default()));
        }
    }
    out
}

/// Distinct values in order.
fn values(all: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut all = all.collect::<Vec<_>>();
    all.sort_by(f64::total_cmp);
    all.dedup();
    all
}

fn map(
    benchmark: &BenchmarkWeightings,
    own: &[&ArmLine<'_>],
    base: Option<&ArmLine<'_>>,
    headline: Headline,
    series: String,
) -> Option<Map> {
    let weights = || own.iter().filter_map(|line| line.arm.weighting);
    let (prompts, responses) = (values(weights().map(Weighting::prompt)), values(weights().map(Weighting::response)));
    let points = own.iter().filter_map(|line| line.value(headline)?.point()).collect::<Vec<_>>();
    if prompts.len() < 2 || responses.len() < 2 || points.is_empty() {
        return None;
    }
    let low = points.iter().copied().fold(f64::INFINITY, f64::min);
    let high = points.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // Deep colour: high performance (low, for perplexities), or much sensitivity.
    let inverted = !headline.is_sensitivity() && !benchmark.higher_is_better;
    let strength = |point: f64| {
        let share = if high > low { ((point - low) / (high - low)).clamp(0.0, 1.0) } else { 0.0 };
        0.06 + 0.94 * if inverted { 1.0 - share } else { share }
    };
    let cell = |prompt: f64, response: f64| {
        let at = |line: &&&ArmLine<'_>| {
            line.arm.weighting.is_some_and(|w| pair(w) == (prompt.to_bits(), response.to_bits()))
        };
        let untuned = prompt.abs() < f64::EPSILON && response.abs() < f64::EPSILON;
        let found = own.iter().find(at).copied().or(base.filter(|_| untuned));
        let value = found.and_then(|line| line.value(headline));
        let contrast = found.and_then(|line| line.contrast(headline));
        MapCell {
            number: value.map(Number::of),
            what: if untuned && found.is_some() { "base" } else { "" },
            strength: format!("{:.3}", value.and_then(Measure::point).map_or(0.0, strength)),
            is_clear: contrast.is_some_and(|c| matches!(c.verdict, ContrastVerdict::Better | ContrastVerdict::Worse)),
            is_reference: found.is_some_and(|line| line.arm.weighting == Some(Weighting::CONVENTIONAL)),
        }
    };
    Some(Map {
        title: headline.title().to_owned(),
        series,
        is_sensitivity: headline.is_sensitivity(),
        columns: responses.iter().map(ToString::to_string).collect(),
        rows: prompts
            .iter()
            .map(|prompt| MapRow {
                prompt: prompt.to_string(),
                cells: responses.iter().map(|response| cell(*prompt, *response)).collect(),
            })
            .collect(),
    })
}

fn pair(weighting: Weighting) -> (u64, u64) {
    (weighting.prompt().to_bits(), weighting.response().to_bits())
}

fn points(benchmark: &BenchmarkWeightings, lines: &[ArmLine<'_>], sensitivity: Headline) -> Vec<PlanePoint> {
    let known = lines.iter().filter_map(|line| {
        let across = line.value(sensitivity)?.estimate()?;
        Some((line, *across, *line.value(Headline::Performance)?.estimate()?))
    });
    let known = known.collect::<Vec<_>>();
    let many = known.len() > MOST_LABELS;
    let best = benchmark.best.iter().map(|set| set.best.as_str()).collect::<std::collections::BTreeSet<_>>();
    known
        .into_iter()
        .map(|(line, across, up)| {
            let colour = match line.arm.kind {
                ArmKind::Base => 2,
                _ if line.arm.weighting == Some(Weighting::CONVENTIONAL) => 1,
                _ => 0,
            };
            let name = match (line.arm.kind, line.arm.weighting) {
                (ArmKind::Base, _) => "base".to_owned(),
                (_, Some(weighting)) => format!("{}, {}", weighting.prompt(), weighting.response()),
                _ => "not known".to_owned(),
            };
            let labelled = !many || colour > 0 || best.contains(line.arm.id.as_str());
            PlanePoint {
                spoken: format!(
                    "{name}: performance {}; {} {}",
                    spoken(Some(&up)),
                    sensitivity.title(),
                    spoken(Some(&across))
                ),
                label: if labelled { name } else { String::new() },
                across,
                up,
                colour,
            }
        })
        .collect()
}
