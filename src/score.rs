//! The judgment of one response by one metric.

use serde::{Deserialize, Serialize};

use crate::response::is_zero;

/// A judgment. Unscored is a state with a reason, never 0 and never NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Score {
    /// The response was judged.
    Scored {
        /// The metric's value for this response; for accuracies 0 or 1. Always finite.
        credit: f64,
        /// What the filter or the likelihood took as the model's answer.
        answer: String,
        /// Why the credit is what it is, for people.
        explanation: String,
    },
    /// The response could not be judged.
    Unscored {
        /// For people.
        reason: String,
    },
}

/// A part of a judgment: one instruction of a prompt, one turn of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScorePart {
    /// Identifier of the instruction, or name of the part (`turn 1`).
    pub name: String,
    /// The value, once a repeat that gave one; always finite.
    pub credits: Vec<f64>,
    /// Repeats that gave no value (a judge's answer without a rating, say).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missing: usize,
}

impl Score {
    /// The credit, where there is one.
    pub fn credit(&self) -> Option<f64> {
        match self {
            Self::Scored { credit, .. } => Some(*credit),
            Self::Unscored { .. } => None,
        }
    }
}
