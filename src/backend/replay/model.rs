//! A model that answers from a file only.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::{ReplayError, difference, file};
use crate::backend::{BackendError, LanguageModel, ModelIdentity};
use crate::digest::Digest;
use crate::judgment::JudgmentRecord;
use crate::request::Request;
use crate::response::Response;

/// A model that answers from a file only, under the identity of the model whose answers were recorded.
#[derive(Debug)]
pub struct ReplayModel {
    path: PathBuf,
    identity: ModelIdentity,
    answers: BTreeMap<Digest, (Request, Response)>,
}

impl ReplayModel {
    /// Opens a file that holds the answers of one model.
    pub fn open(path: &Path) -> Result<Self, ReplayError> {
        Self::open_named(path, None)
    }

    /// Opens a file; where it holds answers of several models, those of the one with this name.
    ///
    /// # Errors
    /// [`ReplayError::Empty`], [`ReplayError::SeveralModels`], [`ReplayError::NoSuchModel`], and [`ReplayError::Line`] where a
    /// line is not a record.
    pub fn open_named(path: &Path, name: Option<&str>) -> Result<Self, ReplayError> {
        let opened = File::open(path).map_err(ReplayError::io(path))?;
        let (records, _) = file::read_whole_lines(&opened, path)?;
        let judges: BTreeMap<&Digest, &str> =
            records.iter().map(|record| (&record.judge.digest, record.judge.name.as_str())).collect();
        let wanted: Vec<_> = judges.iter().filter(|(_, judge)| name.is_none_or(|name| name == **judge)).collect();
        let names = || judges.values().map(|judge| (*judge).to_owned()).collect::<Vec<_>>();
        let identity = match wanted.as_slice() {
            [(digest, name)] => ModelIdentity { name: (**name).to_owned(), digest: (**digest).clone() },
            [] if judges.is_empty() => return Err(ReplayError::Empty { path: path.to_owned() }),
            [] => {
                let wanted = name.unwrap_or_default().to_owned();
                return Err(ReplayError::NoSuchModel { path: path.to_owned(), wanted, names: names() });
            }
            several => {
                return Err(ReplayError::SeveralModels { path: path.to_owned(), count: several.len(), names: names() });
            }
        };
        let mut answers = BTreeMap::new();
        for JudgmentRecord { request_key, judge, request, response } in records {
            if judge.digest == identity.digest {
                answers.entry(request_key).or_insert((request, response));
            }
        }
        Ok(Self { path: path.to_owned(), identity, answers })
    }

    /// Number of recorded answers.
    pub fn len(&self) -> usize {
        self.answers.len()
    }

    /// Whether there is none; an opened file has some.
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }
}

impl LanguageModel for ReplayModel {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    /// Answers what is recorded, then names what is not.
    fn answer(&self, requests: &[&Request], done: &mut dyn FnMut(usize, Response)) -> Result<(), BackendError> {
        let mut missing = Vec::new();
        for (index, request) in requests.iter().enumerate() {
            match self.answers.get(&Digest::of_json(request)?) {
                Some((_, response)) => done(index, response.clone()),
                None => missing.push(*request),
            }
        }
        let Some(first) = missing.first() else { return Ok(()) };
        let nearest = difference::to_nearest(first, self.answers.values().map(|(request, _)| request));
        let (path, beginning) = (self.path.clone(), difference::beginning(first));
        Err(ReplayError::Missing { path, count: missing.len(), beginning, nearest }.into())
    }
}
