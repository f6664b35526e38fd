//! `wit-eval compare`: what changed between two runs?

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::Exit;
use super::baseline::folder_name;
use super::options::{PosixChoice, level};
use super::progress::note;
use super::report::LoadedRun;
use crate::compare::{CompareOptions, Comparison, compare, file_name, render};
use crate::paired::{PairError, PairOptions};
use crate::report::Format;
use crate::request::Request;
use crate::store::{RunFolder, SavedBaseline, write_atomically};

/// The formats that are written as files.
const FILES: [Format; 4] = [Format::Html, Format::Markdown, Format::Json, Format::Csv];

/// What readers of a comparison with a saved baseline must know.
const SAVED_WITHOUT_REPLIES: &str = "A saved baseline holds no replies to judged questions: of items that changed, only the other side's replies are shown.";

/// Flags of `compare`.
#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// What is compared with: a run, or a folder made by `wit-eval baseline save`
    #[arg(value_name = "BASELINE")]
    baseline: PathBuf,
    /// What is compared: differences are candidate minus baseline
    #[arg(value_name = "CANDIDATE")]
    candidate: PathBuf,
    /// The baseline's checkpoint, by label, where its run has several
    #[arg(long = "baseline_checkpoint", aliases = ["baseline-checkpoint", "checkpoint_a", "checkpoint-a"],
        value_name = "LABEL")]
    baseline_checkpoint: Option<String>,
    /// The candidate's checkpoint, by label, where its run has several
    #[arg(long = "candidate_checkpoint", aliases = ["candidate-checkpoint", "checkpoint_b", "checkpoint-b"],
        value_name = "LABEL")]
    candidate_checkpoint: Option<String>,
    /// Compare the questions that both runs have, and leave out the others
    #[arg(long = "allow_other_data", alias = "allow-other-data")]
    allow_other_data: bool,
    /// Compare although tasks were defined, or replies judged, in another way
    #[arg(long = "allow_other_version", alias = "allow-other-version")]
    allow_other_version: bool,
    /// POSIX by its definition, or as its published package computes it
    #[arg(long = "posix_mode", alias = "posix-mode", value_enum, default_value_t = PosixChoice::Definition)]
    posix_mode: PosixChoice,
    /// Coverage of intervals
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, value_parser = level)]
    level: f64,
    /// Probability with which the smallest detectable differences are found
    #[arg(long, value_name = "SHARE", default_value_t = 0.8, value_parser = level)]
    power: f64,
    /// Gained items, and as many lost ones, shown for each task with prompt and both replies
    #[arg(long = "show_flipped", alias = "show-flipped", value_name = "N", default_value_t = 3)]
    show_flipped: usize,
    /// What is printed to standard output: terminal, markdown, json, csv or html
    #[arg(long, value_name = "FORMAT", default_value_t = Format::Terminal)]
    format: Format,
    /// Folder for comparison.html, comparison.md, comparison.json and comparison.csv [default: none are written]
    #[arg(long = "output_path", alias = "output-path", value_name = "DIR")]
    output_path: Option<PathBuf>,
    /// No notes on standard error
    #[arg(long, short)]
    quiet: bool,
}

/// Compares, writes the files that were asked for, and prints one format. A difference is a result, not a failure.
pub(super) fn run(args: &CompareArgs) -> anyhow::Result<Exit> {
    let comparison = match compared(args) {
        Ok(comparison) => comparison,
        Err(error) if error.downcast_ref().is_some_and(PairError::is_nothing_in_common) => {
            note(false, &format!("{error:#}"));
            return Ok(Exit::Nothing);
        }
        Err(error) => return Err(error),
    };
    if let Some(folder) = &args.output_path {
        for format in FILES {
            write_atomically(&folder.join(file_name(format)), render(&comparison, format)?.as_bytes())?;
        }
        note(args.quiet, &format!("comparison: {}", folder.join(file_name(Format::Html)).display()));
    }
    std::io::stdout().lock().write_all(render(&comparison, args.format)?.as_bytes())?;
    if comparison.has_numbers() {
        Ok(Exit::Success)
    } else {
        note(false, "no response could be scored in both runs: there is nothing to compare");
        Ok(Exit::Nothing)
    }
}

fn compared(args: &CompareArgs) -> anyhow::Result<Comparison> {
    let saved = [&args.baseline, &args.candidate].into_iter().any(|path| SavedBaseline::is_at(path));
    let (baseline, baseline_name) = load(&args.baseline).context("the baseline")?;
    let (candidate, candidate_name) = load(&args.candidate).context("the candidate")?;
    let baseline_response = |label: &str, request: &Request| baseline.response(label, request);
    let candidate_response = |label: &str, request: &Request| candidate.response(label, request);
    let mut baseline = baseline.inputs(&baseline_response);
    let mut candidate = candidate.inputs(&candidate_response);
    baseline.name = &baseline_name;
    candidate.name = &candidate_name;
    let options = CompareOptions {
        level: args.level,
        power: args.power,
        show_flipped: args.show_flipped,
        pair: PairOptions {
            baseline_checkpoint: args.baseline_checkpoint.clone(),
            candidate_checkpoint: args.candidate_checkpoint.clone(),
            allow_other_data: args.allow_other_data,
            allow_other_version: args.allow_other_version,
            posix_mode: args.posix_mode.into(),
        },
    };
    let mut comparison = compare(&baseline, &candidate, &options)?;
    if saved {
        comparison.notes.push(SAVED_WITHOUT_REPLIES.to_owned());
    }
    Ok(comparison)
}

/// A run, or a saved baseline, whose files are checked first. The name is the folder's, or the one it was saved under.
fn load(path: &Path) -> anyhow::Result<(LoadedRun, String)> {
    let name = if SavedBaseline::is_at(path) { SavedBaseline::open(path)?.name } else { folder_name(path) };
    Ok((LoadedRun::open(&RunFolder::at(path))?, name))
}
