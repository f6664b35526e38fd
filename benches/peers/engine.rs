//! Our side of the comparison with other programs: `benches/peers/run.py` builds it, starts it and reads what it says.
//!
//! One JSON object a line on standard input, each answered by one line on standard output. What takes time is timed here,
//! by the clock and by the processors, around the work alone: reading requests and writing answers is not in it.
#![allow(clippy::print_stdout, clippy::print_stderr, missing_docs)]

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, bail};
use candle_core::{DType, Device, Tensor};
use serde::Deserialize;
use serde_json::{Value, json};
use wit_eval::backend::{LanguageModel as _, LocalModel, LocalOptions};
use wit_eval::data::{Catalog, InstanceOptions, instances};
use wit_eval::instance::Presentation;
use wit_eval::instruction::{TokenRole, TokenizedExample};
use wit_eval::model::checkpoint::{Checkpoint, CheckpointOptions};
use wit_eval::model::engine::{EngineOptions, GenerationRequest, Guesses};
use wit_eval::model::kernels::{self, Isa, PackedMatrix, PackedRows, Values, WeightType};
use wit_eval::perturb::Perturber;
use wit_eval::plan::{Plan, PlanSettings};
use wit_eval::request::{Decoding, Prompt, Request, Sampling};
use wit_eval::response::Response;
use wit_eval::seed::Seed;
use wit_eval::sensitivity::{PosixMode, prompt_set_sensitivity};
use wit_eval::train::folder::read_parameters;
use wit_eval::train::gradient::{Network, NetworkOptions, PathChoice};
use wit_eval::train::objective::{Objective, TrainingItem};
use wit_eval::train::optimizer::AdamW;
use wit_eval::train::order::ExampleOrder;
use wit_eval::train::parameters::ModelParameters;
use wit_eval::train::schedule::Decay;
use wit_eval::train::settings::{Settings, WeightType as TrainedType};
use wit_eval::train::trainer::Trainer;
use wit_eval::weighting::Weighting;

/// What `run.py` asks.
#[derive(Deserialize)]
#[serde(tag = "work", rename_all = "snake_case", deny_unknown_fields)]
enum Work {
    /// Loads a checkpoint. With `stepwise`, generations get one token a pass.
    Open {
        checkpoint: PathBuf,
        threads: usize,
        dtype: String,
        #[serde(default)]
        stepwise: bool,
    },
    /// Scores the choices of a task's questions.
    Choices { include_path: PathBuf, task: String },
    /// POSIX over sets of prompts.
    Posix { sets: Vec<Vec<String>>, max_new_tokens: usize },
    /// Continues prompts greedily to their limit.
    Generate { prompts: Vec<Vec<u32>>, max_new_tokens: usize },
    /// Loads a checkpoint for training.
    TrainOpen { checkpoint: PathBuf, sequences: Vec<Sequence>, steps: usize, settings: Optimizing },
    /// One optimizer step over all sequences.
    Train {},
    /// Seconds of products `(rows, inputs) x (inputs, outputs)`.
    Gemm { shapes: Vec<[usize; 3]>, seconds: f64 },
}

/// One example of training; the first so many tokens are its prompt.
#[derive(Deserialize)]
struct Sequence {
    ids: Vec<u32>,
    prompt_tokens: usize,
}

#[derive(Deserialize)]
struct Optimizing {
    prompt_weight: f64,
    response_weight: f64,
    learning_rate: f64,
    weight_decay: f64,
    max_grad_norm: f64,
}

/// Loaded models.
#[derive(Default)]
struct Worker {
    model: Option<LocalModel>,
    training: Option<(Trainer, Vec<TrainingItem>)>,
}

/// Seconds by the clock and of processors.
struct Watch {
    start: Instant,
    processor_before: f64,
}

impl Watch {
    fn start() -> Self {
        Self { start: Instant::now(), processor_before: processor_seconds() }
    }

    fn read(&self) -> Value {
        json!({
            "seconds": self.start.elapsed().as_secs_f64(),
            "processor_seconds": processor_seconds() - self.processor_before,
        })
    }
}

/// Time that all threads of this process have used, in hundredths of seconds by the kernel's account.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}

