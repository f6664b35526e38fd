//! Instances of a task: its documents, rendered, with their few-shot examples.

use std::collections::BTreeSet;
use std::path::Path;
use std::str::FromStr;

use super::conversation::{self, GivenAnswers};
use super::documents::{self, Doc};
use super::error::DataError;
use super::python_random::PythonRandom;
use super::render::{Answer, Failure, column_or_template, options_column};
use super::source::{ChoiceRule, Sampler, ShotPool, TaskSource};
use super::template;
use crate::instance::{Expectation, Instance, Presentation, PromptParts, Shot, delimited, needs_delimiter};
use crate::task::{FilterPipeline, FilterStep, OutputType};

/// How many documents of a split are used, from its start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// This many.
    Count(usize),
    /// This share of the split, rounded up; in `(0, 1)`.
    Fraction(f64),
}

impl Limit {
    /// The number of documents of a split of `n`.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn of(self, n: usize) -> usize {
        match self {
            Self::Count(count) => count.min(n),
            Self::Fraction(share) => ((n as f64 * share).ceil() as usize).min(n),
        }
    }
}

impl FromStr for Limit {
    type Err = String;

    /// A number of 1 or more is a count, one between 0 and 1 a share.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || format!("`{text}` is no limit; write a count such as 100 or a share such as 0.1");
        if let Ok(count) = text.trim().parse::<usize>() {
            return if count > 0 { Ok(Self::Count(count)) } else { Err(refuse()) };
        }
        let share: f64 = text.trim().parse().map_err(|_| refuse())?;
        if share > 0.0 && share < 1.0 { Ok(Self::Fraction(share)) } else { Err(refuse()) }
    }
}

/// What instances are made with.
#[derive(Debug, Clone)]
pub struct InstanceOptions<'a> {
    /// The folder under which data files are found that do not ship with the task.
    pub data_dir: Option<&'a Path>,
    /// How many documents; `None` is all.
    pub limit: Option<Limit>,
    /// Few-shot examples; `None` is as the task says.
    pub num_fewshot: Option<usize>,
    /// Seed of the drawing of examples.
    pub fewshot_seed: u64,
    /// Put before everything else.
    pub system_instruction: Option<String>,
    /// Positions of the documents to use; `None` is from the start.
    pub samples: Option<Vec<usize>>,
    /// How prompts will be presented. With a chat template no delimiter stands between a question and its choices.
    pub presentation: Presentation,
}

impl Default for InstanceOptions<'_> {
    fn default() -> Self {
        Self {
            data_dir: None,
            limit: None,
            num_fewshot: None,
            fewshot_seed: 1234,
            system_instruction: None,
            samples: None,
            presentation: Presentation::Text,
        }
    }
}

/// Reads a task's documents and renders them.
///
/// Examples are drawn as lm-evaluation-harness does: one generator a task, seeded with `fewshot_seed`, advanced from
/// document to document; where the examples come from the evaluated split, one more is drawn and the document itself,
/// with its copies, is dropped. Positions, and so the ids of instances, are those in the split, also where `samples` picks some.
pub fn instances(source: &TaskSource, options: &InstanceOptions<'_>) -> Result<Vec<Instance>, DataError> {
    let docs = documents::load(source, &source.split, options.data_dir)?;
    let chosen = positions(source, options, docs.len())?;
    let mut examples = Examples::new(source, options)?;
    let given = GivenAnswers::load(source, options.data_dir)?;
    let mut made = Vec::with_capacity(chosen.len());
    for position in chosen {
        let Some(doc) = docs.get(position) else { continue };
        let shots = examples.shots(doc, position)?;
        let at = |(key, message): Failure| document_error(source, &source.split, position, key, message);
        let (prompt, expectation) = prompt(source, options, doc, shots, &given).map_err(at)?;
        let id = format!("{}/{position}", source.task.name);
        let cluster = match &source.task.profile.cluster {
            None => id.clone(),
            Some(field) => {
                let value = doc.get(field).ok_or_else(|| at(("cluster", format!("no column `{field}`"))))?;
                value.as_str().map_or_else(|| value.to_string(), str::to_owned)
            }
        };
        let temperature = conversation::temperature(source, doc).map_err(at)?;
        made.push(Instance { task: source.task.name.clone(), id, cluster, prompt, expectation, temperature });
    }
    Ok(made)
}

fn document_error(source: &TaskSource, split: &str, doc: usize, key: &'static str, message: String) -> DataError {
    DataError::Document {
        task: source.task.name.clone(),
        file: source.file.clone(),
        split: split.to_owned(),
        doc,
        key,
        message,
    }
}

