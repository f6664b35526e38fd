//! The weighting picture of runs: who forms a grid, and what only single instances can show.

// The made-up runs are those of the tests of reports, which use more of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs, dead_code)]

#[path = "reports/run.rs"]
mod run;
#[path = "reports/sweep.rs"]
mod sweep;

use wit_eval::analyze::analysis::{Analysis, Headline, WeightingsAnalysis};
use wit_eval::analyze::picture::{self, BestCell, Firmness, VarianceSource, WeightAxis};
use wit_eval::digest::Digest;
use wit_eval::store::CheckpointEntry;

use sweep::{analyze_all, grid, sweep as made_up, tuned};

const WEIGHTS: [(f64, f64); 4] = [(0.0, 1.0), (0.4, 0.4), (1.0, 0.2), (0.4, 1.0)];

/// Four weightings with two seeds each and the base.
fn small() -> Vec<CheckpointEntry> {
    let tuned_twice = WEIGHTS.into_iter().flat_map(|weights| (0..2).map(move |seed| tuned(Some(weights), seed)));
    std::iter::once(tuned(None, 0)).chain(tuned_twice).collect()
}

fn on_data(entry: &CheckpointEntry, data: &str) -> CheckpointEntry {
    let label = format!("{}-{data}", entry.label);
    let digest = Digest::of_bytes(label.as_bytes());
    CheckpointEntry { label, digest, data_digest: Some(Digest::of_bytes(data.as_bytes())), ..entry.clone() }
}

/// Preference-tuned from another checkpoint.
fn preferred(entry: &CheckpointEntry) -> CheckpointEntry {
    let label = format!("{}-dpo", entry.label);
    CheckpointEntry {
        digest: Digest::of_bytes(label.as_bytes()),
        base: Some(format!("cells/{}", entry.label)),
        stage: Some("dpo".to_owned()),
        data_digest: Some(Digest::of_bytes(b"preferences")),
        label,
        ..entry.clone()
    }
}

fn analyzed(entries: Vec<CheckpointEntry>) -> Analysis {
    analyze_all(&[made_up(entries, 50)])
}

fn weightings(analysis: &Analysis) -> &WeightingsAnalysis {
    analysis.weightings.as_ref().expect("weightings")
}

fn value(analysis: &WeightingsAnalysis, arm: &str, headline: Headline) -> f64 {
    let row = analysis.benchmarks[0].rows.iter().find(|row| row.arm == arm).expect("the arm");
    row.measure(headline).expect("the measure").value.point().expect("a number")
}

#[test]
fn checkpoints_of_different_data_form_different_grids() {
    let both = small().into_iter().flat_map(|entry| match entry.weighting {
        Some(_) => vec![on_data(&entry, "lima"), on_data(&entry, "tulu")],
        None => vec![entry],
    });
    let analysis = analyzed(both.collect());
    let found = weightings(&analysis);
    assert_eq!(found.series.len(), 2);
    let names = found.series.iter().map(|series| series.name.as_str()).collect::<Vec<_>>();
    assert!(names.iter().all(|name| name.starts_with("sft of tiny-base on data ")), "{names:?}");
    for arm in found.arms.iter().filter(|arm| arm.weighting.is_some()) {
        assert!(arm.id.ends_with(&format!("({})", names[arm.series])), "{}", arm.id);
        let reference = arm.reference.as_ref().map(|id| found.arm(id).unwrap().series);
        assert!(reference.is_none_or(|series| series == arm.series), "{}", arm.id);
    }
    assert_eq!(found.picture.recommendations.len(), 2);
}

#[test]
fn preference_tuned_checkpoints_belong_to_the_model_and_data_of_the_ones_they_started_from() {
    let first =
        small().into_iter().map(|entry| if entry.weighting.is_some() { on_data(&entry, "lima") } else { entry });
    let mut entries = first.collect::<Vec<_>>();
    entries.extend(entries.clone().iter().filter(|entry| entry.weighting.is_some()).map(preferred));
    let analysis = analyzed(entries);
    let found = weightings(&analysis);
    let known =
        found.series.iter().map(|series| (series.stage.as_deref(), series.model.as_deref())).collect::<Vec<_>>();
    assert_eq!(known, [(Some("dpo"), Some("tiny-base")), (Some("sft"), Some("tiny-base"))]);
    assert_eq!(found.series[0].dataset, found.series[1].dataset);
    let own = found.arms.iter().filter(|arm| arm.stage.as_deref() == Some("dpo")).collect::<Vec<_>>();
    assert!(own.len() == 4 && own.iter().all(|arm| arm.base_arm.as_deref() == Some("tiny-base")), "{own:?}");
    let gains = found.picture.preference_gains.iter().filter(|gain| gain.benchmark == "average");
    let gains = gains.filter(|gain| gain.measure == Headline::Performance).collect::<Vec<_>>();
    assert_eq!(gains.len(), 4);
    for gain in gains {
        let expected =
            value(found, &gain.arm, Headline::Performance) - value(found, &gain.before, Headline::Performance);
        let difference = gain.difference.estimate().unwrap();
        assert!((difference.point - expected).abs() < 1e-9 && difference.interval.is_some(), "{gain:?}");
        assert!(gain.relative.estimate().unwrap().interval.is_some(), "{gain:?}");
    }
    let said = picture::statements(found);
    assert!(said.iter().any(|text| text.starts_with("Preference tuning, each weighting against itself")), "{said:?}");
}

