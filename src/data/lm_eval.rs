//! What lm-evaluation-harness writes about a task besides its results: the settings as it dumps them and the documents
//! as its loader gives them.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::documents::{self, Doc};
use super::error::DataError;
use super::python_literal::python_str;
use super::render::column_or_template;
use super::source::{Layout, Sampler, ShotPool, TargetRule, TaskSource};
use super::tree::Tree;
use super::yaml::YamlFile;
use crate::request::{Decoding, Sampling};
use crate::task::OutputType;

/// Keys of a task's settings that may be absent, in the order in which lm-evaluation-harness writes them; those with a
/// value in the second place are always written.
const KEYS: [(&str, Option<&str>); 28] = [
    ("task", None),
    ("task_alias", None),
    ("dataset_path", None),
    ("dataset_name", None),
    ("dataset_kwargs", None),
    ("training_split", None),
    ("validation_split", None),
    ("test_split", None),
    ("fewshot_split", None),
    ("process_docs", None),
    ("doc_to_text", None),
    ("doc_to_target", None),
    ("unsafe_code", Some("false")),
    ("doc_to_choice", None),
    ("process_results", None),
    ("description", Some("\"\"")),
    ("target_delimiter", Some("\" \"")),
    ("fewshot_delimiter", Some("\"\\n\\n\"")),
    ("fewshot_config", None),
    ("num_fewshot", None),
    ("metric_list", None),
    ("output_type", Some("\"generate_until\"")),
    ("generation_kwargs", None),
    ("repeats", Some("1")),
    ("filter_list", None),
    ("should_decontaminate", Some("false")),
    ("gen_prefix", None),
    ("metadata", None),
];

/// Keys of `fewshot_config` in written order; the value of a task's own key stands in where one is absent.
const SHOT_KEYS: [(&str, &str); 11] = [
    ("sampler", ""),
    ("split", "fewshot_split"),
    ("process_docs", "process_docs"),
    ("fewshot_indices", ""),
    ("samples", ""),
    ("doc_to_text", "doc_to_text"),
    ("doc_to_choice", "doc_to_choice"),
    ("doc_to_target", "doc_to_target"),
    ("gen_prefix", "gen_prefix"),
    ("fewshot_delimiter", "fewshot_delimiter"),
    ("target_delimiter", "target_delimiter"),
];

/// A document as lm-evaluation-harness logs it.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedDocument {
    /// Its fields, in the order of the file.
    pub fields: Map<String, Value>,
    /// `str(doc_to_target(doc))`; empty where the task has no target.
    pub target: String,
}

/// A task as lm-evaluation-harness logs it.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedTask {
    /// Its settings, defaults filled in, without what the command line changes.
    pub config: Map<String, Value>,
    /// Every document of the evaluated split; positions are those in instance ids.
    pub documents: Vec<LoggedDocument>,
}

impl LoggedTask {
    /// Reads a task's file and documents again.
    ///
    /// # Errors
    /// Where the documents cannot be read. A task written in place in a group has no file of its own: its settings are
    /// then those that this program knows.
    pub fn read(source: &TaskSource, data_dir: Option<&Path>) -> Result<Self, DataError> {
        let mut docs = documents::load(source, &source.split, data_dir)?;
        let files = source.dataset.splits.get(&source.split);
        let has_layout =
            |fits: fn(&Layout) -> bool| files.is_some_and(|files| files.iter().all(|file| fits(&file.layout)));
        if has_layout(|layout| matches!(layout, Layout::Json { .. } | Layout::Jsonl | Layout::BbhJson)) {
            share_columns(&mut docs);
        }
        if has_layout(|layout| matches!(layout, Layout::Csv)) {
            docs.iter_mut()
                .flat_map(Doc::values_mut)
                .filter(|cell| is_missing(cell))
                .for_each(|cell| *cell = Value::Null);
        }
        let documents = docs.into_iter().map(|fields| LoggedDocument { target: target(source, &fields), fields });
        Ok(Self { config: config(source), documents: documents.collect() })
    }
}

/// Cells that the loader of csv files takes for missing.
fn is_missing(cell: &Value) -> bool {
    const MISSING: [&str; 19] = [
        "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
        "NULL", "NaN", "None", "n/a", "nan", "null",
    ];
    cell.as_str().is_some_and(|text| MISSING.contains(&text))
}

