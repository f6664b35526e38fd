//! A file of annotations as numbers.

use std::collections::BTreeMap;

use super::annotations::Annotation;
use super::error::AlpacaEvalError;
use super::outputs::ModelOutput;
use crate::scoring::alpaca_eval::{
    Comparison, DifficultyTable, LengthControlError, LengthControlSettings, LengthControlled, Summary,
    length_controlled,
};

/// What a file of annotations says about its model.
#[derive(Debug, Clone, PartialEq)]
pub struct AnnotationSummary {
    /// Name of the model.
    pub generator: String,
    /// Name of the baseline.
    pub baseline: String,
    /// Name of the judge; several are joined by a comma.
    pub annotator: String,
    /// The numbers.
    pub summary: Summary,
    /// Why there is no length-controlled win rate, where there is none.
    pub no_length_control: Option<LengthControlError>,
}

/// Aggregates the annotations of one model against one baseline; `file` names them in errors.
///
/// The table of difficulties is joined by the place of an instruction in `order`, the outputs of the baseline for the
/// whole benchmark; without it by the place of the annotation, as the `AlpacaEval` program does, which needs the whole
/// benchmark in its order. Without a table the length-controlled win rate is the minimal one.
pub fn summarize(
    file: &str,
    annotations: &[Annotation],
    order: Option<&[ModelOutput]>,
    table: Option<&DifficultyTable>,
    settings: LengthControlSettings,
) -> Result<AnnotationSummary, AlpacaEvalError> {
    let fail = |message: String| AlpacaEvalError::Annotations { file: file.to_owned(), message };
    let one = |what: &str, name: fn(&Annotation) -> &str| {
        let names = distinct(annotations, name);
        match names.as_slice() {
            [name] => Ok((*name).to_owned()),
            [] => Err(fail("no annotations".to_owned())),
            names => Err(fail(format!("holds several {what}s ({}); split it", names.join(", ")))),
        }
    };
    let (generator, baseline) = (one("model", |a| &a.generator_2)?, one("baseline", |a| &a.generator_1)?);
    let comparisons = comparisons(annotations, order).map_err(&fail)?;
    let mut summary = Summary::new(&comparisons, settings.level)
        .ok_or_else(|| fail("no annotation has a preference in [1, 2], so there is nothing to aggregate".to_owned()))?;
    let controlled = if generator == baseline {
        Ok(LengthControlled::of_the_baseline(comparisons.len()))
    } else {
        length_controlled(&comparisons, table, settings)
    };
    let no_length_control = controlled.as_ref().err().cloned();
    summary.length_controlled = controlled.ok();
    let annotator = distinct(annotations, |annotation| &annotation.annotator).join(", ");
    Ok(AnnotationSummary { generator, baseline, annotator, summary, no_length_control })
}

/// The different names, in the order of their first appearance.
fn distinct(annotations: &[Annotation], name: fn(&Annotation) -> &str) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for found in annotations.iter().map(name) {
        if !names.contains(&found) {
            names.push(found);
        }
    }
    names
}

fn comparisons(annotations: &[Annotation], order: Option<&[ModelOutput]>) -> Result<Vec<Comparison>, String> {
    let Some(order) = order else {
        return Ok(annotations.iter().enumerate().map(|(at, annotation)| annotation.comparison(at)).collect());
    };
    let places: BTreeMap<&str, usize> =
        order.iter().enumerate().map(|(place, output)| (output.instruction.as_str(), place)).collect();
    let located = |(at, annotation): (usize, &Annotation)| {
        let place = places.get(annotation.instruction.as_str());
        let place = place.ok_or_else(|| {
            format!(
                "entry {at}: its instruction is not among the baseline's outputs; give the outputs that were annotated"
            )
        })?;
        Ok(annotation.comparison(*place))
    };
    annotations.iter().enumerate().map(located).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::scoring::alpaca_eval::{GamedRow, LengthControlForm, Preference};
    use crate::seed::Seed;

    const SETTINGS: LengthControlSettings = LengthControlSettings { seed: Seed(0), draws: 0, level: 0.95 };

    fn output(generator: &str, number: usize) -> ModelOutput {
        ModelOutput {
            dataset: None,
            instruction: format!("instruction {number}"),
            output: "x".repeat(10 + (number * 7) % 5),
            generator: generator.to_owned(),
            extra: serde_json::Map::new(),
        }
    }

    fn annotations(model: &str) -> Vec<Annotation> {
        let preference = |number: usize| Preference::from_share([0.2, 0.9, 0.4][number % 3]);
        let one = |n: usize| Annotation::new(&output("base", n), &output(model, n + 1), "judge", preference(n));
        (0..12).map(one).map(|a| Annotation { output_2: format!("{}{}", a.output_2, a.output_1), ..a }).collect()
    }

    #[test]
    fn difficulties_are_joined_by_instruction_where_the_order_is_known() {
        let order = (0..20).map(|n| output("base", n)).collect::<Vec<_>>();
        let row = |place: usize| GamedRow {
            position: place,
            share: 0.3,
            standardized_length_difference: 1.0,
            difficulty: place as f64 / 10.0,
            not_gamed: false,
        };
        let table = DifficultyTable::new((1..20).map(row).collect()).unwrap();
        let with = |order| summarize("f", &annotations("m"), order, Some(&table), SETTINGS).unwrap();
        let known = with(Some(&order)).summary.length_controlled.unwrap();
        assert_eq!(known.form, LengthControlForm::Full);
        // Without the order, the first annotation is taken for the instruction at place 0, which this table lacks.
        assert_eq!(with(None).no_length_control, Some(LengthControlError::UnknownInstruction { position: 0 }));
        let few = order.get(..3).unwrap();
        let error = summarize("f", &annotations("m"), Some(few), None, SETTINGS).unwrap_err().to_string();
        assert!(error.contains("entry 2"), "{error}");
    }

    #[test]
    fn the_baseline_against_itself_is_one_half_at_equal_length() {
        let found = summarize("f", &annotations("base"), None, None, SETTINGS).unwrap();
        let row = found.summary.leaderboard_row();
        assert_eq!((row.length_controlled_winrate, row.lc_standard_error), (Some(50.0), Some(0.0)));
    }

    #[test]
    fn annotations_of_several_models_or_none_are_refused() {
        let mixed = [annotations("m"), annotations("other")].concat();
        let error = summarize("f", &mixed, None, None, SETTINGS).unwrap_err().to_string();
        assert!(error.contains("several models (m, other)"), "{error}");
        assert!(summarize("f", &[], None, None, SETTINGS).unwrap_err().to_string().contains("no annotations"));
        let unjudged = annotations("m").into_iter().map(|a| Annotation { preference: None, ..a }).collect::<Vec<_>>();
        assert!(summarize("f", &unjudged, None, None, SETTINGS).unwrap_err().to_string().contains("no annotation has"));
    }
}
