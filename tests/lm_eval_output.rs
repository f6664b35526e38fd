//! The files that a run leaves for readers of lm-evaluation-harness's output, against what that program (0.4.13) wrote
//! for the same task files and the same answers: `lm_eval_output/make.py`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use wit_eval::analyze::RunInputs;
use wit_eval::data::{Catalog, InstanceOptions, Limit, LoggedTask, instances};
use wit_eval::digest::Digest;
use wit_eval::instance::{Check, Expectation, Instance, Presentation};
use wit_eval::record::{PlanRecord, Purpose, ScoreRecord};
use wit_eval::report::lm_eval::{LmEvalInputs, ModelFacts, Moment, files};
use wit_eval::request::{Continuation, Prompt, Request};
use wit_eval::response::{ContinuationLogProb, FinishReason, Generation, Response};
use wit_eval::score::{Score, ScorePart};
use wit_eval::scoring::Judge;
use wit_eval::seed::Seed;
use wit_eval::store::{CheckpointEntry, MANIFEST_FORMAT, Manifest, RunSettings};
use wit_eval::task::{Aggregation, Metric, MetricSpec, OutputType, Scorer, Task, VerifierMode};
use wit_eval::variant::VariantId;

/// 2030-01-02T03:04:05.000006 UTC, as in the golden files' names.
const MOMENT: Moment = Moment { unix_seconds: 1_893_553_445, microseconds: 6 };

/// Keys of a results file that only a model with a tokenizer has.
const TOKENIZER: [&str; 5] =
    ["tokenizer_pad_token", "tokenizer_eos_token", "tokenizer_bos_token", "eot_token_id", "max_length"];

struct Run {
    manifest: Manifest,
    plan: Vec<PlanRecord>,
    scores: Vec<ScoreRecord>,
    responses: BTreeMap<Digest, Response>,
    logged: BTreeMap<String, LoggedTask>,
}

impl Run {
    fn files(&self, output: &Path, models: &BTreeMap<String, ModelFacts>) -> BTreeMap<PathBuf, String> {
        let response_of = |_: &str, request: &Request| self.responses.get(&Digest::of_json(request).unwrap());
        let run = RunInputs {
            name: "golden",
            manifest: &self.manifest,
            plan: &self.plan,
            skipped: &[],
            scores: &self.scores,
            judged_by: None,
            response_of: &response_of,
        };
        let inputs = LmEvalInputs {
            run: &run,
            tasks: &self.logged,
            models,
            rendered: &|_, _| None,
            moment: MOMENT,
            duration_seconds: None,
        };
        let written = files(output, &inputs).expect("the run can be written");
        written.into_iter().map(|(path, bytes)| (path, String::from_utf8(bytes).expect("UTF-8"))).collect()
    }

    fn add(&mut self, record: PlanRecord, response: Response) {
        let Purpose::Judge { variant, expectation } = &record.purpose else { panic!("a judged question") };
        let task = self.manifest.tasks.iter().find(|task| task.name == record.task).expect("the task is known");
        let judged = Judge::new(task).expect("patterns are valid").score(expectation, &record.request, &response);
        let key = Digest::of_json(&record.request).unwrap();
        self.scores.extend(judged.into_iter().map(|judged| ScoreRecord {
            checkpoint: "scripted".to_owned(),
            task: record.task.clone(),
            instance: record.instance.clone(),
            cluster: record.cluster.clone(),
            variant: variant.clone(),
            filter: judged.filter,
            metric: judged.metric,
            score: judged.score,
            parts: judged.parts,
            response: key.clone(),
            prompt_tokens_cut: 0,
        }));
        self.responses.insert(key, response);
        self.plan.push(record);
    }
}

