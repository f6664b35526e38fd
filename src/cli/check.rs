//! `wit-eval check`: everything that can be wrong without a model.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::Exit;
use super::options::{TaskArgs, load_paraphrases};
use crate::data::instances;
use crate::instance::Presentation;
use crate::perturb::paraphrase::ParaphraseData;
use crate::perturb::{Perturber, cases, embedded_files};

/// Flags of `check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    tasks: TaskArgs,
    /// Paraphrase files to validate. Repeatable
    #[arg(long, value_name = "PATH")]
    paraphrases: Vec<PathBuf>,
}

/// Validates task files, data and perturbations, and prints a line for each kind; every fault is named.
pub(super) fn run(args: &CheckArgs) -> anyhow::Result<Exit> {
    let mut out = std::io::stdout().lock();
    let mut faults = Vec::new();

    let catalog = args.tasks.catalog()?;
    let summaries = catalog.summaries();
    writeln!(out, "task files: {} tasks and groups read", summaries.len())?;

    for note in catalog.notes() {
        writeln!(out, "note: {}:{}: {}", note.file, note.line, note.text)?;
    }
    let selection = catalog.select(if args.tasks.data.is_some() { "*" } else { &args.tasks.tasks })?;
    let options = args.tasks.instance_options(Presentation::Text);
    let (mut rendered, mut tasks) = (0, 0);
    for source in &selection.tasks {
        match instances(source, &options) {
            Ok(found) => {
                rendered += found.len();
                tasks += 1;
            }
            Err(error) => faults.push(error.to_string()),
        }
    }
    writeln!(out, "data: {rendered} instances of {tasks} tasks rendered")?;
    if args.tasks.data.is_none() {
        writeln!(out, "      (tasks that read official data are rendered too when --data DIR says where it is)")?;
    }

    let perturber = Perturber::embedded()?;
    let results = cases::run_all(&perturber);
    let passed = results.iter().filter(|result| result.passed).count();
    writeln!(out, "perturbations: {passed} of {} cases hold", results.len())?;
    for result in results.iter().filter(|result| !result.passed) {
        faults.push(format!("perturbations/{}/cases.toml: {}: {}", result.perturbation, result.case, result.detail));
    }
    faults.extend(ParaphraseData::validate(&embedded_files("paraphrase")?).iter().map(ToString::to_string));
    for path in &args.paraphrases {
        match load_paraphrases(path) {
            Ok(user) => writeln!(out, "paraphrases: {}: {} prompts have wordings", path.display(), user.len())?,
            Err(error) => faults.push(error.to_string()),
        }
    }

    for fault in &faults {
        writeln!(out, "FAULT {fault}")?;
    }
    if faults.is_empty() {
        writeln!(out, "all checks passed")?;
        Ok(Exit::Success)
    } else {
        anyhow::bail!("{} checks failed", faults.len())
    }
}
