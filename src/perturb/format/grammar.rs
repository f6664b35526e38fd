//! The atoms of formats, the rules for combining them, and uniform draws.

use std::fmt;

use rand::Rng;
use serde::Deserialize;

use super::shape::Shape;
use crate::perturb::anatomy::{LabelStyle, Wrapper};
use crate::perturb::{DataError, DataFile};

/// What a format does to the letters of field names and of the cue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Casing {
    /// As written.
    #[default]
    Identity,
    /// Every Word Begins With A Capital.
    Title,
    /// ALL CAPITALS.
    Upper,
    /// all small.
    Lower,
}

impl Casing {
    /// The name in this case.
    pub fn of(self, name: &str) -> String {
        match self {
            Self::Identity => name.to_owned(),
            Self::Upper => name.to_uppercase(),
            Self::Lower => name.to_lowercase(),
            Self::Title => {
                let mut inside = false;
                name.chars()
                    .flat_map(|c| {
                        let starts = c.is_alphabetic() && !inside;
                        inside = c.is_alphabetic();
                        if starts { c.to_uppercase().collect::<Vec<_>>() } else { c.to_lowercase().collect() }
                    })
                    .collect()
            }
        }
    }
}

impl fmt::Display for Casing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity => "identity",
            Self::Title => "title",
            Self::Upper => "upper",
            Self::Lower => "lower",
        })
    }
}

/// What may stand between two fields or two options.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Space {
    /// The text.
    pub text: String,
    /// Whether it reads as punctuation of the text before it.
    #[serde(default)]
    pub comma_like: bool,
}

/// One layout. An axis that is `None` stays as the prompt has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Format<'g> {
    /// Between a field's name and its text, and after the cue.
    pub separator: Option<&'g str>,
    /// Between fields.
    pub space: Option<&'g Space>,
    /// Case of field names and cue.
    pub casing: Casing,
    /// Before an option's label.
    pub gap: Option<&'g str>,
    /// Between an option's label and its text.
    pub item_separator: Option<&'g str>,
    /// Between options.
    pub item_space: Option<&'g Space>,
    /// Around an option's label.
    pub wrapper: Option<&'g Wrapper>,
    /// How options are numbered.
    pub numbering: Option<LabelStyle>,
}

impl Format<'_> {
    /// Whether it changes how an option is named.
    pub fn relabels(&self) -> bool {
        self.wrapper.is_some() || self.numbering.is_some()
    }
}

impl fmt::Display for Format<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        let mut axis = |name: &str, value: Option<String>| -> fmt::Result {
            let Some(value) = value else { return Ok(()) };
            write!(f, "{between}{name}={value}")?;
            between = " ";
            Ok(())
        };
        axis("sep", self.separator.map(|text| format!("{text:?}")))?;
        axis("space", self.space.map(|space| format!("{:?}", space.text)))?;
        axis("case", (self.casing != Casing::Identity).then(|| self.casing.to_string()))?;
        axis("item_gap", self.gap.map(|text| format!("{text:?}")))?;
        axis("wrap", self.wrapper.map(|wrapper| format!("\"{wrapper}\"")))?;
        axis("num", self.numbering.map(|style| style.to_string()))?;
        axis("item_sep", self.item_separator.map(|text| format!("{text:?}")))?;
        axis("item_space", self.item_space.map(|space| format!("{:?}", space.text)))
    }
}

/// The atoms that formats are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grammar {
    /// Between a field's name and its text.
    pub separators: Vec<String>,
    /// Between fields, and between options.
    pub spaces: Vec<Space>,
    /// Before an option's label.
    pub gaps: Vec<String>,
    /// Of field names and cue.
    pub casings: Vec<Casing>,
    /// Around an option's label.
    pub wrappers: Vec<Wrapper>,
    /// Of options.
    pub numberings: Vec<LabelStyle>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrammarFile {
    separators: Vec<String>,
    spaces: Vec<Space>,
    gaps: Vec<String>,
    casings: Vec<Casing>,
    wrappers: Vec<String>,
    numberings: Vec<String>,
}

