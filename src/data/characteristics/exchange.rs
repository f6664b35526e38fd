//! A row of instruction data as what stands before a response, and the response.

use crate::chat::{Message, Role};
use crate::data::instruct::joined_instruction;
use crate::instruction::InstructionBody;

/// Stands for the end token in the responses of the WIT authors' data.
const END_PLACEHOLDER: &str = "###eos_token###";

/// The last response of a row with all that stands before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The turns before, at least one.
    pub before: Vec<Message>,
    /// The response.
    pub response: String,
}

impl Exchange {
    /// The exchange of a row: of a conversation the assistant's last turn given all turns before it; what follows it is left
    /// out. `None` where nothing is asked or answered.
    pub fn of(body: &InstructionBody) -> Option<Self> {
        let (before, response) = match body {
            InstructionBody::Instruction { instruction, input, output } => {
                (vec![Message::new(Role::User, joined_instruction(instruction, input.as_deref()))], output)
            }
            InstructionBody::Text { prompt, response } => (vec![Message::new(Role::User, prompt.as_str())], response),
            InstructionBody::Conversation(turns) => {
                let last = turns.iter().rposition(|turn| turn.role == Role::Assistant)?;
                (turns.get(..last)?.to_vec(), &turns.get(last)?.content)
            }
        };
        let response = response.strip_suffix(END_PLACEHOLDER).unwrap_or(response).to_owned();
        let says = |text: &str| !text.trim().is_empty();
        (before.iter().any(|turn| says(&turn.content)) && says(&response)).then_some(Self { before, response })
    }

    /// What stands before the response, as text without a template: one space after what the user says, a blank line after
    /// every other turn, and no space at the end. With one turn this is the prompt of the `wit` format of `train`.
    pub fn prompt_text(&self) -> String {
        let mut text = String::new();
        let mut turns = self.before.iter().peekable();
        while let Some(turn) = turns.next() {
            text.push_str(&turn.content);
            if turns.peek().is_some() {
                text.push_str(if turn.role == Role::User { " " } else { "\n\n" });
            }
        }
        text.strip_suffix(' ').map_or(text.clone(), str::to_owned)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn turn(role: Role, content: &str) -> Message {
        Message::new(role, content)
    }

    #[test]
    fn a_conversation_gives_its_last_response_with_everything_before_it() {
        let body = InstructionBody::Conversation(vec![
            turn(Role::System, "Be brief."),
            turn(Role::User, "One fruit?"),
            turn(Role::Assistant, "Apple."),
            turn(Role::User, "Another? "),
            turn(Role::Assistant, "Pear."),
            turn(Role::User, "Thanks."),
        ]);
        let exchange = Exchange::of(&body).unwrap();
        assert_eq!((exchange.before.len(), exchange.response.as_str()), (4, "Pear."));
        assert_eq!(exchange.prompt_text(), "Be brief.\n\nOne fruit? Apple.\n\nAnother?");
    }

    #[test]
    fn rows_of_one_turn_are_written_as_training_writes_them() {
        let text =
            InstructionBody::Text { prompt: "Name a fruit: ".to_owned(), response: "apple###eos_token###".to_owned() };
        let exchange = Exchange::of(&text).unwrap();
        assert_eq!((exchange.prompt_text().as_str(), exchange.response.as_str()), ("Name a fruit:", "apple"));
        let alpaca = InstructionBody::Instruction {
            instruction: "Sort.".to_owned(),
            input: Some("b a".to_owned()),
            output: "a b".to_owned(),
        };
        assert_eq!(Exchange::of(&alpaca).unwrap().prompt_text(), "Sort.\n\nb a");
    }

    #[test]
    fn a_row_that_asks_or_answers_nothing_gives_no_exchange() {
        let text = |prompt: &str, response: &str| InstructionBody::Text {
            prompt: prompt.to_owned(),
            response: response.to_owned(),
        };
        for body in [
            text(" ", "apple"),
            text("Name a fruit.", "###eos_token###"),
            InstructionBody::Conversation(vec![turn(Role::Assistant, "Hello.")]),
        ] {
            assert_eq!(Exchange::of(&body), None);
        }
    }
}
