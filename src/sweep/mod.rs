//! A sweep: every base tuned on every data set with every weighting and seed, and evaluated.
//!
//! Pure planning, and the small files by which a cell remembers how far it is; running the steps is the caller's work.
//! `docs/sweeps.md` describes the file.

mod content;
mod cost;
mod found;
mod presets;
mod record;
mod selection;
mod settings;
mod step;
mod wire;
mod work;

use std::path::{Path, PathBuf};

pub use content::ContentDigests;
pub use cost::{Cost, CostBook};
pub use found::{FoundRuns, find_runs};
pub use presets::Preset;
pub use record::{CELL_FORMAT, CellRecord, CellState, Progress, Standing, StepRecord};
pub use selection::{CellSelection, SelectionError};
pub use settings::{DPO_ONLY, EVALUATE, Key, Kind, Settings, TRAIN};
pub use step::{Stage, Step};
pub use wire::{Source, SourceError};
pub use work::CellOutcome;

use crate::weighting::Weighting;
use wire::{SweepFile, UNTUNED};

/// How much of a faulty line is shown.
const SHOWN_CHARS: usize = 100;

/// The largest sweep file that is read, in bytes.
const FILE_LIMIT_BYTES: u64 = 1 << 20;

/// The largest number of cells: beyond it somebody has mistyped a list.
const CELL_LIMIT: usize = 100_000;

/// Why a sweep could not be planned.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// A file or folder that the sweep needs.
    #[error("{}: {source}; correct the path (relative paths are relative to the file of the sweep)", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is too large to be a sweep.
    #[error("{}: larger than 1 MiB, so it is no sweep; give the sweep.toml", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file does not say what it must.
    #[error("{file}:{line}: `{text}`: {fault}")]
    File {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The line's text: key and value.
        text: String,
        /// What is wrong, and what to write.
        fault: String,
    },
    /// A base or data set of the command line.
    #[error("{flag}: {fault}")]
    Source {
        /// The flag.
        flag: &'static str,
        /// What is wrong.
        fault: SourceError,
    },
    /// Neither the file nor the command line says it.
    #[error("{file}: no {what}; add `{what} = \"...\"` or give --{what}")]
    Missing {
        /// The file.
        file: String,
        /// `base` or `data`.
        what: &'static str,
    },
    /// The section that follows tuning with DPO has no preference data.
    #[error("{file}: [dpo] has no data; add `data = \"FILE\"` to it, give --preferences FILE, or remove the section")]
    NoPreferences {
        /// The file.
        file: String,
    },
    /// More cells than anybody runs.
    #[error("{file}: {cells} cells; at most {CELL_LIMIT} are planned: shorten a list")]
    TooMany {
        /// The file.
        file: String,
        /// How many there would be.
        cells: usize,
    },
    /// A folder without a model in it.
    #[error("{}: no config.json or adapter_config.json, so it is no checkpoint; give a Hugging Face folder", path.display())]
    NoCheckpoint {
        /// The folder.
        path: PathBuf,
    },
    /// `cell.json` is damaged or of another version.
    #[error("{}: {fault}; restore it, or delete the folder to make the cell again", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: String,
    },
}

/// What the command line says in place of the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--out`.
    pub out: Option<PathBuf>,
    /// `--base`; replaces the file's list unless empty.
    pub bases: Vec<PathBuf>,
    /// `--data`; replaces the file's list unless empty.
    pub data: Vec<PathBuf>,
    /// `--preferences`: `[dpo] data`.
    pub preferences: Option<PathBuf>,
    /// Leaves `[dpo]` out where nobody names its data, as for a sweep that ships.
    pub dpo_is_optional: bool,
    /// `--evaluation-data`: `[evaluate] data`.
    pub evaluation_data: Option<PathBuf>,
    /// `--limit`: `[evaluate] limit`.
    pub limit: Option<f64>,
    /// `--device`: `device` of `[train]` and `[dpo]`.
    pub device: Option<String>,
}

/// A sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// Its name.
    pub name: String,
    /// The folder of all cells.
    pub out: PathBuf,
    /// What is tuned.
    pub bases: Vec<Source>,
    /// On what.
    pub data: Vec<Source>,
    /// With what weights.
    pub weightings: Vec<Weighting>,
    /// With what seeds.
    pub seeds: Vec<u64>,
    /// Whether the untuned bases are evaluated too.
    pub include_base: bool,
    /// Settings of tuning.
    pub train: Settings,
    /// Settings of the preference stage, where there is one.
    pub dpo: Option<Settings>,
    /// Settings of evaluation.
    pub evaluate: Settings,
}

/// One checkpoint of a sweep: a base tuned in one way, or a base as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Its place in the sweep, from 0.
    pub index: usize,
    /// What is tuned.
    pub base: Source,
    /// How; `None` for the base as it is.
    pub tuning: Option<Tuning>,
}

/// How a base is tuned.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuning {
    /// On what.
    pub data: Source,
    /// With what weights.
    pub weighting: Weighting,
    /// With what seed.
    pub seed: u64,
}

impl Cell {
    /// The cell's folder under the sweep's: `<base>/<data>/<weighting>-s<seed>`, or `<base>/untuned`.
    pub fn folder(&self) -> PathBuf {
        match &self.tuning {
            Some(tuning) => {
                let last = format!("{}-s{}", tuning.weighting, tuning.seed);
                [&self.base.name, &tuning.data.name, &last].iter().collect()
            }
            None => [self.base.name.as_str(), UNTUNED].iter().collect(),
        }
    }
}

