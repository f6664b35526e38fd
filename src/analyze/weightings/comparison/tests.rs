//! Simulated sweeps: what equal and unequal weightings are called.

use rand::Rng as _;

use super::*;
use crate::analyze::weightings::estimate::Member;
use crate::analyze::weightings::results::{Arm, BenchmarkKind};
use crate::seed::Seed;
use crate::task::{Metric, MetricSpec};
use crate::weighting::Weighting;

const ITEMS: usize = 120;
const DRAWS: usize = 400;

/// Arms with `seeds` checkpoints each; the first is conventional tuning.
fn members(arms: usize, seeds: usize) -> Vec<Members> {
    let id = |arm: usize| format!("arm {arm}");
    (0..arms)
        .map(|arm| Members {
            arm: Arm {
                id: id(arm),
                kind: ArmKind::Weighting,
                weighting: None,
                base: None,
                stage: None,
                series: 0,
                checkpoints: vec![String::new(); seeds],
                reference: (arm > 0).then(|| id(0)),
                base_arm: None,
            },
            places: (arm * seeds..(arm + 1) * seeds).collect(),
        })
        .collect()
}

fn benchmark(tasks: &[&str]) -> Benchmark {
    let member = |task: &&str| Member {
        task: (*task).to_owned(),
        metric: "acc".to_owned(),
        filter: "none".to_owned(),
        weight: 1.0 / tasks.len() as f64,
        scale: 1.0,
    };
    Benchmark {
        name: "simulated".to_owned(),
        title: "simulated".to_owned(),
        kind: BenchmarkKind::Task,
        members: tasks.iter().map(member).collect(),
        spec: MetricSpec::new(Metric::Acc),
        left_out: Vec::new(),
        ability: None,
    }
}

/// Right or wrong answers of all checkpoints on two tasks; `skill` is the arm's shift of the chance of a right answer,
/// `seed_sd` that of a training seed.
fn samples(draw: usize, arms: &[Members], skill: impl Fn(usize) -> f64, seed_sd: f64) -> Vec<Vec<TaskSamples>> {
    let mut random = Seed(11).stream(&["simulated sweep", &draw.to_string()]);
    let difficulty = (0..2 * ITEMS).map(|_| random.random_range(0.2..0.8)).collect::<Vec<f64>>();
    let mut out = Vec::new();
    for (number, entry) in arms.iter().enumerate() {
        for _ in &entry.places {
            // Uniform, with the standard deviation asked for.
            let seed = seed_sd * 3.0_f64.sqrt() * random.random_range(-1.0..1.0);
            let mut task = |name: &str, items: &[f64]| {
                let right = |chance: &f64| f64::from(random.random::<f64>() < chance + skill(number) + seed);
                TaskSamples::of_performance(name, &items.iter().map(right).collect::<Vec<_>>())
            };
            let (first, second) = difficulty.split_at(ITEMS);
            out.push(vec![task("a", first), task("b", second)]);
        }
    }
    out
}

/// Verdicts against the first arm and the arms that may be the best, for every draw.
fn outcomes(
    tasks: &[&str],
    seeds: usize,
    skill: impl Fn(usize) -> f64 + Sync,
    seed_sd: f64,
) -> Vec<(Vec<ContrastVerdict>, Vec<String>)> {
    let arms = members(5, seeds);
    let benchmark = benchmark(tasks);
    (0..DRAWS)
        .into_par_iter()
        .map(|draw| {
            let samples = samples(draw, &arms, &skill, seed_sd);
            let comparison =
                Comparison { arms: &arms, before: &[], checkpoints: &[], benchmark: &benchmark, level: 0.95 };
            let drawn = Sampled::new(&samples, &benchmark.members, Headline::Performance, 0.95).unwrap();
            let variances = comparison.seed_variances(&drawn);
            let reference = |entry: &Members| entry.arm.reference.clone();
            let found = comparison.contrasts(Headline::Performance, &drawn, &variances, &reference);
            let told = comparison.told(Headline::Performance, &drawn, &variances);
            let best = told[0].best(Headline::Performance).unwrap();
            (found.into_iter().flatten().map(|contrast| contrast.verdict).collect(), best.not_worse)
        })
        .collect()
}

fn share<T>(all: &[T], holds: impl Fn(&T) -> bool) -> f64 {
    all.iter().filter(|entry| holds(entry)).count() as f64 / all.len() as f64
}

