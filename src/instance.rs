//! One item of a benchmark, with the parts of its prompt still apart, so that a perturbation knows what it touches.

use serde::{Deserialize, Serialize};

use crate::chat::{Message, Role};
use crate::request::{PlainTurns, Prompt};

/// A solved example shown before the question.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Shot {
    /// The example's question, rendered like the real one.
    pub query: String,
    /// Its answer.
    pub target: String,
    /// Between the two; `None` is the prompt's `target_delimiter`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
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
    /// Turns of the conversation that the question continues, from the user's first to the assistant's last; usually
    /// none (`metadata.wit_eval.turns_before`). No perturbation touches them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Message>,
    /// The question itself (`doc_to_text`).
    pub query: String,
    /// What the user says after the model's reply to `query`, turn by turn; usually nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub later: Vec<String>,
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
            Presentation::Chat => {
                let mut turns = self.exchange();
                if let Some(first) = turns.first_mut() {
                    first.content.insert_str(0, &self.examples_text());
                }
                self.conversation(turns)
            }
            Presentation::ChatMultiturn => {
                let mut turns = Vec::with_capacity(2 * self.shots.len() + self.earlier.len() + 1);
                for shot in &self.shots {
                    turns.push(Message::new(Role::User, &shot.query));
                    turns.push(Message::new(Role::Assistant, &shot.target));
                }
                turns.extend(self.exchange());
                self.conversation(turns)
            }
        }
    }

    /// How further turns are joined in plain text: as earlier ones are.
    pub fn plain_turns(&self) -> PlainTurns {
        PlainTurns { after_user: self.target_delimiter.clone(), after_reply: self.fewshot_delimiter.clone() }
    }

    /// The earlier turns and the question.
    fn exchange(&self) -> Vec<Message> {
        let question = Message::new(Role::User, &self.query);
        self.earlier.iter().cloned().chain([question]).collect()
    }

    /// Earlier turns are written as examples are: a delimiter after what the user says, a blank line after the answer.
    fn plain_text(&self) -> String {
        let earlier = self.earlier.iter().flat_map(|turn| match turn.role {
            Role::Assistant => [turn.content.as_str(), &self.fewshot_delimiter],
            Role::System | Role::User => [turn.content.as_str(), &self.target_delimiter],
        });
        let query = delimited(&self.query, &self.assistant_prefix, &self.target_delimiter);
        self.head() + &self.examples_text() + &earlier.collect::<String>() + &query
    }

    /// System instruction and description.
    fn head(&self) -> String {
        delimited(self.system.as_deref().unwrap_or_default(), &self.instruction, &self.fewshot_delimiter)
    }

    fn examples_text(&self) -> String {
        self.shots
            .iter()
            .map(|shot| {
                let delimiter = shot.delimiter.as_ref().unwrap_or(&self.target_delimiter);
                [&shot.query, delimiter, &shot.target, &self.fewshot_delimiter]
            })
            .flat_map(|pieces| pieces.map(String::as_str))
            .collect()
    }

    fn conversation(&self, turns: Vec<Message>) -> Prompt {
        let head = self.head();
        let system = (!head.is_empty()).then(|| Message::new(Role::System, head));
        Prompt::Chat {
            messages: system.into_iter().chain(turns).collect(),
            assistant_prefix: self.assistant_prefix.clone(),
        }
    }
}

/// Whether a delimiter stands between two texts: neither is empty and no white space is there already.
pub(crate) fn needs_delimiter(before: &str, after: &str) -> bool {
    !before.is_empty()
        && !after.is_empty()
        && !before.ends_with(char::is_whitespace)
        && !after.starts_with(char::is_whitespace)
}

/// Joins two texts as lm-evaluation-harness does (`maybe_delimit`).
pub(crate) fn delimited(before: &str, after: &str, delimiter: &str) -> String {
    [before, if needs_delimiter(before, after) { delimiter } else { "" }, after].concat()
}

