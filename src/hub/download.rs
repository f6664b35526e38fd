//! Files of repositories in the cache, in the layout that the hub's own programs share: content under `blobs`, by its
//! identifier; names under `snapshots/<commit>`; branches under `refs`.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use hf_hub::{Cache, CacheRepo};

use super::client::{ATTEMPTS, Client, Head};
use super::name::checked_path;
use super::{HubError, HubSettings, Progress, RepoRef};
use crate::digest::Digest;

/// Bytes read at a time.
const BLOCK_BYTES: usize = 1 << 16;

/// Requests for one file, however often its connection breaks.
const MOST_REQUESTS: u32 = 100;

/// A cache with a hub behind it.
pub(super) struct Depot<'a> {
    settings: &'a HubSettings,
    pub(super) client: Client<'a>,
}

/// A file that is in the cache.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cached {
    /// Where.
    pub path: PathBuf,
    /// Its commit.
    pub commit: String,
}

impl Cached {
    /// The SHA-256 that the file should have, where the cache names its content by it.
    pub(super) fn content_digest(&self) -> Option<String> {
        let blob = fs::canonicalize(&self.path).ok()?;
        let name = blob.file_name()?.to_str()?;
        let is_digest = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_digest.then(|| name.to_owned())
    }
}

impl<'a> Depot<'a> {
    pub(super) fn new(settings: &'a HubSettings) -> Self {
        Self { settings, client: Client::new(settings) }
    }

    /// Whether nothing may be asked.
    pub(super) fn is_offline(&self) -> bool {
        self.settings.offline
    }

    fn cache(&self, repo: &RepoRef) -> CacheRepo {
        Cache::new(self.settings.cache_dir.clone()).repo(repo.repo())
    }

    /// The folder of a commit's files, whether or not there are any.
    pub(super) fn snapshot(&self, repo: &RepoRef, commit: &str) -> PathBuf {
        self.cache(repo).pointer_path(commit)
    }

    /// The commit that a branch or tag was last seen at.
    pub(super) fn known_commit(&self, repo: &RepoRef) -> Option<String> {
        if repo.is_pinned() {
            return Some(repo.revision.clone());
        }
        let folder = self.settings.cache_dir.join(repo.repo().folder_name()).join("refs");
        let text = fs::read_to_string(folder.join(&repo.revision)).ok()?;
        super::name::is_commit(text.trim()).then(|| text.trim().to_owned())
    }

    /// Notes the commit of a branch or tag.
    pub(super) fn note_commit(&self, repo: &RepoRef, commit: &str) -> Result<(), HubError> {
        if repo.is_pinned() {
            return Ok(());
        }
        let cache = self.cache(repo);
        cache.create_ref(commit).map_err(HubError::io(&self.settings.cache_dir))
    }

    /// A file, if it is in the cache.
    pub(super) fn cached(&self, repo: &RepoRef, file: &str) -> Option<Cached> {
        let commit = self.known_commit(repo)?;
        let path = self.snapshot(repo, &commit).join(file);
        path.is_file().then_some(Cached { path, commit })
    }

    /// Takes a file that is not what it should be out of the cache.
    pub(super) fn forget(&self, cached: &Cached) -> Result<(), HubError> {
        let root = fs::canonicalize(&self.settings.cache_dir).map_err(HubError::io(&self.settings.cache_dir))?;
        let blob = fs::canonicalize(&cached.path).map_err(HubError::io(&cached.path))?;
        fs::remove_file(&cached.path).map_err(HubError::io(&cached.path))?;
        if blob.starts_with(root) && blob.exists() {
            fs::remove_file(&blob).map_err(HubError::io(&blob))?;
        }
        Ok(())
    }

    /// A file of a repository; from the cache where it has that of a full commit, else from the hub. Content whose
    /// identifier is a SHA-256 must have it, and likewise `sha256`.
    pub(super) fn file(
        &self,
        repo: &RepoRef,
        file: &str,
        limit_bytes: u64,
        sha256: Option<&str>,
        progress: &mut dyn Progress,
    ) -> Result<Cached, HubError> {
        checked_path(file, "file of a repository")?;
        if let Some(cached) = self.cached(repo, file).filter(|_| repo.is_pinned()) {
            return Ok(cached);
        }
        let head = self.client.head(repo, file)?;
        if head.size_bytes > limit_bytes {
            let url = self.client.url(repo, file);
            return Err(HubError::TooLarge { url, size: head.size_bytes, limit: limit_bytes });
        }
        let cache = self.cache(repo);
        let blob = cache.blob_path(&head.etag);
        if fs::metadata(&blob).ok().is_none_or(|found| found.len() != head.size_bytes) {
            self.fill(repo, file, &head, &blob, sha256, progress)?;
        }
        let pointer = cache.pointer_path(&head.commit).join(file);
        point(&pointer, &blob, file, &head.etag)?;
        Ok(Cached { path: pointer, commit: head.commit })
    }

