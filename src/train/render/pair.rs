//! Preferences: two answers to one prompt.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::error::RenderError;
use super::length::{Truncation, beginning};
use super::marked::MarkedText;
use super::{DropReason, PromptFormat, Renderer};
use crate::chat::{Message, Role};
use crate::instruction::{PreferencePrompt, PreferenceRow, TokenRole, TokenizedExample};
use crate::model::tokens::Specials;

/// Two examples with the same prompt tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenizedPair {
    /// With the preferred answer.
    pub chosen: TokenizedExample,
    /// With the other one.
    pub rejected: TokenizedExample,
}

/// A preference as the model will see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RenderedPair {
    /// All of it.
    Whole(TokenizedPair),
    /// At least one answer, or the prompt of both, is cut.
    Cut(TokenizedPair),
    /// Nothing.
    Dropped(DropReason),
}

/// Pairs of a file, in the order of its rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RenderedPairs {
    /// The pairs.
    pub pairs: Vec<TokenizedPair>,
    /// The number of the row that each comes from.
    pub rows: Vec<usize>,
    /// How many of them were cut.
    pub cut: usize,
    /// Rows that gave none.
    pub dropped: BTreeMap<DropReason, usize>,
}

impl Renderer<'_> {
    /// One preference. The prompt is rendered once, so that both examples begin with the same tokens; each answer ends
    /// with its end mark, and what a template writes behind that is left out. Lengths: see [`Truncation`]; under `left`
    /// the prompt of both is cut as far as the longer answer needs.
    ///
    /// # Errors
    /// A row that the template or the format does not take, named by its number.
    pub fn render_pair(&self, row: &PreferenceRow) -> Result<RenderedPair, RenderError> {
        let specials = if self.template().is_some() { Specials::AsWritten } else { Specials::Added };
        let chosen = self.mark_answer(row, &row.chosen)?;
        let rejected = self.mark_answer(row, &row.rejected)?;
        let (prompt, chosen_answer) = divided(row, &chosen)?;
        let (other_prompt, rejected_answer) = divided(row, &rejected)?;
        if prompt != other_prompt {
            return Err(RenderError::Rewritten { row: row.number, answer: 1 });
        }
        let prompt = self.tokenize(&MarkedText::from(prompt.to_owned()), specials)?;
        let continued = |whole: &MarkedText, answer: &str| {
            let joint = self.tokenize(whole, specials)?.ids;
            let ids = match joint.strip_prefix(prompt.ids.as_slice()) {
                Some(ids) => ids.to_vec(),
                // A token would straddle the border: encoded apart, the prompts stay the same.
                None => self.tokenizer.encode(answer, false)?,
            };
            Ok::<_, RenderError>(with_answer(&prompt, &ids))
        };
        let pair = TokenizedPair {
            chosen: continued(&chosen, chosen_answer)?,
            rejected: continued(&rejected, rejected_answer)?,
        };
        Ok(fit(pair, prompt.ids.len(), self.settings.max_tokens, self.settings.truncation))
    }

    /// All preferences of a file, on all threads; the result does not depend on their number.
    ///
    /// # Errors
    /// Those of [`Self::render_pair`], of the first row that has one.
    pub fn render_pairs(&self, rows: &[PreferenceRow]) -> Result<RenderedPairs, RenderError> {
        let rendered: Vec<_> = rows.par_iter().map(|row| self.render_pair(row)).collect();
        let mut result = RenderedPairs::default();
        for (row, rendered) in rows.iter().zip(rendered) {
            let pair = match rendered? {
                RenderedPair::Whole(pair) => pair,
                RenderedPair::Cut(pair) => {
                    result.cut += 1;
                    pair
                }
                RenderedPair::Dropped(reason) => {
                    *result.dropped.entry(reason).or_default() += 1;
                    continue;
                }
            };
            result.pairs.push(pair);
            result.rows.push(row.number);
        }
        Ok(result)
    }

    /// Prompt and answer as one text that ends with the answer's end mark.
    fn mark_answer(&self, row: &PreferenceRow, answer: &str) -> Result<MarkedText, RenderError> {
        let mut marked = if let Some(template) = self.template() {
            let mut turns = match &row.prompt {
                PreferencePrompt::Text(text) => vec![Message::new(Role::User, text.as_str())],
                PreferencePrompt::Conversation(turns) => turns.clone(),
            };
            turns.push(Message::new(Role::Assistant, answer));
            self.mark(row.number, template, &turns)?
        } else {
            let prompt = match &row.prompt {
                PreferencePrompt::Text(text) => text,
                PreferencePrompt::Conversation(turns) => match turns.as_slice() {
                    [turn] if turn.role == Role::User => &turn.content,
                    _ => return Err(RenderError::NotOneTurn { row: row.number, format: self.settings.format }),
                },
            };
            let mut marked = MarkedText::default();
            if self.settings.format == PromptFormat::Wit {
                marked.push(prompt.strip_suffix(' ').unwrap_or(prompt), TokenRole::Prompt);
                marked.push(&format!(" {}", self.ended(answer)), TokenRole::Response);
            } else {
                marked.push(prompt, TokenRole::Prompt);
                marked.push(&self.ended(answer), TokenRole::Response);
            }
            marked
        };
        marked.end_last_answer("");
        Ok(marked)
    }
}

/// What stands before the last answer, and the answer.
fn divided<'t>(row: &PreferenceRow, marked: &'t MarkedText) -> Result<(&'t str, &'t str), RenderError> {
    let parts = marked.last_answer().and_then(|answer| marked.text().split_at_checked(answer.start));
    parts.ok_or(RenderError::Rewritten { row: row.number, answer: 1 })
}

fn with_answer(prompt: &TokenizedExample, answer: &[u32]) -> TokenizedExample {
    let mut example = prompt.clone();
    example.ids.extend_from_slice(answer);
    example.roles.resize(example.ids.len(), TokenRole::Response);
    example
}

/// A pair of at most `max_tokens` a side.
fn fit(mut pair: TokenizedPair, prompt_tokens: usize, max_tokens: usize, truncation: Truncation) -> RenderedPair {
    let longest = pair.chosen.ids.len().max(pair.rejected.ids.len());
    let excess = longest.saturating_sub(max_tokens);
    let kept = beginning(&pair.chosen);
    let cut = match truncation {
        Truncation::Left => excess.min(prompt_tokens.saturating_sub(kept)),
        Truncation::Right => 0,
    };
    for example in [&mut pair.chosen, &mut pair.rejected] {
        example.ids.drain(kept..kept + cut);
        example.roles.drain(kept..kept + cut);
        example.ids.truncate(max_tokens);
        example.roles.truncate(max_tokens);
    }
    let answered = |example: &TokenizedExample| example.predicted(TokenRole::Response) > 0;
    if !answered(&pair.chosen) || !answered(&pair.rejected) {
        RenderedPair::Dropped(DropReason::AnswerCutOff)
    } else if excess > 0 {
        RenderedPair::Cut(pair)
    } else {
        RenderedPair::Whole(pair)
    }
}