/// The gain's interval holds for all cells together, so it is wider than the one of the cell alone.
#[test]
fn relative_gains_are_ratios_of_the_arms_numbers_and_the_best_cells_is_simultaneous() {
    let analysis = analyzed(small());
    let found = weightings(&analysis);
    let rows = found.benchmarks[0].rows.iter().filter(|row| row.arm.starts_with('p') && row.arm != "p0-r1");
    let mut seen = 0;
    for row in rows {
        let gain = row.measure(Headline::Performance).unwrap().relative_gain.as_ref().unwrap().estimate().unwrap();
        let reference = value(found, "p0-r1", Headline::Performance);
        let expected = value(found, &row.arm, Headline::Performance) / reference - 1.0;
        assert!((gain.point - expected).abs() < 1e-9, "{}", row.arm);
        seen += 1;
        let best = found.picture.gains.iter().find(|best| best.benchmark == "average" && best.arm == row.arm);
        if let Some(best) = best {
            let (one, all) = (gain.interval.unwrap(), best.relative.estimate().unwrap().interval.unwrap());
            assert!(all.low < one.low && all.high > one.high, "{one:?} {all:?}");
            assert_eq!(best.chosen_from, 4);
        }
    }
    assert_eq!(seen, 3);
}

/// Least squares on the arms' own numbers, by the normal equations.
#[test]
fn slopes_are_those_of_the_arms_numbers_with_intervals_over_instances() {
    let analysis = analyzed(small());
    let found = weightings(&analysis);
    for headline in [Headline::Performance, Headline::Posix, Headline::FlipRate] {
        let own = WEIGHTS
            .map(|(prompt, response)| (prompt, response, value(found, &format!("p{prompt}-r{response}"), headline)));
        let mean = |part: fn(&(f64, f64, f64)) -> f64| own.iter().map(part).sum::<f64>() / 4.0;
        let (p0, r0, y0) = (mean(|x| x.0), mean(|x| x.1), mean(|x| x.2));
        let sum = |product: &dyn Fn(f64, f64, f64) -> f64| {
            own.iter().map(|(p, r, y)| product(p - p0, r - r0, y - y0)).sum::<f64>()
        };
        let (pp, rr, pr) = (sum(&|p, _, _| p * p), sum(&|_, r, _| r * r), sum(&|p, r, _| p * r));
        let (py, ry) = (sum(&|p, _, y| p * y), sum(&|_, r, y| r * y));
        let expected = (pp * ry - pr * py) / (pp * rr - pr * pr);
        let mut effects = found.picture.weight_effects.iter();
        let effect = effects
            .find(|e| e.benchmark == "average" && e.measure == headline && e.axis == WeightAxis::Response)
            .unwrap();
        let slope = effect.slope.estimate().unwrap();
        assert!((slope.point - expected).abs() < 1e-9, "{headline:?}: {slope:?}, {expected}");
        assert!(slope.interval.is_some() && slope.clusters > 20, "{headline:?}: {slope:?}");
    }
}

#[test]
fn variance_is_shared_out_among_items_wordings_weightings_and_seeds() {
    let analysis = analyzed(small());
    let found = &weightings(&analysis).picture;
    let names = found.variance.iter().map(|entry| entry.benchmark.as_str()).collect::<Vec<_>>();
    assert_eq!(names, ["follow", "recall"]);
    let sources = found.variance[0].components.iter().map(|part| part.source).collect::<Vec<_>>();
    for source in [VarianceSource::Item, VarianceSource::Variant, VarianceSource::Seed, VarianceSource::Weighting] {
        assert!(sources.contains(&source), "{source:?} of {sources:?}");
    }
    let all = found.variance[0].components.iter().map(|part| part.share).sum::<f64>();
    assert!((all - 1.0).abs() < 1e-9);
    let one_seed = WEIGHTS.map(|weights| tuned(Some(weights), 0));
    let analysis = analyzed(one_seed.into());
    let found = &weightings(&analysis).picture.variance[0];
    assert!(found.components.iter().all(|part| part.source != VarianceSource::Seed));
    assert!(found.left_out.iter().any(|entry| entry.reason.starts_with("training seeds")), "{found:?}");
}

#[test]
fn a_recommendation_names_the_set_that_cannot_be_told_from_the_best_and_speaks_of_performance_first() {
    let analysis = analyze_all(&[made_up(grid(), 60)]);
    let found = weightings(&analysis);
    let best = |cell: &&BestCell| cell.benchmark == "average" && cell.measure == Headline::Performance;
    let best = found.picture.best_cells.iter().find(best).unwrap();
    let [only] = &found.picture.recommendations[..] else { panic!("{:?}", found.picture.recommendations) };
    assert_eq!(Some(&only.arms), best.not_worse.as_ref());
    assert_eq!(only.firmness == Firmness::Clear, only.arms.len() == 1);
    for text in std::iter::once(only.text.clone()).chain(picture::statements(found)) {
        let sensitive = ["sensitiv", "POSIX", "spread"].iter().any(|word| text.contains(word));
        assert!(!sensitive || text.contains("performance") || text.contains("not measured"), "{text}");
    }
    // The same arms as a table, without their instances: the same best cells, by the same numbers.
    let mut table = found.clone();
    picture::assemble(&mut table, &[], 0.95);
    let cells = |analysis: &WeightingsAnalysis| {
        let named = |cell: &BestCell| (cell.benchmark.clone(), cell.measure, cell.arm.clone(), cell.value.clone());
        analysis.picture.best_cells.iter().map(named).collect::<Vec<_>>()
    };
    assert_eq!(cells(&table), cells(found));
    assert_eq!(table.picture.counts.len(), found.picture.counts.len());
}
