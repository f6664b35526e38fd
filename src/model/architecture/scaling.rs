//! How rotary frequencies are stretched for contexts longer than a model was first trained on.

use std::f64::consts::TAU;

use super::config::{ArchitectureError, Config};
use super::shape::limit;

/// How the frequencies of a rotary embedding are stretched for longer contexts.
// One a layer, described once; a box would cost the copies that descriptions are made by.
#[allow(clippy::large_enum_variant)]
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
    /// `YaRN`: frequency number `i` is divided by the factor above `last`, kept below `first`, a linear passage between.
    ///
    /// Source: Peng et al. 2023, "`YaRN`: Efficient Context Window Extension of Large Language Models", section 3, with
    /// the bounds rounded as the released code and transformers do.
    Yarn {
        /// The divisor of low frequencies.
        factor: f64,
        /// Where the passage begins; may lie between two frequencies.
        first: f64,
        /// Where it ends.
        last: f64,
        /// Cosines and sines are multiplied by this.
        attention_factor: f64,
    },
    /// `LongRoPE`: each frequency divided by a number of its own.
    ///
    /// Source: Ding et al. 2024, "`LongRoPE`: Extending LLM Context Window Beyond 2 Million Tokens". Deviation: a model
    /// has one list of divisors for sequences up to its original context and one for longer ones, and transformers
    /// chooses by the length of the longest sequence in a batch, so that company changes results. Here the choice is
    /// made once, by the longest sequence that the checkpoint is opened for.
    LongRope {
        /// The divisors.
        divisors: Divisors,
        /// Cosines and sines are multiplied by this.
        attention_factor: f64,
        /// Longest sequence that the divisors are meant for.
        context_tokens: usize,
    },
}

/// One divisor for each frequency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Divisors {
    values: [f32; Self::MOST],
    count: usize,
}

impl Divisors {
    /// Most that are held: heads of up to 128 rotated values.
    pub const MOST: usize = 64;

    /// The divisors.
    pub fn as_slice(&self) -> &[f32] {
        self.values.get(..self.count).unwrap_or_default()
    }
}

/// What a scaling is read for.
#[derive(Clone, Copy)]
pub(super) struct Rotated {
    /// How many values of a head are rotated.
    pub dims: usize,
    /// Theta.
    pub base: f64,
}

impl RotaryScaling {
    /// What frequency number `i` of `theta^(-2i / dims)` becomes.
    pub(super) fn scaled(&self, i: usize, frequency: f64) -> f64 {
        match self {
            Self::None => frequency,
            Self::Linear { factor } => frequency / factor,
            Self::Llama3 { factor, low_frequency_factor, high_frequency_factor, original_context } => {
                let turns = original_context * frequency / TAU;
                if turns < *low_frequency_factor {
                    frequency / factor
                } else if turns > *high_frequency_factor {
                    frequency
                } else {
                    let smooth = (turns - low_frequency_factor) / (high_frequency_factor - low_frequency_factor);
                    (1.0 - smooth) * frequency / factor + smooth * frequency
                }
            }
            Self::Yarn { factor, first, last, .. } => {
                let divided = ((i as f64 - first) / (last - first)).clamp(0.0, 1.0);
                frequency / factor * divided + frequency * (1.0 - divided)
            }
            Self::LongRope { divisors, .. } => {
                frequency / f64::from(divisors.as_slice().get(i).copied().unwrap_or(1.0))
            }
        }
    }

    /// What cosines and sines are multiplied by.
    pub(super) fn attention_factor(&self) -> f64 {
        match self {
            Self::Yarn { attention_factor, .. } | Self::LongRope { attention_factor, .. } => *attention_factor,
            Self::None | Self::Linear { .. } | Self::Llama3 { .. } => 1.0,
        }
    }

    /// Reads the keys of `rope` (`rope_scaling` or `rope_parameters`) in a configuration.
    pub(super) fn read(config: &Config, rope: &Config, rotated: Rotated) -> Result<Self, ArchitectureError> {
        let key = if rope.is_set("rope_type") { "rope_type" } else { "type" };
        let phi3 = config.text("model_type")? == Some("phi3");
        match rope.text(key)? {
            None | Some("default") => Ok(Self::None),
            // Phi 3's older names of it.
            Some("su" | "yarn") if phi3 => long_rope(config, rope, rotated),
            Some("linear") => Ok(Self::Linear { factor: rope.positive("factor")? }),
            Some("llama3") => llama3(rope),
            Some("yarn") => yarn(config, rope, rotated),
            Some("longrope") => long_rope(config, rope, rotated),
            Some("dynamic") => Err(rope.unsupported(
                key,
                "default, linear, llama3, yarn, longrope (dynamic frequencies change with the length of a sequence \
                 while it grows, so that no prefix could be shared)",
            )),
            Some(_) => Err(rope.unsupported(key, "default, linear, llama3, yarn, longrope")),
        }
    }
}

