//! What a benchmark asks and how answers are judged; where its documents and prompt templates come from is the data
//! layer's concern.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::request::Decoding;

/// What a task asks of a model (`output_type`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type", content = "decoding")]
pub enum OutputType {
    /// The likeliest of several continuations.
    MultipleChoice,
    /// The log-probability of one continuation.
    LogLikelihood,
    /// A generated answer.
    GenerateUntil(Decoding),
    /// The log-probability of a whole text.
    LogLikelihoodRolling,
}

impl OutputType {
    /// The name that task files use.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::MultipleChoice => "multiple_choice",
            Self::LogLikelihood => "loglikelihood",
            Self::GenerateUntil(_) => "generate_until",
            Self::LogLikelihoodRolling => "loglikelihood_rolling",
        }
    }
}

impl fmt::Display for OutputType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One step on the way from a response to an answer. Patterns are in Python's `re` syntax and were compiled once when
/// the task was loaded, so they are known to be valid for `fancy-regex`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "function")]
pub enum FilterStep {
    /// `regex`: all matches of the pattern (Python's `findall`), the one at `group_select`, stripped.
    Regex(RegexFilter),
    /// `multi_choice_regex`: as `regex`; where nothing matches, option texts and then option letters are looked for.
    MultiChoiceRegex(MultiChoiceRegexFilter),
    /// `take_first`: the first of the repeated responses.
    TakeFirst,
    /// `lowercase`.
    Lowercase,
    /// `uppercase`.
    Uppercase,
    /// `remove_whitespace`: white space at both ends is removed, as lm-evaluation-harness does since 0.4.13.
    RemoveWhitespace,
    /// `map`: looks the answer up in a table.
    Map {
        /// The table.
        mapping: BTreeMap<String, String>,
        /// For answers that the table lacks; `None` leaves no answer, which no target equals.
        default: Option<String>,
    },
    /// `wit_trim` (ours): white space at both ends is removed.
    Trim,
    /// `wit_strip_period` (ours): one final full stop is removed, with the white space around it.
    StripPeriod,
}

/// Parameters of the `regex` filter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegexFilter {
    /// The pattern.
    pub pattern: String,
    /// Which match is taken: 0 the first, -1 the last.
    pub group_select: i32,
    /// The answer where nothing matches.
    pub fallback: String,
}

/// Parameters of the `multi_choice_regex` filter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MultiChoiceRegexFilter {
    /// The pattern that is tried first.
    pub pattern: String,
    /// Which match is taken: 0 the first, -1 the last.
    pub group_select: i32,
    /// The answer where nothing matches.
    pub fallback: String,
    /// Letters compare without case.
    pub ignore_case: bool,
    /// Punctuation of option texts and response is removed before they are compared.
    pub ignore_punctuation: bool,
    /// Patterns removed from option texts and response before they are compared.
    pub regexes_to_ignore: Vec<String>,
}

/// A named way from a response to an answer (`filter_list`); every metric is computed once for each pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FilterPipeline {
    /// Name, `none` where the task declares no pipeline.
    pub name: String,
    /// The steps, first to last.
    pub steps: Vec<FilterStep>,
}

/// What is measured. Each variant names the formula; the judging itself is in [`crate::scoring`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Multiple choice: the likeliest continuation is a right one. Log-likelihood: greedy decoding gives the text.
    Acc,
    /// As `acc`, with each log-probability divided by the continuation's length.
    AccNorm,
    /// The answer equals a target.
    ExactMatch,
    /// Log-likelihood tasks: `exp(-mean log P)` over instances.
    Perplexity,
    /// Rolling tasks: `exp(-sum log P / words)`, over all documents together.
    WordPerplexity,
    /// Rolling tasks: `exp(-sum log P / bytes)`, over all documents together.
    BytePerplexity,
    /// Rolling tasks: `-sum log P / bytes / ln 2`, over all documents together.
    BitsPerByte,
    /// Verified tasks: the replies follow every instruction.
    PromptLevelStrictAcc,
    /// Verified tasks: share of all instructions that are followed, prompts weighing by their instructions.
    InstLevelStrictAcc,
    /// As `prompt_level_strict_acc`, where markup and framing lines may be set aside.
    PromptLevelLooseAcc,
    /// As `inst_level_strict_acc`, where markup and framing lines may be set aside.
    InstLevelLooseAcc,
    /// MT-Bench: the judge's rating, 1 to 10, mean over the turns.
    Rating,
    /// AlpacaEval: the judge's preference over the baseline, in `[0, 1]`.
    WinRate,
    /// AlpacaEval: 1 where the reply is preferred, 0 where the baseline is, one half for a draw.
    DiscreteWinRate,
}

