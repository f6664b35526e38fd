//! Flags of a judge, and the stage that asks it about a run.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use super::endpoint::{ConnectionArgs, usage_words};
use super::progress::{Progress, note};
use crate::backend::endpoint::{Api, Endpoint};
use crate::backend::replay::{Recorder, ReplayModel};
use crate::backend::{BackendError, LanguageModel, LocalModel, LocalOptions, ModelIdentity};
use crate::data::shipped_file;
use crate::judge::{AlpacaEvalProtocol, JUDGING_FORMAT, Judged, Judging, MtBenchProtocol, Protocols, judge};
use crate::judgment::JudgeIdentity;
use crate::model::checkpoint::{Checkpoint, CheckpointOptions, TemplateChoice};
use crate::record::PlanRecord;
use crate::request::Request;
use crate::response::Response;
use crate::scoring::mt_bench::{self, PromptSet, Wording};
use crate::seed::Seed;
use crate::store::{Manifest, ResponseLog, RunFolder, RunLock};
use crate::task::Task;

/// Who judges replies that no program can verify (MT-Bench, AlpacaEval).
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Judge (for mt_bench and alpaca_eval)")]
pub(super) struct JudgeArgs {
    /// Base URL of the judge's server; its key is read as --api_key_env says
    #[arg(long = "judge_endpoint", alias = "judge-endpoint", value_name = "URL", requires = "judge_model",
        conflicts_with_all = ["judge_checkpoint", "judge_replay"])]
    pub judge_endpoint: Option<String>,
    /// Name of the judge at its server
    #[arg(long = "judge_model", alias = "judge-model", value_name = "NAME", requires = "judge_endpoint")]
    pub judge_model: Option<String>,
    /// Folder of a checkpoint that judges
    #[arg(long = "judge_checkpoint", alias = "judge-checkpoint", value_name = "DIR", conflicts_with = "judge_replay")]
    pub judge_checkpoint: Option<PathBuf>,
    /// Chat template (Jinja file) of a judging checkpoint that has none
    #[arg(
        long = "judge_chat_template",
        alias = "judge-chat-template",
        value_name = "FILE",
        requires = "judge_checkpoint"
    )]
    pub judge_chat_template: Option<PathBuf>,
    /// Recording of a judge (judgments.jsonl of an earlier run): no key, no cost, and a changed prompt is noticed
    #[arg(long = "judge_replay", alias = "judge-replay", value_name = "FILE")]
    pub judge_replay: Option<PathBuf>,
    /// How often each question is put to the judge; the median counts, and the judge's own variance is reported
    #[arg(long = "judge_repeats", alias = "judge-repeats", value_name = "K", default_value_t = 1,
        value_parser = super::options::positive)]
    pub judge_repeats: usize,
    /// Judge prompts in place of those found or shipped: FastChat's judge_prompts.jsonl, or an AlpacaEval template. Repeatable
    #[arg(long = "judge_prompts", alias = "judge-prompts", value_name = "FILE")]
    pub judge_prompts: Vec<PathBuf>,
    /// How the judge of alpaca_eval answers: by the probabilities of two tokens, or by a ranking
    #[arg(long = "alpaca_eval_form", alias = "alpaca-eval-form", value_enum, default_value_t = FormChoice::Weighted)]
    pub alpaca_eval_form: FormChoice,
}

/// How AlpacaEval's judge answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FormChoice {
    /// Probabilities of the tokens m and M (AlpacaEval 2)
    Weighted,
    /// A ranking in words (AlpacaEval 1)
    Ranking,
}

/// A judge that was opened.
enum JudgeModel {
    Endpoint(Box<Endpoint>),
    Local(Box<LocalModel>),
    Replay(ReplayModel),
}

impl LanguageModel for JudgeModel {
    fn identity(&self) -> &ModelIdentity {
        match self {
            Self::Endpoint(endpoint) => endpoint.identity(),
            Self::Local(model) => model.identity(),
            Self::Replay(replay) => replay.identity(),
        }
    }

    fn answer(&self, requests: &[&Request], done: &mut dyn FnMut(usize, Response)) -> Result<(), BackendError> {
        match self {
            Self::Endpoint(endpoint) => endpoint.answer(requests, done),
            Self::Local(model) => model.answer(requests, done),
            Self::Replay(replay) => replay.answer(requests, done),
        }
    }
}

