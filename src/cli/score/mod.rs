//! `wit-eval score`: judge stored responses again.

pub(super) mod external;

use std::path::PathBuf;

use clap::Args;

use self::external::ExternalArgs;
use super::options::ReportOptions;
use super::report::publish;
use super::{Exit, judging, progress};
use crate::execute::judge;
use crate::judge::Judgments;
use crate::record::{PlanRecord, ScoreRecord};
use crate::store::{Manifest, ResponseLog, RunFolder, RunLock};

/// Flags of `score`.
#[derive(Debug, Args)]
pub(super) struct ScoreArgs {
    /// Folders of runs (results/<run>)
    #[arg(value_name = "RUN", required_unless_present = "task", conflicts_with = "task")]
    runs: Vec<PathBuf>,
    #[command(flatten)]
    external: ExternalArgs,
    #[command(flatten)]
    options: ReportOptions,
    /// No notes on standard error
    #[arg(long, short)]
    quiet: bool,
}

/// Judges the responses of each run again and writes its scores and report.
pub(super) fn run(args: &ScoreArgs) -> anyhow::Result<Exit> {
    if args.external.task.is_some() {
        return external::run(&args.external, &args.options, args.quiet);
    }
    let mut worst = Exit::Success;
    for path in &args.runs {
        let folder = RunFolder::at(path);
        let manifest = folder.manifest()?;
        let lock = folder.lock()?;
        let plan = folder.plan(&manifest)?;
        let log = ResponseLog::read(&folder)?;
        let scores = write_scores(&folder, &manifest, &plan, &log, &lock)?;
        progress::note(args.quiet, &format!("{}: {} scores", path.display(), scores.len()));
        let exit = publish(std::slice::from_ref(&folder), &args.options, &folder.file("report"), args.quiet)?;
        if exit != Exit::Success {
            worst = exit;
        }
    }
    Ok(worst)
}

/// Judges all checkpoints of a run and writes `scores.jsonl`.
pub(super) fn write_scores(
    folder: &RunFolder,
    manifest: &Manifest,
    plan: &[PlanRecord],
    log: &ResponseLog,
    lock: &RunLock,
) -> anyhow::Result<Vec<ScoreRecord>> {
    let mut scores = Vec::new();
    let judgments =
        judging::recorded(folder, manifest, plan, log)?.map_or_else(Judgments::new, |(_, found)| found.scores);
    for checkpoint in &manifest.checkpoints {
        let checkpoint = (checkpoint.label.as_str(), &checkpoint.digest);
        scores.extend(judge(checkpoint, &manifest.tasks, plan, log, &judgments)?);
    }
    folder.write_lines(RunFolder::SCORES, &scores, lock)?;
    Ok(scores)
}
