//! The command line: one verb a file. Results go to standard output, progress and diagnostics to standard error.

// The documentation of flags is their help text, which is read as it stands.
#![allow(clippy::doc_markdown)]

mod baseline;
mod characteristics;
mod check;
mod colored;
mod compare;
mod demo;
mod dpo;
mod endpoint;
mod evaluate;
mod exit;
mod fetch;
mod gate;
mod judging;
mod list;
mod merge;
mod official;
mod options;
mod pairing;
mod perturb;
mod progress;
mod report;
mod score;
mod show;
mod sweep;
mod train;
mod tuning;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use exit::Exit;

use crate::data::{CatalogError, DataError};

const ABOUT: &str =
    "Evaluates instruction-tuned checkpoints for performance and prompt sensitivity, per loss weighting";

const LONG_ABOUT: &str = "Evaluates instruction-tuned checkpoints: asks each benchmark question in its original \
wording and in perturbed wordings, records every answer, and reports performance together with sensitivity, with \
intervals, for every checkpoint and loss weighting.

Without a verb it evaluates: `wit-eval --checkpoint DIR`. Killed at any moment, the same command continues where it \
stopped.";

const USAGE: &str = "wit-eval [OPTIONS] --checkpoint <DIR>
       wit-eval [OPTIONS] --endpoint <URL> --model <NAME>
       wit-eval <COMMAND>";

const EXAMPLES: &str = "Examples:
  wit-eval demo                                    the whole line on an embedded model, nothing to download
  wit-eval train --base DIR --data alpaca.json --lambda-p 0.4 --lambda-r 0.6 --out runs/p0.4-r0.6
  wit-eval --checkpoint DIR                        default tasks, all perturbations, report under results/
  wit-eval --checkpoint A --checkpoint B --tasks mmlu,bbh --data DATA --perturbations typo:3,format:5 --limit 100
  wit-eval --endpoint URL --model NAME             a model behind an OpenAI-compatible server
  wit-eval score --task ifeval --responses FILE    replies made elsewhere, judged without a model
  wit-eval report results/RUN results/OTHER        the report again, from records only
  wit-eval report --scores grid.csv                the weighting report from a table of scores
  wit-eval compare results/A results/B             what changed, paired, with the items that flipped
  wit-eval gate --baseline A --candidate B         may B replace A? the exit code says
  wit-eval list                                    tasks and perturbations, and what each needs

Exit codes: 0 fine, 1 a gate found a regression, 2 could not run (usage, data, model), 3 nothing selected or too \
little data";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "wit-eval", version, about = ABOUT, long_about = LONG_ABOUT, after_help = EXAMPLES)]
#[command(override_usage = USAGE)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    evaluate: evaluate::EvaluateArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Evaluate checkpoints (what `wit-eval --checkpoint DIR` does)
    Run(Box<evaluate::EvaluateArgs>),
    /// Tune an embedded model with several weightings, evaluate, report: the whole line without any download
    Demo(demo::DemoArgs),
    /// Tune a model on instructions with the WIT loss: weights for prompt and response tokens
    Train(Box<train::TrainArgs>),
    /// Tune a model on preferences (DPO)
    Dpo(Box<dpo::DpoArgs>),
    /// Train and evaluate a grid of weightings, seeds and data
    Sweep(Box<sweep::SweepArgs>),
    /// Merge a LoRA adapter into its base
    Merge(merge::MergeArgs),
    /// Judge stored responses again, or replies, judgments and annotations made elsewhere; no model is loaded
    Score(score::ScoreArgs),
    /// Write the report of runs again, from their records only
    Report(report::ReportArgs),
    /// Compare two runs in pairs: what changed, by how much, and the items that flipped
    Compare(compare::CompareArgs),
    /// Decide whether a candidate may replace a baseline: non-inferiority with margins, as an exit code
    Gate(gate::GateArgs),
    /// Save a run as a baseline for the gate, or show one
    Baseline(baseline::BaselineArgs),
    /// Measure what is known of training data and base model: lengths, diversity, log-probability
    Characteristics(characteristics::CharacteristicsArgs),
    /// Fetch benchmarks' official data, or a checkpoint, from the Hugging Face hub
    Fetch(fetch::FetchArgs),
    /// List tasks, groups and perturbations, and what each needs
    List(list::ListArgs),
    /// Show perturbed prompts beside the originals: what changed and what was protected
    Perturb(perturb::PerturbArgs),
    /// Validate every task, data and perturbation file, and run the cases of perturbations and verifiers; no model is loaded
    Check(check::CheckArgs),
}

/// Verbs whose flags are written with dashes; TRL writes the same names with underscores.
const DASHED: [&str; 5] = ["train", "dpo", "sweep", "merge", "demo"];

/// The arguments with the flags of [`DASHED`] verbs written with dashes.
fn dashed(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args = args.into_iter().collect::<Vec<_>>();
    let is_dashed = args.get(1).and_then(|verb| verb.to_str()).is_some_and(|verb| DASHED.contains(&verb));
    for arg in args.iter_mut().filter(|_| is_dashed) {
        let Some(text) = arg.to_str().filter(|text| text.starts_with("--")) else { continue };
        let (flag, value) = text.split_once('=').map_or((text, None), |(flag, value)| (flag, Some(value)));
        let flag = flag.replace('_', "-");
        *arg = value.map_or(flag.clone(), |value| format!("{flag}={value}")).into();
    }
    args
}

/// Runs the program with these arguments, the first being its own name.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command_line = match CommandLine::try_parse_from(dashed(args)) {
        Ok(command_line) => command_line,
        Err(error) => {
            let asked = !error.use_stderr();
            // A closed output is the reader's choice.
            let _ = error.print();
            return if asked { Exit::Success.into() } else { Exit::Failure.into() };
        }
    };
    let outcome = match command_line.verb {
        None => evaluate::run(&command_line.evaluate),
        Some(Verb::Run(args)) => evaluate::run(&args),
        Some(Verb::Demo(args)) => demo::run(&args),
        Some(Verb::Train(args)) => train::run(&args),
        Some(Verb::Dpo(args)) => dpo::run(&args),
        Some(Verb::Sweep(args)) => sweep::run(&args),
        Some(Verb::Merge(args)) => merge::run(&args),
        Some(Verb::Score(args)) => score::run(&args),
        Some(Verb::Report(args)) => report::run(&args),
        Some(Verb::Compare(args)) => compare::run(&args),
        Some(Verb::Gate(args)) => gate::run(&args),
        Some(Verb::Baseline(args)) => baseline::run(&args),
        Some(Verb::Characteristics(args)) => characteristics::run(&args),
        Some(Verb::Fetch(args)) => fetch::run(&args),
        Some(Verb::List(args)) => list::run(&args),
        Some(Verb::Perturb(args)) => perturb::run(&args),
        Some(Verb::Check(args)) => check::run(&args),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) if exit::is_broken_pipe(&error) => Exit::Success.into(),
        Err(error) => {
            progress::note(false, &format!("error: {}", exit::message(&error)));
            let empty = matches!(error.downcast_ref(), Some(DataError::Empty { .. }))
                || matches!(error.downcast_ref(), Some(CatalogError::NothingSelected));
            if empty { Exit::Nothing.into() } else { Exit::Failure.into() }
        }
    }
}
