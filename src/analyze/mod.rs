//! From records to an [`Analysis`]: estimates with intervals, sensitivity, and what may be concluded. Pure: no model,
//! no files, no clock. Equal records give equal bytes, whatever the number of threads.

pub mod analysis;
mod answers;
mod breakdown;
mod cells;
mod command;
mod findings;
mod flips;
mod groups;
mod inputs;
mod likelihood;
pub mod number;
pub mod picture;
pub mod scores;
mod task;
mod weightings;

use std::collections::BTreeMap;

use rayon::prelude::*;
use thiserror::Error;

pub use analysis::{Analysis, SCHEMA};
pub(crate) use cells::Cells;
pub(crate) use flips::{exchange, expected};
pub(crate) use groups::tasks_below;
pub use inputs::{AnalyzeOptions, ResponseOf, RunInputs};
pub(crate) use inputs::{TaskPlan, by_task, row_name};
pub(crate) use task::prompt_sets;
pub(crate) use weightings::samples::MetricSamples;
pub(crate) use weightings::sensitivity as sensitivity_headline;

use crate::sensitivity::MatrixError;
use analysis::{CheckpointAnalysis, RunProvenance, TaskAnalysis, TaskVersion};
use task::TaskInputs;
use weightings::samples::TaskSamples;

/// Why records could not be analyzed.
#[derive(Debug, Error)]
pub enum AnalyzeError {
    /// A score answers no question of the plan.
    #[error(
        "run {run}: the score of {task}, instance {instance}, variant {variant} answers no question of the plan; \
             the files are of different runs: score again"
    )]
    StrayScore {
        /// The run.
        run: String,
        /// The task that the score names.
        task: String,
        /// The instance that the score names.
        instance: String,
        /// The variant that the score names.
        variant: String,
    },
    /// A share outside its range.
    #[error(
        "run {run}: scores.jsonl gives {place} {credit}; a share lies in 0 to 1: the file was changed, score again"
    )]
    Credit {
        /// The run.
        run: String,
        /// Task, instance, variant and metric.
        place: String,
        /// The credit at fault.
        credit: f64,
    },
    /// The level is no coverage.
    #[error("level {level} is not between 0 and 1; write 0.95 for 95 % intervals")]
    Level {
        /// The level at fault.
        level: f64,
    },
    /// The scores do not form a matrix.
    #[error(transparent)]
    Matrix(#[from] MatrixError),
    /// The manifest could not be hashed.
    #[error("the manifest of run {run} has no digest: {source}")]
    Identity {
        /// The run.
        run: String,
        /// What the encoder said.
        source: serde_json::Error,
    },
}

