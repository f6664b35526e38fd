//! The judge's prompt, and how it is to answer.

use serde::{Deserialize, Serialize};

use crate::chat::{Message, Role};
use crate::judgment::JudgePrompt;
use crate::request::{Decoding, Prompt, Request, Sampling};

use super::preference::CANDIDATES;

/// What a prompt has to show: each stands for a text of the comparison.
const PLACEHOLDERS: [&str; 3] = ["{instruction}", "{output_1}", "{output_2}"];

/// Tokens of a ranking (`alpaca_eval_gpt4`).
const RANKING_TOKENS: usize = 100;

const TURN_START: &str = "<|im_start|>";
const TURN_END: &str = "<|im_end|>";

/// A judge's prompt that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnnotatorError {
    /// A text of the comparison that the prompt does not show.
    #[error("judge prompt `{prompt}` lacks the placeholder {placeholder}; write it where that text belongs")]
    Placeholder {
        /// Name of the prompt.
        prompt: String,
        /// What is missing.
        placeholder: &'static str,
    },
    /// Turns that are not one optional system turn and one user turn.
    #[error(
        "judge prompt `{prompt}`: {message}; a prompt is `<|im_start|>system`, its text, `<|im_end|>`, then the same with \
         `user` (the system turn may be absent)"
    )]
    Turns {
        /// Name of the prompt.
        prompt: String,
        /// What is wrong.
        message: String,
    },
}

/// How the judge answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerForm {
    /// With one token, `m` or `M`; their probabilities are the preference (`weighted_alpaca_eval_gpt4_turbo`).
    Weighted,
    /// With one token, `m` or `M`; the likelier one wins (`alpaca_eval_clf_gpt4_turbo`).
    LikelierToken,
    /// With a ranking of `model_1` and `model_2`, as a Python list of dictionaries (`alpaca_eval_gpt4`).
    Ranking,
}

/// A judge's prompt with the form of its answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotator {
    prompt: JudgePrompt,
    form: AnswerForm,
}

impl Annotator {
    /// Checks that the prompt shows the instruction and both answers.
    pub fn new(prompt: JudgePrompt, form: AnswerForm) -> Result<Self, AnnotatorError> {
        let shown =
            |placeholder| prompt.system_prompt.contains(placeholder) || prompt.prompt_template.contains(placeholder);
        match PLACEHOLDERS.into_iter().find(|placeholder| !shown(*placeholder)) {
            None => Ok(Self { prompt, form }),
            Some(placeholder) => Err(AnnotatorError::Placeholder { prompt: prompt.name, placeholder }),
        }
    }

    /// The prompt.
    pub fn prompt(&self) -> &JudgePrompt {
        &self.prompt
    }

    /// How the judge answers.
    pub fn form(&self) -> AnswerForm {
        self.form
    }

    /// The question for one comparison, answers in the order in which they are shown. `sample` numbers repeats of a
    /// generated answer; the probability of a token is the same however often it is asked.
    pub(super) fn request(&self, instruction: &str, shown: [&str; 2], sample: usize) -> Request {
        let [first, second] = shown;
        let fill = |template: &str| filled(template, [instruction, first, second]);
        let system = (!self.prompt.system_prompt.is_empty())
            .then(|| Message::new(Role::System, fill(&self.prompt.system_prompt)));
        let user = Message::new(Role::User, fill(&self.prompt.prompt_template));
        let messages = system.into_iter().chain([user]).collect();
        let prompt = Prompt::Chat { messages, assistant_prefix: String::new() };
        match self.form {
            AnswerForm::Weighted | AnswerForm::LikelierToken => {
                Request::NextToken { prompt, candidates: CANDIDATES.map(str::to_owned).to_vec() }
            }
            AnswerForm::Ranking => {
                let decoding =
                    Decoding { max_new_tokens: RANKING_TOKENS, stop: Vec::new(), sampling: Sampling::Greedy, sample };
                Request::Generate { prompt, decoding }
            }
        }
    }
}

/// The template with its placeholders replaced, each once and literally: a text that itself holds `{output_1}` stays as
/// it is.
fn filled(template: &str, texts: [&str; 3]) -> String {
    let mut out = String::with_capacity(template.len() + texts.iter().map(|text| text.len()).sum::<usize>());
    let mut rest = template;
    loop {
        let found = PLACEHOLDERS
            .into_iter()
            .zip(texts)
            .filter_map(|(placeholder, text)| Some((rest.find(placeholder)?, placeholder, text)))
            .min_by_key(|(at, ..)| *at);
        let Some((at, placeholder, text)) = found else {
            out.push_str(rest);
            return out;
        };
        out.push_str(rest.get(..at).unwrap_or_default());
        out.push_str(text);
        rest = rest.get(at + placeholder.len()..).unwrap_or_default();
    }
}

