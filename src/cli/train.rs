//! `wit-eval train`: instruction tuning with the WIT loss.

use clap::Args;
use serde_json::{Value, json};

use super::Exit;
use super::progress::note;
use super::tuning::flags::{Defaults, NetworkArgs, OptimizerArgs, PaceArgs, RenderArgs, SourceArgs};
use super::tuning::job::{Job, set_threads, split, validation_files, wit_json};
use super::tuning::rows::{Kind, open_base, prompt_format, read, renderer, say_format, show, template_of};
use crate::digest::Digest;
use crate::model::checkpoint::{Checkpoint, Stage, WitJson};
use crate::train::objective::{Objective, TrainingItem};
use crate::weighting::Weighting;

/// What is taken where a flag does not say: the settings of the paper.
const DEFAULTS: Defaults = Defaults { learning_rate: 2e-5, warmup_ratio: 0.01, weight_decay: 0.1, batch_size: 64 };

/// Flags of `train`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct TrainArgs {
    #[command(flatten)]
    pub source: SourceArgs,
    /// Weight of prompt tokens in the loss, 0 to 1; tokens of weight 0 are dropped
    #[arg(long, alias = "prompt-loss-weight", value_name = "X", default_value_t = 0.0)]
    pub lambda_p: f64,
    /// Weight of response tokens in the loss, 0 to 1
    #[arg(long, alias = "completion-loss-weight", value_name = "X", default_value_t = 1.0)]
    pub lambda_r: f64,
    #[command(flatten)]
    pub render: RenderArgs,
    #[command(flatten)]
    pub optimizer: OptimizerArgs,
    #[command(flatten)]
    pub network: NetworkArgs,
    #[command(flatten)]
    pub pace: PaceArgs,
}

const EXAMPLES: &str = "Weightings: 0,1 is conventional instruction tuning, 1,1 continual pre-training, X,0 prompt-only tuning; low to \
moderate lambda-p with moderate to high lambda-r is what Weighted Instruction Tuning recommends. Losses of different weightings \
do not compare; the unweighted nats per token, reported beside them, do.

Examples:
  wit-eval train --base DIR --data alpaca.json --lambda-p 0.4 --lambda-r 0.6 --out runs/p0.4-r0.6
  wit-eval train --base DIR --data chats.jsonl --show 3          every token marked by its role, nothing trained
  wit-eval train --base DIR --data alpaca.json --lora-rank 16 --learning-rate 2e-4 --out runs/lora
Killed at any moment, the same command continues from its last snapshot. TensorBoard: tensorboard --logdir OUT/runs";

/// Trains.
pub(super) fn run(args: &TrainArgs) -> anyhow::Result<Exit> {
    set_threads(args.network.threads);
    let quiet = args.pace.quiet;
    let weighting = Weighting::new(args.lambda_p, args.lambda_r)
        .map_err(|error| anyhow::anyhow!("--lambda-p, --lambda-r: {error}"))?;
    let checkpoint = open_base(&args.source, &args.render)?;
    let renderer = renderer(&args.render, &checkpoint)?;
    let rows = read(Kind::Instructions, &args.source.data, &args.source.columns, &renderer, quiet)?;
    if let Some(count) = args.render.show {
        show(&checkpoint, &rows.items, count)?;
        return Ok(Exit::Success);
    }
    let (items, mut validation) = split(rows.items, args.pace.validation_fraction, args.optimizer.seed)?;
    let files = validation_files(&args.pace);
    if !files.is_empty() {
        validation = read(Kind::Instructions, &files, &args.source.columns, &renderer, quiet)?.items;
    }
    let settings = args.optimizer.settings(Objective::Wit(weighting), DEFAULTS, &args.network, items.len())?;
    say_format(&args.render, &checkpoint, quiet)?;
    if let Some(name) = weighting.name() {
        note(quiet, &format!("weighting {weighting}: {name}"));
    }
    let wit = WitJson {
        lambda_p: Some(weighting.prompt()),
        lambda_r: Some(weighting.response()),
        stage: Some(Stage::Sft),
        ..wit_json(&checkpoint, &rows.digest, &settings)
    };
    let further = json!({
        "prompt_format": prompt_format(&args.render, &checkpoint)?.name(),
        "max_tokens": renderer.settings().max_tokens,
        "truncation": args.render.truncation,
        "columns": args.source.columns,
        "validation_fraction": args.pace.validation_fraction,
        "validation_data": args.pace.validation_data,
    });
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
        prepare: None,
    };
    job.run()
}

/// Trains on sequences that are at hand already, every token predicted.
pub(super) fn pretrain(
    args: &TrainArgs,
    checkpoint: &Checkpoint,
    items: Vec<TrainingItem>,
    further: Value,
    wit: WitJson,
) -> anyhow::Result<Exit> {
    set_threads(args.network.threads);
    let (items, validation) = split(items, args.pace.validation_fraction, args.optimizer.seed)?;
    let objective = Objective::Wit(Weighting::CONVENTIONAL);
    let settings = args.optimizer.settings(objective, DEFAULTS, &args.network, items.len())?;
    let job = Job {
        source: &args.source,
        network: &args.network,
        pace: &args.pace,
        checkpoint,
        data: Digest::of_json(&further)?,
        wit: WitJson { seed: Some(settings.seed), steps: Some(settings.total_steps as u64), ..wit },
        settings,
        items,
        validation,
        further,
        template: checkpoint.chat_template.as_ref().map(|template| template.source().to_owned()),
        prepare: None,
    };
    job.run()
}
