//! What verdicts are worth: how often equal models are told apart, and whether the smallest detectable difference is found as
//! often as it promises. Columns are drawn, not asked.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use wit_eval::analyze::analysis::{ContrastVerdict, Headline};
use wit_eval::compare::{CompareOptions, ComparedMeasure, Comparison, of_pairs};
use wit_eval::digest::Digest;
use wit_eval::estimate::IntervalMethod;
use wit_eval::paired::{PairedColumn, PairedRow, PairedRuns, PairedSide, PairedTask};
use wit_eval::seed::Seed;
use wit_eval::sensitivity::PosixMode;

use super::run::checkpoint;

const DRAWS: usize = 600;

/// A column of (baseline, candidate), one instance a cluster.
fn column(measure: Headline, pairs: &[(f64, f64)]) -> PairedColumn {
    let row = |(place, (baseline, candidate)): (usize, &(f64, f64))| PairedRow {
        instance: place.to_string(),
        cluster: place,
        weight: 1.0,
        baseline: *baseline,
        candidate: *candidate,
    };
    PairedColumn { measure, perturbation: None, rows: pairs.iter().enumerate().map(row).collect(), unpaired: 0 }
}

fn task(name: &str, columns: Vec<PairedColumn>) -> PairedTask {
    PairedTask {
        task: name.to_owned(),
        title: name.to_owned(),
        metric: "acc".to_owned(),
        filter: "none".to_owned(),
        higher_is_better: true,
        is_share: true,
        columns,
    }
}

fn compared(tasks: Vec<PairedTask>) -> Comparison {
    let side = |label: &str| PairedSide {
        run: label.to_owned(),
        identity: Digest::of_bytes(label.as_bytes()),
        program: "wit-eval".to_owned(),
        checkpoint: checkpoint(label, None),
        judged_by: None,
    };
    let paired = PairedRuns {
        baseline: side("a"),
        candidate: side("b"),
        posix_mode: PosixMode::Definition,
        tasks,
        groups: Vec::new(),
        left_out: Vec::new(),
        notes: Vec::new(),
    };
    of_pairs(paired, Vec::new(), &CompareOptions::default())
}

fn only(measure: Headline, pairs: &[(f64, f64)]) -> ComparedMeasure {
    compared(vec![task("t", vec![column(measure, pairs)])]).tasks[0].measures[0].clone()
}

/// Two answers of models that are equally good at every item: the item decides how hard it is, chance the rest.
fn equal_outcomes(items: usize, stream: &mut ChaCha8Rng) -> Vec<(f64, f64)> {
    let one = |stream: &mut ChaCha8Rng| {
        let ease = stream.random_range(0.2..0.95);
        let mut right = || f64::from(u8::from(stream.random_bool(ease)));
        (right(), right())
    };
    (0..items).map(|_| one(stream)).collect()
}

/// Shares of right wordings, of five.
fn equal_shares(items: usize, stream: &mut ChaCha8Rng) -> Vec<(f64, f64)> {
    let runs = (0..5).map(|_| equal_outcomes(items, stream)).collect::<Vec<_>>();
    let share = |row: usize| {
        let sum = runs.iter().fold((0.0, 0.0), |sum, run| (sum.0 + run[row].0, sum.1 + run[row].1));
        (sum.0 / 5.0, sum.1 / 5.0)
    };
    (0..items).map(share).collect()
}

fn told(entry: &ComparedMeasure) -> bool {
    matches!(entry.verdict, ContrastVerdict::Better | ContrastVerdict::Worse)
}

