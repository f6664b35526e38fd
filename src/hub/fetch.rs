//! Official data into the data folder.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::convert::converted;
use super::digests::{DigestRecord, Digests, place};
use super::download::Depot;
use super::sources::{Item, Source, Sources};
use super::{HubError, HubSettings, NeededFile, Progress};
use crate::digest::Digest;
use crate::store::write_atomically;

/// What the caller decides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FetchOptions {
    /// Replace files that are there, whatever they hold.
    pub force: bool,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// It was there, as recorded.
    Unchanged,
    /// It was there without a record, put there by hand; its digest is recorded.
    Adopted,
    /// It was brought.
    Written,
}

/// A file of the data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedFile {
    /// Its path in the data folder.
    pub target: String,
    /// Its SHA-256.
    pub sha256: String,
    /// What became of it.
    pub outcome: Fetched,
}

/// What was fetched, and what no hub has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FetchReport {
    /// The files of the data folder.
    pub files: Vec<FetchedFile>,
    /// Files that have to be found elsewhere and are not there, with what they are for.
    pub by_hand: Vec<(NeededFile, String)>,
}

/// Brings the files of a source into the data folder, and notes the digest of each in its `digests.json`.
///
/// A file that is there and has the digest that was recorded for the same revision stays, and nothing is asked of the
/// hub for it. A file with another digest than recorded, or other than the expected one, is an error unless
/// [`FetchOptions::force`]. Every file is written whole or not at all, and recorded at once, so that a killed run goes on
/// where it stopped.
pub fn fetch(
    sources: &Sources,
    source: &Source,
    data_dir: &Path,
    settings: &HubSettings,
    options: FetchOptions,
    progress: &mut dyn Progress,
) -> Result<FetchReport, HubError> {
    let mut folder = DataFolder { dir: data_dir, digests: Digests::of(data_dir)?, force: options.force };
    let depot = Depot::new(settings);
    let mut report = FetchReport::default();
    let mut missing = Vec::new();
    for item in sources.items(source)? {
        let mut wanted = Targets::new();
        for (name, target) in &item.targets {
            match folder.found(&item, target)? {
                Some(found) => report.files.push(found),
                None => wanted.push((name.clone(), target.clone())),
            }
        }
        if !wanted.is_empty() {
            missing.push((item, wanted));
        }
    }
    if report.files.iter().any(|file| file.outcome == Fetched::Adopted) {
        folder.digests.save(data_dir)?;
    }
    if settings.offline {
        let absent = missing.iter().filter(|(item, _)| depot.cached(&item.repo, &item.remote).is_none());
        let files =
            absent.flat_map(|(item, targets)| targets.iter().map(|(_, target)| item.needed(data_dir.join(target))));
        let files = files.collect::<Vec<_>>();
        if !files.is_empty() {
            return Err(HubError::Offline { files });
        }
    }
    for (item, targets) in missing {
        report.files.extend(folder.bring(&item, &targets, &depot, progress)?);
    }
    for file in &source.by_hand {
        for (target, origin) in sources.by_hand(file)? {
            let path = place(data_dir, &target)?;
            if path.is_file() {
                report.files.push(folder.adopted(&target, &path, file.sha256.as_deref())?);
                folder.digests.save(data_dir)?;
            } else {
                let sha256 = file.sha256.clone();
                let needed = NeededFile { target: path, origin, conversion: String::new(), sha256 };
                report.by_hand.push((needed, file.purpose.clone()));
            }
        }
    }
    report.files.sort_by(|a, b| a.target.cmp(&b.target));
    Ok(report)
}

/// Names in a list, with their files of the data folder.
type Targets = Vec<(String, String)>;

struct DataFolder<'a> {
    dir: &'a Path,
    digests: Digests,
    force: bool,
}

