//! Task files as they are written. Decoded once, then checked and turned into typed tasks by `decode`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_yaml_ng::{Mapping, Value};

/// One value or a list of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected a value or a list of values")]
pub(super) enum OneOrMany<T> {
    Many(Vec<T>),
    One(T),
}

impl<T> OneOrMany<T> {
    pub(super) fn into_vec(self) -> Vec<T> {
        match self {
            Self::Many(items) => items,
            Self::One(item) => vec![item],
        }
    }
}

/// A plain value, printed as Python's `str` does.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected a text, a number or true/false")]
pub(super) enum Scalar {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

impl Scalar {
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Bool(true) => "True".to_owned(),
            Self::Bool(false) => "False".to_owned(),
            Self::Int(number) => number.to_string(),
            Self::Float(number) => format!("{number:?}"),
            Self::Text(text) => text,
        }
    }
}

/// `doc_to_text`, `doc_to_target` and `doc_to_choice`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected a template, a column, a number or a list")]
pub(super) enum WireRule {
    Int(i64),
    Text(String),
    List(Vec<Scalar>),
    Table(BTreeMap<String, Scalar>),
}

/// A task file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireTask {
    pub(super) task: Option<String>,
    pub(super) task_alias: Option<String>,
    pub(super) tag: Option<OneOrMany<String>>,
    pub(super) group: Option<Value>,
    #[serde(rename = "include")]
    _include: Option<OneOrMany<String>>,
    pub(super) class: Option<Value>,
    pub(super) custom_dataset: Option<Value>,
    pub(super) process_docs: Option<Value>,
    pub(super) process_results: Option<Value>,
    pub(super) use_prompt: Option<Value>,
    pub(super) unsafe_code: Option<bool>,
    pub(super) doc_to_image: Option<Value>,
    pub(super) doc_to_audio: Option<Value>,
    pub(super) dataset_path: Option<String>,
    pub(super) dataset_name: Option<String>,
    pub(super) dataset_kwargs: Option<WireDatasetArguments>,
    pub(super) training_split: Option<String>,
    pub(super) validation_split: Option<String>,
    pub(super) test_split: Option<String>,
    pub(super) fewshot_split: Option<String>,
    pub(super) doc_to_text: Option<WireRule>,
    pub(super) doc_to_target: Option<WireRule>,
    pub(super) doc_to_choice: Option<WireRule>,
    pub(super) description: Option<String>,
    pub(super) target_delimiter: Option<String>,
    pub(super) fewshot_delimiter: Option<String>,
    pub(super) fewshot_config: Option<WireShots>,
    pub(super) num_fewshot: Option<usize>,
    pub(super) output_type: Option<String>,
    pub(super) generation_kwargs: Option<WireGeneration>,
    pub(super) gen_prefix: Option<String>,
    pub(super) repeats: Option<usize>,
    pub(super) metric_list: Option<Vec<WireMetric>>,
    pub(super) filter_list: Option<Vec<WirePipeline>>,
    pub(super) should_decontaminate: Option<bool>,
    pub(super) doc_to_decontamination_query: Option<Value>,
    pub(super) metadata: Option<WireMetadata>,
}

/// `dataset_kwargs`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireDatasetArguments {
    pub(super) data_files: Option<WireDataFiles>,
    pub(super) data_dir: Option<String>,
    pub(super) field: Option<String>,
    #[serde(rename = "trust_remote_code")]
    _trust_remote_code: Option<bool>,
}

/// `dataset_kwargs.data_files`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected a path, a list of paths, or splits with their paths")]
pub(super) enum WireDataFiles {
    Flat(OneOrMany<String>),
    Splits(BTreeMap<String, OneOrMany<String>>),
}