/// Reads a prompt in `ChatML`, the layout of `AlpacaEval`'s own prompt files. Each turn's text loses the white space at
/// its ends, as there.
pub fn chat_ml_prompt(name: &str, text: &str) -> Result<JudgePrompt, AnnotatorError> {
    let fail = |message: String| AnnotatorError::Turns { prompt: name.to_owned(), message };
    let rest = text.trim().strip_prefix(TURN_START);
    let rest = rest.ok_or_else(|| fail(format!("the text does not begin with `{TURN_START}`")))?;
    let (mut system, mut user) = (None, None);
    for turn in rest.split(TURN_START) {
        let (role, body) = turn.split_once('\n').ok_or_else(|| fail("a turn without text".to_owned()))?;
        let (content, after) = body.split_once(TURN_END).ok_or_else(|| fail(format!("a turn without `{TURN_END}`")))?;
        if !after.trim().is_empty() {
            return Err(fail(format!("text after `{TURN_END}`")));
        }
        let place = match role.trim() {
            "system" if system.is_none() && user.is_none() => &mut system,
            "user" if user.is_none() => &mut user,
            role => return Err(fail(format!("turn `{role}` is one too many, out of order or unknown"))),
        };
        *place = Some(content.trim().to_owned());
    }
    let prompt_template = user.ok_or_else(|| fail("no user turn".to_owned()))?;
    Ok(JudgePrompt { name: name.to_owned(), system_prompt: system.unwrap_or_default(), prompt_template })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn template(user: &str) -> JudgePrompt {
        JudgePrompt { name: "t".into(), system_prompt: "Judge.".into(), prompt_template: user.into() }
    }

    #[test]
    fn a_text_that_looks_like_a_placeholder_is_not_expanded() {
        let annotator =
            Annotator::new(template("{instruction}|{output_1}|{output_2}|{x}"), AnswerForm::Weighted).unwrap();
        let request = annotator.request("say {output_2}", ["{instruction}", "{output_1}"], 0);
        let Request::NextToken { prompt: Prompt::Chat { messages, .. }, candidates } = request else {
            panic!("one token")
        };
        let contents = messages.iter().map(|message| message.content.as_str()).collect::<Vec<_>>();
        assert_eq!(contents, ["Judge.", "say {output_2}|{instruction}|{output_1}|{x}"]);
        assert_eq!(candidates, ["m", "M"]);
    }

    #[test]
    fn a_prompt_that_hides_an_answer_is_refused() {
        let error = Annotator::new(template("{instruction} {output_1}"), AnswerForm::Ranking).unwrap_err();
        assert!(error.to_string().contains("{output_2}"), "{error}");
    }

    #[test]
    fn turns_of_a_prompt_file_are_read_without_the_white_space_around_them() {
        let text = "<|im_start|>system\n Be fair. \n<|im_end|>\n<|im_start|>user\n{instruction}\nx\n<|im_end|>\n";
        let prompt = chat_ml_prompt("p", text).unwrap();
        assert_eq!((prompt.system_prompt.as_str(), prompt.prompt_template.as_str()), ("Be fair.", "{instruction}\nx"));
        let alone = chat_ml_prompt("p", "<|im_start|>user\nhi<|im_end|>").unwrap();
        assert_eq!(alone.system_prompt, "");
    }

    #[test]
    fn prompt_files_that_are_not_one_question_are_refused() {
        let user = "<|im_start|>user\nhi\n<|im_end|>";
        for (text, why) in [
            (String::new(), "does not begin"),
            ("<|im_start|>user\nhi".to_owned(), "without `<|im_end|>`"),
            ("<|im_start|>system\nhi<|im_end|>".to_owned(), "no user turn"),
            (format!("{user}{user}"), "one too many"),
            (format!("{user}\n<|im_start|>assistant\nm<|im_end|>"), "`assistant`"),
            (format!("{user} more"), "text after"),
            ("<|im_start|>".to_owned(), "without text"),
        ] {
            let error = chat_ml_prompt("p", &text).unwrap_err().to_string();
            assert!(error.contains(why), "{text:?}: {error}");
        }
    }
}
