//! The tokenizer of the demonstration: whole words of the language, and single bytes for everything else.
//!
//! A byte-level model without merges: a piece of text (a word or a group of marks, with the space before it) that is in
//! the vocabulary is one token, any other is its bytes. So every text can be written, and a misspelt word costs more
//! tokens.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::lexicon::{LARGEST_NUMBER, MARKS, NAMES, content_words, quotable_words};
use super::prose::{CATEGORIES, COUNTING, SPELLING, STORY, TALK};
use super::turns::TurnKind;
use super::wordings::{turn_wordings, wordings};
use super::{Kind, recipe};

/// Begins a sequence.
pub const BEGIN: &str = "<|begin|>";
/// Ends a sequence and an answer.
pub const END: &str = "<|end|>";
/// Begins a turn of the system.
pub const SYSTEM: &str = "<|system|>";
/// Begins a turn of the user.
pub const USER: &str = "<|user|>";
/// Begins a turn of the assistant.
pub const ASSISTANT: &str = "<|assistant|>";

/// Tokens with a role, in the order of their ids, which follow those of the 256 bytes.
const SPECIAL: [&str; 5] = [BEGIN, END, SYSTEM, USER, ASSISTANT];

/// The words of `template` with the space before each, as the tokenizer cuts text: letters, digits or marks together.
/// What touches a slot is cut there.
fn pieces(template: &str, into: &mut BTreeSet<String>) {
    let class = |c: char| match c {
        c if c.is_whitespace() => 0,
        c if c.is_alphabetic() => 1,
        c if c.is_numeric() => 2,
        _ => 3,
    };
    let mut outside = String::with_capacity(template.len() + 1);
    let mut depth = 0_usize;
    for c in format!(" {template}").chars() {
        match c {
            '{' => {
                depth += 1;
                outside.push('\n');
            }
            '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 => outside.push(c),
            _ => {}
        }
    }
    let mut piece = String::new();
    let mut last = 0;
    for c in outside.chars().chain(['\n']) {
        let now = class(c);
        let space_before = piece == " " && now != 0;
        if now != last && !space_before || c == '\n' {
            if last != 0 {
                into.insert(std::mem::take(&mut piece));
            }
            piece.clear();
        }
        if c != '\n' {
            piece.push(c);
        }
        last = now;
    }
}

/// The pieces that are one token each, in the order of their ids, which follow those of the special tokens.
fn vocabulary() -> Vec<String> {
    let mut all: BTreeSet<String> = BTreeSet::new();
    for kind in Kind::ALL {
        let words = wordings(kind);
        for template in words.train.iter().chain(words.held_out).chain(words.statements) {
            pieces(template, &mut all);
        }
    }
    for kind in TurnKind::ALL {
        let words = turn_wordings(kind);
        let turns =
            [words.told, words.told_held_out, words.asked, words.asked_held_out, words.statements, &[words.reply]];
        for template in turns.into_iter().flatten() {
            pieces(template, &mut all);
        }
    }
    for template in STORY.iter().chain(&TALK).chain(&CATEGORIES).chain(&SPELLING).chain(&COUNTING) {
        pieces(template, &mut all);
    }
    pieces("an animal, a food, a colour", &mut all);
    all.extend(content_words().map(|word| format!(" {word}")));
    all.extend(quotable_words().flat_map(|word| [word.to_owned(), format!(" {}", word.to_uppercase())]));
    all.extend(NAMES.into_iter().chain(["name", "age"]).map(str::to_owned));
    all.extend((0..=LARGEST_NUMBER).map(|number| format!(" {number}")));
    all.extend(MARKS.into_iter().map(str::to_owned));
    // A single byte is a token already.
    all.into_iter().filter(|piece| piece.len() > 1).collect()
}

/// Number of tokens.
pub fn vocabulary_size() -> usize {
    256 + SPECIAL.len() + vocabulary().len()
}

/// The printable character that byte-level tokenizers write for each byte: itself where it is printable in Latin-1,
/// otherwise the next free one from U+0100.
fn byte_characters() -> Vec<char> {
    let mut next_free = 0x100_u32;
    (0..=255_u8)
        .map(|byte| {
            if matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF) {
                return char::from(byte);
            }
            next_free += 1;
            char::from_u32(next_free - 1).unwrap_or(char::REPLACEMENT_CHARACTER)
        })
        .collect()
}

/// `tokenizer.json`.
pub fn tokenizer_json() -> String {
    let characters = byte_characters();
    let mut entries = Map::new();
    for (id, character) in characters.iter().enumerate() {
        entries.insert(character.to_string(), json!(id));
    }
    let mut added = Vec::new();
    for (index, content) in SPECIAL.iter().enumerate() {
        entries.insert((*content).to_owned(), json!(256 + index));
        added.push(json!({
            "id": 256 + index, "content": content, "special": true,
            "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
        }));
    }
    for (index, piece) in vocabulary().iter().enumerate() {
        let written: String = piece.bytes().filter_map(|byte| characters.get(usize::from(byte))).collect();
        entries.insert(written, json!(256 + SPECIAL.len() + index));
    }
    let tokenizer = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": true },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{ "SpecialToken": { "id": BEGIN, "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } }],
            "pair": [{ "Sequence": { "id": "A", "type_id": 0 } }, { "Sequence": { "id": "B", "type_id": 1 } }],
            "special_tokens": { BEGIN: { "id": BEGIN, "ids": [256], "tokens": [BEGIN] } },
        },
        "decoder": { "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true },
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": true,
            "vocab": Value::Object(entries), "merges": [],
        },
    });
    format!("{tokenizer:#}\n")
}

/// The chat template: a mark, a space and the content for each turn; an answer ends with the end mark.
const CHAT_TEMPLATE: &str = "{{ bos_token }}{% for message in messages %}\
{% if message['role'] == 'assistant' %}{{ '<|assistant|> ' + message['content'] + eos_token }}\
{% else %}{{ '<|' + message['role'] + '|> ' + message['content'] }}{% endif %}\
{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";

/// `tokenizer_config.json`.
pub fn tokenizer_config_json() -> String {
    let config = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BEGIN,
        "eos_token": END,
        "pad_token": END,
        "additional_special_tokens": [SYSTEM, USER, ASSISTANT],
        "clean_up_tokenization_spaces": false,
        "model_max_length": recipe::POSITIONS,
        "chat_template": CHAT_TEMPLATE,
    });
    format!("{config:#}\n")
}

/// `config.json` of the base model.
pub fn config_json() -> String {
    let config = json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": vocabulary_size(),
        "hidden_size": recipe::HIDDEN,
        "intermediate_size": recipe::INNER,
        "num_hidden_layers": recipe::LAYERS,
        "num_attention_heads": recipe::HEADS,
        "num_key_value_heads": recipe::KEY_VALUE_HEADS,
        "head_dim": recipe::HIDDEN / recipe::HEADS,
        "max_position_embeddings": recipe::POSITIONS,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": true,
        "bos_token_id": 256,
        "eos_token_id": 257,
        "pad_token_id": 257,
        "torch_dtype": "bfloat16",
    });
    format!("{config:#}\n")
}
