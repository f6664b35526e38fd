//! The weighting picture as tables that every format shows: what is best, what it gains, and how firmly that may be said.
//!
//! A section is made once, from the analysis alone; the page, Markdown and the terminal only lay it out. Sections without
//! content are absent.

mod answer;
mod best;
mod cell;
mod gains;
mod likelihood;
mod names;
mod numbers;
mod origin;
mod relations;
mod variance;

use crate::analyze::Analysis;

pub(super) use answer::{Advice, Answer};
pub(super) use cell::{Cell, Form, explanation, p_words};
pub(super) use names::Names;
pub(super) use numbers::{NumberRow, Value};

/// A part of the report.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Section {
    /// Its anchor on the page; figures find their section by it.
    pub id: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// How it is read.
    pub lead: &'static str,
    /// Its tables, the most important first.
    pub tables: Vec<Table>,
    /// Sentences below the tables, with names from outside in them.
    pub notes: Vec<String>,
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table {
    /// Its caption, with names from outside in it.
    pub title: String,
    /// Whether it is a detail: folded on the page, absent on a terminal.
    pub is_detail: bool,
    /// Its columns; the first heads the rows.
    pub columns: Vec<Column>,
    /// Its rows.
    pub rows: Vec<Vec<Cell>>,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column {
    /// Its heading.
    pub name: &'static str,
    /// The term of the glossary that explains it.
    pub term: Option<&'static str>,
}

impl Section {
    fn new(id: &'static str, title: &'static str, lead: &'static str, tables: Vec<Table>) -> Option<Self> {
        let tables = tables.into_iter().filter(|table| !table.rows.is_empty()).collect::<Vec<_>>();
        let section = Self { id, title, lead, tables, notes: Vec::new() };
        (!section.tables.is_empty()).then_some(section)
    }
}

impl Table {
    fn new<const N: usize>(title: impl Into<String>, columns: [&'static str; N], rows: Vec<Vec<Cell>>) -> Self {
        let column = |name| Column { name, term: super::glossary::term_of(name) };
        Self { title: title.into(), is_detail: false, columns: columns.map(column).into(), rows }
    }

    fn detail(self) -> Self {
        Self { is_detail: true, ..self }
    }

    /// Whether none of its numbers has an interval: it is said once, above, then.
    pub fn is_bare(&self) -> bool {
        let numbers = || self.rows.iter().flatten().filter(|cell| cell.is_number() && cell.point() != "–");
        numbers().next().is_some() && numbers().all(Cell::lacks_interval)
    }

    /// The columns that tell something: neither empty, nor one stage for all.
    pub fn without_empty_columns(mut self) -> Self {
        let empty = |cell: Option<&Cell>| cell.is_none_or(|cell| cell.point().is_empty());
        let one_stage = |place: usize| {
            let is_stage = self.columns.get(place).is_some_and(|column| column.name == "Stage");
            let first = self.rows.first().and_then(|row| row.get(place));
            is_stage && self.rows.iter().all(|row| row.get(place) == first)
        };
        let kept = (0..self.columns.len())
            .map(|place| place == 0 || !(self.rows.iter().all(|row| empty(row.get(place))) || one_stage(place)))
            .collect::<Vec<_>>();
        retain(&mut self.columns, &kept);
        self.rows.iter_mut().for_each(|row| retain(row, &kept));
        self
    }
}

fn retain<T>(all: &mut Vec<T>, kept: &[bool]) {
    let mut kept = kept.iter();
    all.retain(|_| kept.next().copied().unwrap_or(true));
}

/// What a table without intervals says of itself.
pub(super) const BARE: &str =
    "These numbers have no intervals: whether two of them differ by more than chance cannot be told.";

/// Every section that has content, in the order of the report.
pub(super) fn sections(analysis: &Analysis) -> Vec<Section> {
    let compared = analysis.weightings.as_ref().map(|compared| (compared, Names::of(compared)));
    let mut out = Vec::new();
    if let Some((compared, names)) = &compared {
        let picture = &compared.picture;
        out.extend(best::section(picture, names));
        out.extend(gains::section(picture, names));
        out.extend(best::counts(picture));
        out.extend(relations::fronts(picture, names));
        out.extend(relations::effects(picture, names));
        out.extend(relations::trade_offs(picture, names));
        out.extend(gains::preference(picture, names));
        out.extend(relations::correlations(picture, names));
        out.extend(variance::section(picture, names));
    }
    out.extend(likelihood::section(&analysis.likelihoods));
    out.extend(analysis.published.as_ref().and_then(origin::published));
    out
}

/// What the picture leaves out, with the reasons.
pub(super) fn left_out(analysis: &Analysis) -> &[String] {
    analysis.weightings.as_ref().map_or(&[], |compared| &compared.picture.left_out)
}

/// The files of scores, as a table.
pub(super) fn scores(analysis: &Analysis) -> Option<Section> {
    analysis.scores.as_ref().and_then(origin::scores)
}

/// Every number of the picture as rows of a spreadsheet.
pub(super) fn numbers(analysis: &Analysis) -> Vec<NumberRow> {
    let mut rows = analysis.weightings.as_ref().map(numbers::picture).unwrap_or_default();
    rows.extend(numbers::likelihoods(&analysis.likelihoods));
    rows
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
