//! `wit-eval gate`: may the candidate replace the baseline?

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};

use super::Exit;
use super::pairing::{PairArgs, load};
use super::progress::note;
use crate::gate::render::{GateFormat, render};
use crate::gate::{Alpha, Conclusion, Gate, InconclusivePolicy, Margin, Overall, Policy, decide_runs};
use crate::paired::{PairError, pair};
use crate::request::Request;
use crate::store::{SavedBaseline, write_atomically};

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
    #[arg(long, value_name = "SHARE", value_parser = alpha, allow_hyphen_values = true)]
    alpha: Option<Alpha>,
    /// How much worse shares may be, where no [[check]] says otherwise: 0.02, 5%; wins over the policy's
    #[arg(long, value_name = "MARGIN", value_parser = share_margin, allow_hyphen_values = true)]
    margin: Option<Margin>,
    /// What an inconclusive gate means: report (exit code 3), pass (0) or fail (1); wins over the policy's
    #[arg(long, value_enum)]
    inconclusive: Option<InconclusiveChoice>,
    #[command(flatten)]
    pair: PairArgs,
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

fn share_margin(text: &str) -> Result<Margin, String> {
    Margin::parse(text)?.of_share()
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
    let output = args.output_path.clone().unwrap_or_else(|| args.candidate.join("gate"));
    let gate = match prepare(args, &output).and_then(|()| decided(args)) {
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
    for format in GateFormat::ALL {
        if let Some(name) = format.file_name() {
            write_atomically(&output.join(name), render(&gate, format)?.as_bytes())?;
        }
    }
    note(args.quiet, &format!("gate: {}", output.display()));
    if let Some(summary) = std::env::var_os(STEP_SUMMARY).filter(|path| !path.is_empty()) {
        // The verdict stands in the documents: that another file cannot be written changes nothing about it.
        if let Err(error) = append_summary(&summary, &render(&gate, GateFormat::Markdown)?) {
            note(false, &format!("the step's summary was not written: {error:#}"));
        }
    }
    let mut text = render(&gate, args.format)?;
    if !args.format.ends_with_verdict() {
        note(false, &gate.conclusion.line());
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    say(&text)?;
    Ok(exit(gate.conclusion))
}

/// Prints. That nobody reads on changes nothing about a verdict, nor about its exit code.
fn say(text: &str) -> io::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Refuses an output folder in a saved baseline, and removes the documents of an earlier gate: where this one has no
/// verdict, no other stands in its place.
fn prepare(args: &GateArgs, output: &Path) -> anyhow::Result<()> {
    let place = real(output);
    let holds = |folder: &&PathBuf| SavedBaseline::is_at(folder) && place.starts_with(real(folder));
    if let Some(folder) = [&args.baseline, &args.candidate].into_iter().find(holds) {
        bail!(
            "{} lies in the saved baseline {}, to which nothing is added; choose another --output_path",
            output.display(),
            folder.display()
        );
    }
    for name in GateFormat::ALL.into_iter().filter_map(GateFormat::file_name) {
        let path = output.join(name);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(error) => {
                let what = format!("{} is of an earlier gate and cannot be removed", path.display());
                return Err(error).context(what);
            }
        }
    }
    Ok(())
}

/// A path without links, as far as it exists.
fn real(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let found = whole.ancestors().find_map(|ancestor| {
        let rest = whole.strip_prefix(ancestor).ok()?;
        Some(ancestor.canonicalize().ok()?.join(rest))
    });
    found.unwrap_or(whole)
}

/// Says that there is no gate.
fn refused(format: GateFormat, verdict: Overall) -> anyhow::Result<Exit> {
    let conclusion = Conclusion::new(verdict, InconclusivePolicy::Report);
    let line = conclusion.line();
    match format {
        GateFormat::Json | GateFormat::Junit => note(false, &line),
        GateFormat::Github => say(&format!("::error title=gate::{line}\n{line}\n"))?,
        GateFormat::Terminal | GateFormat::Markdown => say(&format!("{line}\n"))?,
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
    let options = args.pair.options();
    Ok(decide_runs(&pair(&baseline, &candidate, &options)?, &policy))
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
