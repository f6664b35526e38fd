//! Tensors by number instead of by name: the slots of a network, and a model's values in them.

use super::GradientError;
use super::projection::LowRank;
use crate::model::architecture::{Selection, TensorView};
use crate::train::parameters::{Adapter, Gradients, ModelParameters, Parameter};

/// What PEFT puts before a module's name.
const ADAPTER_PREFIX: &str = "base_model.model.";

/// The stored tensors that a network reads, each once.
#[derive(Debug, Default)]
pub struct Slots {
    tensors: Vec<Stored>,
}

/// How a tensor is stored.
#[derive(Debug)]
struct Stored {
    names: Vec<String>,
    shape: Vec<usize>,
    /// Whether a projection is stored as `(inputs, outputs)`.
    transposed: bool,
}

impl Slots {
    /// The slot of a stored tensor.
    pub fn of(&mut self, view: &TensorView) -> usize {
        if let Some(slot) = self.tensors.iter().position(|stored| stored.names.first() == view.names.first()) {
            return slot;
        }
        let transposed = matches!(view.selection, Selection::Columns { .. });
        self.tensors.push(Stored { names: view.names.clone(), shape: view.shape.clone(), transposed });
        self.tensors.len() - 1
    }
}

/// A model's values by slot: those of the network, then those of its adapter.
#[derive(Debug)]
pub struct Bound<'a> {
    names: Vec<&'a str>,
    values: Vec<&'a [f32]>,
    trained: Vec<bool>,
    low_ranks: Vec<Option<LowRank>>,
}

impl<'a> Bound<'a> {
    /// Finds every tensor and checks its shape.
    pub fn new(slots: &Slots, model: &'a ModelParameters) -> Result<Self, GradientError> {
        let mut bound = Self { names: Vec::new(), values: Vec::new(), trained: Vec::new(), low_ranks: Vec::new() };
        for Stored { names, shape, .. } in &slots.tensors {
            let found = names.iter().find_map(|name| model.base.get_key_value(name));
            let (name, parameter) = found.ok_or_else(|| GradientError::MissingTensor { tensor: names.join(" or ") })?;
            bound.push(name, parameter, shape, model.adapter.is_none())?;
        }
        if let Some(adapter) = &model.adapter {
            bound.adapt(slots, adapter)?;
        }
        Ok(bound)
    }

    fn push(
        &mut self,
        name: &'a str,
        parameter: &'a Parameter,
        shape: &[usize],
        trained: bool,
    ) -> Result<usize, GradientError> {
        if parameter.shape != shape || parameter.values.len() != shape.iter().product::<usize>() {
            let found = parameter.shape.clone();
            return Err(GradientError::Shape { tensor: name.to_owned(), found, expected: shape.to_owned() });
        }
        self.names.push(name);
        self.values.push(&parameter.values);
        self.trained.push(trained);
        self.low_ranks.push(None);
        Ok(self.values.len() - 1)
    }

    /// Finds the adapter's pair of tensors for each projection; every tensor of the adapter must belong to one.
    #[allow(clippy::cast_possible_truncation)]
    fn adapt(&mut self, slots: &Slots, adapter: &'a Adapter) -> Result<(), GradientError> {
        let rank = adapter.settings.rank;
        if rank == 0 {
            return Err(GradientError::ZeroRank);
        }
        let mut used = 0;
        for (slot, Stored { names, shape, transposed }) in slots.tensors.iter().enumerate() {
            let &[rows, columns] = shape.as_slice() else { continue };
            let modules = names.iter().filter_map(|name| name.strip_suffix(".weight"));
            let pair = modules.map(|module| (key(module, 'A'), key(module, 'B')));
            let found = |(a, b): (String, String)| {
                let (a, b) = (adapter.tensors.get_key_value(&a), adapter.tensors.get_key_value(&b));
                (a.is_some() || b.is_some()).then_some((a, b))
            };
            let Some(pair) = pair.into_iter().find_map(found) else { continue };
            let (Some((a_name, a)), Some((b_name, b))) = pair else {
                return Err(GradientError::HalfAdapter { tensor: self.name(slot).to_owned() });
            };
            let (inputs, outputs) = if *transposed { (rows, columns) } else { (columns, rows) };
            let a = self.push(a_name, a, &[rank, inputs], true)?;
            let b = self.push(b_name, b, &[outputs, rank], true)?;
            let low = LowRank { a, b, rank, scale: adapter.settings.scale() as f32 };
            if let Some(place) = self.low_ranks.get_mut(slot) {
                *place = Some(low);
            }
            used += 2;
        }
        if used < adapter.tensors.len() {
            let unknown = adapter.tensors.keys().find(|name| !self.names.contains(&name.as_str()));
            return Err(GradientError::UnknownAdapterTensor { tensor: unknown.cloned().unwrap_or_default() });
        }
        Ok(())
    }

