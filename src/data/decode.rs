//! Checks a task's keys and turns them into a typed task with its source.

use std::collections::BTreeMap;

use super::conversation;
use super::error::CatalogError;
use super::filters;
use super::source::{
    ChoiceRule, DataFile, Dataset, Layout, Rendering, Sampler, ShotPool, Shots, TargetRule, TaskSource,
};
use super::template;
use super::tree::{self, Tree};
use super::wire::{
    OneOrMany, Scalar, WireDataFile, WireDataFiles, WireGeneration, WireProfile, WireRule, WireShots, WireTask,
};
use super::yaml::{Origin, has_literal_line_break};
use crate::request::{Decoding, Sampling};
use crate::task::{OutputType, Task, TaskProfile};

/// A remark on a task file that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The file.
    pub file: String,
    /// Where in it; 0 if unknown.
    pub line: usize,
    /// The remark.
    pub text: String,
}

/// Tokens that a generation may take if the task does not say.
const DEFAULT_MAX_NEW_TOKENS: usize = 256;
/// Most few-shot examples.
const MAX_SHOTS: usize = 1_000;

/// Splits of MMLU and their files; `{name}` is `dataset_name`.
const MMLU: [(&str, &str); 3] =
    [("dev", "dev/{name}_dev.csv"), ("validation", "val/{name}_val.csv"), ("test", "test/{name}_test.csv")];

/// Decodes a task whose file is at `place`; remarks on it go to `notes`.
pub(super) fn task(
    origin: &Origin,
    wire: WireTask,
    place: (&Tree, &str),
    notes: &mut Vec<Note>,
) -> Result<TaskSource, CatalogError> {
    refuse_what_is_not_supported(origin, &wire)?;
    remark(origin, &wire, notes);
    let name = wire.task.clone().ok_or_else(|| origin.invalid("task", "a task needs a name"))?;
    check_name(origin, "task", &name)?;
    let fewshot_delimiter = wire.fewshot_delimiter.clone().unwrap_or_else(|| "\n\n".to_owned());
    let output = output_type(origin, &wire, &fewshot_delimiter)?;
    let dataset = dataset(origin, &wire)?;
    let rendering = rendering(origin, &wire, &output)?;
    let split = wire.test_split.clone().or_else(|| wire.validation_split.clone());
    let split =
        split.ok_or_else(|| origin.invalid("test_split", "name the split to evaluate on (or validation_split)"))?;
    if !dataset.splits.is_empty() && !dataset.splits.contains_key(&split) {
        let known: Vec<&str> = dataset.splits.keys().map(String::as_str).collect();
        return Err(origin.invalid("test_split", format!("no data file holds `{split}`; known: {}", known.join(", "))));
    }
    let shots = shots(origin, &wire, &rendering, fewshot_delimiter, &split)?;
    let description = wire.description.clone().unwrap_or_default();
    template::check(&description).map_err(|message| origin.invalid("description", message))?;
    let filters = filters::pipelines(wire.filter_list).map_err(|message| origin.invalid("filter_list", message))?;
    let num_fewshot = wire.num_fewshot.unwrap_or(0);
    if num_fewshot > MAX_SHOTS {
        return Err(origin.invalid("num_fewshot", format!("at most {MAX_SHOTS} examples")));
    }
    let metadata = wire.metadata.unwrap_or_default();
    let mut extras = metadata.wit_eval.unwrap_or_default();
    let (conversation, scorer) = conversation::decode(origin, &mut extras, &output, wire.process_results.is_some())?;
    let metrics = filters::metrics(wire.metric_list, &output, scorer).map_err(|m| origin.invalid("metric_list", m))?;
    let task = Task {
        name,
        alias: wire.task_alias,
        tags: wire.tag.map(OneOrMany::into_vec).unwrap_or_default(),
        version: metadata.version.map_or_else(|| "0".to_owned(), Scalar::into_text),
        output,
        filters,
        metrics,
        num_fewshot,
        repeats: 1,
        scorer,
        profile: profile(extras, metadata.description),
    };
    let (tree, path) = place;
    Ok(TaskSource {
        task,
        file: origin.label().to_owned(),
        tree: tree.clone(),
        path: path.to_owned(),
        dataset,
        split,
        description,
        rendering,
        shots,
        conversation,
    })
}