/// An instruction that a program verifies, with its arguments (`instruction_id_list` and `kwargs` of IFEval).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Identifier: `keywords:existence`.
    pub id: String,
    /// Arguments by name, as the data file gives them; nulls are dropped.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub kwargs: serde_json::Map<String, serde_json::Value>,
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
    /// Every reply should pass the checks of its turn.
    Verified {
        /// One list of checks a turn of the user.
        turns: Vec<Vec<Check>>,
    },
    /// A judge decides.
    Judged {
        /// Category of the question; empty if not stated.
        category: String,
        /// What the user says, turn by turn, in the original wording.
        questions: Vec<String>,
        /// Reference answers, turn by turn; often none.
        references: Vec<String>,
        /// The answer that the reply is compared with, and who gave it; for pairwise judging.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        baseline: Option<Baseline>,
    },
}

/// An answer that replies are compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Who gave it.
    pub generator: String,
    /// Its replies, turn by turn.
    pub replies: Vec<String>,
}

/// One item of a benchmark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// Temperature at which this one is answered, where the task sets it by category; 0 is greedy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;

    fn parts() -> PromptParts {
        PromptParts {
            instruction: "Answer.\n\n".into(),
            shots: vec![Shot { query: "Q: 1+1\nA:".into(), target: "2".into(), delimiter: None }],
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

    /// As lm-evaluation-harness 0.4.13 joins them.
    #[test]
    fn no_delimiter_stands_where_white_space_does() {
        let text = |parts: PromptParts| parts.plain_text();
        let prefixed =
            |prefix: &str| text(PromptParts { assistant_prefix: prefix.into(), shots: Vec::new(), ..parts() });
        assert!(prefixed("So:").ends_with("A: So:") && prefixed(" So:").ends_with("A: So:"));
        let head = |system: &str| text(PromptParts { system: Some(system.into()), ..parts() });
        assert!(head("Be brief.").starts_with("Be brief.\n\nAnswer."));
        assert!(head("Be brief.\n").starts_with("Be brief.\nAnswer."));
        let own = Shot { query: "Q:".into(), target: "2".into(), delimiter: Some(" -> ".into()) };
        let own = text(PromptParts { shots: vec![own], instruction: String::new(), ..parts() });
        assert_eq!(own, "Q: -> 2\n\nQ: 2+2\nA:");
    }

    #[test]
    fn multiturn_gives_every_example_its_own_turns() {
        let Prompt::Chat { messages, .. } = parts().present(Presentation::ChatMultiturn) else {
            panic!("a conversation was asked");
        };
        let roles = messages.iter().map(|m| m.role).collect::<Vec<_>>();
        assert_eq!(roles, [Role::System, Role::User, Role::Assistant, Role::User]);
    }

    #[test]
    fn earlier_turns_stand_between_the_examples_and_the_question() {
        let earlier = vec![Message::new(Role::User, "I am Ada."), Message::new(Role::Assistant, "Hello.")];
        let parts = PromptParts { earlier, ..parts() };
        let expected = "Answer.\n\nQ: 1+1\nA: 2\n\nI am Ada. Hello.\n\nQ: 2+2\nA:";
        assert_eq!(parts.present(Presentation::Text), Prompt::Text(expected.into()));
        let contents = |presentation| {
            let Prompt::Chat { messages, .. } = parts.present(presentation) else { panic!("a conversation was asked") };
            messages.into_iter().map(|message| message.content).collect::<Vec<_>>()
        };
        let one_turn = ["Answer.\n\n", "Q: 1+1\nA: 2\n\nI am Ada.", "Hello.", "Q: 2+2\nA:"];
        assert_eq!(contents(Presentation::Chat), one_turn);
        let every_turn = ["Answer.\n\n", "Q: 1+1\nA:", "2", "I am Ada.", "Hello.", "Q: 2+2\nA:"];
        assert_eq!(contents(Presentation::ChatMultiturn), every_turn);
    }
}
