//! The sections `[train]`, `[dpo]` and `[evaluate]`: which keys they know, and what command line they stand for.
//!
//! A key is the name of a flag with underscores, so that a cell is a command line that anybody can run alone.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// What may stand behind a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Text, or a whole number.
    TextOrCount,
    /// A whole number above 0.
    Positive,
    /// A whole number.
    Count,
    /// A number that is not negative.
    Number,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `true` gives the bare flag, `false` leaves it out.
    Switch,
    /// `true` or `false`, passed on.
    Boolean,
    /// `true` gives the bare flag, a text is passed on.
    SwitchOrText,
    /// A text, or a list of them joined by commas.
    Names,
    /// A file or folder, relative to the file of the sweep.
    Path,
    /// One or several of them.
    Paths,
}

/// A key of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// As written in the file.
    pub name: &'static str,
    /// What may stand behind it.
    pub kind: Kind,
    /// Whether it decides the outcome. Where it only decides speed, memory or what is logged, changing it leaves finished
    /// cells finished.
    pub decides: bool,
}

const fn key(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, decides: true }
}

const fn free(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, decides: false }
}

const LEARNING_RATE: Key = key("learning_rate", Kind::Number);

/// Keys of `[train]`. Base, data, weights, seed and folder are the sweep's own.
pub const TRAIN: &[Key] = &[
    key("columns", Kind::Names),
    key("prompt_format", Kind::Text),
    key("chat_template", Kind::Path),
    key("tokenizer", Kind::Path),
    key("max_length", Kind::Positive),
    key("truncation", Kind::Choice(&["left", "right"])),
    LEARNING_RATE,
    key("schedule", Kind::Choice(&["cosine", "linear", "constant"])),
    key("warmup_ratio", Kind::Number),
    key("weight_decay", Kind::Number),
    key("decay", Kind::Choice(&["all", "matrices"])),
    key("adam_beta1", Kind::Number),
    key("adam_beta2", Kind::Number),
    key("adam_epsilon", Kind::Number),
    key("max_grad_norm", Kind::Number),
    key("batch_size", Kind::Positive),
    free("micro_batch_tokens", Kind::Positive),
    key("epochs", Kind::Positive),
    key("max_steps", Kind::Positive),
    key("order", Kind::Choice(&["shuffled", "file"])),
    key("dtype", Kind::Choice(&["f32", "bf16"])),
    key("lora_rank", Kind::Positive),
    key("lora_alpha", Kind::Number),
    key("lora_targets", Kind::Names),
    free("gradient_checkpointing", Kind::Switch),
    key("validation_fraction", Kind::Number),
    key("validation_data", Kind::Path),
    key("evaluate_every", Kind::Positive),
    key("early_stop", Kind::Positive),
    free("save_every", Kind::Positive),
    free("log_every", Kind::Positive),
    free("device", Kind::Text),
    free("path", Kind::Choice(&["fused", "plain"])),
];

/// Keys that `[dpo]` has besides those of `[train]`.
pub const DPO_ONLY: &[Key] = &[
    key("data", Kind::Paths),
    key("beta", Kind::Number),
    key("label_smoothing", Kind::Number),
    key("reference", Kind::Path),
];

/// Keys of `[evaluate]`. The checkpoint and the folder are the sweep's own. Where data lie does not decide: the run keeps
/// a digest of its questions, and refuses others.
pub const EVALUATE: &[Key] = &[
    key("tasks", Kind::Names),
    free("data", Kind::Path),
    free("include_path", Kind::Paths),
    key("limit", Kind::Number),
    key("num_fewshot", Kind::Count),
    key("fewshot_seed", Kind::Count),
    key("system_instruction", Kind::Text),
    key("perturbations", Kind::Names),
    free("paraphrases", Kind::Paths),
    key("seed", Kind::Count),
    key("apply_chat_template", Kind::SwitchOrText),
    key("chat_template", Kind::Path),
    key("fewshot_as_multiturn", Kind::Boolean),
    key("date", Kind::Text),
    key("gen_kwargs", Kind::Text),
    key("posix_limit", Kind::Count),
    key("posix_tokens", Kind::Positive),
    key("likelihood", Kind::Path),
    key("likelihood_limit", Kind::Positive),
    key("dtype", Kind::Choice(&["auto", "float32", "bfloat16", "float16"])),
    free("max_memory", Kind::Text),
    free("batch_size", Kind::TextOrCount),
];

