//! `wit-eval --checkpoint DIR`: ask, record, judge, report.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::options::{BatchSize, PerturbationArgs, ReportOptions, TaskArgs, override_decoding, positive};
use super::progress::{Progress, note};
use super::{Exit, report, score};
use crate::backend::{LanguageModel as _, LocalModel, LocalOptions};
use crate::chat::{Message, Role};
use crate::data::{Limit, instances};
use crate::execute::{Pending, execute};
use crate::instance::Presentation;
use crate::model::chat_template::{ChatOptions, Date};
use crate::model::checkpoint::{Checkpoint, CheckpointOptions, Provenance, TemplateChoice};
use crate::model::engine::EngineOptions;
use crate::perturb::{PerturbationKind, PerturbationSpec};
use crate::plan::{Plan, PlanSettings};
use crate::seed::Seed;
use crate::store::{CheckpointEntry, MANIFEST_FORMAT, Manifest, PosixSettings, ResponseLog, RunFolder, RunSettings};
use crate::task::{Group, OutputType, Task};
use crate::weighting::Weighting;

/// Requests handed to the engine at a time where `--batch_size` is auto; the engine splits them further by memory.
const AUTO_CHUNK: usize = 256;

/// Flags of an evaluation.
#[derive(Debug, Clone, Args)]
pub(super) struct EvaluateArgs {
    /// Hugging Face folder of a checkpoint (config.json, model.safetensors, tokenizer.json). Repeatable
    #[arg(long, value_name = "DIR", required = true)]
    pub checkpoint: Vec<PathBuf>,
    #[command(flatten)]
    pub tasks: TaskArgs,
    #[command(flatten)]
    pub perturbations: PerturbationArgs,
    #[command(flatten)]
    pub model: ModelArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub report: ReportOptions,
}

/// How checkpoints are opened and asked.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Model")]
pub(super) struct ModelArgs {
    /// Loss weighting P,R of a checkpoint that does not say (wit.json or folder name); one for each --checkpoint
    #[arg(long, value_name = "P,R")]
    pub weighting: Vec<Weighting>,
    /// Folder of the base model, for adapters whose own word for it is no folder here
    #[arg(long, value_name = "DIR")]
    pub base: Option<PathBuf>,
    /// Folder of the tokenizer, for checkpoints that carry none
    #[arg(long, value_name = "DIR")]
    pub tokenizer: Option<PathBuf>,
    /// Present prompts through the checkpoint's chat template, or through the one of this name
    #[arg(long = "apply_chat_template", alias = "apply-chat-template", value_name = "NAME", num_args = 0..=1)]
    #[allow(clippy::option_option)] // absent, present, present with a name
    pub apply_chat_template: Option<Option<String>>,
    /// Present prompts through the chat template in this Jinja file
    #[arg(
        long = "chat_template",
        alias = "chat-template",
        value_name = "FILE",
        conflicts_with = "apply_chat_template"
    )]
    pub chat_template: Option<PathBuf>,
    /// With a chat template: every example is a turn of its own
    #[arg(long = "fewshot_as_multiturn", alias = "fewshot-as-multiturn", value_name = "BOOL", num_args = 0..=1,
        default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set,
        value_parser = clap::builder::BoolishValueParser::new())]
    pub fewshot_as_multiturn: bool,
    /// The date that chat templates are told; fixed, so that a run repeats on any day
    #[arg(long, value_name = "YYYY-MM-DD", default_value = "2024-07-26")]
    pub date: Date,
    /// Decoding of generated answers, as KEY=VALUE,... (max_gen_toks, temperature, top_p, top_k, do_sample, until)
    #[arg(long = "gen_kwargs", alias = "gen-kwargs", value_name = "LIST")]
    pub gen_kwargs: Option<String>,
    /// Instances of each task for which POSIX is measured (0: none), over the original and the first draw of each
    /// perturbation that keeps the answer; it costs a reply to each, scored under every other
    #[arg(long = "posix_limit", alias = "posix-limit", value_name = "N", default_value_t = 10)]
    pub posix_limit: usize,
    /// Length limit of the replies for POSIX, in tokens
    #[arg(long = "posix_tokens", alias = "posix-tokens", value_name = "N", default_value_t = 16, value_parser = positive)]
    pub posix_tokens: usize,
    /// Requests handed to the model at a time, or auto; moves no result
    #[arg(long = "batch_size", alias = "batch-size", value_name = "N", default_value = "auto")]
    pub batch_size: BatchSize,
    /// Threads [default: one a core]; moves no result
    #[arg(long, value_name = "N", value_parser = positive)]
    pub threads: Option<usize>,
}

