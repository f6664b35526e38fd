//! Samples: one line a document and filter.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::data::{LoggedDocument, LoggedTask};
use crate::digest::Digest;
use crate::instance::Expectation;
use crate::record::{PlanRecord, Purpose, ScoreRecord};
use crate::request::Request;
use crate::response::Response;
use crate::score::Score;
use crate::scoring::weight;
use crate::store::CheckpointEntry;
use crate::task::{FilterPipeline, FilterStep, Metric, MetricSpec, OutputType, Task};

use super::numbers::{Aggregated, Item, aggregate};
use super::python_json::PythonJson;
use super::{LmEvalError, LmEvalInputs, arguments};

/// What one checkpoint did on one task.
pub(super) struct TaskSamples<'a> {
    pub task: &'a Task,
    pub logged: Option<&'a LoggedTask>,
    /// Settings with the command line's changes; null where they are not known.
    pub config: Value,
    pub samples: Vec<Value>,
    /// Numbers by filter, then metric: metric, filter, number.
    pub numbers: Vec<(Metric, &'a str, Aggregated)>,
    /// Over the hashes of all samples; `None` where one is not known.
    pub hash: Option<Digest>,
}

/// An original wording with its judgments.
struct Asked<'a> {
    position: usize,
    record: &'a PlanRecord,
    expectation: &'a Expectation,
    response: Option<&'a Response>,
    /// By filter and metric.
    scores: BTreeMap<(&'a str, &'a str), &'a ScoreRecord>,
}

/// All tasks of a checkpoint, in the manifest's order.
pub(super) fn of_checkpoint<'a>(
    entry: &CheckpointEntry,
    inputs: &'a LmEvalInputs<'_>,
) -> Result<Vec<TaskSamples<'a>>, LmEvalError> {
    let mut scores: BTreeMap<&str, BTreeMap<(&str, &str), &ScoreRecord>> = BTreeMap::new();
    for score in inputs.run.scores.iter().filter(|score| score.checkpoint == entry.label && score.variant.is_original())
    {
        scores.entry(&score.instance).or_default().insert((&score.filter, &score.metric), score);
    }
    let mut asked: BTreeMap<&str, Vec<Asked<'a>>> = BTreeMap::new();
    for record in inputs.run.plan {
        let Purpose::Judge { variant, expectation } = &record.purpose else { continue };
        if !variant.is_original() {
            continue;
        }
        let unnumbered = || LmEvalError::Position { task: record.task.clone(), instance: record.instance.clone() };
        let position = record.instance.rsplit('/').next().and_then(|end| end.parse().ok()).ok_or_else(unnumbered)?;
        asked.entry(&record.task).or_default().push(Asked {
            position,
            record,
            expectation,
            response: (inputs.run.response_of)(&entry.label, &record.request),
            scores: scores.remove(record.instance.as_str()).unwrap_or_default(),
        });
    }
    let tasks = inputs.run.manifest.tasks.iter();
    let present = tasks.filter_map(|task| Some((task, asked.remove(task.name.as_str())?)));
    Ok(present.map(|(task, asked)| of_task(&entry.label, task, &asked, inputs)).collect())
}