/// A checked value, as the command line takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    /// The bare flag.
    Bare,
    /// `--flag=text`.
    Text(String),
    /// `--flag=path`, once each.
    Paths(Vec<PathBuf>),
}

/// What a section says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    values: BTreeMap<&'static str, (bool, Value)>,
}

impl Settings {
    /// The flags, `--name=value`, in the order of the keys' names.
    pub fn to_flags(&self) -> Vec<OsString> {
        let mut flags = Vec::new();
        for (name, (_, value)) in &self.values {
            let flag = format!("--{}", name.replace('_', "-"));
            match value {
                Value::Bare => flags.push(flag.into()),
                Value::Text(text) => flags.push(format!("{flag}={text}").into()),
                Value::Paths(paths) => flags.extend(paths.iter().map(|path| {
                    let mut word = OsString::from(format!("{flag}="));
                    word.push(path);
                    word
                })),
            }
        }
        flags
    }

    /// The text behind a key, where it is given.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.values.get(name) {
            Some((_, Value::Text(text))) => Some(text),
            _ => None,
        }
    }

    /// The files or folders behind a key.
    pub fn paths(&self, name: &str) -> &[PathBuf] {
        match self.values.get(name) {
            Some((_, Value::Paths(paths))) => paths,
            _ => &[],
        }
    }

    /// Sets a number, in place of what the file says.
    pub(super) fn set_number(&mut self, name: &'static str, decides: bool, number: f64) {
        self.values.insert(name, (decides, Value::Text(number.to_string())));
    }

    /// Sets a text, in place of what the file says.
    pub(super) fn set_text(&mut self, name: &'static str, decides: bool, text: &str) {
        self.values.insert(name, (decides, Value::Text(text.to_owned())));
    }

    /// Sets one file, in place of what the sweep's file says.
    pub(super) fn set_path(&mut self, name: &'static str, decides: bool, path: &Path) {
        self.values.insert(name, (decides, Value::Paths(vec![path.to_owned()])));
    }

    /// The keys that decide the outcome, each with its text or its files.
    pub(super) fn deciding(&self) -> impl Iterator<Item = (&'static str, &str, &[PathBuf])> {
        self.values.iter().filter(|(_, (decides, _))| *decides).map(|(name, (_, value))| match value {
            Value::Bare => (*name, "true", &[][..]),
            Value::Text(text) => (*name, text.as_str(), &[][..]),
            Value::Paths(paths) => (*name, "", paths.as_slice()),
        })
    }

    /// Takes relative paths as relative to `folder`.
    pub(super) fn resolve(&mut self, folder: &Path) {
        for (_, value) in self.values.values_mut() {
            if let Value::Paths(paths) = value {
                for path in paths {
                    *path = folder.join(&path);
                }
            }
        }
    }
}

/// Reads `[train]`.
pub(super) fn train<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Settings, D::Error> {
    deserializer.deserialize_map(Section { name: "train", tables: &[TRAIN] })
}

/// Reads `[dpo]`.
pub(super) fn dpo<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Settings>, D::Error> {
    deserializer.deserialize_map(Section { name: "dpo", tables: &[TRAIN, DPO_ONLY] }).map(Some)
}

/// Reads `[evaluate]`.
pub(super) fn evaluate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Settings, D::Error> {
    deserializer.deserialize_map(Section { name: "evaluate", tables: &[EVALUATE] })
}

/// A section's name and the keys that it knows.
struct Section {
    name: &'static str,
    tables: &'static [&'static [Key]],
}

impl<'de> Visitor<'de> for Section {
    type Value = Settings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the table [{}]", self.name)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Settings, A::Error> {
        let mut settings = Settings::default();
        let known = || self.tables.iter().copied().flatten();
        while let Some(key) = map.next_key_seed(KeyOf(&self))? {
            if let Some(value) = map.next_value_seed(ValueOf(key))? {
                settings.values.insert(key.name, (key.decides, value));
            }
        }
        let both = |a: &str, b: &str| settings.values.contains_key(a) && settings.values.contains_key(b);
        for (a, b) in [("validation_fraction", "validation_data"), ("apply_chat_template", "chat_template")] {
            if known().any(|key| key.name == a) && both(a, b) {
                return Err(A::Error::custom(format!("[{}] has both {a} and {b}: keep one of them", self.name)));
            }
        }
        Ok(settings)
    }
}

