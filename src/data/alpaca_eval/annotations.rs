//! Annotations: a judge's preference between two answers to one instruction.

use std::path::Path;

use serde::Serialize;
use serde::ser::SerializeMap as _;
use serde_json::{Map, Value};

use super::error::AlpacaEvalError;
use super::layout::pandas_json;
use super::outputs::ModelOutput;
use super::records::{Entry, entries, read_text};
use crate::scoring::alpaca_eval::{Comparison, Preference};

/// A comparison as `AlpacaEval` stores it. `output_1` is the baseline's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    /// The instruction.
    pub instruction: String,
    /// The baseline's answer.
    pub output_1: String,
    /// Name of the baseline.
    pub generator_1: String,
    /// Where the instruction comes from.
    pub dataset: Option<String>,
    /// The model's answer.
    pub output_2: String,
    /// Name of the model.
    pub generator_2: String,
    /// Name of the judge.
    pub annotator: String,
    /// From 1, the baseline wins, to 2, the model wins; 0 or 1.5 is a draw. `None` where the judge gave none.
    pub preference: Option<f64>,
    /// Other fields, in their order: `price_per_example`, `time_per_example`, `raw_completion` and so on.
    pub extra: Map<String, Value>,
}

impl Annotation {
    /// A judgment of the model's answer against the baseline's to the same instruction.
    pub fn new(baseline: &ModelOutput, model: &ModelOutput, annotator: &str, preference: Option<Preference>) -> Self {
        Self {
            instruction: model.instruction.clone(),
            output_1: baseline.output.clone(),
            generator_1: baseline.generator.clone(),
            dataset: model.dataset.clone().or_else(|| baseline.dataset.clone()),
            output_2: model.output.clone(),
            generator_2: model.generator.clone(),
            annotator: annotator.to_owned(),
            preference: preference.map(Preference::value),
            extra: Map::new(),
        }
    }

    fn read(mut entry: Entry<'_>) -> Result<Self, AlpacaEvalError> {
        Ok(Self {
            instruction: entry.text("instruction")?,
            output_1: entry.text("output_1")?,
            generator_1: entry.text("generator_1")?,
            dataset: entry.optional_text("dataset")?,
            output_2: entry.text("output_2")?,
            generator_2: entry.text("generator_2")?,
            annotator: entry.optional_text("annotator")?.unwrap_or_default(),
            preference: entry.optional_number("preference")?,
            extra: entry.rest(),
        })
    }

    /// What the aggregates need; `position` is the place of the instruction in the benchmark, which in a whole file is
    /// the annotation's. A preference outside `[1, 2]` that is not 0 is none, as in `AlpacaEval`.
    pub fn comparison(&self, position: usize) -> Comparison {
        let preference = self.preference.and_then(Preference::from_stored);
        Comparison::new(position, preference, &self.output_1, &self.output_2)
    }

    /// Log-probability of a token among the likeliest first tokens of the judge's stored answer (`raw_completion`), in
    /// nats; `None` where it is not listed. The outer `None`: the answer or its log-probabilities were not stored.
    pub fn first_token_log_prob(&self, token: &str) -> Option<Option<f64>> {
        let top = self.extra.get("raw_completion")?.get("logprobs")?.get("content")?.get(0)?.get("top_logprobs")?;
        let listed = top.as_array()?.iter().find(|entry| entry.get("token").and_then(Value::as_str) == Some(token));
        Some(listed.and_then(|entry| entry.get("logprob")?.as_f64()))
    }
}

/// Reads a file of annotations.
pub fn read_annotations(path: &Path) -> Result<Vec<Annotation>, AlpacaEvalError> {
    parse_annotations(&path.display().to_string(), &read_text(path)?)
}

/// Reads the text of such a file; `file` names it in errors.
pub fn parse_annotations(file: &str, text: &str) -> Result<Vec<Annotation>, AlpacaEvalError> {
    entries(file, text)?.into_iter().map(Annotation::read).collect()
}