impl Metric {
    /// All of them, in declaration order.
    pub const ALL: [Self; 14] = [
        Self::Acc,
        Self::AccNorm,
        Self::ExactMatch,
        Self::Perplexity,
        Self::WordPerplexity,
        Self::BytePerplexity,
        Self::BitsPerByte,
        Self::PromptLevelStrictAcc,
        Self::InstLevelStrictAcc,
        Self::PromptLevelLooseAcc,
        Self::InstLevelLooseAcc,
        Self::Rating,
        Self::WinRate,
        Self::DiscreteWinRate,
    ];

    /// The name that task files and records use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Acc => "acc",
            Self::AccNorm => "acc_norm",
            Self::ExactMatch => "exact_match",
            Self::Perplexity => "perplexity",
            Self::WordPerplexity => "word_perplexity",
            Self::BytePerplexity => "byte_perplexity",
            Self::BitsPerByte => "bits_per_byte",
            Self::PromptLevelStrictAcc => "prompt_level_strict_acc",
            Self::InstLevelStrictAcc => "inst_level_strict_acc",
            Self::PromptLevelLooseAcc => "prompt_level_loose_acc",
            Self::InstLevelLooseAcc => "inst_level_loose_acc",
            Self::Rating => "rating",
            Self::WinRate => "win_rate",
            Self::DiscreteWinRate => "discrete_win_rate",
        }
    }

    /// The metric of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.as_str() == name)
    }

    /// Whether more is better, unless the task says otherwise.
    pub fn higher_is_better(self) -> bool {
        !matches!(self, Self::Perplexity | Self::WordPerplexity | Self::BytePerplexity | Self::BitsPerByte)
    }

    /// Whether every value lies in `[0, 1]`.
    pub fn is_share(self) -> bool {
        self.higher_is_better() && self != Self::Rating
    }

    /// How instances are combined, unless the task says otherwise.
    pub fn default_aggregation(self) -> Aggregation {
        match self {
            Self::Acc
            | Self::AccNorm
            | Self::ExactMatch
            | Self::PromptLevelStrictAcc
            | Self::PromptLevelLooseAcc
            | Self::Rating
            | Self::WinRate
            | Self::DiscreteWinRate => Aggregation::Mean,
            Self::InstLevelStrictAcc | Self::InstLevelLooseAcc => Aggregation::WeightedMean,
            Self::Perplexity => Aggregation::Perplexity,
            Self::WordPerplexity | Self::BytePerplexity => Aggregation::WeightedPerplexity,
            Self::BitsPerByte => Aggregation::BitsPerByte,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the values of instances become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregation {
    /// The mean.
    Mean,
    /// The mean, instances weighing by their parts: the share of all instructions.
    WeightedMean,
    /// `exp(-mean)` of log-probabilities.
    Perplexity,
    /// `exp(-sum of log-probabilities / sum of weights)`; the weights are words or bytes.
    WeightedPerplexity,
    /// `-sum of log-probabilities / sum of bytes / ln 2`.
    BitsPerByte,
}

impl Aggregation {
    /// The name that task files use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::WeightedMean => "weighted_mean",
            Self::Perplexity => "perplexity",
            Self::WeightedPerplexity => "weighted_perplexity",
            Self::BitsPerByte => "bits_per_byte",
        }
    }
}

