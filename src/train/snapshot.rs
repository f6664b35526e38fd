//! Everything that a killed run needs to go on and end with the same weights.
//!
//! `OUT/.snapshots/step-000123/` holds `state.safetensors` (the trained weights and the optimizer's two moments, `f32`)
//! and `snapshot.json` (step, settings, the caller's progress, SHA-256 of the former). A snapshot is written under
//! another name, then renamed; one without `snapshot.json` does not count.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::folder::{FolderError, NamedTensor, StoredDtype, io_error, sync_folder, write_tensors};
use super::parameters::{Gradients, Parameter, Parameters};
use crate::digest::Digest;
use crate::model::checkpoint::file::{self, FileError};
use crate::model::weights::{Weights, WeightsError};

/// The folder of snapshots within a run's.
pub const SNAPSHOTS: &str = ".snapshots";
/// How many snapshots are kept where the caller has no opinion.
pub const KEPT: usize = 2;

const FORMAT: u32 = 1;
const MANIFEST: &str = "snapshot.json";
const STATE: &str = "state.safetensors";
const MANIFEST_LIMIT_BYTES: u64 = 64 << 20;
/// Prefixes of names in the state file.
const PARTS: [&str; 3] = ["parameters/", "first_moments/", "second_moments/"];
/// Differences that an error lists.
const LISTED: usize = 12;

/// The state of a run after an optimizer step.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Optimizer steps done.
    pub step: u64,
    /// The caller's counters: epoch, place in the data, best validation loss, and so on.
    pub progress: Value,
    /// What is trained.
    pub parameters: Parameters,
    /// Running mean of gradients, by the name of the tensor.
    pub first_moments: Gradients,
    /// Running mean of squared gradients.
    pub second_moments: Gradients,
}

/// A state to be written.
#[derive(Debug, Clone, Copy)]
pub struct SnapshotView<'a> {
    /// Optimizer steps done.
    pub step: u64,
    /// Everything that must be equal for a run to go on from here: settings, digests of data and base.
    pub settings: &'a Value,
    /// The caller's counters.
    pub progress: &'a Value,
    /// What is trained.
    pub parameters: &'a Parameters,
    /// Running mean of gradients.
    pub first_moments: &'a Gradients,
    /// Running mean of squared gradients.
    pub second_moments: &'a Gradients,
}

/// The newest usable snapshot of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The state.
    pub snapshot: Snapshot,
    /// Newer snapshots that are damaged and were passed over, each with the reason.
    pub damaged: Vec<String>,
}

