//! Which weights are best, and in how many grids something holds.

use crate::analyze::analysis::Headline;
use crate::analyze::picture::{BestCell, BestWeights, Grouping, Picture};

use super::names::weights;
use super::{Cell, Form, Names, Section, Table};

const LEAD: &str = "The best cell of a grid is the one with the highest performance (of a sensitivity: the lowest); ties go to \
                    the smallest λp, then the smallest λr. Its weights are averaged over grids. A best cell is the largest of \
                    many noisy numbers: read it beside the cells that cannot be told from it.";

/// Mean weights of best cells, then every best cell.
pub(super) fn section(picture: &Picture, names: &Names<'_>) -> Option<Section> {
    let groupings = [
        (Grouping::Benchmark, "Mean weights of the best cells, by benchmark"),
        (Grouping::Dataset, "Mean weights of the best cells, by training data"),
        (Grouping::Model, "Mean weights of the best cells, by base model"),
    ];
    let mut tables = groupings
        .into_iter()
        .map(|(grouping, title)| {
            // A mean over one grid is that grid's best cell, which has a table of its own.
            let is_mean = picture.best_weights.iter().any(|entry| entry.grouping == grouping && entry.grids > 1);
            let own = picture.best_weights.iter().filter(|entry| is_mean && entry.grouping == grouping);
            let columns = ["", "Stage", "mean best λp", "mean best λr", "Grids"];
            Table::new(title, columns, own.map(|entry| weights_row(entry, names)).collect()).without_empty_columns()
        })
        .collect::<Vec<_>>();
    for benchmark in names.benchmarks_of(picture.best_cells.iter().map(|cell| cell.benchmark.as_str())) {
        let own = picture.best_cells.iter().filter(|cell| cell.benchmark == benchmark);
        let rows = own.map(|cell| cell_row(cell, names)).collect();
        let columns = ["Grid", "Measure", "Best cell", "Number", "Tied with", "Cannot be told from it", "of"];
        let title = format!("Best cells on {}", names.benchmark(benchmark));
        let table = Table::new(title, columns, rows).without_empty_columns();
        tables.push(table.detail());
    }
    Section::new("best", "Which weights are best", LEAD, tables)
}

fn weights_row(entry: &BestWeights, names: &Names<'_>) -> Vec<Cell> {
    let name = match entry.grouping {
        Grouping::Benchmark => names.benchmark(&entry.name),
        _ => entry.name.clone(),
    };
    vec![
        Cell::Name(name),
        Cell::name(entry.stage.as_deref().unwrap_or_default()),
        Cell::number(&entry.prompt, Form::Weight),
        Cell::number(&entry.response, Form::Weight),
        Cell::counted(entry.grids),
    ]
}

fn cell_row(cell: &BestCell, names: &Names<'_>) -> Vec<Cell> {
    let not_worse = match &cell.not_worse {
        None => "not known: no intervals".to_owned(),
        Some(ids) if ids.len() <= 1 => "none".to_owned(),
        Some(ids) => {
            let others = ids.iter().filter(|id| **id != cell.arm).cloned().collect::<Vec<_>>();
            format!("{}: {}", others.len(), names.cells(&others))
        }
    };
    vec![
        Cell::Name(names.series(cell.series)),
        Cell::words(cell.measure.title()),
        Cell::Words(weights(cell.weighting)),
        Cell::number(&cell.value, Form::Plain),
        Cell::Name(names.cells(&cell.tied)),
        Cell::Name(not_worse),
        Cell::Words(format!("{} cells", cell.cells)),
    ]
}

/// In how many grids something holds.
pub(super) fn counts(picture: &Picture) -> Option<Section> {
    let rows = picture.counts.iter().map(|count| {
        vec![
            Cell::name(&count.statement),
            Cell::name(count.stage.as_deref().unwrap_or_default()),
            Cell::Words(format!("{} of {}", count.hits, count.of)),
            Cell::number(&count.share, Form::Share),
        ]
    });
    let columns = ["In how many grids", "Stage", "Holds in", "Share"];
    let table = Table::new("Counts over grids", columns, rows.collect()).without_empty_columns();
    Section::new(
        "counts",
        "In how many grids it holds",
        "A count over grids of one base model, data set and benchmark. Grids that share a model are not independent: \
         intervals are clustered by base model, and a handful of models says little.",
        vec![table],
    )
}

/// The best cell by performance of a grid on a benchmark.
pub(super) fn best_performance<'a>(picture: &'a Picture, series: usize, benchmark: &str) -> Option<&'a BestCell> {
    picture
        .best_cells
        .iter()
        .find(|cell| cell.series == series && cell.benchmark == benchmark && cell.measure == Headline::Performance)
}