/// Draws made before a shape counts as having no valid format.
const MAX_DRAWS: usize = 10_000;

impl Grammar {
    /// Reads and checks the grammar's file.
    pub fn read(file: DataFile<'_>) -> Result<Self, DataError> {
        let read: GrammarFile = toml::from_str(file.text).map_err(|error| DataError::invalid(file.path, error))?;
        let wrapper = |example: &String| {
            Wrapper::from_example(example).ok_or_else(|| {
                DataError::invalid(file.path, format!("wrappers: {example:?} needs exactly one x for the label"))
            })
        };
        let numbering = |first: &String| {
            LabelStyle::ALL
                .into_iter()
                .find(|style| style.to_string() == *first)
                .ok_or_else(|| DataError::invalid(file.path, format!("numberings: no numbering begins with {first:?}")))
        };
        let grammar = Self {
            wrappers: read.wrappers.iter().map(wrapper).collect::<Result<_, _>>()?,
            numberings: read.numberings.iter().map(numbering).collect::<Result<_, _>>()?,
            separators: read.separators,
            spaces: read.spaces,
            gaps: read.gaps,
            casings: read.casings,
        };
        grammar.check().map_err(|problem| DataError::invalid(file.path, problem))?;
        Ok(grammar)
    }

    fn check(&self) -> Result<(), String> {
        fn distinct<T: PartialEq>(name: &str, atoms: &[T]) -> Result<(), String> {
            if atoms.is_empty() {
                return Err(format!("{name}: the list is empty; give at least one atom"));
            }
            let twice =
                atoms.iter().enumerate().find(|&(at, atom)| atoms.iter().skip(at + 1).any(|other| other == atom));
            twice.map_or(Ok(()), |(at, _)| Err(format!("{name}: atom {} stands there twice; remove one", at + 1)))
        }
        distinct("separators", &self.separators)?;
        distinct("spaces", &self.spaces.iter().map(|space| &space.text).collect::<Vec<_>>())?;
        distinct("gaps", &self.gaps)?;
        distinct("casings", &self.casings)?;
        distinct("wrappers", &self.wrappers)?;
        distinct("numberings", &self.numberings)?;
        let blank = self.gaps.iter().find(|gap| !gap.trim().is_empty());
        blank.map_or(Ok(()), |gap| Err(format!("gaps: {gap:?} is not white space")))
    }

    /// Draws a format uniformly from those that are valid for a shape; `None` if there seems to be none.
    ///
    /// Every axis takes its random number whether the shape uses it or not, so that instances of one shape get one
    /// format from one stream.
    pub fn draw<'g>(&'g self, shape: &Shape, rng: &mut impl Rng) -> Option<Format<'g>> {
        (0..MAX_DRAWS).map(|_| self.combination(shape, rng)).find(|format| format.broken_rule(shape).is_none())
    }

    fn combination<'g>(&'g self, shape: &Shape, rng: &mut impl Rng) -> Format<'g> {
        let separator = one_of(&self.separators, rng);
        let space = one_of(&self.spaces, rng);
        let casing = one_of(&self.casings, rng);
        let gap = one_of(&self.gaps, rng);
        let item_separator = one_of(&self.separators, rng);
        let item_space = one_of(&self.spaces, rng);
        let wrapper = one_of(&self.wrappers, rng);
        let numbering = one_of(&self.numberings, rng);
        Format {
            separator: separator.filter(|_| shape.separators).map(String::as_str),
            space: space.filter(|_| shape.spaces),
            casing: casing.filter(|_| shape.casings).copied().unwrap_or_default(),
            gap: gap.filter(|_| shape.gaps).map(String::as_str),
            item_separator: item_separator.filter(|_| shape.items).map(String::as_str),
            item_space: item_space.filter(|_| shape.items),
            wrapper: wrapper.filter(|_| shape.wrappers),
            numbering: numbering.filter(|_| shape.numberings).copied(),
        }
    }
}

fn one_of<'a, T>(atoms: &'a [T], rng: &mut impl Rng) -> Option<&'a T> {
    if atoms.is_empty() { None } else { atoms.get(rng.random_range(0..atoms.len())) }
}
