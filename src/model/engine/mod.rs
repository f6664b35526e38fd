//! Scoring and generation over token ids, with shared prefixes computed once.
//!
//! All sequences of a call become one prefix tree. It is walked depth first; stretches of it go through the decoder in
//! batches bounded by [`EngineOptions`], and keys and values are freed as soon as no sequence needs them. By the
//! kernels' construction none of this changes a bit of any result.

mod generate;
mod generation;
mod prefix_tree;
mod probe;
mod prompt_set;
mod sampling;
mod score;
mod session;
mod stop;
#[cfg(test)]
mod tests;
mod windows;

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::model::architecture::Architecture;
use crate::model::decoder::{Decoder, DecoderError};
use crate::model::kernels::{Isa, WeightType};
use crate::model::weights::Weights;

pub use generation::GenerationRequest;
pub use probe::{Prediction, Probe};
pub use prompt_set::{PromptSetAnswer, PromptSetRequest};
pub use score::{Scoring, SequenceScore};
pub use windows::rolling_windows;

/// Turns generated ids into text, without special tokens.
pub type Detokenize<'a> = &'a dyn Fn(&[u32]) -> String;

/// How an engine works. None of these changes a result, `max_length_tokens` and `weight_type` aside.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Threads; `None` takes one for each core.
    pub threads: Option<usize>,
    /// Tokens that go through the network together.
    pub max_batch_tokens: usize,
    /// Bytes of keys and values that may be held, beyond the one sequence that must be.
    pub kv_budget_bytes: usize,
    /// Longest sequence; `None` takes what the model was made for.
    pub max_length_tokens: Option<usize>,
    /// Instructions to use.
    pub isa: Isa,
    /// The type that weights are held in. Other than [`WeightType::Stored`] and [`WeightType::Float32`], it may round
    /// them, and changes results.
    pub weight_type: WeightType,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            threads: None,
            max_batch_tokens: 512,
            kv_budget_bytes: 1 << 30,
            max_length_tokens: None,
            isa: Isa::detected(),
            weight_type: WeightType::Stored,
        }
    }
}

/// Why an engine could not be built, or could not answer.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The decoder could not be built or run.
    #[error(transparent)]
    Decoder(#[from] DecoderError),
    /// The threads could not be started.
    #[error("could not start {threads} threads: {reason}; ask for fewer")]
    Threads {
        /// How many.
        threads: usize,
        /// What the system says.
        reason: String,
    },
    /// A sequence without any token.
    #[error("the prompt has no tokens; give the model at least a beginning token")]
    EmptyPrompt,
    /// A continuation that does not fit.
    #[error("the continuation has {tokens} tokens, the model's context {max_length}; shorten it")]
    ContinuationTooLong {
        /// Its length.
        tokens: usize,
        /// What fits.
        max_length: usize,
    },
    /// Logits that are infinite or not numbers.
    #[error("the model's logits are not finite; its weights are broken")]
    NotFinite,
}

/// A network ready to answer.
#[derive(Debug)]
pub struct Engine {
    decoder: Decoder,
    pool: ThreadPool,
    options: EngineOptions,
    computed_tokens: AtomicU64,
}

impl Engine {
    /// Reads a checkpoint's weights.
    pub fn open(architecture: Architecture, weights: &Weights, options: EngineOptions) -> Result<Self, EngineError> {
        let pool = ThreadPoolBuilder::new().num_threads(options.threads.unwrap_or(0)).build().map_err(|error| {
            EngineError::Threads { threads: options.threads.unwrap_or(0), reason: error.to_string() }
        })?;
        let decoder = Decoder::fused(architecture, weights, options.isa, options.weight_type)?;
        Ok(Self { decoder, pool, options, computed_tokens: AtomicU64::new(0) })
    }

    /// Longest sequence that is given to the model.
    pub fn max_length_tokens(&self) -> usize {
        let made_for = self.decoder.architecture().context_tokens;
        self.options.max_length_tokens.map_or(made_for, |asked| asked.clamp(1, made_for))
    }

    /// Tokens that went through the network so far, prompts and generated ones.
    pub fn computed_tokens(&self) -> u64 {
        self.computed_tokens.load(Ordering::Relaxed)
    }

    /// Ids that the model knows.
    pub fn vocabulary(&self) -> usize {
        self.decoder.architecture().vocabulary
    }

    /// Runs on this engine's threads.
    fn on_threads<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.pool.install(work)
    }

    fn count(&self, tokens: usize) {
        self.computed_tokens.fetch_add(tokens as u64, Ordering::Relaxed);
    }
}
