//! Which examples each optimizer step sees.

use std::ops::Range;

use rand::seq::SliceRandom as _;
use serde::{Deserialize, Serialize};

use crate::seed::Seed;

/// The order of the examples within an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExampleOrder {
    /// A new permutation every epoch, drawn from the seed.
    Shuffled,
    /// As in the data.
    File,
}

/// Steps over epochs of examples. A step never mixes epochs: the last one of an epoch takes what is left.
#[derive(Debug, Clone)]
pub struct StepOrder {
    examples: usize,
    batch_size: usize,
    order: ExampleOrder,
    seed: Seed,
    /// The epoch whose permutation is at hand.
    epoch: Option<(usize, Vec<usize>)>,
}

impl StepOrder {
    /// Steps of `batch_size` examples each.
    pub fn new(examples: usize, batch_size: usize, order: ExampleOrder, seed: Seed) -> Self {
        Self { examples, batch_size: batch_size.max(1), order, seed, epoch: None }
    }

    /// Optimizer steps in one epoch.
    pub fn steps_per_epoch(&self) -> usize {
        self.examples.div_ceil(self.batch_size)
    }

    /// The examples of a step, counted from 0 over all epochs.
    pub fn examples(&mut self, step: usize) -> Vec<usize> {
        let steps = self.steps_per_epoch().max(1);
        let (epoch, start) = (step / steps, step % steps * self.batch_size);
        if self.epoch.as_ref().is_none_or(|(at_hand, _)| *at_hand != epoch) {
            let mut permutation = (0..self.examples).collect::<Vec<_>>();
            if self.order == ExampleOrder::Shuffled {
                permutation.shuffle(&mut self.seed.stream(&["train", "order", &epoch.to_string()]));
            }
            self.epoch = Some((epoch, permutation));
        }
        let permutation = self.epoch.as_ref().map_or(&[][..], |(_, permutation)| permutation);
        permutation.iter().skip(start).take(self.batch_size).copied().collect()
    }
}

/// Splits a step into micro-batches of at most `limit_tokens` each; what is longer by itself goes alone.
pub fn micro_batches(tokens: &[usize], limit_tokens: usize) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let (mut start, mut sum) = (0, 0);
    for (at, count) in tokens.iter().enumerate() {
        if at > start && sum + count > limit_tokens {
            ranges.push(start..at);
            (start, sum) = (at, 0);
        }
        sum += count;
    }
    if start < tokens.len() {
        ranges.push(start..tokens.len());
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_sees_every_example_once_in_another_order() {
        let mut order = StepOrder::new(10, 4, ExampleOrder::Shuffled, Seed(3));
        let mut epoch = |first: usize| (first..first + 3).flat_map(|step| order.examples(step)).collect::<Vec<_>>();
        let (one, two) = (epoch(0), epoch(3));
        assert_ne!(one, two);
        for mut seen in [one, two] {
            seen.sort_unstable();
            assert_eq!(seen, (0..10).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_step_has_the_same_examples_whatever_was_asked_before() {
        let mut order = StepOrder::new(10, 4, ExampleOrder::Shuffled, Seed(3));
        let late = order.examples(5);
        assert_eq!(StepOrder::new(10, 4, ExampleOrder::Shuffled, Seed(3)).examples(5), late);
        assert_eq!(StepOrder::new(5, 2, ExampleOrder::File, Seed(3)).examples(2), [4]);
    }

    #[test]
    fn micro_batches_cover_the_step_within_the_limit() {
        assert_eq!(micro_batches(&[5, 5, 20, 3, 3, 3], 10), [0..2, 2..3, 3..6]);
        assert!(micro_batches(&[], 10).is_empty());
    }
}
