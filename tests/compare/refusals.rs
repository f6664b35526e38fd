//! What cannot be compared is refused by name, with both values and the flag that allows it.

use wit_eval::instance::Presentation;
use wit_eval::paired::{PairError, PairOptions};
use wit_eval::record::Purpose;
use wit_eval::request::{Prompt, Request};

use super::run::{Run, run};
use super::{TASK, compared_with, find, paired, single};

fn refused(a: &Run, b: &Run) -> String {
    paired(a, b, &PairOptions::default()).expect_err("the runs cannot be compared").to_string()
}

/// Another question under the same name.
fn asks_otherwise(run: &mut Run, instance: &str) {
    for record in run.plan.iter_mut().filter(|record| record.instance == instance) {
        if let Request::LogLikelihood { prompt, .. } = &mut record.request {
            *prompt = Prompt::Text("Another question?".to_owned());
        }
    }
}

fn forgets(run: &mut Run, gone: impl Fn(&str, bool) -> bool) {
    run.plan.retain(|record| {
        let original = matches!(&record.purpose, Purpose::Judge { variant, .. } if variant.is_original());
        !gone(&record.instance, original)
    });
    let instances = run.plan.iter().map(|record| (record.instance.clone(), record.purpose.clone())).collect::<Vec<_>>();
    run.scores.retain(|score| {
        instances.iter().any(|(instance, purpose)| {
            *instance == score.instance
                && matches!(purpose, Purpose::Judge { variant, .. } if *variant == score.variant)
        })
    });
}

#[test]
fn other_questions_are_refused_and_compared_without_when_allowed() {
    let own = single("p0-r1");
    let mut other = single("p0.4-r0.6");
    asks_otherwise(&mut other, "mmlu_anatomy/3");
    forgets(&mut other, |instance, _| instance == "wit_text/11");
    other.manifest.settings.limit = Some(0.5);
    other.manifest.settings.presentation = Presentation::Text;
    assert_eq!(
        refused(&own, &other),
        "the runs asked different questions: task mmlu_anatomy: 1 instance differs in question, expectation or cluster \
         (the first is mmlu_anatomy/3); task wit_text: 1 instance only in the baseline; settings that differ: limit \
         (baseline 40.0, candidate 0.5), presentation (baseline \"chat\", candidate \"text\"); --allow_other_data \
         compares the questions that both have and leaves out the others"
    );
    let allowed = PairOptions { allow_other_data: true, ..PairOptions::default() };
    let comparison = compared_with(&own, &other, &allowed).unwrap();
    let estimate = |task: &str| *find(&comparison, task).measures[0].difference.estimate().unwrap();
    assert_eq!((estimate(TASK).n, estimate("wit_text").n), (39, 11));
    assert_eq!(comparison.left_out.len(), 2);
    assert_eq!(comparison.left_out[0].other_instances, 1);
    assert!(comparison.notes.iter().any(|note| note.starts_with("Left out of task wit_text: 1 instance only")));
    let turned = compared_with(&other, &own, &allowed).unwrap();
    assert_eq!(find(&turned, "wit_text").measures[0].difference.estimate().unwrap().n, 11);
}

#[test]
fn other_wordings_are_refused_and_left_out_when_allowed() {
    let own = single("p0-r1");
    let mut other = single("p0.4-r0.6");
    other.manifest.settings.perturbations.retain(|spec| !spec.starts_with("typo"));
    other
        .plan
        .retain(|record| !matches!(&record.purpose, Purpose::Judge { variant, .. } if variant.perturbation == "typo"));
    other.scores.retain(|score| score.variant.perturbation != "typo");
    let message = refused(&own, &other);
    assert!(message.contains("74 other perturbed wordings or prompt sets of equal instances"), "{message}");
    assert!(message.contains("settings that differ: perturbations (baseline [\"whitespace@default:2\""), "{message}");
    let allowed = PairOptions { allow_other_data: true, ..PairOptions::default() };
    let comparison = compared_with(&own, &other, &allowed).unwrap();
    let names = find(&comparison, TASK).perturbations.iter().filter_map(|entry| entry.perturbation.clone());
    assert!(names.collect::<Vec<_>>().iter().all(|name| name != "typo"));
}

#[test]
fn another_version_or_definition_is_refused_with_both_values() {
    let own = single("p0-r1");
    let mut other = single("p0.4-r0.6");
    other.manifest.tasks[0].version = "2".to_owned();
    other.manifest.tasks[1].num_fewshot = 3;
    assert_eq!(
        refused(&own, &other),
        "the runs measure in different ways: task mmlu_anatomy: version (baseline 1, candidate 2); task \
         bbh_zeroshot_navigate: num_fewshot (baseline 0, candidate 3); --allow_other_version compares them all the same"
    );
    let allowed = PairOptions { allow_other_version: true, ..PairOptions::default() };
    let notes = compared_with(&own, &other, &allowed).unwrap().notes;
    assert!(notes.iter().any(|note| note.contains("which was allowed: task mmlu_anatomy: version")), "{notes:?}");
    // Another direction is another metric, whatever is allowed.
    other.manifest.tasks[2].metrics[0].higher_is_better = true;
    let tasks = paired(&own, &other, &allowed).unwrap().tasks;
    assert!(tasks.iter().all(|task| task.task != "wit_text"));
}

