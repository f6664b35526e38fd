//! Filter pipelines: from a response's text to an answer.

use std::collections::BTreeMap;

use crate::task::{FilterPipeline, FilterStep};

use super::multi_choice_regex::MultiChoiceRegex;
use super::pattern::{Pattern, PatternError};
use super::python_text::strip;

/// What a pipeline took from a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extracted {
    /// The answer; `None` where a `map` knows none.
    pub(super) answer: Option<String>,
    /// Whether a pattern found nothing and its fallback was taken.
    pub(super) fell_back: bool,
}

/// A pipeline whose patterns are compiled. The steps do what lm-evaluation-harness's filters of the same name do.
#[derive(Debug)]
pub(super) struct CompiledPipeline {
    pub(super) name: String,
    steps: Vec<CompiledStep>,
}

#[derive(Debug)]
enum CompiledStep {
    Regex { pattern: Pattern, group_select: i32, fallback: String },
    MultiChoiceRegex(MultiChoiceRegex),
    TakeFirst,
    Lowercase,
    Uppercase,
    RemoveWhitespace,
    Map { mapping: BTreeMap<String, String>, default: Option<String> },
    Trim,
    StripPeriod,
}

impl CompiledPipeline {
    pub(super) fn new(pipeline: &FilterPipeline) -> Result<Self, PatternError> {
        let steps = pipeline.steps.iter().map(CompiledStep::new).collect::<Result<_, _>>()?;
        Ok(Self { name: pipeline.name.clone(), steps })
    }

    pub(super) fn apply(&self, response: &str, choices: &[String]) -> Result<Extracted, PatternError> {
        let mut extracted = Extracted { answer: Some(response.to_owned()), fell_back: false };
        for step in &self.steps {
            let Some(text) = extracted.answer.take() else { break };
            let (answer, fell_back) = step.apply(text, choices)?;
            extracted.answer = answer;
            extracted.fell_back |= fell_back;
        }
        Ok(extracted)
    }
}

impl CompiledStep {
    fn new(step: &FilterStep) -> Result<Self, PatternError> {
        Ok(match step {
            FilterStep::Regex(filter) => Self::Regex {
                pattern: Pattern::new(&filter.pattern)?,
                group_select: filter.group_select,
                fallback: filter.fallback.clone(),
            },
            FilterStep::MultiChoiceRegex(filter) => Self::MultiChoiceRegex(MultiChoiceRegex::new(filter)?),
            FilterStep::TakeFirst => Self::TakeFirst,
            FilterStep::Lowercase => Self::Lowercase,
            FilterStep::Uppercase => Self::Uppercase,
            FilterStep::RemoveWhitespace => Self::RemoveWhitespace,
            FilterStep::Map { mapping, default } => Self::Map { mapping: mapping.clone(), default: default.clone() },
            FilterStep::Trim => Self::Trim,
            FilterStep::StripPeriod => Self::StripPeriod,
        })
    }

    fn apply(&self, text: String, choices: &[String]) -> Result<(Option<String>, bool), PatternError> {
        let answer = match self {
            Self::Regex { pattern, group_select, fallback } => return select(pattern, *group_select, fallback, &text),
            Self::MultiChoiceRegex(filter) => {
                let (answer, fell_back) = filter.apply(&text, choices)?;
                return Ok((Some(answer), fell_back));
            }
            Self::Map { mapping, default } => return Ok((mapping.get(&text).or(default.as_ref()).cloned(), false)),
            Self::TakeFirst => text,
            Self::Lowercase => text.to_lowercase(),
            Self::Uppercase => text.to_uppercase(),
            Self::RemoveWhitespace | Self::Trim => strip(&text).to_owned(),
            Self::StripPeriod => {
                let text = strip(&text);
                text.strip_suffix('.').map_or(text, strip).to_owned()
            }
        };
        Ok((Some(answer), false))
    }
}

/// `regex`: the match at `group_select`, stripped; the fallback where nothing matches, where there are too few matches
/// (lm-evaluation-harness stops with an error), or where the match's groups are several and all empty.
fn select(
    pattern: &Pattern,
    group_select: i32,
    fallback: &str,
    text: &str,
) -> Result<(Option<String>, bool), PatternError> {
    Ok(match pattern.find_at(text, group_select)? {
        Some(found) => (Some(strip(&found).to_owned()), false),
        None => (Some(fallback.to_owned()), true),
    })
}
