//! What the weightings did on each benchmark: maps over λp and λr, and a table of all arms.

use serde::Serialize;

use crate::analyze::Analysis;
use crate::analyze::analysis::{ArmKind, BenchmarkWeightings, Contrast, ContrastVerdict, Headline, WeightingsAnalysis};
use crate::report::tables::{BARE, Names, p_words};
use crate::report::weighting_lines::{ArmLine, lines, reference_words, seed_notes, shown_sensitivity, verdict_words};
use crate::sensitivity::Measure;
use crate::weighting::Weighting;

use super::Number;
use super::figure::{FigureView, Figures};

/// More arms than this have maps only: the other formats hold their table.
const MOST_ARMS: usize = 150;

#[derive(Serialize)]
pub(super) struct Weightings {
    reference: String,
    has_base: bool,
    seed_notes: Vec<&'static str>,
    blocks: Vec<Block>,
    aside: Vec<[String; 2]>,
    hidden_arms: usize,
}

#[derive(Serialize)]
struct Block {
    title: String,
    metric: String,
    better: &'static str,
    left_out: String,
    sensitivity: &'static str,
    figures: Vec<FigureView>,
    maps: Vec<Map>,
    heads: Vec<Head>,
    changes: Vec<&'static str>,
    against: Vec<&'static str>,
    rows: Vec<Row>,
}

/// A column of the table of arms.
#[derive(Serialize)]
struct Head {
    name: &'static str,
    term: &'static str,
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
    is_clear: bool,
}

