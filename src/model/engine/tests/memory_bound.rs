//! Peak memory, as the system counts it, in a process of its own.

use std::process::Command;

use safetensors::tensor::{Dtype, TensorView};

use super::*;

const CONFIG: &str = r#"{"model_type": "llama", "hidden_size": 512, "intermediate_size": 1408, "num_attention_heads": 8,
    "num_key_value_heads": 4, "num_hidden_layers": 8, "vocab_size": 2048, "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true}"#;

const BYTES: u64 = 300 << 20;

/// A line of `/proc/self/status`, in bytes.
fn status(key: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Run by the test below.
#[test]
#[ignore = "measures its own process, which the tests around it would disturb"]
fn scoring_in_a_process_of_its_own() {
    let architecture = Architecture::from_config_json(CONFIG).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut stream = Seed(1).stream(&["weights"]);
    let tensors = architecture.tensors().into_iter().map(|view| {
        let count = view.shape.iter().product::<usize>();
        let bytes = (0..count).flat_map(|_| stream.random_range(-0.05_f32..0.05).to_le_bytes()).collect::<Vec<u8>>();
        (view.names[0].clone(), bytes, view.shape.clone())
    });
    let tensors = tensors.collect::<Vec<_>>();
    let views = tensors
        .iter()
        .map(|(name, bytes, shape)| (name.clone(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    safetensors::serialize_to_file(views, None, &folder.path().join("model.safetensors")).unwrap();
    drop(tensors);
    let engine = Engine::open(architecture, &Weights::open(folder.path()).unwrap(), EngineOptions::default()).unwrap();
    // From here on, the peak is that of scoring.
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let ids = |from: u32| (0..500).map(|at| (from + at * 13) % 1_900 + 8).collect::<Vec<u32>>();
    let items = (0..4).map(|at| Scoring { context: ids(at), continuation: ids(at + 50)[..20].to_vec() });
    let items = items.collect::<Vec<_>>();
    let tokens = score_count(&items, 2048).computed;
    score(&engine, &items);
    let plan = engine.memory();
    let (peak, known) = (status("VmHWM"), plan.weight_bytes + tokens * plan.cache_bytes_per_token);
    println!("peak {peak}, weights {}, keys and values of all tokens {}", plan.weight_bytes, known - plan.weight_bytes);
    assert!(peak <= known + BYTES, "{peak} > {known} + {BYTES}");
    assert!(plan.weight_bytes >= 4 * engine.decoder.architecture().parameters() as u64);
}

#[test]
fn scoring_takes_no_more_than_weights_and_keys_and_values_and_300_megabytes() {
    if !cfg!(target_os = "linux") {
        println!("skipped: peak memory is read from /proc");
        return;
    }
    let name = concat!(module_path!(), "::scoring_in_a_process_of_its_own");
    let name = name.split_once("::").unwrap().1;
    let output = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    println!("{text}");
}
