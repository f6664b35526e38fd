//! `wit-eval fetch`: official data and checkpoints from a hub.

use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::Exit;
use super::progress::note;
use crate::hub::{FetchOptions, Fetched, HubSettings, Progress, Source, Sources, checkpoint, fetch, looks_like_model};
use crate::model::gguf::is_gguf;
use crate::report::text::visible_line;

/// Flags of `fetch`.
#[derive(Debug, Args)]
pub(super) struct FetchArgs {
    /// Tasks whose official data are fetched (see --list)
    #[arg(value_name = "TASK")]
    tasks: Vec<String>,
    /// Folder that the data go to; give it to `--data` when evaluating
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// Fetch a checkpoint into the hub's cache and print its folder: organisation/name or organisation/name@revision. Repeatable
    #[arg(long, value_name = "SPEC")]
    checkpoint: Vec<String>,
    /// Fetch again and replace files that are there, also those that changed
    #[arg(long)]
    force: bool,
    /// List what can be fetched, from where, with its licence; nothing is fetched
    #[arg(long)]
    list: bool,
    /// Sources file in place of the one that ships (benchmarks/sources.toml)
    #[arg(long, value_name = "FILE")]
    sources: Option<PathBuf>,
    /// No progress on standard error
    #[arg(long, short)]
    quiet: bool,
}

/// Fetches, and prints what is where.
pub(super) fn run(args: &FetchArgs) -> anyhow::Result<Exit> {
    let sources = match &args.sources {
        None => Sources::shipped()?,
        Some(file) => {
            let text = std::fs::read_to_string(file).with_context(|| format!("--sources {}", file.display()))?;
            Sources::read(&file.display().to_string(), &text)?
        }
    };
    let mut out = std::io::stdout().lock();
    if args.list {
        for source in sources.all() {
            writeln!(out, "{}", listed(source))?;
        }
        return Ok(Exit::Success);
    }
    let names = args.tasks.iter().flat_map(|list| list.split(',')).filter(|name| !name.is_empty());
    let wanted = names.map(|task| sources.of_task(task)).collect::<Result<Vec<_>, _>>()?;
    if wanted.is_empty() && args.checkpoint.is_empty() {
        note(
            false,
            "nothing to fetch: name a task or --checkpoint organisation/name (`wit-eval fetch --list` lists the tasks)",
        );
        return Ok(Exit::Nothing);
    }
    let settings = hub_settings()?;
    let mut seen = BTreeSet::new();
    for source in wanted.into_iter().filter(|source| seen.insert(source.name.clone())) {
        let options = FetchOptions { force: args.force };
        note(args.quiet, &format!("{}: {} {}, licence {}", source.name, source.repo, source.revision, source.licence));
        let report = fetch(&sources, source, &args.data, &settings, options, &mut Shown::new(args.quiet))?;
        let count = |outcome| report.files.iter().filter(|file| file.outcome == outcome).count();
        let (written, unchanged, adopted) =
            (count(Fetched::Written), count(Fetched::Unchanged), count(Fetched::Adopted));
        writeln!(
            out,
            "{}: {written} files fetched, {unchanged} unchanged, {adopted} found there, in {}",
            source.name,
            visible_line(&args.data.display().to_string())
        )?;
        for (needed, purpose) in &report.by_hand {
            note(args.quiet, &format!("not on the hub ({purpose}):\n{needed}"));
        }
    }
    for spec in &args.checkpoint {
        let folder = checkpoint(spec, &settings, &mut Shown::new(args.quiet))?;
        writeln!(out, "{}", visible_line(&folder.display().to_string()))?;
    }
    Ok(Exit::Success)
}

fn listed(source: &Source) -> String {
    format!(
        "{}\n  {}\n  {} at {}, licence {}\n  known from: {}",
        source.name, source.about, source.repo, source.revision, source.licence, source.known_from
    )
}

/// How the hub is asked, by the variables of the environment.
pub(super) fn hub_settings() -> anyhow::Result<HubSettings> {
    Ok(HubSettings::from_variables(|name| std::env::var(name).ok())?)
}

/// The folder that `--checkpoint` means: one that exists, or that of a model named `organisation/name[@revision]`.
pub(super) fn checkpoint_folder(given: &Path, quiet: bool) -> anyhow::Result<PathBuf> {
    let spec = given.to_str().filter(|spec| !given.exists() && !is_gguf(given) && looks_like_model(spec));
    let Some(spec) = spec else { return Ok(given.to_owned()) };
    ensure!(!spec.is_empty(), "--checkpoint is empty");
    note(quiet, &format!("{spec}: no such folder; looking for a model of that name on the hub"));
    Ok(checkpoint(spec, &hub_settings()?, &mut Shown::new(quiet))?)
}

/// Downloads on standard error: a bar in a terminal, a line at the beginning of each elsewhere.
struct Shown {
    bar: Option<ProgressBar>,
    terminal: bool,
    quiet: bool,
}

impl Shown {
    fn new(quiet: bool) -> Self {
        Self { bar: None, terminal: std::io::stderr().is_terminal(), quiet }
    }
}

impl Progress for Shown {
    fn begin(&mut self, file: &str, have: u64, size: u64) {
        if !self.terminal || self.quiet {
            let from = if have > 0 { format!(", continued at {have}") } else { String::new() };
            note(self.quiet, &format!("  {file}: {size} bytes{from}"));
            return;
        }
        let bar = ProgressBar::new(size);
        if let Ok(style) = ProgressStyle::with_template("  {prefix} [{wide_bar}] {bytes}/{total_bytes}, {eta} left") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(visible_line(file));
        bar.set_position(have);
        self.bar = Some(bar);
    }

    fn advance(&mut self, have: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(have);
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