/// A metric with its settings (`metric_list`). The four settings of text comparison matter to `exact_match` only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
// Four independent switches of the task format.
#[allow(clippy::struct_excessive_bools)]
pub struct MetricSpec {
    /// The metric.
    pub metric: Metric,
    /// How instances are combined.
    pub aggregation: Aggregation,
    /// Whether more is better.
    pub higher_is_better: bool,
    /// Answers compare without case.
    pub ignore_case: bool,
    /// ASCII punctuation is removed before answers are compared.
    pub ignore_punctuation: bool,
    /// ASCII digits are removed before answers are compared.
    pub ignore_numbers: bool,
    /// Patterns removed before answers are compared, before the other three settings.
    pub regexes_to_ignore: Vec<String>,
}

impl MetricSpec {
    /// The metric with its default settings.
    pub fn new(metric: Metric) -> Self {
        Self {
            metric,
            aggregation: metric.default_aggregation(),
            higher_is_better: metric.higher_is_better(),
            ignore_case: false,
            ignore_punctuation: false,
            ignore_numbers: false,
            regexes_to_ignore: Vec::new(),
        }
    }
}

/// What `metadata.wit_eval` says about a task, besides where its data are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskProfile {
    /// The field of knowledge or skill, for grouping in reports; empty if not stated.
    pub domain: String,
    /// What the task measures, for people; empty if not stated.
    pub purpose: String,
    /// Whether rewording the prompt keeps its meaning, so that sensitivity can be measured.
    pub perturbable: bool,
    /// Fields of a document whose text no perturbation may change.
    pub protect: Vec<String>,
    /// The field that says which documents belong together; without it every document is its own cluster.
    pub cluster: Option<String>,
    /// What guessing scores on the primary metric, where the task knows it; `None` lets multiple choice work it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chance: Option<f64>,
    /// What readers must know before they conclude anything from the scores; stands at the top of reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Default for TaskProfile {
    fn default() -> Self {
        Self {
            domain: String::new(),
            purpose: String::new(),
            perturbable: true,
            protect: Vec::new(),
            cluster: None,
            chance: None,
            note: None,
        }
    }
}

/// Which reading of IFEval's 25 instructions is verified where programs differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerifierMode {
    /// As the benchmark's own program, made deterministic.
    #[default]
    Official,
    /// As lm-evaluation-harness.
    LmEval,
    /// With the known defects mended.
    Fixed,
}

impl VerifierMode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Official, Self::LmEval, Self::Fixed];

    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Official => "official",
            Self::LmEval => "lm-eval",
            Self::Fixed => "fixed",
        }
    }
}

impl fmt::Display for VerifierMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who judges the replies (`metadata.wit_eval.scorer`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "scorer", content = "mode")]
pub enum Scorer {
    /// Filters and metrics compare answers with targets.
    #[default]
    Targets,
    /// A program verifies the instructions of each prompt (columns `instruction_id_list` and `kwargs`).
    Instructions(VerifierMode),
    /// A program verifies every reply of a dialogue (column `turns` of `{user, checks}`).
    Dialogue,
    /// A judge rates replies from 1 to 10, as MT-Bench does.
    MtBench,
    /// A judge compares conversations with a baseline's, in both orders, as MT-Bench does.
    MtBenchPair,
    /// A judge compares replies with a baseline's, as AlpacaEval does.
    AlpacaEval,
}

impl Scorer {
    /// Whether filters and metrics do it all.
    pub fn is_targets(&self) -> bool {
        *self == Self::Targets
    }

    /// Whether another model is needed.
    pub fn needs_judge(self) -> bool {
        matches!(self, Self::MtBench | Self::MtBenchPair | Self::AlpacaEval)
    }
}

