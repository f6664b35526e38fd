//! `wit-eval dpo`: preference tuning after instruction tuning.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;

use super::Exit;
use super::progress::note;
use super::tuning::flags::{Defaults, NetworkArgs, OptimizerArgs, PaceArgs, RenderArgs, SourceArgs};
use super::tuning::job::{Job, set_threads, split, validation_files, wit_json};
use super::tuning::rows::{Kind, open_base, prompt_format, read, renderer, show, template_of};
use crate::model::checkpoint::{Checkpoint, CheckpointOptions, Stage, WitJson};
use crate::train::folder::read_parameters;
use crate::train::gradient::Network;
use crate::train::objective::{Objective, TrainingItem};
use crate::train::parameters::ModelParameters;
use crate::train::preference::DpoLoss;
use crate::train::trainer::ask_reference;

/// What is taken where a flag does not say: the settings of the paper.
const DEFAULTS: Defaults = Defaults { learning_rate: 5e-7, warmup_ratio: 0.1, weight_decay: 0.0, batch_size: 32 };

/// Flags of `dpo`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DpoArgs {
    #[command(flatten)]
    pub source: SourceArgs,
    /// Strength of the tie to the reference
    #[arg(long, value_name = "X", default_value_t = 0.1)]
    pub beta: f64,
    /// Probability that a preference is the wrong way round, below 0.5
    #[arg(long, value_name = "X", default_value_t = 0.0)]
    pub label_smoothing: f64,
    /// Folder of the reference model [default: the base]
    #[arg(long, value_name = "DIR")]
    pub reference: Option<PathBuf>,
    #[command(flatten)]
    pub render: RenderArgs,
    #[command(flatten)]
    pub optimizer: OptimizerArgs,
    #[command(flatten)]
    pub network: NetworkArgs,
    #[command(flatten)]
    pub pace: PaceArgs,
}

const EXAMPLES: &str = "The reference's log-probabilities are computed once, before the first step. The result keeps the loss weighting of its \
base, so that a report shows what preference tuning added.

Examples:
  wit-eval dpo --base runs/p0.4-r0.6 --data prefs.json --out runs/p0.4-r0.6-dpo
  wit-eval dpo --base runs/p0.4-r0.6 --data prefs.json --show 2   both answers, every token marked by its role";

/// Trains.
pub(super) fn run(args: &DpoArgs) -> anyhow::Result<Exit> {
    set_threads(args.network.threads);
    let quiet = args.pace.quiet;
    if !(args.beta.is_finite() && args.beta > 0.0) {
        bail!("--beta: {} is not above 0", args.beta);
    }
    if !(0.0..0.5).contains(&args.label_smoothing) {
        bail!("--label-smoothing: {} is not in [0, 0.5)", args.label_smoothing);
    }
    let loss = DpoLoss { beta: args.beta, label_smoothing: args.label_smoothing };
    let checkpoint = open_base(&args.source, &args.render)?;
    let renderer = renderer(&args.render, &checkpoint)?;
    let rows = read(Kind::Preferences, &args.source.data, &args.source.columns, &renderer, quiet)?;
    if let Some(count) = args.render.show {
        show(&checkpoint, &rows.items, count)?;
        return Ok(Exit::Success);
    }
    let reference = args.reference.as_deref().map(|dir| open_reference(dir, args, &checkpoint)).transpose()?;
    let (items, mut validation) = split(rows.items, args.pace.validation_fraction, args.optimizer.seed)?;
    let files = validation_files(&args.pace);
    if !files.is_empty() {
        validation = read(Kind::Preferences, &files, &args.source.columns, &renderer, quiet)?.items;
    }
    let settings = args.optimizer.settings(Objective::Dpo(loss), DEFAULTS, &args.network, items.len())?;
    let weighting = checkpoint.provenance.weighting;
    let wit = WitJson {
        lambda_p: weighting.map(crate::weighting::Weighting::prompt),
        lambda_r: weighting.map(crate::weighting::Weighting::response),
        stage: Some(Stage::Dpo),
        // The weighting tells which tuning came between.
        base: checkpoint.provenance.base.clone().or_else(|| Some(checkpoint.name.clone())),
        ..wit_json(&checkpoint, &rows.digest, &settings)
    };
    let further = json!({
        "prompt_format": prompt_format(&args.render, &checkpoint)?.name(),
        "max_tokens": renderer.settings().max_tokens,
        "truncation": args.render.truncation,
        "columns": args.source.columns,
        "validation_fraction": args.pace.validation_fraction,
        "validation_data": args.pace.validation_data,
        "reference": reference.as_ref().map(Checkpoint::digest),
    });
    let limit = settings.micro_batch_tokens;
    let prepare = |network: &Network, model: &ModelParameters, items: &mut [TrainingItem]| -> anyhow::Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        let total = items.len();
        note(quiet, &format!("asking the reference about {total} pairs"));
        match &reference {
            // A fresh adapter changes nothing: the base is the model before the first step.
            None => ask_reference(network, model, items, limit, |_| {})?,
            Some(reference) => {
                let frozen = ModelParameters { base: read_parameters(reference)?, adapter: None };
                ask_reference(network, &frozen, items, limit, |_| {})?;
            }
        }
        Ok(())
    };
    let job = Job {
        source: &args.source,
        network: &args.network,
        pace: &args.pace,
        checkpoint: &checkpoint,
        settings,
        items,
        validation,
        data: rows.digest,
        further,
        template: template_of(&args.render, &checkpoint)?,
        wit,
        prepare: Some(&prepare),
    };
    job.run()
}

fn open_reference(dir: &std::path::Path, args: &DpoArgs, policy: &Checkpoint) -> anyhow::Result<Checkpoint> {
    let options = CheckpointOptions { tokenizer_dir: args.render.tokenizer.clone(), ..CheckpointOptions::default() };
    let reference = Checkpoint::open(dir, &options).context("--reference")?;
    if reference.architecture != policy.architecture {
        bail!("--reference: {} has another architecture than the base", dir.display());
    }
    if reference.tokenizer.digest() != policy.tokenizer.digest() {
        bail!(
            "--reference: {} has another tokenizer than the base, so that its log-probabilities do not compare",
            dir.display()
        );
    }
    Ok(reference)
}
