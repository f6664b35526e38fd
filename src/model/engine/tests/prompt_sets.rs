//! Prompt sets: what is shared and batched changes no bit.

use super::*;

/// Sets of two to four prompts that share a head, greedy and sampled.
pub(super) fn sets() -> Vec<PromptSetRequest> {
    let mut stream = Seed(6).stream(&["sets"]);
    let mut ids = |count: usize| (0..count).map(|_| stream.random_range(8..2_000)).collect::<Vec<u32>>();
    let set = |(number, prompts): (usize, usize)| {
        let head = ids(40);
        let prompt = |at: usize| {
            let sampling = match (number + at) % 3 {
                0 => Sampling::Random { temperature: 1.1, top_p: 0.9, top_k: None, seed: 4 },
                _ => Sampling::Greedy,
            };
            GenerationRequest {
                prompt: [head.clone(), ids(3 + 7 * at)].concat(),
                decoding: Decoding { max_new_tokens: [13, 1, 20][number % 3], stop: vec![], sampling, sample: 0 },
                end_tokens: vec![3],
                stream_label: format!("set {number} prompt {at}"),
            }
        };
        PromptSetRequest { prompts: (0..prompts).map(prompt).collect() }
    };
    [2, 3, 4, 3].into_iter().enumerate().map(set).collect()
}

/// The tokens of a set's replies, and the bits of their log-probabilities.
type Answer = (Vec<Vec<u32>>, Vec<Vec<u64>>);

pub(super) fn answers(engine: &Engine, sets: &[PromptSetRequest]) -> Vec<Answer> {
    let mut all = sets.iter().map(|_| None).collect::<Vec<_>>();
    let done = &mut |at: usize, answer: Result<PromptSetAnswer, EngineError>| {
        let answer = answer.unwrap();
        let replies = answer.replies.into_iter().map(|reply| reply.token_ids).collect();
        let bits = answer.log_probs.iter().map(|row| row.iter().map(|nats| nats.to_bits()).collect()).collect();
        assert!(all[at].replace((replies, bits)).is_none(), "reported twice");
    };
    engine.prompt_sets(sets, &|_| String::new(), done).unwrap();
    all.into_iter().map(Option::unwrap).collect()
}

#[test]
fn every_reply_has_the_bits_under_every_prompt_that_it_has_when_it_is_scored_alone() {
    let sets = sets();
    for dir in models() {
        let engine = engine_in(&dir, (2, 64, 1 << 30));
        let found = answers(&engine, &sets);
        for (set, (replies, log_probs)) in sets.iter().zip(&found) {
            for (prompt, row) in set.prompts.iter().zip(log_probs) {
                for (reply, bits) in replies.iter().zip(row) {
                    let item = Scoring { context: prompt.prompt.clone(), continuation: reply.clone() };
                    let (nats, _) = &score(&engine, &[item])[0];
                    let sum = nats.iter().map(|nats| f64::from(f32::from_bits(*nats))).sum::<f64>();
                    assert_eq!(sum.to_bits(), *bits, "{}", dir.display());
                }
            }
        }
        for way in [(1, 512, 1 << 30), (2, 7, 1 << 30), (3, 64, 1 << 17), (2, 1, 0)] {
            assert_eq!(answers(&engine_in(&dir, way), &sets), found, "{} {way:?}", dir.display());
        }
    }
}

#[test]
fn a_set_with_an_unusable_prompt_is_an_error_and_the_others_are_answered() {
    let Some(dir) = models().into_iter().next() else { return };
    let engine = engine_in(&dir, (2, 64, 1 << 30));
    let mut broken = sets();
    broken[1].prompts[0].prompt.clear();
    let expected = answers(&engine, &sets());
    let mut seen = Vec::new();
    let done = &mut |at: usize, answer: Result<PromptSetAnswer, EngineError>| seen.push((at, answer));
    engine.prompt_sets(&broken, &|_| String::new(), done).unwrap();
    seen.sort_by_key(|(at, _)| *at);
    assert_eq!(seen.len(), 4);
    for (at, answer) in seen {
        match answer {
            Ok(answer) => assert_eq!(answer.replies[0].token_ids, expected[at].0[0]),
            Err(error) => assert!(at == 1 && matches!(error, EngineError::EmptyPrompt), "{at}: {error}"),
        }
    }
}

/// A copy of a checkpoint whose embedding of token 7 is not a number.
fn with_a_broken_token(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    let file = copy.path().join("model.safetensors");
    let mut bytes = fs::read(&file).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let table = tensors.tensor("model.embed_tokens.weight").unwrap();
    let width = table.shape()[1] * size_of::<f32>();
    let start = table.data().as_ptr() as usize - bytes.as_ptr() as usize + 7 * width;
    for value in bytes[start..start + width].chunks_exact_mut(size_of::<f32>()) {
        value.copy_from_slice(&f32::NAN.to_le_bytes());
    }
    fs::write(file, bytes).unwrap();
    copy
}

#[test]
fn a_prompt_that_fails_within_its_set_moves_no_reply_of_another_set() {
    let Some(dir) = models().into_iter().find(|dir| dir.ends_with("llama_untied")) else { return };
    let dir = with_a_broken_token(&dir);
    let engine = engine_in(dir.path(), (2, 64, 1 << 30));
    let expected = answers(&engine, &sets());
    let mut broken = sets();
    broken[1].prompts[1].prompt.push(7);
    let mut seen = 0;
    let done = &mut |at: usize, answer: Result<PromptSetAnswer, EngineError>| {
        seen += 1;
        match answer {
            Ok(answer) => {
                let replies = answer.replies.into_iter().map(|reply| reply.token_ids).collect::<Vec<_>>();
                assert_eq!(replies, expected[at].0, "set {at}");
            }
            Err(error) => assert!(at == 1 && matches!(error, EngineError::NotFinite), "{at}: {error}"),
        }
    };
    engine.prompt_sets(&broken, &|_| String::new(), done).unwrap();
    assert_eq!(seen, 4);
}
