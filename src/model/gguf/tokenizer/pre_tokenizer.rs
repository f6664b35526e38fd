//! How a text is cut into words before pairs of bytes are merged, by the name in `tokenizer.ggml.pre`.

use serde_json::{Value, json};

use super::Metadata;
use super::error::GgufTokenizerError;

const PRE: &str = "tokenizer.ggml.pre";

/// Words as GPT-4 and Llama 3 cut them: digits in threes.
const DIGITS_IN_THREES: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// The same with every digit by itself, as Qwen 2 cuts them.
const DIGITS_ALONE: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Mistral `NeMo`: words also end where lower case is followed by upper case.
const BY_CASE: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// GPT-4o: the same with digits in threes and English contractions.
const BY_CASE_WITH_CONTRACTIONS: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// How words are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    /// The pattern of GPT-2, which the tokenizer library has built in.
    Gpt2,
    /// The same, after every digit has been cut out.
    DigitsThenGpt2,
    /// A pattern.
    Pattern(&'static str),
}

/// A way to prepare text for byte-level merges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PreTokenizer {
    words: Words,
    /// Characters are composed first (Unicode's NFC).
    composes: bool,
    /// Words that are tokens are taken without merging.
    pub ignores_merges: bool,
    /// Whether a beginning token is put first where the file does not say.
    pub adds_bos: bool,
}

const PLAIN: PreTokenizer =
    PreTokenizer { words: Words::Gpt2, composes: false, ignores_merges: false, adds_bos: false };
const LLAMA3: PreTokenizer =
    PreTokenizer { words: Words::Pattern(DIGITS_IN_THREES), ignores_merges: true, adds_bos: true, ..PLAIN };

/// The names of `tokenizer.ggml.pre` that are understood.
const KNOWN: &[(&str, PreTokenizer)] = &[
    ("gpt-2", PLAIN),
    ("gpt2", PLAIN),
    ("phi-2", PLAIN),
    ("gpt-neox", PreTokenizer { composes: true, ..PLAIN }),
    ("olmo", PreTokenizer { composes: true, ..PLAIN }),
    ("mpt", PreTokenizer { composes: true, ..PLAIN }),
    ("llama-bpe", LLAMA3),
    ("llama3", LLAMA3),
    ("llama-v3", LLAMA3),
    ("smaug-bpe", PreTokenizer { words: Words::Pattern(DIGITS_IN_THREES), ..PLAIN }),
    ("dbrx", PreTokenizer { words: Words::Pattern(DIGITS_IN_THREES), ..PLAIN }),
    ("qwen2", PreTokenizer { words: Words::Pattern(DIGITS_ALONE), composes: true, ..PLAIN }),
    ("deepseek-r1-qwen", PreTokenizer { words: Words::Pattern(DIGITS_ALONE), composes: true, ..PLAIN }),
    ("megrez", PreTokenizer { words: Words::Pattern(DIGITS_ALONE), composes: true, ..PLAIN }),
    ("smollm", PreTokenizer { words: Words::DigitsThenGpt2, ..PLAIN }),
    ("starcoder", PreTokenizer { words: Words::DigitsThenGpt2, ..PLAIN }),
    ("refact", PreTokenizer { words: Words::DigitsThenGpt2, ..PLAIN }),
    ("tekken", PreTokenizer { words: Words::Pattern(BY_CASE), ignores_merges: true, adds_bos: true, ..PLAIN }),
    ("gpt-4o", PreTokenizer { words: Words::Pattern(BY_CASE_WITH_CONTRACTIONS), ..PLAIN }),
];

impl PreTokenizer {
    /// Reads `tokenizer.ggml.pre`. Files from before the key was introduced do not say how words are cut; of those, the
    /// GPT-2 and GPT-NeoX architectures are known to use GPT-2's pattern, the rest are refused.
    pub fn read(metadata: &Metadata) -> Result<Self, GgufTokenizerError> {
        let name = metadata.text(PRE)?.unwrap_or("default");
        if name == "default" {
            match metadata.text("general.architecture")? {
                Some("gpt2") => return Ok(PLAIN),
                Some("gptneox") => return Ok(PreTokenizer { composes: true, ..PLAIN }),
                _ => {}
            }
        }
        KNOWN.iter().find(|(known, _)| *known == name).map(|(_, pre)| *pre).ok_or_else(|| {
            let supported = KNOWN.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", ");
            GgufTokenizerError::unsupported(metadata, PRE, name, &supported)
        })
    }

    /// The normalizer, as `tokenizer.json` writes it.
    pub fn normalizer(self) -> Option<Value> {
        self.composes.then(|| json!({"type": "NFC"}))
    }

    /// The pre-tokenizer, as `tokenizer.json` writes it.
    pub fn pre_tokenizer(self) -> Value {
        let bytes = |use_regex: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex});
        match self.words {
            Words::Gpt2 => bytes(true),
            Words::DigitsThenGpt2 => {
                let digits = json!({"type": "Digits", "individual_digits": true});
                json!({"type": "Sequence", "pretokenizers": [digits, bytes(true)]})
            }
            Words::Pattern(pattern) => {
                let split =
                    json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false});
                json!({"type": "Sequence", "pretokenizers": [split, bytes(false)]})
            }
        }
    }
}
