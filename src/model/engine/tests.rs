#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

use std::fs;
use std::path::{Path, PathBuf};

use rand::Rng;
use rand::seq::SliceRandom;

use super::*;
use crate::request::{Decoding, Sampling};
use crate::response::Generation;
use crate::seed::Seed;

mod counts;
mod memory_bound;
mod prompt_sets;

fn models() -> Vec<PathBuf> {
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

fn engine(dir: &Path, options: EngineOptions) -> Engine {
    let config = fs::read_to_string(dir.join("config.json")).unwrap();
    let architecture = Architecture::from_config_json(&config).unwrap();
    Engine::open(architecture, &Weights::open(dir).unwrap(), options).unwrap()
}

/// Threads, tokens of a batch, and bytes of keys and values.
type Way = (usize, usize, usize);

fn options((threads, max_batch_tokens, _): Way) -> EngineOptions {
    let max_batch_tokens = Some(max_batch_tokens);
    EngineOptions { threads: Some(threads), max_batch_tokens, ..EngineOptions::default() }
}

fn engine_in(dir: &Path, way: Way) -> Engine {
    Engine { cache_bytes: way.2, ..engine(dir, options(way)) }
}

/// Questions under two heads, each with several choices, and loners: lengths from 1 to 150 tokens.
fn items() -> Vec<Scoring> {
    let mut stream = Seed(5).stream(&["items"]);
    let mut ids = |count: usize| (0..count).map(|_| stream.random_range(8..2_000)).collect::<Vec<u32>>();
    let mut items = Vec::new();
    for head in [90, 33] {
        let head = ids(head);
        for question in [1, 17, 40] {
            let question = ids(question);
            for choice in [1, 1, 3, 5] {
                let context = [head.as_slice(), &question].concat();
                items.push(Scoring { context, continuation: ids(choice) });
            }
        }
    }
    for length in [1, 2, 16, 47, 100] {
        items.push(Scoring { context: ids(length), continuation: ids(7) });
    }
    // The beginning of another item, and one item twice.
    items.push(Scoring { context: items[0].context[..50].to_vec(), continuation: items[0].context[50..60].to_vec() });
    items.push(items[3].clone());
    items
}

fn score(engine: &Engine, items: &[Scoring]) -> Vec<(Vec<u32>, bool)> {
    let mut all = vec![None; items.len()];
    let done = &mut |at: usize, score: Result<SequenceScore, EngineError>| {
        let score = score.unwrap();
        let bits = score.token_nats.iter().map(|nats| nats.to_bits()).collect();
        assert!(all[at].replace((bits, score.is_greedy)).is_none(), "reported twice");
    };
    engine.score(items, done).unwrap();
    all.into_iter().map(Option::unwrap).collect()
}

#[test]
fn scores_have_the_same_bits_whatever_the_batch_the_threads_the_order_and_the_company() {
    let items = items();
    for dir in models() {
        let expected = score(&engine_in(&dir, (1, 512, 1 << 30)), &items);
        let ways = [(2, 1, 1 << 30), (2, 7, 1 << 30), (3, 64, 1 << 16), (2, 4096, 0)];
        for way in ways {
            let what = format!("{} {way:?}", dir.display());
            let engine = engine_in(&dir, way);
            assert_eq!(score(&engine, &items), expected, "{what}");
            let mut order = (0..items.len()).collect::<Vec<_>>();
            order.shuffle(&mut Seed(1).stream(&["order"]));
            let shuffled = order.iter().map(|at| items[*at].clone()).collect::<Vec<_>>();
            let scores = score(&engine, &shuffled);
            assert!(order.iter().zip(scores).all(|(at, score)| expected[*at] == score), "{what}: shuffled");
        }
        let engine = engine_in(&dir, (2, 512, 1 << 30));
        for (item, expected) in items.iter().zip(&expected) {
            assert_eq!(&score(&engine, std::slice::from_ref(item))[0], expected, "{}: alone", dir.display());
        }
    }
}

#[test]
fn scores_have_the_same_bits_on_every_instruction_set() {
    let items = items();
    for dir in models().into_iter().take(4) {
        let with = |isa| score(&engine(&dir, EngineOptions { isa, ..options((2, 64, 0)) }), &items);
        let expected = with(Isa::PORTABLE);
        for isa in Isa::available() {
            assert_eq!(with(isa), expected, "{} {}", dir.display(), isa.name());
        }
    }
}

fn requests() -> Vec<GenerationRequest> {
    let request = |(number, item): (usize, Scoring)| GenerationRequest {
        prompt: item.context,
        decoding: Decoding {
            max_new_tokens: [0, 1, 9, 20][number % 4],
            stop: vec!["7 1".to_owned(), "99".to_owned()],
            sampling: if number % 3 == 0 {
                Sampling::Greedy
            } else {
                Sampling::Random { temperature: 1.3, top_p: 0.95, top_k: Some(50), seed: 9 }
            },
            sample: 0,
        },
        end_tokens: (0..200).collect(),
        stream_label: format!("request {number}"),
    };
    items().into_iter().enumerate().map(request).collect()
}

fn generate(engine: &Engine, requests: &[GenerationRequest]) -> Vec<Generation> {
    let text = |ids: &[u32]| ids.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
    let mut all = requests.iter().map(|_| None).collect::<Vec<_>>();
    let done = &mut |at: usize, result: Result<_, _>| {
        assert!(all[at].replace(result.unwrap()).is_none(), "reported twice");
    };
    engine.generate(requests, &text, done).unwrap();
    all.into_iter().map(Option::unwrap).collect()
}

#[test]
fn generations_are_the_same_whatever_the_batch_the_threads_and_the_company() {
    let requests = requests();
    for dir in models() {
        let expected = generate(&engine_in(&dir, (1, 512, 1 << 30)), &requests);
        assert!(expected.iter().any(|one| one.finish == crate::response::FinishReason::StopString));
        for way in [(2, 1, 1 << 30), (2, 7, 1 << 30), (3, 64, 1 << 17), (2, 64, 0)] {
            let engine = engine_in(&dir, way);
            assert_eq!(generate(&engine, &requests), expected, "{} {way:?}", dir.display());
        }
        let engine = engine_in(&dir, (2, 64, 1 << 30));
        for (request, expected) in requests.iter().zip(&expected) {
            assert_eq!(&generate(&engine, std::slice::from_ref(request))[0], expected, "{}: alone", dir.display());
        }
    }
}

/// Greedy continuations of prompts that repeat themselves, up to an end token or to their limit.
fn repeating(end_tokens: &[u32]) -> Vec<GenerationRequest> {
    let mut stream = Seed(8).stream(&["repeating"]);
    let request = |number: usize| {
        let turn = (0..5 + number).map(|_| stream.random_range(8..2_000)).collect::<Vec<u32>>();
        GenerationRequest {
            prompt: turn.repeat(4),
            decoding: Decoding::greedy(if number.is_multiple_of(2) { 150 } else { 41 }),
            end_tokens: end_tokens.to_vec(),
            stream_label: String::new(),
        }
    };
    (0..6).map(request).collect()
}

#[test]
fn guessed_tokens_change_no_reply_of_any_family_and_save_passes() {
    let mut guesses = Vec::new();
    for dir in models() {
        let plain = |end_tokens: &[u32]| {
            let engine = engine(&dir, EngineOptions { lookup: false, ..options((2, 64, 0)) });
            let replies = generate(&engine, &repeating(end_tokens));
            assert_eq!(engine.guesses(), Guesses { right: 0, wrong: 0 });
            replies
        };
        // A token in the middle of a reply, to end it there: also one that is guessed.
        let whole = plain(&[]);
        let ends = [vec![], vec![whole[0].token_ids[70]]];
        for end_tokens in ends {
            let (requests, expected) = (repeating(&end_tokens), plain(&end_tokens));
            for way in [(1, 512, 1 << 30), (2, 64, 1 << 30), (2, 7, 0), (2, 1, 0)] {
                let engine = engine_in(&dir, way);
                assert_eq!(generate(&engine, &requests), expected, "{} {way:?}", dir.display());
            }
            let alone = engine_in(&dir, (2, 64, 1 << 30));
            for (request, expected) in requests.iter().zip(&expected) {
                assert_eq!(&generate(&alone, std::slice::from_ref(request))[0], expected, "{}", dir.display());
            }
            guesses.push(alone.guesses());
        }
    }
    let sum = |of: fn(&Guesses) -> u64| guesses.iter().map(of).sum::<u64>();
    let (right, wrong) = (sum(|guesses| guesses.right), sum(|guesses| guesses.wrong));
    assert!(right > wrong && right > 0, "{right} {wrong}");
}

#[test]
fn a_sequence_and_its_scores_do_not_depend_on_how_the_prefix_was_computed() {
    let Some(dir) = models().into_iter().next() else { return };
    let engine = engine_in(&dir, (2, 64, 1 << 30));
    let item = items().swap_remove(2);
    let ids = [item.context.as_slice(), &item.continuation].concat();
    let whole = engine.sequence_log_probs(&ids).unwrap();
    for split in [1, 2, 15, 16, 17, ids.len() - 1] {
        let item = Scoring { context: ids[..split].to_vec(), continuation: ids[split..].to_vec() };
        let expected = whole[split - 1..].iter().map(|nats| nats.to_bits()).collect::<Vec<_>>();
        assert_eq!(score(&engine, &[item])[0].0, expected);
    }
}

#[test]
fn four_choices_of_a_long_question_cost_hardly_more_tokens_than_one() {
    let Some(dir) = models().into_iter().next() else { return };
    let question = (0..300_u32).map(|i| i * 13 % 1_900 + 8).collect::<Vec<_>>();
    let choice = |n: u32| Scoring { context: question.clone(), continuation: vec![100 + n, 200, 300 + n, 400] };
    let computed = |choices: u32| {
        let engine = engine(&dir, EngineOptions::default());
        score(&engine, &(0..choices).map(choice).collect::<Vec<_>>());
        engine.computed_tokens()
    };
    let (one, four) = (computed(1), computed(4));
    assert_eq!((one, four), (303, 312));
    assert!(four * 2 <= one * 3);
}

#[test]
fn too_long_input_is_cut_on_the_left_and_too_long_continuations_are_refused() {
    let Some(dir) = models().into_iter().next() else { return };
    let short = EngineOptions { max_length_tokens: Some(20), ..EngineOptions::default() };
    let engine = engine(&dir, short);
    let ids = (0..60_u32).map(|i| i * 7 + 8).collect::<Vec<_>>();
    let long = Scoring { context: ids[..50].to_vec(), continuation: ids[50..].to_vec() };
    let kept = Scoring { context: ids[39..50].to_vec(), continuation: ids[50..].to_vec() };
    assert_eq!(score(&engine, &[long])[0], score(&engine, &[kept])[0]);
    let refused = [
        Scoring { context: ids[..1].to_vec(), continuation: ids[..21].to_vec() },
        Scoring { context: Vec::new(), continuation: ids[..2].to_vec() },
        Scoring { context: vec![1], continuation: vec![1_000_000] },
    ];
    let mut errors = Vec::new();
    engine.score(&refused, &mut |at, result| errors.push((at, result.unwrap_err()))).unwrap();
    assert!(matches!(errors[0].1, EngineError::ContinuationTooLong { tokens: 21, max_length: 20 }));
    assert!(matches!(errors[1].1, EngineError::EmptyPrompt));
    assert!(matches!(errors[2].1, EngineError::Decoder(DecoderError::TokenOutsideVocabulary { .. })));
}

#[test]
fn a_prompt_is_cut_so_that_the_generation_fits_and_a_full_context_ends_it() {
    let Some(dir) = models().into_iter().next() else { return };
    let short = EngineOptions { max_length_tokens: Some(20), ..EngineOptions::default() };
    let engine = engine(&dir, short);
    let ids = (0..60_u32).map(|i| i * 7 + 8).collect::<Vec<_>>();
    let request = |prompt: &[u32], max_new_tokens| GenerationRequest {
        prompt: prompt.to_vec(),
        decoding: Decoding::greedy(max_new_tokens),
        end_tokens: Vec::new(),
        stream_label: String::new(),
    };
    let generations = generate(&engine, &[request(&ids, 8), request(&ids[48..], 8), request(&ids, 100)]);
    assert_eq!(generations[0].token_ids, generations[1].token_ids);
    assert_eq!(generations.iter().map(|made| made.prompt_tokens_cut).collect::<Vec<_>>(), [48, 0, 50]);
    assert_eq!(generations[0].token_ids.len(), 8);
    assert_eq!(generations[2].token_ids.len(), 10, "half of the context is left to the prompt");
}

/// The tensor library's own operations with kept keys and values, on the CPU, where both can be had.
#[test]
fn a_device_gives_the_scores_and_texts_of_the_kernels_for_every_family() {
    for dir in models() {
        let options = EngineOptions { weight_type: WeightType::Float32, ..options((2, 64, 1 << 30)) };
        let kernels = engine(&dir, options.clone());
        let device = engine(&dir, EngineOptions { device: Some(Device::Cpu), ..options });
        let (items, name) = (items(), dir.display());
        let nats = |engine: &Engine| {
            let scores = score(engine, &items).into_iter();
            scores.flat_map(|(bits, _)| bits).map(f32::from_bits).collect::<Vec<_>>()
        };
        for (kernels, device) in nats(&kernels).iter().zip(&nats(&device)) {
            assert!((kernels - device).abs() < 2e-4, "{name}: {kernels} {device}");
        }
        let requests = items.iter().map(|item| GenerationRequest {
            prompt: item.context.clone(),
            decoding: Decoding { max_new_tokens: 12, stop: Vec::new(), sampling: Sampling::Greedy, sample: 0 },
            end_tokens: Vec::new(),
            stream_label: String::new(),
        });
        let requests = requests.collect::<Vec<_>>();
        let ids = |engine: &Engine| {
            let mut all = vec![Vec::new(); requests.len()];
            let text = |_: &[u32]| String::new();
            engine.generate(&requests, &text, &mut |at, reply| all[at] = reply.unwrap().token_ids).unwrap();
            all
        };
        let (kernels, device) = (ids(&kernels), ids(&device));
        let equal = kernels.iter().zip(&device).filter(|(a, b)| a == b).count();
        // A near-tie may go either way.
        assert!(equal + 1 >= requests.len(), "{name}: {equal} of {} texts are equal", requests.len());
    }
}