/// Why a snapshot could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It cannot be written, or the folder cannot be listed.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A file that cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A state file that is no safetensors file.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A snapshot of another release.
    #[error("{}: format {format} is not known, only format {FORMAT}; go on with the release that wrote it, or start anew in another folder", file.display())]
    Format {
        /// `snapshot.json`.
        file: PathBuf,
        /// Its format.
        format: u32,
    },
    /// Contents that are not those that were written.
    #[error("{}: {fault}; remove this snapshot to go on from the one before", path.display())]
    Damaged {
        /// The snapshot or its state file.
        path: PathBuf,
        /// What is wrong.
        fault: String,
    },
    /// A run with other settings.
    #[error("{}: belongs to a run with other settings ({differences}); go on with those, or start anew in another folder", path.display())]
    OtherSettings {
        /// The snapshot.
        path: PathBuf,
        /// Each key that differs, with the value of the snapshot and the caller's.
        differences: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Manifest {
    format: u32,
    step: u64,
    settings: Value,
    progress: Value,
    state_sha256: Digest,
}

/// Writes a snapshot below the run's folder `out`, then removes all but the newest `kept` (at least one).
///
/// # Errors
/// Where the system refuses, or a number is not finite; older snapshots stay as they are then.
pub fn write(out: &Path, view: &SnapshotView<'_>, kept: usize) -> Result<PathBuf, SnapshotError> {
    let home = out.join(SNAPSHOTS);
    let partial = home.join(format!(".partial-{:06}", view.step));
    clear(&partial)?;
    fs::create_dir_all(&partial).map_err(|source| io_error(&partial, source))?;
    let written = write_files(&partial, view);
    if written.is_err() {
        // The disk may be full: leave nothing half done behind.
        let _ = fs::remove_dir_all(&partial);
    }
    written?;
    let to = home.join(format!("step-{:06}", view.step));
    clear(&to)?;
    fs::rename(&partial, &to).map_err(|source| io_error(&to, source))?;
    sync_folder(&home);
    for (_, old) in steps(&home)?.into_iter().rev().skip(kept.max(1)) {
        // Without its manifest a snapshot does not count, so that one half removed is not taken for a whole one.
        let manifest = old.join(MANIFEST);
        match fs::remove_file(&manifest) {
            Err(source) if source.kind() != ErrorKind::NotFound => return Err(io_error(&manifest, source).into()),
            _ => clear(&old)?,
        }
    }
    Ok(to)
}

fn write_files(dir: &Path, view: &SnapshotView<'_>) -> Result<(), SnapshotError> {
    let state = dir.join(STATE);
    let [weights, first, second] = PARTS;
    let name = |part: &str, name: &str| format!("{part}{name}");
    let mut tensors: Vec<NamedTensor<'_>> =
        view.parameters.iter().map(|(tensor, parameter)| NamedTensor::of(&name(weights, tensor), parameter)).collect();
    for (part, moments) in [(first, view.first_moments), (second, view.second_moments)] {
        for (tensor, values) in moments {
            tensors.push(NamedTensor { name: name(part, tensor), shape: vec![values.len()], values });
        }
    }
    write_tensors(&state, &tensors, StoredDtype::F32)?;
    let manifest = Manifest {
        format: FORMAT,
        step: view.step,
        settings: view.settings.clone(),
        progress: view.progress.clone(),
        state_sha256: digest_of(&state)?,
    };
    let path = dir.join(MANIFEST);
    let io = |source| io_error(&path, source);
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| io(error.into()))?;
    let mut file = File::create(&path).map_err(io)?;
    file.write_all(&text).and_then(|()| file.sync_data()).map_err(io)?;
    sync_folder(dir);
    Ok(())
}

/// The newest usable snapshot below the run's folder `out`; `None` where there is none to go on from.
///
/// # Errors
/// Where the newest belongs to a run with other settings, or all that there are are damaged.
pub fn latest(out: &Path, settings: &Value) -> Result<Option<Found>, SnapshotError> {
    let mut damaged = Vec::new();
    let mut first = None;
    for (_, dir) in steps(&out.join(SNAPSHOTS))?.into_iter().rev() {
        match read(&dir, settings) {
            Ok(Some(snapshot)) => return Ok(Some(Found { snapshot, damaged })),
            Ok(None) => {}
            Err(error @ (SnapshotError::OtherSettings { .. } | SnapshotError::Format { .. })) => return Err(error),
            Err(error) => {
                damaged.push(error.to_string());
                first.get_or_insert(error);
            }
        }
    }
    first.map_or(Ok(None), Err)
}

