//! `sweep.toml` as it is written: lists that may be single values, weightings as list or grid.
//!
//! Everything is checked while it is read, so that an error knows its place in the file.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::settings::{self, Settings};
use crate::weighting::Weighting;

/// The folder of the cell without tuning; no data set may have this name.
pub(super) const UNTUNED: &str = "untuned";

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SweepFile {
    #[serde(deserialize_with = "folder_name")]
    pub name: String,
    pub out: Option<PathBuf>,
    #[serde(default)]
    pub base: Sources,
    #[serde(default)]
    pub data: Sources,
    pub weightings: Weightings,
    #[serde(default)]
    pub include_base: bool,
    #[serde(default)]
    pub seeds: Seeds,
    #[serde(default, deserialize_with = "settings::train")]
    pub train: Settings,
    #[serde(default, deserialize_with = "settings::dpo")]
    pub dpo: Option<Settings>,
    #[serde(default, deserialize_with = "settings::evaluate")]
    pub evaluate: Settings,
}

/// A base or a data set, with the name of its folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Unique among its like.
    pub name: String,
    /// The folder of a base; the file or files of a data set.
    pub paths: Vec<PathBuf>,
    /// Takes the place of `[train] learning_rate` for this base.
    pub learning_rate: Option<f64>,
}

/// What cannot be a source.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SourceError {
    /// No name can be read off the path.
    #[error("no name can be made from the path {path:?}; write {{ name = \"NAME\", path = {path:?} }}")]
    Nameless {
        /// The path.
        path: PathBuf,
    },
    /// Two of the same name would share a folder.
    #[error("the name `{name}` is given twice; name one of them: {{ name = \"OTHER\", path = \"...\" }}")]
    Twice {
        /// The name.
        name: String,
    },
    /// A name that the sweep's folder uses otherwise.
    #[error("the name `{UNTUNED}` is taken by the cell without tuning; write {{ name = \"OTHER\", path = \"...\" }}")]
    Taken,
}

impl Source {
    /// A source named after its path.
    pub fn at(path: impl Into<PathBuf>) -> Result<Self, SourceError> {
        let path = path.into();
        let name = name_of(&path).ok_or_else(|| SourceError::Nameless { path: path.clone() })?;
        Ok(Self { name, paths: vec![path], learning_rate: None })
    }

    /// Checks that every name is there once, whatever the file system thinks of capitals.
    pub(super) fn check_names(sources: &[Self]) -> Result<(), SourceError> {
        let mut seen = BTreeSet::new();
        for source in sources {
            let folded = source.name.to_lowercase();
            if folded == UNTUNED {
                return Err(SourceError::Taken);
            }
            if !seen.insert(folded) {
                return Err(SourceError::Twice { name: source.name.clone() });
            }
        }
        Ok(())
    }
}

/// The last part of a path without what a data file's name ends with; the repository in a download cache.
fn name_of(path: &Path) -> Option<String> {
    let last = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let parent = path.parent();
    let name = match parent.and_then(last).as_deref() {
        Some("snapshots") => last(parent?.parent()?)?,
        _ => last(path)?,
    };
    let name = name.strip_prefix("models--").unwrap_or(&name);
    let ends = [".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet"];
    let stem = ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    let plain: String = stem.chars().map(|c| if is_plain(c) { c } else { '-' }).collect();
    is_folder_name(&plain).then_some(plain)
}

fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || "-_.+=".contains(c)
}

fn is_folder_name(name: &str) -> bool {
    (1..=120).contains(&name.len()) && !name.starts_with('.') && name.chars().all(is_plain)
}

fn folder_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    if is_folder_name(&name) {
        Ok(name)
    } else {
        Err(D::Error::custom(format!(
            "name: {name:?} is no folder name; write letters, digits and -_.+=, not beginning with a dot"
        )))
    }
}

/// `"PATH"`, `{ name = "...", path = "PATH" or list }`, or a list of these.
#[derive(Debug, Default)]
pub(super) struct Sources(pub Vec<Source>);

