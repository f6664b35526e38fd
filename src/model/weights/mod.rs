//! The weights of a checkpoint: files mapped into memory, checked before any tensor is handed out.
//!
//! Safetensors and GGUF are read; either way tensors go by the names that Hugging Face checkpoints of the family have. The
//! pages of a tensor that was read are given back, so that in memory there are the weights in the form that computes, and
//! the one tensor on its way there.

mod arrangement;
mod convert;
mod error;
mod gguf;
mod header;
mod index;
mod mapping;
mod overlay;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
pub use safetensors::Dtype;

use crate::digest::Digest;
use crate::model::checkpoint::file::{self, CONFIG_LIMIT_BYTES};
use crate::model::gguf::element::first_broken_block;
use crate::model::kernels::quantized::GgmlDType;
use crate::model::kernels::{QuantizedRows, Values};
pub(crate) use arrangement::Arrangement;
pub use error::{TensorFault, WeightsError};
use index::ShardIndex;
pub(crate) use index::stays_with;
pub(crate) use mapping::Mapping;
pub use overlay::{Change, LowRank, Overlay};

const SINGLE_FILE: &str = "model.safetensors";

/// All tensors of a checkpoint.
///
/// Nothing of a file is trusted: offsets, shapes, element types and shard names are checked when it is opened.
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
    map: Arc<Mapping>,
}

#[derive(Debug)]
struct StoredTensor {
    file: usize,
    element: Element,
    /// As the file has it.
    file_shape: Vec<usize>,
    /// As the network wants it.
    shape: Vec<usize>,
    arrangement: Arrangement,
    bytes: Range<usize>,
}

/// What a tensor is stored in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Plain(Dtype),
    Quantized(GgmlDType),
}