/// Cells of λp by λr.
#[derive(Serialize)]
struct Map {
    title: String,
    series: String,
    is_sensitivity: bool,
    bare: &'static str,
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
pub(super) fn weightings(analysis: &Analysis, figures: &mut Figures) -> Option<Weightings> {
    let compared = analysis.weightings.as_ref()?;
    let first = compared.benchmarks.first().map(|benchmark| lines(compared, benchmark)).unwrap_or_default();
    Some(Weightings {
        reference: reference_words(compared),
        has_base: has_base(compared),
        seed_notes: seed_notes(&first),
        blocks: compared.benchmarks.iter().map(|benchmark| block(compared, benchmark, figures)).collect(),
        aside: compared.not_comparable.iter().map(|entry| [entry.checkpoint.clone(), entry.reason.clone()]).collect(),
        hidden_arms: if compared.arms.len() > MOST_ARMS { compared.arms.len() } else { 0 },
    })
}

/// Whether some arm is compared with a base beside its reference.
fn has_base(compared: &WeightingsAnalysis) -> bool {
    compared.arms.iter().any(|arm| arm.base_arm.is_some() && arm.base_arm != arm.reference)
}

fn block(compared: &WeightingsAnalysis, benchmark: &BenchmarkWeightings, figures: &mut Figures) -> Block {
    let lines = lines(compared, benchmark);
    let sensitivity = shown_sensitivity(benchmark);
    let shown = shown_measures(&lines, sensitivity);
    let changed = changed_measures(benchmark, &shown, sensitivity);
    let is_long = lines.len() > MOST_ARMS;
    let rows = lines.iter().filter(|_| !is_long).map(|line| row(compared, benchmark, line, [&shown, &changed]));
    let against = ["Change against reference", "Change against base"];
    Block {
        title: benchmark.title.clone(),
        metric: benchmark.metric.clone(),
        better: if benchmark.higher_is_better { "higher is better" } else { "lower is better" },
        left_out: benchmark.left_out.join(", "),
        sensitivity: sensitivity.title(),
        figures: figures.of_benchmark(&benchmark.benchmark),
        maps: maps(compared, benchmark, &lines, sensitivity),
        heads: shown.iter().map(|headline| head(*headline)).collect(),
        changes: changed.iter().map(|headline| headline.title()).collect(),
        against: against
            .into_iter()
            .take(1 + usize::from(has_base(compared)))
            .filter(|_| !changed.is_empty())
            .collect(),
        rows: rows.collect(),
    }
}

/// The measures that any arm has, each once.
fn shown_measures(lines: &[ArmLine<'_>], sensitivity: Headline) -> Vec<Headline> {
    let all = [
        Headline::Performance,
        Headline::Perturbed,
        Headline::WorstCase,
        sensitivity,
        Headline::Spread,
        Headline::Variance,
    ];
    let has = |headline: Headline| lines.iter().any(|line| line.value(headline).is_some_and(|v| v.point().is_some()));
    let mut shown = Vec::new();
    for headline in all {
        if !shown.contains(&headline) && (headline == Headline::Performance || has(headline)) {
            shown.push(headline);
        }
    }
    shown
}

/// The measures whose changes are shown; none where nothing is paired: a table of scores.
fn changed_measures(benchmark: &BenchmarkWeightings, shown: &[Headline], sensitivity: Headline) -> Vec<Headline> {
    let paired = benchmark.rows.iter().flat_map(|row| &row.measures).any(|entry| entry.against_reference.is_some());
    let all = [Headline::Performance, sensitivity];
    all.into_iter().filter(|headline| paired && shown.contains(headline)).collect()
}

fn head(headline: Headline) -> Head {
    let term = match headline {
        Headline::Performance | Headline::Perturbed => "original",
        Headline::WorstCase => "worst-case",
        Headline::Posix => "posix",
        Headline::Spread => "spread",
        Headline::Variance => "sd",
        Headline::FlipRate => "flip-rate",
    };
    Head { name: headline.title(), term }
}

fn may_be_best(benchmark: &BenchmarkWeightings, line: &ArmLine<'_>) -> bool {
    let mut sets = benchmark.best.iter().filter(|set| set.measure == Headline::Performance);
    sets.any(|set| set.series == line.arm.series && set.not_worse.contains(&line.arm.id))
}

fn row(
    compared: &WeightingsAnalysis,
    benchmark: &BenchmarkWeightings,
    line: &ArmLine<'_>,
    [shown, compared_in]: [&[Headline]; 2],
) -> Row {
    let [prompt, response] = line.weights();
    let mut changes = compared_in.iter().map(|h| change(*h, line.contrast(*h))).collect::<Vec<_>>();
    if has_base(compared) {
        let base = |h: Headline| line.entry(h).and_then(|entry| entry.against_base.as_ref());
        changes.extend(compared_in.iter().map(|h| change(*h, base(*h))));
    }
    Row {
        arm: line.arm.id.clone(),
        name: line.name(),
        prompt,
        response,
        seeds: line.seeds(),
        may_be_best: may_be_best(benchmark, line),
        numbers: shown.iter().map(|headline| Number::optional(line.value(*headline))).collect(),
        changes,
    }
}

fn change(headline: Headline, contrast: Option<&Contrast>) -> Change {
    let Some(contrast) = contrast else {
        let none = Measure::undefined("not compared with itself, or with nothing");
        return Change { number: Number::of(&none), words: "", is_clear: false };
    };
    let p = contrast.p_adjusted.map(p_words);
    let detail = p.map(|p| format!("{p} after Holm over {}, against {}", contrast.comparisons, contrast.with));
    Change {
        number: Number::signed(&contrast.difference).explained(detail.as_deref().unwrap_or_default()),
        words: verdict_words(headline, contrast.verdict),
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
    let names = Names::of(compared);
    let mut out = Vec::new();
    for number in series {
        for headline in [Headline::Performance, sensitivity] {
            let own = lines.iter().filter(|line| line.arm.kind == ArmKind::Weighting && line.arm.series == number);
            let own = own.collect::<Vec<_>>();
            let name = if single { String::new() } else { names.series(number) };
            let bases =
                own.iter().filter_map(|line| line.arm.base_arm.as_ref()).collect::<std::collections::BTreeSet<_>>();
            let base = lines.iter().find(|line| bases.contains(&line.arm.id));
            out.extend(map(benchmark, &own, base, headline, name.clone()));
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
    let mut estimates = own.iter().filter_map(|line| line.value(headline)?.estimate());
    let is_bare = estimates.all(|estimate| estimate.interval.is_none());
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
            number: value.map(|value| if is_bare { Number::bare(value) } else { Number::of(value) }),
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
        bare: if is_bare { BARE } else { "" },
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
