//! A server that does what a script says, request by request.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use wit_eval::backend::endpoint::{Clock, Endpoint, EndpointSettings};

/// What a client sent.
#[derive(Debug, Clone)]
pub struct Received {
    /// Which request this is, from 0.
    pub number: usize,
    pub path: String,
    pub authorization: Option<String>,
    pub body: Value,
}

/// What the server does, in order; the connection is closed afterwards.
#[derive(Debug, Clone)]
pub enum Step {
    Send(Vec<u8>),
    Wait(Duration),
    /// A byte every 20 ms until the client goes away.
    Dribble,
}

/// A server on this machine for the length of a test.
pub struct Server {
    pub url: String,
    pub received: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    pub fn start(script: impl Fn(&Received) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (script, received) = (Arc::new(script), Arc::new(Mutex::new(Vec::new())));
        let (log, count) = (Arc::clone(&received), Arc::new(AtomicUsize::new(0)));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, log, count) = (Arc::clone(&script), Arc::clone(&log), Arc::clone(&count));
                std::thread::spawn(move || serve(stream, &*script, &log, &count));
            }
        });
        Self { url, received }
    }

    /// Always answers with this status and body.
    pub fn always(status: &'static str, body: &'static str) -> Self {
        Self::start(move |_| page(status, "", body))
    }

    pub fn requests(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Settings for this server: one request at a time, short waits.
    pub fn settings(&self) -> EndpointSettings {
        EndpointSettings {
            concurrency: 1,
            timeout: Duration::from_secs(1),
            max_retries: 2,
            ..EndpointSettings::new(&self.url, "tiny")
        }
    }

    pub fn endpoint(&self) -> Endpoint {
        Endpoint::new(self.settings(), Box::new(FastClock::default())).unwrap()
    }
}

fn serve(
    mut stream: TcpStream,
    script: &dyn Fn(&Received) -> Vec<Step>,
    log: &Mutex<Vec<Received>>,
    count: &AtomicUsize,
) {
    let Some(mut received) = read(&stream) else { return };
    received.number = count.fetch_add(1, Ordering::SeqCst);
    log.lock().unwrap().push(received.clone());
    for step in script(&received) {
        match step {
            Step::Send(bytes) => {
                if stream.write_all(&bytes).is_err() {
                    return;
                }
            }
            Step::Wait(duration) => std::thread::sleep(duration),
            Step::Dribble => {
                while stream.write_all(b" ").is_ok() {
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
    }
}

fn read(stream: &TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let path = first.split(' ').nth(1)?.to_owned();
    let (mut length, mut authorization) = (0, None);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(Received { number: 0, path, authorization, body })
}

/// A whole answer; `headers` are lines with their line breaks.
pub fn page(status: &str, headers: &str, body: &str) -> Vec<Step> {
    let length = body.len();
    let text = format!("HTTP/1.1 {status}\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    vec![Step::Send(text.into_bytes())]
}

pub fn ok(body: &Value) -> Vec<Step> {
    page("200 OK", "Content-Type: application/json\r\n", &body.to_string())
}

/// A chat answer.
pub fn says(text: &str) -> Vec<Step> {
    ok(&json!({
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 2}
    }))
}

/// A clock on which waiting takes no time.
#[derive(Debug, Default, Clone)]
pub struct FastClock {
    pub nanoseconds: Arc<AtomicU64>,
}

impl Clock for FastClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::SeqCst))
    }

    fn sleep(&self, duration: Duration) {
        self.nanoseconds.fetch_add(u64::try_from(duration.as_nanos()).unwrap(), Ordering::SeqCst);
    }
}
