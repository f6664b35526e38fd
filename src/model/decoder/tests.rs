#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

use std::fs;
use std::path::PathBuf;

use candle_core::{DType, Device, Var};
use rayon::prelude::*;

use super::*;

fn folders() -> Vec<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures");
    let dir = PathBuf::from(std::env::var("WIT_EVAL_FIXTURES").unwrap_or_else(|_| default.to_owned())).join("models");
    let Ok(entries) = fs::read_dir(&dir) else {
        println!("skipped: no {}", dir.display());
        return Vec::new();
    };
    let mut folders = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect::<Vec<_>>();
    folders.sort();
    folders
}

fn open(dir: &std::path::Path) -> (Architecture, Weights) {
    let config = fs::read_to_string(dir.join("config.json")).unwrap();
    (Architecture::from_config_json(&config).unwrap(), Weights::open(dir).unwrap())
}

fn variables(architecture: &Architecture, weights: &Weights, dtype: DType) -> BTreeMap<String, Var> {
    let mut variables = BTreeMap::new();
    for view in architecture.tensors() {
        let name = view.names.iter().find(|name| weights.contains(name)).unwrap();
        let values = weights.to_f32(name, &view.shape).unwrap();
        let tensor = Tensor::from_vec(values, view.shape.as_slice(), &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
        variables.entry(name.clone()).or_insert_with(|| Var::from_tensor(&tensor).unwrap());
    }
    variables
}

fn tensors(variables: &BTreeMap<String, Var>) -> BTreeMap<String, Tensor> {
    variables.iter().map(|(name, variable)| (name.clone(), variable.as_tensor().clone())).collect()
}

/// A trunk of 30 tokens, two branches, and an unrelated sequence.
fn forest() -> (Forest, Batch) {
    let (mut forest, mut batch) = (Forest::default(), Batch::default());
    let ids = (0..60_u32).map(|i| i * 37 % 1_999 + 8).collect::<Vec<_>>();
    let trunk = forest.branch(None);
    forest.append(trunk, &ids[..30], &mut batch);
    for branch in [&ids[30..36], &ids[36..37]] {
        let run = forest.branch(Some(trunk));
        forest.append(run, branch, &mut batch);
    }
    let other = forest.branch(None);
    forest.append(other, &ids[37..], &mut batch);
    (forest, batch)
}

#[test]
fn both_paths_agree_on_a_branching_batch_for_every_family() {
    for dir in folders() {
        let (architecture, weights) = open(&dir);
        let variables = variables(&architecture, &weights, DType::F32);
        let plain = Decoder::plain(architecture.clone(), &tensors(&variables)).unwrap();
        let (forest, batch) = forest();
        let rows = (0..60_u32).collect::<Vec<_>>();
        let targets = rows.iter().map(|row| row * 11 % 2_000).collect::<Vec<_>>();
        let hidden = plain.hidden(&batch, &forest, &mut plain.cache()).unwrap();
        let expected = plain.log_probs(&hidden, &rows, &targets).unwrap().to_vec1::<f32>().unwrap();
        for isa in Isa::available() {
            let fused = Decoder::fused(architecture.clone(), &weights, isa, WeightType::Stored).unwrap();
            let hidden = fused.hidden(&batch, &forest, &mut fused.cache()).unwrap();
            let hidden = fused.rows(&hidden, &(0..60).collect::<Vec<_>>()).unwrap();
            let query = |target: &u32| RowQuery { targets: vec![*target], all_logits: false };
            let answers = fused.answer(hidden, &targets.iter().map(query).collect::<Vec<_>>()).unwrap();
            for (row, (answer, expected)) in answers.iter().zip(&expected).enumerate() {
                let difference = (answer.target_nats[0] - expected).abs();
                assert!(difference < 1e-4, "{} {} row {row}: {difference}", dir.display(), isa.name());
            }
        }
    }
}

/// The mean negative log-probability of some targets, in double precision.
fn loss(architecture: &Architecture, variables: &BTreeMap<String, Var>) -> Tensor {
    let decoder = Decoder::plain(architecture.clone(), &tensors(variables)).unwrap();
    let (forest, batch) = forest();
    let rows = (0..59_u32).collect::<Vec<_>>();
    let targets = batch.tokens.iter().skip(1).copied().collect::<Vec<_>>();
    let hidden = decoder.hidden(&batch, &forest, &mut decoder.cache()).unwrap();
    decoder.log_probs(&hidden, &rows, &targets).unwrap().mean_all().unwrap().neg().unwrap()
}

#[test]
fn every_parameter_of_every_family_gets_a_gradient_that_agrees_with_finite_differences() {
    folders().par_iter().for_each(|dir| {
        let (architecture, weights) = open(dir);
        let variables = variables(&architecture, &weights, DType::F64);
        let gradients = loss(&architecture, &variables).backward().unwrap();
        for (name, variable) in &variables {
            let what = format!("{} {name}", dir.display());
            let gradient = gradients.get(variable.as_tensor()).unwrap_or_else(|| panic!("{what}: no gradient"));
            let gradient = gradient.flatten_all().unwrap().to_vec1::<f64>().unwrap();
            assert!(gradient.iter().all(|value| value.is_finite()), "{what}");
            let values = variable.as_tensor().flatten_all().unwrap().to_vec1::<f64>().unwrap();
            let largest = (0..values.len()).max_by(|a, b| gradient[*a].abs().total_cmp(&gradient[*b].abs())).unwrap();
            // A bias of keys shifts all scores of a query alike: its gradient is zero by right.
            assert!(gradient[largest].abs() > 1e-9 || name.contains("k_proj.bias"), "{what}: gradient is zero");
            let step = 1e-5;
            let at = |value: f64| {
                let mut moved = values.clone();
                moved[largest] = value;
                let moved = Tensor::from_vec(moved, variable.as_tensor().dims(), &Device::Cpu).unwrap();
                variable.set(&moved).unwrap();
                loss(&architecture, &variables).to_scalar::<f64>().unwrap()
            };
            let difference = (at(values[largest] + step) - at(values[largest] - step)) / (2.0 * step);
            at(values[largest]);
            let error = (difference - gradient[largest]).abs();
            assert!(error < 1e-6 + 1e-4 * difference.abs(), "{what}: {} but {difference}", gradient[largest]);
        }
    });
}

#[test]
fn the_differentiable_path_refuses_a_batch_that_continues_what_it_has_not_seen() {
    let Some(dir) = folders().into_iter().next() else { return };
    let (architecture, weights) = open(&dir);
    let plain =
        Decoder::plain(architecture.clone(), &tensors(&variables(&architecture, &weights, DType::F32))).unwrap();
    let mut forest = Forest::default();
    let run = forest.branch(None);
    forest.append(run, &[1, 2], &mut Batch::default());
    let mut batch = Batch::default();
    forest.append(run, &[3], &mut batch);
    assert!(matches!(plain.hidden(&batch, &forest, &mut plain.cache()), Err(DecoderError::IncompleteForest)));
    let (mut forest, mut batch) = (Forest::default(), Batch::default());
    let run = forest.branch(None);
    forest.append(run, &[99_999], &mut batch);
    let error = plain.hidden(&batch, &forest, &mut plain.cache()).unwrap_err();
    assert!(matches!(error, DecoderError::TokenOutsideVocabulary { id: 99_999, .. }));
}
