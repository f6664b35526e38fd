//! Planning and asking, with a scripted model in the place of a checkpoint.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::sync::Mutex;

use wit_eval::backend::{BackendError, LanguageModel, ModelIdentity, ScriptedModel};
use wit_eval::data::{Catalog, InstanceOptions, Limit, instances};
use wit_eval::digest::Digest;
use wit_eval::execute::{ExecuteError, Pending, execute, judge, response_key};
use wit_eval::instance::Presentation;
use wit_eval::judge::Judgments;
use wit_eval::model::engine::EngineError;
use wit_eval::perturb::{Perturber, parse_specs};
use wit_eval::plan::{Plan, PlanError, PlanSettings};
use wit_eval::record::Purpose;
use wit_eval::request::{Prompt, Request};
use wit_eval::response::{FinishReason, Generation, Response};
use wit_eval::score::Score;
use wit_eval::seed::Seed;
use wit_eval::store::{PosixSettings, ResponseLog, RunFolder};
use wit_eval::task::Task;

fn planned(name: &str, limit: usize, perturbations: &str, posix: usize) -> (Task, Plan) {
    let selection = Catalog::load(&[]).unwrap().select(name).unwrap();
    let source = &selection.tasks[0];
    let options = InstanceOptions { limit: Some(Limit::Count(limit)), ..InstanceOptions::default() };
    let specs = parse_specs(perturbations).unwrap();
    let settings = PlanSettings {
        perturbations: &specs,
        seed: Seed(1),
        presentation: Presentation::Text,
        posix: Some(PosixSettings { instances_per_task: posix, max_new_tokens: 4 }),
    };
    let mut plan = Plan::default();
    let perturber = Perturber::embedded().unwrap();
    plan.add_task(&source.task, &instances(source, &options).unwrap(), &perturber, &settings).unwrap();
    (source.task.clone(), plan)
}

fn says(text: &str) -> Response {
    Response::Generated(Generation {
        text: text.to_owned(),
        token_ids: vec![1],
        finish: FinishReason::EndToken,
        prompt_tokens_cut: 0,
    })
}

/// Answers `budget` requests and then breaks.
struct Breaking {
    identity: ModelIdentity,
    budget: Mutex<usize>,
    asked: Mutex<Vec<Request>>,
}

impl Breaking {
    fn after(budget: usize) -> Self {
        let identity = ModelIdentity { name: "breaking".into(), digest: Digest::of_bytes(b"breaking") };
        Self { identity, budget: Mutex::new(budget), asked: Mutex::new(Vec::new()) }
    }
}

impl LanguageModel for Breaking {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn answer(&self, requests: &[&Request], done: &mut dyn FnMut(usize, Response)) -> Result<(), BackendError> {
        for (index, request) in requests.iter().enumerate() {
            let mut budget = self.budget.lock().unwrap();
            if *budget == 0 {
                return Err(EngineError::Threads { threads: 1, reason: "scripted".into() }.into());
            }
            *budget -= 1;
            self.asked.lock().unwrap().push((*request).clone());
            done(index, says("nothing useful"));
        }
        Ok(())
    }
}

#[test]
fn what_was_answered_before_a_model_broke_is_not_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::at(folder.path().join("run"));
    let lock = run.lock().unwrap();
    let (_, plan) = planned("wit_follow", 6, "typo", 0);
    let broken = Breaking::after(7);
    let digest = broken.identity.digest.clone();

    let mut log = ResponseLog::open(&run, &lock).unwrap();
    let pending = Pending::of(&plan, &digest, &log).unwrap();
    let total = pending.total;
    let outcome = execute(&broken, &pending, &mut log, 4, &mut |_, _| {});
    assert!(matches!(outcome, Err(ExecuteError::Backend(_))), "{outcome:?}");
    drop(log);

    let mut log = ResponseLog::open(&run, &lock).unwrap();
    assert_eq!(log.len(), 7);
    let whole = Breaking::after(usize::MAX);
    let pending = Pending::of(&plan, &digest, &log).unwrap();
    assert_eq!(pending.requests.len(), total - 7);
    execute(&whole, &pending, &mut log, 4, &mut |_, _| {}).unwrap();
    let before = broken.asked.lock().unwrap();
    let after = whole.asked.lock().unwrap();
    assert!(after.iter().all(|request| !before.contains(request)), "an answered request was asked again");
    assert!(Pending::of(&plan, &digest, &log).unwrap().requests.is_empty());
}

