//! Judges as `AlpacaEval` configures them: a folder with `configs.yaml`, and prompt files in `ChatML`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::super::tree::inside;
use super::error::AlpacaEvalError;
use super::records::read_text;
use crate::judgment::JudgePrompt;
use crate::scoring::alpaca_eval::{Annotator, AnswerForm, CANDIDATES, chat_ml_prompt};

/// The entry of `configs.yaml`, as far as it is used. The model and how it is called are the user's choice.
#[derive(Debug, Deserialize)]
struct Config {
    prompt_template: String,
    fn_completion_parser: String,
    #[serde(default)]
    completion_parser_kwargs: ParserSettings,
    #[serde(default)]
    batch_size: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
struct ParserSettings {
    numerator_token: Option<String>,
    denominator_tokens: Option<Vec<String>>,
    is_binarize: Option<bool>,
    log_prob_index: Option<serde_yaml_ng::Value>,
}

/// Reads a prompt file; its name without extension names the prompt.
pub fn read_prompt(path: &Path) -> Result<JudgePrompt, AlpacaEvalError> {
    let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let text = read_text(path)?;
    let fail = |message: String| AlpacaEvalError::Evaluator { file: path.display().to_string(), message };
    chat_ml_prompt(&name, &text).map_err(|error| fail(error.to_string()))
}

/// Reads a folder of `AlpacaEval`'s `evaluators_configs`: `configs.yaml`, and the prompt that it names, relative to the
/// folder above. The prompt must lie there. Judges that answer with log-probabilities of `m` and `M`, or with a
/// ranking, can be used.
pub fn read_evaluator(folder: &Path) -> Result<Annotator, AlpacaEvalError> {
    let path = folder.join("configs.yaml");
    let fail = |message: String| AlpacaEvalError::Evaluator { file: path.display().to_string(), message };
    let configs: BTreeMap<String, Config> =
        serde_yaml_ng::from_str(&read_text(&path)?).map_err(|error| fail(error.to_string()))?;
    let mut configs = configs.into_iter();
    let (Some((name, config)), None) = (configs.next(), configs.next()) else {
        return Err(fail("one judge belongs in the file; split it".to_owned()));
    };
    let form = answer_form(&config).map_err(&fail)?;
    let parent = folder.join("..");
    let prompt = inside(&parent, &config.prompt_template)
        .ok_or_else(|| fail(format!("prompt_template `{}` is no file beside this folder", config.prompt_template)))?;
    let prompt = JudgePrompt { name, ..read_prompt(&prompt)? };
    Annotator::new(prompt, form).map_err(|error| fail(error.to_string()))
}

fn answer_form(config: &Config) -> Result<AnswerForm, String> {
    if config.batch_size.is_some_and(|size| size != 1) {
        return Err("batch_size: only one comparison a prompt (1) is supported".to_owned());
    }
    let settings = &config.completion_parser_kwargs;
    match config.fn_completion_parser.as_str() {
        "ranking_parser" => Ok(AnswerForm::Ranking),
        "logprob_parser" => {
            let [first, second] = CANDIDATES;
            let tokens = settings.denominator_tokens.as_deref().unwrap_or_default();
            let known = settings.numerator_token.as_deref() == Some(first)
                && tokens.len() == 2
                && tokens.iter().any(|token| token == first)
                && tokens.iter().any(|token| token == second);
            if !known || settings.log_prob_index.is_some() {
                return Err(format!(
                    "completion_parser_kwargs: only the first token is read, with numerator_token `{first}` and \
                     denominator_tokens [`{first}`, `{second}`]"
                ));
            }
            Ok(if settings.is_binarize.unwrap_or(true) { AnswerForm::LikelierToken } else { AnswerForm::Weighted })
        }
        other => Err(format!("fn_completion_parser `{other}` is not one of logprob_parser, ranking_parser")),
    }
}
