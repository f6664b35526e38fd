//! How likely checkpoints find prompts and responses.

use crate::analyze::number::figure;
use crate::analyze::picture::{LikelihoodAnalysis, TextPart};

use super::{Cell, Form, Section, Table};

/// One table a part.
pub(super) fn section(all: &[LikelihoodAnalysis]) -> Option<Section> {
    let table = |part: TextPart, title: &str| {
        let own = all.iter().filter(|entry| entry.part == part);
        let columns = ["Checkpoint", "Texts", "Mean, nats a token", "90 % of texts", "Without a number"];
        Table::new(title, columns, own.map(row).collect()).without_empty_columns()
    };
    let tables = vec![table(TextPart::Prompt, "Prompts"), table(TextPart::Response, "Responses, given their prompts")];
    let mut section = Section::new(
        "likelihoods",
        "How likely prompts and responses are",
        "Mean log-probability per token, in nats: closer to 0 is likelier. The range holds the texts between the 5th and the \
         95th percentile; densities are drawn in the figures. A model that was trained on prompts finds prompts likelier, whether or not that helps it.",
        tables,
    )?;
    let reasons = all.iter().flat_map(|entry| entry.failed.iter().map(move |failed| (entry, failed)));
    section.notes = reasons
        .take(12)
        .map(|(entry, failed)| format!("{}: {} without a number – {}", entry.checkpoint, failed.count, failed.reason))
        .collect();
    Some(section)
}

fn row(entry: &LikelihoodAnalysis) -> Vec<Cell> {
    let ends = entry.quantiles.first().zip(entry.quantiles.last());
    let range = ends.map(|([_, low], [_, high])| format!("{} to {}", figure(*low), figure(*high)));
    let failed = entry.failed.iter().map(|reason| reason.count).sum::<usize>();
    vec![
        Cell::name(&entry.checkpoint),
        Cell::name(&entry.source),
        Cell::number(&entry.mean, Form::Plain),
        Cell::Words(range.unwrap_or_default()),
        if failed == 0 { Cell::words("") } else { Cell::counted(failed) },
    ]
}