/// `fewshot_config`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireShots {
    pub(super) sampler: Option<String>,
    pub(super) split: Option<String>,
    pub(super) samples: Option<Vec<Mapping>>,
    pub(super) fewshot_indices: Option<Vec<usize>>,
    pub(super) doc_to_text: Option<WireRule>,
    pub(super) doc_to_target: Option<WireRule>,
    pub(super) doc_to_choice: Option<WireRule>,
    pub(super) gen_prefix: Option<String>,
    pub(super) fewshot_delimiter: Option<String>,
    pub(super) target_delimiter: Option<String>,
}

/// `generation_kwargs`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireGeneration {
    pub(super) until: Option<OneOrMany<String>>,
    pub(super) max_gen_toks: Option<usize>,
    pub(super) do_sample: Option<bool>,
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) top_k: Option<usize>,
}

/// An entry of `metric_list`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireMetric {
    pub(super) metric: String,
    pub(super) aggregation: Option<String>,
    pub(super) higher_is_better: Option<bool>,
    #[serde(default)]
    pub(super) ignore_case: bool,
    #[serde(default)]
    pub(super) ignore_punctuation: bool,
    #[serde(default)]
    pub(super) ignore_numbers: bool,
    #[serde(default)]
    pub(super) regexes_to_ignore: Vec<String>,
}

/// An entry of `filter_list`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WirePipeline {
    pub(super) name: String,
    pub(super) filter: Vec<Mapping>,
}

/// Arguments of a filter, beside `function` or under its `kwargs`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireFilterArguments {
    pub(super) regex_pattern: Option<String>,
    pub(super) group_select: Option<i32>,
    pub(super) fallback: Option<String>,
    pub(super) ignore_case: Option<bool>,
    pub(super) ignore_punctuation: Option<bool>,
    pub(super) regexes_to_ignore: Option<Vec<String>>,
    pub(super) mapping_dict: Option<BTreeMap<String, Scalar>>,
    pub(super) default_value: Option<Scalar>,
    pub(super) k: Option<usize>,
}

/// `metadata`: anything may stand there; only these are read.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct WireMetadata {
    pub(super) version: Option<Scalar>,
    pub(super) description: Option<String>,
    pub(super) wit_eval: Option<WireProfile>,
}

/// `metadata.wit_eval`: what this program adds to the format.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireProfile {
    pub(super) domain: Option<String>,
    pub(super) purpose: Option<String>,
    pub(super) perturbable: Option<bool>,
    pub(super) protect: Option<OneOrMany<String>>,
    pub(super) cluster: Option<String>,
    pub(super) turns_before: Option<String>,
    pub(super) scorer: Option<String>,
    pub(super) turns: Option<String>,
    pub(super) category: Option<String>,
    #[serde(default)]
    pub(super) temperatures: BTreeMap<String, f64>,
    pub(super) baseline: Option<String>,
    pub(super) chance: Option<f64>,
    pub(super) note: Option<String>,
    #[serde(default)]
    pub(super) data: BTreeMap<String, WireDataFile>,
}

/// A file of `metadata.wit_eval.data`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireDataFile {
    pub(super) layout: String,
    pub(super) file: String,
    pub(super) folders: Option<Vec<String>>,
    pub(super) field: Option<String>,
}

/// A group file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireGroup {
    pub(super) group: String,
    pub(super) group_alias: Option<String>,
    #[serde(rename = "include")]
    _include: Option<OneOrMany<String>>,
    pub(super) task: OneOrMany<WireMember>,
    pub(super) aggregate_metric_list: Option<OneOrMany<WireAggregate>>,
    pub(super) metadata: Option<WireMetadata>,
}

/// A member of a group: a name, or a task or group written in place.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected the name of a task, or a task or group written in place")]
pub(super) enum WireMember {
    Name(String),
    Inline(Mapping),
}

/// An entry of `aggregate_metric_list`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireAggregate {
    pub(super) metric: String,
    pub(super) aggregation: Option<String>,
    pub(super) weight_by_size: Option<bool>,
    pub(super) filter_list: Option<OneOrMany<String>>,
}