/// The loader of JSON files gives every document every column of the file, null where it has none, and makes a column of
/// numbers fractional where one is.
fn share_columns(docs: &mut [Doc]) {
    // In order of first appearance; the value says whether numbers are fractional.
    let mut columns: Map<String, Value> = Map::new();
    for (name, value) in docs.iter().flatten() {
        let fractional = columns.entry(name.clone()).or_insert(Value::Bool(false));
        if value.is_f64() {
            *fractional = Value::Bool(true);
        }
    }
    for doc in docs {
        let shared = columns.iter().map(|(name, fractional)| {
            let value = doc.remove(name).unwrap_or_default();
            let number = value.as_f64().filter(|_| *fractional == Value::Bool(true));
            (name.clone(), number.map_or(value, Value::from))
        });
        *doc = shared.collect();
    }
}

fn target(source: &TaskSource, doc: &Doc) -> String {
    match &source.rendering.target {
        TargetRule::Index(index) => index.to_string(),
        TargetRule::List(items) => python_str(&minijinja::Value::from_serialize(items)).unwrap_or_default(),
        TargetRule::Text(rule) => column_or_template(rule, doc).unwrap_or_default(),
    }
}

fn config(source: &TaskSource) -> Map<String, Value> {
    let trees = [source.tree.clone(), Tree::Shipped];
    let own = YamlFile::read(&source.tree, &source.path, &trees).ok();
    let own = own.and_then(|file| serde_yaml_ng::from_value(serde_yaml_ng::Value::Mapping(file.keys)).ok());
    let mut wire: Map<String, Value> = own.unwrap_or_default();
    if wire.get("task").and_then(Value::as_str) != Some(&source.task.name) {
        wire = known(source);
    }
    wire.entry("num_fewshot").or_insert_with(|| json!(0));
    let fallbacks = KEYS.iter().filter_map(|(key, value)| Some((*key, serde_json::from_str((*value)?).ok()?)));
    for (key, value) in fallbacks {
        wire.entry(key).or_insert(value);
    }
    wire.insert("fewshot_config".to_owned(), Value::Object(shots(&wire)));
    if matches!(source.task.output, OutputType::GenerateUntil(_)) {
        let kwargs = generation(wire.get("generation_kwargs"), wire.get("fewshot_delimiter"));
        wire.insert("generation_kwargs".to_owned(), Value::Object(kwargs));
    }
    let mut metadata = wire.remove("metadata").and_then(|value| value.as_object().cloned()).unwrap_or_default();
    metadata.insert("config_source".to_owned(), json!(source.file));
    wire.insert("metadata".to_owned(), Value::Object(metadata));
    let written = KEYS.iter().filter_map(|(key, _)| Some(((*key).to_owned(), wire.remove(*key)?)));
    written.filter(|(_, value)| !value.is_null()).collect()
}

fn shots(wire: &Map<String, Value>) -> Map<String, Value> {
    let given = wire.get("fewshot_config").and_then(Value::as_object);
    let value = |key: &str, inherited: &str| {
        let value = given.and_then(|given| given.get(key)).or_else(|| wire.get(inherited)).cloned();
        value.unwrap_or_else(|| if key == "sampler" { json!("default") } else { Value::Null })
    };
    SHOT_KEYS.iter().map(|(key, inherited)| ((*key).to_owned(), value(key, inherited))).collect()
}

/// `generation_kwargs` with the defaults that lm-evaluation-harness fills in.
fn generation(given: Option<&Value>, delimiter: Option<&Value>) -> Map<String, Value> {
    let until = json!([delimiter]);
    let Some(Value::Object(given)) = given else {
        let defaults = json!({"temperature": 0.0, "do_sample": false, "max_gen_toks": 256, "until": until});
        return defaults.as_object().cloned().unwrap_or_default();
    };
    let mut kwargs = given.clone();
    if let Some(temperature) = kwargs.get_mut("temperature") {
        *temperature = json!(temperature.as_f64());
    }
    kwargs.entry("until").or_insert(until);
    kwargs
}

/// The settings of a task without a file of its own.
fn known(source: &TaskSource) -> Map<String, Value> {
    let TaskSource { task, rendering, .. } = source;
    let mut wire = Map::new();
    let mut put = |key: &str, value: Value| drop(wire.insert(key.to_owned(), value));
    put("task", json!(task.name));
    put("task_alias", json!(task.alias));
    put("dataset_path", json!(source.dataset.path));
    put("test_split", json!(source.split));
    if let ShotPool::Split(split) = &source.shots.pool {
        put("fewshot_split", json!(split));
    }
    put("doc_to_text", json!(rendering.text));
    if let TargetRule::Text(rule) = &rendering.target {
        put("doc_to_target", json!(rule));
    }
    put("description", json!(source.description));
    put("target_delimiter", json!(rendering.target_delimiter));
    put("fewshot_delimiter", json!(source.shots.delimiter));
    let sampler = if source.shots.sampler == Sampler::FirstN { "first_n" } else { "default" };
    put("fewshot_config", json!({"sampler": sampler}));
    put("num_fewshot", json!(task.num_fewshot));
    let metric =
        |spec: &crate::task::MetricSpec| json!({"metric": spec.metric, "higher_is_better": spec.higher_is_better});
    put("metric_list", task.metrics.iter().map(metric).collect());
    put("output_type", json!(task.output.as_str()));
    if let OutputType::GenerateUntil(decoding) = &task.output {
        put("generation_kwargs", decoded(decoding));
    }
    put("metadata", json!({"version": task.version}));
    wire
}

