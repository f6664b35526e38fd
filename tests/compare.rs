//! Two made-up runs compared: differences counted by hand, what is refused and in which words, and text that stays text.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

#[path = "compare/formats.rs"]
mod formats;
#[path = "compare/refusals.rs"]
mod refusals;
#[path = "reports/run.rs"]
#[allow(dead_code)]
mod run;
#[path = "compare/simulated.rs"]
mod simulated;

use run::{Run, run};
use wit_eval::analyze::RunInputs;
use wit_eval::analyze::analysis::{ContrastVerdict, Headline};
use wit_eval::compare::{CompareOptions, ComparedMeasure, ComparedTask, Comparison, Correction, compare};
use wit_eval::digest::Digest;
use wit_eval::estimate::IntervalMethod;
use wit_eval::paired::{PairError, PairOptions, PairedRuns, pair};
use wit_eval::request::Request;
use wit_eval::score::Score;
use wit_eval::variant::VariantId;

const TASK: &str = "mmlu_anatomy";

/// A finished run of one checkpoint.
fn single(label: &str) -> Run {
    let mut run = run();
    run.manifest.checkpoints.retain(|entry| entry.label == label);
    run.scores.retain(|score| score.checkpoint == label);
    run
}

/// Sets who is right on the task, by row and wording; both metrics.
fn judged(mut run: Run, right: impl Fn(usize, &VariantId) -> bool) -> Run {
    for record in run.scores.iter_mut().filter(|record| record.task == TASK) {
        let row = record.instance.rsplit('/').next().unwrap().parse().unwrap();
        let credit = f64::from(right(row, &record.variant));
        record.score = Score::Scored { credit, answer: "A".into(), explanation: "by design".into() };
    }
    run
}

/// Calls `with` with both runs as inputs.
fn with_inputs<T>(a: &Run, b: &Run, with: impl for<'r> Fn(&RunInputs<'r>, &RunInputs<'r>) -> T) -> T {
    fn answer<'r>(run: &'r Run, checkpoint: &str, request: &Request) -> Option<&'r wit_eval::response::Response> {
        run.responses.get(&(checkpoint.to_owned(), Digest::of_json(request).unwrap()))
    }
    let (own, other) = (
        |checkpoint: &str, request: &Request| answer(a, checkpoint, request),
        |checkpoint: &str, request: &Request| answer(b, checkpoint, request),
    );
    let first = RunInputs {
        name: "a",
        manifest: &a.manifest,
        plan: &a.plan,
        skipped: &a.skipped,
        scores: &a.scores,
        judged_by: None,
        response_of: &own,
    };
    let second = RunInputs {
        name: "b",
        manifest: &b.manifest,
        plan: &b.plan,
        skipped: &b.skipped,
        scores: &b.scores,
        judged_by: None,
        response_of: &other,
    };
    with(&first, &second)
}

fn compared_with(a: &Run, b: &Run, pair: &PairOptions) -> Result<Comparison, PairError> {
    let options = CompareOptions { pair: pair.clone(), ..CompareOptions::default() };
    with_inputs(a, b, |own, other| compare(own, other, &options))
}

fn compared(a: &Run, b: &Run) -> Comparison {
    compared_with(a, b, &PairOptions::default()).expect("the runs can be compared")
}

fn paired(a: &Run, b: &Run, options: &PairOptions) -> Result<PairedRuns, PairError> {
    with_inputs(a, b, |own, other| pair(own, other, options))
}

fn find<'a>(comparison: &'a Comparison, task: &str) -> &'a ComparedTask {
    comparison.primary().find(|entry| entry.task == task).expect("the task")
}