impl Worker {
    fn answer(&mut self, work: Work) -> anyhow::Result<Value> {
        match work {
            Work::Open { checkpoint, threads, dtype, stepwise } => {
                let watch = Watch::start();
                let weight_type = match dtype.as_str() {
                    "float32" => WeightType::Stored,
                    "bfloat16" => WeightType::Bfloat16,
                    other => bail!("dtype `{other}` is not known here"),
                };
                let lookup = !stepwise;
                let engine = EngineOptions { threads: Some(threads), weight_type, lookup, ..EngineOptions::default() };
                let options = LocalOptions { engine, date: None };
                self.model = Some(LocalModel::open(&checkpoint, &CheckpointOptions::default(), &options)?);
                Ok(json!({ "time": watch.read(), "isa": Isa::detected().name() }))
            }
            Work::Choices { include_path, task } => choices(self.model()?, include_path, &task),
            Work::Posix { sets, max_new_tokens } => posix(self.model()?, sets, max_new_tokens),
            Work::Generate { prompts, max_new_tokens } => generate(self.model()?, prompts, max_new_tokens),
            Work::TrainOpen { checkpoint, sequences, steps, settings } => {
                let checkpoint = Checkpoint::open(&checkpoint, &CheckpointOptions::default())?;
                self.training = Some(training(&checkpoint, &sequences, steps, &settings)?);
                Ok(json!({}))
            }
            Work::Train {} => {
                let (trainer, items) = self.training.as_mut().context("ask for train_open first")?;
                let watch = Watch::start();
                let report = trainer.step(items, false)?;
                let time = watch.read();
                Ok(json!({
                    "time": time, "loss": report.sums.loss, "gradient_norm": report.gradient_norm,
                    "tokens": report.sums.tokens,
                }))
            }
            Work::Gemm { shapes, seconds } => gemm(&shapes, seconds),
        }
    }

    fn model(&self) -> anyhow::Result<&LocalModel> {
        self.model.as_ref().context("ask for open first")
    }
}

/// Everything from the task's file to the log-probabilities; the model alone apart.
fn choices(model: &LocalModel, include_path: PathBuf, task: &str) -> anyhow::Result<Value> {
    let catalog = Catalog::load(&[include_path])?;
    let perturber = Perturber::embedded()?;
    let computed_before = model.engine().computed_tokens();
    let watch = Watch::start();
    let mut plan = Plan::default();
    let settings = PlanSettings { perturbations: &[], seed: Seed(0), presentation: Presentation::Text, posix: None };
    for source in &catalog.select(task)?.tasks {
        let instances = instances(source, &InstanceOptions::default())?;
        plan.add_task(&source.task, &instances, &perturber, &settings)?;
    }
    let requests: Vec<&Request> = plan.records.iter().map(|record| &record.request).collect();
    let asking = Watch::start();
    let responses = answers(model, &requests)?;
    let (time, model_time) = (watch.read(), asking.read());
    let mut questions = Vec::new();
    let mut continuation_tokens = 0;
    for response in responses {
        let Response::LogProbs { continuations } = response else { bail!("a question got {response:?}") };
        continuation_tokens += continuations.iter().map(|one| one.tokens).sum::<usize>();
        let of = |one: &wit_eval::response::ContinuationLogProb| json!([one.sum_nats, one.is_greedy, one.tokens]);
        questions.push(continuations.iter().map(of).collect::<Vec<_>>());
    }
    Ok(json!({
        "time": time, "model_time": model_time, "questions": questions, "continuation_tokens": continuation_tokens,
        "computed_tokens": model.engine().computed_tokens() - computed_before,
    }))
}

fn answers(model: &LocalModel, requests: &[&Request]) -> anyhow::Result<Vec<Response>> {
    let mut responses: Vec<Option<Response>> = requests.iter().map(|_| None).collect();
    model.answer(requests, &mut |at, response| {
        if let Some(slot) = responses.get_mut(at) {
            *slot = Some(response);
        }
    })?;
    responses.into_iter().collect::<Option<Vec<_>>>().context("a request got no answer")
}

fn posix(model: &LocalModel, sets: Vec<Vec<String>>, max_new_tokens: usize) -> anyhow::Result<Value> {
    let set = |prompts: Vec<String>| Request::PromptSet {
        prompts: prompts.into_iter().map(Prompt::Text).collect(),
        decoding: Decoding::greedy(max_new_tokens),
    };
    let requests = sets.into_iter().map(set).collect::<Vec<_>>();
    let watch = Watch::start();
    let responses = answers(model, &requests.iter().collect::<Vec<_>>())?;
    let mut sensitivities = Vec::new();
    let mut matrices = Vec::new();
    let mut reply_ids = Vec::new();
    for response in responses {
        let Response::PromptSet { replies, log_probs } = response else { bail!("a set got {response:?}") };
        let tokens = replies.iter().map(|reply| reply.token_ids.len()).collect::<Vec<_>>();
        let found = prompt_set_sensitivity(&log_probs, &tokens, max_new_tokens, PosixMode::Lib)?;
        sensitivities.push(found.value_nats_per_token);
        matrices.push(log_probs);
        reply_ids.push(replies.into_iter().map(|reply| reply.token_ids).collect::<Vec<_>>());
    }
    let index = sensitivities.iter().sum::<f64>() / sensitivities.len() as f64;
    let time = watch.read();
    Ok(json!({
        "time": time, "posix": index, "sensitivities": sensitivities, "matrices": matrices, "replies": reply_ids,
    }))
}

