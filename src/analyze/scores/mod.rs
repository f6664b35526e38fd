//! From a table of scores that was made elsewhere to an [`Analysis`]: the same picture as from runs, with the intervals that
//! the table supports and no others. Pure. `docs/scores.md` has columns, formulas and limits.

mod benchmarks;
mod cell;
mod contrasts;
mod given_average;
mod layout;
mod names;
mod published;
mod scales;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::float_cmp)]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::analysis::{Analysis, SCHEMA, ScoresSource, WeightingsAnalysis};
use super::picture::{self, CharacteristicsRow, Picture, ScoresFile};
use super::weightings::results::ArmKind;
use crate::data::score_table::published::PublishedFigures;
use crate::sensitivity::PosixMode;

pub use crate::data::score_table::{ScoreRow, ScoreTable};

use benchmarks::{Contents, benchmarks};
use given_average::GivenAverage;
use layout::Layout;
use scales::Scales;

/// Most weightings of one grid: each is compared with each.
const MOST_ARMS: usize = 1_000;

/// More grids than this are compared with nothing in useful time.
const MOST_GRIDS: usize = 400;

/// What a reader of a table may choose.
#[derive(Debug, Clone)]
pub struct ScoreOptions {
    /// Coverage of intervals, in `(0, 1)`.
    pub level: f64,
    /// Factors by which benchmarks are multiplied before they are averaged with others, by name.
    pub scales: BTreeMap<String, f64>,
    /// What is known of base models and training data.
    pub characteristics: Vec<CharacteristicsRow>,
    /// Published figures to be shown beside what the scores give.
    pub published: Option<PublishedFigures>,
}

impl Default for ScoreOptions {
    fn default() -> Self {
        Self { level: 0.95, scales: BTreeMap::new(), characteristics: Vec::new(), published: None }
    }
}

/// Why a table could not be analyzed.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ScoresError {
    /// The level is no coverage.
    #[error("level {level} is not between 0 and 1; write 0.95 for 95 % intervals")]
    Level {
        /// The level at fault.
        level: f64,
    },
    /// A factor for a benchmark that is not there.
    #[error("--scale {name}: the table has no such benchmark; it has {known}")]
    UnknownScale {
        /// The name at fault.
        name: String,
        /// The benchmarks.
        known: String,
    },
    /// A factor that is no factor.
    #[error("--scale {name}={factor}: write a factor above 0 and at most 1000000, such as 10")]
    Scale {
        /// The benchmark.
        name: String,
        /// The factor at fault.
        factor: f64,
    },
    /// A benchmark of which more is both better and worse.
    #[error("{place}: higher_is_better of `{benchmark}` is another than in {first}; a benchmark has one direction")]
    Direction {
        /// The row at fault.
        place: String,
        /// The row that said otherwise.
        first: String,
        /// The benchmark.
        benchmark: String,
    },
    /// A grid with more cells than can be compared.
    #[error(
        "{name} has {arms} weightings; at most {MOST_ARMS} of one grid are compared: round the weights, or split the table"
    )]
    TooManyArms {
        /// The grid.
        name: String,
        /// Its weightings.
        arms: usize,
    },
    /// More grids than can be laid side by side.
    #[error(
        "the table has {grids} grids (model, dataset, stage); at most {MOST_GRIDS} are laid side by side: split the table"
    )]
    TooManyGrids {
        /// Grids of the table.
        grids: usize,
    },
    /// There is nothing to compare.
    #[error(
        "the table has nothing to compare: {arms} with {tuned} tuned; a report needs a tuned weighting and something beside it"
    )]
    NothingToCompare {
        /// Arms, in words.
        arms: String,
        /// How many of them are tuned.
        tuned: usize,
    },
}

/// Analyzes a table of scores.
pub fn analyze_scores(table: &ScoreTable, options: &ScoreOptions) -> Result<Analysis, ScoresError> {
    if !(options.level > 0.0 && options.level < 1.0) {
        return Err(ScoresError::Level { level: options.level });
    }
    let grids = table.rows.iter().map(|row| (&row.model, &row.dataset, &row.stage)).collect::<BTreeSet<_>>().len();
    if grids > MOST_GRIDS {
        return Err(ScoresError::TooManyGrids { grids });
    }
    let contents = Contents::new(table)?;
    let scales = Scales::new(table, &contents, &options.scales)?;
    let layout = Layout::new(table);
    check(&layout)?;
    let mut weightings = WeightingsAnalysis {
        benchmarks: benchmarks(&contents, &layout, &scales, options.level),
        arms: layout.members.iter().map(|member| member.arm.clone()).collect(),
        not_comparable: Vec::new(),
        series: layout.series.clone(),
        picture: Picture::default(),
    };
    picture::assemble(&mut weightings, &options.characteristics, options.level);
    let given = GivenAverage::of(&contents, &layout, &weightings);
    if let Some(given) = &given {
        given.fill_gains(&mut weightings, options.level);
    }
    let published = options.published.as_ref();
    let published = published.map(|figures| published::compare(figures, &weightings, given.as_ref()));
    let findings = words::Story {
        table,
        contents: &contents,
        scales: &scales,
        weightings: &weightings,
        given: given.as_ref(),
        published: options.published.as_ref(),
        characteristics: &options.characteristics,
    };
    Ok(Analysis {
        schema: SCHEMA.to_owned(),
        level: options.level,
        posix_mode: PosixMode::Definition,
        runs: Vec::new(),
        notes: Vec::new(),
        findings: findings.tell(),
        perturbations: Vec::new(),
        checkpoints: Vec::new(),
        likelihoods: Vec::new(),
        scores: Some(source(table, &scales)),
        published,
        weightings: Some(weightings),
    })
}

fn source(table: &ScoreTable, scales: &Scales) -> ScoresSource {
    let file = |file: &crate::data::score_table::ScoreFile| ScoresFile {
        name: file.name.clone(),
        digest: file.digest.clone(),
        rows: file.rows,
    };
    ScoresSource { files: table.files.iter().map(file).collect(), scales: scales.factors.clone() }
}

fn check(layout: &Layout<'_>) -> Result<(), ScoresError> {
    let tuned = layout.members.iter().filter(|member| member.arm.kind == ArmKind::Weighting);
    let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
    for member in tuned.clone() {
        *sizes.entry(member.arm.series).or_default() += 1;
    }
    if let Some((series, arms)) = sizes.into_iter().find(|(_, arms)| *arms > MOST_ARMS) {
        let name = layout.series.get(series).map_or_else(String::new, |series| series.name.clone());
        return Err(ScoresError::TooManyArms { name, arms });
    }
    let tuned = tuned.count();
    if tuned == 0 || layout.members.len() < 2 {
        let arms = super::number::counted(layout.members.len(), "model");
        return Err(ScoresError::NothingToCompare { arms, tuned });
    }
    Ok(())
}