/// Positions of the documents to use, ascending.
fn positions(source: &TaskSource, options: &InstanceOptions<'_>, n: usize) -> Result<Vec<usize>, DataError> {
    let refuse = |message: String| DataError::Options { task: source.task.name.clone(), message };
    let Some(samples) = &options.samples else {
        return Ok((0..options.limit.map_or(n, |limit| limit.of(n))).collect());
    };
    if options.limit.is_some() {
        return Err(refuse("documents are chosen either by a limit or one by one, not both".to_owned()));
    }
    match samples.iter().find(|position| **position >= n) {
        Some(beyond) => Err(refuse(format!("there is no document {beyond}; the split has {n}, counted from 0"))),
        None => Ok(samples.iter().copied().collect::<BTreeSet<_>>().into_iter().collect()),
    }
}

/// The few-shot examples of a task, as they are drawn document by document.
struct Examples<'a> {
    source: &'a TaskSource,
    pool: Vec<Doc>,
    count: usize,
    /// Whether the examples come from the evaluated documents, so that a document could be its own example.
    shared: bool,
    random: PythonRandom,
}

impl<'a> Examples<'a> {
    fn new(source: &'a TaskSource, options: &InstanceOptions<'_>) -> Result<Self, DataError> {
        let count = options.num_fewshot.unwrap_or(source.task.num_fewshot);
        let rolling = matches!(source.task.output, OutputType::LogLikelihoodRolling);
        let count = if rolling { 0 } else { count };
        let mut pool = match &source.shots.pool {
            _ if count == 0 => Vec::new(),
            ShotPool::Inline(docs) => docs.clone(),
            ShotPool::Split(split) => documents::load(source, split, options.data_dir)?,
        };
        let shared = source.shots.pool == ShotPool::Split(source.split.clone());
        let refuse = |message: String| DataError::Options { task: source.task.name.clone(), message };
        if let Some(indices) = source.shots.indices.as_ref().filter(|_| count > 0) {
            let picked: Option<Vec<Doc>> = indices.iter().map(|index| pool.get(*index).cloned()).collect();
            pool = picked.ok_or_else(|| refuse(format!("fewshot_indices go beyond the {} examples", pool.len())))?;
        }
        let needed = count + usize::from(shared && count > 0);
        if needed > pool.len() {
            let message = format!("{needed} examples are needed and there are {}; lower --num_fewshot", pool.len());
            return Err(refuse(message));
        }
        let random = PythonRandom::new(options.fewshot_seed);
        Ok(Self { source, pool, count, shared, random })
    }

    fn shots(&mut self, doc: &Doc, position: usize) -> Result<Vec<Shot>, DataError> {
        if self.count == 0 {
            return Ok(Vec::new());
        }
        // Where neither a split of examples nor a test split is named, lm-evaluation-harness draws one more, too.
        let spare = self.shared || self.source.shots.spare && self.pool.len() > self.count;
        let drawn = self.count + usize::from(spare);
        let Self { source, pool, count, random, .. } = self;
        let others = || pool.iter().filter(|example| !spare || *example != doc);
        let picked: Vec<&Doc> = match source.shots.sampler {
            Sampler::FirstN => others().take(*count).collect(),
            Sampler::Random => {
                let drawn = random.sample(pool.len(), drawn).unwrap_or_default();
                let drawn = drawn.into_iter().filter_map(|at| pool.get(at));
                let picked: Vec<&Doc> = drawn.filter(|example| !spare || *example != doc).take(*count).collect();
                if picked.len() == *count {
                    picked
                } else {
                    // The document is in the pool more than once and was drawn so.
                    let others: Vec<&Doc> = others().collect();
                    let drawn = random.sample(others.len(), *count).unwrap_or_default();
                    drawn.into_iter().filter_map(|at| others.get(at).copied()).collect()
                }
            }
        };
        let fail = |key, message| document_error(source, &source.split, position, key, message);
        if picked.len() < *count {
            return Err(fail("num_fewshot", format!("there are no {count} examples besides the document itself")));
        }
        let shots = picked.into_iter().map(|example| shot(source, example)).collect::<Result<_, Failure>>();
        shots.map_err(|(key, message)| fail(key, format!("in a few-shot example: {message}")))
    }
}

/// A document as a solved example.
fn shot(source: &TaskSource, doc: &Doc) -> Result<Shot, Failure> {
    let rendering = &source.shots.rendering;
    let choices = rendering.choices(doc)?;
    let answer = match rendering.answer(doc, &choices)? {
        Answer::Indices(indices) => indices.first().and_then(|index| choices.get(*index)).cloned(),
        Answer::Texts(texts) => texts.into_iter().next(),
    };
    let answer = answer.ok_or_else(|| ("doc_to_target", "the answer is none of the choices".to_owned()))?;
    let (query, prefix) = (rendering.question(doc)?, rendering.prefix(doc)?);
    let has_delimiter = prefix.is_empty() || needs_delimiter(&query, &prefix);
    let delimiter = if has_delimiter { rendering.target_delimiter.clone() } else { String::new() };
    Ok(Shot { query, target: delimited(&prefix, &answer, " "), delimiter: Some(delimiter) })
}