/// The text of a file of annotations. As pandas has it, preferences are written as integers where all of them are whole
/// and none is missing.
pub fn annotations_json(annotations: &[Annotation]) -> Result<String, serde_json::Error> {
    let whole = |preference: Option<f64>| preference.is_some_and(|x| [0.0, 1.0, 2.0].contains(&x));
    let integers = annotations.iter().all(|annotation| whole(annotation.preference));
    pandas_json(&annotations.iter().map(|annotation| Written { annotation, integers }).collect::<Vec<_>>())
}

/// An annotation on its way to a file.
struct Written<'a> {
    annotation: &'a Annotation,
    integers: bool,
}

impl Serialize for Written<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Annotation { instruction, output_1, generator_1, dataset, output_2, generator_2, annotator, .. } =
            self.annotation;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("instruction", instruction)?;
        map.serialize_entry("output_1", output_1)?;
        map.serialize_entry("generator_1", generator_1)?;
        if let Some(dataset) = dataset {
            map.serialize_entry("dataset", dataset)?;
        }
        map.serialize_entry("output_2", output_2)?;
        map.serialize_entry("generator_2", generator_2)?;
        map.serialize_entry("annotator", annotator)?;
        match self.annotation.preference {
            #[allow(clippy::cast_possible_truncation)] // 0, 1 or 2
            Some(preference) if self.integers => map.serialize_entry("preference", &(preference as i64))?,
            preference => map.serialize_entry("preference", &preference)?,
        }
        for (key, value) in &self.annotation.extra {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn annotation(preference: &str, more: &str) -> String {
        format!(
            r#"[{{"instruction":"i","output_1":"base","generator_1":"b","output_2":"né","generator_2":"m","preference":{preference}{more}}}]"#
        )
    }

    #[test]
    fn null_nan_and_absent_preferences_are_none_and_stay_in_the_file() {
        for preference in ["null", "NaN"] {
            let found = parse_annotations("f", &annotation(preference, "")).unwrap();
            let comparison = found.first().unwrap().comparison(3);
            assert_eq!((comparison.preference, comparison.length_difference, comparison.length), (None, 2, 2));
            assert!(annotations_json(&found).unwrap().contains("\"preference\":null"));
        }
        let zero = parse_annotations("f", &annotation("0", "")).unwrap();
        assert_eq!(zero.first().unwrap().comparison(0).preference, Some(Preference::DRAW));
        let wrong = parse_annotations("f", &annotation("\"m\"", "")).unwrap_err().to_string();
        assert!(wrong.contains("entry 0: `preference` is a text"), "{wrong}");
    }

    #[test]
    fn log_probabilities_are_found_where_the_judges_answer_holds_them() {
        let raw = r#","raw_completion":{"logprobs":{"content":[{"top_logprobs":[{"token":"M","logprob":-0.5}]}]}}"#;
        let found = parse_annotations("f", &annotation("1.5", raw)).unwrap().remove(0);
        assert_eq!((found.first_token_log_prob("M"), found.first_token_log_prob("m")), (Some(Some(-0.5)), Some(None)));
        for raw in [",\"raw_completion\":null", ",\"raw_completion\":{\"logprobs\":[]}", ""] {
            let found = parse_annotations("f", &annotation("1.5", raw)).unwrap().remove(0);
            assert_eq!(found.first_token_log_prob("M"), None);
        }
    }

    #[test]
    fn whole_preferences_are_written_as_integers_only_where_all_are_whole() {
        let one = parse_annotations("f", &annotation("2", "")).unwrap();
        assert!(annotations_json(&one).unwrap().contains("\"preference\":2\n"));
        let mixed = [one, parse_annotations("f", &annotation("1.25", "")).unwrap()].concat();
        assert!(annotations_json(&mixed).unwrap().contains("\"preference\":2.0\n"));
    }
}
