//! From rendered data to a trained folder.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::super::Exit;
use super::super::progress::note;
use super::flags::TuningArgs;
use super::meter::Meter;
use super::rows::TuningData;
use crate::digest::Digest;
use crate::model::checkpoint::{Checkpoint, WIT_JSON_FORMAT, WitJson};
use crate::seed::Seed;
use crate::store::{RunFolder, write_atomically};
use crate::train::folder::{FolderSource, StoredDtype, read_parameters, write_adapter, write_checkpoint};
use crate::train::gradient::Network;
use crate::train::journal::JOURNAL;
use crate::train::lora::fresh_adapter;
use crate::train::objective::{Objective, TrainingItem};
use crate::train::parameters::ModelParameters;
use crate::train::session::{BEST, EVENTS, Session, SessionEvent};
use crate::train::settings::{Settings, WeightType};
use crate::train::snapshot::SNAPSHOTS;
use crate::train::trainer::Trainer;

/// What a finished or running folder says about how it was made.
const RECIPE: &str = "training.json";

/// Everything that a run needs.
pub(in crate::cli) struct Job<'a> {
    pub args: &'a TuningArgs,
    pub checkpoint: &'a Checkpoint,
    pub settings: Settings,
    pub data: TuningData,
    pub wit: WitJson,
    /// Work on the items that needs the network, done once before the first step.
    pub prepare: Option<Prepare<'a>>,
}

/// Work on items before the first step.
pub(in crate::cli) type Prepare<'a> = &'a dyn Fn(&Network, &ModelParameters, &mut [TrainingItem]) -> anyhow::Result<()>;

