//! Model outputs: `[{"dataset", "instruction", "output", "generator"}]`.

use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use super::error::AlpacaEvalError;
use super::layout::pandas_json;
use super::records::{Entry, entries, read_text};

/// A model's answer to one instruction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelOutput {
    /// Where the instruction comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// The instruction.
    pub instruction: String,
    /// The answer.
    pub output: String,
    /// Name of the model.
    pub generator: String,
    /// Other fields, in their order.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl ModelOutput {
    fn read(mut entry: Entry<'_>) -> Result<Self, AlpacaEvalError> {
        Ok(Self {
            dataset: entry.optional_text("dataset")?,
            instruction: entry.text("instruction")?,
            output: entry.text("output")?,
            generator: entry.text("generator")?,
            extra: entry.rest(),
        })
    }
}

/// Reads a file of model outputs.
pub fn read_outputs(path: &Path) -> Result<Vec<ModelOutput>, AlpacaEvalError> {
    parse_outputs(&path.display().to_string(), &read_text(path)?)
}

/// Reads the text of such a file; `file` names it in errors.
pub fn parse_outputs(file: &str, text: &str) -> Result<Vec<ModelOutput>, AlpacaEvalError> {
    entries(file, text)?.into_iter().map(ModelOutput::read).collect()
}

/// The text of a file of model outputs.
pub fn outputs_json(outputs: &[ModelOutput]) -> Result<String, serde_json::Error> {
    pandas_json(&outputs)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_nobody_knows_are_kept() {
        let text = r#"[{"instruction":"i","output":"","generator":"g","samplers":{"t":0.5,"deep":[1,null]}}]"#;
        let outputs = parse_outputs("f.json", text).unwrap();
        let again: Value = serde_json::from_str(&outputs_json(&outputs).unwrap()).unwrap();
        assert_eq!(again, serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn a_file_that_is_no_list_of_outputs_is_refused_with_the_place() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let good = r#"{"instruction":"i","output":"o","generator":"g"}"#;
        for (text, why) in [
            ("{}".to_owned(), "one JSON list"),
            ("[3]".to_owned(), "entry 0 is no object"),
            (deep, "recursion limit"),
            (format!("[{good},{{\"instruction\":\"i\",\"generator\":\"g\"}}]"), "entry 1: `output` is missing or null"),
            (format!("[{good},{{\"instruction\":7}}]"), "entry 1: `instruction` is a number where a text belongs"),
            (format!("[{good}"), "EOF"),
        ] {
            let error = parse_outputs("f.json", &text).unwrap_err().to_string();
            assert!(error.starts_with("f.json") && error.contains(why), "{error}");
        }
        let missing = read_outputs(Path::new("nowhere.json")).unwrap_err().to_string();
        assert!(missing.contains("nowhere.json"), "{missing}");
    }
}
