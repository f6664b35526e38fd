//! The loss of Weighted Instruction Tuning.
//!
//! For pairs of a prompt `P_i` and a response `R_i` and weights `lambda_p`, `lambda_r` in `[0, 1]`:
//!
//! ```text
//!          sum_i [ lambda_p * sum_j log p(P_i[j] | P_i[<j]) + lambda_r * sum_j log p(R_i[j] | P_i, R_i[<j]) ]
//! L = -  ----------------------------------------------------------------------------------------------------
//!                       sum_i ( 1[lambda_p != 0] * |P_i| + 1[lambda_r != 0] * |R_i| )
//! ```
//!
//! in nats; 0 is a perfect prediction. The denominator counts tokens whose weight is not zero; it does not add the weights
//! up, so that losses of different weightings do not compare. It runs over a whole optimizer step, however the step is
//! split into micro-batches. The first token of a sequence has nothing before it and is counted in neither sum.
//!
//! Source: "On the Effect of Instruction Tuning Loss on Generalization", equation 2.

use serde::{Deserialize, Serialize};

use super::batch::{MicroBatch, Target};
use crate::instruction::{TokenRole, TokenizedExample};
use crate::weighting::Weighting;

/// The weight of a token in the loss: the one place where roles become weights.
pub fn token_weight(weighting: Weighting, role: TokenRole) -> f64 {
    match role {
        TokenRole::Special => 0.0,
        TokenRole::Prompt => weighting.prompt(),
        TokenRole::Response => weighting.response(),
    }
}

/// Tokens of an example that the denominator counts.
pub fn counted_tokens(weighting: Weighting, example: &TokenizedExample) -> usize {
    example.roles.iter().skip(1).filter(|role| token_weight(weighting, **role) != 0.0).count()
}

/// Equation 2 over one optimizer step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WitLoss {
    /// `lambda_p` and `lambda_r`.
    pub weighting: Weighting,
    /// The denominator: the counted tokens of the whole step.
    pub counted_tokens: usize,
}

impl WitLoss {
    /// The derivative of the loss by the log-probability of a target: `-lambda / denominator`.
    fn slope(&self, target: &Target) -> f64 {
        -token_weight(self.weighting, target.role) / self.counted_tokens.max(1) as f64
    }

    /// The derivative of the loss by each target's log-probability.
    #[allow(clippy::cast_possible_truncation)]
    pub fn slopes(&self, batch: &MicroBatch) -> Vec<f32> {
        batch.targets.iter().map(|target| self.slope(target) as f32).collect()
    }

    /// A micro-batch's part of the loss, in nats, given its targets' log-probabilities. Parts add up to the step's loss.
    pub fn part(&self, batch: &MicroBatch, log_probs: &[f32]) -> f64 {
        let terms = batch.targets.iter().zip(log_probs);
        // A token of weight 0 is dropped, even where its log-probability is not a number.
        let terms = terms.map(|(target, nats)| (self.slope(target), nats)).filter(|(slope, _)| *slope != 0.0);
        terms.map(|(slope, nats)| slope * f64::from(*nats)).sum()
    }
}

/// Unweighted sums of negative log-probabilities by role: what compares across weightings.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct RoleNats {
    /// Sum over prompt tokens, in nats.
    pub prompt_nats: f64,
    /// Number of prompt tokens.
    pub prompt_tokens: usize,
    /// Sum over response tokens, in nats.
    pub response_nats: f64,
    /// Number of response tokens.
    pub response_tokens: usize,
}

impl RoleNats {
    /// Adds a micro-batch's targets.
    pub fn add(&mut self, batch: &MicroBatch, log_probs: &[f32]) {
        for (target, nats) in batch.targets.iter().zip(log_probs) {
            let (sum, count) = match target.role {
                TokenRole::Special => continue,
                TokenRole::Prompt => (&mut self.prompt_nats, &mut self.prompt_tokens),
                TokenRole::Response => (&mut self.response_nats, &mut self.response_tokens),
            };
            *sum -= f64::from(*nats);
            *count += 1;
        }
    }

    /// Adds other sums.
    pub fn merge(&mut self, other: &Self) {
        self.prompt_nats += other.prompt_nats;
        self.prompt_tokens += other.prompt_tokens;
        self.response_nats += other.response_nats;
        self.response_tokens += other.response_tokens;
    }

