//! Flags of an evaluation: how models are opened and asked, and where things go.

use std::path::PathBuf;

use clap::Args;

use crate::cli::options::{NetworkArgs, positive};
use crate::model::chat_template::Date;
use crate::weighting::Weighting;

/// How checkpoints are opened and asked.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Model")]
pub(in crate::cli) struct ModelArgs {
    /// Loss weighting P,R of a checkpoint that does not say (wit.json or folder name); one for each --checkpoint
    #[arg(long, value_name = "P,R")]
    pub weighting: Vec<Weighting>,
    /// Folder (or GGUF file) of the base model, for adapters whose own word for it is no folder here
    #[arg(long, value_name = "DIR")]
    pub base: Option<PathBuf>,
    /// Folder of the tokenizer, for checkpoints that carry none; it stands before a checkpoint's own
    #[arg(long, value_name = "DIR")]
    pub tokenizer: Option<PathBuf>,
    /// Present prompts through the checkpoint's chat template, or through the one of this name
    #[arg(long = "apply_chat_template", alias = "apply-chat-template", value_name = "NAME", num_args = 0..=1)]
    #[allow(clippy::option_option)] // absent, present, present with a name
    pub apply_chat_template: Option<Option<String>>,
    /// Present prompts through the chat template in this Jinja file
    #[arg(
        long = "chat_template",
        alias = "chat-template",
        value_name = "FILE",
        conflicts_with = "apply_chat_template"
    )]
    pub chat_template: Option<PathBuf>,
    /// With a chat template: every example is a turn of its own
    #[arg(long = "fewshot_as_multiturn", alias = "fewshot-as-multiturn", value_name = "BOOL", num_args = 0..=1,
        default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set,
        value_parser = clap::builder::BoolishValueParser::new())]
    pub fewshot_as_multiturn: bool,
    /// The date that chat templates are told; fixed, so that a run repeats on any day
    #[arg(long, value_name = "YYYY-MM-DD", default_value = "2024-07-26")]
    pub date: Date,
    /// Decoding of generated answers, as KEY=VALUE,... (max_gen_toks, temperature, top_p, top_k, do_sample, until)
    #[arg(long = "gen_kwargs", alias = "gen-kwargs", value_name = "LIST")]
    pub gen_kwargs: Option<String>,
    /// Instances of each task for which POSIX is measured (0: none), over the original and the first draw of each
    /// perturbation that keeps the answer; it costs a reply to each, scored under every other
    #[arg(long = "posix_limit", alias = "posix-limit", value_name = "N", default_value_t = 10)]
    pub posix_limit: usize,
    /// Length limit of the replies for POSIX, in tokens
    #[arg(long = "posix_tokens", alias = "posix-tokens", value_name = "N", default_value_t = 16, value_parser = positive)]
    pub posix_tokens: usize,
    #[command(flatten)]
    pub network: NetworkArgs,
}

/// Where things go.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(in crate::cli) struct OutputArgs {
    /// Folder of all runs
    #[arg(long = "output_path", alias = "output-path", value_name = "DIR", default_value = "results")]
    pub output_path: PathBuf,
    /// Name of this run's folder [default: checkpoint and digest of what is asked]
    #[arg(long = "run_name", alias = "run-name", value_name = "NAME", value_parser = folder_name)]
    pub run_name: Option<String>,
    /// Write results and samples in lm-evaluation-harness's layout into this folder too
    #[arg(long = "lm-eval-output", alias = "lm_eval_output", value_name = "DIR")]
    pub lm_eval_output: Option<PathBuf>,
    /// Write the layouts of the benchmarks' own programs into this folder too (IFEval's verdicts, FastChat's answers and
    /// judgments, AlpacaEval's outputs and annotations)
    #[arg(long = "official-output", alias = "official_output", value_name = "DIR")]
    pub official_output: Option<PathBuf>,
    /// Say what would be asked, with tokens, sharing and memory, and stop; no weights are loaded
    #[arg(long = "dry_run", alias = "dry-run")]
    pub dry_run: bool,
    /// No progress on standard error
    #[arg(long, short)]
    pub quiet: bool,
}

fn folder_name(text: &str) -> Result<String, String> {
    let plain = !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "-_.+=".contains(c));
    if plain && !text.starts_with('.') {
        Ok(text.to_owned())
    } else {
        Err("write a folder name of letters, digits and -_.+= that does not start with a dot".to_owned())
    }
}
