//! `wit-eval --checkpoint DIR`: ask, record, judge, report.

mod args;
mod dry_run;
mod likelihood;
mod outputs;
mod subject;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;

use super::endpoint::EndpointArgs;
use super::judging::{self, JudgeArgs};
use super::options::{PerturbationArgs, ReportOptions, TaskArgs, override_decoding};
use super::progress::note;
use super::{Exit, report, score};
use crate::analyze::number::counted;
use crate::data::{Limit, TaskSource, instances};
use crate::instance::Presentation;
use crate::model::checkpoint::TemplateChoice;
use crate::perturb::{PerturbationKind, PerturbationSpec};
use crate::plan::{Plan, PlanSettings};
use crate::seed::Seed;
use crate::store::{
    CheckpointEntry, LikelihoodSettings, MANIFEST_FORMAT, Manifest, PosixSettings, ResponseLog, RunFolder, RunSettings,
};
use crate::task::{Group, OutputType, Scorer, Task};
use subject::Subject;

pub(super) use args::{ModelArgs, OutputArgs};
pub(super) use likelihood::LikelihoodArgs;

/// Flags of an evaluation.
#[derive(Debug, Clone, Args)]
pub(super) struct EvaluateArgs {
    /// Checkpoint: a Hugging Face folder (config.json, model.safetensors, tokenizer.json), a GGUF file, or ORG/NAME on the
    /// hub. Repeatable
    #[arg(long, value_name = "PATH", required_unless_present = "endpoint")]
    pub checkpoint: Vec<PathBuf>,
    #[command(flatten)]
    pub endpoint: EndpointArgs,
    #[command(flatten)]
    pub judge: JudgeArgs,
    #[command(flatten)]
    pub tasks: TaskArgs,
    #[command(flatten)]
    pub perturbations: PerturbationArgs,
    #[command(flatten)]
    pub likelihood: LikelihoodArgs,
    #[command(flatten)]
    pub model: ModelArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub report: ReportOptions,
}

impl EvaluateArgs {
    fn presentation(&self) -> Presentation {
        match (self.is_chat(), self.model.fewshot_as_multiturn) {
            (false, _) => Presentation::Text,
            (true, false) => Presentation::Chat,
            (true, true) => Presentation::ChatMultiturn,
        }
    }

    fn applies_chat_template(&self) -> bool {
        self.model.apply_chat_template.is_some() || self.model.chat_template.is_some()
    }

    /// Whether prompts are conversations.
    fn is_chat(&self) -> bool {
        self.applies_chat_template() || self.endpoint.is_chat(false)
    }

    fn template_choice(&self) -> TemplateChoice {
        match (&self.model.chat_template, &self.model.apply_chat_template) {
            (Some(file), _) => TemplateChoice::File(file.clone()),
            (None, Some(Some(name))) => TemplateChoice::Named(name.clone()),
            (None, Some(None)) => TemplateChoice::Own,
            (None, None) => TemplateChoice::Plain,
        }
    }

    fn posix(&self) -> Option<PosixSettings> {
        (self.model.posix_limit > 0).then_some(PosixSettings {
            instances_per_task: self.model.posix_limit,
            max_new_tokens: self.model.posix_tokens,
        })
    }

    fn settings(&self, specs: &[PerturbationSpec], likelihood: Option<LikelihoodSettings>) -> RunSettings {
        RunSettings {
            tasks: self.tasks.tasks.clone(),
            perturbations: specs.iter().map(ToString::to_string).collect(),
            seed: Seed(self.perturbations.seed),
            fewshot_seed: self.tasks.fewshot_seed,
            limit: self.tasks.limit.map(|limit| match limit {
                Limit::Count(count) => count as f64,
                Limit::Fraction(share) => share,
            }),
            num_fewshot: self.tasks.num_fewshot,
            presentation: self.presentation(),
            system_instruction: self.tasks.system_instruction.clone(),
            gen_kwargs: self.model.gen_kwargs.clone(),
            posix: self.posix(),
            likelihood,
        }
    }
}

