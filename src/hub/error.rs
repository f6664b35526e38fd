//! What can go wrong between this machine and a hub, and what to do about it.

use std::path::PathBuf;

use crate::store::StoreError;

/// A file that has to be put in its place by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededFile {
    /// Where it belongs.
    pub target: PathBuf,
    /// Where it comes from: repository, file, revision, or a description.
    pub origin: String,
    /// What has to be done with it on the way; empty for nothing.
    pub conversion: String,
    /// Its SHA-256, where it is known.
    pub sha256: Option<String>,
}

impl std::fmt::Display for NeededFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "  {}\n    from {}", self.target.display(), self.origin)?;
        if !self.conversion.is_empty() {
            write!(f, "; {}", self.conversion)?;
        }
        if let Some(sha256) = &self.sha256 {
            write!(f, "\n    sha256 {sha256}")?;
        }
        Ok(())
    }
}

/// Why something of a hub is not here.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// A name that no hub has, or that leads out of a folder.
    #[error("`{name}` is no {what}: {problem}")]
    Name {
        /// The name.
        name: String,
        /// What it should name.
        what: &'static str,
        /// What is wrong with it, and what to write.
        problem: String,
    },
    /// A variable of the environment that cannot be used.
    #[error("{variable} is `{value}`: {problem}")]
    Variable {
        /// Its name.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A list of sources that cannot be used.
    #[error("{file}: {problem}")]
    Sources {
        /// The file.
        file: String,
        /// What is wrong, at which key, and what to do.
        problem: String,
    },
    /// No source for a task.
    #[error(
        "no data of the task `{task}` can be fetched; there are sources for: {known}. Other tasks read the files that `wit-eval list` names"
    )]
    NoSource {
        /// The task.
        task: String,
        /// The names there are.
        known: String,
    },
    /// Files are missing and nothing may be asked of the hub.
    #[error("offline (HF_HUB_OFFLINE is set), and {} of the files are not here. Put each in its place, or unset HF_HUB_OFFLINE:\n{}",
        files.len(), listed(files))]
    Offline {
        /// The files.
        files: Vec<NeededFile>,
    },
    /// A checkpoint is not in the cache and nothing may be asked of the hub.
    #[error(
        "offline (HF_HUB_OFFLINE is set), and {spec} is not complete in the cache: {looked_at} {problem}. Put config.json, \
        tokenizer.json and the .safetensors files into any folder and give that folder, or run once without HF_HUB_OFFLINE"
    )]
    NotCached {
        /// The checkpoint.
        spec: String,
        /// Where it was looked for.
        looked_at: String,
        /// What is missing there.
        problem: String,
    },
    /// The hub could not be reached, or broke off.
    #[error(
        "{url}: {problem}. Check the network and HF_ENDPOINT; what is in the cache can be used with HF_HUB_OFFLINE=1"
    )]
    Unreachable {
        /// What was asked for.
        url: String,
        /// What happened.
        problem: String,
    },
    /// A download broke off, several times.
    #[error(
        "{url}: broke off at {received} of {size} bytes ({problem}); run the same command again, it continues there"
    )]
    Interrupted {
        /// What was asked for.
        url: String,
        /// Bytes that are here.
        received: u64,
        /// Bytes that there are.
        size: u64,
        /// What happened.
        problem: String,
    },
    /// The hub wants to know who asks.
    #[error(
        "{url}: the hub answered {status}: {repository} does not exist or is private; check the name, or put a token that may read it into HF_TOKEN"
    )]
    Unauthorized {
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
        /// The repository.
        repository: String,
    },
    /// The repository has terms that must be accepted.
    #[error(
        "{url}: {repository} is gated; accept its terms at {page} with your account, and put a token of that account into HF_TOKEN"
    )]
    Gated {
        /// What was asked for.
        url: String,
        /// The repository.
        repository: String,
        /// Where the terms are.
        page: String,
    },
    /// The hub has no such thing.
    #[error("{url}: the hub has no such {what} ({repository}); check the spelling and the revision")]
    NotFound {
        /// What was asked for.
        url: String,
        /// What there is not: file, revision, repository.
        what: &'static str,
        /// The repository.
        repository: String,
    },
    /// An answer that no hub gives.
    #[error("{url}: {problem}; is HF_ENDPOINT a hub?")]
    Answer {
        /// What was asked for.
        url: String,
        /// What is odd about it.
        problem: String,
    },
    /// A file larger than it may be.
    #[error("{url}: {size} bytes, more than the {limit} that such a file may have")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// Its size.
        size: u64,
        /// The most that is accepted.
        limit: u64,
    },
    /// Content that is not what was expected.
    #[error(
        "{origin}: its SHA-256 is {found}, expected {expected}; nothing was kept. Try again; if it stays so, the file was changed at its source"
    )]
    Digest {
        /// The file.
        origin: String,
        /// The digest that was expected.
        expected: String,
        /// The digest found.
        found: String,
    },
    /// A file of the data folder that changed since it was fetched.
    #[error("{}: its SHA-256 is {found}, but {expected} was recorded when it was fetched; restore it, or fetch it again with --force", file.display())]
    Changed {
        /// The file.
        file: PathBuf,
        /// The recorded digest.
        expected: String,
        /// The digest found.
        found: String,
    },
    /// A file put into the data folder by hand that is not the one expected.
    #[error("{}: its SHA-256 is {found}, but the file of this name has {expected}; replace it with --force, or move it away", file.display())]
    Stranger {
        /// The file.
        file: PathBuf,
        /// The digest expected.
        expected: String,
        /// The digest found.
        found: String,
    },
    /// A fetched file that cannot be converted.
    #[error("{origin}: {problem}; the data set at its source is not laid out as this program knows it")]
    Conversion {
        /// The file.
        origin: String,
        /// Why.
        problem: String,
    },
    /// A repository without weights that can be read.
    #[error("{repository}@{revision} holds no .safetensors file ({found}); convert its weights to safetensors")]
    NoWeights {
        /// The repository.
        repository: String,
        /// The revision.
        revision: String,
        /// What it holds instead.
        found: String,
    },
    /// Another process downloads the same file.
    #[error("{} is being downloaded by another process; wait for it", file.display())]
    Busy {
        /// The unfinished file.
        file: PathBuf,
    },
    /// The operating system refused.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl HubError {
    pub(super) fn io(file: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let file = file.to_owned();
        |source| Self::Io { file, source }
    }
}

fn listed(files: &[NeededFile]) -> String {
    files.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
