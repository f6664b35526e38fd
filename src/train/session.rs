//! A training run from its first step, or its last snapshot, to its end.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::events::EventWriter;
use super::folder::FolderError;
use super::journal::{Journal, JournalError};
use super::loss::RoleNats;
use super::objective::{Objective, RewardSums, StepSums, TrainingItem};
use super::optimizer::Moments;
use super::parameters::{ModelParameters, Parameters};
use super::snapshot::{self, SnapshotError, SnapshotView};
use super::trainer::{StepReport, Trainer, TrainerError};

/// Folder of the best weights so far, where a run may stop early.
pub const BEST: &str = ".best";

/// Folder of `TensorBoard`'s event files inside the output folder.
pub const EVENTS: &str = "runs";

/// Snapshots that are kept.
const KEPT_SNAPSHOTS: usize = 2;

/// When things happen, in optimizer steps. None of them changes a weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// A row of metrics every so many steps.
    pub log_every: usize,
    /// A validation every so many steps.
    pub evaluate_every: Option<usize>,
    /// A snapshot every so many steps.
    pub save_every: Option<usize>,
    /// End after so many validations without a lower loss, and keep the weights of the lowest.
    pub patience: Option<usize>,
}

/// A row of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricsRow {
    /// Optimizer steps made.
    pub step: usize,
    /// Epochs made.
    pub epoch: f64,
    /// "train" or "validation".
    pub split: Split,
    /// The loss, in nats: for training the mean over the steps since the last row. Does not compare across weightings.
    pub loss: f64,
    /// Unweighted mean over prompt tokens, in nats; compares across weightings.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prompt_nats_per_token: Option<f64>,
    /// Unweighted mean over response tokens, in nats; compares across weightings.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub response_nats_per_token: Option<f64>,
    /// Of preferences.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rewards: Option<Rewards>,
    /// Learning rate of the last step.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub learning_rate: Option<f64>,
    /// Length of the last step's gradient before clipping.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub gradient_norm: Option<f64>,
    /// Tokens seen since the first step.
    pub tokens: u64,
    /// Tokens a second since the last row of training.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens_per_second: Option<f64>,
}

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Steps.
    Train,
    /// Held-out data.
    Validation,
}

/// Means over preferences; names as in TRL.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rewards {
    /// Of chosen answers.
    pub chosen: f64,
    /// Of rejected answers.
    pub rejected: f64,
    /// Chosen less rejected.
    pub margins: f64,
    /// Share of pairs whose chosen answer has the higher reward.
    pub accuracies: f64,
}

impl Rewards {
    fn of(sums: &RewardSums) -> Option<Self> {
        let pairs = sums.pairs as f64;
        (sums.pairs > 0).then(|| Self {
            chosen: sums.chosen / pairs,
            rejected: sums.rejected / pairs,
            margins: (sums.chosen - sums.rejected) / pairs,
            accuracies: sums.correct as f64 / pairs,
        })
    }
}

/// What a resumed run must know beside weights and moments.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SessionState {
    /// Tokens seen.
    pub tokens: u64,
    /// Lowest validation loss, and the step that had it.
    pub best: Option<(usize, f64)>,
    /// Validations since.
    pub without_gain: usize,
    /// Whether the run stopped early.
    pub stopped: bool,
    /// Sum of losses since the last row.
    window_loss: f64,
    /// Steps since the last row.
    window_steps: usize,
    /// Nats since the last row.
    window_nats: RoleNats,
    /// Rewards since the last row.
    window_rewards: RewardSums,
}

/// What the caller may show.
#[derive(Debug)]
pub enum SessionEvent<'a> {
    /// A step is done.
    Step(&'a StepReport),
    /// A row was written.
    Row(&'a MetricsRow),
    /// A snapshot was written.
    Saved,
    /// The run ends early.
    Stopped {
        /// The step whose weights are kept.
        best_step: usize,
    },
}

/// Why a run ended without its result.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// A step could not be made.
    #[error(transparent)]
    Trainer(#[from] TrainerError),
    /// A snapshot could not be written or read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The metrics could not be written or read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Counters that cannot be kept or understood.
    #[error("the run's counters: {0}; start anew with --overwrite")]
    State(serde_json::Error),
    /// The weights that were to be kept are gone.
    #[error(
        "the weights of step {step}, which had the lowest validation loss, are gone from .best; start anew with --overwrite"
    )]
    NoBest {
        /// The step.
        step: usize,
    },
    /// The event file could not be written.
    #[error(transparent)]
    Events(#[from] FolderError),
}

