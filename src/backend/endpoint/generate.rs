//! Generation and conversation.

use std::sync::atomic::Ordering;

use serde_json::{Map, Value, json};

use super::ask::Asker;
use super::error::Fault;
use super::settings::Api;
use super::{EndpointError, wire};
use crate::chat::{Message, Role};
use crate::request::{Decoding, PlainTurns, Prompt};
use crate::response::{Generation, Response};

/// Path of the interface for conversations.
pub(super) const CHAT: &str = "/chat/completions";

/// Path of the interface for plain text.
pub(super) const COMPLETIONS: &str = "/completions";

/// A prompt in the form of the interface that takes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Asked {
    /// For `/chat/completions`.
    Conversation {
        /// The turns.
        messages: Vec<Message>,
        /// The beginning of the answer.
        assistant_prefix: String,
    },
    /// For `/completions`.
    Text(String),
}

impl Asked {
    /// Chooses the interface.
    pub fn new(prompt: &Prompt, api: Api, base: &str) -> Result<Self, EndpointError> {
        match (prompt, api) {
            (Prompt::Chat { .. }, Api::Completions) => {
                Err(EndpointError::ConversationAsText { url: base.to_owned() })
            }
            (Prompt::Chat { messages, assistant_prefix }, _) => {
                Ok(Self::Conversation { messages: messages.clone(), assistant_prefix: assistant_prefix.clone() })
            }
            (Prompt::Text(text), Api::Chat) => Ok(Self::Conversation {
                messages: vec![Message::new(Role::User, text)],
                assistant_prefix: String::new(),
            }),
            (Prompt::Text(text), _) => Ok(Self::Text(text.clone())),
        }
    }

    pub fn path(&self) -> &'static str {
        match self {
            Self::Conversation { .. } => CHAT,
            Self::Text(_) => COMPLETIONS,
        }
    }

    /// The body without decoding settings.
    pub fn body(&self, model: &str) -> Map<String, Value> {
        let mut body = wire::body(model);
        match self {
            Self::Conversation { messages, assistant_prefix } => {
                wire::set_conversation(&mut body, messages, assistant_prefix);
            }
            Self::Text(text) => {
                body.insert("prompt".to_owned(), json!(text));
            }
        }
        body
    }

    /// Adds a reply and what the user says to it.
    fn continue_with(&mut self, reply: &str, turn: &str, plain: Option<&PlainTurns>) -> Result<(), Fault> {
        match self {
            Self::Conversation { messages, assistant_prefix } => {
                let answer = std::mem::take(assistant_prefix) + reply;
                messages.push(Message::new(Role::Assistant, answer));
                messages.push(Message::new(Role::User, turn));
            }
            Self::Text(text) => {
                let plain = plain.ok_or_else(|| {
                    Fault::request("the conversation does not say how its turns are joined as plain text")
                })?;
                for part in [reply, &plain.after_reply, turn, &plain.after_user] {
                    text.push_str(part);
                }
            }
        }
        Ok(())
    }
}

impl Asker<'_> {
    pub fn asked(&self, prompt: &Prompt) -> Result<Asked, Fault> {
        Ok(Asked::new(prompt, self.endpoint.settings.api, self.endpoint.transport.base())?)
    }

    /// Answers `Generate`.
    pub fn generate(&self, prompt: &Prompt, decoding: &Decoding) -> Result<Response, Fault> {
        self.generation(&self.asked(prompt)?, decoding).map(Response::Generated)
    }

    /// Answers `Dialogue`.
    pub fn dialogue(
        &self,
        prompt: &Prompt,
        turns: &[String],
        plain: Option<&PlainTurns>,
        decoding: &Decoding,
    ) -> Result<Response, Fault> {
        let mut asked = self.asked(prompt)?;
        let mut replies = vec![self.generation(&asked, decoding)?];
        for turn in turns {
            let said = replies.last().map(|reply| reply.text.as_str()).unwrap_or_default();
            asked.continue_with(said, turn, plain)?;
            replies.push(self.generation(&asked, decoding).map_err(|fault| match fault {
                Fault::Request { reason } => Fault::request(format!("turn {}: {reason}", replies.len() + 1)),
                other => other,
            })?);
        }
        Ok(Response::Dialogue { replies })
    }

    fn generation(&self, asked: &Asked, decoding: &Decoding) -> Result<Generation, Fault> {
        let body = asked.body(&self.endpoint.settings.model);
        self.decoded(asked, body, decoding, &|answer| wire::generation(answer, decoding))
    }

    /// Posts with decoding settings. Some models of chat servers take the token limit under its newer name only.
    pub fn decoded<T>(
        &self,
        asked: &Asked,
        body: Map<String, Value>,
        decoding: &Decoding,
        read: &dyn Fn(&Value) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        const NEWER: &str = "max_completion_tokens";
        let newer = &self.endpoint.newer_limit_name;
        let post = |name: &str| {
            let mut body = body.clone();
            wire::set_decoding(&mut body, decoding, name)?;
            self.post(asked.path(), &body, read)
        };
        let is_chat = matches!(asked, Asked::Conversation { .. });
        if is_chat && newer.load(Ordering::Relaxed) {
            return post(NEWER);
        }
        match post("max_tokens") {
            Err(Fault::Request { reason }) if is_chat && reason.contains(NEWER) => {
                newer.store(true, Ordering::Relaxed);
                post(NEWER)
            }
            outcome => outcome,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn chat(assistant_prefix: &str) -> Prompt {
        Prompt::Chat {
            messages: vec![Message::new(Role::User, "one")],
            assistant_prefix: assistant_prefix.to_owned(),
        }
    }

    #[test]
    fn a_conversation_goes_on_behind_its_own_replies() {
        let mut asked = Asked::new(&chat("Well, "), Api::Auto, "").unwrap();
        asked.continue_with("yes.", "two", None).unwrap();
        let turns = [(Role::User, "one"), (Role::Assistant, "Well, yes."), (Role::User, "two")];
        let messages = turns.map(|(role, text)| Message::new(role, text)).to_vec();
        assert_eq!(asked, Asked::Conversation { messages, assistant_prefix: String::new() });

        let plain = PlainTurns { after_user: "\nA:".to_owned(), after_reply: "\nQ: ".to_owned() };
        let mut asked = Asked::new(&Prompt::Text("Q: one\nA:".to_owned()), Api::Auto, "").unwrap();
        asked.continue_with(" yes", "two", Some(&plain)).unwrap();
        assert_eq!(asked, Asked::Text("Q: one\nA: yes\nQ: two\nA:".to_owned()));
        assert!(asked.continue_with("", "three", None).is_err());
    }

    #[test]
    fn a_conversation_is_never_flattened_and_a_text_may_be_one_turn() {
        let error = Asked::new(&chat(""), Api::Completions, "http://host/v1").unwrap_err().to_string();
        assert!(error.contains("--endpoint_api auto"), "{error}");
        let asked = Asked::new(&Prompt::Text("t".to_owned()), Api::Chat, "").unwrap();
        assert_eq!(asked.path(), CHAT);
        assert_eq!(Asked::new(&Prompt::Text("t".to_owned()), Api::Auto, "").unwrap().path(), COMPLETIONS);
    }
}
