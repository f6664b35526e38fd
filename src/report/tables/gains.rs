//! The best cell against conventional tuning, and preference-tuned arms against the arms they come from.

use crate::analyze::analysis::Headline;
use crate::analyze::picture::{Gain, Picture, PreferenceGain};
use crate::sensitivity::Measure;

use super::{Cell, Form, Names, Section, Table};

const LEAD: &str = "Relative gain of the best cell over conventional tuning (0, 1): (best − conventional) / conventional. The best \
                    cell was chosen because its number is high, so its gain is the largest of many noisy ones: intervals are \
                    simultaneous over all cells that it was chosen from, and on new data the gain is likely to be smaller.";

/// The gain by the mean over benchmarks that a table of scores gives itself.
const AS_GIVEN: &str = "By given means";

/// Mean gains, then one table a benchmark.
pub(super) fn section(picture: &Picture, names: &Names<'_>) -> Option<Section> {
    // A mean over one grid is that grid's gain, which has a table of its own.
    let is_mean = picture.mean_gains.iter().any(|gain| gain.series > 1);
    let mean = picture.mean_gains.iter().filter(|_| is_mean).map(|gain| {
        vec![
            Cell::Name(names.benchmark(&gain.benchmark)),
            Cell::name(gain.stage.as_deref().unwrap_or_default()),
            Cell::number(&gain.relative, Form::Gain),
            as_given(gain.as_given.as_ref()),
            Cell::counted(gain.series),
        ]
    });
    let columns = ["Benchmark", "Stage", "Mean relative gain", AS_GIVEN, "Grids"];
    let mut tables =
        vec![Table::new("Mean gain over conventional tuning", columns, mean.collect()).without_empty_columns()];
    let first = names.first_benchmark();
    for benchmark in names.benchmarks_of(picture.gains.iter().map(|gain| gain.benchmark.as_str())) {
        let own = picture.gains.iter().filter(|gain| gain.benchmark == benchmark);
        let columns = ["Grid", "Best cell", "Best", "Conventional (0, 1)", "Relative gain", AS_GIVEN, "Chosen from"];
        let title = format!("Gain over conventional tuning on {}", names.benchmark(benchmark));
        let table = Table::new(title, columns, own.map(|gain| row(gain, names)).collect()).without_empty_columns();
        tables.push(if Some(benchmark) == first { table } else { table.detail() });
    }
    Section::new("gains", "Gain over conventional tuning", LEAD, tables)
}

fn row(gain: &Gain, names: &Names<'_>) -> Vec<Cell> {
    vec![
        Cell::Name(names.series(gain.series)),
        Cell::Name(names.cell(&gain.arm)),
        Cell::number(&gain.arm_value, Form::Plain),
        Cell::number(&gain.reference_value, Form::Plain),
        Cell::explained(&gain.relative, Form::Gain, format!("the best of {} cells", gain.chosen_from)),
        as_given(gain.as_given.as_ref()),
        Cell::Words(format!("{} cells", gain.chosen_from)),
    ]
}

fn as_given(gain: Option<&Measure>) -> Cell {
    gain.map_or_else(|| Cell::words(""), |gain| Cell::number(gain, Form::Gain))
}

/// Preference-tuned arms against the arms that they were tuned from.
pub(super) fn preference(picture: &Picture, names: &Names<'_>) -> Option<Section> {
    let mut tables = Vec::new();
    let first = names.first_benchmark();
    for benchmark in names.benchmarks_of(picture.preference_gains.iter().map(|gain| gain.benchmark.as_str())) {
        let own = picture.preference_gains.iter().filter(|gain| gain.benchmark == benchmark);
        let columns = ["Checkpoints", "Measure", "Before", "After", "Change", "Relative"];
        let title = format!("Before and after preference tuning on {}", names.benchmark(benchmark));
        let table = Table::new(title, columns, own.map(preference_row).collect());
        tables.push(if Some(benchmark) == first { table } else { table.detail() });
    }
    Section::new(
        "preference",
        "After preference tuning",
        "Each preference-tuned checkpoint against the checkpoint that it was tuned from, paired on the instances where there are records. For \
         performance more is better (for perplexities, less); for a sensitivity less is.",
        tables,
    )
}

fn preference_row(gain: &PreferenceGain) -> Vec<Cell> {
    let relative = if gain.measure == Headline::Performance || gain.relative.point().is_some() {
        Cell::number(&gain.relative, Form::Gain)
    } else {
        Cell::words("")
    };
    vec![
        Cell::Name(format!("{} → {}", gain.before, gain.arm)),
        Cell::words(gain.measure.title()),
        Cell::number(&gain.value_before, Form::Plain),
        Cell::number(&gain.value, Form::Plain),
        Cell::number(&gain.difference, Form::Signed),
        relative,
    ]
}
