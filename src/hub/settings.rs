//! Where the hub and its cache are, and who asks; read from the environment's variables by the caller.

use std::path::{Path, PathBuf};

use super::HubError;

/// The hub that is asked where nothing is said.
const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// A secret: it goes into requests and nowhere else.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token; `None` for an empty one or one that no header can hold.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let plain = !text.is_empty() && text.len() <= 4096 && text.bytes().all(|byte| byte.is_ascii_graphic());
        plain.then(|| Self(text.to_owned()))
    }

    pub(super) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// How a hub is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubSettings {
    /// Address of the hub, without a slash at the end.
    pub endpoint: String,
    /// Folder of the cache, in the layout that the hub's own programs share.
    pub cache_dir: PathBuf,
    /// Who asks. Sent over `https` or to this machine only, and never to another host that the hub points to.
    pub token: Option<Token>,
    /// Nothing is asked; only what is here counts.
    pub offline: bool,
}

impl HubSettings {
    /// The public hub, nobody asking.
    pub fn new(cache_dir: impl Into<PathBuf>) -> Self {
        Self { endpoint: DEFAULT_ENDPOINT.to_owned(), cache_dir: cache_dir.into(), token: None, offline: false }
    }

    /// Reads the variables that the hub's own programs read: `HF_ENDPOINT`; `HF_HUB_CACHE`, else `hub` in `HF_HOME`, else
    /// in `huggingface` in `XDG_CACHE_HOME` or `~/.cache`; `HF_TOKEN`, else the file `HF_TOKEN_PATH` or `token` in
    /// `HF_HOME`; `HF_HUB_OFFLINE`.
    pub fn from_variables(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, HubError> {
        let get = |name: &str| lookup(name).filter(|value| !value.trim().is_empty());
        let home = get("HF_HOME").map(PathBuf::from).or_else(|| {
            let cache = get("XDG_CACHE_HOME").map(PathBuf::from);
            Some(cache.or_else(|| Some(Path::new(&get("HOME")?).join(".cache")))?.join("huggingface"))
        });
        let cache_dir = get("HF_HUB_CACHE").map(PathBuf::from).or_else(|| Some(home.as_ref()?.join("hub")));
        let cache_dir = cache_dir.ok_or(HubError::Variable {
            variable: "HF_HOME",
            value: String::new(),
            problem: "neither it nor HOME is set; set it to the folder that may hold the cache",
        })?;
        let endpoint = get("HF_ENDPOINT").unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned());
        let endpoint = endpoint.trim().trim_end_matches('/').to_owned();
        if !endpoint.starts_with("https://") && !endpoint.starts_with("http://") {
            let problem = "write an address that begins with https:// or http://";
            return Err(HubError::Variable { variable: "HF_ENDPOINT", value: endpoint, problem });
        }
        let token_file = get("HF_TOKEN_PATH").map(PathBuf::from).or_else(|| Some(home?.join("token")));
        let stored = || Token::new(&std::fs::read_to_string(token_file?).ok()?);
        let token = get("HF_TOKEN").and_then(|text| Token::new(&text)).or_else(stored);
        let is_set = |value: String| ["1", "ON", "YES", "TRUE"].contains(&value.trim().to_uppercase().as_str());
        Ok(Self { endpoint, cache_dir, token, offline: get("HF_HUB_OFFLINE").is_some_and(is_set) })
    }

    /// The token, where the way to the endpoint is no open one.
    pub(super) fn usable_token(&self) -> Option<&Token> {
        let open = self.endpoint.strip_prefix("http://").map(|rest| rest.split('/').next().unwrap_or_default());
        let host = open.map(|host| {
            host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(host, _)| host)
        });
        let safe = host.is_none_or(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host));
        self.token.as_ref().filter(|_| safe)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<HubSettings, HubError> {
        let owned = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        HubSettings::from_variables(owned)
    }

    #[test]
    fn the_cache_is_where_the_hubs_own_programs_have_it() {
        let cache = |variables: &[(&str, &str)]| read(variables).unwrap().cache_dir.display().to_string();
        assert_eq!(cache(&[("HOME", "/h")]), "/h/.cache/huggingface/hub");
        assert_eq!(cache(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]), "/x/huggingface/hub");
        assert_eq!(cache(&[("HOME", "/h"), ("HF_HOME", "/f")]), "/f/hub");
        assert_eq!(cache(&[("HF_HOME", "/f"), ("HF_HUB_CACHE", "/c")]), "/c");
        assert!(read(&[]).is_err());
    }

    #[test]
    fn endpoint_offline_and_token_are_read_and_the_token_is_never_shown() {
        let secret = "hf_secret";
        let variables = [
            ("HOME", "/nowhere"),
            ("HF_ENDPOINT", "https://mirror.example/"),
            ("HF_TOKEN", secret),
            ("HF_HUB_OFFLINE", "yes"),
        ];
        let settings = read(&variables).unwrap();
        assert_eq!(settings.endpoint, "https://mirror.example");
        assert!(settings.offline && settings.usable_token().is_some());
        assert!(!format!("{settings:?}").contains(secret), "{settings:?}");
        assert!(read(&[("HOME", "/h"), ("HF_ENDPOINT", "mirror")]).is_err());
        let open = HubSettings { endpoint: "http://mirror.example".to_owned(), ..settings };
        assert!(open.usable_token().is_none(), "an open way to another machine");
        assert!(Token::new("a b").is_none() && Token::new("a\r\nX: y").is_none());
    }
}
