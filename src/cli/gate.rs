//! `wit-eval gate`: may the candidate replace the baseline?

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use super::Exit;
use super::baseline::folder_name;
use super::options::PosixChoice;
use super::progress::note;
use super::report::LoadedRun;
use crate::gate::render::{GateFormat, render};
use crate::gate::{Alpha, Conclusion, Gate, InconclusivePolicy, Margin, Overall, Policy, decide_runs};
use crate::paired::{PairError, PairOptions, pair};
use crate::request::Request;
use crate::store::{RunFolder, SavedBaseline, write_atomically};

/// The variable that names the file of a GitHub step's summary.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// Flags of `gate`.
#[derive(Debug, Args)]
pub(super) struct GateArgs {
    /// What the candidate is measured against: a run, or a folder made by `wit-eval baseline save`
    #[arg(long, value_name = "DIR")]
    baseline: PathBuf,
    /// The run that is judged
    #[arg(long, value_name = "DIR")]
    candidate: PathBuf,
    /// What is checked and how strictly (gate.toml)
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Probability of a false alarm over all checks together; wins over the policy's
    #[arg(long, value_name = "SHARE", value_parser = alpha)]
    alpha: Option<Alpha>,
    /// How much worse shares may be, where no [[check]] says otherwise: 0.02, 5%; wins over the policy's
    #[arg(long, value_name = "MARGIN", value_parser = Margin::parse)]
    margin: Option<Margin>,
    /// What an inconclusive gate means: report (exit code 3), pass (0) or fail (1); wins over the policy's
    #[arg(long, value_enum)]
    inconclusive: Option<InconclusiveChoice>,
    /// The baseline's checkpoint, by label, where its run has several
    #[arg(long = "baseline_checkpoint", alias = "baseline-checkpoint", value_name = "LABEL")]
    baseline_checkpoint: Option<String>,
    /// The candidate's checkpoint, by label, where its run has several
    #[arg(long = "candidate_checkpoint", alias = "candidate-checkpoint", value_name = "LABEL")]
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
    /// What is printed to standard output: terminal, markdown, json, junit or github
    #[arg(long, value_name = "FORMAT", default_value_t = GateFormat::Terminal)]
    format: GateFormat,
    /// Where gate.json, gate.md and junit.xml are written [default: gate/ in the candidate's folder]
    #[arg(long = "output_path", alias = "output-path", value_name = "DIR")]
    output_path: Option<PathBuf>,
    /// No notes on standard error
    #[arg(long, short)]
    quiet: bool,
}

/// Spelling of [`InconclusivePolicy`] on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum InconclusiveChoice {
    /// Exit code 3
    Report,
    /// Exit code 0
    Pass,
    /// Exit code 1
    Fail,
}

impl From<InconclusiveChoice> for InconclusivePolicy {
    fn from(choice: InconclusiveChoice) -> Self {
        match choice {
            InconclusiveChoice::Report => Self::Report,
            InconclusiveChoice::Pass => Self::Pass,
            InconclusiveChoice::Fail => Self::Fail,
        }
    }
}

fn alpha(text: &str) -> Result<Alpha, String> {
    let number = text.parse::<f64>().map_err(|error| error.to_string())?;
    Alpha::try_from(number).map_err(str::to_owned)
}

/// The exit code of a conclusion: the only way from a verdict to the process.
fn exit(conclusion: Conclusion) -> Exit {
    match conclusion.exit_code {
        0 => Exit::Success,
        1 => Exit::Regression,
        3 => Exit::Nothing,
        _ => Exit::Failure,
    }
}