fn decoded(decoding: &Decoding) -> Value {
    let temperature = match decoding.sampling {
        Sampling::Greedy => 0.0,
        Sampling::Random { temperature, .. } => temperature,
    };
    let (until, limit) = (&decoding.stop, decoding.max_new_tokens);
    json!({"until": until, "max_gen_toks": limit, "do_sample": temperature > 0.0, "temperature": temperature})
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::data::Catalog;

    fn docs(lines: &[&str]) -> Vec<Doc> {
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// As `datasets` 5.2.0 gives the same three lines of a JSON Lines file.
    #[test]
    fn every_document_has_every_column_and_numbers_of_a_column_are_alike() {
        let mut found = docs(&[
            r#"{"a":1,"b":{"x":1},"l":[1,2]}"#,
            r#"{"a":2.5,"c":"u","b":{"y":"2"},"l":[]}"#,
            r#"{"a":null,"b":null}"#,
        ]);
        share_columns(&mut found);
        let expected = docs(&[
            r#"{"a":1.0,"b":{"x":1},"l":[1,2],"c":null}"#,
            r#"{"a":2.5,"b":{"y":"2"},"l":[],"c":"u"}"#,
            r#"{"a":null,"b":null,"l":null,"c":null}"#,
        ]);
        let text = |docs: &[Doc]| docs.iter().map(|doc| serde_json::to_string(doc).unwrap()).collect::<Vec<_>>();
        assert_eq!(text(&found), text(&expected));
    }

    #[test]
    fn csv_cells_that_mean_nothing_are_null() {
        assert!(["", "None", "null", "NA"].iter().all(|text| is_missing(&json!(text))));
        assert!([json!("none"), json!(0), json!("0"), json!(" ")].iter().all(|cell| !is_missing(cell)));
    }

    /// Keys and order as lm-evaluation-harness 0.4.13 dumps a task with these settings.
    #[test]
    fn settings_are_dumped_with_defaults_in_the_order_of_lm_eval() {
        let folder = tempfile::tempdir().unwrap();
        let yaml = "task: capitals\ndataset_path: json\ndataset_kwargs: {data_files: {test: c.jsonl}}\ntest_split: test\n\
            doc_to_text: 'Q: {{q}}'\ndoc_to_target: a\ngeneration_kwargs: {max_gen_toks: 8, temperature: 0}\n\
            metric_list: [{metric: exact_match}]\nmetadata: {version: 2.0}\n";
        std::fs::write(folder.path().join("capitals.yaml"), yaml).unwrap();
        std::fs::write(folder.path().join("c.jsonl"), "{\"q\":\"F?\",\"a\":\"Paris\"}\n{\"q\":\"G?\",\"a\":2}\n")
            .unwrap();
        let catalog = Catalog::load(&[folder.path().to_path_buf()]).unwrap();
        let logged = LoggedTask::read(catalog.task("capitals").unwrap(), None).unwrap();
        let keys: Vec<&str> = logged.config.keys().map(String::as_str).collect();
        assert_eq!(
            keys.join(" "),
            "task dataset_path dataset_kwargs test_split doc_to_text doc_to_target unsafe_code description \
             target_delimiter fewshot_delimiter fewshot_config num_fewshot metric_list output_type generation_kwargs \
             repeats should_decontaminate metadata"
        );
        let kwargs = serde_json::to_string(&logged.config["generation_kwargs"]).unwrap();
        assert_eq!(kwargs, r#"{"max_gen_toks":8,"temperature":0.0,"until":["\n\n"]}"#);
        assert_eq!(logged.config["fewshot_config"]["doc_to_text"], "Q: {{q}}");
        assert_eq!(logged.config["metadata"]["version"].to_string(), "2.0");
        let targets: Vec<&str> = logged.documents.iter().map(|doc| doc.target.as_str()).collect();
        assert_eq!(targets, ["Paris", "2"]);
    }
}
