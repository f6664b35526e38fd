#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::instruction::{PreferencePrompt, PreferenceRow};
use crate::model::tokens::DeclaredIds;

fn fixtures() -> Option<PathBuf> {
    let folder = std::env::var_os("WIT_EVAL_FIXTURES")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures")), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no fixtures in {}", folder.display());
    None
}

fn tokenizer(fixtures: &Path, name: &str) -> TextTokenizer {
    TextTokenizer::open(&fixtures.join("tokenizers").join(name), DeclaredIds::default()).unwrap()
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn settings(format: PromptFormat) -> RenderSettings {
    RenderSettings { format, max_tokens: 4096, truncation: Truncation::Right, end_ids: Vec::new(), date: None }
}

fn text_row(prompt: &str, response: &str) -> InstructionRow {
    InstructionRow { number: 1, body: InstructionBody::Text { prompt: prompt.into(), response: response.into() } }
}

fn talk(turns: &[(Role, &str)]) -> InstructionRow {
    let turns = turns.iter().map(|(role, text)| Message::new(*role, *text)).collect();
    InstructionRow { number: 1, body: InstructionBody::Conversation(turns) }
}

fn whole(renderer: &Renderer, row: &InstructionRow) -> TokenizedExample {
    match renderer.render(row).unwrap() {
        Rendered::Whole(example) => example,
        other => panic!("{other:?}"),
    }
}

/// The example as a reader would mark it: stretches of one role.
fn stretches(tokenizer: &TextTokenizer, example: &TokenizedExample) -> Vec<(TokenRole, String)> {
    let mut start = 0;
    let run = |run: &[TokenRole]| {
        let ids = &example.ids[start..start + run.len()];
        start += run.len();
        (run[0], tokenizer.decode(ids, false).unwrap())
    };
    example.roles.chunk_by(|a, b| a == b).map(run).collect()
}

fn answers(tokenizer: &TextTokenizer, example: &TokenizedExample) -> Vec<String> {
    let all = stretches(tokenizer, example).into_iter();
    all.filter(|(role, _)| *role == TokenRole::Response).map(|(_, text)| text).collect()
}

/// Token ids, prompt lengths and label counts of the reference trainer's own processing (`wit.json`).
#[test]
fn the_wit_format_gives_the_reference_trainers_ids_and_prompt_lengths() {
    let Some(fixtures) = fixtures() else { return };
    let tokenizer = tokenizer(&fixtures, "bpe_llama3");
    let renderer = Renderer::new(&tokenizer, None, settings(PromptFormat::Wit)).unwrap();
    for folder in ["llama3_tied", "llama_untied", "lora_qv"] {
        let wit = json(&fixtures.join("wit").join(folder).join("wit.json"));
        let rows = wit["pairs"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let examples: Vec<_> =
            rows.map(|pair| whole(&renderer, &text_row(&text(&pair["prompt"]), &text(&pair["response"])))).collect();
        assert_eq!(examples.len(), 20);
        let batch = &wit["batch"];
        for (place, example) in examples.iter().take(4).enumerate() {
            let length = usize::try_from(batch["lengths"][place].as_u64().unwrap()).unwrap();
            let ids: Vec<u32> = serde_json::from_value(batch["input_ids"][place].clone()).unwrap();
            assert_eq!(example.ids, ids[..length], "{folder} pair {place}");
            let prompt = example.roles.iter().filter(|role| **role != TokenRole::Response).count();
            assert_eq!(Some(prompt as u64), batch["prompt_lens"][place].as_u64());
            assert_eq!(example.roles[0], TokenRole::Special);
        }
        // All twenty, four a step, by the number of labels of each step.
        for run in wit["training"].as_array().unwrap() {
            let (prompt, response) = (run["prompt_weight"] != 0.0, run["response_weight"] != 0.0);
            let pairs = usize::try_from(run["num_pairs"].as_u64().unwrap()).unwrap();
            let labels = |example: &TokenizedExample| {
                let of = |role, counted: bool| if counted { example.predicted(role) } else { 0 };
                of(TokenRole::Prompt, prompt) + of(TokenRole::Response, response)
            };
            let counts: Vec<usize> = examples[..pairs].chunks(4).map(|step| step.iter().map(labels).sum()).collect();
            assert_eq!(serde_json::to_value(counts).unwrap(), run["num_items_per_step"], "{folder}");
        }
    }
}

/// Token ids of TRL's trainer for the same pairs (`dpo.json`).
#[test]
fn a_preference_in_plain_format_gives_the_reference_ids() {
    let Some(fixtures) = fixtures() else { return };
    let tokenizer = tokenizer(&fixtures, "bpe_llama3");
    let renderer = Renderer::new(&tokenizer, None, settings(PromptFormat::Plain)).unwrap();
    for pair in json(&fixtures.join("dpo/dpo.json"))["pairs"].as_array().unwrap() {
        let text = |key: &str| pair[key].as_str().unwrap().to_owned();
        let row = PreferenceRow {
            number: 1,
            prompt: PreferencePrompt::Text(text("prompt")),
            chosen: text("chosen"),
            rejected: text("rejected"),
        };
        let RenderedPair::Whole(found) = renderer.render_pair(&row).unwrap() else { panic!("not cut") };
        for (example, key) in [(found.chosen, "chosen_ids"), (found.rejected, "rejected_ids")] {
            let ids = |key: &str| serde_json::from_value::<Vec<u32>>(pair[key].clone()).unwrap();
            let prompt = ids("prompt_ids").len();
            assert_eq!(example.ids, [ids("prompt_ids"), ids(key)].concat());
            assert!(example.roles[prompt..].iter().all(|role| *role == TokenRole::Response));
            assert!(example.roles[1..prompt].iter().all(|role| *role == TokenRole::Prompt));
        }
    }
}

#[test]
fn every_template_gives_the_roles_that_a_reader_would_mark() {
    use TokenRole::{Prompt, Response, Special};
    let Some(fixtures) = fixtures() else { return };
    let tokenizer = tokenizer(&fixtures, "bpe_llama3");
    let templates = json(&fixtures.join("chat_templates.json"))["templates"].clone();
    let row = talk(&[
        (Role::User, "Name a fruit."),
        (Role::Assistant, "An apple"),
        (Role::User, "Another?"),
        (Role::Assistant, "<|a|> pear\n"),
    ]);
    let bos = "<|begin_of_text|>";
    let expected: [(&str, Vec<(TokenRole, &str)>); 5] = [
        (
            "simple",
            vec![
                (Prompt, "<|user|>Name a fruit.<|eot|><|assistant|>"),
                (Response, "An apple<|eot|>"),
                (Prompt, "<|user|>Another?<|eot|><|assistant|>"),
                (Response, "<|a|> pear\n<|eot|>"),
            ],
        ),
        (
            "chatml_default_system",
            vec![
                (
                    Prompt,
                    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nName a \
                     fruit.<|im_end|>\n<|im_start|>assistant\n",
                ),
                (Response, "An apple<|im_end|>"),
                (Prompt, "\n<|im_start|>user\nAnother?<|im_end|>\n<|im_start|>assistant\n"),
                (Response, "<|a|> pear\n<|im_end|><|eot|>"),
            ],
        ),
        (
            "header_trim_date",
            vec![
                (Special, bos),
                (
                    Prompt,
                    "<|system|>\n\nCutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n<|eot|><|user|>\n\n\
                     Name a fruit.<|eot|><|assistant|>\n\n",
                ),
                (Response, "An apple<|eot|>"),
                (Prompt, "<|user|>\n\nAnother?<|eot|><|assistant|>\n\n"),
                (Response, "<|a|> pear<|eot|>"),
            ],
        ),
        (
            "turns_no_system",
            vec![
                (Special, bos),
                (Prompt, "<start_of_turn>user\nName a fruit.<end_of_turn>\n<start_of_turn>model\n"),
                (Response, "An apple<end_of_turn>"),
                (Prompt, "\n<start_of_turn>user\nAnother?<end_of_turn>\n<start_of_turn>model\n"),
                (Response, "<|a|> pear<end_of_turn><|eot|>"),
            ],
        ),
        (
            "tulu_like",
            vec![
                (Special, bos),
                (Prompt, "<|user|>\nName a fruit.\n<|assistant|>\n"),
                (Response, "An apple<|eot|>"),
                (Prompt, "\n<|user|>\nAnother?\n<|assistant|>\n"),
                (Response, "<|a|> pear\n<|eot|>"),
            ],
        ),
    ];
    for (name, expected) in expected {
        let template = ChatTemplate::new(name, templates[name].as_str().unwrap(), tokenizer.named_tokens()).unwrap();
        let renderer = Renderer::new(&tokenizer, Some(&template), settings(PromptFormat::Chat)).unwrap();
        let found = stretches(&tokenizer, &whole(&renderer, &row));
        let found: Vec<(TokenRole, &str)> = found.iter().map(|(role, text)| (*role, text.as_str())).collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn every_tokenizer_ends_the_answer_with_its_own_end_token_in_every_format() {
    let Some(fixtures) = fixtures() else { return };
    for name in ["bpe_llama3", "bpe_qwen", "bpe_gpt2", "bpe_sp"] {
        let tokenizer = tokenizer(&fixtures, name);
        for format in PromptFormat::ALL.into_iter().filter(|format| *format != PromptFormat::Chat) {
            let renderer = Renderer::new(&tokenizer, None, settings(format)).unwrap();
            let body = InstructionBody::Instruction {
                instruction: "Add them.".into(),
                input: Some("2 and 3".into()),
                output: "It is 5.".into(),
            };
            let example = whole(&renderer, &InstructionRow { number: 1, body });
            let last = example.roles.iter().rposition(|role| *role == TokenRole::Response).unwrap();
            assert_eq!(Some(example.ids[last]), tokenizer.eos_id(), "{name} {format}");
            let beginnings = example.ids.iter().filter(|id| Some(**id) == tokenizer.bos_id()).count();
            let shared = tokenizer.bos_id() == tokenizer.eos_id();
            let adds = tokenizer.encode("a", true).unwrap().first().copied() == tokenizer.bos_id();
            assert_eq!(beginnings, usize::from(adds) + usize::from(shared), "{name} {format}");
            let [answer] = &answers(&tokenizer, &example)[..] else { panic!("one answer: {name} {format}") };
            let mark = if format == PromptFormat::Chatml { "<|im_end|>" } else { "" };
            assert_eq!(answer.trim_start(), format!("It is 5.{mark}<|eot|>"), "{name} {format}");
        }
    }
}

#[test]
fn the_alpaca_format_is_stanfords_text() {
    let Some(fixtures) = fixtures() else { return };
    let tokenizer = tokenizer(&fixtures, "bpe_gpt2");
    let renderer = Renderer::new(&tokenizer, None, settings(PromptFormat::Alpaca)).unwrap();
    let row = |input: Option<&str>| InstructionRow {
        number: 1,
        body: InstructionBody::Instruction {
            instruction: "Add.".into(),
            input: input.map(str::to_owned),
            output: "5".into(),
        },
    };
    let text = |input| {
        let parts = stretches(&tokenizer, &whole(&renderer, &row(input)));
        parts.iter().map(|(_, text)| text.as_str()).collect::<String>()
    };
    assert_eq!(
        text(None),
        "Below is an instruction that describes a task. Write a response that appropriately completes the \
         request.\n\n### Instruction:\nAdd.\n\n### Response:5<|eot|>"
    );
    assert_eq!(
        text(Some("2, 3")),
        "Below is an instruction that describes a task, paired with an input that provides further context. Write a \
         response that appropriately completes the request.\n\n### Instruction:\nAdd.\n\n### Input:\n2, 3\n\n### \
         Response:5<|eot|>"
    );
}

#[test]
fn a_template_may_open_a_reasoning_block_but_not_rewrite_earlier_turns() {
    let Some(fixtures) = fixtures() else { return };
    let tokenizer = tokenizer(&fixtures, "bpe_llama3");
    let row = talk(&[(Role::User, "k"), (Role::Assistant, "think"), (Role::User, "q"), (Role::Assistant, "e")]);
    let render = |source: &str| {
        let template = ChatTemplate::new("t", source, tokenizer.named_tokens()).unwrap();
        let renderer = Renderer::new(&tokenizer, Some(&template), settings(PromptFormat::Chat)).unwrap();
        renderer.render(&row)
    };
    // Only the last answer is written with an empty reasoning block.
    let last_thinks = "{% for m in messages %}<|{{ m.role }}|>{% if loop.last and m.role == 'assistant' %}<think>\n</think>\n\
                       {% endif %}{{ m.content }}<|eot|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";
    let Rendered::Whole(example) = render(last_thinks).unwrap() else { panic!("not cut") };
    assert_eq!(answers(&tokenizer, &example), ["think<|eot|>", "<think>\n</think>\ne<|eot|>"]);
    // The opening has more than the finished turn.
    let opens = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|eot|>{% endfor %}\
                 {% if add_generation_prompt %}<|assistant|><think>{% endif %}";
    let Rendered::Whole(example) = render(opens).unwrap() else { panic!("not cut") };
    assert_eq!(answers(&tokenizer, &example), ["think<|eot|>", "e<|eot|>"]);
    // Earlier answers vanish.
    let forgets = "{% for m in messages %}{% if m.role != 'assistant' or loop.last %}<|{{ m.role }}|>{{ m.content }}<|eot|>\
                   {% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";
    let error = render(forgets).unwrap_err();
    assert!(matches!(error, RenderError::Rewritten { row: 1, .. }), "{error}");
    // A template that refuses is named with the row.
    let error = render("{{ raise_exception('no such roles') }}").unwrap_err().to_string();
    assert!(error.starts_with("row 1: ") && error.contains("no such roles"), "{error}");
}

#[test]
fn long_examples_are_cut_on_the_side_that_was_asked_for_and_counted() {
    let Some(fixtures) = fixtures() else { return };
    let tokenizer = tokenizer(&fixtures, "bpe_llama3");
    let rows =
        [text_row("a b c d e f g h", "one two"), text_row("a", "one"), text_row(&"word ".repeat(40), "one two three")];
    let render = |max_tokens, truncation| {
        let settings = RenderSettings { max_tokens, truncation, ..settings(PromptFormat::Wit) };
        Renderer::new(&tokenizer, None, settings).unwrap().render_all(&rows).unwrap()
    };
    let full = render(4096, Truncation::Right);
    assert_eq!((full.examples.len(), full.cut, full.dropped.len()), (3, 0, 0));
    let limit = full.examples[0].ids.len() - 1;
    let right = render(limit, Truncation::Right);
    assert_eq!(right.examples[0].ids, full.examples[0].ids[..limit]);
    assert_eq!((right.rows.as_slice(), right.cut), (&[1, 1][..], 1));
    assert_eq!(right.dropped[&DropReason::AnswerCutOff], 1);
    let left = render(limit, Truncation::Left);
    assert_eq!((left.examples.len(), left.cut), (3, 2));
    for (cut, whole) in left.examples.iter().zip(&full.examples) {
        assert!(cut.ids.len() <= limit);
        assert_eq!(cut.ids[0], whole.ids[0]);
        assert!(whole.ids.ends_with(&cut.ids[1..]));
    }
    // An answer that alone is too long loses its end.
    let tiny = render(2, Truncation::Left);
    assert_eq!(tiny.examples[0].roles, [TokenRole::Special, TokenRole::Response]);
}

#[test]
fn both_answers_of_a_preference_keep_the_same_prompt_when_it_is_cut() {
    let Some(fixtures) = fixtures() else { return };
    let tokenizer = tokenizer(&fixtures, "bpe_sp");
    let row = PreferenceRow {
        number: 1,
        prompt: PreferencePrompt::Conversation(vec![Message::new(Role::User, "one two three four five six")]),
        chosen: "a much longer answer than the other".into(),
        rejected: "no".into(),
    };
    for format in [PromptFormat::Wit, PromptFormat::Plain, PromptFormat::Tulu, PromptFormat::Chatml] {
        let pair = |max_tokens, truncation| {
            let settings = RenderSettings { max_tokens, truncation, ..settings(format) };
            Renderer::new(&tokenizer, None, settings).unwrap().render_pair(&row).unwrap()
        };
        let RenderedPair::Whole(full) = pair(4096, Truncation::Right) else { panic!("fits") };
        let prompt = |example: &TokenizedExample| {
            let length = example.roles.iter().take_while(|role| **role != TokenRole::Response).count();
            example.ids[..length].to_vec()
        };
        assert_eq!(prompt(&full.chosen), prompt(&full.rejected), "{format}");
        assert_eq!(full.chosen.ids.last().copied(), tokenizer.eos_id());
        let RenderedPair::Cut(left) = pair(full.chosen.ids.len() - 2, Truncation::Left) else { panic!("cut") };
        assert_eq!(prompt(&left.chosen), prompt(&left.rejected), "{format}");
        assert_eq!(prompt(&left.chosen).len() + 2, prompt(&full.chosen).len());
    }
}

#[test]
fn what_cannot_work_says_what_to_do() {
    let Some(fixtures) = fixtures() else { return };
    let tokenizer = tokenizer(&fixtures, "bpe_llama3");
    let error = Renderer::new(&tokenizer, None, settings(PromptFormat::Chat)).unwrap_err().to_string();
    assert!(error.contains("wit, alpaca, tulu, chatml, plain"), "{error}");
    let renderer = Renderer::new(&tokenizer, None, settings(PromptFormat::Wit)).unwrap();
    let long = talk(&[(Role::User, "a"), (Role::Assistant, "b"), (Role::User, "c"), (Role::Assistant, "d")]);
    let error = renderer.render(&long).unwrap_err().to_string();
    assert!(error.contains("row 1") && error.contains("tulu"), "{error}");
    assert!("chattml".parse::<PromptFormat>().unwrap_err().to_string().contains("chatml"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_answers_text_is_the_answer_and_its_end_mark(
        prompt in "[ -~\n]{0,40}[?\n]",
        answer in "[!-~é✓]([ -~\n]{0,30}[!-~😀])?",
    ) {
        thread_local! {
            static TOKENIZERS: Vec<TextTokenizer> = fixtures().map_or_else(Vec::new, |fixtures| {
                ["bpe_llama3", "bpe_gpt2"].iter().map(|name| tokenizer(&fixtures, name)).collect()
            });
        }
        TOKENIZERS.with(|tokenizers| {
            for tokenizer in tokenizers {
                let renderer = Renderer::new(tokenizer, None, settings(PromptFormat::Tulu)).unwrap();
                let example = whole(&renderer, &text_row(&prompt, &answer));
                prop_assert_eq!(example.ids.len(), example.roles.len());
                let said = answers(tokenizer, &example).concat();
                // A token that straddles the border may bring a line end of the template with it.
                let expected = format!("{answer}<|eot|>");
                prop_assert_eq!(said.trim_start_matches('\n'), expected.trim_start_matches('\n'));
            }
            Ok(())
        })?;
    }
}
