//! Where variance comes from.

use crate::analyze::picture::{Picture, VarianceSource};

use super::{Cell, Form, Names, Section, Table};

/// One table a benchmark and grid.
pub(super) fn section(picture: &Picture, names: &Names<'_>) -> Option<Section> {
    let mut tables = Vec::new();
    for entry in &picture.variance {
        let rows = entry.components.iter().map(|component| {
            vec![
                Cell::words(source_words(component.source)),
                Cell::number(&component.variance, Form::Plain),
                Cell::Words(Form::Share.text(component.share)),
            ]
        });
        let title = if names.has_several_series() {
            format!("{}: {}", names.benchmark(&entry.benchmark), names.series(entry.series))
        } else {
            names.benchmark(&entry.benchmark)
        };
        let table = Table::new(title, ["Source", "Variance", "Share of the sum"], rows.collect());
        tables.push(if tables.is_empty() { table } else { table.detail() });
    }
    let mut section = Section::new(
        "variance",
        "Where variance comes from",
        "Variance of a single credit by source, in squared credit units. Shares are of the sum of the estimated variances and \
         have no interval of their own; the variances have.",
        tables,
    )?;
    let mut said = std::collections::BTreeSet::new();
    for entry in &picture.variance {
        for reason in &entry.left_out {
            if said.insert(reason.reason.as_str()) {
                section.notes.push(format!("Left out: {}", reason.reason));
            }
        }
    }
    Some(section)
}

fn source_words(source: VarianceSource) -> &'static str {
    match source {
        VarianceSource::Item => "which items were asked",
        VarianceSource::Variant => "how they were worded",
        VarianceSource::ItemByVariant => "which items suffer from which wording",
        VarianceSource::Seed => "training seed",
        VarianceSource::Weighting => "loss weighting",
        VarianceSource::Residual => "the rest",
    }
}
