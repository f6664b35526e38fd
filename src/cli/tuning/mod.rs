//! What `train` and `dpo` have in common: flags, the way from files to a trained folder, and what is shown on it.

pub(super) mod flags;
pub(super) mod job;
mod meter;
pub(super) mod rows;
