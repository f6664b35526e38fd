//! The lines of a replay file.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use super::ReplayError;
use crate::digest::Digest;
use crate::judgment::JudgmentRecord;
use crate::request::Request;
use crate::response::Response;

/// Longer lines are refused: no conversation with its answer comes near it.
const LONGEST_LINE_BYTES: u64 = 64 << 20;

/// All finished lines, and the bytes that they take. An unfinished last line was never recorded.
pub(super) fn read_whole_lines(file: &File, path: &Path) -> Result<(Vec<JudgmentRecord>, u64), ReplayError> {
    let mut reader = BufReader::new(file);
    let mut records = Vec::new();
    let mut whole_bytes = 0;
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let mut limited = reader.by_ref().take(LONGEST_LINE_BYTES);
        let bytes = limited.read_until(b'\n', &mut line).map_err(ReplayError::io(path))? as u64;
        let fault = |reason: String| ReplayError::Line { path: path.to_owned(), line: number, reason };
        if bytes == LONGEST_LINE_BYTES {
            return Err(fault(format!("it is longer than {LONGEST_LINE_BYTES} bytes")));
        }
        if line.last() != Some(&b'\n') {
            break;
        }
        records.push(record(&line).map_err(fault)?);
        whole_bytes += bytes;
    }
    Ok((records, whole_bytes))
}

fn record(line: &[u8]) -> Result<JudgmentRecord, String> {
    let record: JudgmentRecord = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let key = Digest::of_json(&record.request).map_err(|error| error.to_string())?;
    if key != record.request_key {
        return Err(format!(
            "its request was changed: `request_key` is {}, the request's is {}",
            shown(&record.request_key),
            key.short()
        ));
    }
    if !is_answer(&record.request, &record.response) {
        return Err("its response is of another kind than its request".to_owned());
    }
    Ok(record)
}

/// A digest from a file, which may be any text.
fn shown(digest: &Digest) -> String {
    digest.short().chars().filter(|c| !c.is_control()).take(20).collect()
}

/// Whether a response is of its request's kind and has as many parts.
pub(super) fn is_answer(request: &Request, response: &Response) -> bool {
    match (request, response) {
        (Request::Generate { .. }, Response::Generated(_)) | (Request::Rolling { .. }, Response::Rolling { .. }) => {
            true
        }
        (Request::LogLikelihood { continuations, .. }, Response::LogProbs { continuations: answers }) => {
            continuations.len() == answers.len()
        }
        (Request::Dialogue { turns, .. }, Response::Dialogue { replies }) => replies.len() == turns.len() + 1,
        (Request::NextToken { candidates, .. }, Response::NextToken { log_probs }) => {
            candidates.len() == log_probs.len()
        }
        (Request::PromptSet { prompts, .. }, Response::PromptSet { replies, log_probs }) => {
            let count = prompts.len();
            replies.len() == count && log_probs.len() == count && log_probs.iter().all(|row| row.len() == count)
        }
        _ => false,
    }
}