    /// The network's own tensors by slot: stored names, shapes, and whether they are `(inputs, outputs)`.
    pub fn base<'b>(&'b self, slots: &'b Slots) -> impl Iterator<Item = (&'a str, &'b [usize], bool)> {
        let tensors = slots.tensors.iter().map(|stored| (stored.shape.as_slice(), stored.transposed));
        self.names.iter().zip(tensors).map(|(name, (shape, transposed))| (*name, shape, transposed))
    }

    /// A slot's stored name.
    pub fn name(&self, slot: usize) -> &'a str {
        self.names.get(slot).copied().unwrap_or_default()
    }

    /// A slot's values.
    pub fn values(&self, slot: usize) -> &'a [f32] {
        self.values.get(slot).copied().unwrap_or_default()
    }

    /// Whether a slot is trained.
    pub fn trained(&self, slot: usize) -> bool {
        self.trained.get(slot).copied().unwrap_or(false)
    }

    /// A slot's adaptation.
    pub fn low_rank(&self, slot: usize) -> Option<LowRank> {
        self.low_ranks.get(slot).copied().flatten()
    }

    /// Number of trained values.
    pub fn trained_values(&self) -> usize {
        self.values.iter().zip(&self.trained).filter(|(_, trained)| **trained).map(|(values, _)| values.len()).sum()
    }

    /// Length of each slot's gradient; 0 where it is frozen.
    pub fn gradient_lengths(&self) -> impl Iterator<Item = usize> {
        self.values.iter().zip(&self.trained).map(|(values, trained)| if *trained { values.len() } else { 0 })
    }

    /// Takes the trained slots' gradients out, zeros where there are none yet.
    pub fn take_gradients(&self, gradients: &mut Gradients) -> Result<Vec<Vec<f32>>, GradientError> {
        for (name, length) in self.names.iter().zip(self.gradient_lengths()) {
            match gradients.get(*name) {
                Some(present) if length == 0 => {
                    return Err(GradientError::FrozenGradient { tensor: (*name).to_owned(), length: present.len() });
                }
                Some(present) if present.len() != length => {
                    let found = present.len();
                    return Err(GradientError::GradientLength { tensor: (*name).to_owned(), found, expected: length });
                }
                _ => {}
            }
        }
        let slots = self.names.iter().zip(self.gradient_lengths());
        let taken = slots.map(|(name, length)| match gradients.get_mut(*name) {
            Some(present) => std::mem::take(present),
            None => vec![0.0; length],
        });
        Ok(taken.collect())
    }

    /// Puts them back.
    pub fn return_gradients(&self, taken: Vec<Vec<f32>>, gradients: &mut Gradients) {
        for ((name, trained), values) in self.names.iter().zip(&self.trained).zip(taken) {
            if *trained {
                gradients.insert((*name).to_owned(), values);
            }
        }
    }
}

fn key(module: &str, part: char) -> String {
    format!("{ADAPTER_PREFIX}{module}.lora_{part}.weight")
}