/// Finds the key of a name; reading it so puts the name's place into the error.
struct KeyOf<'a>(&'a Section);

impl<'de> DeserializeSeed<'de> for KeyOf<'_> {
    type Value = &'static Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<&'static Key, D::Error> {
        let name = String::deserialize(deserializer)?;
        let known = || self.0.tables.iter().copied().flatten();
        known().find(|key| key.name == name).ok_or_else(|| {
            let names: Vec<&str> = known().map(|key| key.name).collect();
            let remedy = match name.as_str() {
                "base" | "lambda_p" | "lambda_r" | "out" | "checkpoint" | "output_path" | "run_name" | "data" => {
                    "; the sweep sets it for every cell: remove it here"
                }
                "seed" => "; write `seeds = [...]` above the sections",
                "threads" => "; give --threads to `wit-eval sweep`",
                _ => "",
            };
            D::Error::custom(format!(
                "[{}] has no key `{name}`{remedy}; its keys are {}",
                self.0.name,
                names.join(", ")
            ))
        })
    }
}

/// Reads the value of a key.
struct ValueOf(&'static Key);

impl<'de> DeserializeSeed<'de> for ValueOf {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Value>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl ValueOf {
    fn wrong<E: serde::de::Error>(&self, found: impl fmt::Display) -> E {
        E::custom(format!("{}: {found} does not fit; write {}", self.0.name, self.0.kind))
    }
}

impl<'de> Visitor<'de> for ValueOf {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {}", self.0.kind, self.0.name)
    }

    fn visit_bool<E: serde::de::Error>(self, on: bool) -> Result<Option<Value>, E> {
        match self.0.kind {
            Kind::Switch | Kind::SwitchOrText => Ok(on.then_some(Value::Bare)),
            Kind::Boolean => Ok(Some(Value::Text(on.to_string()))),
            _ => Err(self.wrong(on)),
        }
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Option<Value>, E> {
        let least = match self.0.kind {
            Kind::Positive | Kind::TextOrCount => 1,
            Kind::Count | Kind::Number => 0,
            _ => return Err(self.wrong(number)),
        };
        if number < least { Err(self.wrong(number)) } else { Ok(Some(Value::Text(number.to_string()))) }
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Option<Value>, E> {
        if self.0.kind == Kind::Number && number.is_finite() && number >= 0.0 {
            // `-0.0` passes the check; one spelling of zero keeps identities unique.
            Ok(Some(Value::Text((number + 0.0).to_string())))
        } else {
            Err(self.wrong(number))
        }
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Option<Value>, E> {
        let fits = match self.0.kind {
            Kind::Choice(words) => words.contains(&text),
            Kind::Text | Kind::TextOrCount | Kind::SwitchOrText | Kind::Names => true,
            Kind::Path | Kind::Paths if !text.is_empty() => return Ok(Some(Value::Paths(vec![text.into()]))),
            _ => false,
        };
        if fits && !text.contains('\0') {
            Ok(Some(Value::Text(text.to_owned())))
        } else {
            Err(self.wrong(format_args!("{text:?}")))
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<Value>, A::Error> {
        let mut items: Vec<String> = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        match self.0.kind {
            Kind::Names if !items.is_empty() => Ok(Some(Value::Text(items.join(",")))),
            Kind::Paths if !items.is_empty() => Ok(Some(Value::Paths(items.into_iter().map(PathBuf::from).collect()))),
            _ => Err(self.wrong(format_args!("a list of {} texts", items.len()))),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "a text in quotes",
            Self::TextOrCount => "a text in quotes or a whole number above 0",
            Self::Positive => "a whole number above 0",
            Self::Count => "a whole number, 0 or more",
            Self::Number => "a number, 0 or more",
            Self::Choice(words) => return write!(f, "one of \"{}\"", words.join("\", \"")),
            Self::Switch | Self::Boolean => "true or false",
            Self::SwitchOrText => "true, false or a text in quotes",
            Self::Names => "a text in quotes or a list of texts",
            Self::Path => "a path in quotes",
            Self::Paths => "a path in quotes or a list of paths",
        })
    }
}
