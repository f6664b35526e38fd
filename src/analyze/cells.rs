//! Scores, sorted into one table a checkpoint, task, metric and filter.

use std::collections::{BTreeMap, HashMap};

use crate::instance::Expectation;
use crate::record::{Purpose, ScoreRecord};
use crate::score::Score;
use crate::scoring::{WeightedCredit, weight};
use crate::sensitivity::{CreditMatrix, MatrixRow};
use crate::stats::cluster_indices;
use crate::task::MetricSpec;
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
pub(super) struct Cells<'p, 'a> {
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
        let cells = tables.entry(key).or_insert_with(|| Cells { plan, scores: HashMap::new() });
        cells.scores.insert((row, column), record);
    }
    Ok(tables)
}

impl<'p, 'a> Cells<'p, 'a> {
    /// A table without scores, for a checkpoint that was not asked yet.
    pub fn empty(plan: &'p TaskPlan<'a>) -> Self {
        Self { plan, scores: HashMap::new() }
    }

    /// The score at a cell.
    pub fn score(&self, row: usize, column: usize) -> Option<&'a ScoreRecord> {
        self.scores.get(&(row, column)).copied()
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

    /// The credits of these columns with the weights that the metric gives them.
    pub fn weighted(&self, spec: &MetricSpec, columns: &[usize]) -> Vec<WeightedCredit> {
        let clusters = cluster_indices(self.plan.instances.iter().map(|(_, cluster)| *cluster));
        let rows = clusters.into_iter().enumerate();
        rows.flat_map(|(row, cluster)| columns.iter().map(move |column| (row, *column, cluster)))
            .filter_map(|(row, column, cluster)| {
                let credit = self.credit(row, column)?;
                let question = self.plan.question.get(&(row, column))?;
                Some(WeightedCredit { credit, weight: weight(spec.metric, &question.request), cluster })
            })
            .collect()
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

    /// The answer in words that mean the same under every variant, so that agreement can be counted.
    ///
    /// A choice is compared by its place in the list, because formats rename options (`A`, `(a)`, `1.`); where the
    /// options themselves are moved, by its text. Where options are moved and named by letters only, letters of two
    /// variants name different options: there is no comparable answer.
    fn comparable_answer(&self, row: usize, column: usize) -> Option<String> {
        let Score::Scored { answer, credit, .. } = &self.score(row, column)?.score else {
            return None;
        };
        if !credit.is_finite() {
            return None;
        }
        let choices = |column: usize| match &self.plan.question.get(&(row, column))?.purpose {
            Purpose::Judge { expectation: Expectation::Choice { choices, .. }, .. }
            | Purpose::Judge { expectation: Expectation::Text { choices, .. }, .. } => Some(choices),
            _ => None,
        };
        let answer = answer.trim();
        let Some((own, original)) = choices(column).zip(choices(0)).filter(|(own, _)| !own.is_empty()) else {
            return Some(answer.to_owned());
        };
        if self.plan.variants.get(column).is_some_and(|variant| variant.perturbation == MOVES_OPTIONS) {
            return (original != own).then(|| answer.to_owned());
        }
        let place = own.iter().position(|choice| choice.trim() == answer);
        let name = place.and_then(|place| original.get(place)).map_or(answer, |choice| choice.trim());
        Some(name.to_owned())
    }
}

/// The perturbation that moves options.
const MOVES_OPTIONS: &str = "option_order";

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
