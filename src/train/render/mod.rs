//! Rows of training data as token ids with a role for each, made together so that the two cannot go out of step.
//!
//! The rules, with examples, are in `docs/training-data.md`:
//!
//! - The beginning token is [`TokenRole::Special`](crate::instruction::TokenRole).
//! - An answer and the mark that ends it are `Response`, in every turn of the assistant; all else is `Prompt`: questions,
//!   the marks of a template before an answer, and what it writes after the end mark.
//! - A token that straddles the border between the two is `Response` if it holds any of the answer.
//! - Where the template ends the last answer with no end token of the model, the end token is added.

mod builtin;
mod conversation;
mod error;
mod format;
mod length;
mod marked;
mod pair;

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::chat::{Message, Role};
use crate::data::instruct::joined_instruction;
use crate::instruction::{InstructionBody, InstructionRow, TokenRole, TokenizedExample};
use crate::model::chat_template::{ChatTemplate, Date};
use crate::model::tokens::{Specials, TextTokenizer};

pub use error::RenderError;
pub use format::{PromptFormat, UnknownPromptFormat};
pub use length::Truncation;
use marked::MarkedText;
pub use pair::{RenderedPair, RenderedPairs, TokenizedPair};

/// Stands for the end token in the responses of the authors' data.
const END_PLACEHOLDER: &str = "###eos_token###";

/// What the caller decides about a rendering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderSettings {
    /// How a row becomes one text.
    pub format: PromptFormat,
    /// Longest example, the beginning token included.
    pub max_tokens: usize,
    /// What of a longer one is cut.
    pub truncation: Truncation,
    /// Tokens at which generation stops, besides the tokenizer's own end token.
    pub end_ids: Vec<u32>,
    /// The day that a template prints, if it asks for one.
    pub date: Option<Date>,
}

/// Why a row gives no example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// Cut to the longest length, it has no token of an answer left.
    AnswerCutOff,
}

impl DropReason {
    /// For people.
    pub fn description(self) -> &'static str {
        match self {
            Self::AnswerCutOff => "no token of the answer within the longest length",
        }
    }
}

/// A row as the model will see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rendered {
    /// All of it.
    Whole(TokenizedExample),
    /// Cut to the longest length.
    Cut(TokenizedExample),
    /// Nothing.
    Dropped(DropReason),
}

/// Examples of a file, in the order of its rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RenderedRows {
    /// The examples.
    pub examples: Vec<TokenizedExample>,
    /// The number of the row that each comes from.
    pub rows: Vec<usize>,
    /// How many of them were cut.
    pub cut: usize,
    /// Rows that gave none.
    pub dropped: BTreeMap<DropReason, usize>,
}

/// Makes examples of rows.
#[derive(Debug)]
pub struct Renderer<'a> {
    tokenizer: &'a TextTokenizer,
    template: Option<TemplateInUse<'a>>,
    settings: RenderSettings,
    /// Texts of the tokens at which generation stops; the tokenizer's own first.
    end_texts: Vec<String>,
}

#[derive(Debug)]
enum TemplateInUse<'a> {
    Given(&'a ChatTemplate),
    BuiltIn(Box<ChatTemplate>),
}

impl<'a> Renderer<'a> {
    /// A renderer for a tokenizer; `template` is the checkpoint's own, used by [`PromptFormat::Chat`] only.
    ///
    /// # Errors
    /// [`RenderError::NoTemplate`] for `chat` without a template, [`RenderError::NoEndToken`] where nothing can end an
    /// answer, [`RenderError::MaximumTooSmall`].
    pub fn new(
        tokenizer: &'a TextTokenizer,
        template: Option<&'a ChatTemplate>,
        settings: RenderSettings,
    ) -> Result<Self, RenderError> {
        if settings.max_tokens < 2 {
            return Err(RenderError::MaximumTooSmall { max_tokens: settings.max_tokens });
        }
        let template = match settings.format {
            PromptFormat::Chat => Some(TemplateInUse::Given(template.ok_or(RenderError::NoTemplate)?)),
            PromptFormat::Wit | PromptFormat::Plain => None,
            format => match format.chat_template(adds_beginning_token(tokenizer)?) {
                Some(source) => {
                    let built = ChatTemplate::new(format.name(), &source, tokenizer.named_tokens());
                    Some(TemplateInUse::BuiltIn(Box::new(built.map_err(|error| RenderError::template(0, error))?)))
                }
                None => None,
            },
        };
        let own = tokenizer.named_tokens().eos.clone();
        let ids = tokenizer.eos_id().into_iter().chain(settings.end_ids.iter().copied());
        let texts = own.into_iter().chain(ids.filter_map(|id| tokenizer.token(id)));
        let mut end_texts: Vec<String> = Vec::new();
        for text in texts.filter(|text| !text.is_empty()) {
            if !end_texts.contains(&text) {
                end_texts.push(text);
            }
        }
        if end_texts.is_empty() {
            return Err(RenderError::NoEndToken);
        }
        Ok(Self { tokenizer, template, settings, end_texts })
    }

    /// The settings.
    pub fn settings(&self) -> &RenderSettings {
        &self.settings
    }

    /// One row.
    ///
    /// # Errors
    /// A row that the template or the format does not take, named by its number.
    pub fn render(&self, row: &InstructionRow) -> Result<Rendered, RenderError> {
        let example = match self.template() {
            Some(template) => self.through_template(row, template)?,
            None => self.as_prompt_and_response(row)?,
        };
        Ok(length::fit(example, self.settings.max_tokens, self.settings.truncation))
    }