/// 600 comparisons of equal models on three tasks: at 5 %, 30 are expected to tell any two apart at most, and 50 would be four
/// standard deviations more.
#[test]
fn equal_models_are_told_apart_no_more_often_than_stated() {
    let mut any = [0, 0, 0];
    for draw in 0..DRAWS {
        let mut stream = Seed(5).stream(&["equal", &draw.to_string()]);
        let tasks = [30, 60, 300].map(|items| {
            let columns = vec![
                column(Headline::Performance, &equal_outcomes(items, &mut stream)),
                column(Headline::Perturbed, &equal_shares(items, &mut stream)),
            ];
            task(&format!("t{items}"), columns)
        });
        let comparison = compared(tasks.into());
        let measures = |measure| comparison.primary().filter_map(move |task| task.measure(measure));
        any[0] += usize::from(measures(Headline::Performance).any(told));
        any[1] += usize::from(measures(Headline::Perturbed).any(told));
        any[2] += usize::from(
            comparison.means[0].measures.iter().any(|entry| entry.measure == Headline::Performance && told(entry)),
        );
    }
    println!("told apart in {any:?} of {DRAWS}");
    assert!(any.iter().all(|count| *count <= 50), "{any:?} of {DRAWS}");
    assert!(any[1] >= 5, "a test that never calls tests nothing: {any:?}");
}

/// Graded differences with the standard deviation 0.3 on 100 items: a true difference of (1.984 + 0.845) 0.03 = 0.0849, with
/// Student's quantiles on 99 degrees of freedom, is to be found with 80 % probability; 600 draws have a standard deviation of 1.6 points.
#[test]
fn the_smallest_detectable_difference_is_found_as_often_as_it_says() {
    let (mut found, mut promised) = (0, 0.0);
    for draw in 0..DRAWS {
        let mut stream = Seed(6).stream(&["power", &draw.to_string()]);
        let pair = |stream: &mut ChaCha8Rng| {
            // A uniform number of that standard deviation.
            let noise = stream.random_range(-1.0..1.0) * 0.3 * 3.0_f64.sqrt();
            (0.1, 0.1 + 0.0849 + noise)
        };
        let entry = only(Headline::Posix, &(0..100).map(|_| pair(&mut stream)).collect::<Vec<_>>());
        found += usize::from(entry.p_value.unwrap() < 0.05);
        promised += entry.minimum_detectable_effect.unwrap() / DRAWS as f64;
    }
    println!("found in {found} of {DRAWS}; promised {promised:.4}");
    let share = found as f64 / DRAWS as f64;
    assert!((0.75..0.85).contains(&share), "{share}");
    assert!((promised - 0.0849).abs() < 0.002, "{promised}");
}

#[test]
fn numbers_without_bounds_are_not_cut_to_those_of_shares() {
    let pairs = [(0.5, 4.0), (1.0, 2.0), (0.0, 3.5), (2.0, 2.5), (0.5, 1.0)];
    let entry = only(Headline::Posix, &pairs);
    let interval = entry.difference.estimate().unwrap().interval.unwrap();
    assert!((entry.difference.point().unwrap() - 1.8).abs() < 1e-12 && interval.high > 3.0, "{interval:?}");
    assert!(!entry.more_is_better, "more nats are more sensitive");
    assert!(only(Headline::Posix, &[(1.0, 1.0); 8]).difference.estimate().unwrap().interval.is_none());
    assert_eq!(only(Headline::Posix, &[(1.0, 1.0); 8]).verdict, ContrastVerdict::NotToldApart);
}

/// By hand: 3 of 50 items gain one half. Student's t says 1.75 on 49 degrees of freedom, about 0.086; the sign test of three
/// coins says 2 / 8.
#[test]
fn where_few_items_differ_the_sign_test_has_the_last_word() {
    let pairs = (0..50).map(|row| (0.5, if row < 3 { 1.0 } else { 0.5 })).collect::<Vec<_>>();
    let entry = only(Headline::Perturbed, &pairs);
    assert!((entry.p_value.unwrap() - 0.25).abs() < 1e-12, "{:?}", entry.p_value);
    assert_eq!((entry.gained, entry.lost), (3, 0));
    // All differ by the same: no variation, and still no certainty.
    let same = only(Headline::Perturbed, &[(0.25, 0.5); 6]);
    let interval = same.difference.estimate().unwrap().interval.unwrap();
    assert!(
        interval.method == IntervalMethod::PairedScore && interval.low < 0.0 && interval.high > 0.5,
        "{interval:?}"
    );
    assert_eq!(same.verdict, ContrastVerdict::NotToldApart);
    let one = only(Headline::Performance, &[(0.0, 1.0)]);
    assert_eq!(
        (one.verdict, one.p_value, one.difference.estimate().unwrap().interval),
        (ContrastVerdict::Unknown, None, None)
    );
}