/// Names become file names, parts of ids and command line arguments.
pub(super) fn check_name(origin: &Origin, key: &str, name: &str) -> Result<(), CatalogError> {
    let fine = |c: char| c.is_alphanumeric() || "_-.:+".contains(c);
    if name.is_empty() || name.len() > 200 || name.starts_with(['.', '-']) || !name.chars().all(fine) {
        let message =
            format!("`{name:.80}` is no name: letters, digits and _ - . : + are, up to 200, not starting with . or -");
        return Err(origin.invalid(key, message));
    }
    Ok(())
}

fn refuse_what_is_not_supported(origin: &Origin, wire: &WireTask) -> Result<(), CatalogError> {
    let refused = [
        ("class", wire.class.is_some(), "tasks written in Python are not run"),
        ("custom_dataset", wire.custom_dataset.is_some(), "Python code is not run; prepare the data as a file"),
        ("process_docs", wire.process_docs.is_some(), "Python code is not run; prepare the data as a file"),
        (
            "process_results",
            wire.process_results.as_ref().is_some_and(|name| name != "ifeval"),
            "Python code is not run; use metric_list and filter_list",
        ),
        ("use_prompt", wire.use_prompt.is_some(), "prompt collections are not supported; write doc_to_text"),
        ("unsafe_code", wire.unsafe_code == Some(true), "generated code is not run"),
        ("doc_to_image", wire.doc_to_image.is_some(), "only text is supported"),
        ("doc_to_audio", wire.doc_to_audio.is_some(), "only text is supported"),
        (
            "group",
            wire.group.is_some(),
            "a task joins groups in their own files; use `tag` to select it by another name",
        ),
        ("repeats", wire.repeats.is_some_and(|n| n != 1), "each request is asked once; only 1 is supported"),
    ];
    match refused.into_iter().find(|(_, present, _)| *present) {
        Some((key, _, reason)) => Err(origin.invalid(key, reason)),
        None => Ok(()),
    }
}

fn remark(origin: &Origin, wire: &WireTask, notes: &mut Vec<Note>) {
    let mut note = |key: &str, text: &str| {
        let (file, line) = origin.locate(key);
        let note = Note { file, line, text: format!("{key}: {text}") };
        if !notes.contains(&note) {
            notes.push(note);
        }
    };
    if wire.should_decontaminate == Some(true) || wire.doc_to_decontamination_query.is_some() {
        note("should_decontaminate", "ignored: there is no training corpus to compare with");
    }
    let until = wire.generation_kwargs.as_ref().and_then(|kwargs| kwargs.until.clone());
    let until = until.map(|until| until.into_vec().join(" "));
    let text = match &wire.doc_to_text {
        Some(WireRule::Text(text)) => Some(text),
        _ => None,
    };
    for (key, text) in [
        ("doc_to_text", text),
        ("description", wire.description.as_ref()),
        ("target_delimiter", wire.target_delimiter.as_ref()),
        ("fewshot_delimiter", wire.fewshot_delimiter.as_ref()),
        ("until", until.as_ref()),
    ] {
        if text.is_some_and(|text| has_literal_line_break(text)) {
            note(key, "holds a backslash and an n, not a line break; YAML reads \\n between double quotes only");
        }
    }
    if wire.generation_kwargs.as_ref().is_some_and(|g| g.do_sample != Some(true) && g.temperature.unwrap_or(0.0) > 0.0)
    {
        note("temperature", "without do_sample: true the likeliest token is taken");
    }
}

fn profile(wire: WireProfile, description: Option<String>) -> TaskProfile {
    TaskProfile {
        domain: wire.domain.unwrap_or_default(),
        purpose: wire.purpose.or(description).unwrap_or_default().trim().to_owned(),
        perturbable: wire.perturbable.unwrap_or(true),
        protect: wire.protect.map(OneOrMany::into_vec).unwrap_or_default(),
        cluster: wire.cluster,
        chance: wire.chance.filter(|chance| (0.0..=1.0).contains(chance)),
        note: wire.note.map(|note| note.trim().to_owned()).filter(|note| !note.is_empty()),
    }
}

