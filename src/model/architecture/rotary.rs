//! Rotary position embeddings.

use super::config::{ArchitectureError, Config};

/// How the frequencies of a rotary embedding are stretched for longer contexts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RotaryScaling {
    /// Not at all.
    None,
    /// All divided by one factor.
    Linear {
        /// The divisor.
        factor: f64,
    },
    /// Llama 3.1: long wavelengths divided by the factor, short ones kept, a smooth passage between.
    Llama3 {
        /// The divisor of low frequencies.
        factor: f64,
        /// Wavelengths above `original_context / this` are divided.
        low_frequency_factor: f64,
        /// Wavelengths below `original_context / this` are kept.
        high_frequency_factor: f64,
        /// Context length before scaling.
        original_context: f64,
    },
}

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
        (0..self.dims / 2).map(|i| self.scaled(frequency(i)) as f32).collect()
    }

    fn scaled(&self, frequency: f64) -> f64 {
        match self.scaling {
            RotaryScaling::None => frequency,
            RotaryScaling::Linear { factor } => frequency / factor,
            RotaryScaling::Llama3 { factor, low_frequency_factor, high_frequency_factor, original_context } => {
                let turns = original_context * frequency / std::f64::consts::TAU;
                if turns < low_frequency_factor {
                    frequency / factor
                } else if turns > high_frequency_factor {
                    frequency
                } else {
                    let smooth = (turns - low_frequency_factor) / (high_frequency_factor - low_frequency_factor);
                    (1.0 - smooth) * frequency / factor + smooth * frequency
                }
            }
        }
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
        let (base, scaling, written_fraction) = if let Some(rope) = &parameters {
            (rope.optional_positive("rope_theta")?, scaling(rope)?, rope.optional_positive(FRACTION)?)
        } else {
            let scaling = config.object("rope_scaling")?.map_or(Ok(RotaryScaling::None), |rope| scaling(&rope))?;
            (config.optional_positive("rope_theta")?, scaling, None)
        };
        let fraction = written_fraction.or(config.optional_positive(FRACTION)?).unwrap_or(fraction);
        Self::new(config, head_dim, base.unwrap_or(default_base), fraction, scaling)
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(super) fn new(
        config: &Config,
        head_dim: usize,
        base: f64,
        fraction: f64,
        scaling: RotaryScaling,
    ) -> Result<Self, ArchitectureError> {
        let dims = (head_dim as f64 * fraction) as usize;
        if dims == 0 || dims > head_dim || dims % 2 == 1 {
            return Err(config
                .invalid(FRACTION, &format!("a fraction that leaves an even number of a head's {head_dim} values")));
        }
        Ok(Self { dims, base, scaling })
    }
}

const FRACTION: &str = "partial_rotary_factor";

fn scaling(rope: &Config) -> Result<RotaryScaling, ArchitectureError> {
    let key = if rope.is_set("rope_type") { "rope_type" } else { "type" };
    match rope.text(key)? {
        None | Some("default") => Ok(RotaryScaling::None),
        Some("linear") => Ok(RotaryScaling::Linear { factor: rope.positive("factor")? }),
        Some("llama3") => {
            let low_frequency_factor = rope.positive("low_freq_factor")?;
            let high_frequency_factor = rope.positive("high_freq_factor")?;
            if low_frequency_factor >= high_frequency_factor {
                return Err(rope.invalid("high_freq_factor", "a number above low_freq_factor"));
            }
            Ok(RotaryScaling::Llama3 {
                factor: rope.positive("factor")?,
                low_frequency_factor,
                high_frequency_factor,
                original_context: rope.positive("original_max_position_embeddings")?,
            })
        }
        Some(_) => Err(rope.unsupported(key, "default, linear, llama3")),
    }
}
