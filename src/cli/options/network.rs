//! How a network is held in memory and asked.

use std::str::FromStr;

use clap::{Args, ValueEnum};

use super::positive;
use crate::execute::Portion;
use crate::model::engine::{Device, EngineOptions};
use crate::model::kernels::WeightType;
use crate::train::device::device;

/// Type, memory, batch and threads of a checkpoint's network.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Model")]
pub(in crate::cli) struct NetworkArgs {
    /// Type that weights are held in: auto takes them as the checkpoint stores them; bfloat16 and float16 halve the memory
    /// of a float32 checkpoint and round it, which makes it another model with records of its own. On the CPU, sums are float32 in any case
    #[arg(long, value_enum, default_value_t = DtypeChoice::Auto)]
    pub dtype: DtypeChoice,
    /// Memory that this program may take for weights, keys and values, and work, such as 8GB, 500MB or 12GiB; with
    /// less, fewer sequences are computed at a time; moves no result [default: four fifths of what is available]
    #[arg(long = "max_memory", alias = "max-memory", value_name = "SIZE")]
    pub max_memory: Option<MemorySize>,
    /// Requests handed to the model at a time; auto hands over few at first and then thousands, which go through the
    /// network in batches that fit the memory. Moves no result
    #[arg(long = "batch_size", alias = "batch-size", value_name = "N", default_value = "auto")]
    pub batch_size: BatchSize,
    /// Where to compute: cpu with this program's own kernels, or cuda, cuda:N (in builds with the cuda feature), in the type
    /// that weights are held in; scores there may differ in their last digits from run to run
    #[arg(long, value_name = "DEVICE", default_value = "cpu", value_parser = compute_device)]
    pub device: ComputeDevice,
    /// Threads [default: one a core]; moves no result
    #[arg(long, value_name = "N", value_parser = positive)]
    pub threads: Option<usize>,
}

impl NetworkArgs {
    /// How the engine works.
    pub(in crate::cli) fn engine_options(&self) -> EngineOptions {
        EngineOptions {
            threads: self.threads,
            memory_bytes: self.max_memory.map(|size| size.bytes),
            weight_type: self.dtype.into(),
            device: self.device.0.clone(),
            ..EngineOptions::default()
        }
    }
}

/// A device of the tensor library; none is the CPU with own kernels.
#[derive(Debug, Clone)]
pub(in crate::cli) struct ComputeDevice(pub Option<Device>);

fn compute_device(text: &str) -> Result<ComputeDevice, String> {
    match device(text) {
        Ok(Device::Cpu) => Ok(ComputeDevice(None)),
        Ok(device) => Ok(ComputeDevice(Some(device))),
        Err(error) => Err(error.to_string()),
    }
}

/// Spelling of [`WeightType`] on the command line, in lm-evaluation-harness's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum DtypeChoice {
    /// As the checkpoint stores them
    Auto,
    /// Four bytes a weight; every stored type widens exactly
    #[value(alias = "f32", alias = "float")]
    Float32,
    /// Two bytes a weight
    #[value(alias = "bf16")]
    Bfloat16,
    /// Two bytes a weight, IEEE half precision
    #[value(alias = "f16", alias = "half")]
    Float16,
}

impl From<DtypeChoice> for WeightType {
    fn from(choice: DtypeChoice) -> Self {
        match choice {
            DtypeChoice::Auto => Self::Stored,
            DtypeChoice::Float32 => Self::Float32,
            DtypeChoice::Bfloat16 => Self::Bfloat16,
            DtypeChoice::Float16 => Self::Float16,
        }
    }
}

/// Requests handed to the model at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum BatchSize {
    /// Chosen by memory.
    Auto,
    /// This many.
    Fixed(usize),
}

impl FromStr for BatchSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            again if again.strip_prefix("auto:").is_some_and(|k| k.parse::<u32>().is_ok()) => Ok(Self::Auto),
            number => match number.parse() {
                Ok(count) if count > 0 => Ok(Self::Fixed(count)),
                _ => Err("write a number above 0, or auto".to_owned()),
            },
        }
    }
}

