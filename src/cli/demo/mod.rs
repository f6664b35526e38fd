//! `wit-eval demo`: the whole line on an embedded base model: tune with several weightings, evaluate, perturb, report.

mod base;
mod material;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use clap::{Args, Parser};

use super::evaluate::{self, EvaluateArgs};
use super::train::{self, TrainArgs};
use super::{Exit, progress};
use crate::corpus::recipe;
use crate::weighting::Weighting;

/// Pairs of prompt and response that no tuning has seen, whose likelihoods are asked.
const HELD_OUT: &str = "held-out.jsonl";

/// Flags of `demo`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DemoArgs {
    /// Where models, data and the run are written
    #[arg(long = "output_path", alias = "output-path", value_name = "DIR", default_value = "results/demo")]
    output_path: PathBuf,
    /// Weightings P,R to tune with. Repeatable
    #[arg(long, value_name = "P,R", default_values = ["0,1", "0.2,1", "1,1"])]
    weighting: Vec<Weighting>,
    /// Seed of the tuning
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Optimizer steps of each tuning
    #[arg(long, value_name = "N", default_value_t = recipe::TUNING_STEPS, value_parser = super::options::positive)]
    steps: usize,
    /// Instances of each task [default: all]
    #[arg(long, value_name = "N", value_parser = super::options::positive)]
    limit: Option<usize>,
    /// Only write the base model, the training data and the held-out pairs, for runs of your own
    #[arg(long)]
    export: bool,
    /// Pretrain the embedded base model again, into this folder (about half an hour), and stop
    #[arg(long = "make-base", alias = "make_base", value_name = "DIR", conflicts_with = "export")]
    make_base: Option<PathBuf>,
    /// No progress on standard error
    #[arg(long, short)]
    quiet: bool,
}

const EXAMPLES: &str = "Examples:
  wit-eval demo                                       tunes (0,1), (0.2,1) and (1,1), evaluates, reports
  wit-eval demo --weighting 0,1 --weighting 0.4,0.6    other weightings
  wit-eval demo --export --output_path material        the base and the data only, for train and sweep
Stopped at any moment, the same command continues.";

/// The flags of `train`, on their own.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct TrainFlags {
    #[command(flatten)]
    args: TrainArgs,
}

/// The flags of an evaluation, on their own.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct EvaluateFlags {
    #[command(flatten)]
    args: EvaluateArgs,
}

/// Tunes, evaluates and reports.
pub(super) fn run(args: &DemoArgs) -> anyhow::Result<Exit> {
    if let Some(folder) = &args.make_base {
        return base::make(folder, args.quiet);
    }
    let started = Instant::now();
    let home = &args.output_path;
    let (base, data) = (home.join("base"), home.join("train.jsonl"));
    material::write_base(&base)?;
    material::write_training_rows(&data)?;
    material::write_held_out_rows(&home.join(HELD_OUT))?;
    if args.export {
        let held_out = home.join(HELD_OUT);
        progress::note(
            args.quiet,
            &format!("written: {}, {} and {}", base.display(), data.display(), held_out.display()),
        );
        return Ok(Exit::Success);
    }
    progress::note(
        args.quiet,
        &format!(
            "The demo tunes an embedded model of a million parameters with {} weightings ({} steps each), then asks it and its \
             base held-out instructions, as written and perturbed. A few minutes on two cores; stopped, it continues.",
            args.weighting.len(),
            args.steps
        ),
    );
    let mut checkpoints = vec![base.clone()];
    for (index, weighting) in args.weighting.iter().enumerate() {
        progress::note(args.quiet, &format!("[{}/{}] tuning with {weighting}", index + 1, args.weighting.len() + 1));
        let out = home.join(format!("{weighting}-s{}", args.seed));
        tune(args, &base, &data, *weighting, &out)?;
        checkpoints.push(out);
    }
    progress::note(args.quiet, &format!("[{0}/{0}] evaluating the base and what was tuned", args.weighting.len() + 1));
    let exit = evaluate(args, &checkpoints)?;
    let seconds = started.elapsed().as_secs_f64();
    progress::note(
        args.quiet,
        &format!("the demo took {seconds:.0} s; your own: wit-eval train --help, wit-eval sweep --help"),
    );
    Ok(exit)
}

fn tune(args: &DemoArgs, base: &Path, data: &Path, weighting: Weighting, out: &Path) -> anyhow::Result<()> {
    let mut flags: Vec<OsString> = recipe::TUNING_FLAGS.iter().map(Into::into).collect();
    for (flag, value) in [
        ("--base", base.as_os_str().to_owned()),
        ("--data", data.as_os_str().to_owned()),
        ("--out", out.as_os_str().to_owned()),
        ("--lambda-p", weighting.prompt().to_string().into()),
        ("--lambda-r", weighting.response().to_string().into()),
        ("--max-steps", args.steps.to_string().into()),
        ("--seed", args.seed.to_string().into()),
    ] {
        flags.extend([flag.into(), value]);
    }
    if args.quiet {
        flags.push("--quiet".into());
    }
    let flags = TrainFlags::try_parse_from(flags).context("the demo's own settings")?;
    train::run(&flags.args).map_err(in_demo_words)?;
    Ok(())
}

/// A folder with another run in it is refused with the flags of `train`, which the demo does not have.
fn in_demo_words(error: anyhow::Error) -> anyhow::Error {
    let text = format!("{error:#}");
    match text.split_once("; choose another --out") {
        Some((what, _)) => {
            anyhow::anyhow!("{what}; the demo continues with the same settings only: choose another --output_path")
        }
        None => error,
    }
}

fn evaluate(args: &DemoArgs, checkpoints: &[PathBuf]) -> anyhow::Result<Exit> {
    let mut flags: Vec<OsString> = recipe::EVALUATION_FLAGS.iter().map(Into::into).collect();
    for checkpoint in checkpoints {
        flags.extend(["--checkpoint".into(), checkpoint.as_os_str().to_owned()]);
    }
    flags.extend(["--output_path".into(), args.output_path.as_os_str().to_owned()]);
    flags.extend(["--likelihood".into(), args.output_path.join(HELD_OUT).into_os_string()]);
    if let Some(limit) = args.limit {
        flags.extend(["--limit".into(), limit.to_string().into()]);
    }
    if args.quiet {
        flags.push("--quiet".into());
    }
    let flags = EvaluateFlags::try_parse_from(flags).context("the demo's own settings")?;
    evaluate::run(&flags.args)
}
