//! Speed and memory of training: `cargo bench --bench training`.
//!
//! One gradient step (forward, loss, backward, the gradients of all weights in memory; no optimizer) of a seeded Llama of
//! 25 million parameters (width 512, 8 layers, 8 heads of which 4 hold keys, 1408 between, 2048 tokens) on 8 sequences of
//! 256 tokens. The rival is the same network of the tensor library's differentiable primitives in their usual layout,
//! `(batch, sequence, width)`, with its variables made once. Runs alternate; medians of wall-clock and of processor time
//! are printed (`TRAINING_RUNS` sets how many). Each peak of memory is that of a process of its own.
//!
//! `cargo bench --bench training -- step` runs whole optimizer steps instead, as a training run makes them: forward, WIT
//! loss with weights 0.4 and 0.6, backward, clipping to 1, `AdamW`. It prints one line of JSON: medians of seconds a step
//! by the clock and of processor time, and tokens a second, over `TRAINING_RUNS` steps after a first one that is not
//! counted.
//!
//! The small model (width 128, 4 layers, 4 heads of which 2 hold keys, 384 between, 1024 tokens; 64 sequences of about 32
//! tokens) is the embedded demonstration's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout, missing_docs)]

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Instant;

use candle_core::{D, Device, Result, Tensor, Var};
use rand::Rng as _;
use wit_eval::instruction::{TokenRole, TokenizedExample};
use wit_eval::model::architecture::Architecture;
use wit_eval::seed::Seed;
use wit_eval::train::batch::{MicroBatch, Target};
use wit_eval::train::gradient::{Network, NetworkOptions, PathChoice};
use wit_eval::train::objective::{Objective, TrainingItem};
use wit_eval::train::optimizer::AdamW;
use wit_eval::train::order::ExampleOrder;
use wit_eval::train::parameters::{Adapter, Gradients, LoraSettings, ModelParameters, Parameter, Parameters};
use wit_eval::train::schedule::Decay;
use wit_eval::train::settings::{Settings, WeightType};
use wit_eval::train::trainer::Trainer;
use wit_eval::weighting::Weighting;

/// Sizes of a Llama.
#[derive(Clone, Copy)]
struct Sizes {
    hidden: usize,
    inner: usize,
    heads: usize,
    kv_heads: usize,
    layers: usize,
    vocabulary: usize,
}

const MIDDLE: Sizes = Sizes { hidden: 512, inner: 1408, heads: 8, kv_heads: 4, layers: 8, vocabulary: 2048 };
const SMALL: Sizes = Sizes { hidden: 128, inner: 384, heads: 4, kv_heads: 2, layers: 4, vocabulary: 1024 };

impl Sizes {
    fn architecture(self) -> Architecture {
        let config = serde_json::json!({
            "model_type": "llama", "hidden_size": self.hidden, "intermediate_size": self.inner,
            "num_attention_heads": self.heads, "num_key_value_heads": self.kv_heads, "num_hidden_layers": self.layers,
            "vocab_size": self.vocabulary, "max_position_embeddings": 2048, "rms_norm_eps": 1e-5,
            "rope_theta": 10000.0, "tie_word_embeddings": true,
        });
        Architecture::from_config_json(&config.to_string()).unwrap()
    }

    fn model(self) -> ModelParameters {
        let mut stream = Seed(1).stream(&["bench weights"]);
        let mut base = Parameters::new();
        for view in self.architecture().tensors() {
            let count = view.shape.iter().product::<usize>();
            let norm = view.shape.len() == 1;
            let mut value = || if norm { 1.0 } else { stream.random_range(-0.05_f32..0.05) };
            let values = (0..count).map(|_| value()).collect();
            base.insert(view.names[0].clone(), Parameter { shape: view.shape.clone(), values });
        }
        ModelParameters { base, adapter: None }
    }

