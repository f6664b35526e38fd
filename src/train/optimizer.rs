//! `AdamW` with decoupled weight decay, and the clipping of gradients before it.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::parameters::{Gradients, Parameters};

/// Values updated by one task.
const CHUNK: usize = 1 << 14;

/// Which tensors weight decay shrinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DecayedTensors {
    /// All of them, as the WIT authors do.
    All,
    /// Matrices only: neither gains nor biases, as TRL does.
    Matrices,
}

/// Settings of the optimizer.
///
/// ```text
/// m = beta1 * m + (1 - beta1) * g          v = beta2 * v + (1 - beta2) * g^2
/// theta = theta - rate * weight_decay * theta - rate * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
/// ```
///
/// Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", algorithm 2.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamW {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// What it shrinks.
    pub decayed: DecayedTensors,
}

impl Default for AdamW {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0, decayed: DecayedTensors::All }
    }
}

/// First and second moments of every trained tensor, in `f32`, by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Moments {
    /// Updates made.
    pub updates: usize,
    /// First moments.
    pub first: BTreeMap<String, Vec<f32>>,
    /// Second moments.
    pub second: BTreeMap<String, Vec<f32>>,
}

/// The Euclidean length of all gradients together. Summed in a fixed order, whatever the number of threads.
pub fn global_norm(gradients: &Gradients) -> f64 {
    let squares = |values: &[f32]| values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>();
    let one = |values: &Vec<f32>| values.par_chunks(CHUNK).map(squares).collect::<Vec<_>>().into_iter().sum::<f64>();
    gradients.values().map(one).sum::<f64>().sqrt()
}

/// What gradients are multiplied by so that their norm is at most `max_norm`.
///
/// `min(1, max_norm / (norm + 1e-6))`, as `torch.nn.utils.clip_grad_norm_`.
pub fn clip_factor(norm: f64, max_norm: Option<f64>) -> f64 {
    max_norm.map_or(1.0, |max| (max / (norm + 1e-6)).min(1.0))
}

impl AdamW {
    /// One update of every tensor that has a gradient. `factor` multiplies the gradients first.
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]
    pub fn update(
        &self,
        parameters: &mut Parameters,
        gradients: &Gradients,
        moments: &mut Moments,
        rate: f64,
        factor: f64,
    ) {
        moments.updates += 1;
        let updates = moments.updates.min(i32::MAX as usize) as i32;
        let step = Step {
            beta1: self.beta1 as f32,
            beta2: self.beta2 as f32,
            rate: (rate / (1.0 - self.beta1.powi(updates))) as f32,
            root: (1.0 - self.beta2.powi(updates)).sqrt() as f32,
            epsilon: self.epsilon as f32,
            factor: factor as f32,
        };
        for (name, parameter) in parameters.iter_mut() {
            let Some(gradient) = gradients.get(name) else { continue };
            let decays = self.decayed == DecayedTensors::All || parameter.shape.len() > 1;
            let keep = if decays { (1.0 - rate * self.weight_decay) as f32 } else { 1.0 };
            let size = parameter.values.len();
            let first = moments.first.entry(name.clone()).or_insert_with(|| vec![0.0; size]);
            let second = moments.second.entry(name.clone()).or_insert_with(|| vec![0.0; size]);
            let chunks = parameter.values.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK));
            let chunks = chunks.zip(first.par_chunks_mut(CHUNK)).zip(second.par_chunks_mut(CHUNK));
            chunks.for_each(|(((values, gradient), first), second)| step.apply(keep, values, gradient, first, second));
        }
    }
}

/// The constants of one update.
#[derive(Clone, Copy)]
struct Step {
    beta1: f32,
    beta2: f32,
    rate: f32,
    root: f32,
    epsilon: f32,
    factor: f32,
}

impl Step {
    fn apply(&self, keep: f32, values: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
        for (((value, gradient), m), v) in values.iter_mut().zip(gradient).zip(first).zip(second) {
            let g = gradient * self.factor;
            *m = self.beta1 * *m + (1.0 - self.beta1) * g;
            *v = self.beta2 * *v + (1.0 - self.beta2) * g * g;
            *value = *value * keep - self.rate * *m / (v.sqrt() / self.root + self.epsilon);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::super::parameters::Parameter;
    use super::*;

    fn one(values: Vec<f32>, shape: Vec<usize>) -> Parameters {
        [("w".to_owned(), Parameter { shape, values })].into()
    }

    #[test]
    fn the_first_update_moves_by_the_rate_against_the_sign_after_decay() {
        let mut parameters = one(vec![2.0, -2.0], vec![2, 1]);
        let adam = AdamW { weight_decay: 0.5, ..AdamW::default() };
        let gradients = [("w".to_owned(), vec![3.0, -0.001])].into();
        adam.update(&mut parameters, &gradients, &mut Moments::default(), 0.1, 1.0);
        // By hand: 2 * (1 - 0.05) - 0.1, and its mirror image.
        let values = &parameters["w"].values;
        assert!((values[0] - 1.8).abs() < 1e-6 && (values[1] + 1.8).abs() < 1e-5, "{values:?}");
    }

    #[test]
    fn gains_are_spared_where_only_matrices_decay() {
        for (decayed, expected) in [(DecayedTensors::All, 0.9), (DecayedTensors::Matrices, 1.0)] {
            let mut parameters = one(vec![1.0], vec![1]);
            let adam = AdamW { weight_decay: 1.0, decayed, ..AdamW::default() };
            adam.update(&mut parameters, &[("w".to_owned(), vec![0.0])].into(), &mut Moments::default(), 0.1, 1.0);
            assert!((parameters["w"].values[0] - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn a_tensor_without_gradient_stays() {
        let mut parameters = one(vec![1.0], vec![1]);
        let adam = AdamW { weight_decay: 1.0, ..AdamW::default() };
        adam.update(&mut parameters, &Gradients::new(), &mut Moments::default(), 0.1, 1.0);
        assert!((parameters["w"].values[0] - 1.0).abs() < f32::EPSILON);
    }

    #[test]
    fn the_norm_runs_over_all_tensors_and_clipping_scales_to_it() {
        let gradients = [("a".to_owned(), vec![3.0; 1]), ("b".to_owned(), vec![4.0; 1])].into();
        assert!((global_norm(&gradients) - 5.0).abs() < 1e-12);
        assert!((clip_factor(5.0, Some(1.0)) - 0.2).abs() < 1e-6);
        assert!((clip_factor(0.5, Some(1.0)) - 1.0).abs() < 1e-12);
        assert!((clip_factor(5.0, None) - 1.0).abs() < 1e-12);
    }
}
