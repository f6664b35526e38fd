//! How numbers go together: performance with sensitivity, adherence with conversation, weights with both, best weights
//! with characteristics of data and model.

use crate::analyze::picture::{
    CHARACTERISTICS, CharacteristicCorrelation, Front, Picture, TradeOff, WeightAxis, WeightEffect,
};

use super::{Cell, Form, Names, Section, Table, p_words};

/// Who is not beaten in both performance and sensitivity.
pub(super) fn fronts(picture: &Picture, names: &Names<'_>) -> Option<Section> {
    let row = |front: &Front| {
        let possible = match &front.not_excluded {
            None => "not known: no intervals".to_owned(),
            Some(ids) => format!("{}: {}", ids.len(), names.cells(ids)),
        };
        vec![
            Cell::Name(names.series(front.series)),
            Cell::words(front.sensitivity.title()),
            Cell::Name(names.cells(&front.front)),
            Cell::Name(possible),
        ]
    };
    let columns = ["Grid", "Sensitivity", "On the front", "May be on the front"];
    let tables = by_benchmark(
        names,
        &picture.fronts,
        |front| &front.benchmark,
        "Front on",
        |own| Table::new("", columns, own.iter().map(|front| row(front)).collect()),
    );
    Section::new(
        "fronts",
        "Performance against sensitivity",
        "A cell is on the front where no other is better in one of the two without being worse in the other, by points. \
         Which cells may be on it once noise is counted stands beside. A model that is hardly ever right cannot change its \
         answers much: low sensitivity alone is no merit.",
        tables,
    )
}

/// One table a benchmark, the first of which is no detail.
fn by_benchmark<T>(
    names: &Names<'_>,
    all: &[T],
    benchmark_of: impl Fn(&T) -> &str,
    title: &str,
    table: impl Fn(&[&T]) -> Table,
) -> Vec<Table> {
    let mut tables = Vec::new();
    for benchmark in names.benchmarks_of(all.iter().map(&benchmark_of)) {
        let own = all.iter().filter(|entry| benchmark_of(entry) == benchmark).collect::<Vec<_>>();
        let made = Table { title: format!("{title} {}", names.benchmark(benchmark)), ..table(&own) };
        tables.push(if tables.is_empty() { made } else { made.detail() });
    }
    tables
}

/// What one weight does to a measure, the other averaged out.
pub(super) fn effects(picture: &Picture, names: &Names<'_>) -> Option<Section> {
    let slope = |effect: &WeightEffect| {
        vec![
            Cell::Name(names.series(effect.series)),
            Cell::words(effect.measure.title()),
            Cell::words(axis(effect.axis)),
            Cell::number(&effect.slope, Form::Signed),
            Cell::number(&effect.correlation, Form::Signed),
        ]
    };
    let columns = ["Grid", "Measure", "Weight", "Slope", "Spearman's rho"];
    let mut tables = by_benchmark(
        names,
        &picture.weight_effects,
        |effect| &effect.benchmark,
        "Slopes on",
        |own| Table::new("", columns, own.iter().map(|effect| slope(effect)).collect()),
    );
    let levels = |own: &[&WeightEffect]| {
        let rows = own.iter().flat_map(|effect| {
            effect.levels.iter().map(|level| {
                vec![
                    Cell::Name(names.series(effect.series)),
                    Cell::words(effect.measure.title()),
                    Cell::words(axis(effect.axis)),
                    Cell::Words(level.weight.to_string()),
                    Cell::number(&level.value, Form::Plain),
                    Cell::counted(level.arms),
                ]
            })
        });
        Table::new("", ["Grid", "Measure", "Weight", "at", "Mean", "Cells"], rows.collect())
    };
    let means = by_benchmark(names, &picture.weight_effects, |effect| &effect.benchmark, "Means by weight on", levels);
    tables.extend(means.into_iter().map(Table::detail));
    Section::new(
        "effects",
        "What each weight does",
        "The slope is the change of the measure as one weight goes from 0 to 1, the other held fixed (least squares on both \
         weights). Spearman's rho is the rank correlation of weight and measure over the cells of a grid. Both describe the \
         grid as it was trained; a straight line need not fit it.",
        tables,
    )
}

