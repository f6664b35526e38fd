//! From arms and their numbers to the weighting picture: best cells, gains, fronts, trade-offs, effects, words.

mod types;

pub use types::*;
