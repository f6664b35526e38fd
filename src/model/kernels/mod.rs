//! Inference kernels on slices of `f32`, for the CPU.
//!
//! Every result is a fixed sequence of roundings: a dot product is one chain of fused multiply-adds over its index in
//! ascending order, a sum over a row has sixteen lanes that are folded in a fixed tree. Which instruction set runs,
//! how many threads there are, how rows are batched or tiles are cut therefore changes no bit of any value.
//!
//! Kernels are plain Rust compiled once for each instruction set ([`Isa`]); the `unsafe` ingredients are prefetching, the call
//! of a function compiled for detected features and threads writing disjoint tiles of one output.

// Sizes are checked where a kernel is entered; inside, indices are products of them, and checked access would hide that.
#![allow(clippy::indexing_slicing)]

mod activation;
mod attention;
mod isa;
mod linear;
mod logits;
pub(crate) mod math;
mod norm;
mod output;
mod pack;
mod panels;
pub mod quantized;
mod rotary;
mod tile;
mod values;

pub use activation::{activate, activate_gated};
pub use attention::{AttentionShape, Keys, RowSpan, Span, attend, store_keys};
pub use isa::Isa;
pub use linear::{linear, linear_into, linear_part};
pub use logits::{TileSummary, soft_cap, summarize};
pub use norm::{NormForm, normalize};
pub use pack::{MatrixPacker, PackedMatrix, PackedRows};
pub use panels::Layout;
pub use quantized::QuantizedRows;
pub use rotary::rotate;
pub use values::{Values, WeightType};

/// Values that a lane-wise loop handles at once, and columns of a weight panel.
pub const LANES: usize = 16;

/// Rows of one block of packed activations.
pub const ROWS: usize = 6;

/// Below this many multiply-adds, work is not worth handing to other threads.
pub(crate) const PARALLEL_WORK: usize = 1 << 18;

/// Tasks that work is cut into for each thread: so many that none waits long for another's last.
const TASKS_A_THREAD: usize = 8;
