//! Where an endpoint is and how it is asked.

use std::fmt;
use std::time::Duration;

use super::EndpointError;

/// Which of the two generation interfaces is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Api {
    /// Conversations go to `/chat/completions`, plain text goes to `/completions`.
    #[default]
    Auto,
    /// Everything goes to `/chat/completions`; a plain text is one turn of the user.
    Chat,
    /// Everything goes to `/completions`; conversations are refused, because the server's chat template is out of reach.
    Completions,
}

impl Api {
    /// The name that options and digests use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Chat => "chat",
            Self::Completions => "completions",
        }
    }
}

impl std::str::FromStr for Api {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        [Self::Auto, Self::Chat, Self::Completions].into_iter().find(|api| api.as_str() == text).ok_or_else(|| {
            EndpointError::Setting { reason: format!("the interface is auto, chat or completions, not {text:?}") }
        })
    }
}

/// What stands in for a key wherever it might be printed.
const MASK: &str = "***";

/// Keys shorter than this are taken for place-holders (`none`, `EMPTY`) that answers may contain by chance.
const SHORTEST_SECRET_BYTES: usize = 16;

/// A key of an endpoint. It is sent in the `Authorization` header and printed nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(String);

impl SecretKey {
    /// A key; white space around it is dropped.
    ///
    /// # Errors
    /// [`EndpointError::Setting`] where it is empty or has characters that no header may carry.
    pub fn new(key: &str) -> Result<Self, EndpointError> {
        let key = key.trim();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            let reason =
                "the key is empty or has characters other than visible ASCII; look at the variable that it is \
                          read from"
                    .to_owned();
            return Err(EndpointError::Setting { reason });
        }
        Ok(Self(key.to_owned()))
    }

    /// The header's value; the one place where the key is written out.
    pub(super) fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// A text for people without the key.
    pub(super) fn redact(&self, text: &str) -> String {
        text.replace(&self.0, MASK)
    }

    /// What a server answered, without the key where it is long enough to be one.
    pub(super) fn redact_answer(&self, body: String) -> String {
        if self.0.len() >= SHORTEST_SECRET_BYTES && body.contains(&self.0) { self.redact(&body) } else { body }
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// What tokens cost, in whatever currency the prices are in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    /// For a million tokens of prompts.
    pub per_million_prompt_tokens: f64,
    /// For a million generated tokens.
    pub per_million_completion_tokens: f64,
}

/// Where an endpoint is and how it is asked. Only `model` and `api` can change an answer; the digest covers them.
#[derive(Debug, Clone)]
pub struct EndpointSettings {
    /// Address of the server, with or without the ending `/v1`.
    pub url: String,
    /// Name of the model, as the server lists it.
    pub model: String,
    /// Which interface is used.
    pub api: Api,
    /// Key, where the server wants one.
    pub key: Option<SecretKey>,
    /// Requests in flight at a time; at least 1.
    pub concurrency: usize,
    /// Requests a minute, repeats included; `None` for no limit.
    pub requests_per_minute: Option<u32>,
    /// Longest wait for one whole answer, from the connection to the last byte.
    pub timeout: Duration,
    /// How often a request is repeated after a transient failure.
    pub max_retries: u32,
    /// Wait before the first repeat; every further one doubles it.
    pub retry_base_delay: Duration,
    /// What tokens cost.
    pub price: Option<Price>,
    /// Address of an HTTP proxy.
    pub proxy: Option<String>,
}

impl EndpointSettings {
    /// Eight requests at a time, two minutes for each, six repeats from half a second on.
    pub fn new(url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            model: model.into(),
            api: Api::Auto,
            key: None,
            concurrency: 8,
            requests_per_minute: None,
            timeout: Duration::from_secs(120),
            max_retries: 6,
            retry_base_delay: Duration::from_millis(500),
            price: None,
            proxy: None,
        }
    }

    /// The address that paths such as `/chat/completions` are appended to.
    ///
    /// An address of a path itself loses the path. One without a version segment (`v1`, `v1beta`) gets `/v1`.
    pub(super) fn base_url(&self) -> Result<String, EndpointError> {
        let url = self.url.trim().trim_end_matches('/');
        let fault = |reason: &str| EndpointError::Url { url: without_user(url), reason: reason.to_owned() };
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        let rest = rest.ok_or_else(|| fault("it must begin with http:// or https://"))?;
        if rest.contains('@') {
            return Err(fault("it carries a user or a key; give the key by its variable instead"));
        }
        if rest.contains(['?', '#']) || rest.contains(char::is_whitespace) {
            return Err(fault("it has a query, a fragment or white space; paths are appended to it"));
        }
        let url = ["/chat/completions", "/completions", "/models"]
            .iter()
            .fold(url, |url, path| url.strip_suffix(path).unwrap_or(url));
        let mut segments = url.split('/').skip(3);
        let versioned = segments.any(|segment| {
            segment.strip_prefix('v').is_some_and(|tail| tail.starts_with(|first: char| first.is_ascii_digit()))
        });
        Ok(if versioned { url.to_owned() } else { format!("{url}/v1") })
    }
}

/// An address without what stands before `@`.
fn without_user(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{MASK}@{host}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn base(url: &str) -> Result<String, String> {
        EndpointSettings::new(url, "m").base_url().map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_is_completed_to_the_versioned_base() {
        for (given, used) in [
            ("http://localhost:8000", "http://localhost:8000/v1"),
            ("http://localhost:8000/v1/", "http://localhost:8000/v1"),
            ("https://host/openai/v1/chat/completions", "https://host/openai/v1"),
            ("https://host/v1beta/openai", "https://host/v1beta/openai"),
            ("http://v1.example.org", "http://v1.example.org/v1"),
        ] {
            assert_eq!(base(given).unwrap(), used);
        }
    }

    #[test]
    fn an_address_with_a_key_in_it_is_refused_without_repeating_the_key() {
        let error = base("http://user:hunter2@host/v1").unwrap_err();
        assert!(error.contains("***@host") && !error.contains("hunter2"), "{error}");
        assert!(base("localhost:8000").is_err_and(|error| error.contains("http://")));
        assert!(base("http://host/v1?key=1").is_err());
    }

    #[test]
    fn a_key_is_printed_as_stars_and_a_broken_one_is_refused() {
        let key = SecretKey::new(" sk-0123456789abcdef\n").unwrap();
        assert_eq!(format!("{key} {key:?}"), "*** ***");
        assert_eq!(key.redact("got sk-0123456789abcdef!"), "got ***!");
        assert_eq!(key.bearer(), "Bearer sk-0123456789abcdef");
        let settings = EndpointSettings { key: Some(key), ..EndpointSettings::new("http://host", "m") };
        assert!(!format!("{settings:?}").contains("sk-"));
        for broken in ["", "  ", "two words", "line\nbreak", "clé"] {
            let error = SecretKey::new(broken).unwrap_err().to_string();
            assert!(broken.trim().is_empty() || !error.contains(broken), "{error}");
        }
    }

    #[test]
    fn a_place_holder_key_leaves_answers_alone() {
        let key = SecretKey::new("none").unwrap();
        assert_eq!(key.redact_answer("there are none".to_owned()), "there are none");
    }
}
