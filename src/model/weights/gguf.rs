//! Weights from GGUF.

use std::collections::BTreeMap;

use super::{Element, MappedFile, StoredTensor, Weights, WeightsError};
use crate::model::gguf::{GgufError, GgufFile};
use crate::model::kernels::quantized::GgmlDType;
use safetensors::Dtype;

impl Weights {
    /// The tensors of a model in GGUF, under the names and in the shapes that a Hugging Face checkpoint of its family has.
    ///
    /// # Errors
    /// Where the file holds a tensor that the family does not have.
    pub fn open_gguf(gguf: &GgufFile) -> Result<Self, WeightsError> {
        // A content hash by place, not by name: published files are renamed freely.
        let files = gguf.parts().iter().enumerate().map(|(place, part)| MappedFile {
            name: format!("gguf-{:05}", place + 1),
            path: part.path.clone(),
            map: part.map.clone(),
        });
        let mut weights = Self { files: files.collect(), tensors: BTreeMap::new(), ..Self::empty(gguf.path()) };
        for (name, arrangement, tensor) in gguf.stored_tensors()? {
            let element = match tensor.element {
                GgmlDType::F32 => Element::Plain(Dtype::F32),
                GgmlDType::F16 => Element::Plain(Dtype::F16),
                GgmlDType::BF16 => Element::Plain(Dtype::BF16),
                format => Element::Quantized(format),
            };
            let stored = StoredTensor {
                file: tensor.part,
                element,
                file_shape: tensor.shape.clone(),
                shape: arrangement.undone_shape(&tensor.shape),
                arrangement,
                bytes: tensor.bytes.clone(),
            };
            if weights.tensors.insert(name.clone(), stored).is_some() {
                let fault = "is there twice, under two of ggml's names; convert the model anew".to_owned();
                return Err(GgufError::Tensor { file: gguf.path().to_owned(), tensor: name, fault }.into());
            }
        }
        Ok(weights)
    }
}
