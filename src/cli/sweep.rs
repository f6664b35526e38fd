//! `wit-eval sweep`: tune and evaluate every cell of a grid of weightings.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};

use super::evaluate::{self, EvaluateArgs, Recorded};
use super::options::{ReportOptions, positive};
use super::progress::note;
use super::{Exit, dpo, exit, report, train};
use crate::data::Limit;
use crate::report::text::visible_line;
use crate::sweep::{
    Cell, CellOutcome, CellRecord, CellSelection, CellState, ContentDigests, Cost, CostBook, Overrides, Preset, Stage,
    Standing, Step, Sweep,
};

/// Flags of `sweep`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of its own
pub(super) struct SweepArgs {
    /// The file of the sweep (docs/sweeps.md)
    #[arg(value_name = "SWEEP.TOML", required_unless_present_any = ["preset", "print_preset"])]
    file: Option<PathBuf>,
    /// A sweep that ships in place of a file: lima, alpaca_cleaned or tulu_v2, with the settings of the paper
    #[arg(long, value_name = "NAME", conflicts_with = "file")]
    preset: Option<Preset>,
    /// Print a sweep that ships, to edit it
    #[arg(long = "print-preset", value_name = "NAME", exclusive = true)]
    print_preset: Option<Preset>,
    /// Only these cells: 17, or 0..8 (without 8), or 3,5,8..12
    #[arg(long, visible_alias = "cell", value_name = "LIST")]
    cells: Option<CellSelection>,
    /// Show the cells, how they stand and what they may cost, and stop
    #[arg(long = "dry-run", alias = "dry_run")]
    dry_run: bool,
    /// With --dry-run: also the command line of every step
    #[arg(long, short)]
    verbose: bool,
    /// Show how many cells stand how, and what failed, and stop
    #[arg(long, conflicts_with = "dry_run")]
    status: bool,
    /// Base, in place of the file's. Repeatable
    #[arg(long, value_name = "DIR")]
    base: Vec<PathBuf>,
    /// Instruction data, in place of the file's; each is a data set of its own. Repeatable
    #[arg(long, value_name = "FILE")]
    data: Vec<PathBuf>,
    /// Preference data of the DPO stage, in place of the file's
    #[arg(long, value_name = "FILE")]
    preferences: Option<PathBuf>,
    /// Folder of the benchmarks' official data, in place of the file's
    #[arg(long = "evaluation-data", alias = "evaluation_data", value_name = "DIR")]
    evaluation_data: Option<PathBuf>,
    /// Instances of each task, in place of the file's
    #[arg(long, value_name = "N")]
    limit: Option<Limit>,
    /// Folder of all cells, in place of the file's
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Device of training, in place of the file's
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Threads [default: one a core]; moves no result
    #[arg(long, value_name = "N", value_parser = positive)]
    threads: Option<usize>,
    #[command(flatten)]
    report: ReportOptions,
    /// No progress on standard error
    #[arg(long, short)]
    quiet: bool,
}

/// Runs or shows a sweep.
pub(super) fn run(args: &SweepArgs) -> anyhow::Result<Exit> {
    if let Some(preset) = args.print_preset {
        std::io::stdout().lock().write_all(preset.text().as_bytes())?;
        return Ok(Exit::Success);
    }
    let sweep = sweep(args)?;
    let cells = sweep.cells();
    if let Some(selection) = &args.cells {
        selection.check(cells.len()).context("--cells")?;
    }
    let selected = |cell: &&Cell| args.cells.as_ref().is_none_or(|cells| cells.contains(cell.index));
    let selected: Vec<&Cell> = cells.iter().filter(selected).collect();
    if args.dry_run || args.status {
        return overview(args, &sweep, &cells, &selected);
    }
    if let Some(threads) = args.threads {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().context("--threads")?;
    }
    let mut digests = ContentDigests::default();
    check_settings(&sweep, &selected, &mut digests)?;
    let worst = work(args, &sweep, &selected, &mut digests);
    let whole = args.cells.is_none();
    if whole || cells.iter().all(|cell| is_done(&sweep, cell, &mut digests)) {
        let published = report::join(&sweep.out, &args.report, &sweep.out, args.quiet)?;
        return Ok(if worst == Exit::Success { published } else { worst });
    }
    let command = format!("wit-eval report {}", sweep.out.display());
    note(args.quiet, &format!("other cells are not done; what is finished is shown by: {command}"));
    Ok(worst)
}

