//! What is drawn and said about a grid of weightings, as it stands in `analysis.json`. Made from arms and their numbers,
//! whether these come from runs or from a table of scores.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::analyze::analysis::{Headline, ReasonCount};
use crate::sensitivity::Measure;
use crate::weighting::Weighting;

pub use crate::data::characteristics::Row as CharacteristicsRow;
pub use crate::record::LikelihoodPart as TextPart;

/// A grid of weightings: arms that share base model, data and stage.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// The number that its arms carry.
    pub number: usize,
    /// For people: `sft of Llama-3.2-1B on alpaca-cleaned`, as far as it is known.
    pub name: String,
    /// The base model, where known.
    pub model: Option<String>,
    /// The training data, where known.
    pub dataset: Option<String>,
    /// `sft` or `dpo`, where known.
    pub stage: Option<String>,
    /// What is known of model and data, by name ([`CHARACTERISTICS`] or the user's own).
    #[serde(default)]
    pub characteristics: BTreeMap<String, f64>,
}

/// Characteristics of model and data that the paper's Table 5 correlates with the best prompt weight: name, meaning.
pub const CHARACTERISTICS: [(&str, &str); 5] = [
    ("generation_ratio", "response tokens / prompt tokens, mean over examples"),
    ("prompt_length", "prompt tokens, mean over examples"),
    ("ngram_diversity", "distinct n-grams / n-grams of the prompts, mean over n = 1 to 4"),
    ("prompt_log_prob", "mean log-probability of a prompt token under the base model, nats"),
    ("model_size", "parameters"),
];

/// The ability that a benchmark asks for: the paper's trade-off is between the first two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// Doing what the instruction says, verifiably (`IFEval` and its like).
    Adherence,
    /// Answering well in conversation (`AlpacaEval`, MT-Bench and their like).
    Conversation,
    /// Knowing and reasoning (MMLU, BBH and their like).
    Knowledge,
}

/// Everything that is drawn and said about the grids.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// The best cell of every series, benchmark and measure.
    pub best_cells: Vec<BestCell>,
    /// Mean weights of the best cells: by benchmark, data, model (the paper's Tables 2, 4 and 6).
    pub best_weights: Vec<BestWeights>,
    /// The best cell against conventional tuning, one a series and benchmark (Table 1).
    pub gains: Vec<Gain>,
    /// The mean of `gains` over series, one a benchmark and stage.
    pub mean_gains: Vec<MeanGain>,
    /// In how many grids something holds.
    pub counts: Vec<Count>,
    /// Who is on the front of performance against sensitivity.
    pub fronts: Vec<Front>,
    /// Adherence against conversation.
    pub trade_offs: Vec<TradeOff>,
    /// What one weight does to a measure, the other averaged out.
    pub weight_effects: Vec<WeightEffect>,
    /// Preference-tuned arms against the arms that they were tuned from.
    pub preference_gains: Vec<PreferenceGain>,
    /// The best prompt weight against characteristics of model and data (Table 5).
    pub correlations: Vec<CharacteristicCorrelation>,
    /// Where variance comes from.
    pub variance: Vec<VarianceDecomposition>,
    /// What to do, in words that claim no more than the intervals allow.
    pub recommendations: Vec<Recommendation>,
    /// What is left out and why.
    pub left_out: Vec<String>,
}

/// The best cell of a grid. Ties go to the smallest prompt weight, then to the smallest response weight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BestCell {
    /// The series.
    pub series: usize,
    /// The benchmark.
    pub benchmark: String,
    /// The measure.
    pub measure: Headline,
    /// The arm.
    pub arm: String,
    /// Its weights.
    pub weighting: Weighting,
    /// Its number.
    pub value: Measure,
    /// Other arms with exactly the same point.
    pub tied: Vec<String>,
    /// Cells that cannot be told from the best, itself included; `None` where the numbers have no intervals.
    pub not_worse: Option<Vec<String>>,
    /// Cells of the grid.
    pub cells: usize,
}

/// What best cells are averaged over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grouping {
    /// The grids of one benchmark.
    Benchmark,
    /// The grids of one data set, all benchmarks but the mean.
    Dataset,
    /// The grids of one base model, all benchmarks but the mean.
    Model,
}

