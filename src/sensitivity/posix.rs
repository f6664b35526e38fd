//! POSIX, the prompt sensitivity index from log-probabilities.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::stats::clustered_mean;

use super::Measure;

/// Which published reading of POSIX is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PosixMode {
    /// The paper's definition: one reply under two prompts, per token of the reply.
    Definition,
    /// What the authors' package (0.1) computes: two replies under one prompt, per token of the generation limit.
    Lib,
}

/// Which two log-probabilities are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PosixContrast {
    /// `|log P(y_j | x_i) - log P(y_j | x_j)|`: one reply, two prompts.
    Prompts,
    /// `|log P(y_i | x_j) - log P(y_j | x_j)|`: one prompt, two replies.
    Replies,
}

/// What a difference is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PosixNormalization {
    /// The tokens of reply `y_j`.
    ReplyTokens,
    /// The generation limit.
    MaxNewTokens,
}

impl PosixMode {
    /// What it compares and divides by.
    pub fn reading(self) -> (PosixContrast, PosixNormalization) {
        match self {
            Self::Definition => (PosixContrast::Prompts, PosixNormalization::ReplyTokens),
            Self::Lib => (PosixContrast::Replies, PosixNormalization::MaxNewTokens),
        }
    }

    /// The name that files and options use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Definition => "definition",
            Self::Lib => "lib",
        }
    }
}

/// The sensitivity of one set of prompts with one intent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PromptSetSensitivity {
    /// The index of the set, in nats per token; 0 or more.
    pub value_nats_per_token: f64,
    /// Prompts in the set.
    pub prompts: usize,
    /// Replies without any token: they contribute 0 and make the value smaller.
    pub empty_replies: usize,
}

/// A set of prompts that has no sensitivity.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PosixError {
    /// Nothing to compare.
    #[error("{prompts} prompt(s) in the set: POSIX compares replies between at least two wordings")]
    TooFewPrompts {
        /// Prompts in the set.
        prompts: usize,
    },
    /// The matrix is not prompts by replies.
    #[error("row {row} of the log-probabilities has {found} entries for {prompts} prompts: give one a reply")]
    NotSquare {
        /// The row, from 0.
        row: usize,
        /// Its entries.
        found: usize,
        /// Prompts in the set.
        prompts: usize,
    },
    /// A length is missing.
    #[error("{found} reply lengths for {prompts} prompts: give one a reply")]
    ReplyLengths {
        /// Lengths given.
        found: usize,
        /// Prompts in the set.
        prompts: usize,
    },
    /// A log-probability is NaN, infinite, or above 0.
    #[error("log P(reply {reply} | prompt {prompt}) is not a finite number of at most 0")]
    NotALogProb {
        /// The prompt, from 0.
        prompt: usize,
        /// The reply, from 0.
        reply: usize,
    },
    /// Nothing to divide by.
    #[error("the generation limit is 0 tokens: raise max_new_tokens")]
    NoTokens,
}

/// Rounding that a sum of log-probabilities may carry above 0, in nats.
const ROUNDING_NATS: f64 = 1e-4;

/// POSIX of one set of prompts, in `mode`.
///
/// # Formula
///
/// With `N` prompts `x_i`, replies `y_j` (to `x_j`) of `L_j` tokens, and `M[i][j] = log P(y_j | x_i)` (nats, summed over
/// the reply's tokens):
///
/// `psi = 1/(N(N-1)) · Σ_j Σ_i 1/L_j · |M[i][j] - M[j][j]|` ([`PosixMode::Definition`]).
///
/// `log_probs` is `M`, shape `(prompts, replies)`, and `reply_tokens[j]` is `L_j`, an emitted end token included. An empty
/// reply (`L_j = 0`) contributes 0 and is counted in the result. [`PosixMode::Lib`] computes what the authors' package
/// does instead: `|M[j][i] - M[j][j]| / max_new_tokens`.
///
/// Range 0 (every reply is as likely under every wording) upwards without bound; more means more sensitive. Unit: nats per
/// token. Source: Chatterjee et al., POSIX, Findings of EMNLP 2024 (arXiv 2410.02185), equation 1.
pub fn prompt_set_sensitivity(
    log_probs: &[Vec<f64>],
    reply_tokens: &[usize],
    max_new_tokens: usize,
    mode: PosixMode,
) -> Result<PromptSetSensitivity, PosixError> {
    prompt_set_sensitivity_with(log_probs, reply_tokens, max_new_tokens, mode.reading())
}

