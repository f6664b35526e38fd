//! Where the numbers come from.

use serde::Serialize;

use crate::analyze::Analysis;
use crate::analyze::analysis::RunProvenance;
use crate::analyze::number::count;
use crate::report::headline::weighting_text;
use crate::sensitivity::PosixMode;

#[derive(Serialize)]
pub(super) struct Run<'a> {
    name: &'a str,
    identity: &'a str,
    plan: &'a str,
    program: &'a str,
    command: &'a str,
    facts: Vec<[String; 2]>,
    tasks: Vec<[&'a str; 2]>,
}

#[derive(Serialize)]
pub(super) struct Identity<'a> {
    id: &'a str,
    run: &'a str,
    digest: &'a str,
    weighting: String,
    source: &'a str,
    stage: &'a str,
    base: &'a str,
    architecture: &'a str,
    parameters: String,
}

/// Names of the runs, or of the files of scores.
pub(super) fn names(analysis: &Analysis) -> Vec<&str> {
    let files = analysis.scores.iter().flat_map(|scores| &scores.files).map(|file| file.name.as_str());
    analysis.runs.iter().map(|run| run.name.as_str()).chain(files).collect()
}

/// One entry a run.
pub(super) fn runs(analysis: &Analysis) -> Vec<Run<'_>> {
    let runs = analysis.runs.iter();
    runs.map(|run| Run {
        name: &run.name,
        identity: run.identity.as_str(),
        plan: run.plan.as_str(),
        program: &run.program,
        command: &run.command,
        facts: facts(run, analysis.posix_mode),
        tasks: run.tasks.iter().map(|task| [task.name.as_str(), task.version.as_str()]).collect(),
    })
    .collect()
}

fn facts(run: &RunProvenance, mode: PosixMode) -> Vec<[String; 2]> {
    let settings = &run.settings;
    let or = |value: Option<String>, otherwise: &str| value.unwrap_or_else(|| otherwise.to_owned());
    let presentation = match settings.presentation {
        crate::instance::Presentation::Text => "plain text",
        crate::instance::Presentation::Chat => "chat template, one user turn",
        crate::instance::Presentation::ChatMultiturn => "chat template, examples as turns",
    };
    let posix = settings.posix.map(|posix| {
        format!(
            "first {} instances of each task, replies of at most {} tokens, computed {}",
            count(posix.instances_per_task),
            posix.max_new_tokens,
            match mode {
                PosixMode::Definition => "by the paper's definition",
                PosixMode::Lib => "as the authors' package does",
            }
        )
    });
    [
        ("Tasks", settings.tasks.clone()),
        ("Perturbations", settings.perturbations.join(", ")),
        ("Seed", settings.seed.0.to_string()),
        ("Seed of examples", settings.fewshot_seed.to_string()),
        ("Instances of each task", or(settings.limit.map(|limit| limit.to_string()), "all")),
        ("Examples before a question", or(settings.num_fewshot.map(|shots| shots.to_string()), "as each task says")),
        ("Presentation", presentation.to_owned()),
        ("System instruction", or(settings.system_instruction.clone(), "none")),
        ("Decoding overrides", or(settings.gen_kwargs.clone(), "none")),
        ("POSIX", or(posix, "not asked")),
    ]
    .map(|(name, value)| [name.to_owned(), value])
    .into()
}

/// One entry a checkpoint.
pub(super) fn identities(analysis: &Analysis) -> Vec<Identity<'_>> {
    let checkpoints = analysis.checkpoints.iter();
    checkpoints
        .map(|checkpoint| {
            let entry = &checkpoint.checkpoint;
            Identity {
                id: &checkpoint.id,
                run: &checkpoint.run,
                digest: entry.digest.as_str(),
                weighting: weighting_text(checkpoint),
                source: &entry.weighting_source,
                stage: entry.stage.as_deref().unwrap_or("not known"),
                base: entry.base.as_deref().unwrap_or("not known"),
                architecture: &entry.architecture,
                parameters: usize::try_from(entry.parameters).map_or_else(|_| entry.parameters.to_string(), count),
            }
        })
        .collect()
}