#[test]
fn an_unfinished_run_is_not_scored_and_a_failed_request_is_unscored_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::at(folder.path().join("run"));
    let lock = run.lock().unwrap();
    let (task, plan) = planned("wit_follow", 3, "none", 0);
    let model = ScriptedModel::new("failing", |_: &Request| Response::Failed { reason: "too long".into() });
    let digest = model.identity().digest.clone();
    let mut log = ResponseLog::open(&run, &lock).unwrap();
    let tasks = [task];
    let unfinished = judge(("m", &digest), &tasks, &plan.records, &log, &Judgments::new());
    assert!(matches!(unfinished, Err(ExecuteError::Missing { .. })), "{unfinished:?}");

    execute(&model, &Pending::of(&plan, &digest, &log).unwrap(), &mut log, 2, &mut |_, _| {}).unwrap();
    let scores = judge(("m", &digest), &tasks, &plan.records, &log, &Judgments::new()).unwrap();
    assert!(!scores.is_empty());
    for score in scores {
        let Score::Unscored { reason } = score.score else { panic!("a failed request has no credit") };
        assert!(reason.contains("too long"), "{reason}");
    }
}

#[test]
fn two_checkpoints_or_two_decodings_never_share_a_key() {
    let (_, plan) = planned("wit_follow", 2, "typo", 1);
    let mut keys = BTreeSet::new();
    for digest in [Digest::of_bytes(b"a"), Digest::of_bytes(b"b")] {
        for record in &plan.records {
            keys.insert(response_key(&digest, &record.request).unwrap());
            let mut other = record.request.clone();
            let (Request::Generate { decoding, .. } | Request::PromptSet { decoding, .. }) = &mut other else {
                panic!("the task generates");
            };
            decoding.max_new_tokens += 1;
            keys.insert(response_key(&digest, &other).unwrap());
        }
    }
    assert_eq!(keys.len(), 4 * plan.records.len());
}

#[test]
fn a_prompt_set_holds_the_first_draw_of_each_perturbation_that_keeps_the_answer() {
    let (_, plan) = planned("wit_choice", 2, "typo:3,option_order:2,casing", 1);
    let sets: Vec<_> = plan
        .records
        .iter()
        .filter_map(|record| match (&record.purpose, &record.request) {
            (Purpose::Posix { variants }, Request::PromptSet { prompts, .. }) => Some((variants, prompts)),
            _ => None,
        })
        .collect();
    assert_eq!(sets.len(), 1, "posix was asked of one instance");
    let (variants, prompts) = sets[0];
    let names: Vec<String> = variants.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["original", "typo@default#0", "casing@default#0"]);
    assert_eq!(prompts.len(), 3);
    assert_eq!(prompts.iter().collect::<std::collections::HashSet<&Prompt>>().len(), 3, "the wordings differ");
}

#[test]
fn a_text_that_is_scored_itself_is_not_reworded_and_says_so() {
    let (task, plan) = planned("wit_prose", 3, "typo:2,casing", 5);
    assert_eq!(plan.size().judged, 3);
    assert_eq!(plan.size().prompt_sets, 0);
    assert_eq!(plan.skipped.len(), 3 * 4, "two draws of typo, two of casing, for three texts");
    assert!(plan.skipped.iter().all(|skip| skip.reason == "the text itself is what is scored"), "{}", task.name);
}

#[test]
fn another_perturbation_changes_no_variant_of_the_first() {
    let (_, alone) = planned("wit_choice", 4, "typo", 0);
    let (_, together) = planned("wit_choice", 4, "casing,typo,format", 0);
    for record in &alone.records {
        assert!(together.records.contains(record), "{}: {:?}", record.instance, record.purpose);
    }
}

#[test]
fn a_task_whose_instances_expect_another_kind_of_answer_is_refused_by_name() {
    let selection = Catalog::load(&[]).unwrap().select("wit_choice,wit_follow").unwrap();
    let choice = instances(&selection.tasks[0], &InstanceOptions::default()).unwrap();
    let settings = PlanSettings { perturbations: &[], seed: Seed(0), presentation: Presentation::Text, posix: None };
    let perturber = Perturber::embedded().unwrap();
    let outcome = Plan::default().add_task(&selection.tasks[1].task, &choice, &perturber, &settings);
    let Err(PlanError::Mismatch { task, instance, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!((task.as_str(), instance.as_str()), ("wit_follow", "wit_choice/0"));
}
