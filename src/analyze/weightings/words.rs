//! What may be said about weightings.

use crate::analyze::analysis::CheckpointAnalysis;
use crate::analyze::number::{counted, measure_with_interval, signed};
use crate::analyze::picture;
use crate::weighting::Weighting;

use super::results::{
    Arm, ArmKind, ArmMeasure, BenchmarkWeightings, Contrast, ContrastVerdict, Headline, SeedVariance,
    WeightingsAnalysis,
};

/// More names than this are counted instead of listed.
const LISTED: usize = 6;

/// Results, most important first: on the first benchmark, which is the mean where there are several.
pub(in crate::analyze) fn statements(analysis: &WeightingsAnalysis) -> Vec<String> {
    let Some(benchmark) = analysis.benchmarks.first() else {
        return Vec::new();
    };
    let mut out = vec![design(analysis, benchmark)];
    for headline in [Headline::Performance].into_iter().chain(sensitivity(benchmark)) {
        out.extend(best(analysis, benchmark, headline));
        let references = |entry: &ArmMeasure| entry.against_reference.clone();
        out.extend(contrasts(analysis, benchmark, headline, &references));
        let bases = |entry: &ArmMeasure| {
            entry
                .against_base
                .clone()
                .filter(|base| Some(&base.with) != entry.against_reference.as_ref().map(|c| &c.with))
        };
        out.extend(contrasts(analysis, benchmark, headline, &bases));
    }
    out.extend(picture::statements(analysis));
    out
}

/// Reasons to trust the comparison less.
pub(in crate::analyze) fn warnings(analysis: &WeightingsAnalysis, checkpoints: &[CheckpointAnalysis]) -> Vec<String> {
    let mut out = Vec::new();
    let tuned = analysis.arms.iter().filter(|arm| arm.kind == ArmKind::Weighting).collect::<Vec<_>>();
    if tuned.iter().all(|arm| arm.checkpoints.len() == 1) {
        out.push(
            "Every weighting was trained with one seed: seed variance is not measured, so intervals and verdicts speak of \
             these checkpoints. Another seed of the same weighting may differ as much."
                .to_owned(),
        );
    }
    if tuned.iter().any(|arm| arm.reference.is_none() && arm.weighting != Some(Weighting::CONVENTIONAL)) {
        out.push(
            "Some weightings are compared with nothing: neither conventional tuning (0,1) nor the base is among the \
             checkpoints that answered the same questions."
                .to_owned(),
        );
    }
    let aside = analysis.not_comparable.iter().map(|entry| format!("{} ({})", entry.checkpoint, entry.reason));
    out.extend(listed("Not compared with the other checkpoints:", &aside.collect::<Vec<_>>()));
    out.extend(listed(
        "Checkpoints of one weighting name the same training seed; they differ in something that is not on record:",
        &twins(&tuned, checkpoints),
    ));
    out
}

/// Arms whose checkpoints share a training seed.
fn twins(tuned: &[&Arm], checkpoints: &[CheckpointAnalysis]) -> Vec<String> {
    let shares = |arm: &&&Arm| {
        let seed = |id: &String| checkpoints.iter().find(|c| c.id == *id).and_then(|c| c.checkpoint.training_seed);
        let seeds = arm.checkpoints.iter().filter_map(seed).collect::<Vec<_>>();
        seeds.iter().collect::<std::collections::BTreeSet<_>>().len() < seeds.len()
    };
    tuned.iter().filter(shares).map(|arm| arm.id.clone()).collect()
}

/// The index that stands for sensitivity: POSIX where it was asked, else the spread.
pub(crate) fn sensitivity(benchmark: &BenchmarkWeightings) -> Option<Headline> {
    let defined = |headline: &Headline| {
        benchmark.rows.iter().any(|row| row.measure(*headline).is_some_and(|entry| entry.value.point().is_some()))
    };
    [Headline::Posix, Headline::Spread].into_iter().find(defined)
}

fn place(benchmark: &BenchmarkWeightings) -> String {
    format!("{} ({})", benchmark.title, benchmark.metric)
}

fn design(analysis: &WeightingsAnalysis, benchmark: &BenchmarkWeightings) -> String {
    let tuned = analysis.arms.iter().filter(|arm| arm.kind == ArmKind::Weighting).collect::<Vec<_>>();
    let several = tuned.iter().filter(|arm| arm.checkpoints.len() > 1).count();
    let most = tuned.iter().map(|arm| arm.checkpoints.len()).max().unwrap_or(0);
    let seeds = match several {
        0 => "with one training seed each".to_owned(),
        all if all == tuned.len() => format!("with up to {} each", counted(most, "training seed")),
        some => format!("of which {some} have up to {} and the others one", counted(most, "training seed")),
    };
    let rows = benchmark.rows.iter().filter_map(|row| row.measure(Headline::Performance)?.value.estimate().copied());
    let items = rows.map(|estimate| estimate.n).max().unwrap_or(0);
    format!(
        "Loss weightings: {}, {seeds}, compared on {} over {}; differences are paired on instances.",
        counted(tuned.len(), "weighting"),
        place(benchmark),
        counted(items, "instance"),
    )
}

