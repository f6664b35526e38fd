//! What is compared with what: answers between wordings, variants on the same instances, tasks of a group.

use wit_eval::analyze::analysis::{PerturbationAnalysis, Severity};
use wit_eval::chat::{Message, Role};
use wit_eval::instance::Expectation;
use wit_eval::record::{PlanRecord, Purpose};
use wit_eval::request::{Prompt, Request};
use wit_eval::score::Score;
use wit_eval::task::Member;
use wit_eval::variant::VariantId;

use super::run::{Run, run};
use super::{PLAIN, find, said};

const TASK: &str = "mmlu_anatomy";
const LIST: &str = "A. aorta\nB. pulmonary artery\nC. vena cava\nD. coronary sinus";
const MOVED: &str = "A. pulmonary artery\nB. aorta\nC. vena cava\nD. coronary sinus";

fn variant(perturbation: &str, draw: usize) -> VariantId {
    VariantId { perturbation: perturbation.to_owned(), strength: "default".to_owned(), draw }
}

fn variant_of(record: &PlanRecord) -> Option<&VariantId> {
    match &record.purpose {
        Purpose::Judge { variant, .. } => Some(variant),
        Purpose::Posix { .. } | Purpose::Likelihood { .. } => None,
    }
}

/// The first checkpoint on one task's first four questions, as they stand and under these variants; every answer is A.
fn small(task: &str, variants: &[VariantId]) -> Run {
    let mut run = run();
    run.manifest.checkpoints.truncate(1);
    run.manifest.tasks.retain(|known| known.name == task);
    run.skipped.clear();
    let rows = (0..4).map(|row| format!("{task}/{row}")).collect::<Vec<_>>();
    let kept =
        |variant: &VariantId, row: &String| (variant.is_original() || variants.contains(variant)) && rows.contains(row);
    run.plan.retain(|record| variant_of(record).is_some_and(|variant| kept(variant, &record.instance)));
    run.scores.retain(|score| score.checkpoint == "p0-r1" && kept(&score.variant, &score.instance));
    for score in &mut run.scores {
        score.score = scored(1.0, "A");
    }
    run
}

fn scored(credit: f64, answer: &str) -> Score {
    Score::Scored { credit, answer: answer.to_owned(), explanation: String::new() }
}

fn answer_under(run: &mut Run, perturbation: &str, answer: &str) {
    for score in run.scores.iter_mut().filter(|score| score.variant.perturbation == perturbation) {
        score.score = scored(1.0, answer);
    }
}

fn rewrite(run: &mut Run, perturbation: &str, text: impl Fn(&str) -> Prompt) {
    let perturbed = |record: &&mut PlanRecord| variant_of(record).is_some_and(|v| v.perturbation == perturbation);
    for record in run.plan.iter_mut().filter(perturbed) {
        let (Request::LogLikelihood { prompt, .. } | Request::Generate { prompt, .. }) = &mut record.request else {
            panic!("a question was asked");
        };
        *prompt = text(&prompt.as_readable_text());
    }
}

fn together(run: &Run, task: &str) -> PerturbationAnalysis {
    find(&run.analyze(), "p0-r1", task).primary().unwrap().together.clone().unwrap()
}

/// Consistency and the share of changed answers where texts change places and this letter is answered.
fn agreement(letter: &str, moved: impl Fn(&str) -> Prompt) -> (Option<f64>, Option<f64>) {
    let mut run = small(TASK, &[variant("option_order", 0)]);
    rewrite(&mut run, "option_order", moved);
    answer_under(&mut run, "option_order", letter);
    let row = together(&run, TASK);
    (row.sensitivity.consistency.point(), row.sensitivity.answer_flip_rate_mean.point())
}

#[test]
fn where_options_move_answers_are_compared_by_the_options_text() {
    let moved = |text: &str| Prompt::Text(text.replace(LIST, MOVED));
    assert_eq!(agreement("B", moved), (Some(1.0), Some(0.0)));
    assert_eq!(agreement("A", moved), (Some(0.0), Some(1.0)));
    assert_eq!(agreement("D", moved), (Some(0.0), Some(1.0)));
}

#[test]
fn examples_before_the_question_do_not_decide_what_its_letters_mean() {
    let example = "Which is largest?\nA. one\nB. two\nC. three\nD. four\nAnswer: D\n\n";
    let with_example = |text: &str| Prompt::Text(format!("{example}{}", text.replace(LIST, MOVED)));
    assert_eq!(agreement("B", with_example), (Some(1.0), Some(0.0)));
    let turns = |text: &str| Prompt::Chat {
        messages: vec![
            Message::new(Role::User, example),
            Message::new(Role::Assistant, "D"),
            Message::new(Role::User, text.replace(LIST, MOVED)),
        ],
        assistant_prefix: String::new(),
    };
    assert_eq!(agreement("B", turns), (Some(1.0), Some(0.0)));
}

#[test]
fn letters_of_a_list_that_cannot_be_read_are_not_compared() {
    let mut run = small(TASK, &[variant("option_order", 0)]);
    rewrite(&mut run, "option_order", |_| Prompt::Text("Which structure?".to_owned()));
    let row = together(&run, TASK);
    assert!(row.sensitivity.consistency.reason().unwrap().contains("can be compared"));
    assert!(row.sensitivity.answer_flip_rate_any.reason().unwrap().contains("can be compared"));
    assert_eq!(row.sensitivity.flip_rate_any.point(), Some(0.0));
}