fn of_task<'a>(label: &str, task: &'a Task, asked: &[Asked<'a>], inputs: &'a LmEvalInputs<'_>) -> TaskSamples<'a> {
    let logged = inputs.tasks.get(&task.name);
    let config = logged.map_or(Value::Null, |logged| config(task, logged, inputs));
    let mut found = TaskSamples { task, logged, config, samples: Vec::new(), numbers: Vec::new(), hash: None };
    let metrics = written_order(task);
    let mut hashes = Some(String::new());
    for pipeline in &task.filters {
        let mut columns: Vec<Vec<Item>> = vec![Vec::new(); metrics.len()];
        for one in asked {
            let items: Vec<Item> = metrics.iter().map(|spec| item(task, spec.metric, &pipeline.name, one)).collect();
            let document = logged.and_then(|logged| logged.documents.get(one.position));
            let named: Vec<(Metric, &Item)> = metrics.iter().map(|spec| spec.metric).zip(&items).collect();
            let rendered = |prompt: &_| (inputs.rendered)(label, prompt);
            let sample = sample(one, pipeline, document, &named, &rendered, found.config.get("generation_kwargs"));
            let hash = |key: &str| sample.get(key).and_then(Value::as_str);
            match (&mut hashes, hash("doc_hash"), hash("prompt_hash"), hash("target_hash")) {
                (Some(joined), Some(doc), Some(prompt), Some(target)) => joined.extend([doc, prompt, target]),
                _ => hashes = None,
            }
            found.samples.push(Value::Object(sample));
            columns.iter_mut().zip(items).for_each(|(column, item)| column.push(item));
        }
        let named = metrics.iter().zip(&columns);
        found.numbers.extend(
            named.map(|(spec, items)| (spec.metric, pipeline.name.as_str(), aggregate(spec.aggregation, items))),
        );
    }
    found.hash = hashes.map(|joined| Digest::of_bytes(joined.as_bytes()));
    found
}

/// The task's settings with the changes of the command line.
fn config(task: &Task, logged: &LoggedTask, inputs: &LmEvalInputs<'_>) -> Value {
    let settings = &inputs.run.manifest.settings;
    let mut config = logged.config.clone();
    config.insert("num_fewshot".to_owned(), json!(settings.num_fewshot.unwrap_or(task.num_fewshot)));
    if let Some(Value::Object(kwargs)) = config.get_mut("generation_kwargs") {
        kwargs.extend(arguments::gen_kwargs(settings.gen_kwargs.as_deref()));
    }
    Value::Object(config)
}

/// Metrics in the order in which lm-evaluation-harness computes them: fixed for log-probabilities, the task's own for
/// generated answers.
fn written_order(task: &Task) -> Vec<&MetricSpec> {
    let mut metrics: Vec<&MetricSpec> = task.metrics.iter().collect();
    let fixed = match task.output {
        OutputType::LogLikelihood => [Metric::Perplexity, Metric::Acc, Metric::Acc],
        OutputType::LogLikelihoodRolling => [Metric::WordPerplexity, Metric::BytePerplexity, Metric::BitsPerByte],
        OutputType::MultipleChoice => [Metric::Acc, Metric::AccNorm, Metric::ExactMatch],
        OutputType::GenerateUntil(_) => return metrics,
    };
    metrics.sort_by_key(|spec| fixed.iter().position(|metric| *metric == spec.metric).unwrap_or(fixed.len()));
    metrics
}

/// What a metric gave, in the type in which lm-evaluation-harness logs it.
fn item(task: &Task, metric: Metric, filter: &str, asked: &Asked<'_>) -> Item {
    let Some(record) = asked.scores.get(&(filter, metric.as_str())) else { return Item::Missing };
    let Score::Scored { credit, .. } = &record.score else { return Item::Missing };
    let right = *credit > 0.5;
    match (metric, &task.output) {
        (Metric::Perplexity, _) => Item::Number(-credit),
        (Metric::WordPerplexity | Metric::BytePerplexity | Metric::BitsPerByte, _) => match asked.response {
            Some(Response::Rolling { sum_nats, .. }) => {
                let length = whole(weight(metric, asked.expectation, &asked.record.request));
                Item::Text { sum_nats: *sum_nats, length }
            }
            _ => Item::Missing,
        },
        (Metric::Acc, OutputType::LogLikelihood) | (Metric::ExactMatch, OutputType::MultipleChoice) => {
            Item::Count(u64::from(right))
        }
        (Metric::PromptLevelStrictAcc | Metric::PromptLevelLooseAcc, _) => Item::Flag(right),
        (Metric::InstLevelStrictAcc | Metric::InstLevelLooseAcc, _) if !record.parts.is_empty() => {
            let followed = |credits: &[f64]| credits.first().is_some_and(|credit| *credit > 0.5);
            Item::Flags(record.parts.iter().map(|part| followed(&part.credits)).collect())
        }
        _ => Item::Number(*credit),
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a count of words or bytes
fn whole(weight: f64) -> u64 {
    weight as u64
}

/// A line of the samples file.
fn sample(
    asked: &Asked<'_>,
    pipeline: &FilterPipeline,
    document: Option<&LoggedDocument>,
    metrics: &[(Metric, &Item)],
    rendered: &dyn Fn(&crate::request::Prompt) -> Option<String>,
    kwargs: Option<&Value>,
) -> Map<String, Value> {
    let hash = |text: &str| json!(Digest::of_bytes(text.as_bytes()));
    let kwargs = kwargs.filter(|_| matches!(asked.record.request, Request::Generate { .. } | Request::Dialogue { .. }));
    let arguments = arguments::of_request(&asked.record.request, rendered, kwargs);
    let prompt = arguments.first().and_then(|first| first.first()).and_then(Value::as_str);
    let answers = asked.response.and_then(arguments::answers);
    let repeated: Option<Value> =
        answers.as_ref().map(|answers| answers.iter().map(|answer| json!([answer])).collect());
    let doc = document.map(|document| Value::Object(document.fields.clone()));
    let mut line = Map::new();
    let mut put = |key: &str, value: Value| drop(line.insert(key.to_owned(), value));
    put("doc_id", json!(asked.position));
    put("doc", json!(doc));
    put("target", json!(document.map(|document| &document.target)));
    put("arguments", arguments::as_logged(&arguments));
    put("resps", json!(repeated));
    put("filtered_resps", json!(filtered(asked, pipeline, answers)));
    put("filter", json!(pipeline.name));
    put("metrics", metrics.iter().map(|(metric, _)| json!(metric.as_str())).collect());
    put("doc_hash", doc.map_or(Value::Null, |doc| hash(&PythonJson::PRETTY.text(&doc))));
    put("prompt_hash", prompt.map_or(Value::Null, hash));
    put("target_hash", document.map_or(Value::Null, |document| hash(&document.target)));
    for (metric, item) in metrics {
        put(metric.as_str(), item.as_json());
    }
    line
}

/// What the filter made of the answers: its answer for a generated text, what was answered otherwise.
fn filtered(asked: &Asked<'_>, pipeline: &FilterPipeline, answers: Option<Vec<Value>>) -> Option<Vec<Value>> {
    let answers = answers?;
    let took = asked.scores.iter().find(|((filter, _), _)| *filter == pipeline.name).map(|(_, record)| &record.score);
    let answers = match (asked.expectation, took) {
        (Expectation::Text { .. }, Some(Score::Scored { answer, .. })) => vec![json!(answer)],
        (Expectation::Text { .. }, _) => return None,
        _ => answers,
    };
    let listed = !pipeline.steps.is_empty() && !pipeline.steps.contains(&FilterStep::TakeFirst);
    Some(if listed { answers.into_iter().map(|answer| json!([answer])).collect() } else { answers })
}
