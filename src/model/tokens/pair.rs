//! Prompts and (context, continuation) pairs as token ids, split the way lm-evaluation-harness splits them.

use super::{TextTokenizer, TokenizerError};
use crate::scoring::is_space;

/// Where a prompt's special tokens come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Specials {
    /// Plain text: the tokenizer adds its own.
    Added,
    /// A rendered chat template: they are spelled out in the text already.
    AsWritten,
}

/// A prompt and what is scored after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenPair {
    /// Ids that are given; never empty.
    pub context: Vec<u32>,
    /// Ids whose log-probabilities are asked for.
    pub continuation: Vec<u32>,
}

impl TextTokenizer {
    /// Token ids of a prompt. A beginning token that the text already spells out is not added a second time.
    pub fn encode_prompt(&self, text: &str, specials: Specials) -> Result<Vec<u32>, TokenizerError> {
        let add_special = specials == Specials::Added && !self.starts_with_prefix_token(text);
        self.encode(text, add_special)
    }

    /// Ids of a context and of the continuation to be scored after it.
    ///
    /// White space at the end of the context moves to the continuation, and the continuation is what the joint
    /// encoding has beyond the length of the context's own encoding, so that no token spans the joint where the model
    /// would never see it. An empty context becomes the prefix token (bos, else eos), unless the continuation spells
    /// it out.
    ///
    /// Source: `HFLM._encode_pair`, `TemplateLM.loglikelihood` and `has_bos_prefix` of lm-evaluation-harness 0.4.
    /// Deviation: a context of white space only, with a tokenizer that adds nothing, is empty there and an assertion
    /// fails; here it becomes the prefix token.
    pub fn split_pair(
        &self,
        context: &str,
        continuation: &str,
        specials: Specials,
    ) -> Result<TokenPair, TokenizerError> {
        if context.is_empty() {
            let ids = self.encode(continuation, false)?;
            return self.after_prefix_token(ids);
        }
        let stem = context.trim_end_matches(is_space);
        let context_ids = self.encode_prompt(stem, specials)?;
        let mut joint_ids = self.encode_prompt(&[context, continuation].concat(), specials)?;
        let continuation_ids = joint_ids.split_off(context_ids.len().min(joint_ids.len()));
        if context_ids.is_empty() {
            return self.after_prefix_token(continuation_ids);
        }
        Ok(TokenPair { context: context_ids, continuation: continuation_ids })
    }

    fn after_prefix_token(&self, mut ids: Vec<u32>) -> Result<TokenPair, TokenizerError> {
        let prefix = self.prefix_id().ok_or_else(|| TokenizerError::NoPrefixToken { file: self.file.clone() })?;
        if ids.first() == Some(&prefix) {
            ids.remove(0);
        }
        Ok(TokenPair { context: vec![prefix], continuation: ids })
    }

    fn starts_with_prefix_token(&self, text: &str) -> bool {
        let spelled = self.named.bos.as_deref().or(self.named.eos.as_deref());
        spelled.is_some_and(|token| !token.is_empty() && text.starts_with(token))
    }
}
