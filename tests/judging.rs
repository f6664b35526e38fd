//! Judged tasks end to end, with scripted models in the place of the model under test and of the judge.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use wit_eval::backend::replay::{Recorder, ReplayModel};
use wit_eval::backend::{LanguageModel, ScriptedModel};
use wit_eval::data::{Catalog, InstanceOptions, fastchat, instances, shipped_file};
use wit_eval::execute::{Pending, execute, judge as score};
use wit_eval::instance::Presentation;
use wit_eval::judge::{AlpacaEvalProtocol, JUDGING_FORMAT, Judging, MtBenchProtocol, Protocols, judge};
use wit_eval::judgment::JudgeIdentity;
use wit_eval::perturb::{Perturber, parse_specs};
use wit_eval::plan::{Plan, PlanSettings};
use wit_eval::record::ScoreRecord;
use wit_eval::request::{Prompt, Request, Sampling};
use wit_eval::response::{FinishReason, Generation, Response};
use wit_eval::score::Score;
use wit_eval::scoring::mt_bench;
use wit_eval::seed::Seed;
use wit_eval::store::{ResponseLog, RunFolder};
use wit_eval::task::Task;

const CHAT: &str = "task: chat\ndataset_path: json\ndataset_kwargs: {data_files: {test: chat.jsonl}}\ntest_split: test\n\
output_type: generate_until\ndoc_to_text: '{{turns[0]}}'\ngeneration_kwargs: {until: [], max_gen_toks: 8}\nmetadata:\n  \
version: 1\n  wit_eval: {scorer: mt_bench, turns: turns, category: category, temperatures: {writing: 0.7}}\n";

const QUESTIONS: &str = r#"{"question_id": 1, "category": "writing", "turns": ["Write a line.", "Shorter."]}
{"question_id": 2, "category": "stem", "turns": ["What is heat?", "And cold?"]}
"#;

const VERSUS: &str = "task: versus\ndataset_path: json\ndataset_kwargs: {data_files: {test: versus.json}}\ntest_split: test\n\
output_type: generate_until\ndoc_to_text: instruction\ngeneration_kwargs: {until: [], max_gen_toks: 8}\nmetadata:\n  \
version: 1\n  wit_eval: {scorer: alpaca_eval, baseline: output}\n";

fn says(text: &str) -> Generation {
    Generation { text: text.to_owned(), token_ids: Vec::new(), finish: FinishReason::EndToken, prompt_tokens_cut: 0 }
}

/// Answers `reply 1`, `reply 2` and so on to the turns of a dialogue, and `reply` to everything else.
fn under_test(request: &Request) -> Response {
    match request {
        Request::Dialogue { turns, .. } => {
            Response::Dialogue { replies: (0..=turns.len()).map(|turn| says(&format!("reply {}", turn + 1))).collect() }
        }
        _ => Response::Generated(says("reply")),
    }
}

struct Planned {
    task: Task,
    plan: Plan,
}

fn planned(folder: &Path, name: &str) -> Planned {
    std::fs::write(folder.join("chat.yaml"), CHAT).unwrap();
    std::fs::write(folder.join("chat.jsonl"), QUESTIONS).unwrap();
    std::fs::write(folder.join("versus.yaml"), VERSUS).unwrap();
    let documents = r#"[{"instruction": "Say hello.", "output": "Hello to you.", "generator": "base"},
        {"instruction": "Say so.", "output": "reply", "generator": "base"}]"#;
    std::fs::write(folder.join("versus.json"), documents).unwrap();
    let selection = Catalog::load(&[folder.to_path_buf()]).unwrap().select(name).unwrap();
    let source = &selection.tasks[0];
    let specs = parse_specs("none").unwrap();
    let settings = PlanSettings { perturbations: &specs, seed: Seed(1), presentation: Presentation::Chat, posix: None };
    let mut plan = Plan::default();
    let found = instances(source, &InstanceOptions { presentation: Presentation::Chat, ..InstanceOptions::default() });
    plan.add_task(&source.task, &found.unwrap(), &Perturber::embedded().unwrap(), &settings).unwrap();
    Planned { task: source.task.clone(), plan }
}

fn judging(model: &dyn LanguageModel, repeats: usize, seed: u64) -> Judging {
    let text = String::from_utf8(shipped_file("mt_bench/judge_prompts.jsonl").unwrap().to_vec()).unwrap();
    let identity = model.identity();
    Judging {
        format: JUDGING_FORMAT,
        judge: JudgeIdentity { name: identity.name.clone(), digest: identity.digest.clone() },
        protocols: Protocols {
            mt_bench: MtBenchProtocol {
                settings: mt_bench::Settings { repeats, ..mt_bench::Settings::default() },
                prompts: fastchat::judge_prompts(&text, "shipped").unwrap(),
            },
            alpaca_eval: AlpacaEvalProtocol::new(None, false, Seed(seed), repeats).unwrap(),
        },
    }
}

/// Asks a scripted model, then the judge, and scores.
fn scored(folder: &Path, planned: &Planned, judging: &Judging, model: &dyn LanguageModel) -> Vec<ScoreRecord> {
    let run = RunFolder::at(folder.join("run"));
    let lock = run.lock().unwrap();
    let mut log = ResponseLog::open(&run, &lock).unwrap();
    let subject = ScriptedModel::new("subject", under_test);
    let digest = subject.identity().digest.clone();
    let pending = Pending::of(&planned.plan, &digest, &log).unwrap();
    execute(&subject, &pending, &mut log, 8, &mut |_, _| {}).unwrap();
    let tasks = std::slice::from_ref(&planned.task);
    let checkpoints = [("m", &digest)];
    let judged = judge(judging, model, &checkpoints, tasks, &planned.plan.records, &log, &mut |_, _| {}).unwrap();
    score(("m", &digest), tasks, &planned.plan.records, &log, &judged.scores).unwrap()
}

