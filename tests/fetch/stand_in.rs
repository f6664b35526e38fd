//! A small hub on this machine: repositories with files, the headers that a hub sends, and faults on demand.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use wit_eval::digest::Digest;

/// The commit of every repository.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

pub fn sha256(bytes: &[u8]) -> String {
    Digest::of_bytes(bytes).to_string()
}

/// What goes wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The connection breaks after this many bytes of the content, as often as stated.
    Cut { after: usize, times: usize },
    /// Parts are not sent, always the whole.
    NoRanges,
    /// Another status, with a code.
    Status(u16, &'static str),
    /// The content is another than its identifier says.
    Forged,
    /// This identifier.
    Etag(&'static str),
    /// This length is claimed.
    Size(u64),
    /// This status for the first requests, as often as stated.
    Busy(u16, usize),
}

#[derive(Debug, Default)]
pub struct State {
    /// `datasets/o/n`, `o/n` or `spaces/o/n`, with the files.
    pub repos: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    /// By file.
    pub faults: BTreeMap<String, Fault>,
    /// `path`, `Range`, `Authorization` and `Host` of every request.
    pub log: Vec<(String, String, String, String)>,
}

/// The hub; it ends with the process.
pub struct Hub {
    pub endpoint: String,
    pub state: Arc<Mutex<State>>,
}

impl Hub {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || drop(answer(stream, &shared, port)));
            }
        });
        Self { endpoint: format!("http://127.0.0.1:{port}"), state }
    }

    pub fn add(&self, repo: &str, file: &str, content: impl Into<Vec<u8>>) {
        let mut state = self.state.lock().unwrap();
        state.repos.entry(repo.to_owned()).or_default().insert(file.to_owned(), content.into());
    }

    pub fn fault(&self, file: &str, fault: Fault) {
        self.state.lock().unwrap().faults.insert(file.to_owned(), fault);
    }

    /// The paths asked for since the last call, with the range where one was asked for.
    pub fn asked(&self) -> Vec<String> {
        let log = std::mem::take(&mut self.state.lock().unwrap().log);
        log.into_iter()
            .map(|(path, range, _, _)| if range.is_empty() { path } else { format!("{path} {range}") })
            .collect()
    }
}

fn answer(mut stream: TcpStream, state: &Mutex<State>, port: u16) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let header = |name: &str| headers.get(name).cloned().unwrap_or_default();
    let mut state = state.lock().unwrap();
    state.log.push((path.clone(), header("range"), header("authorization"), header("host")));
    let reply = reply(&mut state, &path, &header("range"), port);
    drop(state);
    stream.write_all(reply.head.as_bytes())?;
    stream.write_all(&reply.body)
}

struct Reply {
    head: String,
    body: Vec<u8>,
}

fn plain(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let lines = headers.iter().flat_map(|(name, value)| [*name, ": ", *value, "\r\n"]).collect::<String>();
    let length = body.len();
    let head = format!("HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {length}\r\n{lines}\r\n");
    Reply { head, body: body.to_vec() }
}

fn reply(state: &mut State, path: &str, range: &str, port: u16) -> Reply {
    if let Some(api) = path.strip_prefix("/api/") {
        let api = api.strip_prefix("models/").unwrap_or(api);
        let repo = api.split("/revision/").next().unwrap_or_default();
        return match state.repos.get(repo) {
            None => plain(401, &[("X-Error-Code", "RepoNotFound")], b""),
            Some(files) => {
                let siblings = files.keys().map(|file| serde_json::json!({ "rfilename": file }));
                let siblings = siblings.collect::<Vec<_>>();
                let text = serde_json::json!({ "sha": COMMIT, "siblings": siblings, "private": false }).to_string();
                plain(200, &[("Content-Type", "application/json")], text.as_bytes())
            }
        };
    }
    // Large files lie on another host: `localhost` instead of `127.0.0.1`.
    let (elsewhere, path) = path.strip_prefix("/elsewhere").map_or((false, path), |path| (true, path));
    let Some((repo, rest)) = path.trim_start_matches('/').split_once("/resolve/") else {
        return plain(400, &[], b"");
    };
    let file = rest.split_once('/').map_or("", |(_, file)| file).to_owned();
    let Some(content) = state.repos.get(repo).and_then(|files| files.get(&file)).cloned() else {
        let code = if state.repos.contains_key(repo) { "EntryNotFound" } else { "RepoNotFound" };
        return plain(404, &[("X-Error-Code", code)], b"");
    };
    let fault = state.faults.get(&file).cloned();
    match &fault {
        Some(Fault::Status(status, code)) => return plain(*status, &[("X-Error-Code", code)], b""),
        Some(Fault::Busy(status, times)) if *times > 0 => {
            state.faults.insert(file, Fault::Busy(*status, times - 1));
            return plain(*status, &[], b"");
        }
        _ => {}
    }
    let large = file.ends_with(".safetensors");
    let identifier = match &fault {
        Some(Fault::Etag(etag)) => (*etag).to_owned(),
        _ if large => sha256(&content),
        _ => sha256(&content)[..40].to_owned(),
    };
    let size = if let Some(Fault::Size(size)) = fault { size } else { content.len() as u64 };
    if large && !elsewhere {
        let location = format!("http://localhost:{port}/elsewhere{path}");
        let (linked, size) = (format!("\"{identifier}\""), size.to_string());
        return plain(
            302,
            &[("X-Linked-Etag", &linked), ("X-Linked-Size", &size), ("X-Repo-Commit", COMMIT), ("Location", &location)],
            b"",
        );
    }
    let content = if fault == Some(Fault::Forged) { content.iter().map(|byte| byte ^ 1).collect() } else { content };
    part(state, &file, &content, fault.as_ref(), range, &identifier, size)
}

fn part(
    state: &mut State,
    file: &str,
    content: &[u8],
    fault: Option<&Fault>,
    range: &str,
    identifier: &str,
    size: u64,
) -> Reply {
    let bounds = range.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let head_only = range == "bytes=0-0";
    let etag = format!("\"{identifier}\"");
    let mut headers = vec![("ETag", etag.as_str()), ("X-Repo-Commit", COMMIT)];
    let (from, to) = match bounds {
        Some((from, to)) if fault != Some(&Fault::NoRanges) || head_only => {
            (from.parse().unwrap(), to.parse::<usize>().map_or(content.len(), |to| (to + 1).min(content.len())))
        }
        _ => (0, content.len()),
    };
    let ranged = bounds.is_some() && (fault != Some(&Fault::NoRanges) || head_only);
    let content_range = format!("bytes {from}-{}/{size}", to.saturating_sub(1));
    if ranged {
        headers.push(("Content-Range", &content_range));
    }
    let mut reply = plain(if ranged { 206 } else { 200 }, &headers, &content[from.min(to)..to]);
    if let Some(&Fault::Cut { after, times }) = fault
        && times > 0
        && !head_only
    {
        state.faults.insert(file.to_owned(), Fault::Cut { after, times: times - 1 });
        reply.body.truncate(after);
    }
    reply
}