/// A benchmark task, decoded and validated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Unique name (`task`).
    pub name: String,
    /// The name that reports show (`task_alias`), where it differs.
    pub alias: Option<String>,
    /// Tags by which it can be selected.
    pub tags: Vec<String>,
    /// `metadata.version`; moves whenever a score may move.
    pub version: String,
    /// What is asked.
    pub output: OutputType,
    /// Ways from a response to an answer; never empty.
    pub filters: Vec<FilterPipeline>,
    /// What is measured; never empty.
    pub metrics: Vec<MetricSpec>,
    /// Solved examples before each question.
    pub num_fewshot: usize,
    /// How often each request is asked; 1 (others are refused when a task is loaded).
    pub repeats: usize,
    /// Who judges the replies.
    #[serde(default, skip_serializing_if = "Scorer::is_targets")]
    pub scorer: Scorer,
    /// What `metadata.wit_eval` says.
    pub profile: TaskProfile,
}

impl Task {
    /// The name for people.
    pub fn title(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.name)
    }

    /// The first metric: the one that stands for the task where there is room for one.
    pub fn primary_metric(&self) -> Option<&MetricSpec> {
        self.metrics.first()
    }

    /// The settings of a metric, if the task declares it.
    pub fn metric(&self, metric: Metric) -> Option<&MetricSpec> {
        self.metrics.iter().find(|spec| spec.metric == metric)
    }
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "name")]
pub enum Member {
    /// A task, by name.
    Task(String),
    /// A group, by name.
    Group(String),
}

impl Member {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Task(name) | Self::Group(name) => name,
        }
    }
}

/// A number that a group reports over its tasks (`aggregate_metric_list`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupAggregate {
    /// The metric that is averaged.
    pub metric: Metric,
    /// Tasks count by their number of instances (micro mean); otherwise equally (macro mean).
    pub weight_by_size: bool,
    /// Pipelines whose numbers are averaged; empty means every pipeline that the tasks share.
    pub filters: Vec<String>,
}

/// Tasks that are reported together. Groups nest, without cycles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Unique name (`group`).
    pub name: String,
    /// The name that reports show (`group_alias`), where it differs.
    pub alias: Option<String>,
    /// `metadata.version`, if stated.
    pub version: Option<String>,
    /// What the group is, for people; empty if not stated.
    pub purpose: String,
    /// Members, in the order of the file.
    pub members: Vec<Member>,
    /// What is reported over all tasks below; empty means that the group only selects.
    pub aggregates: Vec<GroupAggregate>,
}

impl Group {
    /// The name for people.
    pub fn title(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.name)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::request::Sampling;

    #[test]
    fn a_task_reads_back_from_json_as_it_was_written() {
        let task = Task {
            name: "t".into(),
            alias: None,
            tags: vec!["x".into()],
            version: "1.0".into(),
            output: OutputType::GenerateUntil(Decoding {
                max_new_tokens: 8,
                stop: vec!["\n".into()],
                sampling: Sampling::Greedy,
                sample: 0,
            }),
            filters: vec![FilterPipeline {
                name: "none".into(),
                steps: vec![
                    FilterStep::TakeFirst,
                    FilterStep::Regex(RegexFilter { pattern: "a".into(), group_select: -1, fallback: "?".into() }),
                    FilterStep::Map { mapping: BTreeMap::from([("a".into(), "b".into())]), default: None },
                ],
            }],
            metrics: vec![MetricSpec::new(Metric::ExactMatch)],
            num_fewshot: 2,
            repeats: 1,
            scorer: Scorer::Instructions(VerifierMode::LmEval),
            profile: TaskProfile::default(),
        };
        for output in [task.output.clone(), OutputType::MultipleChoice] {
            let task = Task { output, ..task.clone() };
            let text = serde_json::to_string(&task).unwrap();
            assert_eq!(serde_json::from_str::<Task>(&text).unwrap(), task);
        }
    }

    #[test]
    fn every_metric_is_found_by_its_own_name_and_serialized_with_it() {
        for metric in Metric::ALL {
            assert_eq!(Metric::from_name(metric.as_str()), Some(metric));
            assert_eq!(serde_json::to_string(&metric).unwrap(), format!("\"{metric}\""));
        }
    }
}
