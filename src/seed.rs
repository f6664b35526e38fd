//! One seed and independent random streams derived from it by label.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The seed of a run. Random streams come from it by label only, so that adding a perturbation, an instance or a task
/// changes no other stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// The random stream with this label path, for example `["typo", "mmlu_anatomy/12", "0"]`.
    ///
    /// The stream is `ChaCha8` keyed with SHA-256 over the seed and the length-prefixed labels, so `["ab", "c"]` and
    /// `["a", "bc"]` are different streams.
    pub fn stream(self, labels: &[&str]) -> ChaCha8Rng {
        let mut hash = Sha256::new();
        hash.update(b"wit-eval stream v1");
        hash.update(self.0.to_le_bytes());
        for label in labels {
            hash.update((label.len() as u64).to_le_bytes());
            hash.update(label.as_bytes());
        }
        ChaCha8Rng::from_seed(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::RngCore;

    fn first(seed: u64, labels: &[&str]) -> u64 {
        Seed(seed).stream(labels).next_u64()
    }

    #[test]
    fn streams_differ_by_seed_and_by_label_boundary_and_repeat() {
        assert_eq!(first(7, &["ab", "c"]), first(7, &["ab", "c"]));
        assert_ne!(first(7, &["ab", "c"]), first(7, &["a", "bc"]));
        assert_ne!(first(7, &["ab", "c"]), first(8, &["ab", "c"]));
    }
}