#[test]
fn generated_labels_are_compared_by_the_option_that_they_name() {
    let task = "bbh_zeroshot_navigate";
    let wordings = [variant("format", 0), variant("casing", 0)];
    let mut run = small(task, &wordings);
    // The made-up task has no option_order: its place is taken by renaming another variant.
    for record in &mut run.plan {
        let Purpose::Judge { variant, expectation } = &mut record.purpose else { continue };
        let (list, target) = match variant.perturbation.as_str() {
            "format" => ("1. left\n2. right", "1."),
            "casing" => ("(A) right\n(B) left", "(B)"),
            _ => ("(A) left\n(B) right", "(A)"),
        };
        if variant.perturbation == "casing" {
            variant.perturbation = "option_order".to_owned();
        }
        *expectation = Expectation::Text { targets: vec![target.to_owned()], choices: Vec::new() };
        if let Request::Generate { prompt, .. } = &mut record.request {
            *prompt = Prompt::Text(format!("Where does it lead?\nOptions:\n{list}\nAnswer:"));
        }
    }
    for score in &mut run.scores {
        let answer = match score.variant.perturbation.as_str() {
            "format" => "1.",
            "casing" => "(B)",
            _ => "(A)",
        };
        score.score = scored(1.0, answer);
        if score.variant.perturbation == "casing" {
            score.variant.perturbation = "option_order".to_owned();
        }
    }
    assert_eq!(together(&run, task).sensitivity.consistency.point(), Some(1.0));
    answer_under(&mut run, "option_order", "(A)");
    assert_eq!(together(&run, task).sensitivity.answer_flip_rate_mean.point(), Some(0.5));
}

#[test]
fn the_likelihood_of_a_text_is_no_answer() {
    let task = find(&PLAIN, "p0-r1", "wit_text");
    let indices = &task.primary().unwrap().together.as_ref().unwrap().sensitivity;
    for measure in [&indices.consistency, &indices.answer_flip_rate_any, &indices.answer_flip_rate_mean] {
        assert!(measure.reason().is_some_and(|reason| reason.contains("can be compared")), "{measure:?}");
    }
    let mut cloze = small(TASK, &[variant("typo", 0)]);
    for record in &mut cloze.plan {
        if let Purpose::Judge { expectation, .. } = &mut record.purpose {
            *expectation = Expectation::Continuation { text: "heart".to_owned() };
        }
    }
    assert_eq!(together(&cloze, TASK).sensitivity.consistency.point(), None);
}

/// By hand: originals 1 0 1 0. One wording has all four (0 0 1 0), another only those that the original fails (0, 0).
#[test]
fn a_variant_that_only_hard_instances_have_is_not_the_worst_for_that() {
    let everywhere = variant("typo", 0);
    let hard = variant("typo", 1);
    let mut run = small(TASK, &[everywhere.clone(), hard.clone()]);
    let place = |instance: &str| instance.rsplit('/').next().unwrap().parse::<usize>().unwrap();
    let easy = |variant: &VariantId, instance: &str| *variant == hard && place(instance).is_multiple_of(2);
    run.plan.retain(|record| !easy(variant_of(record).unwrap(), &record.instance));
    run.scores.retain(|score| !easy(&score.variant, &score.instance));
    for score in &mut run.scores {
        let credits = if score.variant.is_original() { [1.0, 0.0, 1.0, 0.0] } else { [0.0, 0.0, 1.0, 0.0] };
        score.score = scored(credits[place(&score.instance)], "A");
    }
    let row = together(&run, TASK);
    let (worst, best) = (row.worst.unwrap(), row.best.unwrap());
    assert_eq!((&worst.variant, worst.credit.point()), (&everywhere, Some(0.25)));
    // Row 3 has both wordings in the made-up run only where a second one could be made; row 1 always has.
    assert_eq!((&best.variant, best.credit.point()), (&hard, Some(0.0)));
    let performance = row.performance.estimate().unwrap();
    assert_eq!((performance.point, performance.n), (0.25, 4));
    assert_eq!(row.change.point(), Some(performance.point - 0.5), "change is performance minus original");
}

#[test]
fn where_less_is_better_the_worst_case_is_the_highest_credit() {
    let row = find(&PLAIN, "p0-r1", "wit_text").primary().unwrap().together.as_ref().unwrap();
    let (worst, best) = (row.sensitivity.worst_case.point().unwrap(), row.sensitivity.best_case.point().unwrap());
    assert!(worst > best, "{worst} {best}");
    let (worst, best) = (row.worst.as_ref().unwrap(), row.best.as_ref().unwrap());
    assert!(worst.change.point().unwrap() > best.change.point().unwrap());
}

#[test]
fn a_group_averages_the_tasks_that_have_its_metric_and_names_the_others() {
    let mut run = run();
    run.manifest.groups[0].members.push(Member::Task("bbh_zeroshot_navigate".to_owned()));
    let analysis = run.analyze();
    let group = &analysis.checkpoints[0].groups[0];
    assert_eq!(group.tasks, ["mmlu_anatomy"]);
    assert_eq!(group.left_out, ["bbh_zeroshot_navigate"]);
    assert_eq!(group.original, PLAIN.checkpoints[0].groups[0].original);
    let warning = said(&analysis, Severity::Warning, "Means of groups");
    assert!(warning.contains("mmlu (acc, none) leaves out bbh_zeroshot_navigate"), "{warning}");
}

#[test]
fn a_flip_is_the_same_in_the_list_and_in_the_rate() {
    let mut run = small(TASK, &[variant("typo", 0)]);
    let moved =
        |score: &&mut wit_eval::record::ScoreRecord| !score.variant.is_original() && score.instance.ends_with("/2");
    for score in run.scores.iter_mut().filter(moved) {
        score.score = scored(1.0 - 1e-12, "A");
    }
    let analysis = run.analyze();
    let task = find(&analysis, "p0-r1", TASK);
    let rate = task.primary().unwrap().together.as_ref().unwrap().sensitivity.flip_rate_any.point();
    assert_eq!((rate, task.flipped.len()), (Some(0.25), 1));
}
