//! Inference by the tensor library's operations: any device, any float type, keys and values kept as tensors.

use std::collections::BTreeMap;

use candle_core::{D, DType, Device, Tensor};

use super::layers::table_kind;
use super::ops::{capped, normalized, plain_linear};
use super::{Decoder, DecoderError, RowAnswer, RowQuery};
use crate::model::architecture::Architecture;
use crate::model::kernels::WeightType;
use crate::model::weights::{Dtype, Weights};

/// Logits that exist at one time.
const TILE_LOGITS: usize = 1 << 25;

impl Decoder {
    /// Reads a checkpoint's weights onto a device. The network computes in the type that they are held in; weights of
    /// several types, and quantized ones, are widened to `f32`.
    ///
    /// Results agree with those of [`Decoder::fused`] to rounding; they may depend on what is in a batch, as the device's
    /// matrix products do.
    pub fn on_device(
        architecture: Architecture,
        weights: &Weights,
        weight_type: WeightType,
        device: &Device,
    ) -> Result<Self, DecoderError> {
        let mut tensors = BTreeMap::new();
        let dtype = device_type(&architecture, weights, weight_type);
        for view in architecture.tensors() {
            let name = view.names.iter().find(|name| weights.contains(name)).or(view.names.first());
            let Some(name) = name.filter(|name| !tensors.contains_key(*name)) else { continue };
            let values = weights.to_f32(name, &view.shape)?;
            let tensor = Tensor::from_vec(values, view.shape.as_slice(), &Device::Cpu)?;
            tensors.insert(name.clone(), tensor.to_dtype(dtype)?.to_device(device)?);
        }
        Self::plain(architecture, &tensors)
    }

    /// [`Decoder::answer`] on the plain path: logits exist for some rows at a time and never leave the device unless asked.
    pub(super) fn answer_plain(&self, hidden: Vec<f32>, queries: &[RowQuery]) -> Result<Vec<RowAnswer>, DecoderError> {
        let vocabulary = self.architecture.vocabulary;
        if let Some(id) = queries.iter().flat_map(|query| &query.targets).find(|id| **id as usize >= vocabulary) {
            return Err(DecoderError::TokenOutsideVocabulary { id: *id, vocabulary });
        }
        let (dtype, device) = table_kind(&self.embeddings.tokens)?;
        let hidden = Tensor::from_vec(hidden, (queries.len(), self.architecture.hidden), &device)?.to_dtype(dtype)?;
        let rows_each = (TILE_LOGITS / vocabulary.max(1)).max(1);
        let mut answers = Vec::with_capacity(queries.len());
        for (number, queries) in queries.chunks(rows_each).enumerate() {
            let x = hidden.narrow(0, number * rows_each, queries.len())?;
            let logits = plain_linear(&self.head, &normalized(&self.final_norm, &x)?)?.to_dtype(DType::F32)?;
            let logits = match self.architecture.head.soft_cap {
                Some(cap) => capped(&logits, cap)?,
                None => logits,
            };
            answers.extend(read(&logits, queries)?);
        }
        Ok(answers)
    }
}

/// The type that [`Decoder::on_device`] computes in: the one that is asked for; of weights as they are stored, the one that
/// all of them are stored in where it has two bytes, else `f32`.
pub fn device_type(architecture: &Architecture, weights: &Weights, weight_type: WeightType) -> DType {
    let views = architecture.tensors();
    let all = |dtype| views.iter().all(|view| view.names.iter().find_map(|name| weights.dtype(name)) == Some(dtype));
    match weight_type {
        WeightType::Bfloat16 => DType::BF16,
        WeightType::Float16 => DType::F16,
        WeightType::Stored if all(Dtype::BF16) => DType::BF16,
        WeightType::Stored if all(Dtype::F16) => DType::F16,
        WeightType::Stored | WeightType::Float32 => DType::F32,
    }
}

/// What rows of logits say about their queries.
fn read(logits: &Tensor, queries: &[RowQuery]) -> Result<Vec<RowAnswer>, DecoderError> {
    let max = logits.max_keepdim(D::Minus1)?;
    let sums = logits.broadcast_sub(&max)?.exp()?.sum(D::Minus1)?.to_vec1::<f32>()?;
    let max = max.flatten_all()?.to_vec1::<f32>()?;
    let argmax = logits.argmax(D::Minus1)?.to_vec1::<u32>()?;
    let width = queries.iter().map(|query| query.targets.len()).max().unwrap_or(0);
    let targets = if width == 0 {
        vec![Vec::new(); queries.len()]
    } else {
        let padded = |query: &RowQuery| {
            query.targets.iter().copied().chain(std::iter::repeat(0)).take(width).collect::<Vec<_>>()
        };
        let ids = queries.iter().flat_map(padded).collect::<Vec<u32>>();
        let ids = Tensor::from_vec(ids, (queries.len(), width), logits.device())?;
        logits.gather(&ids, 1)?.to_vec2::<f32>()?
    };
    let rows = queries.iter().enumerate().zip(targets).zip(max.iter().zip(&sums).zip(&argmax));
    rows.map(|(((row, query), targets), ((max, sum), argmax))| {
        let mut answer = RowAnswer {
            log_sum_exp: f64::from(*max) + f64::from(*sum).ln(),
            argmax: *argmax,
            target_nats: Vec::new(),
            logits: query.all_logits.then(|| logits.get(row)?.to_vec1::<f32>()).transpose()?,
        };
        answer.target_nats = targets.iter().take(query.targets.len()).map(|logit| answer.nats(*logit)).collect();
        Ok(answer)
    })
    .collect()
}
