//! Scalings of rotary frequencies, as GGUF writes them.

use candle_core::quantized::GgmlDType;
use serde_json::{Value as Json, json};

use super::GgufFile;
use super::error::GgufError;

const FREQUENCIES: &str = "rope_freqs.weight";
const LONG: &str = "rope_factors_long.weight";
const SHORT: &str = "rope_factors_short.weight";
/// Llama 3's, of which the converter writes only what they come to.
const LOW_FREQUENCY_FACTOR: f64 = 1.0;
const HIGH_FREQUENCY_FACTOR: f64 = 4.0;
/// Of factors that were rounded to `f32` once or twice.
const TOLERANCE: f64 = 1e-4;

/// What is scaled.
pub(super) struct Rotated<'a> {
    pub file: &'a GgufFile,
    /// What the family's keys begin with.
    pub prefix: &'a str,
    /// Theta.
    pub base: f64,
    /// How many values of a head are rotated.
    pub dims: usize,
}

impl Rotated<'_> {
    /// `rope_scaling` of a `config.json`; null where frequencies are not scaled.
    pub fn scaling(&self) -> Result<Json, GgufError> {
        let by_key = self.by_key()?;
        let long = match (self.factors(LONG)?, self.factors(SHORT)?) {
            (None, None) => None,
            (Some(long), Some(short)) => Some((long, short)),
            _ => return Err(self.refused(LONG, "goes together with rope_factors_short.weight; fetch the file again")),
        };
        let attention = self.key("attn_factor");
        let attention_factor = self.positive(&attention)?;
        if long.is_none() && attention_factor.is_some_and(|factor| (factor - 1.0).abs() > TOLERANCE) {
            return Err(self.file.metadata().unsupported(&attention, "1 without LongRoPE's factors"));
        }
        let by_tensor = match (long, self.factors(FREQUENCIES)?) {
            (None, None) => None,
            (Some((long, short)), None) => Some(json!({
                "rope_type": "longrope",
                "long_factor": long,
                "short_factor": short,
                "original_max_position_embeddings": self.original_context()?,
                "attention_factor": attention_factor,
            })),
            (None, Some(factors)) if factors.iter().all(|factor| (factor - 1.0).abs() < TOLERANCE) => None,
            (None, Some(factors)) => Some(self.llama3(&factors).ok_or_else(|| {
                self.refused(FREQUENCIES, "scales frequencies by other factors than Llama 3's, which is not supported")
            })?),
            (Some(_), Some(_)) => return Err(self.refused(FREQUENCIES, "comes on top of LongRoPE's factors")),
        };
        match (by_key, by_tensor) {
            (Some(_), Some(_)) => Err(self.file.metadata().unsupported(&self.key("type"), "none beside factors")),
            (by_key, by_tensor) => Ok(by_key.or(by_tensor).unwrap_or(Json::Null)),
        }
    }

    /// What the metadata say.
    fn by_key(&self) -> Result<Option<Json>, GgufError> {
        let metadata = self.file.metadata();
        let key = self.key("type");
        let old_key = format!("{}.rope.scale_linear", self.prefix);
        let factor = |key: &str| self.positive(key)?.ok_or_else(|| metadata.missing(key));
        match metadata.text(&key)? {
            // LongRoPE's factors are tensors.
            None | Some("none" | "longrope") => {}
            Some("linear") => {
                return Ok(Some(json!({"rope_type": "linear", "factor": factor(&self.key("factor"))?})));
            }
            Some("yarn") => {
                return Ok(Some(json!({
                    "rope_type": "yarn",
                    "factor": factor(&self.key("factor"))?,
                    "original_max_position_embeddings": self.original_context()?,
                    "beta_fast": self.positive(&self.key("yarn_beta_fast"))?,
                    "beta_slow": self.positive(&self.key("yarn_beta_slow"))?,
                })));
            }
            Some(_) => return Err(metadata.unsupported(&key, "none, linear, yarn, longrope")),
        }
        let linear = self.positive(&old_key)?.filter(|factor| (factor - 1.0).abs() > 0.0);
        Ok(linear.map(|factor| json!({"rope_type": "linear", "factor": factor})))
    }

    fn original_context(&self) -> Result<i64, GgufError> {
        let key = self.key("original_context_length");
        self.file.metadata().integer(&key)?.ok_or_else(|| self.file.metadata().missing(&key))
    }

    fn key(&self, key: &str) -> String {
        format!("{}.rope.scaling.{key}", self.prefix)
    }

    fn positive(&self, key: &str) -> Result<Option<f64>, GgufError> {
        let metadata = self.file.metadata();
        let Some(number) = metadata.number(key)? else { return Ok(None) };
        let sound = (number.is_finite() && number > 0.0).then_some(number);
        sound.map(Some).ok_or_else(|| metadata.invalid(key, "a number above 0"))
    }

    /// A tensor of one divisor for each frequency; `None` where there is none.
    fn factors(&self, name: &str) -> Result<Option<Vec<f64>>, GgufError> {
        let Some(tensor) = self.file.tensors.get(name) else { return Ok(None) };
        let bytes = self.file.bytes_of(tensor).unwrap_or_default();
        if tensor.element != GgmlDType::F32 || tensor.shape != [self.dims / 2] {
            return Err(self.refused(name, "is not one F32 value for every rotated pair; convert the model anew"));
        }
        let (values, _) = bytes.as_chunks::<4>();
        let factors = values.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect::<Vec<_>>();
        if factors.iter().any(|factor| !factor.is_finite() || *factor <= 0.0) {
            return Err(self.refused(name, "holds factors that are not above 0; fetch the file again"));
        }
        Ok(Some(factors))
    }

    /// The parameters of Llama 3's scaling that give these factors: the largest is the factor, the context a power of two.
    fn llama3(&self, factors: &[f64]) -> Option<Json> {
        let factor = factors.iter().copied().fold(0.0, f64::max);
        let context = (4..=24).map(|power| f64::from(1_u32 << power)).find(|context| {
            let expected = (0..factors.len()).map(|pair| {
                let frequency = self.base.powf(-2.0 * pair as f64 / self.dims as f64);
                let turns = context * frequency / std::f64::consts::TAU;
                if turns < LOW_FREQUENCY_FACTOR {
                    factor
                } else if turns > HIGH_FREQUENCY_FACTOR {
                    1.0
                } else {
                    let smooth = (turns - LOW_FREQUENCY_FACTOR) / (HIGH_FREQUENCY_FACTOR - LOW_FREQUENCY_FACTOR);
                    1.0 / ((1.0 - smooth) / factor + smooth)
                }
            });
            expected.zip(factors).all(|(expected, factor)| (factor / expected - 1.0).abs() < TOLERANCE)
        })?;
        Some(json!({
            "rope_type": "llama3",
            "factor": factor,
            "low_freq_factor": LOW_FREQUENCY_FACTOR,
            "high_freq_factor": HIGH_FREQUENCY_FACTOR,
            "original_max_position_embeddings": context,
        }))
    }

    fn refused(&self, tensor: &str, fault: &str) -> GgufError {
        let (file, tensor, fault) = (self.file.path().to_owned(), tensor.to_owned(), fault.to_owned());
        GgufError::Tensor { file, tensor, fault }
    }
}
