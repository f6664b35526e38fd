//! Damaged, forged and unsupported files: each is refused with the file and the key or tensor at fault, none panics.

use std::path::Path;

use tempfile::TempDir;
use wit_eval::model::gguf::GgufFile;
use wit_eval::model::weights::Weights;

/// The bytes of a file, entry by entry.
#[derive(Clone)]
struct Forged {
    version: u32,
    keys: Vec<(String, u32, Vec<u8>)>,
    tensors: Vec<(String, Vec<u64>, u32, u64)>,
    data: Vec<u8>,
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

impl Forged {
    /// A small Qwen 2 file that is sound.
    fn sound() -> Self {
        let mut forged = Self { version: 3, keys: Vec::new(), tensors: Vec::new(), data: vec![0; 64 + 34] };
        forged.key("general.architecture", 8, &text("qwen2"));
        for (key, value) in [
            ("block_count", 1_u32),
            ("context_length", 8),
            ("embedding_length", 32),
            ("feed_forward_length", 32),
            ("attention.head_count", 2),
        ] {
            forged.key(&format!("qwen2.{key}"), 4, &value.to_le_bytes());
        }
        forged.key("qwen2.attention.layer_norm_rms_epsilon", 6, &1e-6_f32.to_le_bytes());
        forged.tensors.push(("token_embd.weight".to_owned(), vec![4, 4], 0, 0));
        forged.tensors.push(("blk.0.attn_v.weight".to_owned(), vec![32, 1], 8, 64));
        forged
    }

    fn key(&mut self, key: &str, kind: u32, value: &[u8]) {
        self.keys.push((key.to_owned(), kind, value.to_vec()));
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = [b"GGUF".as_slice(), &self.version.to_le_bytes()].concat();
        bytes.extend((self.tensors.len() as u64).to_le_bytes());
        bytes.extend((self.keys.len() as u64).to_le_bytes());
        for (key, kind, value) in &self.keys {
            bytes.extend([text(key), kind.to_le_bytes().to_vec(), value.clone()].concat());
        }
        for (name, shape, kind, offset) in &self.tensors {
            bytes.extend([text(name), u32::try_from(shape.len()).unwrap().to_le_bytes().to_vec()].concat());
            bytes.extend(shape.iter().flat_map(|n| n.to_le_bytes()));
            bytes.extend(kind.to_le_bytes());
            bytes.extend(offset.to_le_bytes());
        }
        bytes.resize(bytes.len().next_multiple_of(32), 0);
        [bytes, self.data.clone()].concat()
    }
}

/// Opens a file of these bytes, its configuration and its weights.
fn outcome(dir: &TempDir, bytes: &[u8]) -> Result<Weights, String> {
    let path = dir.path().join("model.gguf");
    std::fs::write(&path, bytes).unwrap();
    let gguf = GgufFile::open(&path).map_err(|error| error.to_string())?;
    gguf.config_json().map_err(|error| error.to_string())?;
    Weights::open_gguf(&gguf).map_err(|error| error.to_string())
}

fn assert_refused(forged: &Forged, words: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let Err(text) = outcome(&dir, &forged.bytes()) else { panic!("accepted, but should say {words:?}") };
    for word in words.iter().chain(&["model.gguf"]) {
        assert!(text.contains(word), "`{word}` is missing in: {text}");
    }
}

#[test]
fn the_sound_file_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let weights = outcome(&dir, &Forged::sound().bytes()).unwrap();
    assert_eq!(weights.to_f32("model.embed_tokens.weight", &[4, 4]).unwrap(), [0.0; 16]);
    assert_eq!(weights.to_f32("model.layers.0.self_attn.v_proj.weight", &[1, 32]).unwrap(), [0.0; 32]);
    let text = weights.to_f32("model.embed_tokens.weight", &[2, 8]).unwrap_err().to_string();
    assert!(text.contains("[4, 4]") && text.contains("[2, 8]"), "{text}");
}

