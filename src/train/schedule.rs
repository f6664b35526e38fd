//! The learning rate over a run.

use serde::{Deserialize, Serialize};

/// How the learning rate falls after warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    /// Half a cosine, to 0.
    Cosine,
    /// Straight to 0.
    Linear,
    /// Not at all.
    Constant,
}

/// A peak, the steps that lead up to it, and the way down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// The highest learning rate.
    pub peak: f64,
    /// The way down.
    pub decay: Decay,
    /// Steps of linear warm-up from 0.
    pub warmup_steps: usize,
    /// All optimizer steps.
    pub total_steps: usize,
}

impl Schedule {
    /// `warmup_ratio` of the steps, rounded down, warm up (the WIT authors' rounding; TRL rounds up).
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn new(peak: f64, decay: Decay, warmup_ratio: f64, total_steps: usize) -> Self {
        // A ratio such as 0.2 of 5 is 1, although its binary product may be a hair less.
        let warmup_steps = (warmup_ratio * total_steps as f64 + 1e-9) as usize;
        Self { peak, decay, warmup_steps, total_steps }
    }

    /// The learning rate of a step, counted from 0.
    pub fn rate(&self, step: usize) -> f64 {
        if step < self.warmup_steps {
            return self.peak * step as f64 / self.warmup_steps as f64;
        }
        let left = self.total_steps.saturating_sub(self.warmup_steps).max(1) as f64;
        let progress = ((step - self.warmup_steps) as f64 / left).min(1.0);
        self.peak
            * match self.decay {
                Decay::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * progress).cos()),
                Decay::Linear => 1.0 - progress,
                Decay::Constant => 1.0,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_rises_over_the_warm_up_and_falls_towards_zero() {
        let schedule = Schedule::new(1.0, Decay::Linear, 0.2, 10);
        let rates = (0..10).map(|step| schedule.rate(step)).collect::<Vec<_>>();
        assert_eq!(rates, [0.0, 0.5, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]);
        assert!((Schedule::new(2.0, Decay::Cosine, 0.0, 4).rate(2) - 1.0).abs() < 1e-12);
        assert!((Schedule::new(2.0, Decay::Constant, 0.0, 4).rate(9) - 2.0).abs() < 1e-12);
    }
}
