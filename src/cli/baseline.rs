//! `wit-eval baseline`: keeps a run for later comparisons.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::Exit;
use super::progress::note;
use crate::digest::Digest;
use crate::execute::response_key;
use crate::record::Purpose;
use crate::report::text::visible_line;
use crate::store::{RunFolder, SavedBaseline};

/// Flags of `baseline`.
#[derive(Debug, Args)]
pub(super) struct BaselineArgs {
    #[command(subcommand)]
    verb: BaselineVerb,
}

#[derive(Debug, Subcommand)]
enum BaselineVerb {
    /// Save what comparisons need of a run, with a digest of every file
    Save(SaveArgs),
    /// Show a saved baseline; a changed file is refused
    Show(ShowArgs),
}

#[derive(Debug, Args)]
struct SaveArgs {
    /// Folder of a finished run (results/<run>)
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Folder of the baseline
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Its name [default: the run's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Replace the baseline that is there
    #[arg(long)]
    overwrite: bool,
    /// No notes on standard error
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// Folder of the baseline
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Saves or shows a baseline.
pub(super) fn run(args: &BaselineArgs) -> anyhow::Result<Exit> {
    match &args.verb {
        BaselineVerb::Save(args) => save(args),
        BaselineVerb::Show(args) => show(&SavedBaseline::open(&args.folder)?),
    }
}

fn save(args: &SaveArgs) -> anyhow::Result<Exit> {
    let folder = RunFolder::at(&args.run);
    let name = args.name.clone().unwrap_or_else(|| folder_name(&args.run));
    let saved = SavedBaseline::save(&folder, &name, &prompt_sets(&folder)?, &args.out, args.overwrite)?;
    note(
        args.quiet,
        &format!(
            "baseline {}: {}; {} responses to judged questions stay behind, so that comparisons show no replies of it",
            visible_line(&saved.name),
            args.out.display(),
            saved.responses_left_out
        ),
    );
    Ok(Exit::Success)
}

/// Keys of a run's responses to prompt sets.
fn prompt_sets(folder: &RunFolder) -> anyhow::Result<BTreeSet<Digest>> {
    let manifest = folder.manifest()?;
    let plan = folder.plan(&manifest)?;
    let mut keys = BTreeSet::new();
    for record in plan.iter().filter(|record| matches!(record.purpose, Purpose::Posix { .. })) {
        for entry in &manifest.checkpoints {
            keys.insert(response_key(&entry.digest, &record.request).context("a question has no key")?);
        }
    }
    Ok(keys)
}

/// The last part of a path, for people.
pub(super) fn folder_name(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    whole.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn show(saved: &SavedBaseline) -> anyhow::Result<Exit> {
    let shown = |names: &[String]| names.iter().map(|name| visible_line(name)).collect::<Vec<_>>().join(", ");
    let mut out = std::io::stdout().lock();
    writeln!(out, "baseline    {}", visible_line(&saved.name))?;
    writeln!(out, "run         {}", saved.identity.short())?;
    writeln!(out, "made by     {}", visible_line(&saved.program))?;
    writeln!(out, "checkpoints {}", shown(&saved.checkpoints))?;
    writeln!(out, "tasks       {}", shown(&saved.tasks))?;
    writeln!(out, "left out    {} responses to judged questions", saved.responses_left_out)?;
    for file in &saved.files {
        writeln!(out, "{}  {:>12}  {}", file.sha256.short(), file.bytes, file.name)?;
    }
    Ok(Exit::Success)
}
