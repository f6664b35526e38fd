//! Token ids with the places of the text that they stand for.

use super::{Specials, TextTokenizer, TokenizerError, contained};

/// A token of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenSpan {
    /// Its id.
    pub id: u32,
    /// Offset in the text of its first byte.
    pub start: usize,
    /// Offset behind its last byte; `start` where it stands for no text.
    pub end: usize,
    /// Whether the tokenizer added it by itself: it stands for no text.
    pub added: bool,
}

impl TextTokenizer {
    /// Tokens of a text with their places, the ids as [`TextTokenizer::encode_prompt`] gives them.
    ///
    /// The spans cover the text: where a tokenizer leaves white space before a token out of its place, it is put back, so
    /// that a token reaches from the end of the one before it. Tokens that are bytes of one character share its place.
    pub fn encode_spans(&self, text: &str, specials: Specials) -> Result<Vec<TokenSpan>, TokenizerError> {
        let beginning = self.named.bos.as_deref().or(self.named.eos.as_deref()).filter(|token| !token.is_empty());
        let spelled_out = beginning.is_some_and(|token| text.starts_with(token));
        let add_special = specials == Specials::Added && !spelled_out;
        let encoding =
            contained(|| self.tokenizer.encode(text, add_special)).map_err(|message| TokenizerError::Encode {
                file: self.file.clone(),
                bytes: text.len(),
                start: text.chars().take(40).collect(),
                message,
            })?;
        let marks = encoding.get_special_tokens_mask().iter().copied().chain(std::iter::repeat(0));
        let mut reached = 0;
        let tokens = encoding.get_ids().iter().zip(encoding.get_offsets()).zip(marks);
        Ok(tokens
            .map(|((&id, &(start, end)), mark)| {
                if mark != 0 {
                    return TokenSpan { id, start: reached, end: reached, added: true };
                }
                let start = start.min(reached);
                let end = end.max(start);
                reached = reached.max(end);
                TokenSpan { id, start, end, added: false }
            })
            .collect())
    }
}