/// A run and where it is kept.
pub struct Session<'a> {
    out: PathBuf,
    identity: Value,
    pace: Pace,
    items: &'a [TrainingItem],
    validation: &'a [TrainingItem],
    trainer: Trainer,
    state: SessionState,
    journal: Journal,
    events: EventWriter,
    /// Seconds since the epoch, by the caller's clock.
    now: &'a dyn Fn() -> f64,
    last_row: (f64, u64),
    damaged: Vec<String>,
}

impl<'a> Session<'a> {
    /// Opens the run's folder; continues from its last snapshot where there is one of the same `identity`: settings, base,
    /// data. Another identity is an error.
    pub fn open(
        out: &Path,
        identity: Value,
        pace: Pace,
        (items, validation): (&'a [TrainingItem], &'a [TrainingItem]),
        mut trainer: Trainer,
        now: &'a dyn Fn() -> f64,
    ) -> Result<Self, SessionError> {
        let mut state = SessionState::default();
        let mut damaged = Vec::new();
        if let Some(found) = snapshot::latest(out, &identity)? {
            let kept = found.snapshot;
            damaged = found.damaged;
            state = serde_json::from_value(kept.progress).map_err(SessionError::State)?;
            let updates = usize::try_from(kept.step).unwrap_or(usize::MAX);
            let moments = Moments { updates, first: kept.first_moments, second: kept.second_moments };
            trainer.restore(updates, kept.parameters, moments);
        }
        let step = trainer.step_count();
        let journal = Journal::resume(out, step as u64)?;
        let mut events = EventWriter::create(&out.join(EVENTS), now(), &format!("from-step-{step}"))?;
        if step > 0 {
            events.restart(step as u64 + 1, now())?;
        }
        let last_row = (now(), state.tokens);
        let out = out.to_owned();
        Ok(Self { out, identity, pace, items, validation, trainer, state, journal, events, now, last_row, damaged })
    }

    /// The step that the run continues after.
    pub fn step(&self) -> usize {
        self.trainer.step_count()
    }

    /// Newer snapshots that could not be used, each with the reason.
    pub fn damaged(&self) -> &[String] {
        &self.damaged
    }

