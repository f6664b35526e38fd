//! Which perturbations are asked for: `typo`, `typo:3`, `typo@heavy`, `typo@0.1:3`, `format:5`, `all`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::{PerturbationInfo, casing, format, option_order, paraphrase, punctuation, typo, whitespace};

/// The most draws that one specification may ask for.
pub const MAX_DRAWS: usize = 1_000;

/// A family of changes that keep what a prompt asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PerturbationKind {
    /// Spaces and line breaks.
    Whitespace,
    /// Separators, spacing, casing of field names and numbering of options (`FormatSpread`).
    Format,
    /// Other words for the same request.
    Paraphrase,
    /// Typing errors.
    Typo,
    /// Upper and lower case.
    Casing,
    /// Punctuation marks that carry no meaning.
    Punctuation,
    /// Order of the options of a question.
    OptionOrder,
}

impl PerturbationKind {
    /// Every perturbation, in the order in which they are listed.
    pub const ALL: [Self; 7] = [
        Self::Whitespace,
        Self::Format,
        Self::Paraphrase,
        Self::Typo,
        Self::Casing,
        Self::Punctuation,
        Self::OptionOrder,
    ];

    /// The name that specifications, records and folders use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Whitespace => "whitespace",
            Self::Format => "format",
            Self::Paraphrase => "paraphrase",
            Self::Typo => "typo",
            Self::Casing => "casing",
            Self::Punctuation => "punctuation",
            Self::OptionOrder => "option_order",
        }
    }

    /// What there is to know about it before it is used.
    pub const fn info(self) -> &'static PerturbationInfo {
        match self {
            Self::Whitespace => &whitespace::INFO,
            Self::Format => &format::INFO,
            Self::Paraphrase => &paraphrase::INFO,
            Self::Typo => &typo::INFO,
            Self::Casing => &casing::INFO,
            Self::Punctuation => &punctuation::INFO,
            Self::OptionOrder => &option_order::INFO,
        }
    }

    /// Whether a number may stand for its strength.
    pub const fn takes_rate(self) -> bool {
        matches!(self, Self::Whitespace | Self::Typo | Self::Casing | Self::Punctuation)
    }
}

impl fmt::Display for PerturbationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for PerturbationKind {
    type Err = SpecError;

    fn from_str(name: &str) -> Result<Self, SpecError> {
        let written = name.trim().to_ascii_lowercase().replace('-', "_");
        Self::ALL.into_iter().find(|kind| kind.name() == written).ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            let near =
                similar::get_close_matches(written.as_str(), &names, 1, 0.6).first().map(|near| (*near).to_owned());
            SpecError::UnknownKind { name: name.trim().to_owned(), hint: Hint(near) }
        })
    }
}

/// How much a perturbation changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Strength {
    /// The least that is worth a run.
    Light,
    /// What a run uses where nothing is said.
    Default,
    /// As much as the perturbation can do without changing what is asked.
    Heavy,
    /// The share of what may change, in `(0, 1]`; see the perturbation for what it is a share of.
    Rate(f64),
}

impl Strength {
    /// This strength as a rate, given what the named strengths stand for.
    pub const fn rate(self, light: f64, default: f64, heavy: f64) -> f64 {
        match self {
            Self::Light => light,
            Self::Default => default,
            Self::Heavy => heavy,
            Self::Rate(rate) => rate,
        }
    }
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Light => f.write_str("light"),
            Self::Default => f.write_str("default"),
            Self::Heavy => f.write_str("heavy"),
            Self::Rate(rate) => write!(f, "{rate}"),
        }
    }
}

impl FromStr for Strength {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        match text.trim() {
            "light" => Ok(Self::Light),
            "default" => Ok(Self::Default),
            "heavy" => Ok(Self::Heavy),
            other => match other.parse::<f64>() {
                Ok(rate) if rate > 0.0 && rate <= 1.0 => Ok(Self::Rate(rate)),
                _ => Err(SpecError::BadStrength { text: other.to_owned() }),
            },
        }
    }
}

/// One perturbation at one strength, drawn a number of times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerturbationSpec {
    /// Which perturbation.
    pub kind: PerturbationKind,
    /// How much it changes.
    pub strength: Strength,
    /// How many variants of each instance it makes.
    pub draws: usize,
}

impl PerturbationSpec {
    /// This perturbation at its default strength and number of draws.
    pub const fn of(kind: PerturbationKind) -> Self {
        Self { kind, strength: Strength::Default, draws: kind.info().default_draws }
    }
}

impl fmt::Display for PerturbationSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}:{}", self.kind, self.strength, self.draws)
    }
}

/// A name close to the one that was not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint(Option<String>);

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(near) = &self.0 {
            return write!(f, "did you mean `{near}`?");
        }
        let names = PerturbationKind::ALL.map(PerturbationKind::name).join(", ");
        write!(f, "there are {names} and `all`")
    }
}