/// Sets the number of threads, once a process.
pub(in crate::cli) fn set_threads(threads: Option<usize>) {
    if let Some(threads) = threads {
        // A sweep sets it for its first cell; the number is the same for the others.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    }
}

impl Job<'_> {
    /// Trains, or continues, or says that the result is there.
    pub(in crate::cli) fn run(mut self) -> anyhow::Result<Exit> {
        let objective = self.settings.objective;
        self.data.items.retain(|item| objective.share(item) > 0);
        self.data.validation.retain(|item| objective.share(item) > 0);
        if self.data.items.is_empty() {
            note(false, "nothing to train on: no example has a token of non-zero weight");
            return Ok(Exit::Nothing);
        }
        let tokens = self.data.items.iter().map(TrainingItem::tokens).sum::<usize>();
        let held = match self.data.validation.len() {
            0 => String::new(),
            count => format!(", {count} held out"),
        };
        if self.args.network.lora_rank.is_some() && self.checkpoint.is_adapter() {
            bail!(
                "--lora-rank: {} is an adapter itself; merge it first: wit-eval merge --adapter DIR --out DIR",
                self.args.source.base.display()
            );
        }
        let (steps, batch) = (self.settings.total_steps, self.settings.batch_size);
        let base = &self.checkpoint.name;
        let kind = match objective {
            Objective::Wit(_) => "examples",
            Objective::Dpo(_) => "pairs",
        };
        note(
            self.args.pace.quiet,
            &format!("{base}: {} {kind}, {tokens} tokens{held}; {steps} steps of {batch}", self.data.items.len()),
        );
        let out = self.args.source.out.clone().context("--out is missing")?;
        if self.args.pace.dry_run {
            note(false, &format!("would train {} into {}", self.checkpoint.architecture, out.display()));
            return Ok(Exit::Success);
        }
        let lock = RunFolder::at(&out).lock().context("--out")?;
        let identity = self.identity();
        if self.claim(&out, &identity)? {
            note(self.args.pace.quiet, &format!("{}: trained already with these settings and data", out.display()));
            return Ok(Exit::Success);
        }
        let exit = self.train(&out, identity);
        drop(lock);
        exit
    }

    fn identity(&self) -> Value {
        json!({
            "format": 1,
            "settings": self.settings,
            "base": self.checkpoint.digest(),
            "data": self.data.digest,
            "lora": { "rank": self.args.network.lora_rank, "alpha": self.args.network.lora_alpha, "targets": self.args.network.lora_rank.map(|_| &self.args.network.lora_targets) },
            "path": self.args.network.path.map(|path| format!("{path:?}").to_lowercase()),
            "device": self.args.network.device,
            "early_stop": self.args.pace.early_stop,
            "evaluate_every": self.args.pace.early_stop.map(|_| self.args.pace.pace(self.settings.total_steps).evaluate_every),
            "further": self.data.decisions,
        })
    }

    /// Makes the folder this run's own. Tells whether its result is there already.
    fn claim(&self, out: &Path, identity: &Value) -> anyhow::Result<bool> {
        let path = out.join(RECIPE);
        let present = std::fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
        // The file without which the folder is nothing is moved in last.
        let finished = ["config.json", "adapter_config.json"].iter().any(|name| out.join(name).is_file());
        match present {
            Some(present) if &present == identity && !self.args.source.overwrite => return Ok(finished),
            Some(present) if !self.args.source.overwrite => {
                let what = difference(&present, identity, "").unwrap_or_default();
                bail!(
                    "{}: holds another run ({what}); choose another --out, or --overwrite to train anew",
                    out.display()
                );
            }
            None if finished && !self.args.source.overwrite => bail!(
                "{}: holds a checkpoint that this program did not train; choose another --out, or --overwrite",
                out.display()
            ),
            _ => {}
        }
        for name in [SNAPSHOTS, BEST, EVENTS] {
            let folder = out.join(name);
            if folder.is_dir() {
                std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
            }
        }
        for name in [JOURNAL, "wit.json", "config.json", "adapter_config.json"] {
            let file = out.join(name);
            if file.is_file() {
                std::fs::remove_file(&file).with_context(|| file.display().to_string())?;
            }
        }
        write_atomically(&path, format!("{identity:#}\n").as_bytes())?;
        Ok(false)
    }

    fn train(&mut self, out: &Path, identity: Value) -> anyhow::Result<Exit> {
        let network = Network::new(&self.checkpoint.architecture, self.args.network.options()?)?;
        let base = read_parameters(self.checkpoint)?;
        let lora = self.args.network.lora()?;
        let adapter =
            lora.map(|lora| fresh_adapter(&self.checkpoint.architecture, &base, lora, Seed(self.settings.seed)));
        let model = ModelParameters { base, adapter: adapter.transpose()? };
        if let Some(prepare) = self.prepare {
            prepare(&network, &model, &mut self.data.items)?;
            prepare(&network, &model, &mut self.data.validation)?;
        }
        let trainer = Trainer::new(network, model, self.settings.clone(), self.data.items.len());
        let pace = self.args.pace.pace(self.settings.total_steps);
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        let mut session = Session::open(out, identity, pace, (&self.data.items, &self.data.validation), trainer, &now)?;
        for damage in session.damaged() {
            note(false, &format!("a damaged snapshot is passed over: {damage}"));
        }
        let (first, total) = (session.step(), self.settings.total_steps);
        if first > 0 {
            note(self.args.pace.quiet, &format!("continues after step {first} of {total}"));
        }
        let label = out.file_name().map_or_else(|| "train".to_owned(), |name| name.to_string_lossy().into_owned());
        let mut meter = Meter::new(&label, first, total, self.args.pace.quiet);
        let mut last = None;
        let best = session.run(&mut |event| match event {
            SessionEvent::Step(report) => meter.step(report),
            SessionEvent::Row(row) => {
                meter.row(row);
                last = Some(row.clone());
            }
            SessionEvent::Saved => {}
            SessionEvent::Stopped { best_step } => {
                meter.say(&format!("the weights of step {best_step}, which had the lowest validation loss, are kept"));
            }
        })?;
        let speed = meter.tokens_per_second();
        let seconds = meter.finish();
        let mut model = session.into_model();
        if let Some(best) = best {
            *model.trained_mut() = best;
        }
        self.write(out, &model)?;
        let nats = |name: &str, value: Option<f64>| value.map_or(String::new(), |value| format!(", {name} {value:.4}"));
        let last = last.map_or(String::new(), |row| {
            format!(
                "; last loss {:.4}{}{}",
                row.loss,
                nats("prompt nats/token", row.prompt_nats_per_token),
                nats("response nats/token", row.response_nats_per_token)
            )
        });
        note(
            self.args.pace.quiet,
            &format!("{}: {} steps in {seconds:.1} s ({speed:.0} tokens/s){last}", out.display(), total - first),
        );
        Ok(Exit::Success)
    }

    fn write(&self, out: &Path, model: &ModelParameters) -> anyhow::Result<()> {
        let mut source = FolderSource::of(self.checkpoint);
        if let Some(template) = &self.data.template {
            source.chat_template = Some(template);
        }
        if let Some(adapter) = &model.adapter {
            write_adapter(out, &source, adapter, &self.wit)?;
        } else {
            let dtype = match self.settings.weights {
                WeightType::F32 => StoredDtype::F32,
                WeightType::Bf16 => StoredDtype::Bf16,
            };
            write_checkpoint(out, &source, &model.base, dtype, &self.wit)?;
        }
        // The result stands: what only helped to get there goes.
        for name in [SNAPSHOTS, BEST] {
            let _ = std::fs::remove_dir_all(out.join(name));
        }
        Ok(())
    }
}

/// The first place where two values differ, for people.
fn difference(present: &Value, wanted: &Value, path: &str) -> Option<String> {
    match (present, wanted) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = b.keys().chain(a.keys().filter(|key| !b.contains_key(*key)));
            keys.into_iter().find_map(|key| {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                difference(a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null), &path)
            })
        }
        (a, b) if a == b => None,
        (a, b) => Some(format!("{path} is {a} there, {b} here")),
    }
}

/// What the new folder says of itself.
pub(in crate::cli) fn wit_json(checkpoint: &Checkpoint, data: &Digest, settings: &Settings) -> WitJson {
    WitJson {
        format: WIT_JSON_FORMAT,
        base: Some(checkpoint.name.clone()),
        lambda_p: None,
        lambda_r: None,
        weighting: None,
        data_digest: Some(data.clone()),
        seed: Some(settings.seed),
        steps: Some(settings.total_steps as u64),
        stage: None,
    }
}
