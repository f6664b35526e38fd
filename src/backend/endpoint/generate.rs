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

/// The token limit's name, and the one that some models of chat servers want instead.
pub(super) const LIMIT: &str = "max_tokens";
pub(super) const NEWER_LIMIT: &str = "max_completion_tokens";

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
            (Prompt::Chat { .. }, Api::Completions) => Err(EndpointError::ConversationAsText { url: base.to_owned() }),
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
}

/// A plain text as one turn of the user.
fn as_conversation(prompt: &Prompt) -> Prompt {
    match prompt {
        Prompt::Chat { .. } => prompt.clone(),
        Prompt::Text(text) => {
            Prompt::Chat { messages: vec![Message::new(Role::User, text)], assistant_prefix: String::new() }
        }
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
        let mut prompt = match self.endpoint.settings.api {
            Api::Chat => as_conversation(prompt),
            Api::Auto | Api::Completions => prompt.clone(),
        };
        let mut replies = vec![self.generation(&self.asked(&prompt)?, decoding)?];
        for turn in turns {
            let said = replies.last().map(|reply| reply.text.as_str()).unwrap_or_default();
            prompt = prompt.continued(said, turn, plain);
            replies.push(self.generation(&self.asked(&prompt)?, decoding).map_err(|fault| match fault {
                Fault::Request { reason } => Fault::request(format!("turn {}: {reason}", replies.len() + 1)),
                other => other,
            })?);
        }
        Ok(Response::Dialogue { replies })
    }

    fn generation(&self, asked: &Asked, decoding: &Decoding) -> Result<Generation, Fault> {
        let body = asked.body(&self.endpoint.settings.model);
        self.decoded(asked, &body, decoding, &|answer| wire::generation(answer, decoding))
    }

    /// Posts with decoding settings. Some models of chat servers take the token limit under its newer name only.
    pub fn decoded<T>(
        &self,
        asked: &Asked,
        body: &Map<String, Value>,
        decoding: &Decoding,
        read: &dyn Fn(&Value) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let newer = &self.endpoint.newer_limit_name;
        let post = |name: &str| {
            let mut body = body.clone();
            wire::set_decoding(&mut body, decoding, name)?;
            self.post(asked.path(), &body, read)
        };
        let is_chat = matches!(asked, Asked::Conversation { .. });
        if is_chat && newer.load(Ordering::Relaxed) {
            return post(NEWER_LIMIT);
        }
        match post(LIMIT) {
            Err(Fault::Request { reason }) if is_chat && reason.contains(NEWER_LIMIT) => {
                newer.store(true, Ordering::Relaxed);
                post(NEWER_LIMIT)
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
        Prompt::Chat { messages: vec![Message::new(Role::User, "one")], assistant_prefix: assistant_prefix.to_owned() }
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
