//! What is asked of a hub, over HTTP.
//!
//! Addresses and the cache's layout are those of the crate `hf-hub`. The requests are made here, because that crate's own
//! have no time-outs and no bounds, and take the server's word for the names of files.

use std::io::Read;
use std::time::Duration;

use ureq::config::RedirectAuthHeaders;
use ureq::http::{HeaderMap, Response};
use ureq::{Agent, Body};

use super::name::{is_commit, is_etag};
use super::{HubError, HubSettings, RepoRef};

/// The longest answer about a repository.
const INFO_LIMIT_BYTES: u64 = 32 << 20;
/// How often a request is made again after a failure that may pass.
pub(super) const ATTEMPTS: u32 = 3;
/// How many redirections within a hub are followed (a repository that was renamed).
const MOVES: usize = 5;

/// A hub that can be asked.
#[derive(Debug)]
pub(super) struct Client<'a> {
    settings: &'a HubSettings,
    following: Agent,
    direct: Agent,
}

/// What a hub says about a repository.
#[derive(Debug, serde::Deserialize)]
struct Info {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Debug, serde::Deserialize)]
struct Sibling {
    rfilename: String,
}

/// A repository at a commit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listing {
    /// The commit.
    pub commit: String,
    /// Its files.
    pub files: Vec<String>,
}

/// A file of a repository, before its content.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The commit.
    pub commit: String,
    /// Identifier of the content: its SHA-256 for large files.
    pub etag: String,
    /// Its length.
    pub size_bytes: u64,
}

impl<'a> Client<'a> {
    /// A client with time-outs. A token goes to the hub's own host and to no other that it points to.
    pub(super) fn new(settings: &'a HubSettings) -> Self {
        let agent = |redirects: u32| {
            let config = Agent::config_builder()
                .user_agent(concat!("wit-eval/", env!("CARGO_PKG_VERSION")))
                .http_status_as_error(false)
                .max_redirects(redirects)
                .max_redirects_will_error(false)
                .redirect_auth_headers(RedirectAuthHeaders::SameHost)
                .timeout_resolve(Some(Duration::from_secs(20)))
                .timeout_connect(Some(Duration::from_secs(20)))
                .timeout_recv_response(Some(Duration::from_secs(60)))
                .timeout_per_read(Some(Duration::from_secs(60)));
            Agent::new_with_config(config.build())
        };
        Self { settings, following: agent(8), direct: agent(0) }
    }

    /// Address of a file.
    pub(super) fn url(&self, repo: &RepoRef, file: &str) -> String {
        let known = repo.repo();
        format!("{}/{}/resolve/{}/{file}", self.settings.endpoint, known.url(), known.url_revision())
    }

    /// What a repository holds.
    pub(super) fn listing(&self, repo: &RepoRef) -> Result<Listing, HubError> {
        let url = format!("{}/api/{}", self.settings.endpoint, repo.repo().api_url());
        let mut response = self.get(&self.following, &url, None)?;
        self.accept(&url, repo, &response)?;
        let odd = |problem: String| HubError::Answer { url: url.clone(), problem };
        let mut text = Vec::new();
        let read = response.body_mut().as_reader().take(INFO_LIMIT_BYTES + 1).read_to_end(&mut text);
        read.map_err(|error| HubError::Unreachable { url: url.clone(), problem: error.to_string() })?;
        if text.len() as u64 > INFO_LIMIT_BYTES {
            return Err(HubError::TooLarge { url, size: text.len() as u64, limit: INFO_LIMIT_BYTES });
        }
        let info: Info = serde_json::from_slice(&text).map_err(|error| odd(error.to_string()))?;
        if !is_commit(&info.sha) {
            return Err(odd("its answer names no commit".to_owned()));
        }
        Ok(Listing { commit: info.sha, files: info.siblings.into_iter().map(|file| file.rfilename).collect() })
    }