fn axis(axis: WeightAxis) -> &'static str {
    match axis {
        WeightAxis::Prompt => "λp",
        WeightAxis::Response => "λr",
    }
}

/// Adherence against conversation.
pub(super) fn trade_offs(picture: &Picture, names: &Names<'_>) -> Option<Section> {
    let summary = |entry: &TradeOff| {
        vec![
            Cell::Name(names.series(entry.series)),
            Cell::Name(names.benchmark(&entry.adherence)),
            Cell::Name(names.benchmark(&entry.conversation)),
            Cell::Name(names.cell(&entry.best_adherence)),
            Cell::Name(names.cell(&entry.best_conversation)),
            Cell::number(&entry.correlation, Form::Signed),
        ]
    };
    let columns =
        ["Grid", "Adherence", "Conversation", "Best for adherence", "Best for conversation", "Spearman's rho"];
    let mut tables =
        vec![Table::new("Adherence against conversation", columns, picture.trade_offs.iter().map(summary).collect())];
    for entry in &picture.trade_offs {
        let points = entry.points.iter().map(|point| {
            vec![
                Cell::Name(names.cell(&point.arm)),
                Cell::number(&point.adherence, Form::Plain),
                Cell::number(&point.conversation, Form::Plain),
            ]
        });
        let title = format!(
            "{} against {}: {}",
            names.benchmark(&entry.adherence),
            names.benchmark(&entry.conversation),
            names.series(entry.series)
        );
        tables.push(Table::new(title, ["Cell", "Adherence", "Conversation"], points.collect()).detail());
    }
    Section::new(
        "trade-offs",
        "Adherence against conversation",
        "Doing what an instruction verifiably says, against answering well in conversation. A negative rho means that, over the \
         cells of the grid, what helps one tends to hurt the other.",
        tables,
    )
}

/// The best prompt weight against characteristics of data and model.
pub(super) fn correlations(picture: &Picture, names: &Names<'_>) -> Option<Section> {
    let p = |value: Option<f64>| value.map(p_words).unwrap_or_default();
    let row = |entry: &CharacteristicCorrelation| {
        let benchmark = match entry.benchmark.as_str() {
            "all" => "all benchmarks".to_owned(),
            id => names.benchmark(id),
        };
        let more = |words: Option<f64>| words.map(p_words).unwrap_or_default();
        vec![
            Cell::Name(entry.characteristic.clone()),
            Cell::Name(benchmark),
            Cell::explained(&entry.spearman, Form::Signed, more(entry.spearman_p)),
            Cell::Words(p(entry.spearman_p)),
            Cell::explained(&entry.kendall, Form::Signed, more(entry.kendall_p)),
            Cell::Words(p(entry.kendall_p)),
            Cell::Words(p(entry.p_adjusted)),
        ]
    };
    let columns =
        ["Characteristic", "Benchmark", "Spearman's rho", "p of rho", "Kendall's tau", "p of tau", "adjusted p of rho"];
    let rows = picture.correlations.iter().map(row).collect();
    let mut section = Section::new(
        "correlations",
        "What the best prompt weight goes with",
        "Rank correlations of the best λp with what is known of model and data, over grids. Correlations over few grids that \
         share models and data are leads to follow, not causes; the adjusted p (Benjamini-Hochberg) counts all rows.",
        vec![Table::new("Best λp against characteristics", columns, rows).without_empty_columns()],
    )?;
    let used = |name: &str| picture.correlations.iter().any(|entry| entry.characteristic == name);
    let meanings = CHARACTERISTICS.iter().filter(|(name, _)| used(name));
    section.notes = meanings.map(|(name, meaning)| format!("{name}: {meaning}.")).collect();
    Some(section)
}
