//! Optimizer steps.

use std::collections::BTreeMap;

use super::gradient::{GradientError, Network};
use super::objective::{Objective, StepSums, TrainingItem, answer_nats};
use super::optimizer::{Moments, clip_factor, global_norm};
use super::order::{StepOrder, micro_batches};
use super::parameters::{Gradients, ModelParameters, Parameters};
use super::preference::PairNats;
use super::schedule::Schedule;
use super::settings::{Settings, WeightType};
use crate::seed::Seed;

/// Why training cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainerError {
    /// The network refused.
    #[error(transparent)]
    Gradient(#[from] GradientError),
    /// A loss or a gradient that is not a number.
    #[error(
        "step {step}: the {what} is not finite; lower --learning-rate, set --max-grad-norm, or look at the examples of \
         this step with --show; the last good checkpoint is kept"
    )]
    NotFinite {
        /// The step, from 1.
        step: usize,
        /// "loss" or "gradient".
        what: &'static str,
    },
}

/// What one optimizer step did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// The step, from 1.
    pub step: usize,
    /// Loss, nats, rewards, tokens.
    pub sums: StepSums,
    /// Learning rate.
    pub rate: f64,
    /// Length of the gradient before clipping.
    pub gradient_norm: f64,
}

/// The state of a training run between steps.
#[derive(Debug)]
pub struct Trainer {
    network: Network,
    settings: Settings,
    schedule: Schedule,
    order: StepOrder,
    /// The trained numbers and what they stand on, in `f32`.
    model: ModelParameters,
    /// What the network computes with, where that is not the model itself.
    rounded: Option<ModelParameters>,
    moments: Moments,
    gradients: Gradients,
    step: usize,
}

impl Trainer {
    /// Before the first step.
    pub fn new(network: Network, mut model: ModelParameters, settings: Settings, examples: usize) -> Self {
        let schedule =
            Schedule::new(settings.learning_rate, settings.schedule, settings.warmup_ratio, settings.total_steps);
        let order = StepOrder::new(examples, settings.batch_size, settings.order, Seed(settings.seed));
        let rounds = settings.weights == WeightType::Bf16;
        if rounds && model.adapter.is_some() {
            // Frozen weights need no master.
            round(&mut model.base);
        }
        let rounded = (rounds && model.adapter.is_none()).then(|| {
            let mut rounded = model.clone();
            round(&mut rounded.base);
            rounded
        });
        let (moments, gradients) = (Moments::default(), BTreeMap::new());
        Self { network, settings, schedule, order, model, rounded, moments, gradients, step: 0 }
    }

    /// Continues after `step` steps with the numbers that they left.
    pub fn restore(&mut self, step: usize, trained: Parameters, moments: Moments) {
        *self.model.trained_mut() = trained;
        self.moments = moments;
        self.step = step;
        self.refresh();
    }

    /// Steps made.
    pub fn step_count(&self) -> usize {
        self.step
    }

    /// The model in `f32`.
    pub fn model(&self) -> &ModelParameters {
        &self.model
    }

    /// Gives the model back.
    pub fn into_model(self) -> ModelParameters {
        self.model
    }

