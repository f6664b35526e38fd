//! An instance as it is asked: the original, or a perturbed wording of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Names one variant of an instance: perturbation, strength and draw. The identity is a variant too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VariantId {
    /// Name of the perturbation, `original` for the identity.
    pub perturbation: String,
    /// Name of its strength (`default`, `light`, `0.05`...); empty for the identity.
    pub strength: String,
    /// Which of the draws at this strength, from 0.
    pub draw: usize,
}

impl VariantId {
    /// Name of the perturbation that changes nothing.
    pub const ORIGINAL: &'static str = "original";

    /// The identity.
    pub fn original() -> Self {
        Self { perturbation: Self::ORIGINAL.to_owned(), strength: String::new(), draw: 0 }
    }

    /// Whether this is the identity.
    pub fn is_original(&self) -> bool {
        self.perturbation == Self::ORIGINAL
    }
}

impl fmt::Display for VariantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_original() {
            f.write_str(Self::ORIGINAL)
        } else {
            write!(f, "{}@{}#{}", self.perturbation, self.strength, self.draw)
        }
    }
}
