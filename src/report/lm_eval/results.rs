//! The results file.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::digest::Digest;
use crate::instance::Presentation;
use crate::store::CheckpointEntry;

use super::groups::{self, Groups};
use super::numbers::BOOTSTRAP_DRAWS;
use super::samples::TaskSamples;
use super::{LmEvalInputs, ModelFacts, NamedToken, arguments, sanitized_model_name};

/// What stands for the model's kind: lm-evaluation-harness would write `hf`.
const SOURCE: &str = "wit-eval";

/// The content of `results_<date>.json`.
pub(super) fn document(
    entry: &CheckpointEntry,
    (name, facts): (&str, &ModelFacts),
    tasks: &[TaskSamples<'_>],
    inputs: &LmEvalInputs<'_>,
) -> Value {
    let manifest = inputs.run.manifest;
    let settings = &manifest.settings;
    let all = Groups::new(&manifest.groups);
    let mut results = Map::new();
    let mut aggregated = Map::new();
    for task in tasks {
        results.insert(task.task.name.clone(), task_entry(task));
    }
    for group in all.bottom_up() {
        let names = all.tasks(group);
        let leaves = names.iter().filter_map(|name| tasks.iter().find(|task| task.task.name == *name));
        let entry = groups::entry(group, &leaves.collect::<Vec<_>>());
        if !group.aggregates.is_empty() {
            aggregated.insert(group.name.clone(), entry.clone());
        }
        results.insert(group.name.clone(), entry);
    }
    let mut document = Map::new();
    let mut put = |key: &str, value: Value| drop(document.insert(key.to_owned(), value));
    put("results", Value::Object(results));
    if !aggregated.is_empty() {
        put("groups", Value::Object(aggregated));
    }
    put("group_subtasks", all.subtasks());
    about_tasks(&all, tasks, &mut put);
    put("config", config(entry, (name, facts), inputs));
    put("git_hash", Value::Null);
    put("date", json!(inputs.moment.as_seconds()));
    put("pretty_env_info", json!(manifest.program));
    put("transformers_version", Value::Null);
    put("lm_eval_version", Value::Null);
    put("upper_git_hash", Value::Null);
    tokenizer(facts, &mut put);
    let hashes = tasks.iter().map(|task| (task.task.name.clone(), json!(task.hash)));
    put("task_hashes", Value::Object(hashes.collect()));
    put("model_source", json!(SOURCE));
    put("model_name", json!(name));
    put("model_name_sanitized", json!(sanitized_model_name(name)));
    let sha = |text: &Option<String>| json!(text.as_ref().map(|text| Digest::of_bytes(text.as_bytes())));
    let system = settings.system_instruction.clone().filter(|text| !text.is_empty());
    put("system_instruction", json!(settings.system_instruction));
    put("system_instruction_sha", sha(&system));
    let multiturn = match settings.presentation {
        Presentation::Text => None,
        Presentation::Chat => Some(false),
        Presentation::ChatMultiturn => Some(true),
    };
    put("fewshot_as_multiturn", json!(multiturn));
    let template = facts.chat_template.clone().filter(|_| multiturn.is_some());
    put("chat_template", json!(template));
    put("chat_template_sha", sha(&template));
    let seconds = inputs.duration_seconds.map(super::python_json::float_text);
    put("total_evaluation_time_seconds", json!(seconds));
    Value::Object(document)
}

fn task_entry(task: &TaskSamples<'_>) -> Value {
    let mut entry = Map::new();
    entry.insert("name".to_owned(), json!(task.task.name));
    entry.insert("alias".to_owned(), json!(task.task.title()));
    entry.insert("sample_len".to_owned(), json!(task.sample_count()));
    for (metric, filter, number) in &task.numbers {
        entry.insert(format!("{metric},{filter}"), json!(number.point));
        let error = number.standard_error.map_or(json!("N/A"), |error| json!(error));
        entry.insert(format!("{metric}_stderr,{filter}"), error);
    }
    Value::Object(entry)
}

/// `configs`, `versions`, `n-shot`, `higher_is_better` and `n-samples`; all but the last sorted by name.
fn about_tasks(all: &Groups<'_>, tasks: &[TaskSamples<'_>], put: &mut impl FnMut(&str, Value)) {
    let mut configs = BTreeMap::new();
    let mut versions: BTreeMap<String, Value> = BTreeMap::new();
    let mut shots = BTreeMap::new();
    let mut better = BTreeMap::new();
    let mut counts = Map::new();
    for TaskSamples { task, config, .. } in tasks {
        let stated = config.get("metadata").and_then(|metadata| metadata.get("version")).cloned();
        versions.insert(task.name.clone(), stated.unwrap_or_else(|| json!("Yaml")));
        let count = config.get("num_fewshot").cloned().unwrap_or_else(|| json!(task.num_fewshot));
        shots.insert(task.name.clone(), count);
        let directions = task.metrics.iter().map(|spec| (spec.metric.to_string(), json!(spec.higher_is_better)));
        better.insert(task.name.clone(), directions.collect::<Map<_, _>>());
        configs.insert(task.name.clone(), config.clone());
    }
    for task in tasks {
        let original = task.logged.map(|logged| logged.documents.len());
        let count = json!({"original": original, "effective": task.sample_count()});
        counts.insert(task.task.name.clone(), count);
    }
    for group in all.bottom_up() {
        versions.insert(group.name.clone(), json!(group.version.as_deref().unwrap_or("N/A")));
    }
    all.inherit(&mut shots, &mut better);
    put("configs", json!(configs));
    put("versions", json!(versions));
    put("n-shot", json!(shots));
    put("higher_is_better", json!(better));
    put("n-samples", Value::Object(counts));
}

/// `config`: the model and how it was run.
fn config(entry: &CheckpointEntry, (name, facts): (&str, &ModelFacts), inputs: &LmEvalInputs<'_>) -> Value {
    let settings = &inputs.run.manifest.settings;
    json!({
        "model": SOURCE,
        "model_args": {"pretrained": name},
        "model_num_parameters": entry.parameters,
        "model_dtype": facts.dtype,
        "model_revision": null,
        "model_sha": entry.digest,
        "batch_size": null,
        "batch_sizes": [],
        "device": null,
        "use_cache": null,
        "limit": settings.limit,
        "bootstrap_iters": BOOTSTRAP_DRAWS,
        "gen_kwargs": Value::Object(arguments::gen_kwargs(settings.gen_kwargs.as_deref())),
        "random_seed": settings.seed,
        "numpy_seed": null,
        "torch_seed": null,
        "fewshot_seed": settings.fewshot_seed,
    })
}

fn tokenizer(facts: &ModelFacts, put: &mut impl FnMut(&str, Value)) {
    let pair = |token: &NamedToken| json!([token.text, token.id.map_or("None".to_owned(), |id| id.to_string())]);
    let [pad, eos, bos] = match &facts.tokens {
        Some(tokens) => tokens.each_ref().map(pair),
        None => [Value::Null, Value::Null, Value::Null],
    };
    put("tokenizer_pad_token", pad);
    put("tokenizer_eos_token", eos);
    put("tokenizer_bos_token", bos);
    put("eot_token_id", json!(facts.tokens.as_ref().and_then(|[_, eos, _]| eos.id)));
    put("max_length", json!(facts.max_length_tokens));
}
