//! Low-rank adapters in the layout of PEFT: a folder with `adapter_config.json` and `adapter_model.safetensors`, read
//! over the folder of its base. The product is added to the base's weights when they are read, in `f32`, so that the
//! network computes with plain weights.
//!
//! `W + s B A`, with `A` of shape `(rank, inputs)`, `B` `(outputs, rank)` and `s = alpha / rank`, or
//! `alpha / sqrt(rank)` where the adapter says `use_rslora`. Source: Hu et al., "`LoRA`: Low-Rank Adaptation of Large
//! Language Models", section 4.1; Kalajdzievski, "A Rank Stabilization Scaling Factor for Fine-Tuning with `LoRA`".

mod config;
mod error;
mod names;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::model::architecture::{Architecture, Selection, TensorView};
use crate::model::gguf::{is_gguf, model_in};
use crate::model::weights::{Change, LowRank, Overlay, Weights};
use config::AdapterConfig;
pub use config::CONFIG_FILE;
pub use error::AdapterError;
pub use names::PREFIX;
use names::Part;

/// The file that holds an adapter's tensors.
pub const TENSOR_FILE: &str = "adapter_model.safetensors";

/// An adapter's folder, opened, with the folder of its base.
#[derive(Debug)]
pub struct AdapterFolder {
    dir: PathBuf,
    base: PathBuf,
    config: AdapterConfig,
    tensors: Weights,
}

/// Whether a folder is an adapter: it has the adapter's configuration and no weights of its own.
pub fn is_adapter(dir: &Path) -> bool {
    dir.join(CONFIG_FILE).exists() && !Weights::are_in(dir)
}

impl AdapterFolder {
    /// Opens a folder if it is an adapter; `None` if it is not. `base` stands for the base that the adapter names.
    ///
    /// # Errors
    /// Where the adapter is of a kind that is not supported, damaged, or its base is not a folder on this machine. A
    /// relative base is looked for beside the adapter's folder first, then in the working folder.
    pub fn open(dir: &Path, base: Option<&Path>) -> Result<Option<Self>, AdapterError> {
        if !is_adapter(dir) {
            return Ok(None);
        }
        let Some(config) = AdapterConfig::read(dir)? else { return Ok(None) };
        let no_weights = || AdapterError::NoWeights { dir: dir.to_owned(), remedy: remedy(dir) };
        let tensors = Weights::open_file(dir, TENSOR_FILE)?.ok_or_else(no_weights)?;
        let base = base_folder(dir, config.base.as_deref(), base)?;
        Ok(Some(Self { dir: dir.to_owned(), base, config, tensors }))
    }

    /// The adapter's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The base's folder.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// What the adapter does to the weights of its base, which `architecture` describes.
    ///
    /// # Errors
    /// Where a tensor does not belong to the network, or has the wrong shape, or lacks its other half.
    pub fn overlay(&self, architecture: &Architecture, base: &Weights) -> Result<Overlay, AdapterError> {
        let targets = Targets::of(architecture, base);
        let mut changes: BTreeMap<String, Change> = BTreeMap::new();
        let mut halves: BTreeMap<String, Halves<'_>> = BTreeMap::new();
        for name in self.tensors.names() {
            let unknown = "is of no kind that plain low-rank adapters have; merge the adapter with peft and use that";
            let (part, path) = names::parse(name).ok_or_else(|| self.fault(name, unknown))?;
            match part {
                Part::Whole => {
                    let target = targets.find(&path).ok_or_else(|| self.stray(name, &path))?;
                    let values = self.whole(name, &target)?;
                    // Frozen weights that are saved along change nothing.
                    if target.tied.is_some() {
                        self.check_unchanged(name, &target, &values, base)?;
                    } else {
                        changes.entry(target.stored.to_owned()).or_default().replacement = Some(values);
                    }
                }
                Part::Down | Part::EmbeddingDown => halves.entry(path).or_default().down = Some((name, part)),
                Part::Up | Part::EmbeddingUp => halves.entry(path).or_default().up = Some((name, part)),
            }
        }
        // Of the configuration only what decides a number is hashed: where the base lies does not.
        let mut hashed = format!("{TENSOR_FILE} {}\n", self.tensors.digest());
        for (module, halves) in &halves {
            let (stored, low_rank) = self.low_rank(module, *halves, &targets)?;
            changes.entry(stored).or_default().low_rank = Some(low_rank);
            let (rank, scale) = self.config.rank_and_scale(module);
            hashed.extend([module.as_str(), &format!(" {rank} {scale}\n")]);
        }
        Ok(Overlay { changes, digest: Digest::of_bytes(hashed.as_bytes()) })
    }

