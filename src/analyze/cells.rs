//! Scores, sorted into one table a checkpoint, task, metric and filter.

use std::collections::{BTreeMap, HashMap};

use crate::record::{Purpose, ScoreRecord};
use crate::score::Score;
use crate::scoring::{WeightedCredit, weight};
use crate::sensitivity::{CreditMatrix, MatrixRow};
use crate::stats::cluster_indices;
use crate::task::{Metric, MetricSpec};
use crate::variant::VariantId;

use super::AnalyzeError;
use super::analysis::ReasonCount;
use super::inputs::{RunInputs, TaskPlan};

/// Names one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CellsKey<'a> {
    pub checkpoint: &'a str,
    pub task: &'a str,
    pub metric: &'a str,
    pub filter: &'a str,
}

/// Rows are instances, columns are variants.
pub(crate) struct Cells<'p, 'a> {
    pub plan: &'p TaskPlan<'a>,
    scores: HashMap<(usize, usize), &'a ScoreRecord>,
}

/// Sorts a run's scores. A score whose question is not in the plan is refused: the files do not belong together.
pub(super) fn tables<'p, 'a>(
    run: &RunInputs<'a>,
    plans: &'p BTreeMap<&'a str, TaskPlan<'a>>,
) -> Result<BTreeMap<CellsKey<'a>, Cells<'p, 'a>>, AnalyzeError> {
    let mut tables: BTreeMap<CellsKey<'a>, Cells<'p, 'a>> = BTreeMap::new();
    for record in run.scores {
        let stray = || AnalyzeError::StrayScore {
            run: run.name.to_owned(),
            task: record.task.clone(),
            instance: record.instance.clone(),
            variant: record.variant.to_string(),
        };
        let plan = plans.get(record.task.as_str()).ok_or_else(stray)?;
        let row = *plan.row.get(record.instance.as_str()).ok_or_else(stray)?;
        let column = *plan.column.get(&record.variant).ok_or_else(stray)?;
        let key = CellsKey {
            checkpoint: &record.checkpoint,
            task: &record.task,
            metric: &record.metric,
            filter: &record.filter,
        };
        let is_share = Metric::from_name(&record.metric).is_some_and(Metric::is_share);
        if let Some(credit) = record.score.credit().filter(|credit| is_share && !(0.0..=1.0).contains(credit)) {
            let ScoreRecord { task, instance, variant, metric, .. } = record;
            let place = format!("{task}, instance {instance}, variant {variant} a {metric} of");
            return Err(AnalyzeError::Credit { run: run.name.to_owned(), place, credit });
        }
        let cells = tables.entry(key).or_insert_with(|| Cells { plan, scores: HashMap::new() });
        cells.insert(row, column, record);
    }
    Ok(tables)
}

impl<'p, 'a> Cells<'p, 'a> {
    /// A table without scores, for a checkpoint that was not asked yet.
    pub fn empty(plan: &'p TaskPlan<'a>) -> Self {
        Self { plan, scores: HashMap::new() }
    }

    /// A score at its cell, in place of one that was there.
    pub fn insert(&mut self, row: usize, column: usize, record: &'a ScoreRecord) {
        self.scores.insert((row, column), record);
    }

