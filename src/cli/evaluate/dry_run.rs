//! `--dry_run`: how much work a run would be. Reads tokenizers and headers, packs no weights.

use std::io::Write as _;

use super::EvaluateArgs;
use super::subject::{Subject, local_options};
use crate::backend::{Workload, held_types, memory_plan};
use crate::cli::options::bytes_words;
use crate::execute::{Pending, Portion};
use crate::model::checkpoint::Checkpoint;
use crate::model::engine::TokenCount;
use crate::plan::Plan;
use crate::report::text::visible_line;
use crate::request::Request;
use crate::store::{CheckpointEntry, ResponseLog, RunFolder};

/// Prints, for every model, what is left to ask of it and what that takes.
pub(super) fn show(
    args: &EvaluateArgs,
    subjects: &[Subject],
    entries: &[CheckpointEntry],
    plan: &Plan,
    folder: &RunFolder,
) -> anyhow::Result<()> {
    let recorded = folder.file(RunFolder::RESPONSES).exists().then(|| ResponseLog::read(folder)).transpose()?;
    let mut out = std::io::stdout().lock();
    for (subject, entry) in subjects.iter().zip(entries) {
        let pending = match &recorded {
            Some(log) => Pending::of(plan, &entry.digest, log)?,
            None => Pending::whole(plan, &entry.digest)?,
        };
        writeln!(out, "{}", visible_line(&entry.label))?;
        let lines = match subject {
            Subject::Checkpoint(checkpoint) => checkpoint_lines(args, checkpoint, &pending)?,
            Subject::Endpoint(_) => {
                let count = pending.requests.len();
                vec![("requests", format!("{}; the server counts its own tokens", grouped(count as u64)))]
            }
        };
        for (name, line) in lines {
            writeln!(out, "  {name:<17}{}", visible_line(&line))?;
        }
        let done = pending.total - pending.requests.len();
        if done > 0 {
            writeln!(out, "  recorded already {} of {} requests", grouped(done as u64), grouped(pending.total as u64))?;
        }
    }
    Ok(())
}

fn checkpoint_lines(
    args: &EvaluateArgs,
    checkpoint: &Checkpoint,
    pending: &Pending<'_>,
) -> anyhow::Result<Vec<(&'static str, String)>> {
    let options = local_options(args);
    let mut workload = Workload::default();
    for portion in Portion::from(args.model.network.batch_size).split(&pending.requests) {
        let requests = portion.iter().map(|(_, request)| *request).collect::<Vec<&Request>>();
        workload.add(checkpoint, &options, &requests)?;
    }
    let mut lines = vec![("requests", request_words(&workload, pending.requests.len()))];
    if pending.requests.is_empty() {
        return Ok(lines);
    }
    let tokens = workload.tokens();
    lines.push(("tokens asked", parts_words(&workload, tokens.asked, |count| count.asked)));
    let saving = format!("; sharing prefixes saves {:.1} %", 100.0 * tokens.saving());
    lines.push(("tokens computed", parts_words(&workload, tokens.computed, |count| count.computed) + &saving));
    if workload.new_tokens_at_most > 0 {
        lines.push(("new tokens", format!("at most {}", grouped(workload.new_tokens_at_most))));
    }
    if let Some(reason) = &workload.refusal {
        lines.push(("cannot be asked", format!("{} requests: {reason}", grouped(workload.refused as u64))));
    }
    let memory = match memory_plan(checkpoint, &options) {
        Ok(memory) => memory,
        Err(error) => {
            lines.push(("memory", error.to_string()));
            return Ok(lines);
        }
    };
    let types = held_types(checkpoint, options.engine.weight_type);
    lines.push(("weights", format!("{}, {types}", bytes_words(memory.weight_bytes))));
    let (longest, token_bytes) = (workload.longest_tokens as u64, memory.cache_bytes_per_token);
    lines.push((
        "keys and values",
        format!(
            "{} a token, {} for the longest sequence of {} tokens; up to {} are used",
            bytes_words(token_bytes),
            bytes_words(longest * token_bytes),
            grouped(longest),
            bytes_words(memory.cache_bytes)
        ),
    ));
    let work = bytes_words(memory.work_bytes);
    lines.push(("batch", format!("{} tokens at a time; {work} of work", grouped(memory.max_batch_tokens as u64))));
    Ok(lines)
}

/// `1,234: 800 log-likelihoods of 3,200 continuations, 100 replies`.
fn request_words(workload: &Workload, requests: usize) -> String {
    let number = |count: usize| grouped(count as u64);
    let (choices, continuations) = workload.log_likelihoods;
    let (sets, prompts) = workload.prompt_sets;
    let kinds = [
        (choices, format!("{} log-likelihoods of {} continuations", number(choices), number(continuations))),
        (workload.texts, format!("{} whole texts", number(workload.texts))),
        (workload.next_tokens, format!("{} next tokens", number(workload.next_tokens))),
        (workload.generations, format!("{} replies", number(workload.generations))),
        (workload.dialogues, format!("{} dialogues", number(workload.dialogues))),
        (sets, format!("{} prompt sets of {} prompts", number(sets), number(prompts))),
    ];
    let kinds = kinds.into_iter().filter(|(count, _)| *count > 0).map(|(_, words)| words).collect::<Vec<_>>();
    if kinds.is_empty() { number(requests) } else { format!("{}: {}", number(requests), kinds.join(", ")) }
}

/// The sum, and what it is made of where that is several things.
fn parts_words(workload: &Workload, sum: u64, of: impl Fn(TokenCount) -> u64) -> String {
    let parts = [("scored", workload.scored), ("prompts of replies", workload.prompts), ("prompt sets", workload.sets)];
    let parts = parts.map(|(name, count)| (name, of(count)));
    let parts = parts.iter().filter(|(_, tokens)| *tokens > 0).collect::<Vec<_>>();
    let words = parts.iter().map(|(name, tokens)| format!("{name} {}", grouped(*tokens))).collect::<Vec<_>>();
    match words.len() {
        0 | 1 => grouped(sum),
        _ => format!("{} ({})", grouped(sum), words.join(", ")),
    }
}

/// A number with commas between its thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0, 12, 999, 1000, 1_234_567].map(grouped), ["0", "12", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn only_kinds_that_occur_are_named() {
        let workload = Workload { log_likelihoods: (2, 8), prompt_sets: (1, 5), ..Workload::default() };
        assert_eq!(request_words(&workload, 3), "3: 2 log-likelihoods of 8 continuations, 1 prompt sets of 5 prompts");
        assert_eq!(request_words(&Workload::default(), 0), "0");
    }
}