/// [`prompt_set_sensitivity`] in any of the four readings.
pub fn prompt_set_sensitivity_with(
    log_probs: &[Vec<f64>],
    reply_tokens: &[usize],
    max_new_tokens: usize,
    (contrast, normalization): (PosixContrast, PosixNormalization),
) -> Result<PromptSetSensitivity, PosixError> {
    let prompts = log_probs.len();
    check(log_probs, reply_tokens)?;
    if normalization == PosixNormalization::MaxNewTokens && max_new_tokens == 0 {
        return Err(PosixError::NoTokens);
    }
    let at =
        |prompt: usize, reply: usize| log_probs.get(prompt).and_then(|row| row.get(reply)).copied().unwrap_or_default();
    let mut sum = 0.0;
    for (j, tokens) in reply_tokens.iter().enumerate() {
        let divisor = match normalization {
            PosixNormalization::ReplyTokens if *tokens == 0 => continue,
            PosixNormalization::ReplyTokens => *tokens as f64,
            PosixNormalization::MaxNewTokens => max_new_tokens as f64,
        };
        let differences = (0..prompts).map(|i| match contrast {
            PosixContrast::Prompts => (at(i, j) - at(j, j)).abs(),
            PosixContrast::Replies => (at(j, i) - at(j, j)).abs(),
        });
        sum += differences.sum::<f64>() / divisor;
    }
    Ok(PromptSetSensitivity {
        value_nats_per_token: sum / (prompts * (prompts - 1)) as f64,
        prompts,
        empty_replies: reply_tokens.iter().filter(|tokens| **tokens == 0).count(),
    })
}

fn check(log_probs: &[Vec<f64>], reply_tokens: &[usize]) -> Result<(), PosixError> {
    let prompts = log_probs.len();
    if let Some((row, cells)) = log_probs.iter().enumerate().find(|(_, cells)| cells.len() != prompts) {
        return Err(PosixError::NotSquare { row, found: cells.len(), prompts });
    }
    if reply_tokens.len() != prompts {
        return Err(PosixError::ReplyLengths { found: reply_tokens.len(), prompts });
    }
    for (prompt, row) in log_probs.iter().enumerate() {
        if let Some(reply) = row.iter().position(|x| !x.is_finite() || *x > ROUNDING_NATS) {
            return Err(PosixError::NotALogProb { prompt, reply });
        }
    }
    if prompts < 2 { Err(PosixError::TooFewPrompts { prompts }) } else { Ok(()) }
}