fn manifest(tasks: Vec<Task>) -> Manifest {
    Manifest {
        format: MANIFEST_FORMAT,
        program: "wit-eval 0.1.0".to_owned(),
        settings: RunSettings {
            tasks: String::new(),
            perturbations: Vec::new(),
            seed: Seed(42),
            fewshot_seed: 1234,
            limit: Some(3.0),
            num_fewshot: None,
            presentation: Presentation::Text,
            system_instruction: None,
            gen_kwargs: None,
            posix: None,
            likelihood: None,
        },
        checkpoints: vec![CheckpointEntry {
            label: "scripted".to_owned(),
            digest: Digest::of_bytes(b"scripted"),
            architecture: "llama".to_owned(),
            parameters: 656_000,
            weighting: None,
            weighting_source: String::new(),
            base: None,
            stage: None,
            training_seed: None,
            data_digest: None,
        }],
        tasks,
        groups: Vec::new(),
        plan: Digest::of_bytes(b"plan"),
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lm_eval_output")
}

fn request(task: &Task, instance: &Instance) -> Request {
    let prompt = instance.prompt.present(Presentation::Text);
    let text = |text: &str| Continuation::Text(format!("{}{text}", instance.prompt.target_delimiter));
    match (&task.output, &instance.expectation) {
        (OutputType::GenerateUntil(decoding), _) => Request::Generate { prompt, decoding: decoding.clone() },
        (_, Expectation::Choice { choices, .. }) => {
            Request::LogLikelihood { prompt, continuations: choices.iter().map(|choice| text(choice)).collect() }
        }
        (_, Expectation::Continuation { text: target }) => {
            Request::LogLikelihood { prompt, continuations: vec![text(target)] }
        }
        _ => Request::Rolling { text: instance.prompt.query.clone() },
    }
}

fn generated(text: &str) -> Response {
    Response::Generated(Generation {
        text: text.to_owned(),
        token_ids: vec![1],
        finish: FinishReason::EndToken,
        prompt_tokens_cut: 0,
    })
}

fn response(answer: &Value) -> Response {
    let pair = |pair: &Value| ContinuationLogProb {
        sum_nats: pair[0].as_f64().unwrap(),
        tokens: 1,
        is_greedy: pair[1].as_bool().unwrap(),
        prompt_tokens_cut: 0,
    };
    match answer {
        Value::Array(pairs) => Response::LogProbs { continuations: pairs.iter().map(pair).collect() },
        Value::String(text) => generated(text),
        number => Response::Rolling { sum_nats: number.as_f64().unwrap(), tokens: 9 },
    }
}

/// The run that `make.py` made with `lm_eval`.
fn golden_run() -> Run {
    let catalog = Catalog::load(&[fixtures().join("tasks")]).expect("the tasks load");
    let selection = catalog.select("golden_outer,golden_endings,golden_pages").expect("the tasks are there");
    let answers: BTreeMap<String, Value> =
        serde_json::from_str(&fs::read_to_string(fixtures().join("responses.json")).unwrap()).unwrap();
    let mut manifest = manifest(selection.tasks.iter().map(|source| source.task.clone()).collect());
    manifest.groups.clone_from(&selection.groups);
    let mut run =
        Run { manifest, plan: Vec::new(), scores: Vec::new(), responses: BTreeMap::new(), logged: BTreeMap::new() };
    for source in &selection.tasks {
        let logged = LoggedTask::read(source, None).expect("the documents load");
        run.logged.insert(source.task.name.clone(), logged);
        let options = InstanceOptions { limit: Some(Limit::Count(3)), ..InstanceOptions::default() };
        for instance in instances(source, &options).expect("the documents render") {
            let record = PlanRecord {
                task: source.task.name.clone(),
                instance: instance.id.clone(),
                cluster: instance.cluster.clone(),
                purpose: Purpose::Judge { variant: VariantId::original(), expectation: instance.expectation.clone() },
                request: request(&source.task, &instance),
            };
            run.add(record, response(&answers[&instance.id]));
        }
    }
    run
}

#[test]
fn samples_are_those_of_lm_eval_byte_for_byte() {
    let written = golden_run().files(Path::new("out"), &BTreeMap::new());
    let mut compared = 0;
    for entry in fs::read_dir(fixtures().join("golden")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        if !name.to_string_lossy().starts_with("samples_") {
            continue;
        }
        let expected = fs::read_to_string(&path).unwrap();
        let found = &written[&Path::new("out/scripted").join(name)];
        for (found, expected) in found.lines().zip(expected.lines()) {
            assert_eq!(found, expected, "{}", path.display());
        }
        assert_eq!(found, &expected);
        compared += 1;
    }
    assert_eq!((compared, written.len()), (5, 6));
}

#[test]
fn results_have_the_keys_order_and_values_of_lm_eval() {
    let stamp = MOMENT.file_stamp();
    let written = golden_run().files(Path::new("out"), &BTreeMap::new());
    let found: Value =
        serde_json::from_str(&written[&Path::new("out/scripted").join(format!("results_{stamp}.json"))]).unwrap();
    let golden = fs::read_to_string(fixtures().join(format!("golden/results_{stamp}.json"))).unwrap();
    let golden: Value = serde_json::from_str(&golden).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let known: Vec<String> = keys(&found).into_iter().filter(|key| !TOKENIZER.contains(&key.as_str())).collect();
    assert_eq!(known, keys(&golden));
    for (key, expected) in golden.as_object().unwrap().iter().filter(|(_, expected)| !expected.is_null()) {
        same(key, &found[key], expected);
    }
    assert_eq!(found["date"], 1_893_553_445.000_006);
    assert_eq!(found["config"]["model_args"]["pretrained"], "scripted");
}

/// Equal in value and in the order of keys; numbers to 1e-12, since sums may be taken in another order.
fn same(place: &str, found: &Value, expected: &Value) {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            let ours = found.iter().filter(|(key, _)| *key != "config_source");
            assert!(ours.map(|(key, _)| key).eq(expected.keys()), "{place}: {found:?}, expected {expected:?}");
            for (key, expected) in expected {
                same(&format!("{place}.{key}"), &found[key], expected);
            }
        }
        (Value::Array(found), Value::Array(expected)) => {
            assert_eq!(found.len(), expected.len(), "{place}");
            found.iter().zip(expected).for_each(|(found, expected)| same(place, found, expected));
        }
        (Value::Number(one), Value::Number(other)) if one.is_f64() && other.is_f64() => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            assert!((one - other).abs() <= 1e-12 * other.abs(), "{place}: {one}, expected {other}");
        }
        _ => assert_eq!(found, expected, "{place}"),
    }
}