/// Where things go.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// Folder of all runs
    #[arg(long = "output_path", alias = "output-path", value_name = "DIR", default_value = "results")]
    pub output_path: PathBuf,
    /// Name of this run's folder [default: checkpoint and digest of what is asked]
    #[arg(long = "run_name", alias = "run-name", value_name = "NAME", value_parser = folder_name)]
    pub run_name: Option<String>,
    /// Say what would be asked, and stop
    #[arg(long = "dry_run", alias = "dry-run")]
    pub dry_run: bool,
    /// No progress on standard error
    #[arg(long, short)]
    pub quiet: bool,
}

fn folder_name(text: &str) -> Result<String, String> {
    let plain = !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "-_.+=".contains(c));
    if plain && !text.starts_with('.') {
        Ok(text.to_owned())
    } else {
        Err("write a folder name of letters, digits and -_.+= that does not start with a dot".to_owned())
    }
}

impl EvaluateArgs {
    fn presentation(&self) -> Presentation {
        match (self.applies_chat_template(), self.model.fewshot_as_multiturn) {
            (false, _) => Presentation::Text,
            (true, false) => Presentation::Chat,
            (true, true) => Presentation::ChatMultiturn,
        }
    }

    fn applies_chat_template(&self) -> bool {
        self.model.apply_chat_template.is_some() || self.model.chat_template.is_some()
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

    fn settings(&self, specs: &[PerturbationSpec]) -> RunSettings {
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
        }
    }
}

/// What is asked: tasks, groups over them, and the questions.
struct Questions {
    tasks: Vec<Task>,
    groups: Vec<Group>,
    plan: Plan,
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
    open_checkpoints(args)?;
    let questions = questions(args, &specs)?;
    anyhow::ensure!(!questions.plan.records.is_empty(), "nothing is selected: raise limit, or choose other tasks");
    Ok(())
}

