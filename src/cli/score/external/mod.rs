//! `wit-eval score --task NAME`: replies and judgments that were made elsewhere.

mod judged;
mod judgments;
mod matching;
pub(in crate::cli) mod official;
mod replies;
mod rows;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use comfy_table::{ContentArrangement, Table};

use crate::cli::Exit;
use crate::cli::options::{ReportOptions, VerifierChoice};
use crate::data::{Catalog, TaskSource};
use crate::report::text::visible_line;
use crate::store::write_atomically;
use crate::task::Scorer;

/// Largest file of replies or judgments.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// A rule under the header, nothing else: in the order of comfy-table's presets.
const RULED_HEADER: &str = "     ──            ";

/// Flags of `score` for what was made elsewhere.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Replies and judgments from elsewhere")]
pub(in crate::cli) struct ExternalArgs {
    /// The task that was asked; no run is needed, no model is loaded
    #[arg(long, value_name = "NAME", conflicts_with = "runs")]
    pub task: Option<String>,
    /// Replies to judge: JSON lines, or a JSON list, of {prompt, response}, with a `key` where prompts repeat
    #[arg(long, value_name = "FILE", requires = "task", conflicts_with_all = ["annotations", "judgments"])]
    pub responses: Option<PathBuf>,
    /// Annotations in AlpacaEval's layout to aggregate (--task alpaca_eval)
    #[arg(long, value_name = "FILE", requires = "task", conflicts_with = "judgments")]
    pub annotations: Option<PathBuf>,
    /// AlpacaEval's table of difficulties (df_gamed.csv), for the length-controlled win rate of its leaderboard
    #[arg(long, value_name = "FILE", requires = "annotations")]
    pub difficulties: Option<PathBuf>,
    /// Judgments in FastChat's layout to aggregate, of single answers or of pairs (--task mt_bench)
    #[arg(long, value_name = "FILE", requires = "task")]
    pub judgments: Option<PathBuf>,
    /// Folder of the benchmark's official data
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Further folder of task files. Repeatable
    #[arg(long = "include_path", alias = "include-path", value_name = "DIR")]
    pub include_path: Vec<PathBuf>,
    /// How IFEval's instructions are verified where programs differ
    #[arg(long = "ifeval_mode", alias = "ifeval-mode", value_enum, default_value_t = VerifierChoice::Official)]
    pub ifeval_mode: VerifierChoice,
    /// Where eval_results_strict.jsonl and eval_results_loose.jsonl are written, as IFEval's program writes them
    #[arg(long = "official-output", alias = "official_output", value_name = "DIR", requires = "responses")]
    pub official_output: Option<PathBuf>,
    /// Everything that is printed, and every score, as JSON
    #[arg(long, value_name = "FILE", requires = "task")]
    pub json: Option<PathBuf>,
}

/// Judges or aggregates what the flags name.
pub(in crate::cli) fn run(args: &ExternalArgs, options: &ReportOptions, quiet: bool) -> anyhow::Result<Exit> {
    let name = args.task.as_deref().context("--task is missing: name the task that was asked")?;
    let catalog = Catalog::load(&args.include_path)?;
    let Some(source) = catalog.task(name) else {
        anyhow::bail!("--task {name}: no such task; `wit-eval list tasks --all` shows all of them")
    };
    match (&args.responses, &args.annotations, &args.judgments) {
        (Some(file), _, _) => replies::run(source, file, args, options, quiet),
        (_, Some(file), _) => {
            of_judge(source, Scorer::AlpacaEval, "--annotations")?;
            judgments::annotations(file, args, options.level)
        }
        (_, _, Some(file)) => {
            of_judge(source, Scorer::MtBench, "--judgments")?;
            judgments::ratings(source, file, args, options.level, quiet)
        }
        _ => anyhow::bail!("--task {name} needs --responses, --annotations or --judgments"),
    }
}

fn of_judge(source: &TaskSource, scorer: Scorer, flag: &str) -> anyhow::Result<()> {
    let task = &source.task;
    anyhow::ensure!(task.scorer == scorer, "{flag}: task `{}` is not judged that way", task.name);
    Ok(())
}

/// Reads a text file of bounded size.
fn read_text(file: &Path) -> anyhow::Result<String> {
    let about = || file.display().to_string();
    let size = std::fs::metadata(file).with_context(about)?.len();
    anyhow::ensure!(size <= MAX_FILE_BYTES, "{}: larger than {MAX_FILE_BYTES} bytes; split it", about());
    std::fs::read_to_string(file).with_context(about)
}

/// Writes the `--json` file, where one is asked for.
fn write_json(args: &ExternalArgs, value: &serde_json::Value) -> anyhow::Result<()> {
    if let Some(file) = &args.json {
        write_atomically(file, (serde_json::to_string_pretty(value)? + "\n").as_bytes())?;
    }
    Ok(())
}

/// Prints a line of results.
fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{}", visible_line(line))?)
}

/// Prints a table, left-aligned under its heads.
fn print_table(heads: &[&str], rows: &[Vec<String>]) -> anyhow::Result<()> {
    let mut table = Table::new();
    table.load_preset(RULED_HEADER).set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(100);
    }
    table.set_header(heads);
    for row in rows {
        table.add_row(row.iter().map(|cell| visible_line(cell)));
    }
    Ok(writeln!(std::io::stdout().lock(), "{table}")?)
}