impl JudgeArgs {
    fn is_given(&self) -> bool {
        self.judge_endpoint.is_some() || self.judge_checkpoint.is_some() || self.judge_replay.is_some()
    }

    /// The judge, opened.
    fn open(&self, connection: &ConnectionArgs) -> anyhow::Result<JudgeModel> {
        if let Some(url) = &self.judge_endpoint {
            let endpoint = connection.open(url, self.judge_model.as_deref().unwrap_or_default(), Api::Chat)?;
            endpoint.probe()?;
            return Ok(JudgeModel::Endpoint(Box::new(endpoint)));
        }
        if let Some(dir) = &self.judge_checkpoint {
            let checkpoint = self.checkpoint(dir)?;
            return Ok(JudgeModel::Local(Box::new(LocalModel::new(checkpoint, &LocalOptions::default())?)));
        }
        let file = self.judge_replay.as_deref();
        let file = file.context("name a judge: --judge_endpoint, --judge_checkpoint or --judge_replay")?;
        Ok(JudgeModel::Replay(ReplayModel::open(file).context("--judge_replay")?))
    }

    /// The folder of a judging checkpoint, opened.
    fn checkpoint(&self, dir: &Path) -> anyhow::Result<Checkpoint> {
        let chat_template = match &self.judge_chat_template {
            Some(file) => TemplateChoice::File(file.clone()),
            None => TemplateChoice::Own,
        };
        let options = CheckpointOptions { chat_template, ..CheckpointOptions::default() };
        let checkpoint = Checkpoint::open(dir, &options).context("--judge_checkpoint")?;
        anyhow::ensure!(
            checkpoint.chat_template.is_some(),
            "--judge_checkpoint {}: no chat template; give one with --judge_chat_template FILE",
            dir.display()
        );
        Ok(checkpoint)
    }

    /// How the tasks are judged: prompts of the user, or those beside the data, or those that ship.
    fn protocols(&self, data: Option<&Path>) -> anyhow::Result<Protocols> {
        let read = |path: &Path| std::fs::read_to_string(path).with_context(|| path.display().to_string());
        let beside = data.map(|data| data.join("mt_bench/judge_prompts.jsonl")).filter(|file| file.is_file());
        let is_jsonl = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "jsonl");
        let (label, text) = match self.judge_prompts.iter().find(is_jsonl).or(beside.as_ref()) {
            Some(file) => (file.display().to_string(), read(file)?),
            None => ("benchmarks/mt_bench/judge_prompts.jsonl".to_owned(), shipped("mt_bench/judge_prompts.jsonl")?),
        };
        let prompts = crate::data::fastchat::judge_prompts(&text, &label)?;
        let settings = mt_bench::Settings { repeats: self.judge_repeats, ..mt_bench::Settings::default() };
        let own = self.judge_prompts.iter().find(|path| !is_jsonl(path));
        let annotator = match own {
            Some(file) => Some((file.display().to_string(), read(file)?)),
            None => None,
        };
        Ok(Protocols {
            mt_bench: MtBenchProtocol { settings, prompts },
            alpaca_eval: AlpacaEvalProtocol::new(
                annotator,
                self.alpaca_eval_form == FormChoice::Ranking,
                Seed(0),
                self.judge_repeats,
            )
            .map_err(anyhow::Error::msg)?,
        })
    }
}

fn shipped(path: &str) -> anyhow::Result<String> {
    let bytes = shipped_file(path).with_context(|| format!("benchmarks/{path} does not ship"))?;
    Ok(String::from_utf8(bytes.to_vec())?)
}

/// Finds what is wrong with a judge before the models under test are asked; its weights are not loaded yet.
pub(super) fn check(
    args: &JudgeArgs,
    connection: &ConnectionArgs,
    data: Option<&Path>,
    tasks: &[Task],
) -> anyhow::Result<()> {
    if !args.is_given() || !tasks.iter().any(|task| task.scorer.needs_judge()) {
        return Ok(());
    }
    args.protocols(data)?;
    match &args.judge_checkpoint {
        Some(dir) => args.checkpoint(dir).map(drop),
        None => args.open(connection).map(drop),
    }
}

