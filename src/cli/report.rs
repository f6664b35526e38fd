//! `wit-eval report`, and what every verb does with finished records.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::options::ReportOptions;
use super::{Exit, progress};
use crate::analyze::{Analysis, RunInputs, analyze};
use crate::execute::response_key;
use crate::record::{PlanRecord, ScoreRecord, SkippedVariant};
use crate::report::{Format, render};
use crate::request::Request;
use crate::response::Response;
use crate::store::{Manifest, ResponseLog, RunFolder, write_atomically};

/// Flags of `report`.
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Folders of runs (results/<run>); several are shown side by side
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    #[command(flatten)]
    options: ReportOptions,
    /// Where report.html, report.md, report.csv and analysis.json are written [default: report/ in the first run]
    #[arg(long = "output_path", alias = "output-path", value_name = "DIR")]
    output_path: Option<PathBuf>,
    /// No notes on standard error
    #[arg(long, short)]
    quiet: bool,
}

/// Writes the report of runs.
pub(super) fn run(args: &ReportArgs) -> anyhow::Result<Exit> {
    let folders: Vec<RunFolder> = args.runs.iter().map(RunFolder::at).collect();
    let output = match (&args.output_path, folders.first()) {
        (Some(path), _) => path.clone(),
        (None, Some(first)) => first.file("report"),
        (None, None) => return Ok(Exit::Nothing),
    };
    publish(&folders, &args.options, &output, args.quiet)
}

/// A run's files, read.
struct LoadedRun {
    name: String,
    manifest: Manifest,
    plan: Vec<PlanRecord>,
    skipped: Vec<SkippedVariant>,
    scores: Vec<ScoreRecord>,
    log: ResponseLog,
}

impl LoadedRun {
    fn read(folder: &RunFolder) -> anyhow::Result<Self> {
        let name = folder
            .path()
            .file_name()
            .map_or_else(|| folder.path().display().to_string(), |name| name.to_string_lossy().into_owned());
        let manifest = folder.manifest()?;
        let plan = folder.plan(&manifest)?;
        Ok(Self {
            name,
            manifest,
            plan,
            skipped: folder.read_lines(RunFolder::SKIPPED)?,
            scores: folder.read_lines(RunFolder::SCORES)?,
            log: ResponseLog::read(folder)?,
        })
    }

    fn response(&self, checkpoint: &str, request: &Request) -> Option<&Response> {
        let entry = self.manifest.checkpoints.iter().find(|entry| entry.label == checkpoint)?;
        self.log.get(&response_key(&entry.digest, request).ok()?)
    }
}

/// Analyzes runs, writes every report file, and prints one format.
pub(super) fn publish(
    folders: &[RunFolder],
    options: &ReportOptions,
    output: &Path,
    quiet: bool,
) -> anyhow::Result<Exit> {
    let runs = folders.iter().map(LoadedRun::read).collect::<anyhow::Result<Vec<_>>>()?;
    for (index, run) in runs.iter().enumerate() {
        let twin = runs.iter().take(index).find(|earlier| earlier.manifest == run.manifest);
        if let Some(twin) = twin {
            anyhow::bail!(
                "runs `{}` and `{}` asked the same checkpoints the same questions; give one of them, it is no new evidence",
                twin.name,
                run.name
            );
        }
    }
    let lookups: Vec<_> =
        runs.iter().map(|run| move |label: &str, request: &Request| run.response(label, request)).collect();
    let inputs: Vec<RunInputs<'_>> = runs
        .iter()
        .zip(&lookups)
        .map(|(run, response_of)| RunInputs {
            name: &run.name,
            manifest: &run.manifest,
            plan: &run.plan,
            skipped: &run.skipped,
            scores: &run.scores,
            response_of,
        })
        .collect();
    let analysis = analyze(&inputs, &options.analyze_options())?;
    write_files(&analysis, output)?;
    let text = render(&analysis, options.format)?;
    std::io::stdout().lock().write_all(text.as_bytes())?;
    progress::note(quiet, &format!("report: {}", output.join(Format::Html.file_name()).display()));
    for folder in folders {
        progress::note(quiet, &format!("records: {}", folder.path().display()));
    }
    let scored = runs.iter().flat_map(|run| &run.scores).any(|record| record.score.credit().is_some());
    if scored {
        Ok(Exit::Success)
    } else {
        progress::note(false, "no response could be scored; the report says why for each");
        Ok(Exit::Nothing)
    }
}

fn write_files(analysis: &Analysis, output: &Path) -> anyhow::Result<()> {
    for format in [Format::Html, Format::Markdown, Format::Json, Format::Csv] {
        write_atomically(&output.join(format.file_name()), render(analysis, format)?.as_bytes())?;
    }
    Ok(())
}
