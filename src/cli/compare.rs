//! `wit-eval compare`: what changed between two runs?

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::Exit;
use super::options::level;
use super::pairing::{PairArgs, load};
use super::progress::note;
use crate::compare::{CompareOptions, Comparison, compare, file_name, render};
use crate::paired::PairError;
use crate::report::Format;
use crate::request::Request;
use crate::store::{SavedBaseline, write_atomically};

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
    #[command(flatten)]
    pair: PairArgs,
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
        pair: args.pair.options(),
    };
    let mut comparison = compare(&baseline, &candidate, &options)?;
    if saved {
        comparison.notes.push(SAVED_WITHOUT_REPLIES.to_owned());
    }
    Ok(comparison)
}
