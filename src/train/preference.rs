//! The loss of Direct Preference Optimization.
//!
//! For a prompt with a chosen answer `c` and a rejected answer `r`, with `log pi(.)` the sum of an answer's token
//! log-probabilities under the trained model and `log ref(.)` under the frozen reference:
//!
//! ```text
//! h = beta * [ (log pi(c) - log ref(c)) - (log pi(r) - log ref(r)) ]
//! L = - (1 - epsilon) * log sigmoid(h) - epsilon * log sigmoid(-h)        mean over the pairs of an optimizer step
//! ```
//!
//! in nats; `log 2` where both models agree, towards 0 as the chosen answer gains. `beta * (log pi - log ref)` is an answer's
//! implicit reward.
//!
//! Sources: Rafailov et al., "Direct Preference Optimization", equation 7; label smoothing `epsilon`: Mitchell, "A note on
//! DPO with noisy preferences", equation 3.

use serde::{Deserialize, Serialize};

/// What shapes the preference loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DpoLoss {
    /// Strength of the tie to the reference; above 0.
    pub beta: f64,
    /// Probability that a label is wrong, in `[0, 0.5)`.
    pub label_smoothing: f64,
}

/// Sums of an answer's token log-probabilities, in nats.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairNats {
    /// Of the chosen answer.
    pub chosen: f64,
    /// Of the rejected answer.
    pub rejected: f64,
}

/// One pair under the loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairLoss {
    /// The pair's loss, in nats.
    pub loss: f64,
    /// `beta * (log pi(c) - log ref(c))`.
    pub chosen_reward: f64,
    /// `beta * (log pi(r) - log ref(r))`.
    pub rejected_reward: f64,
    /// The derivative of the pair's loss by `log pi(c)`; that by `log pi(r)` is its negative.
    pub slope: f64,
}

impl DpoLoss {
    /// Loss, rewards and derivative of one pair.
    pub fn pair(&self, policy: PairNats, reference: PairNats) -> PairLoss {
        let chosen_reward = self.beta * (policy.chosen - reference.chosen);
        let rejected_reward = self.beta * (policy.rejected - reference.rejected);
        let margin = chosen_reward - rejected_reward;
        let noise = self.label_smoothing;
        let loss = (1.0 - noise) * softplus(-margin) + noise * softplus(margin);
        let slope = self.beta * (noise * sigmoid(margin) - (1.0 - noise) * sigmoid(-margin));
        PairLoss { loss, chosen_reward, rejected_reward, slope }
    }
}

/// `log(1 + exp(x))`, without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// `1 / (1 + exp(-x))`, without overflow.
fn sigmoid(x: f64) -> f64 {
    let tail = (-x.abs()).exp();
    if x >= 0.0 { 1.0 / (1.0 + tail) } else { tail / (1.0 + tail) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: PairNats = PairNats { chosen: -20.0, rejected: -23.0 };

    #[test]
    fn a_model_that_equals_its_reference_loses_log_two() {
        let pair = DpoLoss { beta: 0.1, label_smoothing: 0.0 }.pair(REFERENCE, REFERENCE);
        assert!((pair.loss - std::f64::consts::LN_2).abs() < 1e-15);
        assert!((pair.slope + 0.05).abs() < 1e-15);
    }

    #[test]
    fn the_slope_is_the_derivative_of_the_loss_and_huge_margins_stay_finite() {
        for noise in [0.0, 0.2] {
            let loss = DpoLoss { beta: 0.3, label_smoothing: noise };
            let at = |chosen: f64| loss.pair(PairNats { chosen, rejected: -25.0 }, REFERENCE);
            for chosen in [-40.0, -21.0, -18.5] {
                let numeric = (at(chosen + 1e-5).loss - at(chosen - 1e-5).loss) / 2e-5;
                assert!((numeric - at(chosen).slope).abs() < 1e-8, "{chosen}: {numeric} {}", at(chosen).slope);
            }
            assert!(at(1e6).loss.is_finite() && at(-1e6).loss.is_finite());
        }
    }
}
