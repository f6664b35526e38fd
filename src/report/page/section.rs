//! Sections of the weighting picture as the templates take them.

use serde::Serialize;

use crate::report::tables::{Answer, BARE, Cell, Section, Table};

use super::figure::{FigureView, Figures};
use super::minus;

#[derive(Serialize)]
pub(super) struct SectionView {
    id: &'static str,
    title: &'static str,
    lead: &'static str,
    figures: Vec<FigureView>,
    tables: Vec<TableView>,
    notes: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct TableView {
    title: String,
    is_detail: bool,
    bare: &'static str,
    columns: Vec<ColumnView>,
    rows: Vec<Vec<CellView>>,
}

#[derive(Serialize)]
struct ColumnView {
    name: &'static str,
    term: &'static str,
    is_text: bool,
}

/// A cell: words alone where there is no explanation.
#[derive(Serialize)]
struct CellView {
    point: String,
    interval: String,
    tip: String,
    is_text: bool,
}

/// The answer at the top.
#[derive(Serialize)]
pub(super) struct AnswerView<'a> {
    advice: Vec<AdviceView>,
    more_advice: Vec<AdviceView>,
    lines: Vec<String>,
    glance: Option<TableView>,
    results: Vec<&'a str>,
    more_results: Vec<&'a str>,
    warnings: Vec<&'a str>,
}

#[derive(Serialize)]
struct AdviceView {
    series: String,
    mark: &'static str,
    firmness: &'static str,
    style: &'static str,
    text: String,
}

/// Recommendations that stand open; the others are folded.
const OPEN_ADVICE: usize = 3;

/// Findings that stand open beside recommendations.
const OPEN_RESULTS: usize = 8;

impl<'a> AnswerView<'a> {
    pub fn of(answer: Answer<'a>) -> Self {
        let advice = answer.advice.into_iter().map(|entry| AdviceView {
            series: entry.series,
            mark: entry.mark,
            firmness: entry.firmness,
            style: entry.style,
            text: entry.text,
        });
        let (advice, more_advice) = split(advice.collect(), OPEN_ADVICE);
        let (results, more_results) = split(answer.results, OPEN_RESULTS);
        Self {
            advice,
            more_advice,
            lines: answer.lines,
            glance: answer.glance.as_ref().map(table_view),
            results,
            more_results,
            warnings: answer.warnings,
        }
    }

    /// Whether there is more than statements.
    pub fn is_empty(&self) -> bool {
        self.advice.is_empty() && self.lines.is_empty() && self.glance.is_none()
    }
}

fn split<T>(mut all: Vec<T>, at: usize) -> (Vec<T>, Vec<T>) {
    let rest = all.split_off(at.min(all.len()));
    (all, rest)
}

/// A section with its figures.
pub(super) fn section_view(section: &Section, figures: &mut Figures) -> SectionView {
    SectionView {
        id: section.id,
        title: section.title,
        lead: section.lead,
        figures: figures.of_section(section.id),
        tables: section.tables.iter().map(table_view).collect(),
        notes: section.notes.clone(),
    }
}

fn table_view(table: &Table) -> TableView {
    let is_bare = table.is_bare();
    let has_text = |place: usize| table.rows.iter().any(|row| matches!(row.get(place), Some(Cell::Name(_))));
    let column = |(place, column): (usize, &crate::report::tables::Column)| ColumnView {
        name: column.name,
        term: column.term.unwrap_or_default(),
        is_text: has_text(place),
    };
    TableView {
        title: table.title.clone(),
        is_detail: table.is_detail,
        bare: if is_bare { BARE } else { "" },
        columns: table.columns.iter().enumerate().map(column).collect(),
        rows: table.rows.iter().map(|row| row.iter().map(|cell| cell_view(cell, is_bare)).collect()).collect(),
    }
}

fn cell_view(cell: &Cell, is_bare: bool) -> CellView {
    let is_name = matches!(cell, Cell::Name(_));
    let interval = match cell.interval() {
        Some(interval) => minus(&interval),
        None if cell.lacks_interval() && !is_bare => "no interval".to_owned(),
        None => String::new(),
    };
    CellView {
        point: if is_name { cell.point() } else { minus(&cell.point()) },
        interval,
        tip: cell.explanation(),
        is_text: is_name,
    }
}
