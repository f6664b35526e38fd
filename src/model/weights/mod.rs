//! The weights of a checkpoint: safetensors files mapped into memory, checked before any tensor is handed out.

mod convert;
mod error;
mod header;
mod index;
mod overlay;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use rayon::prelude::*;
pub use safetensors::Dtype;

use crate::digest::Digest;
use crate::model::checkpoint::file::{self, CONFIG_LIMIT_BYTES};
use crate::model::kernels::Values;
pub use error::{TensorFault, WeightsError};
use index::ShardIndex;
pub use overlay::{Change, LowRank, Overlay};

const SINGLE_FILE: &str = "model.safetensors";

/// All tensors of a checkpoint folder.
///
/// Nothing of a file is trusted: offsets, shapes, element types and shard names are checked in [`Weights::open`].
#[derive(Debug)]
pub struct Weights {
    dir: PathBuf,
    files: Vec<MappedFile>,
    tensors: BTreeMap<String, StoredTensor>,
    config_json: Option<Vec<u8>>,
    overlay: Option<Overlay>,
}

#[derive(Debug)]
struct MappedFile {
    name: String,
    path: PathBuf,
    map: Mmap,
}

#[derive(Debug)]
struct StoredTensor {
    file: usize,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Range<usize>,
}

/// A tensor as it is stored: little-endian, row-major, possibly unaligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawTensor<'a> {
    /// Element type.
    pub dtype: Dtype,
    /// Sizes, outermost first.
    pub shape: &'a [usize],
    /// The elements.
    pub bytes: &'a [u8],
}

impl Weights {
    /// Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names.
    ///
    /// # Errors
    /// Where there is no such file, or one that is cut off, damaged, forged or leads out of the folder.
    pub fn open(dir: &Path) -> Result<Self, WeightsError> {
        let config_json = file::read_bytes(&dir.join("config.json"), CONFIG_LIMIT_BYTES)?;
        let mut weights = Self { config_json, ..Self::empty(dir) };
        if weights.add_file(SINGLE_FILE)? {
            return Ok(weights);
        }
        let Some(index) = ShardIndex::read(dir)? else {
            return Err(WeightsError::NoWeights { dir: dir.to_owned(), remedy: remedy(dir) });
        };
        for (shard, tensor) in index.shards() {
            if !weights.add_file(shard)? {
                return Err(WeightsError::MissingShard {
                    index: index.path.clone(),
                    tensor: tensor.to_owned(),
                    shard: shard.to_owned(),
                });
            }
        }
        weights.check_against(index)?;
        Ok(weights)
    }

    /// Opens one safetensors file of a folder by itself; `None` where there is no such file.
    ///
    /// # Errors
    /// Where the file is cut off, damaged or forged.
    pub fn open_file(dir: &Path, name: &str) -> Result<Option<Self>, WeightsError> {
        let mut weights = Self::empty(dir);
        Ok(weights.add_file(name)?.then_some(weights))
    }

    fn empty(dir: &Path) -> Self {
        let (files, tensors) = (Vec::new(), BTreeMap::new());
        Self { dir: dir.to_owned(), files, tensors, config_json: None, overlay: None }
    }

    /// Whether a folder holds a whole set of weights, to judge by the names of its files.
    pub fn are_in(dir: &Path) -> bool {
        dir.join(SINGLE_FILE).exists() || dir.join(ShardIndex::FILE).exists()
    }

    /// From here on, tensors are read with these changes.
    pub fn change(&mut self, overlay: Overlay) {
        self.overlay = Some(overlay);
    }