/// POSIX of a model: the mean of its prompt sets' sensitivities, clustered, with Student's t interval at `level`.
///
/// Undefined without sets. Source: the data-set index of the POSIX paper. See [`prompt_set_sensitivity`].
pub fn posix_index(sets: &[f64], clusters: &[usize], level: f64) -> Measure {
    Measure::from_option(clustered_mean(sets, clusters, level), || {
        "no set of at least two prompts was answered".to_owned()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stderr)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn definition(log_probs: &[Vec<f64>], tokens: &[usize]) -> Result<PromptSetSensitivity, PosixError> {
        prompt_set_sensitivity(log_probs, tokens, 8, PosixMode::Definition)
    }

    /// By hand: reply 0 (2 tokens): |-5 - -1|/2 = 2; reply 1 (4 tokens): |-4 - -2|/4 = 0.5; over N(N-1) = 2.
    #[test]
    fn the_definition_compares_one_reply_under_two_prompts() {
        let matrix = [vec![-1.0, -4.0], vec![-5.0, -2.0]];
        let found = definition(&matrix, &[2, 4]).unwrap();
        assert!((found.value_nats_per_token - 1.25).abs() < 1e-12);
        // The package: |M[0][1] - M[0][0]| = 3 and |M[1][0] - M[1][1]| = 3, over 8 tokens and 2 pairs.
        let lib = prompt_set_sensitivity(&matrix, &[2, 4], 8, PosixMode::Lib).unwrap();
        assert!((lib.value_nats_per_token - 0.375).abs() < 1e-12);
    }

    #[test]
    fn an_empty_reply_contributes_nothing_and_is_counted() {
        let found = definition(&[vec![0.0, -4.0], vec![0.0, -2.0]], &[0, 4]).unwrap();
        assert!((found.value_nats_per_token - 0.25).abs() < 1e-12);
        assert_eq!((found.prompts, found.empty_replies), (2, 1));
    }

    #[test]
    fn what_is_no_matrix_of_log_probabilities_is_refused_with_its_place() {
        assert_eq!(definition(&[vec![-1.0]], &[1]), Err(PosixError::TooFewPrompts { prompts: 1 }));
        assert_eq!(definition(&[], &[]), Err(PosixError::TooFewPrompts { prompts: 0 }));
        let ragged = [vec![-1.0, -1.0], vec![-1.0]];
        assert_eq!(definition(&ragged, &[1, 1]), Err(PosixError::NotSquare { row: 1, found: 1, prompts: 2 }));
        let square = |x: f64| [vec![-1.0, -1.0], vec![x, -1.0]];
        assert_eq!(definition(&square(-1.0), &[1]), Err(PosixError::ReplyLengths { found: 1, prompts: 2 }));
        for bad in [f64::NAN, f64::NEG_INFINITY, 0.5] {
            assert_eq!(definition(&square(bad), &[1, 1]), Err(PosixError::NotALogProb { prompt: 1, reply: 0 }));
        }
        assert_eq!(prompt_set_sensitivity(&square(-1.0), &[1, 1], 0, PosixMode::Lib), Err(PosixError::NoTokens));
        assert!(posix_index(&[], &[], 0.95).reason().is_some());
    }

    fn square_matrix() -> impl Strategy<Value = (Vec<Vec<f64>>, Vec<usize>)> {
        (2..6_usize).prop_flat_map(|n| {
            (prop::collection::vec(prop::collection::vec(-30.0..0.0_f64, n), n), prop::collection::vec(0..9_usize, n))
        })
    }

    proptest! {
        #[test]
        fn the_order_of_prompts_does_not_matter(
            (matrix, tokens) in square_matrix(),
            mode in prop::sample::select(vec![PosixMode::Definition, PosixMode::Lib]),
        ) {
            let turn = |v: &mut Vec<f64>| v.rotate_left(1);
            let (mut turned, mut lengths) = (matrix.clone(), tokens.clone());
            turned.iter_mut().for_each(turn);
            turned.rotate_left(1);
            lengths.rotate_left(1);
            let a = prompt_set_sensitivity(&matrix, &tokens, 8, mode).unwrap().value_nats_per_token;
            let b = prompt_set_sensitivity(&turned, &lengths, 8, mode).unwrap().value_nats_per_token;
            prop_assert!(a >= 0.0 && (a - b).abs() < 1e-9);
        }

        #[test]
        fn replies_as_likely_under_every_prompt_give_zero((matrix, tokens) in square_matrix()) {
            let first = matrix.first().cloned().unwrap_or_default();
            let equal = vec![first; matrix.len()];
            prop_assert!(definition(&equal, &tokens).unwrap().value_nats_per_token.abs() < 1e-12);
        }
    }

    #[test]
    fn all_four_readings_agree_with_the_reference_run_of_the_package() {
        let folder = std::env::var("WIT_EVAL_FIXTURES")
            .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures").to_owned());
        let Ok(text) = std::fs::read_to_string(format!("{folder}/posix.json")) else {
            eprintln!("skipped: no posix.json in the fixtures folder (WIT_EVAL_FIXTURES)");
            return;
        };
        let file: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut compared = 0;
        for run in file["runs"].as_array().unwrap() {
            let limit = usize::try_from(run["max_new_tokens"].as_u64().unwrap()).unwrap();
            let mut totals = [0.0; 4];
            let sets = run["sets"].as_array().unwrap();
            for set in sets {
                let matrix: Vec<Vec<f64>> = serde_json::from_value(set["logprob_matrix"].clone()).unwrap();
                let replies: Vec<Vec<u32>> = serde_json::from_value(set["response_ids"].clone()).unwrap();
                let tokens = replies.iter().map(Vec::len).collect::<Vec<_>>();
                for ((name, reading), total) in READINGS.iter().zip(&mut totals) {
                    let found =
                        prompt_set_sensitivity_with(&matrix, &tokens, limit, *reading).unwrap().value_nats_per_token;
                    let expected = set["variants"][name].as_f64().unwrap();
                    assert!((found - expected).abs() < 1e-3, "{name}: {found} instead of {expected}");
                    *total += found;
                    compared += 1;
                }
                let package = set["sensitivity_by_package"].as_f64().unwrap();
                let lib = prompt_set_sensitivity(&matrix, &tokens, limit, PosixMode::Lib).unwrap();
                assert!((lib.value_nats_per_token - package).abs() < 1e-3);
            }
            for ((name, _), total) in READINGS.iter().zip(totals) {
                let expected = run["index_variants"][name].as_f64().unwrap();
                assert!((total / sets.len() as f64 - expected).abs() < 1e-3, "index {name}");
            }
        }
        assert!(compared > 100, "only {compared} numbers were compared");
    }

    const READINGS: [(&str, (PosixContrast, PosixNormalization)); 4] = [
        ("code_as_published", (PosixContrast::Replies, PosixNormalization::MaxNewTokens)),
        ("code_index_div_response_len", (PosixContrast::Replies, PosixNormalization::ReplyTokens)),
        ("definition_div_response_len", (PosixContrast::Prompts, PosixNormalization::ReplyTokens)),
        ("definition_div_max_new_tokens", (PosixContrast::Prompts, PosixNormalization::MaxNewTokens)),
    ];
}
