//! Published tokenizers, written as GGUF metadata and built again, against their own `tokenizer.json`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer as _};

use super::super::metadata::Value as Gguf;
use super::*;
use crate::model::tokens::{DeclaredIds, Specials};

fn shared() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures");
    let dir = PathBuf::from(std::env::var("WIT_EVAL_FIXTURES").unwrap_or_else(|_| default.to_owned()));
    if !dir.is_dir() {
        println!("skipped: {} is not there; set WIT_EVAL_FIXTURES", dir.display());
        return None;
    }
    Some(dir)
}

fn json_file(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn strings<'a>(list: impl IntoIterator<Item = &'a str>) -> Gguf {
    Gguf::Array(list.into_iter().map(|text| Gguf::String(text.to_owned())).collect())
}

type Keys = BTreeMap<String, Gguf>;

/// The keys that the converter of llama.cpp writes for a folder with a `tokenizer.json`. Scores, which only
/// `SentencePiece` files have, are minus the id, as its trainer gives them.
fn keys(dir: &Path, pre: &str) -> Keys {
    let file = json_file(&dir.join("tokenizer.json"));
    let mut tokens = BTreeMap::new();
    let bytes = file["model"]["byte_fallback"] == true;
    for (text, id) in file["model"]["vocab"].as_object().unwrap() {
        let is_byte = bytes && text.len() == 6 && text.starts_with("<0x") && text.ends_with('>');
        tokens.insert(id.as_u64().unwrap(), (text.clone(), if is_byte { 6 } else { 1 }));
    }
    for added in file["added_tokens"].as_array().unwrap() {
        let text = added["content"].as_str().unwrap();
        let token = match (added["special"] == true, text) {
            (true, "<unk>") => (text.to_owned(), 2),
            (true, _) => (text.to_owned(), 3),
            (false, _) => (text.replace('▁', " "), 4),
        };
        tokens.insert(added["id"].as_u64().unwrap(), token);
    }
    let count = tokens.keys().max().unwrap() + 1;
    let all = (0..count).map(|id| tokens.get(&id).cloned().unwrap_or_else(|| (format!("[PAD{id}]"), 5)));
    let (texts, types): (Vec<String>, Vec<i32>) = all.unzip();
    let mut keys = Keys::new();
    let mut set = |name: &str, value: Gguf| keys.insert(format!("tokenizer.ggml.{name}"), value);
    set("token_type", Gguf::Array(types.into_iter().map(Gguf::I32).collect()));
    if bytes {
        set("model", Gguf::String("llama".to_owned()));
        set("scores", scores(&file, &texts));
        let prefixed = file["normalizer"].to_string().contains("Prepend");
        set("add_space_prefix", Gguf::Bool(prefixed));
    } else {
        set("model", Gguf::String("gpt2".to_owned()));
        let merges = file["model"]["merges"].as_array().unwrap().iter().map(merge_text).collect::<Vec<_>>();
        set("merges", strings(merges.iter().map(String::as_str)));
    }
    set("pre", Gguf::String(pre.to_owned()));
    let original = open(dir);
    for (name, id) in [("bos", original.bos_id()), ("eos", original.eos_id()), ("padding", original.pad_id())] {
        if let Some(id) = id {
            set(&format!("{name}_token_id"), Gguf::U32(id));
        }
    }
    let adds_bos = original.encode("x", true).unwrap() != original.encode("x", false).unwrap();
    set("add_bos_token", Gguf::Bool(adds_bos));
    set("tokens", strings(texts.iter().map(String::as_str)));
    keys
}

/// Scores as `SentencePiece` gives them: minus the place in which its trainer found a piece, which is the place of the
/// first merge that makes it. What no merge makes comes last.
fn scores(file: &Value, texts: &[String]) -> Gguf {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (place, merge) in file["model"]["merges"].as_array().unwrap().iter().enumerate() {
        places.entry(merge_text(merge).replace(' ', "")).or_insert(place);
    }
    let score = |text: &String| Gguf::F32(places.get(text).map_or(-1e6, |place| -(*place as f32)));
    Gguf::Array(texts.iter().map(score).collect())
}