    fn low_rank(
        &self,
        module: &str,
        halves: Halves<'_>,
        targets: &Targets<'_>,
    ) -> Result<(String, LowRank), AdapterError> {
        let ((down, down_part), (up, up_part)) = match halves {
            Halves { down: Some(down), up: Some(up) } => (down, up),
            Halves { down, up } => {
                let lonely = down.or(up).map_or(module, |(name, _)| name);
                return Err(self.fault(lonely, "has no counterpart (lora_A goes with lora_B); fetch the adapter again"));
            }
        };
        let target = targets.find(&format!("{module}.weight")).ok_or_else(|| self.stray(down, module))?;
        if let Some(why) = target.tied {
            return Err(self.fault(down, why));
        }
        let &[rows, columns] = target.view.shape.as_slice() else {
            return Err(self.fault(down, "adapts a tensor that is no matrix; merge the adapter with peft and use that"));
        };
        let embedding = (down_part, up_part) == (Part::EmbeddingDown, Part::EmbeddingUp);
        if embedding != target.embedding || (!embedding && (down_part, up_part) != (Part::Down, Part::Up)) {
            return Err(self.fault(down, "is named as of an embedding where there is a projection, or the reverse"));
        }
        // Both an embedding's tokens and the inputs of a transposed projection are rows.
        let transposed = embedding || matches!(target.view.selection, Selection::Columns { .. });
        let (inputs, outputs) = if transposed { (rows, columns) } else { (columns, rows) };
        let (rank, scale) = self.config.rank_and_scale(module);
        let read = |name: &str, shape: [usize; 2]| {
            let found = self.tensors.shape(name).unwrap_or_default();
            if found != shape {
                let config = self.config.file().display();
                return Err(self.fault(
                    name,
                    &format!(
                        "has shape {found:?} where rank {rank} ({config}) and the base ask for {shape:?}; is this the \
                         adapter's base?"
                    ),
                ));
            }
            Ok(self.tensors.to_f32(name, &shape)?)
        };
        let (down, up) = (read(down, [rank, inputs])?, read(up, [outputs, rank])?);
        #[allow(clippy::cast_possible_truncation)]
        let low_rank = LowRank::new(&down, &up, rank, scale as f32, transposed);
        let low_rank = low_rank.ok_or_else(|| self.fault(module, "has no product"))?;
        Ok((target.stored.to_owned(), low_rank))
    }

    fn whole(&self, name: &str, target: &Target<'_>) -> Result<Vec<f32>, AdapterError> {
        let found = self.tensors.shape(name).unwrap_or_default();
        if found != target.view.shape {
            let fault = format!(
                "has shape {found:?} where the base has {:?}; is this the adapter's base? (A vocabulary that grew in \
                 training: merge the adapter with peft and use that)",
                target.view.shape
            );
            return Err(self.fault(name, &fault));
        }
        Ok(self.tensors.to_f32(name, found)?)
    }

    /// A tied matrix may only be saved along as it is: changed on one side it would no longer be tied.
    fn check_unchanged(
        &self,
        name: &str,
        target: &Target<'_>,
        values: &[f32],
        base: &Weights,
    ) -> Result<(), AdapterError> {
        let stored = base.to_f32(target.stored, &target.view.shape)?;
        let same = stored.iter().zip(values).all(|(stored, value)| stored.to_bits() == value.to_bits());
        match target.tied {
            Some(why) if !same => Err(self.fault(name, why)),
            _ => Ok(()),
        }
    }