/// Mean weights of best cells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BestWeights {
    /// What is averaged over.
    pub grouping: Grouping,
    /// Name of the benchmark, data set or model.
    pub name: String,
    /// `sft` or `dpo`, where known.
    pub stage: Option<String>,
    /// Mean of the best prompt weight, with the interval of a share over grids where there are several.
    pub prompt: Measure,
    /// Mean of the best response weight.
    pub response: Measure,
    /// Grids.
    pub grids: usize,
}

/// The best cell against conventional tuning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gain {
    /// The series.
    pub series: usize,
    /// The benchmark.
    pub benchmark: String,
    /// The best arm by performance.
    pub arm: String,
    /// Conventional tuning's arm.
    pub reference: String,
    /// The best arm's number.
    pub arm_value: Measure,
    /// Conventional tuning's number.
    pub reference_value: Measure,
    /// `(arm - reference) / reference`; the interval is simultaneous over the cells that the best was chosen from.
    pub relative: Measure,
    /// Cells that the best was chosen from: its gain is the largest of so many noisy numbers.
    pub chosen_from: usize,
    /// The same by the mean over benchmarks that a table of scores gives itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_given: Option<Measure>,
}

/// The mean of relative gains over series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeanGain {
    /// The benchmark.
    pub benchmark: String,
    /// `sft` or `dpo`, where known.
    pub stage: Option<String>,
    /// Mean over series, each counting once.
    pub relative: Measure,
    /// Series.
    pub series: usize,
    /// The same by the mean over benchmarks that a table of scores gives itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_given: Option<Measure>,
}

/// In how many grids something holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Count {
    /// A fixed name for programs: `best_prompt_weight_within_0_0.6`.
    pub name: String,
    /// For people: `the best prompt weight lies in 0 to 0.6`.
    pub statement: String,
    /// `sft` or `dpo`, where known.
    pub stage: Option<String>,
    /// Grids in which it holds.
    pub hits: usize,
    /// Grids.
    pub of: usize,
    /// `hits / of`.
    pub share: Measure,
}

/// Performance against sensitivity: who is not beaten in both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Front {
    /// The series.
    pub series: usize,
    /// The benchmark.
    pub benchmark: String,
    /// The measure of sensitivity.
    pub sensitivity: Headline,
    /// Arms that no arm beats or equals in both and beats in one, by points; best performance first.
    pub front: Vec<String>,
    /// Arms that no arm is shown to beat in one of the two without being shown worse in the other, the front included;
    /// `None` where the numbers have no intervals.
    pub not_excluded: Option<Vec<String>>,
}

/// Adherence against conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TradeOff {
    /// The series.
    pub series: usize,
    /// Benchmark of adherence.
    pub adherence: String,
    /// Benchmark of conversation.
    pub conversation: String,
    /// One an arm that has both.
    pub points: Vec<TradeOffPoint>,
    /// Best arm by adherence.
    pub best_adherence: String,
    /// Best arm by conversation.
    pub best_conversation: String,
    /// Spearman's correlation of the two over arms.
    pub correlation: Measure,
}

/// An arm's two numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TradeOffPoint {
    /// The arm.
    pub arm: String,
    /// Adherence.
    pub adherence: Measure,
    /// Conversation.
    pub conversation: Measure,
}

/// Which of the two weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightAxis {
    /// `lambda_p`.
    Prompt,
    /// `lambda_r`.
    Response,
}

/// What one weight does to a measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WeightEffect {
    /// The series.
    pub series: usize,
    /// The benchmark.
    pub benchmark: String,
    /// The measure.
    pub measure: Headline,
    /// The weight.
    pub axis: WeightAxis,
    /// Mean over the arms with each value of the weight, by rising weight.
    pub levels: Vec<WeightLevel>,
    /// Change of the measure by one unit of the weight: least squares on both weights.
    pub slope: Measure,
    /// Spearman's correlation of weight and measure over arms.
    pub correlation: Measure,
}

/// The mean at one value of a weight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WeightLevel {
    /// The value of the weight.
    pub weight: f64,
    /// Mean over arms.
    pub value: Measure,
    /// Arms.
    pub arms: usize,
}