fn output_type(origin: &Origin, wire: &WireTask, fewshot_delimiter: &str) -> Result<OutputType, CatalogError> {
    let output = match wire.output_type.as_deref() {
        Some("multiple_choice") => OutputType::MultipleChoice,
        Some("loglikelihood") => OutputType::LogLikelihood,
        Some("loglikelihood_rolling") => OutputType::LogLikelihoodRolling,
        // The format's default.
        None | Some("generate_until") => {
            let kwargs = wire.generation_kwargs.clone().unwrap_or_default();
            let decoding = decoding(kwargs, fewshot_delimiter);
            OutputType::GenerateUntil(decoding.map_err(|message| origin.invalid("generation_kwargs", message))?)
        }
        Some(other) => {
            let known = "multiple_choice, loglikelihood, loglikelihood_rolling, generate_until";
            return Err(origin.invalid("output_type", format!("`{other}` is not one of {known}")));
        }
    };
    if wire.generation_kwargs.is_some() && !matches!(output, OutputType::GenerateUntil(_)) {
        return Err(origin.invalid("generation_kwargs", format!("output type {output} generates nothing")));
    }
    Ok(output)
}

fn decoding(wire: WireGeneration, fewshot_delimiter: &str) -> Result<Decoding, String> {
    let stop = wire.until.map_or_else(|| vec![fewshot_delimiter.to_owned()], OneOrMany::into_vec);
    if stop.iter().any(String::is_empty) {
        return Err("an empty text under `until` would stop every answer at once".to_owned());
    }
    // Without `do_sample` a temperature decides, as in lm-evaluation-harness 0.4.13.
    let draws = wire.do_sample.unwrap_or(wire.temperature.is_some());
    let temperature = wire.temperature.unwrap_or(1.0);
    let top_p = wire.top_p.unwrap_or(1.0);
    let possible = (0.0..=100.0).contains(&temperature) && top_p > 0.0 && top_p <= 1.0 && wire.top_k != Some(0);
    if !possible {
        return Err("temperature must be in [0, 100], top_p in (0, 1], top_k at least 1".to_owned());
    }
    let max_new_tokens = wire.max_gen_toks.unwrap_or(DEFAULT_MAX_NEW_TOKENS);
    if max_new_tokens == 0 {
        return Err("max_gen_toks must be at least 1".to_owned());
    }
    let sampling = if draws && temperature > 0.0 {
        Sampling::Random { temperature, top_p, top_k: wire.top_k, seed: 0 }
    } else {
        Sampling::Greedy
    };
    Ok(Decoding { max_new_tokens, stop, sampling, sample: 0 })
}

fn rendering(origin: &Origin, wire: &WireTask, output: &OutputType) -> Result<Rendering, CatalogError> {
    let rolling = matches!(output, OutputType::LogLikelihoodRolling);
    let text = match wire.doc_to_text.clone() {
        Some(rule) => text_rule(origin, rule)?,
        None if rolling => String::new(),
        None => return Err(origin.invalid("doc_to_text", "a task needs a prompt: a column or a template")),
    };
    let target = match wire.doc_to_target.clone() {
        Some(rule) => target_rule(origin, rule)?,
        // What a program verifies or a judge rates has no target.
        None if wire.metadata.as_ref().and_then(|m| m.wit_eval.as_ref()).is_some_and(|w| w.scorer.is_some()) => {
            TargetRule::Index(0)
        }
        None => return Err(origin.invalid("doc_to_target", "a task needs an answer: a column, a template or a list")),
    };
    let choice = wire.doc_to_choice.clone().map_or(Ok(ChoiceRule::None), |rule| choice_rule(origin, rule))?;
    if matches!(output, OutputType::MultipleChoice) && choice == ChoiceRule::None {
        return Err(origin.invalid("doc_to_choice", "a multiple_choice task needs its choices"));
    }
    let gen_prefix = wire.gen_prefix.clone().unwrap_or_default();
    template::check(&gen_prefix).map_err(|message| origin.invalid("gen_prefix", message))?;
    let target_delimiter = wire.target_delimiter.clone().unwrap_or_else(|| " ".to_owned());
    Ok(Rendering { text, target, choice, gen_prefix, target_delimiter })
}

fn text_rule(origin: &Origin, rule: WireRule) -> Result<String, CatalogError> {
    match rule {
        WireRule::Text(text) => {
            template::check(&text).map_err(|message| origin.invalid("doc_to_text", message))?;
            Ok(text)
        }
        _ => Err(origin.invalid("doc_to_text", "must be a column or a template; one prompt a choice is not supported")),
    }
}

