//! Where training computes.

use candle_core::{DType, Device};

use super::gradient::PathChoice;
use super::settings::WeightType;

/// Why a device cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// Not the name of a device.
    #[error("--device: `{text}` is none of cpu, cuda, cuda:N")]
    Unknown {
        /// The text at fault.
        text: String,
    },
    /// The device is not here.
    #[error(
        "--device {text}: not to be had: {fault}; build with --features cuda on a machine that has one, or use cpu"
    )]
    Absent {
        /// The name.
        text: String,
        /// What the tensor library said.
        fault: String,
    },
    /// Own operations run on the CPU only.
    #[error("--path fused computes on the CPU; leave it out with --device {text}")]
    FusedElsewhere {
        /// The name of the device.
        text: String,
    },
}

/// The path of computation for a device named `cpu`, `cuda` or `cuda:N`: own operations on the CPU unless `fused` says
/// otherwise, the tensor library's elsewhere.
pub fn path_choice(text: &str, fused: Option<bool>, weights: WeightType) -> Result<PathChoice, DeviceError> {
    let device = device(text)?;
    match (fused, device) {
        (None | Some(true), Device::Cpu) => Ok(PathChoice::Fused),
        (Some(true), _) => Err(DeviceError::FusedElsewhere { text: text.to_owned() }),
        (_, device) => {
            let dtype = if weights == WeightType::Bf16 { DType::BF16 } else { DType::F32 };
            Ok(PathChoice::Plain(device, dtype))
        }
    }
}

/// The device of this name.
pub fn device(text: &str) -> Result<Device, DeviceError> {
    let (name, ordinal) = text.split_once(':').unwrap_or((text, "0"));
    let ordinal = match (name, ordinal.parse::<usize>()) {
        ("cpu", Ok(0)) => return Ok(Device::Cpu),
        ("cuda", Ok(ordinal)) => ordinal,
        _ => return Err(DeviceError::Unknown { text: text.to_owned() }),
    };
    Device::new_cuda(ordinal).map_err(|error| DeviceError::Absent { text: text.to_owned(), fault: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_known_by_name_and_the_fused_path_is_the_default_of_the_cpu() {
        let on = |text, fused| path_choice(text, fused, WeightType::F32);
        assert!(matches!(on("cpu", None), Ok(PathChoice::Fused)));
        assert!(matches!(on("cpu", Some(false)), Ok(PathChoice::Plain(Device::Cpu, DType::F32))));
        assert!(matches!(on("tpu", None), Err(DeviceError::Unknown { .. })));
        assert!(matches!(on("cuda:x", None), Err(DeviceError::Unknown { .. })));
    }
}