#[test]
fn headers_that_lie_are_refused() {
    let sound = Forged::sound;
    assert_refused(&sound().with(|file| file.version = 1), &["version 1", "versions 2 and 3"]);
    assert_refused(&sound().with(|file| file.version = 3_u32.swap_bytes()), &["big-endian"]);
    assert_refused(&sound().with(|file| file.key("x", 13, &[0; 8])), &["`x`", "number 13"]);
    assert_refused(&sound().with(|file| file.key("x", 7, &[2])), &["`x`", "neither 0 nor 1"]);
    assert_refused(&sound().with(|file| file.key("x", 8, &u64::MAX.to_le_bytes())), &["`x`", "is longer than"]);
    let list = |kind: u32, count: u64| [kind.to_le_bytes().as_slice(), &count.to_le_bytes()].concat();
    assert_refused(&sound().with(|file| file.key("x", 9, &list(0, u64::MAX))), &["`x`", "a list of"]);
    assert_refused(&sound().with(|file| file.key("x", 9, &list(8, 100))), &["`x`"]);
    let nested: Vec<u8> = (0..1_000).flat_map(|_| list(9, 1)).collect();
    assert_refused(&sound().with(|file| file.key("x", 9, &nested)), &["`x`", "nested deeper"]);
    let twice = sound().with(|file| file.key("general.architecture", 8, &text("llama")));
    assert_refused(&twice, &["`general.architecture` is there twice"]);
    for alignment in [0_u32, 3, 24, 1 << 30, u32::MAX] {
        let forged = sound().with(|file| file.key("general.alignment", 4, &alignment.to_le_bytes()));
        assert_refused(&forged, &["`general.alignment`", "power of two"]);
    }
    let dir = tempfile::tempdir().unwrap();
    assert!(outcome(&dir, b"").unwrap_err().contains("byte 0"));
    assert!(outcome(&dir, b"GGML....").unwrap_err().contains("does not begin with `GGUF`"));
    let mut counts = sound().bytes();
    counts[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(outcome(&dir, &counts).unwrap_err().contains("more than any model has"));
}

#[test]
fn tensors_that_cannot_be_are_refused_by_name() {
    let tensor = |shape: &[u64], kind: u32, offset: u64| {
        Forged::sound().with(|file| file.tensors[1] = ("blk.0.attn_v.weight".to_owned(), shape.to_vec(), kind, offset))
    };
    let name = "tensor `blk.0.attn_v.weight`";
    assert_refused(&tensor(&[32, 2], 8, 64), &[name, "68 bytes", "ends beyond the file"]);
    assert_refused(&tensor(&[32, 1], 8, 1 << 40), &[name, "ends beyond"]);
    assert_refused(&tensor(&[32, 1], 8, u64::MAX - 31), &[name, "ends beyond"]);
    assert_refused(&tensor(&[32, 1], 8, 65), &[name, "no multiple of the alignment 32"]);
    assert_refused(&tensor(&[32, 1], 8, 32), &[name, "overlaps `token_embd.weight`"]);
    assert_refused(&tensor(&[31, 1], 8, 64), &[name, "rows of 31 values", "Q8_0"]);
    assert_refused(&tensor(&[0, 4], 0, 64), &[name, "has the shape"]);
    assert_refused(&tensor(&[1 << 62, 1 << 62], 0, 64), &[name, "more than memory can hold"]);
    assert_refused(&tensor(&[32; 5], 0, 64), &["`blk.0.attn_v.weight` has 5 dimensions"]);
    for (kind, type_name) in [(17, "IQ2_XS"), (34, "TQ1_0"), (9, "Q8_1"), (99, "type 99")] {
        assert_refused(&tensor(&[32, 1], kind, 64), &[name, type_name, "Q4_K", "quantize the model"]);
    }
    let twice = Forged::sound().with(|file| file.tensors[1].0 = "token_embd.weight".to_owned());
    assert_refused(&twice, &["`token_embd.weight` is listed twice"]);
    for stray in ["blk.0.attn_sinks.weight", "blk.00.attn_v.weight", "v.blk.0.attn_v.weight", "blk.0.attn_v"] {
        let forged = Forged::sound().with(|file| file.tensors[1].0 = stray.to_owned());
        assert_refused(&forged, &[stray, "is none that a qwen2 network has"]);
    }
    let missing = Forged::sound().with(|file| {
        file.tensors.remove(0);
    });
    assert_refused(&missing, &["`token_embd.weight` is missing"]);
}

#[test]
fn metadata_that_ask_for_another_network_are_refused_by_key() {
    let with = |key: &str, kind: u32, value: &[u8]| Forged::sound().with(|file| file.key(key, kind, value));
    let integer = |key: &str, value: u32| with(key, 4, &value.to_le_bytes());
    assert_refused(&integer("qwen2.expert_count", 8), &["`qwen2.expert_count` is 8", "mixture"]);
    assert_refused(&integer("qwen2.attention.value_length", 8), &["`qwen2.attention.value_length` is 8", "16"]);
    assert_refused(&integer("qwen2.attention.sliding_window", 4), &["`qwen2.attention.sliding_window` is 4"]);
    assert_refused(&integer("qwen2.pooling_type", 1), &["`qwen2.pooling_type` is 1", "without this key"]);
    assert_refused(&integer("qwen2.attention.head_count_kv", 0), &["head_count_kv` is 0", "above 0"]);
    assert_refused(&with("qwen2.rope.freq_base", 6, &f32::NAN.to_le_bytes()), &["`qwen2.rope.freq_base`", "above 0"]);
    assert_refused(
        &with("qwen2.rope.scaling.type", 8, &text("ntk")),
        &["rope.scaling.type` is \"ntk\"", "linear, yarn"],
    );
    assert_refused(&with("qwen2.rope.scaling.type", 8, &text("yarn")), &["no `qwen2.rope.scaling.factor`"]);
    assert_refused(&with("qwen2.attention.causal", 7, &[0]), &["`qwen2.attention.causal` is false"]);
    let uneven: Vec<u8> = [4_u32, 2, 0, 1, 2].iter().flat_map(|word| word.to_le_bytes()).collect();
    let uneven = with("qwen2.attention.head_count_kv", 9, &uneven);
    assert_refused(&uneven, &["`qwen2.attention.head_count_kv` is a list of 2", "in all layers"]);
    let family = |name: &str| Forged::sound().with(|file| file.keys[0].2 = text(name));
    assert_refused(&family("mamba"), &["`general.architecture` is \"mamba\"", "llama, qwen2"]);
    assert_refused(&with("general.type", 8, &text("adapter")), &["`general.type` is \"adapter\""]);
    for missing in 1..Forged::sound().keys.len() {
        let forged = Forged::sound();
        let key = format!("no `{}`", forged.keys[missing].0);
        assert_refused(&forged.with(|file| drop(file.keys.remove(missing))), &[&key]);
    }
    let typed = Forged::sound().with(|file| file.keys[1] = ("qwen2.block_count".to_owned(), 8, text("one")));
    assert_refused(&typed, &["`qwen2.block_count` is \"one\"", "an integer"]);
}

#[test]
fn scales_that_are_no_numbers_are_refused_when_the_tensor_is_read() {
    let dir = tempfile::tempdir().unwrap();
    for scale in [half::f16::NAN, half::f16::INFINITY, half::f16::NEG_INFINITY] {
        let forged = Forged::sound().with(|file| file.data[64..66].copy_from_slice(&scale.to_le_bytes()));
        let weights = outcome(&dir, &forged.bytes()).unwrap();
        let text = weights.values("model.layers.0.self_attn.v_proj.weight", &[1, 32]).unwrap_err().to_string();
        assert!(text.contains("v_proj.weight`: the scale of block 0"), "{text}");
    }
}

#[test]
fn no_damage_to_a_header_brings_the_process_down() {
    let dir = tempfile::tempdir().unwrap();
    let sound = Forged::sound().bytes();
    for length in 0..sound.len() {
        assert!(outcome(&dir, &sound[..length]).is_err(), "cut to {length} bytes");
    }
    let (mut refused, mut accepted) = (0, 0);
    for at in 0..sound.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = sound.clone();
            damaged[at] ^= flip;
            match outcome(&dir, &damaged) {
                Ok(weights) => {
                    accepted += 1;
                    read_all(&weights);
                }
                Err(text) => {
                    refused += 1;
                    assert!(text.contains("model.gguf"), "{text}");
                }
            }
        }
    }
    assert!(refused > 500 && accepted > 100, "{refused} {accepted}");
}

fn read_all(weights: &Weights) {
    for name in weights.names() {
        let shape = weights.shape(name).unwrap().to_vec();
        if let Ok(values) = weights.values(name, &shape) {
            assert_eq!(values.len(), shape.iter().product::<usize>());
        }
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |path: &Path| GgufFile::open(path).unwrap_err().to_string();
    assert!(refused(&dir.path().join("none.gguf")).contains("there is no such file"));
    assert!(refused(dir.path()).contains("not a regular file"));
    #[cfg(unix)]
    {
        let outside = tempfile::tempdir().unwrap();
        let sound = Forged::sound().bytes();
        std::fs::write(outside.path().join("m.gguf"), &sound).unwrap();
        for number in [1, 2] {
            let link = dir.path().join(format!("m-{number:05}-of-00002.gguf"));
            std::os::unix::fs::symlink(outside.path().join("m.gguf"), link).unwrap();
        }
        let text = refused(&dir.path().join("m-00001-of-00002.gguf"));
        assert!(text.contains("m-00002-of-00002.gguf: is a link that leads out"), "{text}");
    }
}