    /// Makes the steps that are left. Gives the best numbers where the run may stop early and the last ones are not the best;
    /// otherwise the result is the model as the last step left it ([`Session::into_model`]).
    pub fn run(&mut self, show: &mut dyn FnMut(SessionEvent<'_>)) -> Result<Option<Parameters>, SessionError> {
        let total = self.trainer.settings().total_steps;
        while self.trainer.step_count() < total && !self.state.stopped {
            let next = self.trainer.step_count() + 1;
            let logged = next.is_multiple_of(self.pace.log_every) || next == total;
            let report = self.trainer.step(self.items, logged)?;
            self.note(&report);
            show(SessionEvent::Step(&report));
            if logged {
                let row = self.training_row(&report);
                self.write(&row)?;
                show(SessionEvent::Row(&row));
            }
            let due = |every: Option<usize>| every.is_some_and(|every| next.is_multiple_of(every));
            if !self.validation.is_empty() && (due(self.pace.evaluate_every) || next == total) {
                let row = self.validate()?;
                show(SessionEvent::Row(&row));
            }
            if due(self.pace.save_every) || self.state.stopped {
                self.save(&self.out, KEPT_SNAPSHOTS)?;
                show(SessionEvent::Saved);
            }
        }
        match (self.pace.patience, self.state.best) {
            (Some(_), Some((best_step, _))) if best_step != self.trainer.step_count() => {
                show(SessionEvent::Stopped { best_step });
                let best = snapshot::latest(&self.out.join(BEST), &self.identity)?;
                best.map(|found| Some(found.snapshot.parameters)).ok_or(SessionError::NoBest { step: best_step })
            }
            _ => Ok(None),
        }
    }

    /// The model, as the last step left it.
    pub fn into_model(self) -> ModelParameters {
        self.trainer.into_model()
    }

    fn note(&mut self, report: &StepReport) {
        let sums = &report.sums;
        self.state.tokens += sums.tokens as u64;
        self.state.window_loss += sums.loss;
        self.state.window_steps += 1;
        self.state.window_nats.merge(&sums.nats);
        self.state.window_rewards.merge(&sums.rewards);
    }

    fn training_row(&mut self, report: &StepReport) -> MetricsRow {
        let (then, tokens) = self.last_row;
        let now = (self.now)();
        let row = MetricsRow {
            split: Split::Train,
            loss: self.state.window_loss / self.state.window_steps.max(1) as f64,
            learning_rate: Some(report.rate),
            gradient_norm: Some(report.gradient_norm),
            tokens_per_second: (now > then).then(|| (self.state.tokens - tokens) as f64 / (now - then)),
            ..self.row(&StepSums { nats: self.state.window_nats, rewards: self.state.window_rewards, ..report.sums })
        };
        self.last_row = (now, self.state.tokens);
        self.state.window_loss = 0.0;
        self.state.window_steps = 0;
        self.state.window_nats = RoleNats::default();
        self.state.window_rewards = RewardSums::default();
        row
    }

    fn row(&self, sums: &StepSums) -> MetricsRow {
        let settings = self.trainer.settings();
        let steps_per_epoch = self.items.len().div_ceil(settings.batch_size.max(1)).max(1);
        let tuned = matches!(settings.objective, Objective::Wit(_));
        MetricsRow {
            step: self.trainer.step_count(),
            epoch: self.trainer.step_count() as f64 / steps_per_epoch as f64,
            split: Split::Validation,
            loss: sums.loss,
            prompt_nats_per_token: sums.nats.prompt_nats_per_token().filter(|_| tuned),
            response_nats_per_token: sums.nats.response_nats_per_token().filter(|_| tuned),
            rewards: Rewards::of(&sums.rewards),
            learning_rate: None,
            gradient_norm: None,
            tokens: self.state.tokens,
            tokens_per_second: None,
        }
    }

    fn validate(&mut self) -> Result<MetricsRow, SessionError> {
        let before = (self.now)();
        let sums = self.trainer.validate(self.validation)?;
        let row = self.row(&sums);
        if self.state.best.is_none_or(|(_, best)| sums.loss < best) {
            self.state.best = Some((row.step, sums.loss));
            self.state.without_gain = 0;
            if self.pace.patience.is_some() {
                self.save(&self.out.join(BEST), 1)?;
            }
        } else {
            self.state.without_gain += 1;
        }
        self.state.stopped = self.pace.patience.is_some_and(|patience| self.state.without_gain >= patience);
        self.write(&row)?;
        // Validation is no training time.
        self.last_row.0 += (self.now)() - before;
        Ok(row)
    }

    #[allow(clippy::cast_possible_truncation)]
    fn write(&mut self, row: &MetricsRow) -> Result<(), SessionError> {
        self.journal.append(row)?;
        let time = (self.now)();
        let name = match row.split {
            Split::Train => "train",
            Split::Validation => "validation",
        };
        let rewards = row.rewards;
        for (tag, value) in [
            ("loss", Some(row.loss)),
            ("prompt_nats_per_token", row.prompt_nats_per_token),
            ("response_nats_per_token", row.response_nats_per_token),
            ("learning_rate", row.learning_rate),
            ("gradient_norm", row.gradient_norm),
            ("tokens_per_second", row.tokens_per_second),
            ("rewards/margins", rewards.map(|rewards| rewards.margins)),
            ("rewards/accuracies", rewards.map(|rewards| rewards.accuracies)),
            ("rewards/chosen", rewards.map(|rewards| rewards.chosen)),
            ("rewards/rejected", rewards.map(|rewards| rewards.rejected)),
        ] {
            if let Some(value) = value {
                self.events.scalar(row.step as u64, time, &format!("{name}/{tag}"), value as f32)?;
            }
        }
        self.events.flush()?;
        Ok(())
    }

    fn save(&self, folder: &Path, kept: usize) -> Result<(), SessionError> {
        let moments = self.trainer.moments();
        let progress = serde_json::to_value(&self.state).map_err(SessionError::State)?;
        let view = SnapshotView {
            step: self.trainer.step_count() as u64,
            settings: &self.identity,
            progress: &progress,
            parameters: self.trainer.model().trained(),
            first_moments: &moments.first,
            second_moments: &moments.second,
        };
        snapshot::write(folder, &view, kept)?;
        Ok(())
    }
}
