//! Rotary position embeddings.

use super::config::{ArchitectureError, Config};
use super::scaling::{RotaryScaling, Rotated};

/// A rotary embedding of the first `dims` values of each head: value `i` is rotated with value `i + dims / 2`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rotary {
    /// How many values of a head are rotated; even.
    pub dims: usize,
    /// The base of the frequencies, `theta`.
    pub base: f64,
    /// How they are scaled.
    pub scaling: RotaryScaling,
}

impl Rotary {
    /// The `dims / 2` angular frequencies in radians per position: `theta^(-2i / dims)`, scaled.
    ///
    /// Rounded to single precision, as the models were trained with.
    #[allow(clippy::cast_possible_truncation)]
    pub fn frequencies(&self) -> Vec<f32> {
        let frequency = |i: usize| self.base.powf(-2.0 * i as f64 / self.dims as f64);
        (0..self.dims / 2).map(|i| self.scaling.scaled(i, frequency(i)) as f32).collect()
    }

    /// What cosines and sines are multiplied by; 1 but for `YaRN` and `LongRoPE`.
    #[allow(clippy::cast_possible_truncation)]
    pub fn attention_factor(&self) -> f32 {
        self.scaling.attention_factor() as f32
    }

    /// Reads `rope_parameters` (of one kind of layer where they differ), or `rope_theta` with `rope_scaling`.
    ///
    /// `default_base` stands in where no base is given; `fraction` of each head is rotated unless the file says otherwise.
    pub(super) fn read(
        config: &Config,
        head_dim: usize,
        default_base: f64,
        fraction: f64,
        layer_type: Option<&str>,
    ) -> Result<Self, ArchitectureError> {
        let parameters = match (config.object("rope_parameters")?, layer_type) {
            (Some(all), Some(name)) if all.is_set(name) => all.object(name)?,
            (parameters, _) => parameters,
        };
        let scaled = config.object("rope_scaling")?.filter(|_| parameters.is_none());
        let (base, written_fraction) = match &parameters {
            Some(rope) => (rope.optional_positive("rope_theta")?, rope.optional_positive(FRACTION)?),
            None => (config.optional_positive("rope_theta")?, None),
        };
        let base = base.unwrap_or(default_base);
        let fraction = written_fraction.or(config.optional_positive(FRACTION)?).unwrap_or(fraction);
        let dims = rotated_values(config, head_dim, fraction)?;
        let scaling = match parameters.or(scaled) {
            Some(rope) => RotaryScaling::read(config, &rope, Rotated { dims, base })?,
            None => RotaryScaling::None,
        };
        Ok(Self { dims, base, scaling })
    }

    /// A rotary embedding of whole heads that is not scaled.
    pub(super) fn unscaled(config: &Config, head_dim: usize, base: f64) -> Result<Self, ArchitectureError> {
        Ok(Self { dims: rotated_values(config, head_dim, 1.0)?, base, scaling: RotaryScaling::None })
    }
}

const FRACTION: &str = "partial_rotary_factor";

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn rotated_values(config: &Config, head_dim: usize, fraction: f64) -> Result<usize, ArchitectureError> {
    let dims = (head_dim as f64 * fraction) as usize;
    if dims == 0 || dims > head_dim || dims % 2 == 1 {
        return Err(
            config.invalid(FRACTION, &format!("a fraction that leaves an even number of a head's {head_dim} values"))
        );
    }
    Ok(dims)
}