fn sweep(args: &SweepArgs) -> anyhow::Result<Sweep> {
    let overrides = Overrides {
        out: args.out.clone(),
        bases: args.base.clone(),
        data: args.data.clone(),
        preferences: args.preferences.clone(),
        dpo_is_optional: args.preset.is_some(),
        evaluation_data: args.evaluation_data.clone(),
        limit: args.limit.map(|limit| match limit {
            Limit::Count(count) => count as f64,
            Limit::Fraction(share) => share,
        }),
        device: args.device.clone(),
    };
    let sweep = match (&args.preset, &args.file) {
        (Some(preset), _) => {
            let sweep = Sweep::parse(preset.text(), preset.name(), "".as_ref(), &overrides)?;
            if sweep.dpo.is_none() {
                note(args.quiet, "the preference stage (DPO) is left out; --preferences FILE adds it");
            }
            sweep
        }
        (None, Some(file)) => Sweep::read(file, &overrides)?,
        (None, None) => anyhow::bail!("give the file of a sweep, or --preset NAME"),
    };
    Ok(sweep)
}

/// Reads flags as the verb's own command line does.
fn parse<A: Args>(verb: &'static str, flags: &[OsString]) -> anyhow::Result<A> {
    let command = A::augment_args(clap::Command::new(verb).no_binary_name(true));
    let matches = command.try_get_matches_from(flags).map_err(|error| one_line(&error))?;
    A::from_arg_matches(&matches).map_err(|error| one_line(&error))
}

/// What clap says, without the usage of a verb that nobody typed.
fn one_line(error: &clap::Error) -> anyhow::Error {
    let text = error.render().to_string();
    let said = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let said: Vec<&str> = said.filter(|line| !line.is_empty()).collect();
    anyhow::anyhow!("{}", said.join("; ").trim_start_matches("error: ").to_owned())
}

/// What a cell's folder cannot tell: whether every flag and every task is sound. Better now than after hours of training.
fn check_settings(sweep: &Sweep, cells: &[&Cell], digests: &mut ContentDigests) -> anyhow::Result<()> {
    let mut unasked = true;
    for cell in cells {
        // A missing base or file is the failure of its cells only.
        let Ok(steps) = sweep.steps(cell, digests) else { continue };
        for step in &steps {
            let section = match step.stage {
                Stage::Train => parse::<train::TrainArgs>("train", &step.flags).map(drop).context("[train]"),
                Stage::Dpo => parse::<dpo::DpoArgs>("dpo", &step.flags).map(drop).context("[dpo]"),
                Stage::Evaluate | Stage::EvaluateDpo => {
                    parse::<EvaluateArgs>("run", &step.flags).map(drop).context("[evaluate]")
                }
            };
            section.with_context(|| format!("sweep {}", sweep.name))?;
        }
        let tunes = CellRecord::read(&sweep.folder(cell))
            .is_ok_and(|record| steps.iter().any(|s| s.stage == Stage::Train && record.standing(s) != Standing::Done));
        if unasked && tunes {
            unasked = false;
            let base = cell.base.paths.first().cloned().unwrap_or_default();
            ask_nothing(sweep, base).with_context(|| {
                format!(
                    "sweep {}: [evaluate] (`data` there, or --evaluation-data, is the benchmarks' folder)",
                    sweep.name
                )
            })?;
        }
    }
    Ok(())
}

/// Plans the evaluation of a base as it will be planned for what is tuned from it. Its template is left out: tuning may
/// bring one.
fn ask_nothing(sweep: &Sweep, base: PathBuf) -> anyhow::Result<()> {
    let mut flags: Vec<OsString> = vec!["--checkpoint".into(), base.into()];
    let template = |flag: &OsString| flag.to_string_lossy().starts_with("--apply-chat-template");
    flags.extend(sweep.evaluate.to_flags().into_iter().filter(|flag| !template(flag)));
    evaluate::check(&parse::<EvaluateArgs>("run", &flags)?)
}

