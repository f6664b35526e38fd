//! How a judge is asked and read.

use serde::{Deserialize, Serialize};

use crate::request::{Decoding, Sampling};

/// What the judge is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A rating from 1 to 10 of each turn.
    #[default]
    Single,
    /// Which of two conversations is better at each turn, asked in both orders.
    Pairwise,
}

/// How a judge's text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// As the published program: the first rating counts, and a verdict's tags have an order of precedence.
    #[default]
    Published,
    /// A text that gives several different ratings or verdicts, a rating in single brackets or one off the scale gives
    /// none.
    Strict,
}

/// How a judge is asked and read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What the judge is asked for.
    pub mode: Mode,
    /// How often each question is asked; at least 1.
    pub repeats: usize,
    /// The judge's answer ends after this many tokens.
    pub max_new_tokens: usize,
    /// How the judge's tokens are chosen. Greedy is the protocol; repeats then differ only where the judge is not
    /// deterministic, as hosted models are not.
    pub sampling: Sampling,
    /// How its text is read.
    pub reading: Reading,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Single,
            repeats: 1,
            max_new_tokens: 2048,
            sampling: Sampling::Greedy,
            reading: Reading::Published,
        }
    }
}

impl Settings {
    /// The decoding of one repeat.
    pub(super) fn decoding(&self, repeat: usize) -> Decoding {
        Decoding { sampling: self.sampling, sample: repeat, ..Decoding::greedy(self.max_new_tokens) }
    }
}