/// What stands between the question and the answer that is asked for. A `loglikelihood` task writes it into its target;
/// with a chat template the choices open the model's turn, unless a prefix opens it.
fn delimiter<'a>(source: &'a TaskSource, presentation: Presentation, prefix: &str) -> &'a str {
    let open_prefix = !prefix.is_empty() && !prefix.ends_with(char::is_whitespace);
    match source.task.output {
        OutputType::LogLikelihood => "",
        OutputType::MultipleChoice if presentation != Presentation::Text && !open_prefix => "",
        _ => &source.rendering.target_delimiter,
    }
}

fn prompt(
    source: &TaskSource,
    options: &InstanceOptions<'_>,
    doc: &Doc,
    shots: Vec<Shot>,
    given: &GivenAnswers,
) -> Result<(PromptParts, Expectation), Failure> {
    let rendering = &source.rendering;
    let mut choices = rendering.choices(doc)?;
    let answer = rendering.answer(doc, &choices)?;
    if rendering.choice == ChoiceRule::None && source.task.filters.iter().any(reads_choices) {
        choices = options_column(doc);
    }
    if matches!(source.task.output, OutputType::LogLikelihoodRolling) {
        // The text to be judged is the whole prompt; nothing is put around it.
        let query = first_text(answer, &choices).ok_or_else(no_answer)?;
        return Ok((PromptParts { query, ..PromptParts::default() }, Expectation::Document));
    }
    let prefix = rendering.prefix(doc)?;
    let target_delimiter = delimiter(source, options.presentation, &prefix).to_owned();
    let parts = PromptParts {
        system: options.system_instruction.clone(),
        instruction: template::render(&source.description, doc).map_err(|message| ("description", message))?,
        earlier: conversation::before(source, doc, shots.is_empty())?,
        shots,
        query: rendering.question(doc)?,
        later: conversation::later(source, doc)?,
        assistant_prefix: prefix,
        target_delimiter,
        fewshot_delimiter: source.shots.delimiter.clone(),
        protected: protected(source, doc)?,
    };
    let judged = conversation::expectation(source, doc, &parts.query, given)?;
    let expectation = judged.map_or_else(|| expectation(&source.task.output, answer, choices), Ok)?;
    Ok((parts, expectation))
}

fn reads_choices(pipeline: &FilterPipeline) -> bool {
    pipeline.steps.iter().any(|step| matches!(step, FilterStep::MultiChoiceRegex(_)))
}

fn no_answer() -> Failure {
    ("doc_to_target", "the document has no answer".to_owned())
}

fn first_text(answer: Answer, choices: &[String]) -> Option<String> {
    match answer {
        Answer::Indices(indices) => indices.first().and_then(|index| choices.get(*index)).cloned(),
        Answer::Texts(texts) => texts.into_iter().next(),
    }
}

fn expectation(output: &OutputType, answer: Answer, choices: Vec<String>) -> Result<Expectation, Failure> {
    let find = |text: &String| choices.iter().position(|choice| choice == text);
    let beyond = |what: String| ("doc_to_target", format!("{what} is none of the {} choices", choices.len()));
    match output {
        OutputType::MultipleChoice => {
            let gold = match answer {
                Answer::Indices(indices) => indices,
                Answer::Texts(texts) => {
                    let found: Result<_, Failure> =
                        texts.iter().map(|text| find(text).ok_or_else(|| beyond(format!("`{text:.60}`")))).collect();
                    found?
                }
            };
            if let Some(index) = gold.iter().find(|index| **index >= choices.len()) {
                return Err(beyond(format!("position {index}")));
            }
            if gold.is_empty() { Err(no_answer()) } else { Ok(Expectation::Choice { choices, gold }) }
        }
        OutputType::GenerateUntil(_) => {
            let targets = match answer {
                Answer::Texts(texts) => texts,
                Answer::Indices(indices) => {
                    let found: Option<Vec<String>> = indices.iter().map(|index| choices.get(*index).cloned()).collect();
                    found.ok_or_else(|| beyond("a position".to_owned()))?
                }
            };
            if targets.is_empty() { Err(no_answer()) } else { Ok(Expectation::Text { targets, choices }) }
        }
        OutputType::LogLikelihood => {
            let text = first_text(answer, &choices).filter(|text| !text.is_empty()).ok_or_else(no_answer)?;
            Ok(Expectation::Continuation { text })
        }
        OutputType::LogLikelihoodRolling => Ok(Expectation::Document),
    }
}

fn protected(source: &TaskSource, doc: &Doc) -> Result<Vec<String>, Failure> {
    let mut texts = Vec::new();
    for field in &source.task.profile.protect {
        match doc.get(field) {
            Some(serde_json::Value::Array(items)) => {
                texts.extend(items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)));
            }
            Some(_) => texts.push(column_or_template(field, doc).map_err(|message| ("protect", message))?),
            None => return Err(("protect", format!("no column `{field}`"))),
        }
    }
    texts.retain(|text| !text.is_empty());
    Ok(texts)
}
