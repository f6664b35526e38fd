//! One exchange with the server and what it means.

use serde_json::Value;
use ureq::http::header::{CONTENT_TYPE, DATE, HeaderMap, LOCATION, RETRY_AFTER};

use super::error::Fault;
use super::settings::SecretKey;
use super::{EndpointError, EndpointSettings, retry};

/// Longer answers are refused: no answer of these interfaces comes near it.
const LARGEST_ANSWER_BYTES: u64 = 16 << 20;

/// Characters of a server's message that are repeated.
const LONGEST_QUOTE_CHARS: usize = 300;

/// The connection to a server.
#[derive(Debug)]
pub(super) struct Transport {
    agent: ureq::Agent,
    base: String,
    key: Option<SecretKey>,
}

impl Transport {
    pub fn new(settings: &EndpointSettings) -> Result<Self, EndpointError> {
        let base = settings.base_url()?;
        let Ok(proxy) = settings.proxy.as_deref().map(ureq::Proxy::new).transpose() else {
            let reason = "the address of the HTTP proxy cannot be read".to_owned();
            return Err(EndpointError::Setting { reason });
        };
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(settings.timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections_per_host(settings.concurrency)
            .max_idle_connections(settings.concurrency)
            .proxy(proxy)
            .user_agent(concat!("wit-eval/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self { agent, base, key: settings.key.clone() })
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Posts a body, or asks for a page where there is none.
    pub fn exchange(&self, path: &str, body: Option<&[u8]>) -> Result<Value, Fault> {
        let url = self.url(path);
        let sent = match body {
            Some(body) => {
                let request = self.agent.post(&url).header(CONTENT_TYPE, "application/json");
                self.authorized(request).send(body)
            }
            None => self.authorized(self.agent.get(&url)).call(),
        };
        let mut response = sent.map_err(|error| self.broken(&url, &error))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let read = response.body_mut().with_config().limit(LARGEST_ANSWER_BYTES).read_to_vec();
        let bytes = read.map_err(|error| self.broken(&url, &error))?;
        let text = String::from_utf8(bytes).map_err(|_| Fault::malformed("it is not UTF-8"));
        if (200..300).contains(&status) {
            return self.parsed(&text?);
        }
        Err(self.refused(&url, status, &headers, &text.unwrap_or_default()))
    }

    fn authorized<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.key {
            Some(key) => request.header("Authorization", key.bearer()),
            None => request,
        }
    }

    fn redacted(&self, text: &str) -> String {
        self.key.as_ref().map_or_else(|| text.to_owned(), |key| key.redact(text))
    }

    fn parsed(&self, text: &str) -> Result<Value, Fault> {
        let text = self.key.as_ref().map_or_else(|| text.to_owned(), |key| key.redact_answer(text.to_owned()));
        let value: Value = serde_json::from_str(&text)
            .map_err(|error| Fault::malformed(format!("{error}, in {:?}", self.quote(&text))))?;
        match value.get("error") {
            None | Some(Value::Null) => Ok(value),
            Some(error) => {
                Err(Fault::Transient { reason: self.redacted(&message_of(error)), status: Some(200), wait: None })
            }
        }
    }

    /// A failure below HTTP. Certificates do not get better by repeating; connections may.
    fn broken(&self, url: &str, error: &ureq::Error) -> Fault {
        let reason = self.redacted(&error.to_string());
        match error {
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                Fault::Endpoint(EndpointError::Refused { url: url.to_owned(), status: None, reason })
            }
            _ => Fault::Transient { reason, status: None, wait: None },
        }
    }

    fn refused(&self, url: &str, status: u16, headers: &HeaderMap, body: &str) -> Fault {
        let said = self.message(body);
        let header = |name| headers.get(name).and_then(|value: &ureq::http::HeaderValue| value.to_str().ok());
        let fatal = |advice: String| {
            let reason = format!("{status}, {said}; {advice}");
            Fault::Endpoint(EndpointError::Refused { url: url.to_owned(), status: Some(status), reason })
        };
        match status {
            300..=399 => {
                let target = self.redacted(header(LOCATION).unwrap_or("nowhere"));
                fatal(format!("it redirects to {target}: give the address that answers itself"))
            }
            401 | 403 => fatal("look at the key: it is read from the variable that `--api_key_env` names".to_owned()),
            402 => fatal("the account has no credit".to_owned()),
            404 | 405 => fatal(
                "look at the address and the model's name, and whether the server has this interface (`--endpoint_api`)"
                    .to_owned(),
            ),
            429 if body.contains("insufficient_quota") => fatal("the account has no credit".to_owned()),
            408 | 409 | 425 | 429 | 500.. => {
                let wait = header(RETRY_AFTER).and_then(|value| retry::retry_after(value, header(DATE)));
                if let Some(wait) = wait.filter(|wait| *wait > retry::LONGEST_WAIT) {
                    return fatal(format!("it asks to come back in {} seconds: run again then", wait.as_secs()));
                }
                Fault::Transient { reason: format!("{status}, {said}"), status: Some(status), wait }
            }
            _ => Fault::request(format!("the server refused the request: {status}, {said}")),
        }
    }

    /// What an error page says: the message of its JSON, or how it begins.
    fn message(&self, body: &str) -> String {
        let said = serde_json::from_str::<Value>(body).ok().map(|value| {
            let inner = ["error", "message", "detail"].iter().find_map(|name| value.get(name));
            message_of(inner.unwrap_or(&value))
        });
        let said = self.quote(&said.unwrap_or_else(|| body.to_owned()));
        if said.is_empty() { "without a message".to_owned() } else { said }
    }

    /// The beginning of a text on one line, without the key.
    fn quote(&self, text: &str) -> String {
        let words = self.redacted(text).split_whitespace().collect::<Vec<_>>().join(" ");
        let mut quote: String = words.chars().filter(|c| !c.is_control()).take(LONGEST_QUOTE_CHARS).collect();
        if quote.len() < words.len() {
            quote.push('…');
        }
        quote
    }
}

/// The text of an error object: its `message`, or itself.
fn message_of(error: &Value) -> String {
    match error.get("message").unwrap_or(error) {
        Value::String(message) => message.clone(),
        other => other.to_string(),
    }
}

/// A fault as it is told where there is no second attempt.
pub(super) fn told(fault: &Fault) -> String {
    match fault {
        Fault::Transient { reason, .. } | Fault::Request { reason } => reason.clone(),
        Fault::Endpoint(error) => error.to_string(),
        Fault::Stopped => "it was stopped".to_owned(),
    }
}