#[test]
fn equal_weightings_are_not_told_apart() {
    for (tasks, seeds, seed_sd) in
        [(&["a"][..], 1, 0.0), (&["a", "b"], 1, 0.0), (&["a", "b"], 3, 0.0), (&["a", "b"], 3, 0.05)]
    {
        let found = outcomes(tasks, seeds, |_| 0.0, seed_sd);
        let silent = share(&found, |(verdicts, _)| verdicts.iter().all(|v| *v == ContrastVerdict::NotToldApart));
        assert!(silent >= 0.93, "{tasks:?}, {seeds} seeds, sd {seed_sd}: {silent}");
        assert!(found.iter().all(|(verdicts, _)| verdicts.len() == 4));
        // Any of them is the best: the first stays in the set.
        let kept = share(&found, |(_, best)| best.iter().any(|id| id == "arm 0"));
        assert!(kept >= 0.95, "{tasks:?}, {seeds} seeds, sd {seed_sd}: {kept}");
        // One that is shown to be the best would be a clear recommendation.
        let clear = share(&found, |(_, best)| best.len() == 1);
        assert!(clear <= 0.05, "{tasks:?}, {seeds} seeds, sd {seed_sd}: {clear}");
    }
}

#[test]
fn a_true_difference_is_found_and_only_that_one() {
    let skill = |arm: usize| if arm == 3 { 0.2 } else { 0.0 };
    let found = outcomes(&["a", "b"], 3, skill, 0.02);
    let power = share(&found, |(verdicts, _)| verdicts[2] == ContrastVerdict::Better);
    assert!(power >= 0.95, "{power}");
    let alone = share(&found, |(_, best)| best == &["arm 3".to_owned()]);
    assert!(alone >= 0.9, "{alone}");
    let others = share(&found, |(verdicts, _)| [0, 1, 3].iter().all(|i| verdicts[*i] == ContrastVerdict::NotToldApart));
    assert!(others >= 0.93, "{others}");
}

/// Without its variance, seeds that differ would be taken for weightings that differ.
#[test]
fn one_seed_borrows_the_variance_of_weightings_that_have_several() {
    let mut arms = members(3, 2);
    arms[2].places.truncate(1);
    let benchmark = benchmark(&["a", "b"]);
    let samples = samples(0, &arms, |_| 0.0, 0.15);
    let comparison = Comparison { arms: &arms, before: &[], checkpoints: &[], benchmark: &benchmark, level: 0.95 };
    let drawn = Sampled::new(&samples, &benchmark.members, Headline::Performance, 0.95).unwrap();
    let variances = comparison.seed_variances(&drawn);
    assert_eq!(variances[0].map(|pooled| pooled.df), Some(2));
    let column = comparison.column(Headline::Performance, Some(&drawn), &variances);
    let known = column.iter().map(|entry| entry.seed_variance).collect::<Vec<_>>();
    assert_eq!(known, [SeedVariance::Measured, SeedVariance::Measured, SeedVariance::Borrowed]);
    let error = |place: usize| column[place].value.estimate().unwrap().standard_error.unwrap();
    assert!(error(2) > error(0) && error(2) > error(1));
}

/// Over draws of items, seeds and chances of equal arms the truth is 0: shares of intervals that hold it, for one arm's relative
/// gain, for the gains of all arms together, and for the slope on the prompt weight.
fn coverage(seeds: usize, seed_sd: f64) -> [f64; 3] {
    let mut arms = members(5, seeds);
    for (number, entry) in arms.iter_mut().enumerate() {
        // The reference is conventional tuning.
        entry.arm.weighting = Weighting::new(number as f64 / 5.0, 1.0).ok();
    }
    let benchmark = benchmark(&["a", "b"]);
    let holds = |estimate: &Estimate| estimate.interval.is_some_and(|i| i.low <= 0.0 && 0.0 <= i.high);
    let found = (0..DRAWS).into_par_iter().map(|draw| {
        let samples = samples(draw, &arms, |_| 0.0, seed_sd);
        let comparison = Comparison { arms: &arms, before: &[], checkpoints: &[], benchmark: &benchmark, level: 0.95 };
        let drawn = Sampled::new(&samples, &benchmark.members, Headline::Performance, 0.95).unwrap();
        let variances = comparison.seed_variances(&drawn);
        let one = comparison.relative_gain(Headline::Performance, &arms[1], &drawn, &variances).unwrap();
        let evidence = comparison.evidence(Headline::Performance, &drawn, &variances, &[]);
        assert_eq!((evidence.gains.len(), evidence.slopes.len()), (4, 1));
        [holds(one.estimate().unwrap()), evidence.gains.values().all(holds), evidence.slopes.values().all(holds)]
    });
    let found = found.collect::<Vec<_>>();
    [0, 1, 2].map(|kind| share(&found, |outcome| outcome[kind]))
}

#[test]
fn intervals_of_gains_and_slopes_cover_with_and_without_an_effect_of_the_seed() {
    for (seeds, seed_sd) in [(1, 0.0), (3, 0.0), (3, 0.05)] {
        let [gain, gains, slope] = coverage(seeds, seed_sd);
        assert!((0.92..=0.985).contains(&gain), "{seeds} seeds, sd {seed_sd}: gain {gain}");
        assert!(gains >= 0.93, "{seeds} seeds, sd {seed_sd}: all gains {gains}");
        assert!((0.92..=0.985).contains(&slope), "{seeds} seeds, sd {seed_sd}: slope {slope}");
    }
}
