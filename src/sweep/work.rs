//! Runs the steps of a cell, one process at a time, and keeps its record.

use super::{Cell, CellRecord, ContentDigests, Progress, Standing, Step, Sweep, SweepError};
use crate::store::{RunFolder, StoreError};

/// How the work on a cell ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CellOutcome {
    /// Every step is done.
    Done {
        /// Steps that were done now; the others were done before.
        steps: usize,
    },
    /// Another process is at work on it.
    Busy,
    /// A step failed, or could not be begun.
    Failed {
        /// What failed, why, and what to do.
        error: String,
    },
}

impl Sweep {
    /// Does what is left of a cell. `run` does one step and gives the seconds that it took, or why it failed.
    pub fn run_cell(
        &self,
        cell: &Cell,
        digests: &mut ContentDigests,
        run: &mut dyn FnMut(&Step) -> Result<f64, String>,
    ) -> CellOutcome {
        let outcome = self.steps(cell, digests).and_then(|steps| self.run_steps(cell, &steps, run));
        outcome.unwrap_or_else(|error| CellOutcome::Failed { error: error.to_string() })
    }

    fn run_steps(
        &self,
        cell: &Cell,
        steps: &[Step],
        run: &mut dyn FnMut(&Step) -> Result<f64, String>,
    ) -> Result<CellOutcome, SweepError> {
        let folder = self.folder(cell);
        let failed = |error: StoreError| CellOutcome::Failed { error: error.to_string() };
        let _lock = match RunFolder::at(&folder).lock() {
            Ok(lock) => lock,
            Err(StoreError::Busy { .. }) => return Ok(CellOutcome::Busy),
            Err(error) => return Ok(failed(error)),
        };
        let mut record = CellRecord::read(&folder)?;
        if let Some((step, _)) = steps.iter().zip(record.standings(steps)).find(|(_, s)| *s == Standing::Changed) {
            let error = format!(
                "{} holds what other settings, data or a base of other content made; delete it to make it again, or \
                 choose another --out",
                step.folder.display()
            );
            return Ok(CellOutcome::Failed { error });
        }
        let mut done = 0;
        for step in steps {
            if record.standing(step) == Standing::Done {
                continue;
            }
            record.set(step, Progress::Begun, None, None);
            if let Err(error) = record.write(&folder) {
                return Ok(failed(error));
            }
            let outcome = run(step).and_then(|seconds| {
                let file = step.last_file();
                if file.is_file() { Ok(seconds) } else { Err(format!("{} was not written", file.display())) }
            });
            match &outcome {
                Ok(seconds) => record.set(step, Progress::Done, None, Some(*seconds)),
                Err(error) => record.set(step, Progress::Failed, Some(error), None),
            }
            let written = record.write(&folder);
            if let Err(error) = outcome {
                return Ok(CellOutcome::Failed { error: format!("{}: {error}", step.stage) });
            }
            if let Err(error) = written {
                return Ok(failed(error));
            }
            done += 1;
        }
        Ok(CellOutcome::Done { steps: done })
    }
}
