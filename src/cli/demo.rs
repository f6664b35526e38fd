//! `wit-eval demo`: the whole line on an untrained checkpoint that the program writes itself.

use std::path::PathBuf;

use clap::Args;

use super::evaluate::{self, EvaluateArgs};
use super::{Exit, progress};
use crate::model::untrained::write_untrained_checkpoint;
use crate::seed::Seed;

/// Flags of `demo`.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Where the checkpoint and the run are written
    #[arg(long = "output_path", alias = "output-path", value_name = "DIR", default_value = "results")]
    output_path: PathBuf,
    /// Seed of weights and perturbations
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Instances of each task
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = super::options::positive)]
    limit: usize,
    /// No progress on standard error
    #[arg(long, short)]
    quiet: bool,
}

/// Writes the checkpoint and evaluates it.
pub(super) fn run(args: &DemoArgs) -> anyhow::Result<Exit> {
    let checkpoint = args.output_path.join(".checkpoints/demo-untrained");
    write_untrained_checkpoint(&checkpoint, Seed(args.seed))?;
    progress::note(
        args.quiet,
        "The demo evaluates a random, untrained checkpoint: expect chance-level scores. Yours: wit-eval --checkpoint DIR",
    );
    evaluate::run(&EvaluateArgs::demo(checkpoint, &args.output_path, args.seed, args.limit, args.quiet)?)
}
