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
    let differ = comparison.rows.iter().filter(|row| !row.agrees).map(row).collect::<Vec<_>>();
    let agree = comparison.rows.iter().filter(|row| row.agrees).map(row).collect::<Vec<_>>();
    let columns = ["Place", "What", "Published", "Recomputed", ""];
    let (wrong, right) = (format!("{} that differ", count(differ.len())), format!("{} that agree", count(agree.len())));
    let tables = vec![Table::new(wrong, columns, differ), Table::new(right, columns, agree).detail()];
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