#[test]
fn a_path_that_ends_in_json_names_the_results_and_holds_the_samples_beside_it() {
    let written = golden_run().files(Path::new("some/where.json"), &BTreeMap::new());
    let stamp = MOMENT.file_stamp();
    assert!(written.contains_key(&PathBuf::from(format!("some/where_{stamp}.json"))));
    assert!(written.contains_key(&PathBuf::from(format!("some/samples_golden_sums_{stamp}.jsonl"))));
}

#[test]
fn a_checkpoint_is_named_as_it_was_given_and_what_is_not_known_is_null() {
    let mut run = golden_run();
    run.logged.clear();
    let facts = ModelFacts { name: Some("org/model".to_owned()), ..ModelFacts::default() };
    let written = run.files(Path::new("out"), &BTreeMap::from([("scripted".to_owned(), facts)]));
    let place = Path::new("out/org__model");
    let stamp = MOMENT.file_stamp();
    let results: Value = serde_json::from_str(&written[&place.join(format!("results_{stamp}.json"))]).unwrap();
    assert_eq!(results["model_name"], "org/model");
    for key in ["transformers_version", "lm_eval_version", "tokenizer_bos_token", "chat_template_sha"] {
        assert!(results.as_object().unwrap().contains_key(key) && results[key].is_null(), "{key}");
    }
    assert!(results["task_hashes"]["golden_sums"].is_null());
    assert!(results["n-samples"]["golden_sums"]["original"].is_null());
    let samples = &written[&place.join(format!("samples_golden_sums_{stamp}.jsonl"))];
    let first: Value = serde_json::from_str(samples.lines().next().unwrap()).unwrap();
    assert!(first["doc"].is_null() && first["target_hash"].is_null());
    assert_eq!(first["exact_match"], 1.0);
}