fn target_rule(origin: &Origin, rule: WireRule) -> Result<TargetRule, CatalogError> {
    match rule {
        WireRule::Int(index) => {
            let index = usize::try_from(index);
            index.map(TargetRule::Index).map_err(|_| origin.invalid("doc_to_target", "an index starts at 0"))
        }
        WireRule::Text(text) => {
            template::check(&text).map_err(|message| origin.invalid("doc_to_target", message))?;
            Ok(TargetRule::Text(text))
        }
        WireRule::List(items) => Ok(TargetRule::List(items.into_iter().map(Scalar::into_text).collect())),
        WireRule::Table(_) => Err(origin.invalid("doc_to_target", "must be a column, a template, an index or a list")),
    }
}

fn choice_rule(origin: &Origin, rule: WireRule) -> Result<ChoiceRule, CatalogError> {
    match rule {
        WireRule::Text(text) => {
            template::check(&text).map_err(|message| origin.invalid("doc_to_choice", message))?;
            Ok(ChoiceRule::Text(text))
        }
        WireRule::List(items) if !items.is_empty() => {
            Ok(ChoiceRule::List(items.into_iter().map(Scalar::into_text).collect()))
        }
        WireRule::Table(items) if !items.is_empty() => {
            Ok(ChoiceRule::List(items.into_values().map(Scalar::into_text).collect()))
        }
        _ => Err(origin.invalid("doc_to_choice", "must be a column, a template that gives a list, or a list")),
    }
}

fn shots(
    origin: &Origin,
    task: &WireTask,
    rendering: &Rendering,
    delimiter: String,
    split: &str,
) -> Result<Shots, CatalogError> {
    let wire: WireShots = task.fewshot_config.clone().unwrap_or_default();
    let sampler = match wire.sampler.as_deref() {
        None | Some("default") => Sampler::Random,
        Some("first_n") => Sampler::FirstN,
        Some(other) => {
            let message = format!("`{other}` is not supported; supported: default, first_n");
            return Err(origin.invalid("fewshot_config.sampler", message));
        }
    };
    let named = [&wire.split, &task.fewshot_split, &task.training_split, &task.validation_split];
    let pool = match wire.samples {
        Some(inline) => ShotPool::Inline(inline_samples(origin, inline)?),
        None => ShotPool::Split(named.into_iter().flatten().next().map_or(split, String::as_str).to_owned()),
    };
    let mut own = rendering.clone();
    if let Some(rule) = wire.doc_to_text {
        own.text = text_rule(origin, rule)?;
    }
    if let Some(rule) = wire.doc_to_target {
        own.target = target_rule(origin, rule)?;
    }
    if let Some(rule) = wire.doc_to_choice {
        own.choice = choice_rule(origin, rule)?;
    }
    if let Some(prefix) = wire.gen_prefix {
        template::check(&prefix).map_err(|message| origin.invalid("fewshot_config.gen_prefix", message))?;
        own.gen_prefix = prefix;
    }
    own.target_delimiter = wire.target_delimiter.unwrap_or(own.target_delimiter);
    let delimiter = wire.fewshot_delimiter.unwrap_or(delimiter);
    let spare = wire.split.is_none() && task.fewshot_split.is_none() && task.test_split.is_none();
    Ok(Shots { sampler, pool, spare, indices: wire.fewshot_indices, rendering: own, delimiter })
}

fn inline_samples(
    origin: &Origin,
    samples: Vec<serde_yaml_ng::Mapping>,
) -> Result<Vec<super::documents::Doc>, CatalogError> {
    let doc = |sample| {
        let value = serde_json::to_value(serde_yaml_ng::Value::Mapping(sample));
        match value {
            Ok(serde_json::Value::Object(doc)) => Ok(doc),
            _ => Err(origin.invalid("fewshot_config.samples", "every sample is a table of fields and values")),
        }
    };
    samples.into_iter().map(doc).collect()
}

fn dataset(origin: &Origin, wire: &WireTask) -> Result<Dataset, CatalogError> {
    let path = wire.dataset_path.clone().unwrap_or_default();
    let name = wire.dataset_name.clone().unwrap_or_default();
    let declared = wire.metadata.as_ref().and_then(|m| m.wit_eval.as_ref()).map(|profile| &profile.data);
    let mut splits = BTreeMap::new();
    for (split, file) in declared.into_iter().flatten() {
        splits.insert(split.clone(), vec![declared_file(origin, file, &name)?]);
    }
    if splits.is_empty() {
        let arguments = wire.dataset_kwargs.clone().unwrap_or_default();
        splits = match (arguments.data_files, path.as_str()) {
            (Some(files), "json" | "csv") => {
                let layout = if path == "csv" { Layout::Csv } else { Layout::Json { field: arguments.field } };
                data_files(origin, &layout, arguments.data_dir.as_deref(), files)?
            }
            (Some(_), _) => {
                return Err(origin.invalid("data_files", "needs dataset_path: json or csv"));
            }
            (None, "json" | "csv") => return Err(origin.invalid("dataset_path", "needs dataset_kwargs.data_files")),
            (None, hosted) => known_dataset(hosted, &name),
        };
    }
    Ok(Dataset { path, splits })
}