    /// Mean over prompt tokens, in nats a token; `None` where none was asked.
    pub fn prompt_nats_per_token(&self) -> Option<f64> {
        (self.prompt_tokens > 0).then(|| self.prompt_nats / self.prompt_tokens as f64)
    }

    /// Mean over response tokens, in nats a token; `None` where none was asked.
    pub fn response_nats_per_token(&self) -> Option<f64> {
        (self.response_tokens > 0).then(|| self.response_nats / self.response_tokens as f64)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::float_cmp)]
mod tests {
    use super::*;

    /// Two sequences: 2 predicted prompt tokens and 2 response tokens; 1 and 1.
    fn batch() -> (MicroBatch, Vec<f32>) {
        use TokenRole::{Prompt, Response, Special};
        let mut batch = MicroBatch::default();
        let first =
            TokenizedExample { ids: vec![1, 2, 3, 4, 5], roles: vec![Special, Prompt, Prompt, Response, Response] };
        let second = TokenizedExample { ids: vec![1, 2, 3], roles: vec![Special, Prompt, Response] };
        batch.push(&first, |_| true);
        batch.push(&second, |_| true);
        (batch, vec![-1.0, -2.0, -4.0, -8.0, -16.0, -32.0])
    }

    fn loss(prompt: f64, response: f64, counted: usize) -> f64 {
        let (batch, nats) = batch();
        WitLoss { weighting: Weighting::new(prompt, response).unwrap(), counted_tokens: counted }.part(&batch, &nats)
    }

    #[test]
    fn prompt_tokens_take_the_first_weight_and_response_tokens_the_second() {
        // By hand: prompts 1 + 2 + 16 = 19 nats, responses 4 + 8 + 32 = 44 nats.
        assert!((loss(0.25, 0.5, 6) - (0.25 * 19.0 + 0.5 * 44.0) / 6.0).abs() < 1e-12);
        assert!((loss(0.0, 1.0, 3) - 44.0 / 3.0).abs() < 1e-12);
        assert!((loss(1.0, 0.0, 3) - 19.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn the_denominator_counts_tokens_of_non_zero_weight_and_does_not_add_weights_up() {
        use TokenRole::{Prompt, Response, Special};
        let example = TokenizedExample {
            ids: vec![1, 2, 3, 4, 5, 6],
            roles: vec![Special, Prompt, Prompt, Prompt, Response, Response],
        };
        let counted = |p, r| counted_tokens(Weighting::new(p, r).unwrap(), &example);
        assert_eq!([counted(0.0, 1.0), counted(1.0, 0.0), counted(0.1, 0.2), counted(1.0, 1.0)], [2, 3, 5, 5]);
        // Without a beginning mark the first prompt token is not predicted, hence not counted.
        let bare = TokenizedExample { ids: vec![2, 3, 4], roles: vec![Prompt, Prompt, Response] };
        assert_eq!(counted_tokens(Weighting::new(0.5, 0.5).unwrap(), &bare), 2);
    }

    #[test]
    fn a_token_of_weight_zero_is_dropped_even_where_it_is_impossible() {
        let (batch, mut nats) = batch();
        nats[0] = f32::NEG_INFINITY;
        nats[1] = f32::NAN;
        let loss = WitLoss { weighting: Weighting::CONVENTIONAL, counted_tokens: 3 };
        assert!((loss.part(&batch, &nats) - 44.0 / 3.0).abs() < 1e-12);
        assert_eq!(loss.slopes(&batch), [0.0, 0.0, -1.0 / 3.0, -1.0 / 3.0, 0.0, -1.0 / 3.0].map(|s: f32| s + 0.0));
    }

    #[test]
    fn nats_per_token_are_unweighted_means_by_role() {
        let (batch, nats) = batch();
        let mut seen = RoleNats::default();
        seen.add(&batch, &nats);
        assert_eq!(seen.prompt_nats_per_token(), Some(19.0 / 3.0));
        assert_eq!(seen.response_nats_per_token(), Some(44.0 / 3.0));
        assert_eq!(RoleNats::default().prompt_nats_per_token(), None);
    }
}