/// The four metrics of `ifeval` as `lm_eval` logs them: verdicts for prompts, lists of verdicts for instructions,
/// and no error for their mean.
#[test]
fn verdicts_of_instructions_are_lists_and_their_mean_has_no_error() {
    let mut run = verified_run();
    let wrong = [[true, false], [true, true]];
    for (row, followed) in wrong.iter().enumerate() {
        add_verified(&mut run, row, followed);
    }
    let written = run.files(Path::new("out"), &BTreeMap::new());
    let stamp = MOMENT.file_stamp();
    let samples = &written[&Path::new("out/scripted").join(format!("samples_instructions_{stamp}.jsonl"))];
    let metrics = samples.lines().next().unwrap().split_once("\"target_hash\": null, ").unwrap().1;
    let expected = "\"prompt_level_strict_acc\": false, \"inst_level_strict_acc\": [true, false]}";
    assert_eq!(metrics, expected);
    let results: Value =
        serde_json::from_str(&written[&Path::new("out/scripted").join(format!("results_{stamp}.json"))]).unwrap();
    let found = &results["results"]["instructions"];
    assert_eq!(found["prompt_level_strict_acc,none"], 0.5);
    assert_eq!(found["prompt_level_strict_acc_stderr,none"], 0.5);
    assert_eq!(found["inst_level_strict_acc,none"], 0.75);
    assert_eq!(found["inst_level_strict_acc_stderr,none"], "N/A");
}

fn verified_run() -> Run {
    let sums = golden_run().manifest.tasks.into_iter().find(|task| task.name == "golden_sums").unwrap();
    let metrics = [Metric::PromptLevelStrictAcc, Metric::InstLevelStrictAcc].map(MetricSpec::new);
    assert_eq!(metrics[1].aggregation, Aggregation::WeightedMean);
    let mut task = Task { name: "instructions".to_owned(), metrics: metrics.to_vec(), ..sums };
    task.scorer = Scorer::Instructions(VerifierMode::Official);
    task.filters.truncate(1);
    "none".clone_into(&mut task.filters[0].name);
    task.filters[0].steps.clear();
    let manifest = manifest(vec![task]);
    Run { manifest, plan: Vec::new(), scores: Vec::new(), responses: BTreeMap::new(), logged: BTreeMap::new() }
}

fn add_verified(run: &mut Run, row: usize, followed: &[bool]) {
    let OutputType::GenerateUntil(decoding) = run.manifest.tasks[0].output.clone() else { panic!("generated") };
    let check = |index: usize| Check { id: format!("check:{index}"), kwargs: serde_json::Map::new() };
    let checks = (0..followed.len()).map(check).collect();
    let request = Request::Generate { prompt: Prompt::Text(format!("Prompt {row}")), decoding };
    let key = Digest::of_json(&request).unwrap();
    let record = PlanRecord {
        task: "instructions".to_owned(),
        instance: format!("instructions/{row}"),
        cluster: format!("instructions/{row}"),
        purpose: Purpose::Judge {
            variant: VariantId::original(),
            expectation: Expectation::Verified { turns: vec![checks] },
        },
        request,
    };
    let share = followed.iter().filter(|followed| **followed).count() as f64 / followed.len() as f64;
    let credits = [("prompt_level_strict_acc", f64::from(share >= 1.0)), ("inst_level_strict_acc", share)];
    for (metric, credit) in credits {
        let part = |(index, followed): (usize, &bool)| ScorePart {
            name: format!("check:{index}"),
            credits: vec![f64::from(*followed)],
            missing: 0,
        };
        let parts = followed.iter().enumerate().map(part);
        run.scores.push(ScoreRecord {
            checkpoint: "scripted".to_owned(),
            task: record.task.clone(),
            instance: record.instance.clone(),
            cluster: record.cluster.clone(),
            variant: VariantId::original(),
            filter: "none".to_owned(),
            metric: metric.to_owned(),
            score: Score::Scored { credit, answer: String::new(), explanation: String::new() },
            parts: if metric.starts_with("inst") { parts.collect() } else { Vec::new() },
            response: key.clone(),
            prompt_tokens_cut: 0,
        });
    }
    run.responses.insert(key, generated("A reply."));
    run.plan.push(record);
}
