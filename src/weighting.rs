//! The two weights of Weighted Instruction Tuning, as a validated value.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Loss weights of a checkpoint: `lambda_p` on prompt tokens and `lambda_r` on response tokens, each in `[0, 1]`, not both 0.
///
/// Source: "On the Effect of Instruction Tuning Loss on Generalization", equation 2.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "WeightingFields", into = "WeightingFields")]
pub struct Weighting {
    prompt: f64,
    response: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WeightingFields {
    prompt: f64,
    response: f64,
}

/// Why two numbers are not a weighting.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WeightingError {
    /// A weight outside `[0, 1]`, or not a number.
    #[error("{role} weight {value} is outside [0, 1]")]
    OutOfRange {
        /// "prompt" or "response".
        role: &'static str,
        /// The value at fault.
        value: f64,
    },
    /// Both weights are 0: nothing would be learned.
    #[error("prompt and response weight are both 0: nothing would be learned")]
    BothZero,
    /// Text that is not two numbers.
    #[error("`{text}` is not a weighting; write P,R such as 0.4,0.6 or a label such as p0.4-r0.6")]
    Unparsable {
        /// The text at fault.
        text: String,
    },
}

impl Weighting {
    /// Conventional instruction tuning: loss on the response only.
    pub const CONVENTIONAL: Self = Self { prompt: 0.0, response: 1.0 };

    /// Checks and builds a weighting.
    pub fn new(prompt: f64, response: f64) -> Result<Self, WeightingError> {
        for (role, value) in [("prompt", prompt), ("response", response)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(WeightingError::OutOfRange { role, value });
            }
        }
        if prompt == 0.0 && response == 0.0 {
            return Err(WeightingError::BothZero);
        }
        // `-0.0` passes the range check; one spelling of zero keeps labels unique.
        Ok(Self { prompt: prompt + 0.0, response: response + 0.0 })
    }

    /// `lambda_p`, the weight of prompt tokens.
    pub fn prompt(self) -> f64 {
        self.prompt
    }

    /// `lambda_r`, the weight of response tokens.
    pub fn response(self) -> f64 {
        self.response
    }

    /// The name that the literature gives to this point, if it has one.
    pub fn name(self) -> Option<&'static str> {
        if self == Self::CONVENTIONAL {
            Some("conventional instruction tuning")
        } else if self.response == 0.0 {
            Some("prompt-only tuning")
        } else if (self.prompt, self.response) == (1.0, 1.0) {
            Some("continual pre-training")
        } else {
            None
        }
    }

    /// Reads the weights from a folder name as the reference trainer writes it (`...lambda_p-0.4-lambda_r-0.6`)
    /// or from our own label (`p0.4-r0.6`). `None` where the name says nothing.
    pub fn from_folder_name(name: &str) -> Option<Self> {
        let reference = after(name, "lambda_p-").zip(after(name, "lambda_r-"));
        if let Some((prompt, response)) = reference {
            return Self::new(split_number(prompt)?.0, split_number(response)?.0).ok();
        }
        name.match_indices('p').find_map(|(at, _)| {
            let starts_a_word =
                name.get(..at).and_then(|head| head.chars().next_back()).is_none_or(|before| !before.is_alphanumeric());
            let tail = name.get(at + 1..).filter(|_| starts_a_word)?;
            let (prompt, tail) = split_number(tail)?;
            let (response, _) = split_number(tail.strip_prefix("-r")?)?;
            Self::new(prompt, response).ok()
        })
    }
}

fn after<'a>(text: &'a str, marker: &str) -> Option<&'a str> {
    text.split_once(marker).map(|(_, tail)| tail)
}

/// The decimal number at the start of `text`, and what follows; a dot that no digit follows is not part of it.
fn split_number(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number = text.get(..end)?.trim_end_matches('.');
    Some((number.parse().ok()?, text.get(number.len()..)?))
}

impl fmt::Display for Weighting {
    /// The label, `p0.4-r0.6`: usable as a folder name, read back by [`FromStr`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}-r{}", self.prompt, self.response)
    }
}

impl FromStr for Weighting {
    type Err = WeightingError;

    /// Reads `0.4,0.6` and the label `p0.4-r0.6`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unparsable = || WeightingError::Unparsable { text: text.to_owned() };
        let (prompt, response) = match text.split_once(',') {
            Some(pair) => pair,
            None => text.strip_prefix('p').and_then(|tail| tail.split_once("-r")).ok_or_else(unparsable)?,
        };
        let number = |part: &str| part.trim().parse::<f64>().map_err(|_| unparsable());
        Self::new(number(prompt)?, number(response)?)
    }
}

impl TryFrom<WeightingFields> for Weighting {
    type Error = WeightingError;

    fn try_from(fields: WeightingFields) -> Result<Self, Self::Error> {
        Self::new(fields.prompt, fields.response)
    }
}

impl From<Weighting> for WeightingFields {
    fn from(weighting: Weighting) -> Self {
        Self { prompt: weighting.prompt, response: weighting.response }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_names_of_both_trainers_are_read() {
        let expected = Weighting::new(0.4, 0.6).ok();
        for name in [
            "Llama-3.2-3B-tulu-lambda_p-0.4-lambda_r-0.6",
            "p0.4-r0.6",
            "run7-p0.4-r0.6-dpo",
            "lambda_p-0.4-lambda_r-0.6.",
        ] {
            assert_eq!(Weighting::from_folder_name(name), expected, "{name}");
        }
        for name in ["gpt2-p0-step500-r1", "gpt2-r0", "step0.4-r0.6", "p2-r1", "p0-r0", "plain", ""] {
            assert_eq!(Weighting::from_folder_name(name), None, "{name}");
        }
    }

    #[test]
    fn a_label_reads_back_and_a_wrong_weight_is_refused() {
        let weighting = Weighting::new(0.2, 1.0);
        assert_eq!(weighting.clone().map(|w| w.to_string()), Ok("p0.2-r1".to_owned()));
        assert_eq!("p0.2-r1".parse(), weighting);
        assert_eq!(" 0.2 , 1 ".parse(), weighting);
        assert_eq!(Weighting::new(0.0, 0.0), Err(WeightingError::BothZero));
        assert!(matches!("1.5,0".parse::<Weighting>(), Err(WeightingError::OutOfRange { role: "prompt", .. })));
        assert!(Weighting::new(f64::NAN, 1.0).is_err());
        assert!(matches!("half".parse::<Weighting>(), Err(WeightingError::Unparsable { .. })));
    }

    #[test]
    fn the_named_points_have_their_names() {
        let name = |p, r| Weighting::new(p, r).ok().and_then(Weighting::name);
        assert_eq!(name(0.0, 1.0), Some("conventional instruction tuning"));
        assert_eq!(name(1.0, 1.0), Some("continual pre-training"));
        assert_eq!(name(0.4, 0.0), Some("prompt-only tuning"));
        assert_eq!(name(0.4, 0.6), None);
    }
}