/// Does what is left of the cells, one after the other.
fn work(args: &SweepArgs, sweep: &Sweep, cells: &[&Cell], digests: &mut ContentDigests) -> Exit {
    let mut worst = Exit::Success;
    let (mut busy, mut failed) = (0, 0);
    for (place, cell) in cells.iter().enumerate() {
        let name = format!("cell {} ({})", cell.index, cell.folder().display());
        let outcome = sweep.run_cell(cell, digests, &mut |step| {
            note(args.quiet, &format!("{name}, {} of {}: {}", place + 1, cells.len(), step.stage));
            let started = Instant::now();
            run_step(step, args.quiet).map_err(|error| exit::message(&error))?;
            Ok(started.elapsed().as_secs_f64())
        });
        match outcome {
            CellOutcome::Done { steps: 0 } => note(args.quiet, &format!("{name}: is done already")),
            CellOutcome::Done { .. } => note(args.quiet, &format!("{name}: done")),
            CellOutcome::Busy => {
                busy += 1;
                note(false, &format!("{name}: another process is at work on it; it is left to that one"));
            }
            CellOutcome::Failed { error } => {
                failed += 1;
                worst = Exit::Failure;
                note(false, &format!("{name}: failed: {error}"));
            }
        }
    }
    if failed + busy > 0 {
        let text = format!("{failed} of {} cells failed, {busy} are left to other processes", cells.len());
        note(false, &format!("{text}; the same command tries again what is not done"));
    }
    worst
}

fn run_step(step: &Step, quiet: bool) -> anyhow::Result<()> {
    let mut flags = step.flags.clone();
    if quiet {
        flags.push("--quiet".into());
    }
    let verb = step.stage.verb();
    let exit = match step.stage {
        Stage::Train => train::run(&parse(verb, &flags)?)?,
        Stage::Dpo => dpo::run(&parse(verb, &flags)?)?,
        Stage::Evaluate | Stage::EvaluateDpo => match evaluate::record(&parse(verb, &flags)?)? {
            Recorded::Run(_) => Exit::Success,
            Recorded::Ended(exit) => exit,
        },
    };
    anyhow::ensure!(exit == Exit::Success, "nothing came of it: nothing was selected, or there are too few data");
    Ok(())
}

fn is_done(sweep: &Sweep, cell: &Cell, digests: &mut ContentDigests) -> bool {
    let Ok(steps) = sweep.steps(cell, digests) else { return false };
    CellRecord::read(&sweep.folder(cell))
        .is_ok_and(|record| CellState::of(&record.standings(&steps)) == CellState::Done)
}

/// What `--dry-run` and `--status` show of a cell.
struct Shown<'a> {
    cell: &'a Cell,
    steps: Vec<Step>,
    standings: Vec<Standing>,
    /// Why its steps cannot be told.
    fault: Option<String>,
}

impl<'a> Shown<'a> {
    fn read(sweep: &Sweep, cell: &'a Cell, digests: &mut ContentDigests) -> Self {
        let steps = sweep.steps(cell, digests);
        let told = steps.and_then(|steps| {
            let record = CellRecord::read(&sweep.folder(cell))?;
            Ok((record.standings(&steps), steps))
        });
        match told {
            Ok((standings, steps)) => Self { cell, steps, standings, fault: None },
            Err(error) => Self { cell, steps: Vec::new(), standings: Vec::new(), fault: Some(error.to_string()) },
        }
    }