    /// Maps a file and takes in its tensors; false where the folder has no such file.
    fn add_file(&mut self, name: &str) -> Result<bool, WeightsError> {
        let path = self.dir.join(name);
        let Some((handle, _)) = file::open(&path)? else { return Ok(false) };
        let map = map(&handle).map_err(|source| file::FileError::Unreadable { file: path.clone(), source })?;
        let place = self.files.len();
        for entry in header::parse(&path, &map)? {
            let stored = StoredTensor { file: place, dtype: entry.dtype, shape: entry.shape, bytes: entry.bytes };
            if let Some(other) = self.tensors.insert(entry.name.clone(), stored) {
                let first = self.files.get(other.file).map_or_else(PathBuf::new, |file| file.path.clone());
                return Err(WeightsError::InTwoShards { tensor: entry.name, first, second: path });
            }
        }
        self.files.push(MappedFile { name: name.to_owned(), path, map });
        Ok(true)
    }

    fn check_against(&self, index: ShardIndex) -> Result<(), WeightsError> {
        for (tensor, shard) in index.shard_of {
            let holder = self.tensors.get(&tensor).and_then(|stored| self.files.get(stored.file));
            if holder.is_none_or(|file| file.name != shard) {
                return Err(WeightsError::NotInShard { index: index.path, tensor, shard });
            }
        }
        Ok(())
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Is there a tensor of this name?
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Sizes of a tensor, outermost first.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|stored| stored.shape.as_slice())
    }

    /// Element type of a tensor.
    pub fn dtype(&self, name: &str) -> Option<Dtype> {
        self.tensors.get(name).map(|stored| stored.dtype)
    }

    /// A tensor as it is stored, without the changes of an overlay.
    pub fn raw(&self, name: &str) -> Option<RawTensor<'_>> {
        let stored = self.tensors.get(name)?;
        let bytes = self.files.get(stored.file)?.map.get(stored.bytes.clone())?;
        Some(RawTensor { dtype: stored.dtype, shape: &stored.shape, bytes })
    }

    /// A tensor as `f32`, row-major, with the changes of the overlay; F16 and BF16 are widened exactly.
    ///
    /// # Errors
    /// Where the tensor is missing, has another shape, or is not stored as F32, F16 or BF16.
    pub fn to_f32(&self, name: &str, expected_shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let missing = || WeightsError::MissingTensor {
            dir: self.dir.clone(),
            tensor: name.to_owned(),
            expected: expected_shape.to_owned(),
        };
        let raw = self.raw(name).ok_or_else(missing)?;
        if raw.shape != expected_shape {
            return Err(WeightsError::Shape {
                file: self.file_of(name),
                tensor: name.to_owned(),
                expected: expected_shape.to_owned(),
                found: raw.shape.to_owned(),
            });
        }
        let stored = || {
            convert::to_f32(raw.dtype, raw.bytes).ok_or_else(|| WeightsError::Dtype {
                file: self.file_of(name),
                tensor: name.to_owned(),
                dtype: raw.dtype,
            })
        };
        match self.overlay.as_ref().and_then(|overlay| overlay.changes.get(name)) {
            Some(change) => change.apply(stored),
            None => stored(),
        }
    }

    /// A tensor in the smallest form that holds it exactly: bfloat16 where it is stored so and no overlay changes it, else
    /// [`Weights::to_f32`].
    ///
    /// # Errors
    /// As [`Weights::to_f32`].
    pub fn values(&self, name: &str, expected_shape: &[usize]) -> Result<Values, WeightsError> {
        let changed = self.overlay.as_ref().is_some_and(|overlay| overlay.changes.contains_key(name));
        match self.raw(name) {
            Some(raw) if raw.dtype == Dtype::BF16 && raw.shape == expected_shape && !changed => {
                Ok(Values::Bfloat16(convert::to_bf16(raw.bytes)))
            }
            _ => self.to_f32(name, expected_shape).map(Values::Single),
        }
    }

    fn file_of(&self, name: &str) -> PathBuf {
        let file = self.tensors.get(name).and_then(|stored| self.files.get(stored.file));
        file.map_or_else(|| self.dir.clone(), |file| file.path.clone())
    }

    /// Content hash of the checkpoint's numbers: SHA-256 over one line `name digest` for each tensor file in order of
    /// name, then for `config.json` (`-` where there is none), then for an overlay if there is one. Hashes every byte: a second or so for each gigabyte.
    pub fn digest(&self) -> Digest {
        let mut lines: Vec<String> =
            self.files.par_iter().map(|file| format!("{} {}\n", file.name, Digest::of_bytes(&file.map))).collect();
        lines.sort_unstable();
        let config = self.config_json.as_deref().map(Digest::of_bytes);
        lines.push(format!("config.json {}\n", config.as_ref().map_or("-", Digest::as_str)));
        lines.extend(self.overlay.as_ref().map(|overlay| format!("overlay {}\n", overlay.digest)));
        Digest::of_bytes(lines.concat().as_bytes())
    }
}

