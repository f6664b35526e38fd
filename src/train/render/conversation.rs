//! Where the answers are in what a chat template writes.

use super::Renderer;
use super::error::RenderError;
use super::marked::MarkedText;
use crate::chat::{Message, Role};
use crate::model::chat_template::{ChatOptions, ChatTemplate};

/// Written in place of an answer to see what a template puts behind one.
const STAND_IN: &str = "an answer in its place";

/// Where an answer ends.
struct AnswerEnd<'t> {
    /// Text of answer and end mark, as the template writes the turn when it is the last.
    text: &'t str,
    /// The end mark alone; empty where the template writes none.
    mark: &'t str,
}

impl Renderer<'_> {
    /// The text of a conversation with its answers marked.
    ///
    /// An answer begins where the template, given only the turns before it, ends with the opening of the assistant's turn:
    /// that text must be the beginning of the whole. If only the opening differs (some templates open a reasoning block
    /// that finished turns lack), the answer begins where the two texts part. It ends behind the end mark; white space
    /// behind that belongs to the template.
    pub(super) fn mark(
        &self,
        row: usize,
        template: &ChatTemplate,
        turns: &[Message],
    ) -> Result<MarkedText, RenderError> {
        let write = |turns: &[Message], open: bool| {
            let options = ChatOptions { add_generation_prompt: open, date: self.settings.date };
            template.render(turns, options).map_err(|error| RenderError::template(row, error))
        };
        let whole = write(turns, false)?;
        let mut marked = MarkedText::from(whole.clone());
        let said = turns.iter().enumerate().filter(|(_, turn)| turn.role == Role::Assistant);
        for ((place, turn), answer) in said.zip(1..) {
            let rewritten = || RenderError::Rewritten { row, answer };
            let (before, through) = (turns.get(..place).unwrap_or_default(), turns.get(..=place).unwrap_or_default());
            let opening = write(before, true)?;
            let start = common_start(&whole, &opening);
            // Another opening will do, other turns before it will not.
            if start < opening.len() && start < write(before, false)?.len() {
                return Err(rewritten());
            }
            if marked.last_answer().is_some_and(|last| start < last.end) {
                return Err(rewritten());
            }
            let last = if through.len() == turns.len() { whole.clone() } else { write(through, false)? };
            let same_head = last.get(..start).is_some_and(|head| whole.starts_with(head));
            let tail = last.get(start..).filter(|_| same_head).ok_or_else(rewritten)?;
            let end = if let Some(end) = self.end_behind(tail, &turn.content) {
                end
            } else {
                // The template writes more than the answer: a stand-in shows what comes behind it.
                let stand_in = Message::new(Role::Assistant, STAND_IN);
                let shown = write(&[before, &[stand_in]].concat(), false)?;
                let behind = shown.rfind(STAND_IN).and_then(|at| shown.get(at + STAND_IN.len()..));
                self.end_before(tail, behind.unwrap_or_default())
            };
            let rest = whole.get(start..).unwrap_or_default();
            let length = if rest.starts_with(end.text) {
                end.text.len()
            } else {
                length_within(rest, &[turn.content.trim(), end.mark].concat(), end.mark).ok_or_else(rewritten)?
            };
            marked.mark(start..start + length);
        }
        self.close_last_answer(turns, &mut marked);
        Ok(marked)
    }

    /// The end of an answer in a text that begins with it, if it does.
    fn end_behind<'t>(&self, tail: &'t str, answer: &str) -> Option<AnswerEnd<'t>> {
        let answer = answer.trim();
        let lead = tail.len() - tail.trim_start().len();
        let rest = tail.get(lead..)?.strip_prefix(answer)?;
        let behind = lead + answer.len();
        let mark = rest.get(..self.mark_length(rest))?;
        Some(AnswerEnd { text: tail.get(..behind + mark.len())?, mark })
    }

    /// The end of an answer in a text that ends with `behind`, or, if it does not, with white space.
    fn end_before<'t>(&self, tail: &'t str, behind: &str) -> AnswerEnd<'t> {
        let stem = tail.strip_suffix(behind).map_or(tail.trim_end().len(), str::len);
        let rest = tail.get(stem..).unwrap_or_default();
        let mark = rest.get(..self.mark_length(rest)).unwrap_or_default();
        AnswerEnd { text: tail.get(..stem + mark.len()).unwrap_or(tail), mark }
    }

    /// Length of the end mark in what follows an answer: through the first end token of the model, else all but the white
    /// space at the end.
    fn mark_length(&self, rest: &str) -> usize {
        let ends = self.end_texts.iter().filter_map(|end| rest.find(end.as_str()).map(|at| at + end.len()));
        ends.min().unwrap_or_else(|| rest.trim_end().len())
    }

    /// Adds the end token where the conversation ends with an answer that ends with no end token of the model.
    fn close_last_answer(&self, turns: &[Message], marked: &mut MarkedText) {
        let Some(last) = marked.last_answer() else { return };
        let text = marked.text().get(last).unwrap_or_default();
        let ended = self.end_texts.iter().any(|end| text.ends_with(end.as_str()));
        if !ended && turns.last().is_some_and(|turn| turn.role == Role::Assistant) {
            marked.end_last_answer(self.end_text());
        }
    }
}

/// Length of what two texts have in common at the start, in whole characters.
fn common_start(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
}

/// Where an answer with its mark ends in a text that should begin with it. Behind other text (an empty reasoning block,
/// say) only an answer with a mark can be told.
fn length_within(rest: &str, sought: &str, mark: &str) -> Option<usize> {
    let lead = rest.len() - rest.trim_start().len();
    let at =
        if rest.get(lead..)?.starts_with(sought) { lead } else { rest.find(sought).filter(|_| !mark.is_empty())? };
    Some(at + sought.len())
}