impl Sweep {
    /// Reads the file of a sweep. Relative paths in it are relative to its folder.
    pub fn read(path: &Path, overrides: &Overrides) -> Result<Self, SweepError> {
        let io = |source| SweepError::Io { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(io)?.len() > FILE_LIMIT_BYTES {
            return Err(SweepError::TooLarge { path: path.to_owned() });
        }
        let text = std::fs::read_to_string(path).map_err(io)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, &path.display().to_string(), folder, overrides)
    }

    /// Decodes the text of a sweep. `file` names it in errors; relative paths are relative to `folder`.
    pub fn parse(text: &str, file: &str, folder: &Path, overrides: &Overrides) -> Result<Self, SweepError> {
        let wire: SweepFile = toml::from_str(text).map_err(|error| at_line(text, file, &error))?;
        let out = wire.out.unwrap_or_else(|| Path::new("results").join(&wire.name));
        let mut sweep = Self {
            name: wire.name,
            out: overrides.out.clone().unwrap_or_else(|| folder.join(out)),
            bases: sources("--base", &overrides.bases, wire.base.0, folder)?,
            data: sources("--data", &overrides.data, wire.data.0, folder)?,
            weightings: wire.weightings.0,
            seeds: wire.seeds.0,
            include_base: wire.include_base,
            train: wire.train,
            dpo: wire.dpo,
            evaluate: wire.evaluate,
        };
        sweep.train.resolve(folder);
        sweep.evaluate.resolve(folder);
        if let Some(dpo) = &mut sweep.dpo {
            dpo.resolve(folder);
        }
        sweep.apply(file, overrides)?;
        for (what, list) in [("base", &sweep.bases), ("data", &sweep.data)] {
            if list.is_empty() {
                return Err(SweepError::Missing { file: file.to_owned(), what });
            }
        }
        let lengths = [sweep.bases.len(), sweep.data.len(), sweep.weightings.len(), sweep.seeds.len()];
        let cells = lengths.into_iter().fold(1, usize::saturating_mul);
        if cells > CELL_LIMIT {
            return Err(SweepError::TooMany { file: file.to_owned(), cells });
        }
        Ok(sweep)
    }

    /// Puts the command line's settings in place of the file's.
    fn apply(&mut self, file: &str, overrides: &Overrides) -> Result<(), SweepError> {
        if let (Some(dpo), Some(path)) = (&mut self.dpo, &overrides.preferences) {
            dpo.set_path("data", true, path);
        }
        if self.dpo.as_ref().is_some_and(|dpo| dpo.paths("data").is_empty()) {
            if !overrides.dpo_is_optional {
                return Err(SweepError::NoPreferences { file: file.to_owned() });
            }
            self.dpo = None;
        }
        if let Some(folder) = &overrides.evaluation_data {
            self.evaluate.set_path("data", false, folder);
        }
        if let Some(limit) = overrides.limit {
            self.evaluate.set_number("limit", true, limit);
        }
        if let Some(device) = &overrides.device {
            for settings in [Some(&mut self.train), self.dpo.as_mut()].into_iter().flatten() {
                settings.set_text("device", false, device);
            }
        }
        Ok(())
    }

    /// All cells in order: bases, in each the data sets, in each the weightings, in each the seeds; then, where they are
    /// included, the untuned bases.
    pub fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        let mut add = |base: &Source, tuning| {
            let index = cells.len();
            cells.push(Cell { index, base: base.clone(), tuning });
        };
        for base in &self.bases {
            for data in &self.data {
                for weighting in &self.weightings {
                    for seed in &self.seeds {
                        add(base, Some(Tuning { data: data.clone(), weighting: *weighting, seed: *seed }));
                    }
                }
            }
        }
        for base in self.bases.iter().filter(|_| self.include_base) {
            add(base, None);
        }
        cells
    }
}

/// The command line's sources where it has any, the file's otherwise.
fn sources(
    flag: &'static str,
    given: &[PathBuf],
    mut written: Vec<Source>,
    folder: &Path,
) -> Result<Vec<Source>, SweepError> {
    if given.is_empty() {
        for path in written.iter_mut().flat_map(|source| &mut source.paths) {
            *path = folder.join(&path);
        }
        return Ok(written);
    }
    let named = given.iter().map(Source::at).collect::<Result<Vec<_>, _>>();
    named
        .and_then(|named| Source::check_names(&named).map(|()| named))
        .map_err(|fault| SweepError::Source { flag, fault })
}

/// A decoder's complaint with the line that it is about.
fn at_line(text: &str, file: &str, error: &toml::de::Error) -> SweepError {
    let start = error.span().map_or(0, |span| span.start).min(text.len());
    let index = text.char_indices().take_while(|(at, _)| *at < start).filter(|(_, c)| *c == '\n').count();
    let line = text.lines().nth(index).unwrap_or_default().trim();
    SweepError::File {
        file: file.to_owned(),
        line: index + 1,
        text: line.chars().take(SHOWN_CHARS).collect(),
        fault: error.message().replace('\n', "; "),
    }
}

#[cfg(test)]
mod tests;