    fn batch(self, sequences: usize, tokens: usize, spread: usize) -> MicroBatch {
        let mut stream = Seed(2).stream(&["bench tokens"]);
        let mut batch = MicroBatch { starts: vec![0], target_starts: vec![0], ..MicroBatch::default() };
        for sequence in 0..sequences {
            let length = tokens + sequence * 7 % (2 * spread + 1) - spread;
            let first = batch.tokens.len();
            let vocabulary = u32::try_from(self.vocabulary).unwrap();
            batch.tokens.extend((0..length).map(|_| stream.random_range(0..vocabulary)));
            for row in first..first + length - 1 {
                let (role, token) = (TokenRole::Response, batch.tokens[row + 1]);
                batch.targets.push(Target { row: u32::try_from(row).unwrap(), token, role });
            }
            batch.starts.push(batch.tokens.len());
            batch.target_starts.push(batch.targets.len());
        }
        batch
    }
}

/// `LoRA` of rank 8 on queries and values.
fn adapted(model: ModelParameters) -> ModelParameters {
    let mut tensors = Parameters::new();
    for (name, parameter) in &model.base {
        let Some(module) = name.strip_suffix(".weight").filter(|m| m.ends_with("q_proj") || m.ends_with("v_proj"))
        else {
            continue;
        };
        for (part, shape) in [("A", vec![8, parameter.shape[1]]), ("B", vec![parameter.shape[0], 8])] {
            let values = vec![0.01; shape.iter().product()];
            tensors.insert(format!("base_model.model.{module}.lora_{part}.weight"), Parameter { shape, values });
        }
    }
    let settings = LoraSettings { rank: 8, alpha: 16.0, targets: vec!["q_proj".to_owned(), "v_proj".to_owned()] };
    ModelParameters { adapter: Some(Adapter { settings, tensors }), ..model }
}

/// The engine with its gradients.
struct Engine {
    network: Network,
    model: ModelParameters,
    gradients: Gradients,
}

impl Engine {
    fn new(sizes: Sizes, checkpointing: bool, lora: bool) -> Self {
        let options = NetworkOptions { path: PathChoice::Fused, checkpointing };
        let network = Network::new(&sizes.architecture(), options).unwrap();
        let model = if lora { adapted(sizes.model()) } else { sizes.model() };
        Self { network, model, gradients: Gradients::new() }
    }

    /// The mean negative log-probability; its gradients replace those of the step before.
    fn step(&mut self, batch: &MicroBatch) -> f64 {
        self.gradients.values_mut().for_each(|gradient| gradient.fill(0.0));
        let count = batch.targets.len() as f32;
        let weigh = &mut |log_probs: &[f32]| vec![-1.0 / count; log_probs.len()];
        let log_probs = self.network.gradients(&self.model, batch, weigh, &mut self.gradients).unwrap();
        -log_probs.iter().map(|x| f64::from(*x)).sum::<f64>() / f64::from(count)
    }
}

/// The tensor library's primitives that carry gradients, `(batch, sequence, width)`.
struct Rival {
    sizes: Sizes,
    variables: BTreeMap<String, Var>,
    cosines: Tensor,
    sines: Tensor,
    mask: Tensor,
}

impl Rival {
    fn new(sizes: Sizes, model: &ModelParameters, length: usize) -> Result<Self> {
        let mut variables = BTreeMap::new();
        for (name, parameter) in &model.base {
            let tensor = Tensor::from_slice(&parameter.values, parameter.shape.as_slice(), &Device::Cpu)?;
            variables.insert(name.clone(), Var::from_tensor(&tensor)?);
        }
        let half = sizes.hidden / sizes.heads / 2;
        let angle = |i: usize| (i / half) as f32 * 10_000_f32.powf(-((i % half) as f32) / half as f32);
        let table = |f: fn(f32) -> f32| (0..length * half).map(|i| f(angle(i))).collect::<Vec<_>>();
        let shape = (length, half);
        let mask = (0..length * length).map(|i| if i % length > i / length { f32::NEG_INFINITY } else { 0.0 });
        Ok(Self {
            sizes,
            variables,
            cosines: Tensor::from_vec(table(f32::cos), shape, &Device::Cpu)?,
            sines: Tensor::from_vec(table(f32::sin), shape, &Device::Cpu)?,
            mask: Tensor::from_vec(mask.collect(), (length, length), &Device::Cpu)?,
        })
    }

