//! What an analysis is made from: the content of run folders, already read.

use std::collections::{BTreeMap, HashMap};

use crate::record::{PlanRecord, Purpose, ScoreRecord, SkippedVariant};
use crate::request::Request;
use crate::response::Response;
use crate::sensitivity::PosixMode;
use crate::store::Manifest;
use crate::variant::VariantId;

use super::analysis::PerturbationNote;
use super::answers::AnswerNames;
use super::picture::CharacteristicsRow;

/// Finds the recorded response of a checkpoint (by label) to a request.
pub type ResponseOf<'a> = dyn Fn(&str, &Request) -> Option<&'a Response> + Sync + 'a;

/// The content of one run's folder.
pub struct RunInputs<'a> {
    /// Name of the run.
    pub name: &'a str,
    /// `run.json`.
    pub manifest: &'a Manifest,
    /// `plan.jsonl`.
    pub plan: &'a [PlanRecord],
    /// `skipped.jsonl`.
    pub skipped: &'a [SkippedVariant],
    /// `scores.jsonl`.
    pub scores: &'a [ScoreRecord],
    /// Who judged what no program verifies, for people.
    pub judged_by: Option<&'a str>,
    /// Looks into `responses.jsonl`; asked for prompt sets and for the few instances that are shown.
    pub response_of: &'a ResponseOf<'a>,
}

/// What a reader may choose.
#[derive(Debug, Clone)]
pub struct AnalyzeOptions {
    /// Coverage of intervals, in `(0, 1)`.
    pub level: f64,
    /// Which arithmetic POSIX uses.
    pub posix_mode: PosixMode,
    /// Flipped instances shown for each checkpoint and task.
    pub flipped_per_task: usize,
    /// What the perturbations change and keep, for the report's own explanations.
    pub notes: Vec<PerturbationNote>,
    /// What is known of base models and training data beyond the records.
    pub characteristics: Vec<CharacteristicsRow>,
}

impl Default for AnalyzeOptions {
    fn default() -> Self {
        Self {
            level: 0.95,
            posix_mode: PosixMode::Definition,
            flipped_per_task: 3,
            notes: Vec::new(),
            characteristics: Vec::new(),
        }
    }
}

/// The name of a perturbation's row: `typo`, or `typo@heavy` where the strength is not the default.
pub(crate) fn row_name(variant: &VariantId) -> String {
    match variant.strength.as_str() {
        "" | "default" => variant.perturbation.clone(),
        strength => format!("{}@{strength}", variant.perturbation),
    }
}

/// The questions of one task, indexed.
pub(crate) struct TaskPlan<'a> {
    /// Instances with their clusters, in plan order.
    pub instances: Vec<(&'a str, &'a str)>,
    /// Columns: original first, then in the order of the run's settings.
    pub variants: Vec<VariantId>,
    /// Row of an instance. Looked up, never iterated.
    pub row: HashMap<&'a str, usize>,
    /// Column of a variant.
    pub column: BTreeMap<VariantId, usize>,
    /// The question at (row, column). Looked up, never iterated.
    pub question: HashMap<(usize, usize), &'a PlanRecord>,
    /// What answers are called under every wording.
    pub answers: AnswerNames,
    /// The prompt sets.
    pub prompt_sets: Vec<&'a PlanRecord>,
    /// Variants that could not be made.
    pub skipped: Vec<&'a SkippedVariant>,
}

/// Indexes a plan by task.
pub(crate) fn by_task<'a>(run: &RunInputs<'a>) -> BTreeMap<&'a str, TaskPlan<'a>> {
    let mut order: HashMap<String, usize> = HashMap::new();
    for spec in &run.manifest.settings.perturbations {
        let name = spec.split(':').next().unwrap_or_default();
        let name = name.strip_suffix("@default").unwrap_or(name);
        let next = order.len();
        order.entry(name.to_owned()).or_insert(next);
    }
    let rank = |variant: &VariantId| {
        let place = if variant.is_original() { None } else { Some(()) };
        place.map(|()| order.get(&row_name(variant)).copied().unwrap_or(usize::MAX))
    };
    let mut questions: BTreeMap<&str, Vec<&PlanRecord>> = BTreeMap::new();
    // Likelihoods belong to no task, whatever a task may be called.
    for record in run.plan.iter().filter(|record| !matches!(record.purpose, Purpose::Likelihood { .. })) {
        questions.entry(&record.task).or_default().push(record);
    }
    let mut skipped: BTreeMap<&str, Vec<&SkippedVariant>> = BTreeMap::new();
    for record in run.skipped {
        skipped.entry(&record.task).or_default().push(record);
    }
    questions
        .into_iter()
        .map(|(task, records)| {
            let left_out = skipped.remove(task).unwrap_or_default();
            (task, TaskPlan::new(&records, left_out, rank))
        })
        .collect()
}

impl<'a> TaskPlan<'a> {
    fn new<K: Ord>(
        records: &[&'a PlanRecord],
        skipped: Vec<&'a SkippedVariant>,
        rank: impl Fn(&VariantId) -> K,
    ) -> Self {
        let judged = records.iter().filter_map(|record| match &record.purpose {
            Purpose::Judge { variant, .. } => Some(variant),
            Purpose::Posix { .. } | Purpose::Likelihood { .. } => None,
        });
        let mut variants = judged.chain(skipped.iter().map(|skip| &skip.variant)).collect::<Vec<_>>();
        variants.sort_by_cached_key(|variant| (rank(variant), (*variant).clone()));
        variants.dedup();
        let original = VariantId::original();
        let columns = std::iter::once(original.clone())
            .chain(variants.into_iter().filter(|variant| !variant.is_original()).cloned())
            .collect::<Vec<_>>();
        let column = columns.iter().cloned().zip(0..).collect::<BTreeMap<_, _>>();
        let mut plan = Self {
            instances: Vec::new(),
            variants: columns,
            row: HashMap::new(),
            column,
            question: HashMap::new(),
            answers: AnswerNames::default(),
            prompt_sets: Vec::new(),
            skipped,
        };
        for record in records {
            match &record.purpose {
                Purpose::Posix { .. } => plan.prompt_sets.push(record),
                Purpose::Likelihood { .. } => {}
                Purpose::Judge { variant, .. } => {
                    let next = plan.instances.len();
                    let row = *plan.row.entry(&record.instance).or_insert(next);
                    if row == next {
                        plan.instances.push((&record.instance, &record.cluster));
                    }
                    if let Some(column) = plan.column.get(variant) {
                        plan.question.insert((row, *column), record);
                    }
                }
            }
        }
        plan.answers = AnswerNames::new(plan.instances.len(), &plan.variants, &plan.question);
        plan
    }
}