    fn stray(&self, tensor: &str, path: &str) -> AdapterError {
        self.fault(tensor, &format!("adapts `{path}`, which the base does not have; is this the adapter's base?"))
    }

    fn fault(&self, tensor: &str, fault: &str) -> AdapterError {
        let file = self.dir.join(TENSOR_FILE);
        AdapterError::Tensor { file, tensor: tensor.to_owned(), fault: fault.to_owned() }
    }
}

/// The two factors of a product, by name.
#[derive(Debug, Clone, Copy, Default)]
struct Halves<'a> {
    down: Option<(&'a str, Part)>,
    up: Option<(&'a str, Part)>,
}

/// A tensor of the base that can be adapted.
#[derive(Debug, Clone, Copy)]
struct Target<'a> {
    view: &'a TensorView,
    stored: &'a str,
    embedding: bool,
    /// Why it cannot be changed.
    tied: Option<&'static str>,
}

/// The tensors of the base by every name that they may go by.
struct Targets<'a>(BTreeMap<&'a str, Target<'a>>);

const TIED: &str = "changes the embedding or the head of a base in which both are one matrix; merge the adapter with \
                    peft and use that";

impl<'a> Targets<'a> {
    fn of(architecture: &'a Architecture, base: &Weights) -> Self {
        let tied = architecture.head.projection.is_none();
        let tokens = &architecture.embedding.tokens;
        let mut all = BTreeMap::new();
        for view in architecture.tensors() {
            let Some(stored) = view.names.iter().find(|name| base.contains(name)).or(view.names.first()) else {
                continue;
            };
            let positions = architecture.embedding.positions.as_ref();
            let embedding = view.names == tokens.names || positions.is_some_and(|at| at.names == view.names);
            let tied = (tied && view.names == tokens.names).then_some(TIED);
            for name in &view.names {
                all.entry(name.as_str()).or_insert(Target { view, stored, embedding, tied });
            }
            if tied.is_some() {
                all.entry("lm_head.weight").or_insert(Target { view, stored, embedding, tied });
            }
        }
        Self(all)
    }

    fn find(&self, name: &str) -> Option<Target<'a>> {
        self.0.get(name).copied()
    }
}

/// Finds the base's folder.
fn base_folder(dir: &Path, named: Option<&str>, given: Option<&Path>) -> Result<PathBuf, AdapterError> {
    let named = named.filter(|named| !named.is_empty());
    let no_base = || {
        let shown = given.map(|given| given.display().to_string()).or(named.map(str::to_owned));
        let shown = shown.map(|shown| shown.chars().take(200).collect::<String>());
        let named = shown.map_or_else(|| "(it names none)".to_owned(), |shown| format!("{shown:?}"));
        AdapterError::NoBase { dir: dir.to_owned(), named }
    };
    let candidates = match (given, named) {
        (Some(given), _) => vec![given.to_owned()],
        (None, Some(named)) => vec![dir.join(named), PathBuf::from(named)],
        (None, None) => return Err(no_base()),
    };
    // A folder with several models in GGUF is usable too: opening it says what to do.
    let in_gguf = |path: &Path| (is_gguf(path) && path.is_file()) || !matches!(model_in(path), Ok(None));
    let usable = |path: &&PathBuf| path.join("config.json").is_file() || is_adapter(path) || in_gguf(path);
    let base = candidates.iter().find(usable).ok_or_else(no_base)?.clone();
    if is_adapter(&base) {
        return Err(AdapterError::BaseIsAdapter { dir: dir.to_owned(), base });
    }
    Ok(base)
}

/// What to do about an adapter without a tensor file.
fn remedy(dir: &Path) -> &'static str {
    if dir.join("adapter_model.bin").exists() {
        "adapter_model.bin can run code when it is loaded and is not read; convert it to safetensors \
         (peft: save_pretrained)"
    } else {
        "fetch it"
    }
}