    fn weight(&self, name: &str) -> &Tensor {
        self.variables[name].as_tensor()
    }

    fn norm(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        let scale = (x.sqr()?.mean_keepdim(D::Minus1)? + 1e-5)?.sqrt()?;
        x.broadcast_div(&scale)?.broadcast_mul(self.weight(name))
    }

    fn linear(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        x.matmul(&self.weight(name).t()?)
    }

    fn heads(&self, x: &Tensor, heads: usize, shape: (usize, usize), rotate: bool) -> Result<Tensor> {
        let dim = self.sizes.hidden / self.sizes.heads;
        let x = x.reshape((shape.0, shape.1, heads, dim))?.transpose(1, 2)?.contiguous()?;
        let x = if rotate { candle_rotate(&x, &self.cosines, &self.sines)? } else { x };
        let times = self.sizes.heads / heads;
        let repeated = x.unsqueeze(2)?.broadcast_as((shape.0, heads, times, shape.1, dim))?;
        repeated.reshape((shape.0, self.sizes.heads, shape.1, dim))
    }

    fn layer(&self, layer: usize, x: Tensor, shape: (usize, usize)) -> Result<Tensor> {
        let name = |part: &str| format!("model.layers.{layer}.{part}.weight");
        let read = self.norm(&name("input_layernorm"), &x)?;
        let query = self.heads(&self.linear(&name("self_attn.q_proj"), &read)?, self.sizes.heads, shape, true)?;
        let key = self.heads(&self.linear(&name("self_attn.k_proj"), &read)?, self.sizes.kv_heads, shape, true)?;
        let value = self.heads(&self.linear(&name("self_attn.v_proj"), &read)?, self.sizes.kv_heads, shape, false)?;
        let scale = ((self.sizes.hidden / self.sizes.heads) as f64).powf(-0.5);
        let scores = (query.matmul(&key.transpose(2, 3)?)? * scale)?.broadcast_add(&self.mask)?;
        let relative = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?.detach())?.exp()?;
        let weights = relative.broadcast_div(&relative.sum_keepdim(D::Minus1)?)?;
        let attended = weights.matmul(&value)?.transpose(1, 2)?.reshape((shape.0 * shape.1, self.sizes.hidden))?;
        let x = (x + self.linear(&name("self_attn.o_proj"), &attended)?)?;
        let read = self.norm(&name("post_attention_layernorm"), &x)?;
        let gate = self.linear(&name("mlp.gate_proj"), &read)?.silu()?;
        let inner = (gate * self.linear(&name("mlp.up_proj"), &read)?)?;
        x + self.linear(&name("mlp.down_proj"), &inner)?
    }

    fn step(&self, batch: &MicroBatch, shape: (usize, usize)) -> Result<(f64, Gradients)> {
        let device = &Device::Cpu;
        let ids = Tensor::from_slice(&batch.tokens, batch.tokens.len(), device)?;
        let table = self.weight("model.embed_tokens.weight");
        let mut x = table.index_select(&ids, 0)?;
        for layer in 0..self.sizes.layers {
            x = self.layer(layer, x, shape)?;
        }
        let rows = batch.targets.iter().map(|target| target.row).collect::<Vec<_>>();
        let x = x.index_select(&Tensor::from_slice(&rows, rows.len(), device)?, 0)?;
        let logits = self.norm("model.norm.weight", &x)?.matmul(&table.t()?)?;
        let relative = logits.broadcast_sub(&logits.max_keepdim(1)?.detach())?;
        let log_sum = relative.exp()?.sum_keepdim(1)?.log()?;
        let targets = batch.targets.iter().map(|target| target.token).collect::<Vec<_>>();
        let targets = Tensor::from_slice(&targets, (targets.len(), 1), device)?;
        let loss = (relative.gather(&targets, 1)? - log_sum)?.mean_all()?.neg()?;
        let store = loss.backward()?;
        let mut gradients = Gradients::new();
        for (name, variable) in &self.variables {
            let gradient = store.get(variable.as_tensor()).unwrap();
            gradients.insert(name.clone(), gradient.flatten_all()?.to_vec1()?);
        }
        Ok((f64::from(loss.to_scalar::<f32>()?), gradients))
    }
}