#[allow(unsafe_code)]
fn map(file: &std::fs::File) -> std::io::Result<Mmap> {
    // SAFETY: a mapping is undefined behaviour only if the file is changed while it is mapped. The mapping is private
    // and read-only, so we cannot change it; that nobody else rewrites a checkpoint's weights in place during a run is
    // the contract of every program that maps weights (trainers write to a new name and rename, which keeps the old
    // contents mapped). The bytes themselves are only ever read as plain numbers, for which any pattern is valid.
    unsafe { Mmap::map(file) }
}

/// What to do about a folder without safetensors files.
fn remedy(dir: &Path) -> &'static str {
    let has = |name: &str| dir.join(name).exists();
    if !dir.is_dir() {
        "there is no such folder; check the path"
    } else if has("pytorch_model.bin") || has("pytorch_model.bin.index.json") {
        "pytorch_model.bin can run code when it is loaded and is not read; convert it to safetensors \
         (transformers: save_pretrained(..., safe_serialization=True))"
    } else if has("adapter_model.safetensors") || has("adapter_config.json") {
        "this is an adapter; open it over its base, or merge it into its base model (wit-eval merge) and use that"
    } else if has("tf_model.h5") || has("flax_model.msgpack") {
        "convert the TensorFlow or Flax weights to safetensors"
    } else {
        "fetch the weights, or point at the folder that holds them"
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stderr)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> Option<PathBuf> {
        let fixtures = std::env::var("WIT_EVAL_FIXTURES")
            .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures").to_owned());
        let dir = Path::new(&fixtures).join("models").join(name);
        if !dir.is_dir() {
            eprintln!("skipped: {} is not there; set WIT_EVAL_FIXTURES", dir.display());
            return None;
        }
        Some(dir)
    }

    #[test]
    fn what_we_read_is_what_the_formats_own_reader_reads() {
        for name in ["llama3_tied", "llama_bf16", "gpt_neox"] {
            let Some(dir) = fixture(name) else { return };
            let bytes = std::fs::read(dir.join(SINGLE_FILE)).unwrap();
            let reference = safetensors::SafeTensors::deserialize(&bytes).unwrap();
            let weights = Weights::open(&dir).unwrap();
            let mut names = reference.names();
            names.sort_unstable();
            assert_eq!(weights.names().collect::<Vec<_>>(), names, "{name}");
            for tensor in names {
                let view = reference.tensor(tensor).unwrap();
                let raw = weights.raw(tensor).unwrap();
                assert_eq!((raw.dtype, raw.shape, raw.bytes), (view.dtype(), view.shape(), view.data()), "{tensor}");
                assert_eq!(weights.to_f32(tensor, view.shape()).unwrap().len(), view.shape().iter().product::<usize>());
            }
        }
    }

    #[test]
    fn shards_are_one_set_of_weights() {
        let Some(dir) = fixture("qwen2") else { return };
        let weights = Weights::open(&dir).unwrap();
        let mut counted = 0;
        for shard in 1..=3 {
            let bytes = std::fs::read(dir.join(format!("model-0000{shard}-of-00003.safetensors"))).unwrap();
            let reference = safetensors::SafeTensors::deserialize(&bytes).unwrap();
            for (name, view) in reference.iter() {
                assert_eq!(weights.raw(name).unwrap().bytes, view.data(), "{name}");
                counted += 1;
            }
        }
        assert_eq!(weights.names().count(), counted);
    }
}