/// A specification of perturbations cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpecError {
    /// Nothing is specified.
    #[error("no perturbation is named; write one of whitespace, format, ..., `all`, or `none`")]
    Empty,
    /// There is no such perturbation.
    #[error("no perturbation is called `{name}`; {hint}")]
    UnknownKind {
        /// The name as written.
        name: String,
        /// What may have been meant.
        hint: Hint,
    },
    /// The text after `@` is no strength.
    #[error("`{text}` is no strength; write light, default, heavy or a number above 0 and at most 1 after `@`")]
    BadStrength {
        /// The text after `@`.
        text: String,
    },
    /// This perturbation has named strengths only.
    #[error("{kind} takes no number as its strength ({rate}); write light, default or heavy after `@`")]
    NoRate {
        /// Which perturbation.
        kind: PerturbationKind,
        /// The number as written.
        rate: String,
    },
    /// The text after `:` is no number of draws.
    #[error("`{text}` is no number of draws; write a whole number from 1 to 1000 after `:`")]
    BadDraws {
        /// The text after `:`.
        text: String,
    },
    /// The same perturbation at the same strength is named twice.
    #[error("{kind}@{strength} is named twice; raise its number of draws instead, for example {kind}@{strength}:4")]
    Twice {
        /// Which perturbation.
        kind: PerturbationKind,
        /// At which strength.
        strength: String,
    },
}

/// Reads a list of specifications, separated by commas or white space. `all` stands for every perturbation (a strength
/// and draws may follow it), `none`, alone, for no perturbation.
pub fn parse_specs(text: &str) -> Result<Vec<PerturbationSpec>, SpecError> {
    if text.trim() == "none" {
        return Ok(Vec::new());
    }
    let mut specs: Vec<PerturbationSpec> = Vec::new();
    for item in text.split(|c: char| c == ',' || c.is_whitespace()).filter(|item| !item.is_empty()) {
        for spec in parse_item(item)? {
            if specs.iter().any(|known| known.kind == spec.kind && known.strength == spec.strength) {
                return Err(SpecError::Twice { kind: spec.kind, strength: spec.strength.to_string() });
            }
            specs.push(spec);
        }
    }
    if specs.is_empty() { Err(SpecError::Empty) } else { Ok(specs) }
}

fn parse_item(item: &str) -> Result<Vec<PerturbationSpec>, SpecError> {
    let (head, draws) = match item.split_once(':') {
        Some((head, draws)) => (head, Some(parse_draws(draws)?)),
        None => (item, None),
    };
    let (name, strength) = match head.split_once('@') {
        Some((name, strength)) => (name, strength.parse()?),
        None => (head, Strength::Default),
    };
    let kinds = match name {
        "all" => PerturbationKind::ALL.to_vec(),
        name => vec![name.parse()?],
    };
    let mut specs = Vec::with_capacity(kinds.len());
    for kind in kinds {
        if let (Strength::Rate(rate), false) = (strength, kind.takes_rate()) {
            return Err(SpecError::NoRate { kind, rate: rate.to_string() });
        }
        specs.push(PerturbationSpec { kind, strength, draws: draws.unwrap_or(kind.info().default_draws) });
    }
    Ok(specs)
}

fn parse_draws(text: &str) -> Result<usize, SpecError> {
    match text.parse() {
        Ok(draws) if (1..=MAX_DRAWS).contains(&draws) => Ok(draws),
        _ => Err(SpecError::BadDraws { text: text.to_owned() }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_specification_names_kind_strength_and_draws_in_any_combination() {
        let specs = parse_specs("typo, typo@0.1:3 format:5,option-order@heavy").unwrap();
        let written = specs.iter().map(ToString::to_string).collect::<Vec<_>>();
        let typo = PerturbationSpec::of(PerturbationKind::Typo).to_string();
        let order = format!("option_order@heavy:{}", PerturbationKind::OptionOrder.info().default_draws);
        assert_eq!(written, [typo.as_str(), "typo@0.1:3", "format@default:5", order.as_str()]);
    }

    #[test]
    fn all_names_each_perturbation_once_and_none_names_no_perturbation() {
        let kinds = parse_specs("all:2").unwrap().iter().map(|spec| (spec.kind, spec.draws)).collect::<Vec<_>>();
        assert_eq!(kinds, PerturbationKind::ALL.map(|kind| (kind, 2)));
        assert_eq!(parse_specs("none"), Ok(Vec::new()));
    }

    #[test]
    fn a_misspelt_name_gets_the_nearest_one_back() {
        let error = parse_specs("tipo:2").unwrap_err().to_string();
        assert_eq!(error, "no perturbation is called `tipo`; did you mean `typo`?");
        assert!(parse_specs("qqq").unwrap_err().to_string().contains("there are whitespace, format"));
    }

    #[test]
    fn impossible_strengths_draws_and_repeats_are_refused() {
        for text in ["typo@0", "typo@1.5", "typo@NaN", "typo@inf", "typo@", "typo@-0.1", "typo@strong"] {
            assert!(matches!(parse_specs(text), Err(SpecError::BadStrength { .. })), "{text}");
        }
        for text in ["typo:0", "typo:1001", "typo:", "typo:-1", "typo:1:2"] {
            assert!(matches!(parse_specs(text), Err(SpecError::BadDraws { .. })), "{text}");
        }
        assert!(matches!(parse_specs("format@0.5"), Err(SpecError::NoRate { .. })));
        assert!(matches!(parse_specs("all,typo"), Err(SpecError::Twice { .. })));
        assert_eq!(parse_specs(" , "), Err(SpecError::Empty));
    }
}