impl<'de> Deserialize<'de> for Sources {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListOfSources;
        impl<'de> Visitor<'de> for ListOfSources {
            type Value = Sources;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path, { name = \"...\", path = \"...\" }, or a list of these")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Sources, E> {
                Ok(Sources(vec![Source::at(text).map_err(E::custom)?]))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Sources, A::Error> {
                let named = NamedSource::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Sources(vec![named.into()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Sources, A::Error> {
                let mut sources = Vec::new();
                while let Some(Sources(one)) = list.next_element()? {
                    sources.extend(one);
                    Source::check_names(&sources).map_err(A::Error::custom)?;
                }
                Ok(Sources(sources))
            }
        }
        deserializer.deserialize_any(ListOfSources)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedSource {
    #[serde(deserialize_with = "folder_name")]
    name: String,
    path: OneOrMany,
    #[serde(default)]
    learning_rate: Option<f64>,
}

impl From<NamedSource> for Source {
    fn from(named: NamedSource) -> Self {
        Self { name: named.name, paths: named.path.0, learning_rate: named.learning_rate }
    }
}

struct OneOrMany(Vec<PathBuf>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Paths;
        impl<'de> Visitor<'de> for Paths {
            type Value = OneOrMany;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path or a list of paths")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![text.into()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany, A::Error> {
                let mut paths: Vec<PathBuf> = Vec::new();
                while let Some(path) = list.next_element()? {
                    paths.push(path);
                }
                if paths.is_empty() { Err(A::Error::invalid_length(0, &self)) } else { Ok(OneOrMany(paths)) }
            }
        }
        deserializer.deserialize_any(Paths)
    }
}

/// A list of weightings, or the grid of two lists.
#[derive(Debug)]
pub(super) struct Weightings(pub Vec<Weighting>);

impl<'de> Deserialize<'de> for Weightings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListOrGrid;
        impl<'de> Visitor<'de> for ListOrGrid {
            type Value = Weightings;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list such as [\"0,1\", [0.4, 0.6]], or { lambda_p = [...], lambda_r = [...] }")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Weightings, A::Error> {
                let mut weightings = Vec::new();
                while let Some(OneWeighting(weighting)) = list.next_element()? {
                    if weightings.contains(&weighting) {
                        return Err(A::Error::custom(format!("{weighting} is listed twice; remove one of them")));
                    }
                    weightings.push(weighting);
                }
                if weightings.is_empty() { Err(A::Error::invalid_length(0, &self)) } else { Ok(Weightings(weightings)) }
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Weightings, A::Error> {
                let grid = Grid::deserialize(MapAccessDeserializer::new(map))?;
                grid.weightings().map(Weightings).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(ListOrGrid)
    }
}

/// `"0.4,0.6"`, `"p0.4-r0.6"` or `[0.4, 0.6]`.
struct OneWeighting(Weighting);

impl<'de> Deserialize<'de> for OneWeighting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrPair;
        impl<'de> Visitor<'de> for TextOrPair {
            type Value = OneWeighting;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a weighting: \"0.4,0.6\", \"p0.4-r0.6\" or [0.4, 0.6]")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<OneWeighting, E> {
                text.parse().map(OneWeighting).map_err(E::custom)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<OneWeighting, A::Error> {
                let prompt: f64 = pair.next_element()?.ok_or_else(|| A::Error::invalid_length(0, &self))?;
                let response: f64 = pair.next_element()?.ok_or_else(|| A::Error::invalid_length(1, &self))?;
                if pair.next_element::<f64>()?.is_some() {
                    return Err(A::Error::invalid_length(3, &self));
                }
                Weighting::new(prompt, response).map(OneWeighting).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(TextOrPair)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Grid {
    lambda_p: Vec<f64>,
    lambda_r: Vec<f64>,
}

impl Grid {
    /// Every pair but (0,0), the response weight running fastest.
    fn weightings(&self) -> Result<Vec<Weighting>, String> {
        let mut weightings = Vec::new();
        for prompt in &self.lambda_p {
            for response in self.lambda_r.iter().filter(|response| (*prompt, **response) != (0.0, 0.0)) {
                let weighting = Weighting::new(*prompt, *response).map_err(|fault| fault.to_string())?;
                if weightings.contains(&weighting) {
                    return Err(format!("the grid has {weighting} twice; list every weight once"));
                }
                weightings.push(weighting);
            }
        }
        if weightings.is_empty() {
            return Err("the grid holds no weighting but (0,0), which learns nothing; add weights".to_owned());
        }
        Ok(weightings)
    }
}

/// Training seeds.
#[derive(Debug)]
pub(super) struct Seeds(pub Vec<u64>);

impl Default for Seeds {
    fn default() -> Self {
        Self(vec![0])
    }
}

impl<'de> Deserialize<'de> for Seeds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seeds = Vec::<u64>::deserialize(deserializer)?;
        let distinct: BTreeSet<u64> = seeds.iter().copied().collect();
        if seeds.is_empty() || distinct.len() < seeds.len() {
            return Err(D::Error::custom("seeds: write at least one number, each once, such as [0, 1, 2]"));
        }
        Ok(Self(seeds))
    }
}