/// What is asked: tasks, groups over them, and the questions.
struct Questions {
    sources: Vec<TaskSource>,
    tasks: Vec<Task>,
    groups: Vec<Group>,
    plan: Plan,
    likelihood: Option<LikelihoodSettings>,
}

/// What came of an evaluation.
pub(super) enum Recorded {
    /// A run whose records and scores are complete.
    Run(RunFolder),
    /// Nothing was to be asked.
    Ended(Exit),
}

/// Evaluates checkpoints and reports.
pub(super) fn run(args: &EvaluateArgs) -> anyhow::Result<Exit> {
    match record(args)? {
        Recorded::Run(folder) => {
            report::publish(std::slice::from_ref(&folder), &args.report, &folder.file("report"), args.output.quiet)
        }
        Recorded::Ended(exit) => Ok(exit),
    }
}

/// Plans an evaluation as far as it can be planned without asking, so that its mistakes are found before hours of tuning.
pub(super) fn check(args: &EvaluateArgs) -> anyhow::Result<()> {
    let specs = args.perturbations.specs()?;
    let subjects = subject::open(args)?;
    let questions = questions(args, &specs, &subjects)?;
    anyhow::ensure!(!questions.plan.records.is_empty(), "nothing is selected: raise limit, or choose other tasks");
    Ok(())
}

/// Asks what is not recorded yet, and judges.
pub(super) fn record(args: &EvaluateArgs) -> anyhow::Result<Recorded> {
    let begun = Instant::now();
    let quiet = args.output.quiet;
    super::tuning::job::set_threads(args.model.network.threads);
    let specs = args.perturbations.specs()?;
    let subjects = subject::open(args)?;
    let questions = questions(args, &specs, &subjects)?;
    note(quiet, &size_words(&questions));
    if questions.plan.records.is_empty() {
        note(false, "nothing is selected: raise --limit, or choose other --tasks");
        return Ok(Recorded::Ended(Exit::Nothing));
    }
    judging::check(&args.judge, &args.endpoint.connection, args.tasks.data.as_deref(), &questions.tasks)?;
    let manifest = manifest(args, &specs, subject::entries(args, &subjects)?, &questions)?;
    let name = match &args.output.run_name {
        Some(name) => name.clone(),
        None => default_run_name(&manifest)?,
    };
    let folder = RunFolder::at(args.output.output_path.join(name));
    if args.output.dry_run {
        dry_run::show(args, &subjects, &manifest.checkpoints, &questions.plan, &folder)?;
        note(false, &format!("would be recorded in {}", folder.path().display()));
        return Ok(Recorded::Ended(Exit::Success));
    }
    let lock = folder.lock().context("--output_path")?;
    folder.write_manifest(&manifest, &lock)?;
    folder.write_lines(RunFolder::PLAN, &questions.plan.records, &lock)?;
    folder.write_lines(RunFolder::SKIPPED, &questions.plan.skipped, &lock)?;
    let mut log = ResponseLog::open(&folder, &lock)?;
    if log.torn_bytes > 0 {
        note(quiet, "the last record was cut short when an earlier run ended; it is asked again");
    }
    for (subject, entry) in subjects.into_iter().zip(&manifest.checkpoints) {
        subject::ask(args, subject, entry, &questions.plan, &mut log)?;
    }
    let recorded = (questions.plan.records.as_slice(), &log, &lock);
    let data = args.tasks.data.as_deref();
    judging::ask(&args.judge, &args.endpoint.connection, data, &folder, &manifest, recorded, quiet)?;
    score::write_scores(&folder, &manifest, &questions.plan.records, &log, &lock)?;
    outputs::write(args, &folder, &questions.sources, &manifest.checkpoints, begun)?;
    Ok(Recorded::Run(folder))
}

/// How much is asked.
fn size_words(questions: &Questions) -> String {
    let size = questions.plan.size();
    let likelihoods = match size.likelihoods {
        0 => String::new(),
        texts => format!(", {} for likelihoods", counted(texts, "text")),
    };
    format!(
        "{}, {}, {} in all wordings, {} for POSIX{likelihoods}; {} could not be made",
        counted(questions.tasks.len(), "task"),
        counted(size.instances, "instance"),
        counted(size.judged, "question"),
        counted(size.prompt_sets, "prompt set"),
        counted(size.skipped, "variant")
    )
}