/// Analyzes one or more runs; their checkpoints are laid side by side.
pub fn analyze(runs: &[RunInputs<'_>], options: &AnalyzeOptions) -> Result<Analysis, AnalyzeError> {
    if !(options.level > 0.0 && options.level < 1.0) {
        return Err(AnalyzeError::Level { level: options.level });
    }
    let provenance = runs.iter().map(provenance).collect::<Result<Vec<_>, _>>()?;
    let mut checkpoints = Vec::new();
    let (mut run_of, mut samples) = (Vec::new(), Vec::new());
    for (number, run) in runs.iter().enumerate() {
        for (checkpoint, columns) in analyze_run(run, options)? {
            checkpoints.push(checkpoint);
            samples.push(columns);
            run_of.push(number);
        }
    }
    make_ids_unique(&mut checkpoints);
    let likelihoods = likelihood::analyze_likelihoods(runs, &checkpoints, &run_of, options.level);
    let weightings = weightings::analyze_weightings(runs, &checkpoints, &run_of, &samples, options);
    Ok(Analysis {
        schema: SCHEMA.to_owned(),
        level: options.level,
        posix_mode: options.posix_mode,
        notes: notes(runs),
        findings: findings::findings(&provenance, &checkpoints, weightings.as_ref(), options.level),
        runs: provenance,
        perturbations: options.notes.clone(),
        weightings,
        checkpoints,
        likelihoods,
        scores: None,
        published: None,
    })
}

/// What the tasks ask readers to know, each once.
fn notes(runs: &[RunInputs<'_>]) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    for note in runs.iter().flat_map(|run| &run.manifest.tasks).filter_map(|task| task.profile.note.as_ref()) {
        if !notes.contains(note) {
            notes.push(note.clone());
        }
    }
    notes
}

/// A run's checkpoints, each with what it got on every instance.
type Analyzed = Vec<(CheckpointAnalysis, Vec<TaskSamples>)>;

fn analyze_run(run: &RunInputs<'_>, options: &AnalyzeOptions) -> Result<Analyzed, AnalyzeError> {
    let plans = by_task(run);
    let tables = cells::tables(run, &plans)?;
    // A task can be in the manifest without a question: all its instances may have been left out.
    let asked = run.manifest.tasks.iter().filter_map(|task| Some((task, plans.get(task.name.as_str())?)));
    let asked = asked.collect::<Vec<_>>();
    let work = run.manifest.checkpoints.iter().flat_map(|entry| asked.iter().map(move |task| (entry, *task)));
    let mut analyses = work
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|(entry, (task, plan))| {
            task::analyze_task(&TaskInputs { run, options, checkpoint: &entry.label, task, plan, tables: &tables })
        })
        .collect::<Result<Vec<_>, _>>()?
        .into_iter();
    let all = run.manifest.checkpoints.iter().map(|entry| {
        let (mut tasks, samples): (Vec<_>, Vec<_>) = analyses.by_ref().take(asked.len()).unzip();
        make_titles_unique(&mut tasks);
        let described = CheckpointAnalysis {
            id: entry.label.clone(),
            run: run.name.to_owned(),
            checkpoint: entry.clone(),
            groups: groups::analyze_groups(&run.manifest.groups, &tasks, options.level),
            tasks,
        };
        (described, samples)
    });
    Ok(all.collect())
}

/// Tasks that share a title (two tasks on one subject, say) go by their names.
fn make_titles_unique(tasks: &mut [TaskAnalysis]) {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for task in tasks.iter() {
        *times.entry(task.title.clone()).or_default() += 1;
    }
    for task in tasks {
        if times.get(&task.title).is_some_and(|times| *times > 1) {
            task.title.clone_from(&task.task);
        }
    }
}

/// Heads a label with its run's name where two checkpoints share it, and numbers what still is equal.
fn make_ids_unique(checkpoints: &mut [CheckpointAnalysis]) {
    let mut labels: BTreeMap<String, usize> = BTreeMap::new();
    for checkpoint in checkpoints.iter() {
        *labels.entry(checkpoint.id.clone()).or_default() += 1;
    }
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for checkpoint in checkpoints {
        if labels.get(&checkpoint.id).is_some_and(|times| *times > 1) {
            checkpoint.id = format!("{}/{}", checkpoint.run, checkpoint.id);
        }
        let times = taken.entry(checkpoint.id.clone()).or_default();
        *times += 1;
        if *times > 1 {
            checkpoint.id = format!("{} ({times})", checkpoint.id);
        }
    }
}

fn provenance(run: &RunInputs<'_>) -> Result<RunProvenance, AnalyzeError> {
    let manifest = run.manifest;
    let identity = manifest.identity().map_err(|source| AnalyzeError::Identity { run: run.name.to_owned(), source })?;
    Ok(RunProvenance {
        name: run.name.to_owned(),
        identity,
        plan: manifest.plan.clone(),
        program: manifest.program.clone(),
        settings: manifest.settings.clone(),
        tasks: manifest
            .tasks
            .iter()
            .map(|task| TaskVersion { name: task.name.clone(), version: task.version.clone() })
            .collect(),
        command: command::command(manifest),
    })
}