/// Asks the judge about what it was not asked yet, and keeps who judged in `judging.json`.
pub(super) fn ask(
    args: &JudgeArgs,
    connection: &ConnectionArgs,
    data: Option<&Path>,
    folder: &RunFolder,
    manifest: &Manifest,
    run: (&[PlanRecord], &ResponseLog, &RunLock),
    quiet: bool,
) -> anyhow::Result<()> {
    let judged = manifest.tasks.iter().filter(|task| task.scorer.needs_judge()).collect::<Vec<_>>();
    if judged.is_empty() {
        if args.is_given() {
            note(quiet, "no task needs a judge; it is not asked");
        }
        return Ok(());
    }
    if !args.is_given() {
        let names = judged.iter().map(|task| task.name.as_str()).collect::<Vec<_>>().join(", ");
        note(
            quiet,
            &format!(
                "{names}: replies are recorded and wait for a judge; repeat the command with --judge_endpoint, \
                 --judge_checkpoint or --judge_replay"
            ),
        );
        return Ok(());
    }
    let model = args.open(connection)?;
    let identity = JudgeIdentity { name: model.identity().name.clone(), digest: model.identity().digest.clone() };
    let judging = Judging { format: JUDGING_FORMAT, judge: identity, protocols: args.protocols(data)? };
    let (plan, log, lock) = run;
    let recorder = Recorder::open(model, &folder.file(RunFolder::JUDGMENTS))?;
    let label = format!("judge {}", judging.judge.name);
    let mut progress = Progress::new(&label, 0, quiet);
    let mut answered = 0;
    judgments(&judging, &recorder, manifest, plan, log, &mut |done, total| {
        answered = done;
        progress.update(done, total);
    })?;
    progress.finish(answered);
    if let JudgeModel::Endpoint(endpoint) = recorder.model() {
        note(quiet, &format!("{label}: {}", usage_words(&endpoint.usage())));
    }
    folder.write_document(RunFolder::JUDGING, &judging, lock)?;
    Ok(())
}

/// Who judged a run, for people; `None` where nobody did.
pub(super) fn judged_by(folder: &RunFolder) -> anyhow::Result<Option<String>> {
    let Some(judging) = folder.document::<Judging>(RunFolder::JUDGING)? else { return Ok(None) };
    let wording = PromptSet::new(judging.protocols.mt_bench.prompts.clone())?.wording();
    let wording = match wording {
        Wording::Published => "the published templates",
        Wording::Shipped => "this program's own templates, so ratings compare with one another only",
        Wording::Other => "templates from elsewhere",
    };
    let JudgeIdentity { name, digest } = &judging.judge;
    let repeats = judging.protocols.mt_bench.settings.repeats;
    let times = if repeats == 1 { "once".to_owned() } else { format!("{repeats} times") };
    let template = &judging.protocols.alpaca_eval.prompt.name;
    Ok(Some(format!(
        "judged by {name} (digest {}), each question asked {times}; MT-Bench with {wording}; AlpacaEval with template {template}",
        digest.short()
    )))
}

/// What the recorded judge made of a run; `None` where it was not judged.
pub(super) fn recorded(
    folder: &RunFolder,
    manifest: &Manifest,
    plan: &[PlanRecord],
    log: &ResponseLog,
) -> anyhow::Result<Option<(Judging, Judged)>> {
    let Some(judging) = folder.document::<Judging>(RunFolder::JUDGING)? else { return Ok(None) };
    let replay = ReplayModel::open(&folder.file(RunFolder::JUDGMENTS))?;
    let judged = judgments(&judging, &replay, manifest, plan, log, &mut |_, _| {})?;
    Ok(Some((judging, judged)))
}

fn judgments(
    judging: &Judging,
    model: &dyn LanguageModel,
    manifest: &Manifest,
    plan: &[PlanRecord],
    log: &ResponseLog,
    observer: &mut dyn FnMut(usize, usize),
) -> anyhow::Result<Judged> {
    let checkpoints =
        manifest.checkpoints.iter().map(|entry| (entry.label.as_str(), &entry.digest)).collect::<Vec<_>>();
    Ok(judge(judging, model, &checkpoints, &manifest.tasks, plan, log, observer)?)
}