fn best(analysis: &WeightingsAnalysis, benchmark: &BenchmarkWeightings, headline: Headline) -> Vec<String> {
    let sets = benchmark.best.iter().filter(|set| set.measure == headline);
    sets.filter_map(|set| {
        let row = benchmark.rows.iter().find(|row| row.arm == set.best)?;
        let value = measure_with_interval(&row.measure(headline)?.value);
        let most = if headline.is_sensitivity() { "Least sensitive" } else { "Best" };
        let head = format!("{most} by {} on {}: {} with {value}.", headline.title(), place(benchmark), set.best);
        let others = set.not_worse.iter().filter(|id| **id != set.best).cloned().collect::<Vec<_>>();
        let conventional = analysis
            .arms
            .iter()
            .find(|arm| arm.series == set.series && arm.weighting == Some(Weighting::CONVENTIONAL))
            .map(|arm| {
                if arm.id == set.best && others.is_empty() {
                    " Conventional tuning (0,1) is that one."
                } else if set.not_worse.contains(&arm.id) {
                    " Conventional tuning (0,1) is one of them."
                } else {
                    " Conventional tuning (0,1) is not among them."
                }
            })
            .unwrap_or_default();
        Some(if others.is_empty() {
            let all = match set.arms - 1 {
                1 => "The other weighting is".to_owned(),
                others => format!("All {others} other weightings are"),
            };
            format!("{head} {all} shown to be {}.{conventional}", worse(headline))
        } else {
            let set_size = others.len() + 1;
            let least = if headline.is_sensitivity() { "least sensitive" } else { "best" };
            format!(
                "{head} Of {} weightings, {set_size} may be the {least} (cannot be told from it): {}, {}.{conventional}",
                set.arms,
                set.best,
                names(&others)
            )
        })
    })
    .collect()
}

fn worse(headline: Headline) -> &'static str {
    if headline.is_sensitivity() { "more sensitive" } else { "worse" }
}

fn better(headline: Headline) -> &'static str {
    if headline.is_sensitivity() { "less sensitive" } else { "better" }
}

/// Names, the first ones listed.
fn names(all: &[String]) -> String {
    let shown = all.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    let more = all.len().saturating_sub(LISTED);
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// How the weightings stand to the arms that `pick` compares them with, a sentence an arm.
fn contrasts(
    analysis: &WeightingsAnalysis,
    benchmark: &BenchmarkWeightings,
    headline: Headline,
    pick: &dyn Fn(&ArmMeasure) -> Option<Contrast>,
) -> Vec<String> {
    let mut with: Vec<String> = Vec::new();
    let mut all = Vec::new();
    for row in &benchmark.rows {
        let is_tuned = analysis.arm(&row.arm).is_some_and(|arm| arm.kind == ArmKind::Weighting);
        let found = row.measure(headline).filter(|_| is_tuned);
        if let Some((entry, contrast)) = found.and_then(|entry| Some((entry, pick(entry)?))) {
            if !with.contains(&contrast.with) {
                with.push(contrast.with.clone());
            }
            all.push((row.arm.clone(), contrast, entry.seed_variance));
        }
    }
    with.iter()
        .map(|id| {
            let own = all.iter().filter(|(_, contrast, _)| contrast.with == *id).collect::<Vec<_>>();
            sentence(analysis, benchmark, headline, id, &own)
        })
        .collect()
}

fn sentence(
    analysis: &WeightingsAnalysis,
    benchmark: &BenchmarkWeightings,
    headline: Headline,
    id: &str,
    own: &[&(String, Contrast, SeedVariance)],
) -> String {
    let of = |verdict: ContrastVerdict| {
        let found = own.iter().filter(|(_, contrast, _)| contrast.verdict == verdict);
        let mut found = found.collect::<Vec<_>>();
        let size = |contrast: &Contrast| contrast.difference.point().map_or(0.0, f64::abs);
        found.sort_by(|a, b| size(&b.1).total_cmp(&size(&a.1)));
        found
            .into_iter()
            .map(|(arm, contrast, _)| match contrast.difference.estimate() {
                Some(estimate) => format!("{arm} ({})", signed(estimate.point)),
                None => arm.clone(),
            })
            .collect::<Vec<_>>()
    };
    let mut parts = Vec::new();
    for (verdict, word) in [(ContrastVerdict::Better, better(headline)), (ContrastVerdict::Worse, worse(headline))] {
        let found = of(verdict);
        if !found.is_empty() {
            parts.push(format!("{} {word}: {}", found.len(), names(&found)));
        }
    }
    for (verdict, word) in [
        (ContrastVerdict::NotToldApart, "cannot be told apart from it"),
        (ContrastVerdict::Unknown, "without an interval"),
    ] {
        let found = of(verdict).len();
        if found > 0 {
            parts.push(format!("{found} {word}"));
        }
    }
    let kind = analysis.arm(id).map(|arm| (arm.kind, arm.weighting == Some(Weighting::CONVENTIONAL)));
    let with = match kind {
        Some((ArmKind::Base, _)) => format!("the base {id}"),
        Some((_, true)) => format!("conventional tuning (0,1), {id}"),
        _ => id.to_owned(),
    };
    format!(
        "Against {with}, {} on {}: of {}, {}.",
        headline.title(),
        place(benchmark),
        counted(own.len(), "weighting"),
        parts.join("; ")
    )
}

fn listed(head: &str, items: &[String]) -> Option<String> {
    (!items.is_empty()).then(|| format!("{head} {}.", names(items)))
}
