//! The append-only log of a run's responses.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::{RunFolder, RunLock, StoreError, jsonl};
use crate::digest::Digest;
use crate::record::ResponseRecord;
use crate::response::Response;

/// Responses recorded so far, and the file they are appended to.
#[derive(Debug)]
pub struct ResponseLog {
    path: PathBuf,
    file: Option<File>,
    responses: BTreeMap<Digest, Response>,
    /// Bytes of an unfinished last line that were cut off when the log was opened.
    pub torn_bytes: u64,
}

impl ResponseLog {
    /// Opens the log for appending. A last line that a kill left unfinished is cut off: it was never recorded.
    ///
    /// # Errors
    /// [`StoreError::Line`] where a finished line is not a response record.
    pub fn open(folder: &RunFolder, _lock: &RunLock) -> Result<Self, StoreError> {
        let path = folder.file(RunFolder::RESPONSES);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(StoreError::io(&path))?;
        let (responses, whole_bytes) = read_whole_lines(&file, &path)?;
        let length = file.metadata().map_err(StoreError::io(&path))?.len();
        if length > whole_bytes {
            file.set_len(whole_bytes).map_err(StoreError::io(&path))?;
        }
        file.seek(SeekFrom::Start(whole_bytes)).map_err(StoreError::io(&path))?;
        Ok(Self { path, file: Some(file), responses, torn_bytes: length.saturating_sub(whole_bytes) })
    }

    /// Reads a log that nobody will append to.
    pub fn read(folder: &RunFolder) -> Result<Self, StoreError> {
        let path = folder.file(RunFolder::RESPONSES);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(StoreError::NotARun { path, folder: folder.path().to_owned() });
            }
            Err(source) => return Err(StoreError::Io { path, source }),
        };
        let (responses, whole_bytes) = read_whole_lines(&file, &path)?;
        let length = file.metadata().map_err(StoreError::io(&path))?.len();
        Ok(Self { path, file: None, responses, torn_bytes: length.saturating_sub(whole_bytes) })
    }

    /// The response recorded under a key.
    pub fn get(&self, key: &Digest) -> Option<&Response> {
        self.responses.get(key)
    }

    /// Number of responses.
    pub fn len(&self) -> usize {
        self.responses.len()
    }

    /// Whether nothing is recorded.
    pub fn is_empty(&self) -> bool {
        self.responses.is_empty()
    }

    /// Records responses: one write for all lines, so that a kill leaves at most one unfinished line.
    pub fn append(&mut self, records: Vec<ResponseRecord>) -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        for record in &records {
            jsonl::append_line(&mut bytes, record, &self.path)?;
        }
        if let Some(file) = &mut self.file {
            file.write_all(&bytes).map_err(StoreError::io(&self.path))?;
        }
        for record in records {
            self.responses.entry(record.key).or_insert(record.response);
        }
        Ok(())
    }

    /// Waits until everything appended is on disk.
    pub fn sync(&self) -> Result<(), StoreError> {
        match &self.file {
            Some(file) => file.sync_data().map_err(StoreError::io(&self.path)),
            None => Ok(()),
        }
    }
}

/// All finished lines and the bytes that they take. The first record of a key wins.
fn read_whole_lines(file: &File, path: &Path) -> Result<(BTreeMap<Digest, Response>, u64), StoreError> {
    let mut reader = BufReader::new(file);
    let mut responses = BTreeMap::new();
    let mut whole_bytes = 0;
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let bytes = reader.read_until(b'\n', &mut line).map_err(StoreError::io(path))?;
        if bytes == 0 || line.last() != Some(&b'\n') {
            break;
        }
        let record: ResponseRecord = serde_json::from_slice(&line).map_err(|source| StoreError::Line {
            path: path.to_owned(),
            line: number,
            source,
        })?;
        responses.entry(record.key).or_insert(record.response);
        whole_bytes += bytes as u64;
    }
    Ok((responses, whole_bytes))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn record(text: &str) -> ResponseRecord {
        ResponseRecord {
            key: Digest::of_bytes(text.as_bytes()),
            response: Response::Failed { reason: text.to_owned() },
        }
    }

    #[test]
    fn a_line_cut_at_any_byte_costs_that_line_only() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::at(folder.path());
        let lock = run.lock().unwrap();
        let mut log = ResponseLog::open(&run, &lock).unwrap();
        log.append(vec![record("first"), record("sec\nond")]).unwrap();
        drop(log);
        let path = run.file(RunFolder::RESPONSES);
        let whole = std::fs::read(&path).unwrap();
        let first_line = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let mut log = ResponseLog::open(&run, &lock).unwrap();
            let kept = usize::from(cut >= first_line) + usize::from(cut == whole.len());
            assert_eq!(log.len(), kept, "cut at byte {cut}");
            let missing = [record("first"), record("sec\nond")].into_iter().skip(kept).collect();
            log.append(missing).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), whole, "cut at byte {cut}");
        }
    }

    #[test]
    fn a_damaged_line_in_the_middle_is_named_and_nothing_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::at(folder.path());
        let lock = run.lock().unwrap();
        std::fs::write(run.file(RunFolder::RESPONSES), "{\"key\":1}\n").unwrap();
        let error = ResponseLog::open(&run, &lock).unwrap_err().to_string();
        assert!(error.contains("responses.jsonl:1:"), "{error}");
        assert_eq!(std::fs::read(run.file(RunFolder::RESPONSES)).unwrap(), b"{\"key\":1}\n");
    }
}