fn llama3(rope: &Config) -> Result<RotaryScaling, ArchitectureError> {
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

fn yarn(config: &Config, rope: &Config, Rotated { dims, base }: Rotated) -> Result<RotaryScaling, ArchitectureError> {
    let (original, longest) = contexts(config, rope, None)?;
    let factor = rope.optional_positive("factor")?.unwrap_or(longest as f64 / original as f64);
    let grown = |scale: f64| if factor <= 1.0 { 1.0 } else { 0.1 * scale * factor.ln() + 1.0 };
    let attention_factor = match (rope.optional_number("mscale")?, rope.optional_number("mscale_all_dim")?) {
        (Some(scale), Some(all)) => grown(scale) / grown(all),
        _ => grown(1.0),
    };
    let turns = |key: &str, default: f64| Ok(rope.optional_number(key)?.unwrap_or(default));
    // The number of the frequency that turns so often over the original context.
    let place = |turns: f64| dims as f64 * (original as f64 / (turns * TAU)).ln() / (2.0 * base.ln());
    let (mut first, mut last) = (place(turns("beta_fast", 32.0)?), place(turns("beta_slow", 1.0)?));
    if rope.flag("truncate", true)? {
        (first, last) = (first.floor(), last.ceil());
    }
    (first, last) = (first.max(0.0), last.min(dims as f64 - 1.0));
    if first.is_nan() || last.is_nan() || first > last {
        return Err(rope.invalid("beta_slow", "a number of turns below beta_fast, within the original context"));
    }
    if (last - first).abs() < f64::EPSILON {
        last += 0.001;
    }
    let attention_factor = rope.optional_positive("attention_factor")?.unwrap_or(attention_factor);
    Ok(RotaryScaling::Yarn { factor, first, last, attention_factor })
}

fn long_rope(config: &Config, rope: &Config, rotated: Rotated) -> Result<RotaryScaling, ArchitectureError> {
    let phi3 = config.text("model_type")? == Some("phi3");
    let (original, longest) = contexts(config, rope, phi3.then_some(4_096))?;
    let factor = rope.optional_positive("factor")?.unwrap_or(longest as f64 / original as f64);
    let long = config.wanted_tokens().is_some_and(|wanted| wanted > original);
    let (key, context_tokens) = if long { ("long_factor", longest) } else { ("short_factor", original) };
    let recommended =
        if factor <= 1.0 || original < 2 { 1.0 } else { (1.0 + factor.ln() / (original as f64).ln()).sqrt() };
    Ok(RotaryScaling::LongRope {
        divisors: divisors(rope, key, rotated.dims / 2)?,
        attention_factor: rope.optional_positive("attention_factor")?.unwrap_or(recommended),
        context_tokens,
    })
}

#[allow(clippy::cast_possible_truncation)]
fn divisors(rope: &Config, key: &str, count: usize) -> Result<Divisors, ArchitectureError> {
    if count > Divisors::MOST {
        return Err(rope.unsupported(key, &format!("heads of at most {} rotated values", 2 * Divisors::MOST)));
    }
    let given = rope.raw_list(key).ok_or_else(|| rope.missing(key))?;
    let expected = || rope.invalid(key, &format!("a list of {count} numbers above 0"));
    if given.len() != count {
        return Err(expected());
    }
    let mut values = [1.0; Divisors::MOST];
    for (value, given) in values.iter_mut().zip(given) {
        let divisor = given.as_f64().map(|divisor| divisor as f32);
        *value = divisor.filter(|divisor| divisor.is_finite() && *divisor > 0.0).ok_or_else(expected)?;
    }
    Ok(Divisors { values, count })
}

/// The context before scaling and the longest after it. The configuration's own key goes before the scaling's.
fn contexts(config: &Config, rope: &Config, default: Option<usize>) -> Result<(usize, usize), ArchitectureError> {
    const ORIGINAL: &str = "original_max_position_embeddings";
    let longest = config.size("max_position_embeddings", limit::CONTEXT)?;
    let original = match config.optional_size(ORIGINAL, limit::CONTEXT)? {
        Some(original) => Some(original),
        None => rope.optional_size(ORIGINAL, limit::CONTEXT)?.or(default),
    };
    Ok((original.unwrap_or(longest), longest))
}

#[cfg(test)]
mod tests;
