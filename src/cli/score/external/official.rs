//! Verdicts in the layout of IFEval's own program.

use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

use crate::data::fastchat::to_jsonl;
use crate::instance::Check;
use crate::scoring::instructions::{Verifier, judge};
use crate::store::write_atomically;
use crate::task::VerifierMode;

/// A reply to a prompt with instructions.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Verified<'a> {
    /// The prompt, as the data give it.
    pub prompt: &'a str,
    /// Its instructions.
    pub checks: &'a [Check],
    /// The reply.
    pub reply: &'a str,
}

/// A line of a verdict file; keys stand in this order.
#[derive(Debug, Serialize)]
struct VerdictLine<'a> {
    follow_all_instructions: bool,
    follow_instruction_list: Vec<bool>,
    instruction_id_list: Vec<&'a str>,
    prompt: &'a str,
    response: &'a str,
}

impl<'a> VerdictLine<'a> {
    fn new(one: Verified<'a>, followed: Vec<bool>) -> Self {
        Self {
            follow_all_instructions: followed.iter().all(|followed| *followed),
            follow_instruction_list: followed,
            instruction_id_list: one.checks.iter().map(|check| check.id.as_str()).collect(),
            prompt: one.prompt,
            response: one.reply,
        }
    }
}

/// The texts of `eval_results_strict.jsonl` and `eval_results_loose.jsonl`.
pub(in crate::cli) fn texts(replies: &[Verified<'_>], mode: VerifierMode) -> anyhow::Result<[String; 2]> {
    let (mut strict, mut loose) = (Vec::new(), Vec::new());
    for one in replies {
        let verifiers = one.checks.iter().map(|check| Verifier::new(check, mode)).collect::<Result<Vec<_>, _>>();
        let verdicts = judge(&verifiers.with_context(|| format!("prompt {:?}", one.prompt))?, one.reply);
        strict.push(VerdictLine::new(*one, verdicts.strict));
        loose.push(VerdictLine::new(*one, verdicts.loose));
    }
    Ok([to_jsonl(&strict)?, to_jsonl(&loose)?])
}

/// Writes both files.
pub(super) fn write(folder: &Path, replies: &[Verified<'_>], mode: VerifierMode) -> anyhow::Result<()> {
    let [strict, loose] = texts(replies, mode)?;
    write_atomically(&folder.join("eval_results_strict.jsonl"), strict.as_bytes())?;
    Ok(write_atomically(&folder.join("eval_results_loose.jsonl"), loose.as_bytes())?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Keys, their order, separators and escapes as in published verdict files.
    #[test]
    fn verdicts_are_written_as_the_benchmarks_program_writes_them() {
        let checks = ["punctuation:no_comma", "detectable_format:title"]
            .map(|id| Check { id: id.to_owned(), kwargs: serde_json::Map::new() });
        let reply = Verified { prompt: "Say \"é\".", checks: &checks, reply: "yes, *\n no" };
        let [strict, loose] = texts(&[reply], VerifierMode::Official).unwrap();
        let tail = "\"instruction_id_list\": [\"punctuation:no_comma\", \"detectable_format:title\"], \
            \"prompt\": \"Say \\\"\\u00e9\\\".\", \"response\": \"yes, *\\n no\"}\n";
        let head = |first: &str| {
            format!("{{\"follow_all_instructions\": false, \"follow_instruction_list\": [{first}, false], {tail}")
        };
        assert_eq!((strict, loose), (head("false"), head("true")));
    }
}