impl DataFolder<'_> {
    /// The file, if it is there and need not be fetched.
    fn found(&mut self, item: &Item, target: &str) -> Result<Option<FetchedFile>, HubError> {
        let path = place(self.dir, target)?;
        if self.force || !path.is_file() {
            return Ok(None);
        }
        let Some(record) = self.digests.files.get(target) else {
            let expected = item.sha256.as_deref().filter(|_| item.convert.is_none());
            return self.adopted(target, &path, expected).map(Some);
        };
        let found = digest_of(&path)?;
        if found != record.sha256 {
            return Err(HubError::Changed { file: path, expected: record.sha256.clone(), found });
        }
        let by_hand = record.repo.is_empty();
        let same =
            (&record.repo, &record.revision, &record.remote) == (&item.repo.id, &item.repo.revision, &item.remote);
        let unchanged = FetchedFile { target: target.to_owned(), sha256: found, outcome: Fetched::Unchanged };
        Ok((same || by_hand).then_some(unchanged))
    }

    /// A file without a record gets one.
    fn adopted(&mut self, target: &str, path: &Path, expected: Option<&str>) -> Result<FetchedFile, HubError> {
        let found = digest_of(path)?;
        let recorded = self.digests.files.get(target).map(|record| record.sha256.clone());
        let outcome = if recorded.is_some() { Fetched::Unchanged } else { Fetched::Adopted };
        if let Some(expected) = recorded.filter(|recorded| *recorded != found && !self.force) {
            return Err(HubError::Changed { file: path.to_owned(), expected, found });
        }
        if let Some(expected) = expected.filter(|expected| *expected != found && !self.force) {
            return Err(HubError::Stranger { file: path.to_owned(), expected: expected.to_owned(), found });
        }
        let record = DigestRecord {
            sha256: found.clone(),
            repo: String::new(),
            revision: String::new(),
            commit: String::new(),
            remote: String::new(),
        };
        self.digests.files.insert(target.to_owned(), record);
        Ok(FetchedFile { target: target.to_owned(), sha256: found, outcome })
    }

    /// Downloads, converts, writes and records.
    fn bring(
        &mut self,
        item: &Item,
        targets: &Targets,
        depot: &Depot<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Vec<FetchedFile>, HubError> {
        let origin = format!("{} of the {}", item.remote, item.repo);
        let kept = depot.cached(&item.repo, &item.remote).filter(|_| depot.is_offline());
        let cached = match kept {
            Some(cached) => cached,
            None => depot.file(&item.repo, &item.remote, item.limit_bytes, item.sha256.as_deref(), progress)?,
        };
        let content_digest = cached.content_digest();
        for expected in [item.sha256.clone(), content_digest].into_iter().flatten() {
            let found = digest_of(&cached.path)?;
            if found != expected {
                depot.forget(&cached)?;
                return Err(HubError::Digest { origin, expected, found });
            }
        }
        let mut contents = match item.convert {
            None => BTreeMap::from([(String::new(), fs::read(&cached.path).map_err(HubError::io(&cached.path))?)]),
            Some(conversion) => converted(conversion, &cached.path)
                .map_err(|problem| HubError::Conversion { origin: origin.clone(), problem })?,
        };
        let mut written = Vec::with_capacity(targets.len());
        for (name, target) in targets {
            // One file of the hub may be one of the data folder, or hold all those of a list.
            let content = contents.remove(name).or_else(|| contents.remove(""));
            let content = content.ok_or_else(|| HubError::Conversion {
                origin: origin.clone(),
                problem: format!("it holds nothing for `{name}`"),
            })?;
            let path: PathBuf = place(self.dir, target)?;
            write_atomically(&path, &content)?;
            let sha256 = Digest::of_bytes(&content).to_string();
            let record = DigestRecord {
                sha256: sha256.clone(),
                repo: item.repo.id.clone(),
                revision: item.repo.revision.clone(),
                commit: cached.commit.clone(),
                remote: item.remote.clone(),
            };
            self.digests.files.insert(target.clone(), record);
            written.push(FetchedFile { target: target.clone(), sha256, outcome: Fetched::Written });
        }
        self.digests.save(self.dir)?;
        Ok(written)
    }
}

fn digest_of(path: &Path) -> Result<String, HubError> {
    let file = File::open(path).map_err(HubError::io(path))?;
    Ok(Digest::of_reader(file).map_err(HubError::io(path))?.to_string())
}