/// `x` is `(batch, heads, sequence, dim)`.
fn candle_rotate(x: &Tensor, cosines: &Tensor, sines: &Tensor) -> Result<Tensor> {
    let half = cosines.dim(1)?;
    let (a, b) = (x.narrow(3, 0, half)?, x.narrow(3, half, half)?);
    let first = (a.broadcast_mul(cosines)? - b.broadcast_mul(sines)?)?;
    let second = (b.broadcast_mul(cosines)? + a.broadcast_mul(sines)?)?;
    Tensor::cat(&[first, second], 3)
}

/// Seconds by the clock and of processors.
#[derive(Clone, Copy)]
struct Cost {
    wall: f64,
    processor: f64,
}

fn timed(work: impl FnOnce()) -> Cost {
    let (start, before) = (Instant::now(), processor_seconds());
    work();
    Cost { wall: start.elapsed().as_secs_f64(), processor: processor_seconds() - before }
}

/// Time that all threads of this process have used, in hundredths of seconds by the kernel's account.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn median(costs: &[Cost]) -> Cost {
    let middle = |part: fn(&Cost) -> f64| {
        let mut values = costs.iter().map(part).collect::<Vec<_>>();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Cost { wall: middle(|cost| cost.wall), processor: middle(|cost| cost.processor) }
}

/// Most memory that this process has held, in megabytes.
fn peak_megabytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

const KINDS: [&str; 4] = ["plain", "fused", "fused, checkpointing", "fused, LoRA"];

/// Two steps of one kind in a process of its own.
fn alone(kind: &str) {
    let batch = MIDDLE.batch(8, 256, 0);
    if kind == "plain" {
        let rival = Rival::new(MIDDLE, &MIDDLE.model(), 256).unwrap();
        for _ in 0..2 {
            rival.step(&batch, (8, 256)).unwrap();
        }
    } else {
        let mut engine = Engine::new(MIDDLE, kind.ends_with("checkpointing"), kind.ends_with("LoRA"));
        for _ in 0..2 {
            engine.step(&batch);
        }
    }
    println!("{}", peak_megabytes());
}

fn peak_of(kind: &str) -> f64 {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).arg("--alone").arg(kind).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or(f64::NAN)
}

fn largest_difference(a: &Gradients, b: &Gradients) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    let distance = |(name, b): (&String, &Vec<f32>)| {
        let difference = norm(&mut a[name].iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(*b)));
        difference / norm(&mut b.iter().map(|b| f64::from(*b)))
    };
    b.iter().map(distance).fold(0.0, f64::max)
}

fn compare(runs: usize) {
    let batch = MIDDLE.batch(8, 256, 0);
    let rival = Rival::new(MIDDLE, &MIDDLE.model(), 256).unwrap();
    let mut engines =
        [(false, false), (true, false), (false, true)].map(|(check, lora)| Engine::new(MIDDLE, check, lora));
    let (loss, gradients) = rival.step(&batch, (8, 256)).unwrap();
    let found = engines.each_mut().map(|engine| engine.step(&batch));
    let difference = largest_difference(&engines[0].gradients, &gradients);
    println!("losses: plain {loss:.6}, fused {:.6}; gradients differ by {difference:.1e} at most", found[0]);
    drop(gradients);
    let mut costs: [Vec<Cost>; 4] = Default::default();
    for _ in 0..runs {
        costs[0].push(timed(|| drop(rival.step(&batch, (8, 256)).unwrap())));
        for (costs, engine) in costs[1..].iter_mut().zip(&mut engines) {
            costs.push(timed(|| assert!(engine.step(&batch).is_finite())));
        }
    }
    let plain = median(&costs[0]);
    let plain_peak = peak_of(KINDS[0]);
    println!(
        "{:24} {:>8} {:>10} {:>12} {:>14} {:>8}",
        "25M, 8 x 256", "wall s", "tokens/s", "processor s", "times as fast", "peak MB"
    );
    for (kind, costs) in KINDS.iter().zip(&costs) {
        let cost = median(costs);
        let peak = if *kind == "plain" { plain_peak } else { peak_of(kind) };
        let (tokens, ratio) = (batch.tokens.len() as f64 / cost.wall, plain.wall / cost.wall);
        let share = 100.0 * peak / plain_peak;
        println!(
            "{kind:24} {:8.3} {tokens:10.0} {:12.2} {ratio:14.2} {peak:8.0} ({share:.0} %)",
            cost.wall, cost.processor
        );
    }
}