/// Every number of a comparison with the task that it is of.
fn measures(comparison: &Comparison) -> Vec<(String, &ComparedMeasure)> {
    let tasks = comparison.tasks.iter().flat_map(|task| {
        let own = task.measures.iter().chain(&task.perturbations);
        own.map(move |entry| (format!("{} {} {}", task.task, task.metric, task.filter), entry))
    });
    let means = comparison.means.iter();
    let means = means.flat_map(|mean| mean.measures.iter().map(|entry| (format!("mean {}", mean.name), entry)));
    tasks.chain(means).collect()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

/// The baseline is right on rows 0 to 19, the candidate on 5 to 27: 15 both, 5 lost, 8 gained, 12 neither.
fn by_hand() -> (Run, Run) {
    let own = judged(single("p0-r1"), |row, _| row < 20);
    let other = judged(single("p0.4-r0.6"), |row, variant| (5..28).contains(&row) || variant.perturbation == "typo");
    (own, other)
}

/// By hand: 8 gained of 40 less 5 lost is 0.075. `McNemar`: 2 P(X <= 5) with 13 coins is 2 * 2380 / 8192.
#[test]
fn paired_differences_are_those_counted_by_hand() {
    let (own, other) = by_hand();
    let comparison = compared(&own, &other);
    let task = find(&comparison, TASK);
    let entry = task.measure(Headline::Performance).unwrap();
    let point = |measure: &wit_eval::sensitivity::Measure| measure.point().unwrap();
    assert!(close(point(&entry.baseline), 0.5) && close(point(&entry.candidate), 23.0 / 40.0));
    assert!(close(point(&entry.difference), 0.075));
    assert!(close(entry.p_value.unwrap(), 4760.0 / 8192.0));
    assert_eq!((entry.gained, entry.lost, entry.unpaired), (8, 5, 0));
    assert_eq!(entry.difference.estimate().unwrap().interval.unwrap().method, IntervalMethod::PairedScore);
    assert_eq!((entry.verdict, entry.words()), (ContrastVerdict::NotToldApart, "not told apart"));
    let flips = task.flips.as_ref().unwrap();
    assert_eq!((flips.gained, flips.lost, flips.equal), (8, 5, 27));
    let names = flips.items.iter().map(|item| item.instance.rsplit('/').next().unwrap()).collect::<Vec<_>>();
    assert_eq!(names, ["0", "1", "2", "3", "4", "20", "21", "22", "23", "24", "25", "26", "27"], "losses first");
    assert_eq!(flips.items.iter().filter(|item| item.shown.is_some()).count(), 6, "three lost and three gained");
    // Under typos the candidate is right everywhere: of 40 instances it gains the 20 that the baseline has not.
    let typo = task.perturbations.iter().find(|entry| entry.perturbation.as_deref() == Some("typo")).unwrap();
    assert!(close(point(&typo.difference), 0.5) && close(typo.p_value.unwrap(), 0.5_f64.powi(19)));
    assert_eq!((typo.verdict, typo.correction), (ContrastVerdict::Better, Correction::BenjaminiHochberg));
    assert_eq!(typo.comparisons, 7 + 6 + 6, "perturbations of three tasks, option_order of one");
    // The baseline never moves with the wording; the candidate moves on the 17 rows that only typos get right.
    let flip_rate = task.measure(Headline::FlipRate).unwrap();
    assert!(close(point(&flip_rate.baseline), 0.0) && point(&flip_rate.candidate) > 0.0);
    assert_eq!(flip_rate.words(), "more sensitive");
}

#[test]
fn swapping_the_runs_turns_every_sign_and_verdict_and_nothing_else() {
    let (own, other) = by_hand();
    let (there, back) = (compared(&own, &other), compared(&other, &own));
    let (there, back) = (measures(&there), measures(&back));
    assert!(there.len() == back.len() && there.len() > 30);
    for ((name, a), (again, b)) in there.iter().zip(&back) {
        assert_eq!((name, a.measure, &a.perturbation), (again, b.measure, &b.perturbation));
        let (x, y) = (a.difference.estimate().unwrap(), b.difference.estimate().unwrap());
        assert!(close(x.point, -y.point), "{name} {:?}", a.measure);
        if let (Some(i), Some(j)) = (x.interval, y.interval) {
            assert!((i.low + j.high).abs() < 1e-6 && (i.high + j.low).abs() < 1e-6, "{name} {i:?} {j:?}");
            assert!(i.low <= x.point && x.point <= i.high, "{name}");
        }
        assert_eq!((a.gained, a.lost, a.unpaired), (b.lost, b.gained, b.unpaired));
        assert_eq!((a.baseline.point(), a.candidate.point()), (b.candidate.point(), b.baseline.point()));
        assert!(a.p_value.zip(b.p_value).is_none_or(|(p, q)| close(p, q)), "{name}");
        let turned = match b.verdict {
            ContrastVerdict::Better => ContrastVerdict::Worse,
            ContrastVerdict::Worse => ContrastVerdict::Better,
            other => other,
        };
        assert_eq!(a.verdict, turned, "{name} {:?}", a.measure);
    }
}

#[test]
fn the_same_answers_twice_are_not_told_apart_and_prove_no_equality() {
    let own = single("p0-r1");
    let comparison = compared(&own, &own);
    assert!(comparison.notes[0].contains("the same weights"), "{:?}", comparison.notes);
    for (name, entry) in measures(&comparison) {
        let difference = entry.difference.estimate().unwrap();
        assert!(close(difference.point, 0.0) && (entry.gained, entry.lost) == (0, 0), "{name}");
        assert_eq!(entry.verdict, ContrastVerdict::NotToldApart, "{name} {:?}", entry.measure);
        assert!(entry.p_value.is_none_or(|p| close(p, 1.0)), "{name}");
        match difference.interval {
            // z² / (40 + z²), without a pair that differs.
            Some(interval) => assert!(interval.low < -0.01 && interval.high > 0.01, "{name} {interval:?}"),
            None => assert!(name.contains("perplexity") || entry.measure == Headline::Posix, "{name}"),
        }
    }
    let width = find(&comparison, TASK).measure(Headline::Performance).unwrap().difference.estimate().unwrap();
    let z2 = 1.959_963_984_540_054_f64.powi(2);
    assert!((width.interval.unwrap().high - z2 / (40.0 + z2)).abs() < 1e-6);
    assert!(comparison.tasks.iter().filter_map(|task| task.flips.as_ref()).all(|flips| flips.items.is_empty()));
    assert!(comparison.findings.iter().any(|text| text.contains("no evidence of equality")));
}

#[test]
fn a_clear_gain_is_better_and_where_less_is_better_it_is_worse() {
    let own = judged(single("p0-r1"), |row, _| row < 10);
    let mut other = judged(single("p0.4-r0.6"), |row, _| row < 30);
    for record in other.scores.iter_mut().filter(|record| record.task == "wit_text") {
        let again = own.scores.iter().find(|old| old.instance == record.instance && old.variant == record.variant);
        let row = record.instance.len() as f64 / 100.0 + f64::from(u8::from(record.instance.ends_with('1'))) / 10.0;
        let credit = again.unwrap().score.credit().unwrap() + 0.5 + row;
        record.score = Score::Scored { credit, answer: String::new(), explanation: String::new() };
    }
    let comparison = compared(&own, &other);
    let gained = find(&comparison, TASK).measure(Headline::Performance).unwrap();
    assert_eq!((gained.verdict, gained.correction), (ContrastVerdict::Better, Correction::Holm));
    assert_eq!(gained.comparisons, 3, "one test a task");
    assert!(close(gained.p_adjusted.unwrap(), 3.0 * gained.p_value.unwrap()) || gained.p_adjusted < Some(0.05));
    let text = find(&comparison, "wit_text");
    assert_eq!((text.unit.as_str(), text.higher_is_better), ("nats", false));
    assert_eq!(text.measure(Headline::Performance).unwrap().words(), "worse");
    assert!(text.flips.is_none(), "a likelihood is no judgment");
    assert!(comparison.summary.starts_with("p0.4-r0.6 against p0-r1"), "{}", comparison.summary);
    assert!(comparison.summary.contains("better on") && comparison.summary.contains("worse on 1 task (wit_text)"));
    let mean = comparison.means.iter().find(|mean| mean.name == "average").expect("a mean over tasks");
    assert_eq!(mean.tasks, [TASK, "bbh_zeroshot_navigate"], "perplexities are no shares");
    let parts = mean
        .tasks
        .iter()
        .map(|task| find(&comparison, task).measure(Headline::Performance).unwrap().difference.point().unwrap());
    let own_mean = mean.measures[0].difference.point().unwrap();
    assert!(close(own_mean, parts.sum::<f64>() / 2.0));
}

#[test]
fn less_sensitive_is_no_praise_where_nothing_is_ever_right() {
    let own = judged(single("p0-r1"), |row, variant| row < 20 && (variant.draw == 0 || row % 2 == 0));
    let never = judged(single("p0.4-r0.6"), |_, _| false);
    let comparison = compared(&own, &never);
    assert_eq!(find(&comparison, TASK).measure(Headline::FlipRate).unwrap().words(), "less sensitive");
    let said = |comparison: &Comparison| comparison.findings.iter().any(|text| text.contains("nearly always wrong"));
    assert!(said(&comparison), "{:?}", comparison.findings);
    let (own, other) = by_hand();
    assert!(!said(&compared(&own, &other)));
}

#[test]
fn wordings_that_one_run_could_not_score_are_left_out_of_both() {
    let own = judged(single("p0-r1"), |_, _| true);
    let mut other = judged(single("p0.4-r0.6"), |_, _| true);
    let unscored = |record: &&mut wit_eval::record::ScoreRecord| record.task == TASK && record.metric == "acc";
    for record in other.scores.iter_mut().filter(unscored) {
        let original = record.variant.is_original() && record.instance.ends_with("/7");
        if original || record.variant.perturbation == "format" {
            record.score = Score::Unscored { reason: "no answer".into() };
        }
    }
    let comparison = compared(&own, &other);
    let task = find(&comparison, TASK);
    let performance = task.measure(Headline::Performance).unwrap();
    assert_eq!((performance.difference.estimate().unwrap().n, performance.unpaired), (39, 1));
    let format = task.perturbations.iter().find(|entry| entry.perturbation.as_deref() == Some("format")).unwrap();
    assert_eq!((format.difference.point(), format.unpaired), (None, 40));
    let perturbed = task.measure(Headline::Perturbed).unwrap();
    assert_eq!(perturbed.difference.estimate().unwrap().n, 40, "the other wordings remain");
    assert!(comparison.notes.iter().any(|note| note.contains("1 instances could be scored in one run only")));
}

#[test]
fn columns_are_the_measures_of_both_runs_row_by_row() {
    let (own, other) = by_hand();
    let paired = paired(&own, &other, &PairOptions::default()).unwrap();
    let entries = paired.tasks.iter().map(|task| format!("{} {} {}", task.task, task.metric, task.filter));
    let expected = [
        "mmlu_anatomy acc none",
        "mmlu_anatomy acc_norm none",
        "bbh_zeroshot_navigate exact_match flexible-extract",
        "bbh_zeroshot_navigate exact_match strict-match",
        "wit_text word_perplexity none",
    ];
    assert_eq!(entries.collect::<Vec<_>>(), expected);
    assert_eq!(paired.primary().count(), 3);
    let task = &paired.tasks[0];
    let measures = task.columns.iter().filter(|column| column.perturbation.is_none());
    assert_eq!(measures.map(|column| column.measure).collect::<Vec<_>>(), Headline::ALL);
    assert!(paired.tasks[1].column(Headline::Posix).is_none(), "POSIX belongs to the task, not to every metric");
    let row = &task.column(Headline::Performance).unwrap().rows[6];
    assert_eq!((row.instance.as_str(), row.baseline, row.candidate, row.weight), ("mmlu_anatomy/6", 1.0, 1.0, 1.0));
    assert_eq!(task.column(Headline::Posix).unwrap().rows.len(), 20);
    let group = &paired.groups[0];
    assert_eq!((group.group.as_str(), group.members.as_slice()), ("mmlu", &[0][..]));
}