    /// Commit, content and length of a file.
    pub(super) fn head(&self, repo: &RepoRef, file: &str) -> Result<Head, HubError> {
        let url = self.url(repo, file);
        let mut response = self.get(&self.direct, &url, Some("bytes=0-0"))?;
        let mut commit = header(response.headers(), "x-repo-commit");
        for _ in 0..MOVES {
            // A large file lies elsewhere; what is asked here stands in the hub's own answer.
            let moved = header(response.headers(), "location").filter(|_| response.status().is_redirection());
            let Some(path) = moved.filter(|location| location.starts_with('/') && !location.starts_with("//")) else {
                break;
            };
            let at = format!("{}{path}", origin(&self.settings.endpoint));
            response = self.get(&self.direct, &at, Some("bytes=0-0"))?;
            commit = header(response.headers(), "x-repo-commit").or(commit);
        }
        if !response.status().is_redirection() {
            self.accept(&url, repo, &response)?;
        }
        let odd = |problem: &str| HubError::Answer { url: url.clone(), problem: problem.to_owned() };
        let headers = response.headers();
        let etag = header(headers, "x-linked-etag").or_else(|| header(headers, "etag"));
        let etag = etag.map(|etag| etag.trim_start_matches("W/").trim_matches('"').to_owned());
        let etag = etag.filter(|etag| is_etag(etag)).ok_or_else(|| odd("the answer identifies no content (ETag)"))?;
        let commit = commit.filter(|commit| is_commit(commit));
        let commit = commit.ok_or_else(|| odd("the answer names no commit (X-Repo-Commit)"))?;
        if repo.is_pinned() && commit != repo.revision {
            return Err(odd("the answer is about another commit"));
        }
        let linked = header(headers, "x-linked-size").and_then(|size| size.parse().ok());
        let ranged = || header(headers, "content-range")?.rsplit_once('/')?.1.parse().ok();
        let whole = || header(headers, "content-length")?.parse().ok();
        let size = linked.or_else(ranged).or_else(|| if response.status() == 200 { whole() } else { None });
        let size_bytes = size.ok_or_else(|| odd("the answer states no length"))?;
        Ok(Head { commit, etag, size_bytes })
    }

    /// The content of a file from a byte on: where the answer begins (0 if the server sends all of it), and its bytes.
    pub(super) fn content(&self, repo: &RepoRef, file: &str, from: u64) -> Result<(u64, Response<Body>), HubError> {
        let url = self.url(repo, file);
        let range = (from > 0).then(|| format!("bytes={from}-"));
        let response = self.get(&self.following, &url, range.as_deref())?;
        self.accept(&url, repo, &response)?;
        let start = match response.status().as_u16() {
            206 => header(response.headers(), "content-range")
                .and_then(|range| range.trim_start_matches("bytes ").split('-').next()?.parse().ok())
                .ok_or_else(|| HubError::Answer { url, problem: "a part of the file, but not which".to_owned() })?,
            _ => 0,
        };
        Ok((start, response))
    }

    /// One request; failures that may pass are tried again.
    fn get(&self, agent: &Agent, url: &str, range: Option<&str>) -> Result<Response<Body>, HubError> {
        let mut problem = String::new();
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                std::thread::sleep(Duration::from_millis(200 << attempt));
            }
            let mut request = agent.get(url);
            if let Some(token) = self.settings.usable_token() {
                request = request.header("Authorization", token.header());
            }
            if let Some(range) = range {
                request = request.header("Range", range);
            }
            match request.call() {
                Ok(response) if response.status() == 429 || response.status().is_server_error() => {
                    problem = format!("the hub answered {}", response.status().as_u16());
                }
                Ok(response) => return Ok(response),
                Err(error) => problem = error.to_string(),
            }
        }
        Err(HubError::Unreachable { url: url.to_owned(), problem })
    }

    /// Whether an answer holds what was asked for.
    fn accept(&self, url: &str, repo: &RepoRef, response: &Response<Body>) -> Result<(), HubError> {
        let status = response.status().as_u16();
        let code = header(response.headers(), "x-error-code").unwrap_or_default();
        let (url, repository) = (url.to_owned(), repo.to_string());
        match (status, code.as_str()) {
            (200 | 206, _) => Ok(()),
            (401 | 403, "GatedRepo") => {
                let page = format!("{}/{}", self.settings.endpoint, repo.repo().url());
                Err(HubError::Gated { url, repository, page })
            }
            (401 | 403, _) => Err(HubError::Unauthorized { url, status, repository }),
            (404, "RevisionNotFound") => Err(HubError::NotFound { url, what: "revision", repository }),
            (404, "EntryNotFound") => Err(HubError::NotFound { url, what: "file", repository }),
            (404, _) => Err(HubError::NotFound { url, what: "repository or file", repository }),
            _ => Err(HubError::Answer { url, problem: format!("the answer is {status}") }),
        }
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.trim().to_owned())
}

/// Scheme and host of an address.
fn origin(endpoint: &str) -> &str {
    let host = endpoint.find("://").map_or(0, |at| at + 3);
    let end = endpoint.get(host..).and_then(|rest| rest.find('/')).map_or(endpoint.len(), |at| host + at);
    endpoint.get(..end).unwrap_or(endpoint)
}