fn read(dir: &Path, settings: &Value) -> Result<Option<Snapshot>, SnapshotError> {
    let path = dir.join(MANIFEST);
    let Some(manifest) = file::read_json::<Manifest>(&path, MANIFEST_LIMIT_BYTES)? else { return Ok(None) };
    if manifest.format != FORMAT {
        return Err(SnapshotError::Format { file: path, format: manifest.format });
    }
    let differences = differences(&manifest.settings, settings);
    if !differences.is_empty() {
        return Err(SnapshotError::OtherSettings { path: dir.to_owned(), differences });
    }
    let state = dir.join(STATE);
    let damaged = |fault: &str| SnapshotError::Damaged { path: state.clone(), fault: fault.to_owned() };
    let tensors = Weights::open_file(dir, STATE)?.ok_or_else(|| damaged("is missing"))?;
    if digest_of(&state)? != manifest.state_sha256 {
        return Err(damaged("its bytes are not those that were written"));
    }
    let mut snapshot = Snapshot {
        step: manifest.step,
        progress: manifest.progress,
        parameters: Parameters::new(),
        first_moments: Gradients::new(),
        second_moments: Gradients::new(),
    };
    for name in tensors.names() {
        let shape = tensors.shape(name).unwrap_or_default().to_vec();
        let values = tensors.to_f32(name, &shape)?;
        let [weights, first, second] = PARTS;
        if let Some(name) = name.strip_prefix(weights) {
            snapshot.parameters.insert(name.to_owned(), Parameter { shape, values });
        } else if let Some(name) = name.strip_prefix(first) {
            snapshot.first_moments.insert(name.to_owned(), values);
        } else if let Some(name) = name.strip_prefix(second) {
            snapshot.second_moments.insert(name.to_owned(), values);
        } else {
            return Err(damaged(&format!("holds a tensor `{name}` that belongs to no part of a snapshot")));
        }
    }
    Ok(Some(snapshot))
}

fn digest_of(path: &Path) -> Result<Digest, FolderError> {
    File::open(path).and_then(Digest::of_reader).map_err(|source| io_error(path, source))
}

fn clear(dir: &Path) -> Result<(), FolderError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io_error(dir, error)),
        _ => Ok(()),
    }
}

/// The snapshots of a folder by step.
fn steps(home: &Path) -> Result<BTreeMap<u64, PathBuf>, FolderError> {
    let io = |source| io_error(home, source);
    let entries = match fs::read_dir(home) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(io(error)),
    };
    let mut steps = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix("step-"));
        if let Some(step) = name.and_then(|digits| digits.parse().ok()) {
            steps.insert(step, path);
        }
    }
    Ok(steps)
}

/// The keys in which two sets of settings differ, with both values, for people; empty where they are equal.
fn differences(then: &Value, asked: &Value) -> String {
    let mut found = Vec::new();
    compare("", then, asked, &mut found);
    let more = found.len().saturating_sub(LISTED);
    found.truncate(LISTED);
    let list = found.join(", ");
    if more == 0 { list } else { format!("{list}, and {more} more") }
}

