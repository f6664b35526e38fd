//! `wit-eval`: evaluates instruction-tuned checkpoints for performance and prompt sensitivity, per loss weighting.
//!
//! The layers, lowest first; a module uses its own layer and those below (`tests/architecture.rs` holds this):
//!
//! | layer | modules |
//! | --- | --- |
//! | 0 vocabulary | [`weighting`], [`chat`], [`task`], [`instance`], [`instruction`], [`variant`], [`request`], [`response`], [`score`], [`estimate`], [`record`], [`judgment`], [`digest`], [`seed`] |
//! | 1 pure work | [`perturb`], [`scoring`], [`stats`], [`sensitivity`], [`corpus`] |
//! | 2 files | [`data`], [`store`] |
//! | 3 models | [`model`], [`backend`], [`train`], [`hub`] |
//! | 4 orchestration | [`plan`], [`execute`], [`judge`], [`sweep`] |
//! | 5 what people read | [`analyze`], [`paired`], [`compare`], [`gate`], [`report`] |
//! | 6 edge | [`cli`] |

pub mod analyze;
pub mod backend;
pub mod chat;
pub mod cli;
pub mod compare;
pub mod corpus;
pub mod data;
pub mod digest;
pub mod estimate;
pub mod execute;
pub mod gate;
pub mod hub;
pub mod instance;
pub mod instruction;
pub mod judge;
pub mod judgment;
pub mod model;
pub mod paired;
pub mod perturb;
pub mod plan;
pub mod record;
pub mod report;
pub mod request;
pub mod response;
pub mod score;
pub mod scoring;
pub mod seed;
pub mod sensitivity;
pub mod stats;
pub mod store;
pub mod sweep;
pub mod task;
pub mod train;
pub mod variant;
pub mod weighting;
