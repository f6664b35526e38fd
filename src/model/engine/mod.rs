//! Scoring and generation over token ids, with shared prefixes computed once.
//!
//! All sequences of a call become one prefix tree. It is walked depth first; stretches of it go through the decoder in
//! batches bounded by [`EngineOptions`], together with the newest tokens of generations under way, and keys and values are
//! freed as soon as no sequence needs them. By the kernels' construction none of this changes a bit of any result.

mod generate;
mod generation;
mod halving;
mod lookup;
mod memory;
mod prefix_tree;
mod probe;
mod prompt_set;
mod sampling;
mod score;
mod session;
mod stop;
#[cfg(test)]
mod tests;
mod token_count;
mod walk;
mod windows;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

pub use candle_core::Device;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::model::architecture::Architecture;
use crate::model::decoder::{Decoder, DecoderError};
use crate::model::kernels::{Isa, WeightType};
use crate::model::weights::Weights;

pub use generation::GenerationRequest;
pub use memory::{MemoryPlan, computing_memory_bytes, weight_bytes};
pub use probe::{Prediction, Probe};
pub use prompt_set::{PromptSetAnswer, PromptSetRequest};
pub use score::{Scoring, SequenceScore};
pub use token_count::{TokenCount, generation_count, new_tokens_at_most, prompt_set_count, score_count};
pub use windows::rolling_windows;

/// Turns generated ids into text, without special tokens.
pub type Detokenize<'a> = &'a dyn Fn(&[u32]) -> String;

/// How an engine works. None of these changes a result, `max_length_tokens`, `weight_type` and `device` aside.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Threads; `None` takes one for each core.
    pub threads: Option<usize>,
    /// Tokens that go through the network together; `None` chooses by the network's width and the memory.
    pub max_batch_tokens: Option<usize>,
    /// Bytes that weights, keys and values and work may take together; `None` goes by what is free. One sequence, or one set of
    /// prompts, is always held, however long.
    pub memory_bytes: Option<usize>,
    /// Longest sequence; `None` takes what the model was made for.
    pub max_length_tokens: Option<usize>,
    /// Instructions to use.
    pub isa: Isa,
    /// The type that weights are held in. Other than [`WeightType::Stored`] and [`WeightType::Float32`], it may round
    /// them, and changes results.
    pub weight_type: WeightType,
    /// Where the tensor library computes in place of own kernels, in the type that weights are held in; `None` is the CPU with
    /// own kernels. On a device, a result may differ in its last digits with what is computed beside it.
    pub device: Option<Device>,
    /// Whether greedy generations guess their next tokens where the text repeats itself, and have the guess checked in one pass.
    pub lookup: bool,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            threads: None,
            max_batch_tokens: None,
            memory_bytes: None,
            max_length_tokens: None,
            isa: Isa::detected(),
            weight_type: WeightType::Stored,
            device: None,
            lookup: true,
        }
    }
}

impl EngineOptions {
    /// Tokens of the longest sequence that a network is given.
    pub fn longest_sequence(&self, architecture: &Architecture) -> usize {
        let made_for = architecture.context_tokens;
        self.max_length_tokens.map_or(made_for, |asked| asked.clamp(1, made_for))
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
    /// The memory does not suffice.
    #[error(
        "the model does not fit into {given}: its weights take {weights}, and computing takes {work} more; give it \
         {needed}, hold the weights in a type of fewer bytes, or take a smaller or quantized model",
        given = memory::readable(*given_bytes), weights = memory::readable(*weight_bytes),
        work = memory::readable(*work_bytes), needed = memory::readable(weight_bytes.saturating_add(*work_bytes))
    )]
    TooLittleMemory {
        /// What is given, or free.
        given_bytes: u64,
        /// What the weights take.
        weight_bytes: u64,
        /// What the smallest batches, their keys and values, and the program take.
        work_bytes: u64,
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
    memory: MemoryPlan,
    /// Bytes of keys and values that may be held, beyond the one sequence that must be.
    cache_bytes: usize,
    /// Rows beyond which a device ran out of memory.
    row_limit: AtomicUsize,
    computed_tokens: AtomicU64,
    right_guesses: AtomicU64,
    wrong_guesses: AtomicU64,
}

/// Tokens of greedy generations that were guessed (see [`EngineOptions::lookup`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guesses {
    /// Those that the network would have chosen: no pass of their own was needed.
    pub right: u64,
    /// Those that went through the network in vain.
    pub wrong: u64,
}

impl Engine {
    /// Reads a checkpoint's weights.
    pub fn open(architecture: Architecture, weights: &Weights, options: EngineOptions) -> Result<Self, EngineError> {
        let available = computing_memory_bytes(&options);
        let plan = |architecture: &Architecture, bytes| MemoryPlan::new(architecture, bytes, &options, available);
        // Before anything is read, as far as the files' headers tell; then exactly.
        let told = weight_bytes(&architecture, weights, options.weight_type);
        plan(&architecture, told)?;
        let pool = ThreadPoolBuilder::new().num_threads(options.threads.unwrap_or(0)).build().map_err(|error| {
            EngineError::Threads { threads: options.threads.unwrap_or(0), reason: error.to_string() }
        })?;
        let decoder = match &options.device {
            None => Decoder::fused(architecture, weights, options.isa, options.weight_type)?,
            Some(device) => Decoder::on_device(architecture, weights, options.weight_type, device)?,
        };
        let held = if options.device.is_some() { told } else { decoder.weight_bytes() as u64 };
        let memory = plan(decoder.architecture(), held)?;
        Ok(Self {
            decoder,
            pool,
            options,
            cache_bytes: usize::try_from(memory.cache_bytes).unwrap_or(usize::MAX),
            memory,
            row_limit: AtomicUsize::new(usize::MAX),
            computed_tokens: AtomicU64::new(0),
            right_guesses: AtomicU64::new(0),
            wrong_guesses: AtomicU64::new(0),
        })
    }

    /// How memory is divided.
    pub fn memory(&self) -> &MemoryPlan {
        &self.memory
    }

    /// Tokens that go through the network together.
    pub fn max_batch_tokens(&self) -> usize {
        self.memory.max_batch_tokens.min(self.row_limit.load(Ordering::Relaxed)).max(1)
    }

    /// Longest sequence that is given to the model.
    pub fn max_length_tokens(&self) -> usize {
        self.options.longest_sequence(self.decoder.architecture())
    }

    /// Tokens that went through the network so far, prompts and generated ones, and those that were guessed wrongly.
    pub fn computed_tokens(&self) -> u64 {
        self.computed_tokens.load(Ordering::Relaxed)
    }

    /// Tokens that were guessed so far.
    pub fn guesses(&self) -> Guesses {
        let [right, wrong] = [&self.right_guesses, &self.wrong_guesses].map(|count| count.load(Ordering::Relaxed));
        Guesses { right, wrong }
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
