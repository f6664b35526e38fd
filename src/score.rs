//! The judgment of one response by one metric.

use serde::{Deserialize, Serialize};

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

impl Score {
    /// The credit, where there is one.
    pub fn credit(&self) -> Option<f64> {
        match self {
            Self::Scored { credit, .. } => Some(*credit),
            Self::Unscored { .. } => None,
        }
    }
}
