//! A model whose answers are kept.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{ReplayError, file};
use crate::backend::{BackendError, LanguageModel, ModelIdentity};
use crate::digest::Digest;
use crate::judgment::{JudgeIdentity, JudgmentRecord};
use crate::request::Request;
use crate::response::Response;

/// Asks a model only what a file does not answer yet, and appends every answer to the file as it comes.
#[derive(Debug)]
pub struct Recorder<M> {
    model: M,
    path: PathBuf,
    log: Mutex<Log>,
    /// Answers that were in the file when it was opened.
    pub recorded_before: usize,
    /// Bytes of an unfinished last line that were cut off when the file was opened.
    pub torn_bytes: u64,
}

#[derive(Debug)]
struct Log {
    file: File,
    answers: BTreeMap<Digest, Response>,
}

impl<M: LanguageModel> Recorder<M> {
    /// Opens the file, or begins it. A last line that a kill left unfinished is cut off: it was never recorded. Answers of
    /// other models in the file are kept and not used.
    ///
    /// # Errors
    /// [`ReplayError::Locked`] where another process records, [`ReplayError::Line`] where a finished line is not a record.
    pub fn open(model: M, path: &Path) -> Result<Self, ReplayError> {
        let io = || ReplayError::io(path);
        let mut file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path).map_err(io())?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => ReplayError::Locked { path: path.to_owned() },
            TryLockError::Error(source) => ReplayError::Io { path: path.to_owned(), source },
        })?;
        let (records, whole_bytes) = file::read_whole_lines(&file, path)?;
        let length = file.metadata().map_err(io())?.len();
        if length > whole_bytes {
            file.set_len(whole_bytes).map_err(io())?;
        }
        file.seek(SeekFrom::Start(whole_bytes)).map_err(io())?;
        let mut answers = BTreeMap::new();
        for record in records {
            if record.judge.digest == model.identity().digest {
                answers.entry(record.request_key).or_insert(record.response);
            }
        }
        let (recorded_before, torn_bytes) = (answers.len(), length.saturating_sub(whole_bytes));
        Ok(Self { model, path: path.to_owned(), log: Mutex::new(Log { file, answers }), recorded_before, torn_bytes })
    }

    /// The model that is asked.
    pub fn model(&self) -> &M {
        &self.model
    }

    fn recorded(&self, key: &Digest) -> Option<Response> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).answers.get(key).cloned()
    }

    /// One write for the whole line, so that a kill leaves at most one unfinished line.
    fn record(&self, key: &Digest, request: &Request, response: &Response) -> Result<(), ReplayError> {
        if !file::is_answer(request, response) {
            return Ok(());
        }
        let ModelIdentity { name, digest } = self.model.identity();
        let record = JudgmentRecord {
            request_key: key.clone(),
            judge: JudgeIdentity { name: name.clone(), digest: digest.clone() },
            request: request.clone(),
            response: response.clone(),
        };
        let mut line = serde_json::to_vec(&record)?;
        line.push(b'\n');
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.file.write_all(&line).map_err(ReplayError::io(&self.path))?;
        log.answers.entry(record.request_key).or_insert(record.response);
        Ok(())
    }
}

impl<M: LanguageModel> LanguageModel for Recorder<M> {
    fn identity(&self) -> &ModelIdentity {
        self.model.identity()
    }

    fn answer(&self, requests: &[&Request], done: &mut dyn FnMut(usize, Response)) -> Result<(), BackendError> {
        // Requests to ask, each once, with the places that wait for the answer.
        let mut open: BTreeMap<Digest, usize> = BTreeMap::new();
        let mut asked: Vec<(Digest, &Request, Vec<usize>)> = Vec::new();
        for (index, request) in requests.iter().enumerate() {
            let key = Digest::of_json(request)?;
            if let Some(response) = self.recorded(&key) {
                done(index, response);
                continue;
            }
            let place = *open.entry(key.clone()).or_insert(asked.len());
            match asked.get_mut(place) {
                Some((_, _, waiting)) => waiting.push(index),
                None => asked.push((key, request, vec![index])),
            }
        }
        if asked.is_empty() {
            return Ok(());
        }
        let list: Vec<&Request> = asked.iter().map(|(_, request, _)| *request).collect();
        let mut failure = None;
        let outcome = self.model.answer(&list, &mut |place, response| {
            let Some((key, request, waiting)) = asked.get(place) else { return };
            if failure.is_some() {
                return;
            }
            match self.record(key, request, &response) {
                Ok(()) => waiting.iter().for_each(|index| done(*index, response.clone())),
                Err(error) => failure = Some(error),
            }
        });
        match failure {
            Some(error) => Err(error.into()),
            None => outcome,
        }
    }
}