    /// All rows of a file, on all threads; the result does not depend on their number.
    ///
    /// # Errors
    /// Those of [`Self::render`], of the first row that has one.
    pub fn render_all(&self, rows: &[InstructionRow]) -> Result<RenderedRows, RenderError> {
        let rendered: Vec<_> = rows.par_iter().map(|row| self.render(row)).collect();
        let mut result = RenderedRows::default();
        for (row, rendered) in rows.iter().zip(rendered) {
            let example = match rendered? {
                Rendered::Whole(example) => example,
                Rendered::Cut(example) => {
                    result.cut += 1;
                    example
                }
                Rendered::Dropped(reason) => {
                    *result.dropped.entry(reason).or_default() += 1;
                    continue;
                }
            };
            result.examples.push(example);
            result.rows.push(row.number);
        }
        Ok(result)
    }

    fn template(&self) -> Option<&ChatTemplate> {
        match &self.template {
            Some(TemplateInUse::Given(template)) => Some(template),
            Some(TemplateInUse::BuiltIn(template)) => Some(template),
            None => None,
        }
    }

    /// The text that ends an answer; [`Self::new`] made sure that there is one.
    fn end_text(&self) -> &str {
        self.end_texts.first().map_or("", String::as_str)
    }

    fn through_template(&self, row: &InstructionRow, template: &ChatTemplate) -> Result<TokenizedExample, RenderError> {
        let turns = match &row.body {
            InstructionBody::Conversation(turns) => turns.clone(),
            InstructionBody::Text { prompt, response } => exchange(prompt, response),
            InstructionBody::Instruction { instruction, input: Some(input), output }
                if self.settings.format == PromptFormat::Alpaca =>
            {
                builtin::alpaca_with_input(instruction, input, output)
            }
            InstructionBody::Instruction { instruction, input, output } => {
                exchange(&joined_instruction(instruction, input.as_deref()), output)
            }
        };
        let marked = self.mark(row.number, template, &turns)?;
        self.tokenize(&marked, Specials::AsWritten)
    }

    /// Formats without turns: a prompt, an answer, the end token.
    fn as_prompt_and_response(&self, row: &InstructionRow) -> Result<TokenizedExample, RenderError> {
        let (prompt, response) = match &row.body {
            InstructionBody::Text { prompt, response } => (prompt.clone(), response),
            InstructionBody::Instruction { instruction, input, output } => {
                (joined_instruction(instruction, input.as_deref()), output)
            }
            InstructionBody::Conversation(turns) => match turns.as_slice() {
                [asked, said] if asked.role == Role::User && said.role == Role::Assistant => {
                    (asked.content.clone(), &said.content)
                }
                _ => return Err(RenderError::NotOneTurn { row: row.number, format: self.settings.format }),
            },
        };
        if self.settings.format == PromptFormat::Wit {
            return self.as_the_authors(&prompt, response);
        }
        let mut marked = MarkedText::default();
        marked.push(&prompt, TokenRole::Prompt);
        marked.push(&self.ended(response), TokenRole::Response);
        self.tokenize(&marked, Specials::Added)
    }

    /// The reference trainer's way: one trailing space of the prompt dropped, one space put between, and as many tokens
    /// taken for the prompt as it has when encoded alone.
    fn as_the_authors(&self, prompt: &str, response: &str) -> Result<TokenizedExample, RenderError> {
        let prompt = prompt.strip_suffix(' ').unwrap_or(prompt);
        let text = format!("{prompt} {}", self.ended(response));
        let mut example = self.tokenize(&MarkedText::from(text), Specials::Added)?;
        let prompt_tokens = self.tokenize(&MarkedText::from(prompt.to_owned()), Specials::Added)?.ids.len();
        for role in example.roles.iter_mut().skip(prompt_tokens) {
            *role = TokenRole::Response;
        }
        Ok(example)
    }

    /// An answer with the end token behind it, once.
    fn ended(&self, response: &str) -> String {
        let mut text = response.replace(END_PLACEHOLDER, self.end_text());
        if !text.ends_with(self.end_text()) {
            text.push_str(self.end_text());
        }
        text
    }

    /// Ids and roles of a marked text. What the tokenizer adds behind a text is left out: the end is the text's own.
    fn tokenize(&self, marked: &MarkedText, specials: Specials) -> Result<TokenizedExample, RenderError> {
        let mut spans = self.tokenizer.encode_spans(marked.text(), specials)?;
        while spans.len() > 1 && spans.last().is_some_and(|span| span.added) {
            spans.pop();
        }
        let beginning = self.tokenizer.bos_id();
        let mut example = TokenizedExample::default();
        for (place, span) in spans.into_iter().enumerate() {
            let begins = span.added || (place == 0 && Some(span.id) == beginning);
            example.ids.push(span.id);
            example.roles.push(if begins { TokenRole::Special } else { marked.role(span.start, span.end) });
        }
        Ok(example)
    }
}

fn exchange(prompt: &str, response: &str) -> Vec<Message> {
    vec![Message::new(Role::User, prompt), Message::new(Role::Assistant, response)]
}

/// Whether a tokenizer begins every text with its beginning token; templates must then write it themselves.
fn adds_beginning_token(tokenizer: &TextTokenizer) -> Result<bool, RenderError> {
    let first = tokenizer.encode("a", true)?.first().copied();
    Ok(first.is_some() && first == tokenizer.bos_id())
}

#[cfg(test)]
mod tests;
