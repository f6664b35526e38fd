//! `wit-eval dpo`: preference tuning after instruction tuning.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;

use super::Exit;
use super::progress::Progress;
use super::tuning::flags::{Defaults, TuningArgs};
use super::tuning::job::{Job, set_threads, wit_json};
use super::tuning::rows::{Kind, load, open_base};
use crate::model::checkpoint::{Checkpoint, CheckpointOptions, Stage, WitJson};
use crate::train::folder::read_parameters;
use crate::train::gradient::Network;
use crate::train::objective::{Objective, TrainingItem};
use crate::train::parameters::ModelParameters;
use crate::train::preference::DpoLoss;
use crate::train::trainer::ask_reference;
use crate::weighting::Weighting;

/// What is taken where a flag does not say: the settings of the paper.
const DEFAULTS: Defaults = Defaults { learning_rate: 5e-7, warmup_ratio: 0.1, weight_decay: 0.0, batch_size: 32 };

/// Flags of `dpo`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DpoArgs {
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
    pub tuning: TuningArgs,
}

const EXAMPLES: &str = "The reference's log-probabilities are computed once, before the first step. The result keeps the loss weighting of its \
base, so that a report shows what preference tuning added.

Examples:
  wit-eval dpo --base runs/p0.4-r0.6 --data prefs.json --out runs/p0.4-r0.6-dpo
  wit-eval dpo --base runs/p0.4-r0.6 --data prefs.json --show 2   both answers, every token marked by its role";

/// Trains.
pub(super) fn run(args: &DpoArgs) -> anyhow::Result<Exit> {
    let TuningArgs { optimizer, network, pace, .. } = &args.tuning;
    set_threads(network.threads);
    let loss = args.loss()?;
    let checkpoint = open_base(&args.tuning)?;
    let Some(mut data) = load(Kind::Preferences, &args.tuning, &checkpoint)? else { return Ok(Exit::Success) };
    let reference = args.reference.as_deref().map(|dir| open_reference(dir, args, &checkpoint)).transpose()?;
    if let Some(decisions) = data.decisions.as_object_mut() {
        decisions.insert("reference".to_owned(), json!(reference.as_ref().map(Checkpoint::digest)));
    }
    let settings = optimizer.settings(Objective::Dpo(loss), DEFAULTS, network, data.items.len())?;
    let weighting = checkpoint.provenance.weighting;
    let wit = WitJson {
        lambda_p: weighting.map(Weighting::prompt),
        lambda_r: weighting.map(Weighting::response),
        stage: Some(Stage::Dpo),
        // The weighting tells which tuning came between.
        base: checkpoint.provenance.base.clone().or_else(|| Some(checkpoint.name.clone())),
        ..wit_json(&checkpoint, &data.digest, &settings)
    };
    let limit = settings.micro_batch_tokens;
    let prepare = |network: &Network, model: &ModelParameters, items: &mut [TrainingItem]| -> anyhow::Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        let total = items.len();
        let mut progress = Progress::new("reference log-probabilities", total, pace.quiet);
        let done = |known| progress.update(known, total);
        match &reference {
            // A fresh adapter changes nothing: the base is the model before the first step.
            None => ask_reference(network, model, items, limit, done)?,
            Some(reference) => {
                let frozen = ModelParameters { base: read_parameters(reference)?, adapter: None };
                ask_reference(network, &frozen, items, limit, done)?;
            }
        }
        progress.finish(total);
        Ok(())
    };
    Job { args: &args.tuning, checkpoint: &checkpoint, settings, data, wit, prepare: Some(&prepare) }.run()
}

impl DpoArgs {
    fn loss(&self) -> anyhow::Result<DpoLoss> {
        if !(self.beta.is_finite() && self.beta > 0.0) {
            bail!("--beta: {} is not above 0", self.beta);
        }
        if !(0.0..0.5).contains(&self.label_smoothing) {
            bail!("--label-smoothing: {} is not in [0, 0.5)", self.label_smoothing);
        }
        Ok(DpoLoss { beta: self.beta, label_smoothing: self.label_smoothing })
    }
}

fn open_reference(dir: &std::path::Path, args: &DpoArgs, policy: &Checkpoint) -> anyhow::Result<Checkpoint> {
    let options =
        CheckpointOptions { tokenizer_dir: args.tuning.render.tokenizer.clone(), ..CheckpointOptions::default() };
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