/// `left right`, as the older files write it.
fn merge_text(merge: &Value) -> String {
    match merge {
        Value::String(text) => text.clone(),
        pair => format!("{} {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap()),
    }
}

fn open(dir: &Path) -> TextTokenizer {
    TextTokenizer::open(dir, DeclaredIds::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn build(keys: &Keys) -> Result<GgufTokenizer, GgufTokenizerError> {
    from_metadata(&Metadata::new("model.gguf", keys.clone()))
}

fn built(keys: &Keys) -> TextTokenizer {
    TextTokenizer::from_gguf(build(keys).unwrap_or_else(|error| panic!("{error}")), "model.gguf")
}

/// Awkward texts of the fixtures, verse, prose, prompts and answers.
fn texts(shared: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    let mut add = |text: &Value| texts.push(text.as_str().unwrap().to_owned());
    json_file(&shared.join("tokenization.json")).as_array().unwrap().iter().for_each(|case| add(&case["text"]));
    let data = shared.join("../data");
    if data.is_dir() {
        json_file(&data.join("text/tinystories_1000.json")).as_array().unwrap().iter().take(20).for_each(&mut add);
        for task in json_file(&data.join("instruct/alpaca_data_cleaned_1000.json")).as_array().unwrap().iter().take(100)
        {
            add(&task["instruction"]);
            add(&task["output"]);
        }
        let verse = std::fs::read_to_string(data.join("text/tinyshakespeare.txt")).unwrap();
        texts.extend(verse.lines().take(300).map(str::to_owned));
    }
    texts
}

#[test]
fn ids_texts_and_places_are_those_of_the_published_tokenizer() {
    let Some(shared) = shared() else { return };
    let texts = texts(&shared);
    let known = [
        ("tokenizers/bpe_llama3", "llama-bpe"),
        ("tokenizers/bpe_qwen", "qwen2"),
        ("tokenizers/bpe_gpt2", "gpt-2"),
        ("tokenizers/bpe_sp", "default"),
        ("../models/tinystories-instruct-3m-chat", "gpt-2"),
        ("../models/tokenizers/gpt2", "gpt-2"),
        ("../models/tokenizers/mistral32k_chatml", "default"),
        ("../models/tinystories-656k", "default"),
    ];
    for (name, pre) in known {
        let dir = shared.join(name);
        if !dir.is_dir() {
            println!("skipped: {} is not there", dir.display());
            continue;
        }
        let (original, again) = (open(&dir), built(&keys(&dir, pre)));
        for text in &texts {
            let ids = original.encode(text, true).unwrap();
            assert_eq!(ids, again.encode(text, true).unwrap(), "{name} {text:?}");
            let places = |it: &TextTokenizer| it.encode_spans(text, Specials::AsWritten).unwrap();
            assert_eq!(places(&original), places(&again), "{name} {text:?}");
            // Special tokens of this file are normalized, so that the library writes them with a space and does not
            // know them again; GGUF cannot say so.
            if !name.ends_with("656k") {
                assert_eq!(
                    original.decode(&ids, false).unwrap(),
                    again.decode(&ids, false).unwrap(),
                    "{name} {text:?}"
                );
                assert_eq!(original.decode(&ids, true).unwrap(), again.decode(&ids, true).unwrap(), "{name} {text:?}");
            }
        }
        assert_eq!(original.named_tokens().bos, again.named_tokens().bos, "{name}");
        assert_eq!((original.bos_id(), original.eos_id()), (again.bos_id(), again.eos_id()), "{name}");
        assert_eq!(original.vocab_size(), again.vocab_size(), "{name}");
    }
}

/// Words of the published pre-tokenizers, by the Python release 0.23 of the tokenizers library with its own regular
/// expressions.
#[test]
fn words_are_cut_as_the_name_says() {
    const TEXT: &str = "Hello'Ve WORLDwide don't 12345 x=y+1;\n\n  foo\tBar\u{e9}\u{301}  9\u{b2} ";
    const THREES: &str =
        "Hello|'Ve| WORLDwide| don|'t| |123|45| x|=y|+|1|;\n\n| | foo|\tBar\u{e9}|\u{301}| | |9\u{b2}| ";
    const ALONE: &str =
        "Hello|'Ve| WORLDwide| don|'t| |1|2|3|4|5| x|=y|+|1|;\n\n| | foo|\tBar\u{e9}|\u{301}| | |9|\u{b2}| ";
    const CASE: &str =
        "Hello|'Ve| WORLDwide| don|'t| |1|2|3|4|5| x|=y|+|1|;\n\n| | foo|\tBar\u{e9}\u{301}| | |9|\u{b2}| ";
    const GPT4O: &str = "Hello'Ve| WORLDwide| don't| |123|45| x|=y|+|1|;\n\n| | foo|\tBar\u{e9}\u{301}| | |9\u{b2}| ";
    const GPT2: &str = "Hello|'|Ve| WORLDwide| don|'t| 12345| x|=|y|+|1|;|\n\n | foo|\t|Bar\u{e9}|\u{301}| | 9\u{b2}| ";
    const DIGITS: &str =
        "Hello|'|Ve| WORLDwide| don|'t| |1|2|3|4|5| x|=|y|+|1|;|\n\n | foo|\t|Bar\u{e9}|\u{301}|  |9|\u{b2}| ";
    let known = [
        ("llama-bpe", THREES),
        ("dbrx", THREES),
        ("qwen2", ALONE),
        ("tekken", CASE),
        ("gpt-4o", GPT4O),
        ("gpt-2", GPT2),
        ("olmo", GPT2),
        ("smollm", DIGITS),
    ];
    for (pre, expected) in known {
        let mut keys = bytes_only();
        keys.insert("tokenizer.ggml.pre".to_owned(), Gguf::String(pre.to_owned()));
        let made = build(&keys).unwrap();
        let mut text = PreTokenizedString::from(TEXT);
        made.tokenizer.get_pre_tokenizer().unwrap().pre_tokenize(&mut text).unwrap();
        let words = text.get_splits(OffsetReferential::Original, OffsetType::Byte);
        let words = words.iter().map(|(_, (start, end), _)| &TEXT[*start..*end]).collect::<Vec<_>>();
        assert_eq!(words.join("|"), expected, "{pre}");
    }
}

/// A byte-level vocabulary of the 256 bytes, `ab` made of two of them, and an end token.
fn bytes_only() -> Keys {
    let mut letters = ByteLevel::alphabet().into_iter().map(String::from).collect::<Vec<_>>();
    letters.sort_unstable();
    letters.extend(["ab".to_owned(), "<|end|>".to_owned()]);
    let mut types = vec![Gguf::I32(1); 257];
    types.push(Gguf::I32(3));
    Keys::from(
        [
            ("model", Gguf::String("gpt2".to_owned())),
            ("pre", Gguf::String("gpt-2".to_owned())),
            ("tokens", strings(letters.iter().map(String::as_str))),
            ("token_type", Gguf::Array(types)),
            ("merges", strings(["a b"])),
            ("eos_token_id", Gguf::U32(257)),
        ]
        .map(|(name, value)| (format!("tokenizer.ggml.{name}"), value)),
    )
}

/// A `SentencePiece` vocabulary with bytes.
fn pieces() -> Keys {
    let special = [("<unk>", 2, 0.0), ("<s>", 3, 0.0), ("</s>", 3, 0.0)];
    let bytes = (0..256).map(|byte| (format!("<0x{byte:02X}>"), 6, 0.0));
    let own = [("▁", 1, -9.0), ("a", 1, -8.0), ("b", 1, -7.0), ("ab", 1, -1.0), ("▁ab", 1, -2.0), ("  ", 4, -1000.0)];
    let all = special.map(|(text, kind, score)| (text.to_owned(), kind, score)).into_iter().chain(bytes);
    let all = all.chain(own.map(|(text, kind, score)| (text.to_owned(), kind, score))).collect::<Vec<_>>();
    Keys::from(
        [
            ("model", Gguf::String("llama".to_owned())),
            ("tokens", strings(all.iter().map(|(text, _, _)| text.as_str()))),
            ("token_type", Gguf::Array(all.iter().map(|(_, kind, _)| Gguf::I32(*kind)).collect())),
            ("scores", Gguf::Array(all.iter().map(|(_, _, score)| Gguf::F32(*score)).collect())),
        ]
        .map(|(name, value)| (format!("tokenizer.ggml.{name}"), value)),
    )
}

#[test]
fn a_sentencepiece_vocabulary_has_its_usual_specials_bytes_and_space() {
    let mut keys = pieces();
    let with_space = built(&keys);
    assert_eq!((with_space.bos_id(), with_space.eos_id()), (Some(1), Some(2)));
    assert_eq!(with_space.encode("ab", true).unwrap(), [1, 263]);
    // Two spaces are one user-defined token; what follows a token that stands by itself begins with a space again.
    assert_eq!(with_space.encode("ab  b", false).unwrap(), [263, 264, 259, 261]);
    assert_eq!(with_space.encode("é", false).unwrap(), [259, 3 + 0xc3, 3 + 0xa9]);
    assert_eq!(with_space.decode(&[1, 263, 3 + 0xc3, 3 + 0xa9, 2], true).unwrap(), "abé");
    keys.insert("tokenizer.ggml.add_space_prefix".to_owned(), Gguf::Bool(false));
    keys.insert("tokenizer.ggml.add_bos_token".to_owned(), Gguf::Bool(false));
    keys.insert("tokenizer.ggml.add_eos_token".to_owned(), Gguf::Bool(true));
    let bare = built(&keys);
    assert_eq!(bare.encode("ab ab", true).unwrap(), [262, 263, 2]);
    assert_eq!(bare.decode(&[263], true).unwrap(), " ab");
    assert_ne!(bare.digest(), with_space.digest());
}

#[test]
fn ends_are_declared_or_known_by_their_text_and_templates_have_a_default() {
    let mut keys = bytes_only();
    keys.insert("tokenizer.ggml.eot_token_id".to_owned(), Gguf::I64(5));
    keys.insert("tokenizer.ggml.eos_token_id".to_owned(), Gguf::U8(7));
    keys.insert("tokenizer.chat_template.default".to_owned(), Gguf::String("{{ messages }}".to_owned()));
    keys.insert("tokenizer.chat_template.tool_use".to_owned(), Gguf::String("{{ tools }}".to_owned()));
    let made = build(&keys).unwrap();
    assert_eq!(made.end_ids, [5, 7, 257]);
    assert_eq!(made.eos_id, Some(7));
    assert_eq!(made.chat_template.as_deref(), Some("{{ messages }}"));
    keys.insert("tokenizer.chat_template".to_owned(), Gguf::String("{{ bos_token }}".to_owned()));
    assert_eq!(build(&keys).unwrap().chat_template.as_deref(), Some("{{ bos_token }}"));
}

#[test]
fn white_space_behind_the_special_tokens_of_phi_3_belongs_to_them() {
    let mut keys = pieces();
    let Some(Gguf::Array(tokens)) = keys.get_mut("tokenizer.ggml.tokens") else { panic!() };
    tokens[262] = Gguf::String("<|placeholder1|>".to_owned());
    let Some(Gguf::Array(types)) = keys.get_mut("tokenizer.ggml.token_type") else { panic!() };
    types[262] = Gguf::I32(3);
    assert_eq!(built(&keys).encode("<|placeholder1|>\nb", false).unwrap(), [262, 259, 3 + 10, 261]);
    keys.insert("general.architecture".to_owned(), Gguf::String("phi3".to_owned()));
    assert_eq!(built(&keys).encode("<|placeholder1|>\nb", false).unwrap(), [262, 259, 261]);
    assert_eq!(built(&keys).encode("<s>\nb", false).unwrap(), [1, 259, 3 + 10, 261]);
}

#[test]
fn broken_metadata_is_refused_by_key_and_entry() {
    let long = "a".repeat(1 << 18);
    let cases: [(&str, Keys, Option<Gguf>, &str); 17] = [
        ("model", bytes_only(), None, "no `tokenizer.ggml.model`"),
        (
            "model",
            bytes_only(),
            Some(Gguf::String("t5".to_owned())),
            "\"t5\", which is not supported; supported: llama",
        ),
        ("model", bytes_only(), Some(Gguf::U32(1)), "expected a string"),
        ("pre", bytes_only(), Some(Gguf::String("kimi-k2".to_owned())), "supported: gpt-2"),
        ("pre", bytes_only(), None, "\"default\""),
        ("tokens", bytes_only(), None, "no `tokenizer.ggml.tokens`"),
        ("tokens", bytes_only(), Some(strings([])), "0 entries"),
        ("tokens", bytes_only(), Some(strings(["a", "b", "a"])), "3 tokens"),
        ("token_type", bytes_only(), Some(Gguf::Array(vec![Gguf::I32(9); 258])), "token 0 has type 9"),
        ("merges", bytes_only(), None, "no `tokenizer.ggml.merges`"),
        ("merges", bytes_only(), Some(strings(["a b", "a c"])), "entry 1: \"ac\" is no token"),
        ("merges", bytes_only(), Some(strings([" "])), "entry 0: \" \" is not two pieces"),
        ("eos_token_id", bytes_only(), Some(Gguf::U32(258)), "258 is not the id of one of 258 tokens"),
        ("eos_token_id", bytes_only(), Some(Gguf::I32(-1)), "-1 is not"),
        ("add_bos_token", bytes_only(), Some(Gguf::Bool(true)), "no `tokenizer.ggml.bos_token_id`"),
        ("scores", pieces(), Some(Gguf::Array(vec![Gguf::F32(-1.0); 265])), "all scores are equal"),
        ("scores", pieces(), Some(Gguf::Array(vec![Gguf::F32(f32::NAN); 265])), "token 0 has no finite score"),
    ];
    for (name, mut keys, value, expected) in cases {
        let key = format!("tokenizer.ggml.{name}");
        match value {
            Some(value) => keys.insert(key.clone(), value),
            None => keys.remove(&key),
        };
        let error = build(&keys).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("model.gguf"), "{name}: {error}");
    }
    let twice = Keys::from([
        ("tokenizer.ggml.model".to_owned(), Gguf::String("llama".to_owned())),
        ("tokenizer.ggml.tokens".to_owned(), strings(["a", "b", "a"])),
    ]);
    assert!(build(&twice).unwrap_err().to_string().contains("tokens 0 and 2 are both \"a\""));
    let mut endless = pieces();
    let Some(Gguf::Array(tokens)) = endless.get_mut("tokenizer.ggml.tokens") else { panic!() };
    tokens[262] = Gguf::String(long);
    assert!(build(&endless).unwrap_err().to_string().contains("longer than any vocabulary's"));
}

#[test]
fn a_vocabulary_of_three_hundred_thousand_tokens_is_read_at_once() {
    let mut keys = pieces();
    let count = 300_000_u32;
    let letters = |id: u32| format!("▁{}", format!("{id:06}").replace('0', "a").replace('1', "b"));
    let Some(Gguf::Array(tokens)) = keys.get_mut("tokenizer.ggml.tokens") else { panic!() };
    tokens.extend((0..count).map(|id| Gguf::String(letters(id))));
    let Some(Gguf::Array(types)) = keys.get_mut("tokenizer.ggml.token_type") else { panic!() };
    types.extend((0..count).map(|id| Gguf::I32(if id % 30 == 0 { 4 } else { 1 })));
    let Some(Gguf::Array(scores)) = keys.get_mut("tokenizer.ggml.scores") else { panic!() };
    scores.extend((0..count).map(|id| Gguf::F32(-(id as f32))));
    let start = std::time::Instant::now();
    let made = build(&keys).unwrap();
    assert_eq!(made.tokenizer.get_vocab_size(true), 300_265);
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
    println!("{:?}", start.elapsed());
}