fn small(runs: usize) {
    let batch = SMALL.batch(64, 32, 6);
    let mut engine = Engine::new(SMALL, false, false);
    engine.step(&batch);
    let costs = (0..runs).map(|_| timed(|| assert!(engine.step(&batch).is_finite()))).collect::<Vec<_>>();
    let cost = median(&costs);
    let tokens = batch.tokens.len() as f64;
    println!("{:24} {:8.4} {:10.0} {:12.3}", "0.9M, 64 x 32, fused", cost.wall, tokens / cost.wall, cost.processor);
}

/// A training run's state with 8 examples of 256 tokens, half prompt and half response.
fn trainer() -> (Trainer, Vec<TrainingItem>) {
    let options = NetworkOptions { path: PathChoice::Fused, checkpointing: false };
    let network = Network::new(&MIDDLE.architecture(), options).unwrap();
    let settings = Settings {
        objective: Objective::Wit(Weighting::new(0.4, 0.6).unwrap()),
        learning_rate: 1e-4,
        schedule: Decay::Constant,
        warmup_ratio: 0.0,
        optimizer: AdamW { weight_decay: 0.01, ..AdamW::default() },
        max_grad_norm: Some(1.0),
        batch_size: 8,
        micro_batch_tokens: 4096,
        total_steps: 1_000,
        order: ExampleOrder::File,
        seed: 1,
        weights: WeightType::F32,
        checkpointing: false,
    };
    let tokens = MIDDLE.batch(8, 256, 0).tokens;
    let role = |at: usize| if at < 128 { TokenRole::Prompt } else { TokenRole::Response };
    let example = |ids: &[u32]| TokenizedExample { ids: ids.to_vec(), roles: (0..ids.len()).map(role).collect() };
    let items = tokens.chunks(256).map(|ids| TrainingItem::Example(example(ids))).collect();
    (Trainer::new(network, MIDDLE.model(), settings, 8), items)
}

/// Whole optimizer steps.
fn step(runs: usize) {
    let (mut trainer, items) = trainer();
    let mut one = || assert!(trainer.step(&items, false).unwrap().sums.loss.is_finite());
    one();
    let costs = (0..runs).map(|_| timed(&mut one)).collect::<Vec<_>>();
    let cost = median(&costs);
    let tokens = items.iter().map(TrainingItem::tokens).sum::<usize>();
    let line = serde_json::json!({
        "steps": runs, "tokens": tokens, "wall_s": cost.wall, "processor_s": cost.processor,
        "tokens_per_s": tokens as f64 / cost.wall,
    });
    println!("{line}");
}

fn main() {
    let arguments = std::env::args().collect::<Vec<_>>();
    if let Some(at) = arguments.iter().position(|argument| argument == "--alone") {
        alone(arguments.get(at + 1).map_or("", String::as_str));
        return;
    }
    let filter = arguments.iter().skip(1).find(|argument| !argument.starts_with("--")).map_or("", String::as_str);
    let runs = |default| std::env::var("TRAINING_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(default);
    if filter.is_empty() || filter == "small" {
        small(runs(21));
    }
    if filter == "step" {
        step(runs(5));
    }
    if filter.is_empty() || filter == "compare" {
        compare(runs(5));
    }
}
