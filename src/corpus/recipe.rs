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

/// Seed of the generated text and of the training rows.
pub const DATA_SEED: u64 = 0;
/// Tokens of generated text that the base model reads.
pub const PRETRAINING_TOKENS: usize = 5_000_000;
/// Standard deviation of the base model's weights before pretraining.
pub const INITIAL_DEVIATION: f32 = 0.05;
/// How the base model is pretrained, as flags of `train`.
pub const PRETRAINING_FLAGS: [&str; 18] = [
    "--epochs",
    "1",
    "--batch-size",
    "16",
    "--order",
    "file",
    "--learning-rate",
    "3e-3",
    "--warmup-ratio",
    "0.03",
    "--weight-decay",
    "0.05",
    "--decay",
    "matrices",
    "--adam-beta2",
    "0.95",
    "--dtype",
    "bf16",
];
/// Rows of training data.
pub const TRAINING_ROWS: usize = 24_000;
/// Optimizer steps of each weighting that the demonstration tunes.
pub const TUNING_STEPS: usize = 1_000;
/// How weightings are tuned, as flags of `train`.
pub const TUNING_FLAGS: [&str; 12] = [
    "--batch-size",
    "16",
    "--learning-rate",
    "3e-3",
    "--warmup-ratio",
    "0.05",
    "--weight-decay",
    "0.01",
    "--decay",
    "matrices",
    "--max-length",
    "64",
];
/// How checkpoints are evaluated, as flags of `run`.
pub const EVALUATION_FLAGS: [&str; 7] = [
    "--tasks",
    "demo",
    "--apply_chat_template",
    "--perturbations",
    "typo:1,casing:1,punctuation:1,whitespace:1,paraphrase:1",
    "--run_name",
    "evaluation",
];
