//! NLTK's English sentence and word tokenizers.

mod punkt;
mod regexp;
mod token;
mod treebank;

pub(super) use punkt::sent_tokenize;
pub(super) use regexp::word_runs;
pub(super) use treebank::word_tokenize;