    /// The optimizer's moments.
    pub fn moments(&self) -> &Moments {
        &self.moments
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// One optimizer step. With `all_roles` the report has the nats of tokens that the loss drops, too.
    pub fn step(&mut self, items: &[TrainingItem], all_roles: bool) -> Result<StepReport, TrainerError> {
        let number = self.step + 1;
        let chosen = self.order.examples(self.step);
        let chosen = chosen.iter().filter_map(|index| items.get(*index)).collect::<Vec<_>>();
        for gradient in self.gradients.values_mut() {
            gradient.fill(0.0);
        }
        let sums = self.accumulate(&chosen, all_roles)?;
        let gradient_norm = global_norm(&self.gradients);
        let rate = self.schedule.rate(self.step);
        for (what, value) in [("loss", sums.loss), ("gradient", gradient_norm)] {
            if !value.is_finite() {
                return Err(TrainerError::NotFinite { step: number, what });
            }
        }
        let factor = clip_factor(gradient_norm, self.settings.max_grad_norm);
        let optimizer = self.settings.optimizer;
        optimizer.update(self.model.trained_mut(), &self.gradients, &mut self.moments, rate, factor);
        self.refresh();
        self.step = number;
        Ok(StepReport { step: number, sums, rate, gradient_norm })
    }

    /// Adds up the gradients of a step's micro-batches.
    fn accumulate(&mut self, items: &[&TrainingItem], all_roles: bool) -> Result<StepSums, TrainerError> {
        let objective = self.settings.objective;
        let denominator = items.iter().map(|item| objective.share(item)).sum();
        let tokens = items.iter().map(|item| item.tokens()).collect::<Vec<_>>();
        let mut sums = StepSums::default();
        for range in micro_batches(&tokens, self.settings.micro_batch_tokens) {
            let part = items.get(range).unwrap_or_default();
            let batch = objective.micro_batch(part, all_roles);
            let mut weigh = |nats: &[f32]| objective.slopes(part, &batch, nats, denominator, &mut sums);
            let model = self.rounded.as_ref().unwrap_or(&self.model);
            self.network.gradients(model, &batch, &mut weigh, &mut self.gradients)?;
        }
        Ok(sums)
    }

    /// The loss on other items, without learning from them.
    pub fn validate(&self, items: &[TrainingItem]) -> Result<StepSums, TrainerError> {
        let objective = self.settings.objective;
        let denominator = items.iter().map(|item| objective.share(item)).sum();
        let items = items.iter().collect::<Vec<_>>();
        let tokens = items.iter().map(|item| item.tokens()).collect::<Vec<_>>();
        let model = self.rounded.as_ref().unwrap_or(&self.model);
        let mut sums = StepSums::default();
        for range in micro_batches(&tokens, self.settings.micro_batch_tokens) {
            let part = items.get(range).unwrap_or_default();
            let batch = objective.micro_batch(part, true);
            let nats = self.network.log_probs(model, &batch)?;
            objective.slopes(part, &batch, &nats, denominator, &mut sums);
        }
        Ok(sums)
    }

    /// Rounds the masters anew for the network.
    fn refresh(&mut self) {
        if let Some(rounded) = &mut self.rounded {
            // In place: a step allocates nothing.
            for (target, master) in rounded.base.values_mut().zip(self.model.base.values()) {
                target.values.copy_from_slice(&master.values);
            }
            round(&mut rounded.base);
        }
    }
}

/// Asks the reference for the log-probabilities of every pair's answers. `done` hears how many pairs are known.
pub fn ask_reference(
    network: &Network,
    reference: &ModelParameters,
    items: &mut [TrainingItem],
    micro_batch_tokens: usize,
    mut done: impl FnMut(usize),
) -> Result<(), TrainerError> {
    let objective = Objective::Dpo(super::preference::DpoLoss { beta: 1.0, label_smoothing: 0.0 });
    let tokens = items.iter().map(TrainingItem::tokens).collect::<Vec<_>>();
    for range in micro_batches(&tokens, micro_batch_tokens) {
        let end = range.end;
        let part = items.get_mut(range).unwrap_or_default();
        let batch = objective.micro_batch(&part.iter().collect::<Vec<_>>(), false);
        let nats = network.log_probs(reference, &batch)?;
        let answers = answer_nats(&batch, &nats);
        for (item, answers) in part.iter_mut().zip(answers.chunks_exact(2)) {
            if let (TrainingItem::Pair(pair), [chosen, rejected]) = (item, answers) {
                pair.reference = Some(PairNats { chosen: *chosen, rejected: *rejected });
            }
        }
        done(end);
    }
    Ok(())
}

fn round(parameters: &mut Parameters) {
    for value in parameters.values_mut().flat_map(|parameter| &mut parameter.values) {
        *value = half::bf16::from_f32(*value).to_f32();
    }
}
