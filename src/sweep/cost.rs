//! What the rest of a sweep may cost, from what its finished cells took.

use std::collections::BTreeMap;

use super::{Cell, CellRecord, Progress, Stage, Standing, Step, Sweep};

/// Bytes of a data file that make a token, about: text in the English of instruction data with the marks of its file.
const BYTES_A_TOKEN: f64 = 4.5;

/// What training takes where nothing is said.
const DEFAULT_EPOCHS: f64 = 2.0;

/// What one cell may cost.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cost {
    /// Tokens of tuning over all epochs, about; `None` where the settings give steps in place of epochs.
    pub tokens: Option<f64>,
    /// Seconds for the steps that are not done; `None` where no finished cell of the same base and data tells.
    pub seconds: Option<f64>,
}

/// Seconds of finished steps, by base, data and stage.
#[derive(Debug, Default)]
pub struct CostBook {
    taken: BTreeMap<(String, String, Stage), (f64, usize)>,
}

fn place(cell: &Cell, stage: Stage) -> (String, String, Stage) {
    let data = cell.tuning.as_ref().map_or("", |tuning| &tuning.data.name);
    (cell.base.name.clone(), data.to_owned(), stage)
}

impl CostBook {
    /// Notes what the finished steps of a cell took.
    pub fn add(&mut self, cell: &Cell, record: &CellRecord) {
        for stage in Stage::ALL {
            let step = record.step(stage).filter(|step| step.progress == Progress::Done);
            if let Some(seconds) = step.and_then(|step| step.seconds).filter(|s| s.is_finite() && *s >= 0.0) {
                let (sum, count) = self.taken.entry(place(cell, stage)).or_default();
                *sum += seconds;
                *count += 1;
            }
        }
    }

    /// What is left of a cell.
    pub fn cost(&self, sweep: &Sweep, cell: &Cell, steps: &[Step], standings: &[Standing]) -> Cost {
        let left = steps.iter().zip(standings).filter(|(_, standing)| **standing != Standing::Done);
        let seconds = left
            .map(|(step, _)| self.taken.get(&place(cell, step.stage)).map(|(sum, count)| sum / *count as f64))
            .sum::<Option<f64>>()
            // An empty sum is -0; a cell whose steps cannot be told has none.
            .filter(|_| !steps.is_empty())
            .map(|seconds| seconds + 0.0);
        Cost { tokens: tokens(sweep, cell), seconds }
    }
}

fn tokens(sweep: &Sweep, cell: &Cell) -> Option<f64> {
    let tuning = cell.tuning.as_ref()?;
    if sweep.train.text("max_steps").is_some() {
        return None;
    }
    let epochs = match sweep.train.text("epochs") {
        Some(epochs) => epochs.parse().ok()?,
        None => DEFAULT_EPOCHS,
    };
    let sizes = tuning.data.paths.iter().map(|path| std::fs::metadata(path).ok().map(|file| file.len()));
    let bytes: u64 = sizes.sum::<Option<u64>>()?;
    Some(bytes as f64 / BYTES_A_TOKEN * epochs)
}
