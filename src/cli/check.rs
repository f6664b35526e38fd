//! `wit-eval check`: everything that can be wrong without a model.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::Exit;
use super::options::{TaskArgs, load_paraphrases};
use crate::data::{Catalog, instances};
use crate::instance::Presentation;
use crate::perturb::paraphrase::ParaphraseData;
use crate::perturb::{Perturber, cases, embedded_files};
use crate::report::text::{visible, visible_line};
use crate::scoring::instructions::run_cases;

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
        writeln!(out, "note: {}", visible_line(&format!("{}:{}: {}", note.file, note.line, note.text)))?;
    }
    let selection = catalog.select("*")?;
    let shipped = Catalog::load(&[])?;
    let options = args.tasks.instance_options(Presentation::Text);
    let (mut rendered, mut tasks, mut left_out) = (0, 0, 0);
    for source in &selection.tasks {
        let ships = shipped.task(&source.task.name).is_some_and(|known| known.file == source.file);
        if args.tasks.data.is_none() && ships && !source.needed_files().is_empty() {
            left_out += 1;
            continue;
        }
        match instances(source, &options) {
            Ok(found) => {
                rendered += found.len();
                tasks += 1;
            }
            Err(error) => faults.push(error.to_string()),
        }
    }
    writeln!(out, "data: {rendered} instances of {tasks} tasks rendered")?;
    if left_out > 0 {
        writeln!(
            out,
            "      {left_out} tasks read official data; --data DIR says where it is and has them rendered too"
        )?;
    }

    let perturber = Perturber::embedded()?;
    let results = cases::run_all(&perturber);
    let passed = results.iter().filter(|result| result.passed).count();
    writeln!(out, "perturbations: {passed} of {} cases hold", results.len())?;
    for result in results.iter().filter(|result| !result.passed) {
        faults.push(format!("perturbations/{}/cases.toml: {}: {}", result.perturbation, result.case, result.detail));
    }
    let verified = run_cases();
    let passed = verified.iter().filter(|result| result.passed).count();
    writeln!(out, "instructions: {passed} of {} cases hold", verified.len())?;
    for result in verified.iter().filter(|result| !result.passed) {
        faults.push(format!("instructions/{}/cases.toml: {}: {}", result.family, result.case, result.detail));
    }
    faults.extend(ParaphraseData::validate(&embedded_files("paraphrase")?).iter().map(ToString::to_string));
    for path in &args.paraphrases {
        match load_paraphrases(path) {
            Ok(user) => writeln!(out, "paraphrases: {}: {} prompts have wordings", path.display(), user.len())?,
            Err(error) => faults.push(error.to_string()),
        }
    }

    for fault in &faults {
        writeln!(out, "FAULT {}", visible(fault))?;
    }
    if faults.is_empty() {
        writeln!(out, "all checks passed")?;
        Ok(Exit::Success)
    } else {
        anyhow::bail!("{} checks failed", faults.len())
    }
}
