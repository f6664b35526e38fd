//! What one forward and backward pass sees: whole sequences one after another, without padding.

use crate::instruction::{TokenRole, TokenizedExample};

/// A token whose log-probability is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// The row that predicts it: the place of the token before it in [`MicroBatch::tokens`].
    pub row: u32,
    /// The token.
    pub token: u32,
    /// Which part of the example it belongs to.
    pub role: TokenRole,
}

/// Sequences that go through the network together.
#[derive(Debug, Clone, PartialEq)]
pub struct MicroBatch {
    /// All tokens, sequence after sequence.
    pub tokens: Vec<u32>,
    /// Where each sequence begins, and the number of all tokens at the end: one more entry than sequences. Attention and
    /// positions start anew at each.
    pub starts: Vec<usize>,
    /// What is predicted, by ascending row. Rows without a target cost no logits.
    pub targets: Vec<Target>,
    /// Where each sequence's targets begin, and the number of all targets at the end.
    pub target_starts: Vec<usize>,
}

impl Default for MicroBatch {
    fn default() -> Self {
        Self { tokens: Vec::new(), starts: vec![0], targets: Vec::new(), target_starts: vec![0] }
    }
}

impl MicroBatch {
    /// Number of sequences.
    pub fn sequences(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Appends a sequence. Token `j` is predicted by row `j - 1`, so the first token never is; of the others, those whose
    /// role is asked become targets.
    pub fn push(&mut self, example: &TokenizedExample, asked: impl Fn(TokenRole) -> bool) {
        let start = self.tokens.len();
        let tokens = example.ids.iter().zip(&example.roles).enumerate().skip(1);
        let targets = tokens.filter(|(_, (_, role))| asked(**role));
        self.targets.extend(targets.map(|(at, (token, role))| Target {
            row: u32::try_from(start + at - 1).unwrap_or(u32::MAX),
            token: *token,
            role: *role,
        }));
        self.tokens.extend_from_slice(&example.ids);
        self.starts.push(self.tokens.len());
        self.target_starts.push(self.targets.len());
    }

    /// Each sequence's stretch of [`MicroBatch::targets`].
    pub fn target_ranges(&self) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
        self.target_starts.iter().zip(self.target_starts.iter().skip(1)).map(|(start, end)| *start..*end)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn example(ids: &[u32], prompt: usize) -> TokenizedExample {
        let role = |at: usize| match at {
            0 => TokenRole::Special,
            at if at < prompt => TokenRole::Prompt,
            _ => TokenRole::Response,
        };
        TokenizedExample { ids: ids.to_vec(), roles: (0..ids.len()).map(role).collect() }
    }

    #[test]
    fn each_target_is_predicted_by_the_row_before_it_and_never_across_sequences() {
        let mut batch = MicroBatch::default();
        batch.push(&example(&[1, 10, 11, 12], 2), |_| true);
        batch.push(&example(&[1, 20, 21], 2), |role| role == TokenRole::Response);
        let seen = batch.targets.iter().map(|t| (t.row, t.token, t.role)).collect::<Vec<_>>();
        let (prompt, response) = (TokenRole::Prompt, TokenRole::Response);
        assert_eq!(seen, [(0, 10, prompt), (1, 11, response), (2, 12, response), (5, 21, response)]);
        assert_eq!(batch.starts, [0, 4, 7]);
        assert_eq!(batch.target_ranges().collect::<Vec<_>>(), [0..3, 3..4]);
    }

    #[test]
    fn a_sequence_of_one_token_predicts_nothing() {
        let mut batch = MicroBatch::default();
        batch.push(&example(&[1], 1), |_| true);
        assert_eq!((batch.targets.len(), batch.sequences()), (0, 1));
    }
}
