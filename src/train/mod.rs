//! Fine-tuning: the WIT loss, preferences, gradients, the optimizer, and folders of what comes out.
//!
//! [`render`] makes token ids with roles; [`objective`] says what is minimized ([`loss`], [`preference`]); [`gradient`]
//! computes log-probabilities and derivatives; [`trainer`] makes optimizer steps; [`session`] keeps a run resumable;
//! [`folder`] writes the checkpoint.

pub mod batch;
pub mod device;
pub mod events;
pub mod folder;
pub mod gradient;
pub mod initial;
pub mod journal;
pub mod lora;
pub mod loss;
pub mod merge;
pub mod objective;
pub mod optimizer;
pub mod order;
pub mod parameters;
pub mod preference;
pub mod render;
pub mod schedule;
pub mod session;
pub mod settings;
pub mod snapshot;
pub mod trainer;
