//! The numbers of the demonstration: the base model and how it and its tunings are trained.

/// Width of the residual stream.
pub const HIDDEN: usize = 128;
/// Width of the feed-forward layers.
pub const INNER: usize = 384;
/// Layers.
pub const LAYERS: usize = 4;
/// Attention heads.
pub const HEADS: usize = 4;
/// Key and value heads.
pub const KEY_VALUE_HEADS: usize = 2;
/// Longest sequence, in tokens.
pub const POSITIONS: usize = 512;
/// Longest example of the tuning, in tokens.
pub const MAX_TOKENS: usize = 64;

/// Seeds of the grid's training data and order.
pub const SEEDS: [u64; 3] = [0, 1, 2];
/// Training rows of each weighting that the demonstration tunes.
pub const DEMO_ROWS: usize = 16_000;
/// Training rows of each cell of the grid.
pub const GRID_ROWS: usize = 16_000;

/// Seed of the generated text and of the training rows.
pub const DATA_SEED: u64 = 0;
/// Tokens of generated text that the base model reads.
pub const PRETRAINING_TOKENS: usize = 5_000_000;
/// Tokens of one sequence of the pretraining.
pub const PRETRAINING_LENGTH: usize = 128;
/// How the base model is pretrained, as flags of `train`.
pub const PRETRAINING_FLAGS: [&str; 18] = [
    "--epochs", "1", "--batch-size", "16", "--micro-batch-tokens", "2048", "--learning-rate", "4e-3", "--warmup-ratio", "0.02",
    "--weight-decay", "0.05", "--decay", "matrices", "--adam-beta2", "0.95", "--dtype", "bf16",
];
/// Rows of training data.
pub const TRAINING_ROWS: usize = 16_000;
/// Optimizer steps of each weighting that the demonstration tunes.
pub const TUNING_STEPS: usize = 400;
/// How weightings are tuned, as flags of `train`.
pub const TUNING_FLAGS: [&str; 12] = [
    "--batch-size", "32", "--learning-rate", "2e-3", "--warmup-ratio", "0.05", "--weight-decay", "0.01", "--decay", "matrices",
    "--max-length", "64",
];
/// How checkpoints are evaluated, as flags of `run`.
pub const EVALUATION_FLAGS: [&str; 7] = [
    "--tasks", "demo", "--apply_chat_template", "--perturbations", "all", "--run_name", "evaluation",
];
