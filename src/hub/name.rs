//! Names from outside, checked before they become part of a path or an address.

use hf_hub::{Repo, RepoType};

use super::HubError;

/// The longest name of a repository, a revision or a file.
const LONGEST_NAME: usize = 400;

/// Kind of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RepoKind {
    /// A model.
    Model,
    /// A data set.
    Dataset,
    /// A space: an application with its data.
    Space,
}

/// A repository at a revision, with names that were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoRef {
    /// Its kind.
    pub kind: RepoKind,
    /// `organisation/name`, or a name alone.
    pub id: String,
    /// Branch, tag or commit.
    pub revision: String,
}

impl RepoRef {
    /// A repository at a revision.
    pub fn new(kind: RepoKind, id: &str, revision: &str) -> Result<Self, HubError> {
        let parts = id.split('/').collect::<Vec<_>>();
        if !(1..=2).contains(&parts.len()) || !parts.iter().all(|part| is_part(part)) || id.contains("--") {
            return Err(refused(id, "repository", "write `organisation/name`, of letters, digits and `._-`"));
        }
        if !revision.split('/').all(is_part) || revision.len() > LONGEST_NAME {
            return Err(refused(revision, "revision", "write a branch, a tag or a commit"));
        }
        Ok(Self { kind, id: id.to_owned(), revision: revision.to_owned() })
    }

    /// A model written `organisation/name` or `organisation/name@revision`.
    pub fn model(spec: &str) -> Result<Self, HubError> {
        let (id, revision) = spec.split_once('@').unwrap_or((spec, "main"));
        if !id.contains('/') {
            let problem = "write `organisation/name` or `organisation/name@revision`, or the path of a folder";
            return Err(refused(spec, "checkpoint of a hub", problem));
        }
        Self::new(RepoKind::Model, id, revision)
    }

    /// The same repository at another revision.
    pub(super) fn at(&self, revision: &str) -> Self {
        Self { revision: revision.to_owned(), ..self.clone() }
    }

    /// Whether the revision is a full commit, which never changes.
    pub(super) fn is_pinned(&self) -> bool {
        is_commit(&self.revision)
    }

    /// As the client library writes it.
    pub(super) fn repo(&self) -> Repo {
        let kind = match self.kind {
            RepoKind::Model => RepoType::Model,
            RepoKind::Dataset => RepoType::Dataset,
            RepoKind::Space => RepoType::Space,
        };
        Repo::with_revision(self.id.clone(), kind, self.revision.clone())
    }
}

impl std::fmt::Display for RepoRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            RepoKind::Model => "model",
            RepoKind::Dataset => "data set",
            RepoKind::Space => "space",
        };
        write!(f, "{kind} {}@{}", self.id, self.revision)
    }
}

/// Whether a text that names no folder may name a model of a hub.
pub fn looks_like_model(spec: &str) -> bool {
    let id = spec.split('@').next().unwrap_or_default();
    id.split('/').count() == 2 && RepoRef::model(spec).is_ok()
}

/// A full commit: 40 hexadecimal digits in lower case.
pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// A part of a path: letters, digits and `._-+=` (and spaces inside), not beginning with a dot, nothing else.
fn is_part(part: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '=');
    (1..=LONGEST_NAME).contains(&part.len()) && !part.starts_with('.') && part.chars().all(plain)
}

/// A relative path of plain parts, as it is.
pub(super) fn checked_path<'a>(path: &'a str, what: &'static str) -> Result<&'a str, HubError> {
    if path.len() <= LONGEST_NAME && path.split('/').all(is_part) {
        Ok(path)
    } else {
        Err(refused(path, what, "it must be a relative path of letters, digits and `._-+=/` that stays in its folder"))
    }
}

/// An identifier of content that becomes a file's name in the cache.
pub(super) fn is_etag(text: &str) -> bool {
    (8..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn refused(name: &str, what: &'static str, problem: &str) -> HubError {
    let name = name.chars().take(120).collect();
    HubError::Name { name, what, problem: problem.to_owned() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_named_by_organisation_name_and_revision() {
        let found = RepoRef::model("org/name-1.5_b@v2").unwrap();
        assert_eq!((found.id.as_str(), found.revision.as_str()), ("org/name-1.5_b", "v2"));
        assert_eq!(RepoRef::model("org/name").unwrap().revision, "main");
        assert!(looks_like_model("org/name@refs/pr/3"));
        for spec in ["name", "a/b/c", "../x", "a/..", "a/b@../c", "a/b@", "/a", "a/", "a b/c", "a\\b/c", "a/b@x y", ""]
        {
            assert!(!looks_like_model(spec), "{spec}");
        }
    }

    #[test]
    fn paths_that_lead_out_are_refused() {
        assert_eq!(checked_path("all/test-00000-of-00001.parquet", "file").unwrap().len(), 31);
        for path in ["../a", "a/../b", "/a", "a//b", "a\\b", "", ".", "C:/a", "a/.git/config", "a\0b", &"x".repeat(500)]
        {
            assert!(checked_path(path, "file").is_err(), "{path}");
        }
    }

    #[test]
    fn commits_and_etags_are_recognised() {
        assert!(is_commit(&"0a".repeat(20)) && !is_commit(&"0A".repeat(20)) && !is_commit("main"));
        assert!(is_etag(&"0a".repeat(32)) && !is_etag("../../../x") && !is_etag("") && !is_etag("a/b/c/d/e"));
    }
}
