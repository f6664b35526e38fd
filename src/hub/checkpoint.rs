//! A checkpoint of a hub as a folder on this machine.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::download::Depot;
use super::name::checked_path;
use super::{HubError, HubSettings, Progress, RepoRef};

/// What is taken besides weights, where the repository has it.
const FILES: [&str; 15] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    "adapter_config.json",
    "wit.json",
    INDEX,
];
const INDEX: &str = "model.safetensors.index.json";
const WEIGHTS: &str = "model.safetensors";
const ADAPTER: &str = "adapter_model.safetensors";

/// The largest file that holds no weights, and the largest that does.
const SMALL_LIMIT_BYTES: u64 = 256 << 20;
const WEIGHTS_LIMIT_BYTES: u64 = 1 << 40;

/// The folder of a model written `organisation/name` or `organisation/name@revision`: its files in the hub's cache,
/// fetched where they are not there.
///
/// Taken are the configuration, the tokenizer, the chat template, `wit.json`, an adapter, and the weights in safetensors (of
/// several files where the index says so). With a full commit as revision a complete folder is found without any
/// request; with a branch one request asks for its commit. Weights come last, so that a folder that has them is complete.
pub fn checkpoint(spec: &str, settings: &HubSettings, progress: &mut dyn Progress) -> Result<PathBuf, HubError> {
    let repo = RepoRef::model(spec)?;
    let depot = Depot::new(settings);
    let known = depot.known_commit(&repo).map(|commit| depot.snapshot(&repo, &commit));
    if repo.is_pinned() || settings.offline {
        let problem = match &known {
            None => "holds no commit of that revision".to_owned(),
            Some(folder) => match lacking(folder) {
                None => return Ok(folder.clone()),
                Some(problem) => problem,
            },
        };
        if settings.offline {
            let looked_at = known.unwrap_or_else(|| settings.cache_dir.join(repo.repo().folder_name()));
            let looked_at = looked_at.display().to_string();
            return Err(HubError::NotCached { spec: spec.to_owned(), looked_at, problem });
        }
    }
    let listing = depot.client.listing(&repo)?;
    let pinned = repo.at(&listing.commit);
    let has = |name: &str| listing.files.iter().any(|file| file == name);
    for file in FILES.into_iter().filter(|file| has(file)) {
        depot.file(&pinned, file, SMALL_LIMIT_BYTES, None, progress)?;
    }
    let folder = depot.snapshot(&pinned, &listing.commit);
    let wanted = match (has(INDEX), has(WEIGHTS), has(ADAPTER)) {
        (true, _, _) => indexed(&folder.join(INDEX))?,
        (false, true, _) => BTreeSet::from([WEIGHTS.to_owned()]),
        (false, false, true) => BTreeSet::new(),
        (false, false, false) => return Err(no_weights(&pinned, &listing.files)),
    };
    let adapter = has(ADAPTER).then(|| ADAPTER.to_owned());
    for file in wanted.into_iter().chain(adapter) {
        depot.file(&pinned, &file, WEIGHTS_LIMIT_BYTES, None, progress)?;
    }
    depot.note_commit(&repo, &listing.commit)?;
    Ok(folder)
}

/// The files that an index of weights names.
fn indexed(index: &Path) -> Result<BTreeSet<String>, HubError> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: std::collections::BTreeMap<String, String>,
    }
    let odd = |problem: String| HubError::Conversion { origin: index.display().to_string(), problem };
    let text = fs::read(index).map_err(HubError::io(index))?;
    let read: Index = serde_json::from_slice(&text).map_err(|error| odd(error.to_string()))?;
    let files: BTreeSet<String> = read.weight_map.into_values().collect();
    for file in &files {
        if checked_path(file, "file of weights")?.contains('/') || !file.ends_with(".safetensors") {
            return Err(odd(format!("it names `{file}`, which is no .safetensors file beside it")));
        }
    }
    if files.is_empty() { Err(odd("it names no file".to_owned())) } else { Ok(files) }
}

/// What a folder lacks to be a checkpoint; `None` where it is one.
fn lacking(folder: &Path) -> Option<String> {
    let has = |name: &str| folder.join(name).is_file();
    if has(ADAPTER) && has("adapter_config.json") {
        return None;
    }
    if !has("config.json") {
        return Some("has no config.json.".to_owned());
    }
    if !has(INDEX) {
        return (!has(WEIGHTS)).then(|| format!("has no {WEIGHTS}."));
    }
    match indexed(&folder.join(INDEX)) {
        Err(error) => Some(format!("has an index that cannot be read ({error}).")),
        Ok(files) => files.into_iter().find(|file| !has(file)).map(|file| format!("has no {file}.")),
    }
}

fn no_weights(repo: &RepoRef, files: &[String]) -> HubError {
    let of_weights = |file: &&String| {
        let extension = Path::new(file).extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| ["bin", "gguf", "pt", "pth", "h5", "msgpack"].contains(&extension))
    };
    let other = files.iter().filter(of_weights);
    let other = other.take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
    let found =
        if other.is_empty() { "no weights in another format either".to_owned() } else { format!("but {other}") };
    HubError::NoWeights { repository: repo.id.clone(), revision: repo.revision.clone(), found }
}