#[test]
fn several_checkpoints_are_matched_or_must_be_named() {
    let both = run();
    let message = refused(&both, &both);
    assert_eq!(
        message,
        "it is not clear which checkpoints to compare: run a has p0-r1, p0.4-r0.6; run b has p0-r1, p0.4-r0.6; name them \
         with --baseline_checkpoint LABEL and --candidate_checkpoint LABEL"
    );
    let named = PairOptions {
        baseline_checkpoint: Some("p0-r1".to_owned()),
        candidate_checkpoint: Some("p0.4-r0.6".to_owned()),
        ..PairOptions::default()
    };
    let found = paired(&both, &both, &named).unwrap();
    let labels = [&found.baseline, &found.candidate].map(|side| side.checkpoint.label.as_str());
    assert_eq!(labels, ["p0-r1", "p0.4-r0.6"]);
    let one = paired(&both, &single("p0.4-r0.6"), &PairOptions::default()).unwrap();
    assert_eq!(one.baseline.checkpoint.label, "p0.4-r0.6", "the one of the same label");
    let mut renamed = single("p0.4-r0.6");
    renamed.manifest.checkpoints[0].label = "new".to_owned();
    renamed.scores.iter_mut().for_each(|score| "new".clone_into(&mut score.checkpoint));
    let one = paired(&both, &renamed, &PairOptions::default()).unwrap();
    assert_eq!(one.baseline.checkpoint.label, "p0.4-r0.6", "the one of the same weighting");
    let unknown = PairOptions { baseline_checkpoint: Some("p1-r1".to_owned()), ..PairOptions::default() };
    assert_eq!(
        paired(&both, &both, &unknown).unwrap_err().to_string(),
        "run a has no checkpoint `p1-r1` (--baseline_checkpoint); its checkpoints: p0-r1, p0.4-r0.6"
    );
}

#[test]
fn damaged_and_unfinished_runs_are_errors() {
    let own = single("p0-r1");
    let damaged = |damage: &dyn Fn(&mut Run)| {
        let mut other = single("p0.4-r0.6");
        damage(&mut other);
        refused(&own, &other)
    };
    let message = damaged(&|run| run.scores.retain(|score| score.instance != "mmlu_anatomy/2"));
    assert!(message.starts_with("run b: 14 of ") && message.contains("the run is not finished"), "{message}");
    let message = damaged(&|run| run.scores.push(run.scores[0].clone()));
    assert!(
        message.contains("mmlu_anatomy, instance mmlu_anatomy/0, variant original is on record twice"),
        "{message}"
    );
    let message = damaged(&|run| run.plan.push(run.plan[0].clone()));
    assert!(
        message.contains("the question mmlu_anatomy, instance mmlu_anatomy/0, variant original is on record twice")
    );
    let message = damaged(&|run| run.scores[0].instance = "mmlu_anatomy/99".to_owned());
    assert!(
        message.contains("instance mmlu_anatomy/99, variant original answers no question of the plan"),
        "{message}"
    );
    let message = damaged(&|run| run.manifest.checkpoints.push(run.manifest.checkpoints[0].clone()));
    assert!(message.contains("it is not clear which checkpoints") || message.contains("twice"), "{message}");
}

#[test]
fn nothing_in_common_is_said_and_told_apart_from_a_refusal() {
    let own = single("p0-r1");
    let mut other = single("p0.4-r0.6");
    for name in ["task", "plan"] {
        let rename = |task: &mut String| *task = format!("other_{task}");
        match name {
            "task" => other.manifest.tasks.iter_mut().for_each(|task| rename(&mut task.name)),
            _ => other.plan.iter_mut().for_each(|record| rename(&mut record.task)),
        }
    }
    other.scores.iter_mut().for_each(|score| score.task = format!("other_{}", score.task));
    let allowed = PairOptions { allow_other_data: true, allow_other_version: true, ..PairOptions::default() };
    let error = paired(&own, &other, &allowed).unwrap_err();
    assert!(error.is_nothing_in_common() && matches!(error, PairError::NothingInCommon { .. }));
    assert_eq!(
        error.to_string(),
        "the runs have no question in common: a asked mmlu_anatomy; bbh_zeroshot_navigate; wit_text; b asked \
         other_mmlu_anatomy; other_bbh_zeroshot_navigate; other_wit_text"
    );
}
