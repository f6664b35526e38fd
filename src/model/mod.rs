//! Models: a checkpoint folder opened and checked, its architecture, and the engine that computes with it.

pub mod adapter;
pub mod architecture;
pub mod chat_template;
pub mod checkpoint;
pub mod decoder;
pub mod engine;
pub mod gguf;
pub mod kernels;
pub mod tokens;
pub mod untrained;
pub mod weights;