fn declared_file(origin: &Origin, wire: &WireDataFile, name: &str) -> Result<DataFile, CatalogError> {
    let key = "metadata.wit_eval.data";
    let layout = match wire.layout.as_str() {
        "mmlu_csv" => Layout::MmluCsv,
        "bbh_json" => Layout::BbhJson,
        "bbh_cot" => Layout::BbhCot,
        "csv" => Layout::Csv,
        "jsonl" => Layout::Jsonl,
        "fastchat_answers" => Layout::FastChatAnswers,
        "json" => Layout::Json { field: wire.field.clone() },
        other => {
            let known = "mmlu_csv, bbh_json, bbh_cot, csv, json, jsonl, fastchat_answers";
            return Err(origin.invalid(key, format!("layout `{other}` is not one of {known}")));
        }
    };
    let file = wire.file.replace("{name}", name);
    let folders = wire.folders.clone().unwrap_or_else(|| vec![String::new()]);
    let candidates =
        folders.iter().map(|folder| tree::join(folder, &file).filter(|_| tree::join("", folder).is_some()));
    let candidates: Option<Vec<String>> = candidates.collect();
    match candidates {
        Some(candidates) if !candidates.is_empty() => Ok(DataFile { layout, candidates }),
        _ => Err(origin.invalid(key, format!("`{file}` must be a relative path inside the folder"))),
    }
}

fn data_files(
    origin: &Origin,
    layout: &Layout,
    folder: Option<&str>,
    files: WireDataFiles,
) -> Result<BTreeMap<String, Vec<DataFile>>, CatalogError> {
    let splits = match files {
        // Files without a split are all `train`, as in the data set library that the format comes from.
        WireDataFiles::Flat(files) => BTreeMap::from([("train".to_owned(), files)]),
        WireDataFiles::Splits(splits) => splits,
    };
    let located = |path: String| {
        let joined = tree::join("", folder.unwrap_or_default()).and_then(|folder| tree::join(&folder, &path));
        let candidate = joined.filter(|_| !path.contains("://"));
        match candidate {
            Some(candidate) => Ok(DataFile { layout: layout.clone(), candidates: vec![candidate] }),
            None => Err(origin.invalid("data_files", format!("`{path}` must be a relative path inside the folder"))),
        }
    };
    splits
        .into_iter()
        .map(|(split, files)| Ok((split, files.into_vec().into_iter().map(located).collect::<Result<_, _>>()?)))
        .collect()
}

/// Local files for hosted data sets that stock task files name.
fn known_dataset(path: &str, name: &str) -> BTreeMap<String, Vec<DataFile>> {
    let file = |layout: Layout, folders: &[&str], file: &str| {
        let file = file.replace("{name}", name);
        let candidates = folders.iter().filter_map(|folder| tree::join(folder, &file)).collect();
        vec![DataFile { layout, candidates }]
    };
    match path {
        "google/IFEval" | "wis-k/instruction-following-eval" => {
            let folders = ["ifeval", ""];
            BTreeMap::from([("train".to_owned(), file(Layout::Jsonl, &folders, "input_data.jsonl"))])
        }
        "cais/mmlu" | "hails/mmlu_no_train" => {
            let splits = MMLU.into_iter();
            splits.map(|(split, path)| (split.to_owned(), file(Layout::MmluCsv, &["mmlu", ""], path))).collect()
        }
        "lukaemon/bbh" | "SaylorTwift/bbh" => {
            let test = file(Layout::BbhJson, &["bbh/bbh", "bbh", ""], "{name}.json");
            let cot = file(Layout::BbhCot, &["bbh/cot-prompts", "cot-prompts", ""], "{name}.txt");
            BTreeMap::from([("cot".to_owned(), cot), ("test".to_owned(), test)])
        }
        _ => BTreeMap::new(),
    }
}