fn generate(model: &LocalModel, prompts: Vec<Vec<u32>>, max_new_tokens: usize) -> anyhow::Result<Value> {
    let decoding = Decoding { max_new_tokens, stop: Vec::new(), sampling: Sampling::Greedy, sample: 0 };
    let request = |prompt| GenerationRequest {
        prompt,
        decoding: decoding.clone(),
        end_tokens: Vec::new(),
        stream_label: String::new(),
    };
    let requests = prompts.into_iter().map(request).collect::<Vec<_>>();
    let mut ids: Vec<Option<Vec<u32>>> = requests.iter().map(|_| None).collect();
    let mut fault = None;
    let before = model.engine().guesses();
    let watch = Watch::start();
    model.engine().generate(&requests, &|_| String::new(), &mut |at, result| match (result, ids.get_mut(at)) {
        (Ok(generation), Some(slot)) => *slot = Some(generation.token_ids),
        (Err(error), _) => fault = Some(error),
        (Ok(_), None) => {}
    })?;
    let time = watch.read();
    if let Some(error) = fault {
        return Err(error.into());
    }
    let Guesses { right, wrong } = model.engine().guesses();
    Ok(json!({ "time": time, "ids": ids, "right": right - before.right, "wrong": wrong - before.wrong }))
}

fn training(
    checkpoint: &Checkpoint,
    sequences: &[Sequence],
    steps: usize,
    given: &Optimizing,
) -> anyhow::Result<(Trainer, Vec<TrainingItem>)> {
    let options = NetworkOptions { path: PathChoice::Fused, checkpointing: false };
    let network = Network::new(&checkpoint.architecture, options)?;
    let model = ModelParameters { base: read_parameters(checkpoint)?, adapter: None };
    let item = |sequence: &Sequence| {
        let role = |at| if at < sequence.prompt_tokens { TokenRole::Prompt } else { TokenRole::Response };
        let roles = (0..sequence.ids.len()).map(role).collect();
        TrainingItem::Example(TokenizedExample { ids: sequence.ids.clone(), roles })
    };
    let items = sequences.iter().map(item).collect::<Vec<_>>();
    let settings = Settings {
        objective: Objective::Wit(Weighting::new(given.prompt_weight, given.response_weight)?),
        learning_rate: given.learning_rate,
        schedule: Decay::Constant,
        warmup_ratio: 0.0,
        optimizer: AdamW { weight_decay: given.weight_decay, ..AdamW::default() },
        max_grad_norm: Some(given.max_grad_norm),
        batch_size: items.len(),
        micro_batch_tokens: items.iter().map(TrainingItem::tokens).sum(),
        total_steps: steps,
        order: ExampleOrder::File,
        seed: 0,
        weights: TrainedType::F32,
        checkpointing: false,
    };
    Ok((Trainer::new(network, model, settings, items.len()), items))
}

/// Mean seconds of one product, by this crate's kernel and by the tensor library's.
fn gemm(shapes: &[[usize; 3]], seconds: f64) -> anyhow::Result<Value> {
    let mut own = Vec::new();
    let mut library = Vec::new();
    for [rows, inputs, outputs] in shapes.iter().copied() {
        let weights = PackedMatrix::stack(inputs, vec![(Values::Single(vec![0.01; inputs * outputs]), None)]);
        let x = PackedRows::new(&vec![0.5; rows * inputs], inputs);
        own.push(mean_seconds(seconds, || Ok(kernels::linear(Isa::detected(), &x, &weights)))?);
        let x = Tensor::ones((rows, inputs), DType::F32, &Device::Cpu)?;
        let weights = Tensor::ones((outputs, inputs), DType::F32, &Device::Cpu)?.t()?;
        library.push(mean_seconds(seconds, || Ok(x.matmul(&weights)?))?);
    }
    Ok(json!({ "own": own, "library": library }))
}

/// Repeats for so many seconds, once before the clock starts.
fn mean_seconds<T>(seconds: f64, mut work: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<f64> {
    std::hint::black_box(work()?);
    let start = Instant::now();
    let mut count = 0;
    while count == 0 || start.elapsed().as_secs_f64() < seconds {
        std::hint::black_box(work()?);
        count += 1;
    }
    Ok(start.elapsed().as_secs_f64() / f64::from(count))
}

fn main() -> anyhow::Result<()> {
    let input = std::io::stdin();
    if input.is_terminal() {
        eprintln!("this is one side of a comparison; run: python3 benches/peers/run.py");
        return Ok(());
    }
    let mut worker = Worker::default();
    for line in input.lock().lines() {
        let answer = serde_json::from_str(&line?).map_err(Into::into).and_then(|work| worker.answer(work));
        let answer = answer.unwrap_or_else(|error| json!({ "error": format!("{error:#}") }));
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}
