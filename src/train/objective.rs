//! What a training run minimizes, over the sequences of a step.

use serde::{Deserialize, Serialize};

use super::batch::MicroBatch;
use super::loss::{RoleNats, WitLoss, counted_tokens, token_weight};
use super::preference::{DpoLoss, PairNats};
use crate::instruction::{TokenRole, TokenizedExample};
use crate::weighting::Weighting;

/// What a run minimizes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Objective {
    /// Equation 2 of Weighted Instruction Tuning.
    Wit(Weighting),
    /// Direct Preference Optimization.
    Dpo(DpoLoss),
}

/// What belongs together in the data: one example, or the two answers of a preference.
#[derive(Debug, Clone, PartialEq)]
pub enum TrainingItem {
    /// An example of how to answer.
    Example(TokenizedExample),
    /// Two answers to one prompt, boxed: the rarer and larger case.
    Pair(Box<PreferencePair>),
}

/// A preference, as the models see it.
#[derive(Debug, Clone, PartialEq)]
pub struct PreferencePair {
    /// The prompt with the preferred answer.
    pub chosen: TokenizedExample,
    /// The prompt with the other answer.
    pub rejected: TokenizedExample,
    /// What the reference says to the answers; not known before it was asked.
    pub reference: Option<PairNats>,
}

impl TrainingItem {
    /// Its sequences.
    pub fn sequences(&self) -> impl Iterator<Item = &TokenizedExample> {
        match self {
            Self::Example(example) => [Some(example), None],
            Self::Pair(pair) => [Some(&pair.chosen), Some(&pair.rejected)],
        }
        .into_iter()
        .flatten()
    }

    /// Number of tokens.
    pub fn tokens(&self) -> usize {
        self.sequences().map(|sequence| sequence.ids.len()).sum()
    }
}

/// Sums over the preferences of a step.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct RewardSums {
    /// Pairs.
    pub pairs: usize,
    /// Pairs whose chosen answer has the higher reward.
    pub correct: usize,
    /// Sum of the chosen answers' rewards.
    pub chosen: f64,
    /// Sum of the rejected answers' rewards.
    pub rejected: f64,
}

impl RewardSums {
    /// Adds other sums.
    pub fn merge(&mut self, other: &Self) {
        self.pairs += other.pairs;
        self.correct += other.correct;
        self.chosen += other.chosen;
        self.rejected += other.rejected;
    }
}

/// What a step or a validation saw.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct StepSums {
    /// The loss, in nats.
    pub loss: f64,
    /// Unweighted nats by role.
    pub nats: RoleNats,
    /// Rewards of preferences.
    pub rewards: RewardSums,
    /// Tokens that went through the network.
    pub tokens: usize,
}

impl Objective {
    /// How much of the denominator an item is: its counted tokens, or one pair.
    pub fn share(&self, item: &TrainingItem) -> usize {
        match (self, item) {
            (Self::Wit(weighting), item) => item.sequences().map(|one| counted_tokens(*weighting, one)).sum(),
            (Self::Dpo(_), TrainingItem::Pair(_)) => 1,
            (Self::Dpo(_), TrainingItem::Example(_)) => 0,
        }
    }

    /// A micro-batch of items. Tokens of weight 0 are asked only where `all_roles` wants their nats for the record.
    pub fn micro_batch(&self, items: &[&TrainingItem], all_roles: bool) -> MicroBatch {
        let asked = |role: TokenRole| match self {
            Self::Wit(weighting) => role != TokenRole::Special && (all_roles || token_weight(*weighting, role) != 0.0),
            Self::Dpo(_) => role == TokenRole::Response,
        };
        let mut batch = MicroBatch::default();
        for sequence in items.iter().flat_map(|item| item.sequences()) {
            batch.push(sequence, asked);
        }
        batch
    }

    /// The derivative of the step's loss by each target's log-probability; adds the micro-batch to `sums`.
    ///
    /// `denominator` is the sum of [`Objective::share`] over all items of the step.
    #[allow(clippy::cast_possible_truncation)]
    pub fn slopes(
        &self,
        items: &[&TrainingItem],
        batch: &MicroBatch,
        log_probs: &[f32],
        denominator: usize,
        sums: &mut StepSums,
    ) -> Vec<f32> {
        sums.tokens += batch.tokens.len();
        sums.nats.add(batch, log_probs);
        match self {
            Self::Wit(weighting) => {
                let loss = WitLoss { weighting: *weighting, counted_tokens: denominator };
                sums.loss += loss.part(batch, log_probs);
                loss.slopes(batch)
            }
            Self::Dpo(loss) => {
                let mut slopes = vec![0.0; log_probs.len()];
                let answers = answer_nats(batch, log_probs);
                let mut ranges = batch.target_ranges();
                for (item, policy) in items.iter().zip(answers.chunks_exact(2)) {
                    let (Some(chosen), Some(rejected)) = (ranges.next(), ranges.next()) else { break };
                    let (TrainingItem::Pair(pair), [c, r]) = (item, policy) else { continue };
                    let Some(reference) = pair.reference else { continue };
                    let seen = loss.pair(PairNats { chosen: *c, rejected: *r }, reference);
                    sums.loss += seen.loss / denominator.max(1) as f64;
                    sums.rewards.pairs += 1;
                    sums.rewards.correct += usize::from(seen.chosen_reward > seen.rejected_reward);
                    sums.rewards.chosen += seen.chosen_reward;
                    sums.rewards.rejected += seen.rejected_reward;
                    let slope = (seen.slope / denominator.max(1) as f64) as f32;
                    slopes.get_mut(chosen).unwrap_or_default().fill(slope);
                    slopes.get_mut(rejected).unwrap_or_default().fill(-slope);
                }
                slopes
            }
        }
    }
}

/// The sum of log-probabilities of each sequence's targets, in nats.
pub fn answer_nats(batch: &MicroBatch, log_probs: &[f32]) -> Vec<f64> {
    let sum = |range: std::ops::Range<usize>| {
        log_probs.get(range).unwrap_or_default().iter().map(|nats: &f32| f64::from(*nats)).sum()
    };
    batch.target_ranges().map(sum).collect()
}
