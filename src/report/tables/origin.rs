//! Where a table of scores comes from, and what was published of it.

use crate::analyze::number::count;
use crate::analyze::picture::{PublishedComparison, ScoresSource};

use super::{Cell, Section, Table};

/// Published figures beside what the scores give.
pub(super) fn published(comparison: &PublishedComparison) -> Option<Section> {
    let row = |figure: &crate::analyze::picture::PublishedFigure| {
        vec![
            Cell::name(&figure.place),
            Cell::name(&figure.subject),
            Cell::name(&figure.published),
            Cell::name(&figure.recomputed),
            Cell::words(if figure.agrees { "✓ agrees" } else { "✗ differs" }),
        ]
    };
    // What differs first.
    let (agree, differ): (Vec<_>, Vec<_>) = comparison.rows.iter().partition(|row| row.agrees);
    let title = format!("{} differ, {} agree", count(differ.len()), count(agree.len()));
    let columns = ["Place", "What", "Published", "Recomputed", ""];
    let tables = vec![Table::new(title, columns, differ.into_iter().chain(agree).map(row).collect())];
    let mut section = Section::new(
        "published",
        "Published and recomputed",
        "Figures as they are printed, beside what the scores give to the printed digits. These figures have no intervals.",
        tables,
    )?;
    section.notes.push(format!("Published by: {}", comparison.source));
    section.notes.extend(comparison.slips.iter().cloned());
    Some(section)
}

/// The files and the factors.
pub(super) fn scores(source: &ScoresSource) -> Option<Section> {
    let files = source.files.iter().map(|file| {
        vec![Cell::name(&file.name), Cell::counted(file.rows), Cell::Name(file.digest.as_str().to_owned())]
    });
    let scales = source.scales.iter().map(|(name, factor)| vec![Cell::name(name), Cell::Words(format!("× {factor}"))]);
    Section::new(
        "scores",
        "The scores",
        "Where the numbers come from. Equal digests mean equal bytes.",
        vec![
            Table::new("Files of scores", ["File", "Rows", "SHA-256"], files.collect()),
            Table::new("Multiplied before it is averaged with others", ["Benchmark", "Factor"], scales.collect()),
        ],
    )
}