fn compare(path: &str, then: &Value, asked: &Value, found: &mut Vec<String>) {
    if let (Value::Object(one), Value::Object(other)) = (then, asked) {
        let keys = one.keys().chain(other.keys().filter(|key| !one.contains_key(*key)));
        for key in keys {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let side = |fields: &serde_json::Map<String, Value>| fields.get(key).cloned().unwrap_or(Value::Null);
            compare(&path, &side(one), &side(other), found);
        }
    } else if then != asked {
        let short = |value: &Value| value.to_string().chars().take(60).collect::<String>();
        let path = if path.is_empty() { "settings" } else { path };
        found.push(format!("{path}: {} there, {} here", short(then), short(asked)));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parameters(value: f32) -> Parameters {
        let tensor = |shape: &[usize]| Parameter { shape: shape.to_vec(), values: vec![value; shape.iter().product()] };
        Parameters::from([("a.weight".to_owned(), tensor(&[2, 3])), ("b".to_owned(), tensor(&[4]))])
    }

    fn moments(value: f32) -> Gradients {
        Gradients::from([("a.weight".to_owned(), vec![value; 6]), ("b".to_owned(), vec![-value; 4])])
    }

    fn save(out: &Path, step: u64, value: f32, settings: &Value) -> Result<PathBuf, SnapshotError> {
        let (parameters, first, second) = (parameters(value), moments(value), moments(value * value));
        let progress = json!({"epoch": 1, "position": 17, "best_nats": 0.1 + f64::from(value)});
        let view = SnapshotView {
            step,
            settings,
            progress: &progress,
            parameters: &parameters,
            first_moments: &first,
            second_moments: &second,
        };
        write(out, &view, KEPT)
    }

    #[test]
    fn what_was_written_is_read_back_to_the_last_bit() {
        let out = tempfile::tempdir().unwrap();
        let settings = json!({"seed": 3, "optimizer": {"rate": 2e-5}});
        assert!(latest(out.path(), &settings).unwrap().is_none());
        let value = 0.1_f32 + 0.2;
        save(out.path(), 123, value, &settings).unwrap();
        assert!(out.path().join(".snapshots/step-000123/state.safetensors").exists());
        let Found { snapshot, damaged } = latest(out.path(), &settings).unwrap().unwrap();
        assert!(damaged.is_empty());
        assert_eq!(snapshot.step, 123);
        assert_eq!(snapshot.parameters, parameters(value));
        assert_eq!(snapshot.first_moments, moments(value));
        assert_eq!(snapshot.second_moments, moments(value * value));
        assert_eq!(snapshot.progress["best_nats"].as_f64(), Some(0.1 + f64::from(value)));
    }

    #[test]
    fn only_the_newest_are_kept_and_the_newest_is_found() {
        let out = tempfile::tempdir().unwrap();
        for step in [9, 10, 1_000_000, 11] {
            save(out.path(), step, 1.0, &Value::Null).unwrap();
        }
        let kept: Vec<u64> = steps(&out.path().join(SNAPSHOTS)).unwrap().into_keys().collect();
        assert_eq!(kept, [11, 1_000_000]);
        assert_eq!(latest(out.path(), &Value::Null).unwrap().unwrap().snapshot.step, 1_000_000);
    }

    #[test]
    fn half_written_snapshots_do_not_count_and_damaged_ones_are_passed_over() {
        let out = tempfile::tempdir().unwrap();
        let home = out.path().join(SNAPSHOTS);
        save(out.path(), 1, 1.0, &Value::Null).unwrap();
        let damaged = save(out.path(), 2, 2.0, &Value::Null).unwrap();
        fs::create_dir_all(home.join("step-000003")).unwrap();
        fs::create_dir_all(home.join(".partial-000004")).unwrap();
        let state = damaged.join(STATE);
        let mut bytes = fs::read(&state).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&state, bytes).unwrap();
        let found = latest(out.path(), &Value::Null).unwrap().unwrap();
        assert_eq!(found.snapshot.step, 1);
        assert!(found.damaged[0].contains("step-000002") && found.damaged[0].contains("not those"), "{found:?}");
        fs::remove_dir_all(home.join("step-000001")).unwrap();
        assert!(latest(out.path(), &Value::Null).unwrap_err().to_string().contains("step-000002"));
    }

    #[test]
    fn a_snapshot_of_other_settings_is_refused_with_every_key_that_differs() {
        let out = tempfile::tempdir().unwrap();
        save(out.path(), 5, 1.0, &json!({"seed": 3, "adamw": {"rate": 2e-5, "decay": 0.1}})).unwrap();
        let asked = json!({"adamw": {"decay": 0.1, "rate": 1e-4}, "seed": 4, "lora": {"rank": 8}});
        let text = latest(out.path(), &asked).unwrap_err().to_string();
        for part in ["seed: 3 there, 4 here", "adamw.rate: 0.00002 there, 0.0001 here", "lora: null there"] {
            assert!(text.contains(part), "{part} is missing in: {text}");
        }
        assert!(!text.contains("decay"), "{text}");
    }

    #[test]
    fn numbers_that_are_not_finite_are_never_saved_over_good_ones() {
        let out = tempfile::tempdir().unwrap();
        save(out.path(), 1, 1.0, &Value::Null).unwrap();
        let text = save(out.path(), 2, f32::NAN, &Value::Null).unwrap_err().to_string();
        assert!(text.contains("parameters/a.weight") && text.contains("NaN"), "{text}");
        assert_eq!(latest(out.path(), &Value::Null).unwrap().unwrap().snapshot.step, 1);
        assert_eq!(fs::read_dir(out.path().join(SNAPSHOTS)).unwrap().count(), 1);
    }
}