/// A tensor that lies in its file as the network wants it: little-endian, row-major, possibly unaligned.
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
        let unreadable = |source| file::FileError::Unreadable { file: path.clone(), source };
        let map = Arc::new(Mapping::of(&handle).map_err(unreadable)?);
        let place = self.files.len();
        for entry in header::parse(&path, &map)? {
            let stored = StoredTensor {
                file: place,
                element: Element::Plain(entry.dtype),
                file_shape: entry.shape.clone(),
                shape: entry.shape,
                arrangement: Arrangement::AsStored,
                bytes: entry.bytes,
            };
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

    /// Element type of a tensor; `None` also where it is stored in blocks of quantized values.
    pub fn dtype(&self, name: &str) -> Option<Dtype> {
        match self.tensors.get(name)?.element {
            Element::Plain(dtype) => Some(dtype),
            Element::Quantized(_) => None,
        }
    }

    /// Bytes that a tensor takes in its file, in whatever type.
    pub fn stored_bytes(&self, name: &str) -> Option<usize> {
        self.tensors.get(name).map(|stored| stored.bytes.len())
    }

    /// Block format of a quantized tensor, in ggml's words: `Q4_K`.
    pub fn block_format(&self, name: &str) -> Option<&'static str> {
        match self.tensors.get(name)?.element {
            Element::Plain(_) => None,
            Element::Quantized(format) => Some(crate::model::gguf::element::name(format)),
        }
    }

    /// A tensor as it is stored, without the changes of an overlay; `None` also where it is stored in blocks of quantized
    /// values or in another order than the network wants.
    pub fn raw(&self, name: &str) -> Option<RawTensor<'_>> {
        let stored = self.tensors.get(name)?;
        match (stored.element, stored.arrangement) {
            (Element::Plain(dtype), Arrangement::AsStored) => {
                Some(RawTensor { dtype, shape: &stored.shape, bytes: self.bytes_of(stored)? })
            }
            _ => None,
        }
    }

    /// A tensor as `f32`, row-major, with the changes of the overlay; every stored type widens exactly.
    ///
    /// # Errors
    /// Where the tensor is missing, has another shape, or is stored in a type that is not read.
    pub fn to_f32(&self, name: &str, expected_shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let stored = || self.stored(name, expected_shape, true).map(Values::into_single);
        match self.overlay.as_ref().and_then(|overlay| overlay.changes.get(name)) {
            Some(change) => {
                self.find(name, expected_shape)?;
                change.apply(stored)
            }
            None => stored(),
        }
    }

    /// A tensor in the smallest form that holds it exactly: as it is stored, where no overlay changes it. Half precision
    /// with values that are infinite or no numbers is widened.
    ///
    /// # Errors
    /// As [`Weights::to_f32`].
    pub fn values(&self, name: &str, expected_shape: &[usize]) -> Result<Values, WeightsError> {
        if self.overlay.as_ref().is_some_and(|overlay| overlay.changes.contains_key(name)) {
            return self.to_f32(name, expected_shape).map(Values::Single);
        }
        self.stored(name, expected_shape, false)
    }

    fn find(&self, name: &str, expected_shape: &[usize]) -> Result<&StoredTensor, WeightsError> {
        let stored = self.tensors.get(name).ok_or_else(|| WeightsError::MissingTensor {
            dir: self.dir.clone(),
            tensor: name.to_owned(),
            expected: expected_shape.to_owned(),
        })?;
        if stored.shape != expected_shape {
            return Err(WeightsError::Shape {
                file: self.file_of(name),
                tensor: name.to_owned(),
                expected: expected_shape.to_owned(),
                found: stored.shape.clone(),
            });
        }
        Ok(stored)
    }

    /// A tensor without the changes of an overlay, in the order that the network wants; the pages that it was read from are
    /// released.
    fn stored(&self, name: &str, expected_shape: &[usize], widened: bool) -> Result<Values, WeightsError> {
        let stored = self.find(name, expected_shape)?;
        let bytes = self.bytes_of(stored).unwrap_or_default();
        let values = match stored.element {
            Element::Plain(Dtype::BF16) if !widened => Some(Values::Bfloat16(convert::to_bf16(bytes))),
            Element::Plain(Dtype::F16) if !widened => convert::to_f16(bytes)
                .map(Values::Float16)
                .or_else(|| convert::to_f32(Dtype::F16, bytes).map(Values::Single)),
            Element::Plain(dtype) => convert::to_f32(dtype, bytes).map(Values::Single),
            Element::Quantized(format) => Some(self.blocks(name, stored, format, bytes)?),
        };
        let values = values.ok_or_else(|| WeightsError::Dtype {
            file: self.file_of(name),
            tensor: name.to_owned(),
            dtype: self.dtype(name).unwrap_or(Dtype::F32),
        })?;
        if let Some(file) = self.files.get(stored.file) {
            file.map.release(stored.bytes.clone());
        }
        Ok(stored.arrangement.undo(values, &stored.file_shape))
    }

    fn blocks(
        &self,
        name: &str,
        stored: &StoredTensor,
        format: GgmlDType,
        bytes: &[u8],
    ) -> Result<Values, WeightsError> {
        let scale = |block| WeightsError::Scale { file: self.file_of(name), tensor: name.to_owned(), block };
        if let Some(block) = first_broken_block(format, bytes) {
            return Err(scale(block));
        }
        let inputs = stored.file_shape.last().copied().unwrap_or(1);
        let rows = stored.file_shape.iter().rev().skip(1).product();
        let rows = QuantizedRows::new(format, inputs, rows, bytes.to_vec());
        // Rows and bytes were held against each other when the file was opened.
        rows.map(Values::Quantized).ok_or_else(|| scale(0))
    }

    fn bytes_of(&self, stored: &StoredTensor) -> Option<&[u8]> {
        self.files.get(stored.file)?.map.get(stored.bytes.clone())
    }

    fn file_of(&self, name: &str) -> PathBuf {
        let file = self.tensors.get(name).and_then(|stored| self.files.get(stored.file));
        file.map_or_else(|| self.dir.clone(), |file| file.path.clone())
    }

    /// Content hash of the checkpoint's numbers: SHA-256 over one line `name digest` for each tensor file in order of
    /// name, then for `config.json` (`-` where there is none), then for an overlay if there is one. Hashes every byte: a second or so for each gigabyte.
    pub fn digest(&self) -> Digest {
        let line = |file: &MappedFile| {
            // Reading from memory does not fail.
            let digest = Digest::of_reader(file.map.reader()).unwrap_or_else(|_| Digest::of_bytes(&file.map));
            format!("{} {digest}\n", file.name)
        };
        let mut lines: Vec<String> = self.files.par_iter().map(line).collect();
        lines.sort_unstable();
        let config = self.config_json.as_deref().map(Digest::of_bytes);
        lines.push(format!("config.json {}\n", config.as_ref().map_or("-", Digest::as_str)));
        lines.extend(self.overlay.as_ref().map(|overlay| format!("overlay {}\n", overlay.digest)));
        Digest::of_bytes(lines.concat().as_bytes())
    }
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
    fn two_bytes_stay_two_bytes_unless_they_hold_no_number() {
        let Some(dir) = fixture("gpt_neox") else { return };
        let weights = Weights::open(&dir).unwrap();
        let name = "gpt_neox.embed_in.weight";
        let shape = weights.shape(name).unwrap().to_vec();
        let held = weights.values(name, &shape).unwrap();
        assert!(matches!(held, Values::Float16(_)));
        assert_eq!(held.into_single(), weights.to_f32(name, &shape).unwrap());
        let forged = tempfile::tempdir().unwrap();
        let infinite: Vec<u8> =
            [half::f16::ONE, half::f16::INFINITY].iter().flat_map(|value| value.to_le_bytes()).collect();
        let view = safetensors::tensor::TensorView::new(Dtype::F16, vec![2], &infinite).unwrap();
        safetensors::serialize_to_file([("w", view)], None, &forged.path().join(SINGLE_FILE)).unwrap();
        let held = Weights::open(forged.path()).unwrap().values("w", &[2]).unwrap();
        assert_eq!(held, Values::Single(vec![1.0, f32::INFINITY]));
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