/// A preference-tuned arm against the arm that it was tuned from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreferenceGain {
    /// The benchmark.
    pub benchmark: String,
    /// The measure.
    pub measure: Headline,
    /// The preference-tuned arm.
    pub arm: String,
    /// The arm before.
    pub before: String,
    /// Its number.
    pub value: Measure,
    /// The number before.
    pub value_before: Measure,
    /// Paired difference, after minus before.
    pub difference: Measure,
    /// `difference / value_before`.
    pub relative: Measure,
}

/// The best prompt weight against one characteristic, over series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CharacteristicCorrelation {
    /// Name of the characteristic.
    pub characteristic: String,
    /// The benchmark; `all` for every benchmark but the mean together.
    pub benchmark: String,
    /// Spearman's rho.
    pub spearman: Measure,
    /// p-value of rho.
    pub spearman_p: Option<f64>,
    /// Kendall's tau-b.
    pub kendall: Measure,
    /// p-value of tau.
    pub kendall_p: Option<f64>,
    /// Benjamini-Hochberg's adjusted p-value of rho over all rows.
    pub p_adjusted: Option<f64>,
}

/// Where variance comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VarianceSource {
    /// Which items were asked.
    Item,
    /// How they were worded.
    Variant,
    /// Which items suffer from which wording.
    ItemByVariant,
    /// The training seed.
    Seed,
    /// The loss weighting.
    Weighting,
    /// What is left.
    Residual,
}

/// Variance of a credit by source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VarianceDecomposition {
    /// The series.
    pub series: usize,
    /// The benchmark.
    pub benchmark: String,
    /// One a source that the design can tell apart.
    pub components: Vec<VarianceShare>,
    /// Which sources cannot be told apart and why.
    pub left_out: Vec<ReasonCount>,
}

/// One source of variance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VarianceShare {
    /// The source.
    pub source: VarianceSource,
    /// The variance, squared credit units.
    pub variance: Measure,
    /// Its share of the sum.
    pub share: f64,
}

/// How firm a recommendation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Firmness {
    /// One weighting is shown to be best.
    Clear,
    /// Several cannot be told apart.
    Tied,
    /// The numbers have no intervals, or too few data.
    NotSupported,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recommendation {
    /// The series.
    pub series: usize,
    /// How firm.
    pub firmness: Firmness,
    /// The weightings that it names.
    pub arms: Vec<String>,
    /// In words.
    pub text: String,
}

/// How likely a checkpoint finds prompts and responses (the paper's Figure 5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LikelihoodAnalysis {
    /// Identifier of the checkpoint.
    pub checkpoint: String,
    /// Name of the data.
    pub source: String,
    /// Prompts or responses.
    pub part: TextPart,
    /// Mean over texts of the mean log-probability per token, nats.
    pub mean: Measure,
    /// Quantiles of it: (share, value).
    pub quantiles: Vec<[f64; 2]>,
    /// Kernel density on a grid shared by all checkpoints: (nats per token, density).
    pub density: Vec<[f64; 2]>,
    /// Texts without a number, by reason.
    pub failed: Vec<ReasonCount>,
}

/// Where a table of scores comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoresSource {
    /// The files.
    pub files: Vec<ScoresFile>,
    /// Factors by which a benchmark was multiplied before it was averaged with others.
    pub scales: BTreeMap<String, f64>,
}

/// A file of scores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoresFile {
    /// Its name, without folders.
    pub name: String,
    /// SHA-256 of its content.
    pub digest: crate::digest::Digest,
    /// Rows.
    pub rows: usize,
}

/// Published figures beside what the scores give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedComparison {
    /// Who published them.
    pub source: String,
    /// One a figure.
    pub rows: Vec<PublishedFigure>,
    /// What the comparison shows to be wrong in print, in words.
    pub slips: Vec<String>,
}

/// A published figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedFigure {
    /// Where it is printed: `Table 2`.
    pub place: String,
    /// What it is about.
    pub subject: String,
    /// As printed.
    pub published: String,
    /// As the scores give it, to the printed digits.
    pub recomputed: String,
    /// Whether the two are the same.
    pub agrees: bool,
}