/// Renders every selected task, rewords its prompts, and adds the likelihoods.
fn questions(args: &EvaluateArgs, specs: &[PerturbationSpec], subjects: &[Subject]) -> anyhow::Result<Questions> {
    let perturber = args.perturbations.perturber()?;
    let catalog = args.tasks.catalog()?;
    let selection = catalog.select(&args.tasks.tasks)?;
    let selected = |file: &str| selection.tasks.iter().any(|source| source.file == file);
    for remark in catalog.notes().iter().filter(|remark| selected(&remark.file)) {
        note(args.output.quiet, &format!("{}:{}: {}", remark.file, remark.line, remark.text));
    }
    let options = args.tasks.instance_options(args.presentation());
    let settings = PlanSettings {
        perturbations: specs,
        seed: Seed(args.perturbations.seed),
        presentation: args.presentation(),
        posix: args.posix(),
    };
    let mut plan = Plan::default();
    let mut tasks = Vec::new();
    let mut with_wordings = 0;
    for source in &selection.tasks {
        let instances = instances(source, &options)?;
        with_wordings += instances.iter().filter(|instance| perturber.user_wordings(instance) > 0).count();
        let task = with_overrides(&source.task, args)?;
        plan.add_task(&task, &instances, &perturber, &settings)?;
        tasks.push(task);
    }
    if !args.perturbations.paraphrases.is_empty() {
        note(args.output.quiet, &format!("--paraphrases: {with_wordings} of the instances have wordings there"));
        let used = specs.iter().any(|spec| spec.kind == PerturbationKind::Paraphrase);
        if with_wordings == 0 || !used {
            note(
                false,
                "--paraphrases is not used: no instance has that id or text, or `paraphrase` is not among --perturbations",
            );
        }
    }
    let likelihood = if plan.records.is_empty() { None } else { likelihood::pairs(args, subjects)? };
    plan.add_likelihoods(likelihood.as_ref().map_or(&[], |asked| &asked.pairs));
    let likelihood = likelihood.map(|asked| asked.settings);
    Ok(Questions { sources: selection.tasks, tasks, groups: selection.groups, plan, likelihood })
}

/// The task with the command line's decoding and number of examples.
fn with_overrides(task: &Task, args: &EvaluateArgs) -> anyhow::Result<Task> {
    let mut task = task.clone();
    if let Some(shots) = args.tasks.num_fewshot {
        task.num_fewshot = shots;
    }
    if let Scorer::Instructions(mode) = &mut task.scorer {
        *mode = args.tasks.ifeval_mode.into();
    }
    if let OutputType::GenerateUntil(decoding) = &task.output {
        let kwargs = args.model.gen_kwargs.as_deref().unwrap_or_default();
        task.output = OutputType::GenerateUntil(override_decoding(decoding, kwargs, args.perturbations.seed)?);
    }
    Ok(task)
}

fn manifest(
    args: &EvaluateArgs,
    specs: &[PerturbationSpec],
    checkpoints: Vec<CheckpointEntry>,
    questions: &Questions,
) -> anyhow::Result<Manifest> {
    Ok(Manifest {
        format: MANIFEST_FORMAT,
        program: concat!("wit-eval ", env!("CARGO_PKG_VERSION")).to_owned(),
        settings: args.settings(specs, questions.likelihood.clone()),
        checkpoints,
        tasks: questions.tasks.clone(),
        groups: questions.groups.clone(),
        plan: questions.plan.digest()?,
    })
}

/// The first checkpoint's label, how many more there are, and a digest of what is asked.
fn default_run_name(manifest: &Manifest) -> anyhow::Result<String> {
    let first = manifest.checkpoints.first().map_or("run", |entry| entry.label.as_str());
    let plain: String = first.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    let more = match manifest.checkpoints.len() {
        0 | 1 => String::new(),
        count => format!("+{}", count - 1),
    };
    Ok(format!("{}{more}-{}", plain.trim_start_matches('.'), manifest.identity()?.short()))
}
