//! `wit-eval train`: instruction tuning with the WIT loss.

use clap::Args;
use serde_json::Value;

use super::Exit;
use super::progress::note;
use super::tuning::flags::{Defaults, TuningArgs};
use super::tuning::job::{Job, set_threads, wit_json};
use super::tuning::rows::{Kind, TuningData, load, open_base, split};
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
    /// Weight of prompt tokens in the loss, 0 to 1; tokens of weight 0 are dropped
    #[arg(long, visible_alias = "prompt-loss-weight", value_name = "X", default_value_t = 0.0)]
    pub lambda_p: f64,
    /// Weight of response tokens in the loss, 0 to 1
    #[arg(long, visible_alias = "completion-loss-weight", value_name = "X", default_value_t = 1.0)]
    pub lambda_r: f64,
    #[command(flatten)]
    pub tuning: TuningArgs,
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
    set_threads(args.tuning.network.threads);
    let weighting = Weighting::new(args.lambda_p, args.lambda_r)
        .map_err(|error| anyhow::anyhow!("--lambda-p, --lambda-r: {error}"))?;
    let checkpoint = open_base(&args.tuning)?;
    let Some(data) = load(Kind::Instructions, &args.tuning, &checkpoint)? else { return Ok(Exit::Success) };
    let TuningArgs { optimizer, network, pace, .. } = &args.tuning;
    let settings = optimizer.settings(Objective::Wit(weighting), DEFAULTS, network, data.items.len())?;
    if let Some(name) = weighting.name() {
        note(pace.quiet, &format!("weighting {weighting}: {name}"));
    }
    let wit = WitJson {
        lambda_p: Some(weighting.prompt()),
        lambda_r: Some(weighting.response()),
        stage: Some(Stage::Sft),
        ..wit_json(&checkpoint, &data.digest, &settings)
    };
    Job { args: &args.tuning, checkpoint: &checkpoint, settings, data, wit, prepare: None }.run()
}

/// Trains on sequences that are at hand already, every token predicted.
pub(super) fn pretrain(
    args: &TuningArgs,
    checkpoint: &Checkpoint,
    items: Vec<TrainingItem>,
    decisions: Value,
    wit: WitJson,
) -> anyhow::Result<Exit> {
    set_threads(args.network.threads);
    let (items, validation) = split(items, args.pace.validation_fraction, args.optimizer.seed)?;
    let objective = Objective::Wit(Weighting::CONVENTIONAL);
    let settings = args.optimizer.settings(objective, DEFAULTS, &args.network, items.len())?;
    let wit = WitJson { seed: Some(settings.seed), steps: Some(settings.total_steps as u64), ..wit };
    let template = checkpoint.chat_template.as_ref().map(|template| template.source().to_owned());
    let data = TuningData { items, validation, digest: Digest::of_json(&decisions)?, decisions, template };
    Job { args, checkpoint, settings, data, wit, prepare: None }.run()
}