impl From<BatchSize> for Portion {
    fn from(size: BatchSize) -> Self {
        match size {
            BatchSize::Auto => Self::ByLength,
            BatchSize::Fixed(count) => Self::Requests(count),
        }
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct MemorySize {
    /// The number.
    pub bytes: usize,
}

/// Letters of the units, each a thousand (or 1024) times the one before.
const PREFIXES: [char; 4] = ['k', 'm', 'g', 't'];

impl FromStr for MemorySize {
    type Err = String;

    /// Reads `8GB`, `1.5 GB`, `500MB` (powers of 1000) and `12GiB` (powers of 1024), in either case.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("{why}; write a size with its unit, such as 8GB, 500MB or 12GiB");
        let lower = text.trim().to_ascii_lowercase();
        let digits = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
        let (number, unit) = lower.split_at(digits);
        let number = number.parse::<f64>().map_err(|_| wrong("there is no number at its beginning"))?;
        let unit = unit.trim();
        if unit.is_empty() {
            return Err(wrong("it has no unit"));
        }
        let (letter, step) = match unit.strip_suffix("ib") {
            Some(letter) => (letter, 1024.0_f64),
            None => (unit.strip_suffix('b').unwrap_or("?"), 1000.0),
        };
        let power = PREFIXES.iter().position(|prefix| letter.chars().eq([*prefix]));
        let power = power.ok_or_else(|| wrong("its unit is not known"))?;
        let bytes = number * step.powi(i32::try_from(power).unwrap_or(0) + 1);
        if bytes < 1.0 || bytes > (1_u64 << 52) as f64 {
            return Err(wrong("no memory has that size"));
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 1 and 2^52
        Ok(Self { bytes: bytes as usize })
    }
}

/// A number of bytes for people.
pub(in crate::cli) fn bytes_words(bytes: u64) -> String {
    let size = bytes as f64;
    match size {
        _ if size >= 1e10 => format!("{:.0} GB", size / 1e9),
        _ if size >= 1e9 => format!("{:.1} GB", size / 1e9),
        _ if size >= 1e7 => format!("{:.0} MB", size / 1e6),
        _ if size >= 1e6 => format!("{:.1} MB", size / 1e6),
        _ if size >= 1e4 => format!("{:.0} kB", size / 1e3),
        _ if size >= 1e3 => format!("{:.1} kB", size / 1e3),
        _ => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Option<usize> {
        text.parse::<MemorySize>().ok().map(|size| size.bytes)
    }

    #[test]
    fn sizes_are_read_with_their_unit_and_refused_without() {
        assert_eq!(bytes("8GB"), Some(8_000_000_000));
        assert_eq!(bytes("500MB"), Some(500_000_000));
        assert_eq!(bytes("12GiB"), Some(12 << 30));
        assert_eq!(bytes("1.5 gb"), Some(1_500_000_000));
        assert_eq!(bytes("64kib"), Some(64 << 10));
        for wrong in ["", "8", "GB", "-8GB", "8XB", "8G", "1e3GB", "0GB", "999999999TB", "nanGB", "8GBs", "..GB"] {
            let error = wrong.parse::<MemorySize>().map(|size| size.bytes);
            assert!(error.as_ref().is_err_and(|error| error.contains("8GB, 500MB or 12GiB")), "{wrong}: {error:?}");
        }
    }

    #[test]
    fn what_the_command_line_says_reaches_the_engine() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            network: NetworkArgs,
        }
        let options = |words: &[&str]| {
            let line = <Line as clap::Parser>::try_parse_from(["line"].iter().chain(words)).ok()?;
            let EngineOptions { threads, memory_bytes, weight_type, .. } = line.network.engine_options();
            Some((threads, memory_bytes, weight_type))
        };
        assert_eq!(options(&[]), Some((None, None, WeightType::Stored)));
        let given = options(&["--threads", "3", "--max_memory", "2GB", "--dtype", "bf16"]);
        assert_eq!(given, Some((Some(3), Some(2_000_000_000), WeightType::Bfloat16)));
        assert_eq!(
            options(&["--dtype", "float16", "--max-memory=1GiB"]),
            Some((None, Some(1 << 30), WeightType::Float16))
        );
        assert_eq!(options(&["--dtype", "int8"]), None);
    }

    #[test]
    fn a_batch_size_is_a_number_above_0_or_auto_in_either_spelling_of_lm_eval() {
        let portion = |text: &str| text.parse::<BatchSize>().map(Portion::from).ok();
        assert_eq!(portion("auto"), Some(Portion::ByLength));
        assert_eq!(portion("auto:4"), Some(Portion::ByLength));
        assert_eq!(portion("16"), Some(Portion::Requests(16)));
        assert!(["0", "-1", "many", "auto:x", ""].into_iter().all(|wrong| portion(wrong).is_none()));
    }

    #[test]
    fn bytes_are_written_with_two_figures_or_more() {
        let words = [12, 1024, 24_576, 7_200_000, 98_100_000, 1_250_000_000, 12_400_000_000].map(bytes_words);
        assert_eq!(words, ["12 bytes", "1.0 kB", "25 kB", "7.2 MB", "98 MB", "1.2 GB", "12 GB"]);
    }
}
