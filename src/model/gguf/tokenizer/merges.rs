//! Which pairs of pieces become one, in order of precedence.

use super::Metadata;
use super::error::GgufTokenizerError;
use super::vocabulary::{TokenKind, Vocabulary};

const MERGES: &str = "tokenizer.ggml.merges";
const SCORES: &str = "tokenizer.ggml.scores";

/// Work that deriving merges may take, in bytes that are looked at: far above any real vocabulary, below a minute.
const WORK_LIMIT_BYTES: usize = 1 << 34;

/// Merges that a vocabulary may give, and bytes of the tokens that they make: far above any real vocabulary.
const MERGE_LIMIT: usize = 1 << 22;
const MERGED_LIMIT_BYTES: usize = 1 << 28;

/// Pairs of pieces, first the one that is joined first.
pub(super) type Merges = Vec<(String, String)>;

/// Reads `tokenizer.ggml.merges`, one `left right` an entry. Both parts and what they make must be tokens.
pub(super) fn read(metadata: &Metadata, vocabulary: &Vocabulary) -> Result<Option<Merges>, GgufTokenizerError> {
    let Some(lines) = metadata.texts(MERGES)? else { return Ok(None) };
    let merge = |(number, line): (usize, &str)| {
        let invalid =
            |message: String| GgufTokenizerError::invalid(metadata, MERGES, format!("entry {number}: {message}"));
        // The first character belongs to the left part, even if it is a space.
        let space = line.char_indices().skip(1).find(|(_, letter)| *letter == ' ').map(|(at, _)| at);
        let (left, right) = space
            .and_then(|at| Some((line.get(..at)?, line.get(at + 1..)?)))
            .filter(|(_, right)| !right.is_empty())
            .ok_or_else(|| invalid(format!("{line:?} is not two pieces with a space between")))?;
        let whole = [left, right].concat();
        let absent = [left, right, &whole].into_iter().find(|piece| vocabulary.id(piece).is_none());
        match absent {
            Some(piece) => Err(invalid(format!("{piece:?} is no token"))),
            None => Ok((left.to_owned(), right.to_owned())),
        }
    };
    lines.into_iter().enumerate().map(merge).collect::<Result<_, _>>().map(Some)
}

/// Merges of a `SentencePiece` vocabulary, which has scores instead: every way to put a token together from two others,
/// highest score first; of one score the longer left part first, then the longer right part, then by ids.
///
/// Source: `generate_merges` of transformers, with which the published `tokenizer.json` files of these models are made.
/// Deviation from `SentencePiece`: where overlapping pairs make the same token, it joins the leftmost, this the one that
/// comes first in the order above.
pub(super) fn from_scores(metadata: &Metadata, vocabulary: &Vocabulary) -> Result<Merges, GgufTokenizerError> {
    let scores = scores(metadata, vocabulary)?;
    let mut work_bytes = 0_usize;
    let mut merged_bytes = 0_usize;
    let mut found = Vec::new();
    for ((id, text, _), score) in vocabulary.iter().zip(&scores).filter(|((_, _, kind), _)| joins(*kind)) {
        work_bytes = work_bytes.saturating_add(text.len().saturating_mul(text.len()));
        if work_bytes > WORK_LIMIT_BYTES || found.len() > MERGE_LIMIT || merged_bytes > MERGED_LIMIT_BYTES {
            let message = format!("tokens up to {id} are longer than any vocabulary's");
            return Err(GgufTokenizerError::invalid(metadata, super::vocabulary::TOKENS, message));
        }
        let letters = text.chars().count();
        let first = found.len();
        for (left_letters, (at, _)) in text.char_indices().enumerate().skip(1) {
            let (left, right) = text.split_at(at);
            if let (Some(left), Some(right)) = (part(vocabulary, left), part(vocabulary, right)) {
                found.push(Candidate { score: *score, left_letters, letters, left, right });
            }
        }
        merged_bytes = merged_bytes.saturating_add((found.len() - first).saturating_mul(text.len()));
        if let Some(own) = found.get_mut(first..) {
            own.sort_by_key(|one| (one.left, one.right));
        }
    }
    let equal = found.iter().zip(found.iter().skip(1)).all(|(one, next)| one.score.to_bits() == next.score.to_bits());
    if found.len() > 1 && equal {
        let message = "all scores are equal, so the order of merges is lost";
        return Err(GgufTokenizerError::invalid(metadata, SCORES, message));
    }
    // Of one length, the longer left part has the shorter right part; the third key decides between tokens.
    found.sort_by(|one, other| {
        let key = |it: &Candidate| (it.left_letters, it.letters - it.left_letters);
        other.score.total_cmp(&one.score).then_with(|| key(other).cmp(&key(one)))
    });
    let text = |id: u32| vocabulary.text(id).unwrap_or_default().to_owned();
    Ok(found.into_iter().map(|one| (text(one.left), text(one.right))).collect())
}

struct Candidate {
    score: f32,
    left_letters: usize,
    letters: usize,
    left: u32,
    right: u32,
}

/// Whether tokens of a kind are made by merging. The others never come out of a text's letters.
fn joins(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::Normal | TokenKind::UserDefined | TokenKind::Unused)
}

fn part(vocabulary: &Vocabulary, text: &str) -> Option<u32> {
    vocabulary.id(text).filter(|id| vocabulary.kind(*id).is_some_and(joins))
}

fn scores(metadata: &Metadata, vocabulary: &Vocabulary) -> Result<Vec<f32>, GgufTokenizerError> {
    let scores = metadata.numbers(SCORES)?.ok_or_else(|| GgufTokenizerError::missing(metadata, SCORES))?;
    if scores.len() != vocabulary.len() {
        let message = format!("it has {} entries for {} tokens", scores.len(), vocabulary.len());
        return Err(GgufTokenizerError::invalid(metadata, SCORES, message));
    }
    // They are stored in single precision.
    #[allow(clippy::cast_possible_truncation)]
    let scores = scores.into_iter().map(|score| score as f32).collect::<Vec<_>>();
    match scores.iter().position(|score| !score.is_finite()) {
        Some(id) => Err(GgufTokenizerError::invalid(metadata, SCORES, format!("token {id} has no finite score"))),
        None => Ok(scores),
    }
}
