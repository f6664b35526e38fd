//! What can be wrong with the weights of a checkpoint.

use std::path::PathBuf;

use safetensors::Dtype;

use crate::model::checkpoint::file::FileError;
use crate::model::gguf::GgufError;

/// Why the weights of a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// No safetensors file in the folder.
    #[error("{}: no model.safetensors and no model.safetensors.index.json; {remedy}", dir.display())]
    NoWeights {
        /// The folder.
        dir: PathBuf,
        /// What to do, given what lies there instead.
        remedy: &'static str,
    },
    /// A file that cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A GGUF file that cannot be used.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// Quantized values with a scale that is no number.
    #[error("{}: tensor `{tensor}`: the scale of block {block} is infinite or no number; the file is damaged, fetch it again", file.display())]
    Scale {
        /// The file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// Which block, from 0.
        block: usize,
    },
    /// A tensor that the network described by the same file does not have.
    #[error("{}: tensor `{tensor}` is no part of the network that the metadata describe; this variant of the family is not supported", file.display())]
    Unread {
        /// The file.
        file: PathBuf,
        /// The tensor, as Hugging Face checkpoints name it.
        tensor: String,
    },
    /// A file shorter than the shortest header.
    #[error("{}: {bytes} bytes are too few for a safetensors file; the download was cut off, fetch the file again", file.display())]
    Truncated {
        /// The file.
        file: PathBuf,
        /// Its length.
        bytes: usize,
    },
    /// A header length that the file cannot hold.
    #[error("{}: the header claims {declared_bytes} bytes, more than the file ({file_bytes} bytes) or the format (100000000) allows; it is cut off or no safetensors file, fetch it again", file.display())]
    HeaderLength {
        /// The file.
        file: PathBuf,
        /// What the first eight bytes say.
        declared_bytes: u64,
        /// The file's length.
        file_bytes: usize,
    },
    /// A header that is not the JSON it must be.
    #[error("{}: the header is not valid: {message}; fetch the file again", file.display())]
    HeaderJson {
        /// The file.
        file: PathBuf,
        /// What the parser said, with the tensor where it is known.
        message: String,
    },
    /// A tensor that the header places wrongly.
    #[error("{}: tensor `{tensor}` {fault}; the file is damaged or forged, fetch it again", file.display())]
    Tensor {
        /// The file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// What is wrong with it.
        fault: TensorFault,
    },
    /// Bytes after the last tensor.
    #[error("{}: {bytes} bytes at the end belong to no tensor; the file is damaged, fetch it again", file.display())]
    Surplus {
        /// The file.
        file: PathBuf,
        /// How many.
        bytes: usize,
    },
    /// A shard name that is not a plain file name.
    #[error("{}: weight_map sends `{tensor}` to `{shard}`, which {fault}; shards must be .safetensors files inside the checkpoint folder", index.display())]
    ShardName {
        /// The index file.
        index: PathBuf,
        /// A tensor that is sent there.
        tensor: String,
        /// The name as written.
        shard: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// A tensor that the index lists twice.
    #[error("{}: weight_map lists `{tensor}` twice; keep one line", index.display())]
    RepeatedInIndex {
        /// The index file.
        index: PathBuf,
        /// The tensor.
        tensor: String,
    },
    /// An index that names no shard.
    #[error("{}: weight_map is empty; fetch the index again", index.display())]
    EmptyIndex {
        /// The index file.
        index: PathBuf,
    },
    /// A shard that is not there.
    #[error("{}: weight_map sends `{tensor}` to `{shard}`, which is not in the folder; fetch the missing shard", index.display())]
    MissingShard {
        /// The index file.
        index: PathBuf,
        /// A tensor that is sent there.
        tensor: String,
        /// The shard.
        shard: String,
    },
    /// A tensor that its shard does not hold.
    #[error("{}: weight_map sends `{tensor}` to `{shard}`, which does not hold it; index and shards are of different checkpoints, fetch them together", index.display())]
    NotInShard {
        /// The index file.
        index: PathBuf,
        /// The tensor.
        tensor: String,
        /// The shard.
        shard: String,
    },
    /// A tensor in two shards.
    #[error("tensor `{tensor}` is both in {} and in {}; remove the shard that does not belong to the checkpoint", first.display(), second.display())]
    InTwoShards {
        /// The tensor.
        tensor: String,
        /// One shard.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// A tensor that the architecture needs and the files lack.
    #[error("{}: no tensor `{tensor}` of shape {expected:?}; does config.json belong to these weights?", dir.display())]
    MissingTensor {
        /// The folder.
        dir: PathBuf,
        /// The tensor.
        tensor: String,
        /// The shape asked for.
        expected: Vec<usize>,
    },
    /// A tensor of another shape than the architecture says.
    #[error("{}: tensor `{tensor}` has shape {found:?} where config.json asks for {expected:?}; does config.json belong to these weights?", file.display())]
    Shape {
        /// The file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// The shape asked for.
        expected: Vec<usize>,
        /// The shape stored.
        found: Vec<usize>,
    },
    /// A tensor whose elements are no plain floating-point numbers.
    #[error("{}: tensor `{tensor}` is stored as {dtype}, but weights must be F32, F16 or BF16; save the checkpoint in one of these (quantized checkpoints: dequantize them)", file.display())]
    Dtype {
        /// The file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// How it is stored.
        dtype: Dtype,
    },
}

/// What is wrong with one tensor of a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TensorFault {
    /// An element type that the format does not know.
    #[error("has the unknown dtype `{dtype}`")]
    UnknownDtype {
        /// As written.
        dtype: String,
    },
    /// Start after end.
    #[error("starts at {start} after its end {end}")]
    Reversed {
        /// First offset.
        start: usize,
        /// Second offset.
        end: usize,
    },
    /// Offsets outside the file.
    #[error("ends at {end}, beyond the {data_bytes} bytes of data")]
    BeyondEnd {
        /// Second offset.
        end: usize,
        /// Bytes of data in the file.
        data_bytes: usize,
    },
    /// Shape, element type and byte count disagree.
    #[error("of shape {shape:?} and dtype {dtype} cannot have {bytes} bytes")]
    Size {
        /// Element type.
        dtype: Dtype,
        /// Shape.
        shape: Vec<usize>,
        /// Bytes between the offsets.
        bytes: usize,
    },
    /// Bytes that two tensors claim.
    #[error("overlaps tensor `{other}`")]
    Overlap {
        /// The tensor before it.
        other: String,
    },
    /// Bytes that no tensor claims.
    #[error("leaves a gap of {bytes} bytes before it")]
    Gap {
        /// How many.
        bytes: usize,
    },
    /// The same name twice.
    #[error("is listed twice")]
    Repeated,
}