fn question_of(request: &Request) -> String {
    let (Request::Generate { prompt, .. } | Request::NextToken { prompt, .. }) = request else { return String::new() };
    prompt.as_readable_text()
}

#[test]
fn a_conversation_is_asked_turn_by_turn_at_its_categorys_temperature_and_rated_turn_by_turn() {
    let folder = tempfile::tempdir().unwrap();
    let planned = planned(folder.path(), "chat");
    let temperatures = planned.plan.records.iter().map(|record| match &record.request {
        Request::Dialogue { decoding, turns, prompt: Prompt::Chat { messages, .. }, .. } => {
            assert_eq!((turns.len(), messages.len()), (1, 1));
            decoding.sampling
        }
        other => panic!("a dialogue was planned, not {other:?}"),
    });
    let temperatures = temperatures.collect::<Vec<_>>();
    assert!(matches!(temperatures[0], Sampling::Random { temperature, .. } if (temperature - 0.7).abs() < 1e-12));
    assert_eq!(temperatures[1], Sampling::Greedy);

    let judge = ScriptedModel::new("judge", |request: &Request| {
        let shown = question_of(request);
        let rating = match (shown.contains("reply 2"), shown.contains("heat")) {
            (false, _) => "Fine. [[8]]",
            (true, false) => "Good. [[5.5]]",
            (true, true) => "I cannot say.",
        };
        Response::Generated(says(rating))
    });
    let scores = scored(folder.path(), &planned, &judging(&judge, 1, 0), &judge);
    assert_eq!(scores.len(), 2);
    let parts =
        |at: usize| scores[at].parts.iter().map(|part| (part.credits.clone(), part.missing)).collect::<Vec<_>>();
    assert_eq!(parts(0), [(vec![8.0], 0), (vec![5.5], 0)]);
    assert_eq!(scores[0].score.credit(), Some(6.75));
    assert_eq!(parts(1), [(vec![8.0], 0), (vec![], 1)], "an unparsable rating is counted");
    assert!(matches!(scores[1].score, Score::Unscored { .. }));
}

#[test]
fn a_recorded_judge_gives_the_same_scores_without_being_asked_and_notices_a_changed_prompt() {
    let folder = tempfile::tempdir().unwrap();
    let planned = planned(folder.path(), "chat");
    let asked = AtomicUsize::new(0);
    let judge_model = ScriptedModel::new("judge", |_: &Request| {
        asked.fetch_add(1, Ordering::SeqCst);
        Response::Generated(says("[[7]]"))
    });
    let file = folder.path().join("judgments.jsonl");
    let first = judging(&judge_model, 2, 0);
    let recorder = Recorder::open(judge_model, &file).unwrap();
    let scores = scored(folder.path(), &planned, &first, &recorder);
    assert_eq!(asked.load(Ordering::SeqCst), 8, "two questions, two turns, two repeats");
    assert_eq!(scores[0].parts[0].credits, [7.0, 7.0]);
    drop(recorder);

    let replay = ReplayModel::open(&file).unwrap();
    assert_eq!(scored(folder.path(), &planned, &judging(&replay, 2, 0), &replay), scores);
    assert_eq!(asked.load(Ordering::SeqCst), 8);

    let mut changed = judging(&replay, 2, 0);
    for prompt in &mut changed.protocols.mt_bench.prompts {
        prompt.prompt_template.push_str(" Be strict.");
    }
    let run = RunFolder::at(folder.path().join("run"));
    let log = ResponseLog::read(&run).unwrap();
    let subject = ScriptedModel::new("subject", under_test);
    let digest = subject.identity().digest.clone();
    let tasks = std::slice::from_ref(&planned.task);
    let outcome = judge(&changed, &replay, &[("m", &digest)], tasks, &planned.plan.records, &log, &mut |_, _| {});
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("Be strict"), "{error}");
}

#[test]
fn a_reply_is_compared_with_the_baseline_in_seeded_order_and_an_equal_one_is_a_draw() {
    let folder = tempfile::tempdir().unwrap();
    let planned = planned(folder.path(), "versus");
    // Prefers whatever stands first, so the seed's order decides.
    let judge = ScriptedModel::new("judge", |request: &Request| match request {
        Request::NextToken { .. } => Response::NextToken { log_probs: vec![Some(-0.1), Some(-3.0)] },
        other => panic!("one token is asked, not {other:?}"),
    });
    let share = |seed: u64| {
        let scores = scored(folder.path(), &planned, &judging(&judge, 1, seed), &judge);
        assert_eq!(scores.len(), 4, "two instructions, two metrics");
        assert_eq!(scores[2].score.credit(), Some(0.5), "the second reply equals the baseline's");
        let lengths = scores[0].parts.iter().find(|part| part.name == "length_difference").unwrap();
        assert_eq!(lengths.credits, [8.0], "`Hello to you.` has eight characters more than `reply`");
        scores[0].score.credit().unwrap()
    };
    let preferred = 1.0 / (1.0 + (-2.9_f64).exp());
    let mut seen = [false; 2];
    for seed in 0..16 {
        let share = share(seed);
        let first = (share - preferred).abs() < 1e-12;
        assert!(first || (share - (1.0 - preferred)).abs() < 1e-12, "{share}");
        seen[usize::from(first)] = true;
    }
    assert_eq!(seen, [true, true], "both orders occur");
}