/// Decides, writes the documents, prints one of them, and answers with the verdict's exit code.
pub(super) fn run(args: &GateArgs) -> anyhow::Result<Exit> {
    let gate = match decided(args) {
        Ok(gate) => gate,
        Err(error) if error.downcast_ref().is_some_and(PairError::is_nothing_in_common) => {
            note(false, &format!("{error:#}"));
            return refused(args.format, Overall::NothingCompared);
        }
        Err(error) => {
            refused(args.format, Overall::NotComparable)?;
            return Err(error);
        }
    };
    let output = args.output_path.clone().unwrap_or_else(|| args.candidate.join("gate"));
    for format in GateFormat::ALL {
        if let Some(name) = format.file_name() {
            write_atomically(&output.join(name), render(&gate, format)?.as_bytes())?;
        }
    }
    note(args.quiet, &format!("gate: {}", output.display()));
    if let Some(summary) = std::env::var_os(STEP_SUMMARY).filter(|path| !path.is_empty()) {
        append_summary(&summary, &render(&gate, GateFormat::Markdown)?)?;
    }
    let mut text = render(&gate, args.format)?;
    if !args.format.ends_with_verdict() {
        note(false, &gate.conclusion.line());
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(exit(gate.conclusion))
}

/// Says that there is no gate.
fn refused(format: GateFormat, verdict: Overall) -> anyhow::Result<Exit> {
    let conclusion = Conclusion::new(verdict, InconclusivePolicy::Report);
    let line = conclusion.line();
    let mut out = std::io::stdout().lock();
    match format {
        GateFormat::Json | GateFormat::Junit => note(false, &line),
        GateFormat::Github => writeln!(out, "::error title=gate::{line}\n{line}")?,
        GateFormat::Terminal | GateFormat::Markdown => writeln!(out, "{line}")?,
    }
    Ok(exit(conclusion))
}

fn decided(args: &GateArgs) -> anyhow::Result<Gate> {
    let policy = policy(args)?;
    let (baseline, baseline_name) = load(&args.baseline).context("--baseline")?;
    let (candidate, candidate_name) = load(&args.candidate).context("--candidate")?;
    let baseline_response = |label: &str, request: &Request| baseline.response(label, request);
    let candidate_response = |label: &str, request: &Request| candidate.response(label, request);
    let mut baseline = baseline.inputs(&baseline_response);
    let mut candidate = candidate.inputs(&candidate_response);
    baseline.name = &baseline_name;
    candidate.name = &candidate_name;
    let options = PairOptions {
        baseline_checkpoint: args.baseline_checkpoint.clone(),
        candidate_checkpoint: args.candidate_checkpoint.clone(),
        allow_other_data: args.allow_other_data,
        allow_other_version: args.allow_other_version,
        posix_mode: args.posix_mode.into(),
    };
    Ok(decide_runs(&pair(&baseline, &candidate, &options)?, &policy))
}

/// A run or a saved baseline, whose files are checked first.
fn load(path: &Path) -> anyhow::Result<(LoadedRun, String)> {
    let name = if SavedBaseline::is_at(path) { SavedBaseline::open(path)?.name } else { folder_name(path) };
    Ok((LoadedRun::open(&RunFolder::at(path))?, name))
}

fn policy(args: &GateArgs) -> anyhow::Result<Policy> {
    let mut policy = match &args.policy {
        None => Policy::default(),
        Some(path) => {
            let text = fs::read_to_string(path).with_context(|| format!("--policy {}", path.display()))?;
            Policy::from_toml(&text, &path.display().to_string())?
        }
    };
    policy.defaults.alpha = args.alpha.unwrap_or(policy.defaults.alpha);
    policy.inconclusive = args.inconclusive.map_or(policy.inconclusive, InconclusivePolicy::from);
    if let Some(margin) = args.margin {
        policy.defaults.margin = policy.defaults.margin.with_shares(margin);
    }
    Ok(policy)
}

/// Adds the Markdown to the step's summary, after what other steps wrote.
fn append_summary(path: &OsString, markdown: &str) -> anyhow::Result<()> {
    let place = || format!("{STEP_SUMMARY} {}", Path::new(path).display());
    let mut file = OpenOptions::new().create(true).append(true).open(path).with_context(place)?;
    file.write_all(format!("{markdown}\n").as_bytes()).with_context(place)
}