    fn state(&self) -> &'static str {
        if self.fault.is_some() { "cannot run" } else { CellState::of(&self.standings).as_str() }
    }

    fn left(&self) -> String {
        let left = self.steps.iter().zip(&self.standings).filter(|(_, standing)| **standing != Standing::Done);
        let left = left.map(|(step, standing)| match standing {
            Standing::Begun => format!("{} (begun)", step.stage),
            _ => step.stage.to_string(),
        });
        left.collect::<Vec<_>>().join(", ")
    }

    fn errors(&self) -> impl Iterator<Item = &str> {
        let failed = self.standings.iter().filter_map(|standing| match standing {
            Standing::Failed { error } => Some(error.as_str()),
            _ => None,
        });
        self.fault.as_deref().into_iter().chain(failed)
    }
}

fn overview(args: &SweepArgs, sweep: &Sweep, cells: &[Cell], selected: &[&Cell]) -> anyhow::Result<Exit> {
    let mut digests = ContentDigests::default();
    let mut book = CostBook::default();
    for cell in cells {
        if let Ok(record) = CellRecord::read(&sweep.folder(cell)) {
            book.add(cell, &record);
        }
    }
    let shown: Vec<Shown<'_>> = selected.iter().map(|cell| Shown::read(sweep, cell, &mut digests)).collect();
    let costs: Vec<Cost> =
        shown.iter().map(|shown| book.cost(sweep, shown.cell, &shown.steps, &shown.standings)).collect();
    let mut out = std::io::stdout().lock();
    if args.dry_run {
        writeln!(out, "{}", table(&shown, &costs))?;
    }
    writeln!(out, "sweep {} in {}: {}", sweep.name, sweep.out.display(), summary(&shown, &costs))?;
    if args.verbose {
        for step in shown.iter().flat_map(|shown| &shown.steps) {
            writeln!(out, "{}", command(step))?;
        }
    }
    let mut faults: Vec<&str> = Vec::new();
    for shown in &shown {
        for error in shown.errors().filter(|_| args.status) {
            writeln!(out, "cell {} ({}): {}", shown.cell.index, shown.cell.folder().display(), visible_line(error))?;
        }
        faults.extend(shown.fault.as_deref());
    }
    faults.sort_unstable();
    faults.dedup();
    for fault in &faults {
        note(false, fault);
    }
    Ok(if faults.is_empty() { Exit::Success } else { Exit::Failure })
}

fn table(shown: &[Shown<'_>], costs: &[Cost]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(100);
    }
    table.set_header(["cell", "folder", "state", "left", "tokens, about", "time left, about"]);
    for (shown, cost) in shown.iter().zip(costs) {
        table.add_row([
            shown.cell.index.to_string(),
            visible_line(&shown.cell.folder().display().to_string()),
            shown.state().to_owned(),
            shown.left(),
            cost.tokens.map_or_else(|| "-".to_owned(), count),
            cost.seconds.map_or_else(|| "-".to_owned(), duration),
        ]);
    }
    table
}

fn summary(shown: &[Shown<'_>], costs: &[Cost]) -> String {
    let mut parts = vec![format!("{} cells", shown.len())];
    for state in ["done", "partly", "to do", "failed", "other settings", "cannot run"] {
        let count = shown.iter().filter(|shown| shown.state() == state).count();
        if count > 0 {
            parts.push(format!("{count} {state}"));
        }
    }
    if let Some(seconds) = costs.iter().map(|cost| cost.seconds).sum::<Option<f64>>().filter(|left| *left > 0.0) {
        parts.push(format!("about {} left", duration(seconds)));
    }
    parts.join(", ")
}

/// A step as somebody would type it.
fn command(step: &Step) -> String {
    let mut words = vec!["wit-eval".to_owned(), step.stage.verb().to_owned()];
    words.extend(step.flags.iter().map(|flag| quoted(&flag.to_string_lossy())));
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_=./,:@+%".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

fn count(number: f64) -> String {
    match number {
        n if n >= 1e9 => format!("{:.1} G", n / 1e9),
        n if n >= 1e6 => format!("{:.1} M", n / 1e6),
        n if n >= 1e4 => format!("{:.0} k", n / 1e3),
        n => format!("{n:.0}"),
    }
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s >= 5400.0 => format!("{:.1} h", s / 3600.0),
        s if s >= 90.0 => format!("{:.0} min", s / 60.0),
        s => format!("{s:.0} s"),
    }
}