    /// The score at a cell.
    pub fn score(&self, row: usize, column: usize) -> Option<&'a ScoreRecord> {
        self.scores.get(&(row, column)).copied()
    }

    /// Cells whose prompt did not fit the model's context.
    pub fn cut_prompts(&self) -> usize {
        let rows = 0..self.plan.instances.len();
        let cells = rows.flat_map(|row| (0..self.plan.variants.len()).map(move |column| (row, column)));
        cells.filter(|(row, column)| self.score(*row, *column).is_some_and(|score| score.prompt_tokens_cut > 0)).count()
    }

    /// The credit at a cell.
    pub fn credit(&self, row: usize, column: usize) -> Option<f64> {
        self.score(row, column).and_then(|record| record.score.credit()).filter(|credit| credit.is_finite())
    }

    /// The columns of a row of the report: those whose variant satisfies `belongs`, the original aside.
    pub fn columns(&self, belongs: impl Fn(&VariantId) -> bool) -> Vec<usize> {
        let columns = self.plan.variants.iter().enumerate().skip(1);
        columns.filter(|(_, variant)| belongs(variant)).map(|(column, _)| column).collect()
    }

    /// Original and these columns, as the indices read them.
    pub fn matrix(&self, columns: &[usize]) -> Result<CreditMatrix, AnalyzeError> {
        let with_original = || std::iter::once(0).chain(columns.iter().copied());
        let variants = with_original().filter_map(|column| self.plan.variants.get(column).cloned()).collect();
        let rows = self.plan.instances.iter().enumerate().map(|(row, (instance, cluster))| MatrixRow {
            instance: (*instance).to_owned(),
            cluster: (*cluster).to_owned(),
            credits: with_original().map(|column| self.credit(row, column)).collect(),
            answers: with_original().map(|column| self.comparable_answer(row, column)).collect(),
        });
        Ok(CreditMatrix::new(variants, rows.collect())?)
    }

    /// One credit an instance over these columns: an instance's wordings count together as one, each with the weight
    /// that the metric gives it.
    pub fn weighted(&self, spec: &MetricSpec, columns: &[usize]) -> Vec<WeightedCredit> {
        let clusters = cluster_indices(self.plan.instances.iter().map(|(_, cluster)| *cluster));
        let rows = self.weighted_rows(spec, columns).into_iter().zip(clusters);
        rows.filter_map(|(row, cluster)| row.map(|(credit, weight)| WeightedCredit { credit, weight, cluster }))
            .collect()
    }

    /// The same in plan order: credit and weight, `None` for instances without a score.
    pub fn weighted_rows(&self, spec: &MetricSpec, columns: &[usize]) -> Vec<Option<(f64, f64)>> {
        let item = |row: usize| {
            let cells = columns.iter().filter_map(|column| {
                let question = self.plan.question.get(&(row, *column))?;
                let Purpose::Judge { expectation, .. } = &question.purpose else { return None };
                Some((self.credit(row, *column)?, weight(spec.metric, expectation, &question.request)))
            });
            together(&cells.collect::<Vec<_>>())
        };
        (0..self.plan.instances.len()).map(item).collect()
    }

    /// Why cells of these columns that were asked have no credit.
    pub fn unscored(&self, columns: &[usize]) -> Vec<ReasonCount> {
        let rows = 0..self.plan.instances.len();
        let cells = rows.flat_map(|row| columns.iter().map(move |column| (row, *column)));
        let asked = cells.filter(|cell| self.plan.question.contains_key(cell));
        count_reasons(asked.filter_map(|(row, column)| match self.score(row, column).map(|record| &record.score) {
            None => Some("no score on record: the run is unfinished, or was not scored"),
            Some(Score::Unscored { reason }) => Some(reason.as_str()),
            Some(Score::Scored { credit, .. }) if !credit.is_finite() => Some("the recorded credit is not finite"),
            Some(Score::Scored { .. }) => None,
        }))
    }

    /// The answer in the original's terms, see [`super::answers`].
    fn comparable_answer(&self, row: usize, column: usize) -> Option<String> {
        match &self.score(row, column)?.score {
            Score::Scored { answer, credit, .. } if credit.is_finite() => self.plan.answers.name(row, column, answer),
            _ => None,
        }
    }
}

/// The weighted mean of credits, around the first so that equal credits give exactly that credit, and the mean weight.
fn together(cells: &[(f64, f64)]) -> Option<(f64, f64)> {
    let (origin, _) = *cells.first()?;
    let total = cells.iter().map(|(_, weight)| weight).sum::<f64>();
    let moved = cells.iter().map(|(credit, weight)| (credit - origin) * weight).sum::<f64>();
    let credit = if total > 0.0 { origin + moved / total } else { origin };
    Some((credit, total / cells.len() as f64))
}

/// Counts equal reasons, most frequent first, ties in the order of the alphabet.
pub(super) fn count_reasons<'r>(reasons: impl Iterator<Item = &'r str>) -> Vec<ReasonCount> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in reasons {
        *counts.entry(reason).or_default() += 1;
    }
    let mut counts =
        counts.into_iter().map(|(reason, count)| ReasonCount { reason: reason.to_owned(), count }).collect::<Vec<_>>();
    counts.sort_by_key(|entry| std::cmp::Reverse(entry.count));
    counts
}
