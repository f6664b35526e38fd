//! One item of a benchmark, with the parts of its prompt still apart, so that a perturbation knows what it touches.

use serde::{Deserialize, Serialize};

use crate::chat::{Message, Role};
use crate::request::Prompt;

/// A solved example shown before the question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shot {
    /// The example's question, rendered like the real one.
    pub query: String,
    /// Its answer.
    pub target: String,
}

/// The parts of a prompt, in the order in which they are joined.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PromptParts {
    /// System instruction (`--system_instruction`), if any.
    pub system: Option<String>,
    /// The task's `description`, with the line breaks that end it.
    pub instruction: String,
    /// Few-shot examples.
    pub shots: Vec<Shot>,
    /// The question itself (`doc_to_text`).
    pub query: String,
    /// The beginning of the answer (`gen_prefix`); often empty.
    pub assistant_prefix: String,
    /// Between a question and its answer (`target_delimiter`).
    pub target_delimiter: String,
    /// Between examples (`fewshot_delimiter`).
    pub fewshot_delimiter: String,
    /// Substrings of `instruction` and `query` that no perturbation may change, besides what is protected everywhere
    /// (numbers, quoted text, code, option texts, placeholders): the arguments of a verifiable instruction, for example.
    pub protected: Vec<String>,
}

/// How the parts become what the model is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presentation {
    /// One plain text.
    Text,
    /// A conversation: system turn, then everything else in one user turn.
    Chat,
    /// A conversation in which every example is a turn of its own (`--fewshot_as_multiturn`).
    ChatMultiturn,
}

impl PromptParts {
    /// Joins the parts as lm-evaluation-harness does.
    pub fn present(&self, presentation: Presentation) -> Prompt {
        match presentation {
            Presentation::Text => Prompt::Text(self.plain_text()),
            Presentation::Chat => self.conversation(vec![Message::new(Role::User, self.examples_text() + &self.query)]),
            Presentation::ChatMultiturn => {
                let mut turns = Vec::with_capacity(2 * self.shots.len() + 1);
                for shot in &self.shots {
                    turns.push(Message::new(Role::User, &shot.query));
                    turns.push(Message::new(Role::Assistant, &shot.target));
                }
                turns.push(Message::new(Role::User, &self.query));
                self.conversation(turns)
            }
        }
    }

    fn plain_text(&self) -> String {
        let mut text = self.system.clone().unwrap_or_default();
        if !text.is_empty() && !self.instruction.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(&self.instruction);
        text.push_str(&self.examples_text());
        text.push_str(&self.query);
        if !self.assistant_prefix.is_empty() {
            text.push_str(&self.target_delimiter);
            text.push_str(&self.assistant_prefix);
        }
        text
    }

    fn examples_text(&self) -> String {
        self.shots
            .iter()
            .map(|shot| [&shot.query, &self.target_delimiter, &shot.target, &self.fewshot_delimiter])
            .flat_map(|pieces| pieces.map(String::as_str))
            .collect()
    }

    fn conversation(&self, turns: Vec<Message>) -> Prompt {
        let head = [self.system.as_deref().unwrap_or_default(), &self.instruction];
        let head = head.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("\n\n");
        let system = (!head.is_empty()).then(|| Message::new(Role::System, head));
        Prompt::Chat {
            messages: system.into_iter().chain(turns).collect(),
            assistant_prefix: self.assistant_prefix.clone(),
        }
    }
}

/// What a good answer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Expectation {
    /// The likeliest of several continuations should be one of `gold`.
    Choice {
        /// The continuations, without the target delimiter.
        choices: Vec<String>,
        /// Indices into `choices`; never empty.
        gold: Vec<usize>,
    },
    /// This continuation should be likely.
    Continuation {
        /// The text, without the target delimiter.
        text: String,
    },
    /// The generated text should match one of these.
    Text {
        /// Accepted answers; never empty.
        targets: Vec<String>,
        /// The option texts or labels, where the task declares them (`doc_to_choice`); filters may use them.
        choices: Vec<String>,
    },
    /// The text itself should be likely; there is no answer.
    Document,
}

/// One item of a benchmark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Name of the task.
    pub task: String,
    /// Stable identifier, unique in the task: `mmlu_anatomy/12`.
    pub id: String,
    /// Instances of one cluster are not independent (questions on one passage, say). Usually the id.
    pub cluster: String,
    /// The prompt in parts.
    pub prompt: PromptParts,
    /// What a good answer is.
    pub expectation: Expectation,
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;

    fn parts() -> PromptParts {
        PromptParts {
            instruction: "Answer.\n\n".into(),
            shots: vec![Shot { query: "Q: 1+1\nA:".into(), target: "2".into() }],
            query: "Q: 2+2\nA:".into(),
            target_delimiter: " ".into(),
            fewshot_delimiter: "\n\n".into(),
            ..PromptParts::default()
        }
    }

    #[test]
    fn plain_text_joins_description_examples_and_question_as_lm_eval_does() {
        let expected = "Answer.\n\nQ: 1+1\nA: 2\n\nQ: 2+2\nA:";
        assert_eq!(parts().present(Presentation::Text), Prompt::Text(expected.into()));
    }

    #[test]
    fn multiturn_gives_every_example_its_own_turns() {
        let Prompt::Chat { messages, .. } = parts().present(Presentation::ChatMultiturn) else {
            panic!("a conversation was asked");
        };
        let roles = messages.iter().map(|m| m.role).collect::<Vec<_>>();
        assert_eq!(roles, [Role::System, Role::User, Role::Assistant, Role::User]);
    }
}
