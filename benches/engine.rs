//! Speed of the engine: `cargo bench --bench engine`.
//!
//! A seeded Llama of 25 million parameters (width 512, 8 layers, 8 heads of which 4 hold keys, 1408 between, 2048
//! tokens), random weights; and, where it is present, the trained story model of 656 thousand parameters.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use divan::Bencher;
use divan::counter::ItemsCount;
use rand::Rng as _;
use safetensors::tensor::{Dtype, TensorView};
use wit_eval::model::architecture::Architecture;
use wit_eval::model::engine::{Engine, EngineOptions, GenerationRequest, Scoring};
use wit_eval::model::kernels::{self, Isa, PackedMatrix, PackedRows};
use wit_eval::model::weights::Weights;
use wit_eval::request::{Decoding, Sampling};
use wit_eval::seed::Seed;

const CONFIG: &str = r#"{"model_type": "llama", "hidden_size": 512, "intermediate_size": 1408, "num_attention_heads": 8,
    "num_key_value_heads": 4, "num_hidden_layers": 8, "vocab_size": 2048, "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true}"#;

fn main() {
    divan::main();
}

static SYNTHETIC: LazyLock<Engine> = LazyLock::new(|| {
    let architecture = Architecture::from_config_json(CONFIG).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut stream = Seed(1).stream(&["bench weights"]);
    let mut stored = BTreeMap::new();
    for view in architecture.tensors() {
        let count = view.shape.iter().product::<usize>();
        let bytes = (0..count).flat_map(|_| stream.random_range(-0.05_f32..0.05).to_le_bytes()).collect::<Vec<u8>>();
        stored.insert(view.names[0].clone(), (bytes, view.shape.clone()));
    }
    let views = stored
        .iter()
        .map(|(name, (bytes, shape))| (name.clone(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    safetensors::serialize_to_file(views, None, &folder.path().join("model.safetensors")).unwrap();
    std::fs::write(folder.path().join("config.json"), CONFIG).unwrap();
    open(folder.path())
});

static STORIES: LazyLock<Option<Engine>> = LazyLock::new(|| {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/models/tinystories-656k"));
    folder.exists().then(|| open(&folder))
});

fn open(folder: &Path) -> Engine {
    let config = std::fs::read_to_string(folder.join("config.json")).unwrap();
    let architecture = Architecture::from_config_json(&config).unwrap();
    Engine::open(architecture, &Weights::open(folder).unwrap(), EngineOptions::default()).unwrap()
}

fn engine(name: &str) -> Option<&'static Engine> {
    if name == "synthetic-25m" { Some(&SYNTHETIC) } else { STORIES.as_ref() }
}

const MODELS: [&str; 2] = ["synthetic-25m", "tinystories-656k"];

/// A question of 300 tokens with choices of 4 tokens.
fn choices(count: u32) -> Vec<Scoring> {
    let context = (0..300_u32).map(|i| i * 13 % 1_900 + 8).collect::<Vec<_>>();
    let choice = |n: u32| Scoring { context: context.clone(), continuation: vec![100 + n, 200, 300 + n, 400] };
    (0..count).map(choice).collect()
}

#[divan::bench(args = MODELS, sample_count = 20)]
fn one_choice(bencher: Bencher<'_, '_>, model: &str) {
    let Some(engine) = engine(model) else { return };
    let items = choices(1);
    bencher.bench_local(|| engine.score(&items, &mut |_, score| assert!(score.is_ok())).unwrap());
}

#[divan::bench(args = MODELS, sample_count = 20)]
fn four_choices_shared(bencher: Bencher<'_, '_>, model: &str) {
    let Some(engine) = engine(model) else { return };
    let items = choices(4);
    bencher.bench_local(|| engine.score(&items, &mut |_, score| assert!(score.is_ok())).unwrap());
}

/// As long as the model reads: attention is a quarter of the work.
#[divan::bench(args = MODELS, sample_count = 5)]
fn long_context(bencher: Bencher<'_, '_>, model: &str) {
    let Some(engine) = engine(model) else { return };
    let length = engine.max_length_tokens();
    let context = (0..u32::try_from(length).unwrap()).map(|i| i * 13 % 1_900 + 8).collect::<Vec<_>>();
    let items = [Scoring { context, continuation: vec![100] }];
    bencher.counter(ItemsCount::new(length)).bench_local(|| {
        engine.score(&items, &mut |_, score| assert!(score.is_ok())).unwrap();
    });
}

#[divan::bench(args = MODELS, sample_count = 10)]
fn four_choices_one_by_one(bencher: Bencher<'_, '_>, model: &str) {
    let Some(engine) = engine(model) else { return };
    let items = choices(4);
    bencher.bench_local(|| {
        for item in &items {
            engine.score(std::slice::from_ref(item), &mut |_, score| assert!(score.is_ok())).unwrap();
        }
    });
}

/// Prompts of 20 tokens, 64 new ones each.
#[divan::bench(args = MODELS, consts = [1, 8], sample_count = 10)]
fn generation<const PROMPTS: usize>(bencher: Bencher<'_, '_>, model: &str) {
    let Some(engine) = engine(model) else { return };
    let request = |n: usize| GenerationRequest {
        prompt: (0..20_u32).map(|i| i * 31 % 1_900 + 8 + u32::try_from(n).unwrap()).collect(),
        decoding: Decoding { max_new_tokens: 64, stop: Vec::new(), sampling: Sampling::Greedy, sample: 0 },
        end_tokens: Vec::new(),
        stream_label: String::new(),
    };
    let requests = (0..PROMPTS).map(request).collect::<Vec<_>>();
    bencher.counter(ItemsCount::new(64 * PROMPTS)).bench_local(|| {
        engine.generate(&requests, &|_| String::new(), &mut |_, result| assert!(result.is_ok())).unwrap();
    });
}

/// The products of one layer of the synthetic model, `(inputs, outputs)`.
const PROJECTIONS: [(usize, usize); 4] = [(512, 1_024), (512, 512), (512, 2_816), (1_408, 512)];

/// Floating-point operations a second of a layer's products for this many rows, which packing is part of: what the forward
/// pass is measured against. Items are operations.
#[divan::bench(args = [1, 2, 8, 64, 312], sample_count = 50)]
fn own_linear(bencher: Bencher<'_, '_>, rows: usize) {
    let layer = PROJECTIONS.map(|(inputs, outputs)| {
        let weights = kernels::Values::Single(vec![0.5; inputs * outputs]);
        (vec![0.25; rows * inputs], PackedMatrix::stack(inputs, vec![(weights, None)]))
    });
    let operations = PROJECTIONS.map(|(inputs, outputs)| 2 * rows * inputs * outputs);
    bencher.counter(ItemsCount::new(operations.iter().sum::<usize>())).bench_local(|| {
        for (x, weights) in &layer {
            divan::black_box(kernels::linear(Isa::detected(), &PackedRows::new(x, weights.inputs()), weights));
        }
    });
}

#[divan::bench(args = [1, 2, 8, 64, 312], sample_count = 50)]
fn candle_matmul(bencher: Bencher<'_, '_>, rows: usize) {
    let tensor = |shape: (usize, usize)| {
        candle_core::Tensor::ones(shape, candle_core::DType::F32, &candle_core::Device::Cpu).unwrap()
    };
    let (x, weights) = (tensor((rows, 512)), tensor((1408, 512)).t().unwrap());
    bencher.counter(ItemsCount::new(2 * rows * 512 * 1408)).bench_local(|| x.matmul(&weights).unwrap());
}