    /// Downloads content; what an interrupted download left is continued.
    fn fill(
        &self,
        repo: &RepoRef,
        file: &str,
        head: &Head,
        blob: &Path,
        sha256: Option<&str>,
        progress: &mut dyn Progress,
    ) -> Result<(), HubError> {
        let part = blob.with_file_name(format!("{}.incomplete", head.etag));
        let folder = blob.parent().unwrap_or(Path::new(""));
        fs::create_dir_all(folder).map_err(HubError::io(folder))?;
        let mut target = OpenOptions::new().create(true).append(true).open(&part).map_err(HubError::io(&part))?;
        match target.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(HubError::Busy { file: part }),
            Err(TryLockError::Error(error)) => return Err(HubError::io(&part)(error)),
        }
        self.receive(repo, file, head.size_bytes, &mut target, &part, progress)?;
        target.sync_data().map_err(HubError::io(&part))?;
        let found = Digest::of_reader(File::open(&part).map_err(HubError::io(&part))?).map_err(HubError::io(&part))?;
        let declared = (head.etag.len() == 64).then_some(head.etag.as_str());
        for expected in declared.into_iter().chain(sha256) {
            if found.as_str() != expected {
                fs::remove_file(&part).map_err(HubError::io(&part))?;
                return Err(HubError::Digest {
                    origin: format!("{file} of {repo}"),
                    expected: expected.to_owned(),
                    found: found.to_string(),
                });
            }
        }
        fs::rename(&part, blob).map_err(HubError::io(blob))
    }

    /// Appends to `target` until it has `size` bytes. Gives up after several requests in a row that brought nothing.
    fn receive(
        &self,
        repo: &RepoRef,
        file: &str,
        size: u64,
        target: &mut File,
        part: &Path,
        progress: &mut dyn Progress,
    ) -> Result<(), HubError> {
        let mut have = target.metadata().map_err(HubError::io(part))?.len();
        if have > size {
            target.set_len(0).map_err(HubError::io(part))?;
            have = 0;
        }
        progress.begin(file, have, size);
        let (mut requests, mut fruitless) = (0, 0);
        let mut problem = String::new();
        while have < size {
            requests += 1;
            if fruitless >= ATTEMPTS || requests > MOST_REQUESTS {
                let url = self.client.url(repo, file);
                return Err(HubError::Interrupted { url, received: have, size, problem });
            }
            let (start, mut response) = self.client.content(repo, file, have)?;
            if start != have {
                // The server sends everything again, or something else.
                target.set_len(0).map_err(HubError::io(part))?;
                have = 0;
                if start != 0 {
                    fruitless += 1;
                    "the server sent another part".clone_into(&mut problem);
                    continue;
                }
            }
            let before = have;
            let mut reader = response.body_mut().as_reader().take(size - have);
            let mut block = vec![0_u8; BLOCK_BYTES];
            loop {
                match reader.read(&mut block) {
                    Ok(0) => break,
                    Ok(count) => {
                        let bytes = block.get(..count).unwrap_or_default();
                        target.write_all(bytes).map_err(HubError::io(part))?;
                        have += count as u64;
                        progress.advance(have);
                    }
                    Err(error) => {
                        problem = error.to_string();
                        break;
                    }
                }
            }
            if have < size && problem.is_empty() {
                "the connection closed early".clone_into(&mut problem);
            }
            fruitless = if have > before { 0 } else { fruitless + 1 };
        }
        progress.end();
        Ok(())
    }
}

/// Makes `pointer` a relative link to the content; a copy where the system has no links.
fn point(pointer: &Path, blob: &Path, file: &str, etag: &str) -> Result<(), HubError> {
    if pointer.is_file() {
        return Ok(());
    }
    let folder = pointer.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder).map_err(HubError::io(folder))?;
    // A link whose target is gone.
    if fs::symlink_metadata(pointer).is_ok() {
        fs::remove_file(pointer).map_err(HubError::io(pointer))?;
    }
    let up = "../".repeat(2 + file.matches('/').count());
    let target = format!("{up}blobs/{etag}");
    #[cfg(unix)]
    let linked = std::os::unix::fs::symlink(&target, pointer);
    #[cfg(not(unix))]
    let linked = { Err::<(), _>(std::io::Error::other(target)) };
    if linked.is_err() {
        fs::copy(blob, pointer).map_err(HubError::io(pointer))?;
    }
    Ok(())
}
