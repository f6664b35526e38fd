//! `wit-eval report`, and what every verb does with finished records.

mod outputs;
mod scores;

use std::path::{Path, PathBuf};

use clap::Args;

use super::options::ReportOptions;
use super::progress::note;
use super::{Exit, characteristics, judging};
use crate::analyze::picture::CharacteristicsRow;
use crate::analyze::{AnalyzeOptions, ResponseOf, RunInputs, analyze};
use crate::execute::response_key;
use crate::record::{PlanRecord, ScoreRecord, SkippedVariant};
use crate::request::Request;
use crate::response::Response;
use crate::store::{Manifest, ResponseLog, RunFolder};
use crate::sweep::{FoundRuns, find_runs};

/// Unfinished runs that are named one by one.
const UNFINISHED_SHOWN: usize = 5;

/// Folders of records that are named one by one.
const RECORDS_SHOWN: usize = 6;

/// Flags of `report`.
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Folders of runs (results/<run>), or folders that hold runs at any depth, such as a sweep's; shown side by side
    #[arg(value_name = "RUN", required_unless_present = "scores")]
    runs: Vec<PathBuf>,
    /// A table of scores made elsewhere, in place of runs: CSV with the columns
    /// model,dataset,stage,benchmark,lambda_p,lambda_r,score, and seed,standard_error,n,higher_is_better where known.
    /// Repeatable; (0,0) is the untuned model
    #[arg(long, value_name = "FILE", help_heading = "Tables of scores")]
    scores: Vec<PathBuf>,
    /// Multiply a benchmark of the table by a factor where benchmarks are averaged. Repeatable; ratings of MT-Bench
    /// are brought to the scale of the others without it
    #[arg(long, value_name = "NAME=FACTOR", requires = "scores", value_parser = scores::scale, help_heading = "Tables of scores")]
    scale: Vec<(String, f64)>,
    /// Published figures (TOML) to show beside what the table gives
    #[arg(long, value_name = "FILE", requires = "scores", help_heading = "Tables of scores")]
    published: Option<PathBuf>,
    /// What is known of base models and training data: a table (CSV) that `wit-eval characteristics` writes
    #[arg(long, value_name = "FILE")]
    characteristics: Option<PathBuf>,
    #[command(flatten)]
    options: ReportOptions,
    /// Where report.html, report.md, report.csv, analysis.json and figures/ are written [default: report/ in the first
    /// run, or beside the first table; the folder itself where it only holds runs]
    #[arg(long = "output_path", alias = "output-path", value_name = "DIR")]
    output_path: Option<PathBuf>,
    /// No notes on standard error
    #[arg(long, short)]
    quiet: bool,
}

/// A run and the name under which it is shown.
struct NamedRun {
    name: String,
    folder: RunFolder,
}

impl NamedRun {
    /// A run that goes by its folder's name.
    fn of(folder: &RunFolder) -> Self {
        let last = folder.path().file_name();
        let name = last.map_or_else(|| folder.path().display().to_string(), |name| name.to_string_lossy().into_owned());
        Self { name, folder: folder.clone() }
    }
}

/// Writes the report of runs, or of tables of scores.
pub(super) fn run(args: &ReportArgs) -> anyhow::Result<Exit> {
    let known = args.characteristics.as_deref().map(characteristics::read).transpose()?.unwrap_or_default();
    if !args.scores.is_empty() {
        return scores::run(args, known);
    }
    let mut runs = Vec::new();
    let mut output = args.output_path.clone();
    for path in &args.runs {
        let folder = RunFolder::at(path);
        let found = if folder.exists() { FoundRuns::default() } else { below(path, args.quiet)? };
        if found == FoundRuns::default() {
            output.get_or_insert_with(|| folder.file("report"));
            runs.push(NamedRun::of(&folder));
        } else {
            output.get_or_insert_with(|| path.clone());
            runs.extend(named(found));
        }
    }
    match output {
        Some(output) if !runs.is_empty() => {
            outputs::keep(&args.characteristics, &output)?;
            publish_named(&runs, &args.options, known, &output, args.quiet)
        }
        _ => Ok(Exit::Nothing),
    }
}