/// Asks what is not recorded yet, and judges.
pub(super) fn record(args: &EvaluateArgs) -> anyhow::Result<Recorded> {
    let quiet = args.output.quiet;
    super::tuning::job::set_threads(args.model.threads);
    let specs = args.perturbations.specs()?;
    let checkpoints = open_checkpoints(args)?;
    let questions = questions(args, &specs)?;
    let size = questions.plan.size();
    note(
        quiet,
        &format!(
            "{} tasks, {} instances, {} questions in all wordings, {} prompt sets for POSIX; {} variants could not be made",
            questions.tasks.len(),
            size.instances,
            size.judged,
            size.prompt_sets,
            size.skipped
        ),
    );
    if questions.plan.records.is_empty() {
        note(false, "nothing is selected: raise --limit, or choose other --tasks");
        return Ok(Recorded::Ended(Exit::Nothing));
    }
    let manifest = manifest(args, &specs, &checkpoints, &questions)?;
    let name = match &args.output.run_name {
        Some(name) => name.clone(),
        None => default_run_name(&manifest)?,
    };
    let folder = RunFolder::at(args.output.output_path.join(name));
    if args.output.dry_run {
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
    for (checkpoint, entry) in checkpoints.into_iter().zip(&manifest.checkpoints) {
        ask(args, checkpoint, entry, &questions.plan, &mut log)?;
    }
    score::write_scores(&folder, &manifest, &questions.plan.records, &log, &lock)?;
    Ok(Recorded::Run(folder))
}

fn open_checkpoints(args: &EvaluateArgs) -> anyhow::Result<Vec<Checkpoint>> {
    let weightings = &args.model.weighting;
    anyhow::ensure!(
        weightings.is_empty() || weightings.len() == args.checkpoint.len(),
        "--weighting is given {} times, --checkpoint {} times; give one weighting for each checkpoint, in their order",
        weightings.len(),
        args.checkpoint.len()
    );
    let mut checkpoints = Vec::new();
    for (index, dir) in args.checkpoint.iter().enumerate() {
        let options = CheckpointOptions {
            tokenizer_dir: args.model.tokenizer.clone(),
            chat_template: args.template_choice(),
            weighting: weightings.get(index).copied(),
            base_dir: args.model.base.clone(),
        };
        let checkpoint = Checkpoint::open(dir, &options)?;
        anyhow::ensure!(
            !args.applies_chat_template() || checkpoint.chat_template.is_some(),
            "{}: no chat template (chat_template.jinja, or chat_template in tokenizer_config.json); give one with \
             --chat_template FILE, or leave --apply_chat_template out",
            dir.display()
        );
        examine(args, &checkpoint)?;
        checkpoints.push(checkpoint);
    }
    Ok(checkpoints)
}

/// What is legal but worth a word, and what would make every answer meaningless.
fn examine(args: &EvaluateArgs, checkpoint: &Checkpoint) -> anyhow::Result<()> {
    let dir = checkpoint.dir.display();
    if let Some(template) = &checkpoint.chat_template {
        let probe = "wit-eval asks whether messages are rendered";
        let options = ChatOptions { add_generation_prompt: true, date: Some(args.model.date) };
        let text = template.render(&[Message::new(Role::User, probe)], options)?;
        anyhow::ensure!(
            text.contains(probe),
            "{dir}: the chat template leaves the user's message out, so every prompt would be the same; check the template"
        );
    }
    let declared = Provenance::read(&checkpoint.dir, None)?.weighting;
    if let (Some(declared), Some(given)) = (declared, checkpoint.provenance.weighting)
        && declared != given
    {
        note(false, &format!("{dir}: --weighting {given} stands in for {declared}, which the folder says"));
    }
    Ok(())
}

/// Renders every selected task and rewords its prompts.
fn questions(args: &EvaluateArgs, specs: &[PerturbationSpec]) -> anyhow::Result<Questions> {
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
    Ok(Questions { tasks, groups: selection.groups, plan })
}

/// The task with the command line's decoding and number of examples.
fn with_overrides(task: &Task, args: &EvaluateArgs) -> anyhow::Result<Task> {
    let mut task = task.clone();
    if let Some(shots) = args.tasks.num_fewshot {
        task.num_fewshot = shots;
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
    checkpoints: &[Checkpoint],
    questions: &Questions,
) -> anyhow::Result<Manifest> {
    let mut entries: Vec<CheckpointEntry> = Vec::new();
    for checkpoint in checkpoints {
        let same = checkpoints.iter().take(entries.len()).filter(|other| other.name == checkpoint.name).count();
        let label = if same == 0 { checkpoint.name.clone() } else { format!("{}#{}", checkpoint.name, same + 1) };
        let digest = LocalModel::digest(checkpoint, &local_options(args))?;
        anyhow::ensure!(
            entries.iter().all(|entry| entry.digest != digest),
            "checkpoint `{label}` is given twice: another --checkpoint has the same content"
        );
        let provenance = &checkpoint.provenance;
        entries.push(CheckpointEntry {
            label,
            digest,
            architecture: checkpoint.architecture.to_string(),
            parameters: checkpoint.architecture.parameters() as u64,
            weighting: provenance.weighting,
            weighting_source: provenance.weighting_source.as_str().to_owned(),
            base: provenance.base.clone(),
            stage: provenance.stage.map(|stage| stage.as_str().to_owned()),
            training_seed: provenance.seed,
            data_digest: provenance.data_digest.clone(),
        });
    }
    Ok(Manifest {
        format: MANIFEST_FORMAT,
        program: concat!("wit-eval ", env!("CARGO_PKG_VERSION")).to_owned(),
        settings: args.settings(specs),
        checkpoints: entries,
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

fn local_options(args: &EvaluateArgs) -> LocalOptions {
    let engine = EngineOptions { threads: args.model.threads, ..EngineOptions::default() };
    LocalOptions { engine, date: Some(args.model.date) }
}

/// Whether a folder has a chat template that was not asked for; it is not opened for that.
fn offers_chat_template(dir: &Path) -> bool {
    let declared = std::fs::read_to_string(dir.join("tokenizer_config.json"));
    dir.join("chat_template.jinja").is_file() || declared.is_ok_and(|text| text.contains("\"chat_template\""))
}

/// Asks one checkpoint what is not recorded yet. A checkpoint that has answered everything is not loaded.
fn ask(
    args: &EvaluateArgs,
    checkpoint: Checkpoint,
    entry: &CheckpointEntry,
    plan: &Plan,
    log: &mut ResponseLog,
) -> anyhow::Result<()> {
    let quiet = args.output.quiet;
    let pending = Pending::of(plan, &entry.digest, log)?;
    let recorded = pending.total - pending.requests.len();
    if recorded > 0 {
        note(quiet, &format!("{}: {recorded} of {} requests are recorded already", entry.label, pending.total));
    }
    if pending.requests.is_empty() {
        return Ok(());
    }
    let offers_template = offers_chat_template(&checkpoint.dir);
    let model = LocalModel::new(checkpoint, &local_options(args))?;
    note(quiet, &format!("{}: {}, digest {}", entry.label, entry.architecture, model.identity().digest.short()));
    if offers_template && !args.applies_chat_template() {
        note(
            quiet,
            &format!("{}: has a chat template; --apply_chat_template presents prompts through it", entry.label),
        );
    }
    let chunk = match args.model.batch_size {
        BatchSize::Auto => AUTO_CHUNK,
        BatchSize::Fixed(count) => count,
    };
    let mut progress = Progress::new(&entry.label, pending.requests.len(), quiet);
    let mut answered = 0;
    let outcome = execute(&model, &pending, log, chunk, &mut |done, total| {
        answered = done;
        progress.update(done, total);
    });
    progress.finish(answered);
    Ok(outcome?)
}