/// Writes the report of all finished runs below a folder.
pub(super) fn join(folder: &Path, options: &ReportOptions, output: &Path, quiet: bool) -> anyhow::Result<Exit> {
    let runs = if folder.is_dir() { named(below(folder, quiet)?) } else { Vec::new() };
    if runs.is_empty() { Ok(Exit::Nothing) } else { publish_named(&runs, options, Vec::new(), output, quiet) }
}

fn named(found: FoundRuns) -> Vec<NamedRun> {
    found.finished.into_iter().map(|(name, path)| NamedRun { name, folder: RunFolder::at(path) }).collect()
}

/// Searches a folder for runs and says what is there; a folder that cannot be searched holds none.
fn below(folder: &Path, quiet: bool) -> anyhow::Result<FoundRuns> {
    if !folder.is_dir() {
        return Ok(FoundRuns::default());
    }
    let found = find_runs(folder)?;
    let unfinished: Vec<_> = found.unfinished.iter().map(|path| path.display().to_string()).collect();
    let place = folder.display();
    if found.finished.is_empty() && !unfinished.is_empty() {
        note(false, &format!("{place}: no run below it is finished"));
    } else if !found.finished.is_empty() {
        note(quiet, &format!("{place}: {} finished runs joined", found.finished.len()));
    }
    if !unfinished.is_empty() {
        let (shown, more) = unfinished.split_at(unfinished.len().min(UNFINISHED_SHOWN));
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        note(false, &format!("{place}: {} unfinished, left out: {}{more}", unfinished.len(), shown.join(", ")));
    }
    Ok(found)
}

/// A run's files, read.
pub(super) struct LoadedRun {
    name: String,
    manifest: Manifest,
    plan: Vec<PlanRecord>,
    skipped: Vec<SkippedVariant>,
    scores: Vec<ScoreRecord>,
    log: ResponseLog,
    judged_by: Option<String>,
}

impl LoadedRun {
    fn read(run: &NamedRun) -> anyhow::Result<Self> {
        let folder = &run.folder;
        let manifest = folder.manifest()?;
        let plan = folder.plan(&manifest)?;
        Ok(Self {
            name: run.name.clone(),
            manifest,
            plan,
            skipped: folder.read_lines(RunFolder::SKIPPED)?,
            scores: folder.read_lines(RunFolder::SCORES)?,
            log: ResponseLog::read(folder)?,
            judged_by: judging::judged_by(folder)?,
        })
    }

    /// A finished run.
    pub(super) fn open(folder: &RunFolder) -> anyhow::Result<Self> {
        Self::read(&NamedRun::of(folder))
    }

    /// What analyses and writers read.
    pub(super) fn inputs<'a>(&'a self, response_of: &'a ResponseOf<'a>) -> RunInputs<'a> {
        RunInputs {
            name: &self.name,
            manifest: &self.manifest,
            plan: &self.plan,
            skipped: &self.skipped,
            scores: &self.scores,
            judged_by: self.judged_by.as_deref(),
            response_of,
        }
    }

    /// The recorded response of a checkpoint.
    pub(super) fn response(&self, checkpoint: &str, request: &Request) -> Option<&Response> {
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
    let runs: Vec<NamedRun> = folders.iter().map(NamedRun::of).collect();
    publish_named(&runs, options, Vec::new(), output, quiet)
}

fn publish_named(
    folders: &[NamedRun],
    options: &ReportOptions,
    characteristics: Vec<CharacteristicsRow>,
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
    let inputs: Vec<RunInputs<'_>> =
        runs.iter().zip(&lookups).map(|(run, response_of)| run.inputs(response_of)).collect();
    let analysis = analyze(&inputs, &AnalyzeOptions { characteristics, ..options.analyze_options() })?;
    outputs::write(&analysis, options, output, quiet)?;
    for run in folders.iter().take(RECORDS_SHOWN) {
        note(quiet, &format!("records: {}", run.folder.path().display()));
    }
    if folders.len() > RECORDS_SHOWN {
        note(quiet, &format!("records: {} more folders", folders.len() - RECORDS_SHOWN));
    }
    let scored = runs.iter().flat_map(|run| &run.scores).any(|record| record.score.credit().is_some());
    if scored {
        Ok(Exit::Success)
    } else {
        note(false, "no response could be scored; the report says why for each");
        Ok(Exit::Nothing)
    }
}
