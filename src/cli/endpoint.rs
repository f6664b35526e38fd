//! Flags of OpenAI-compatible servers, for models under test and for judges.

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use super::options::positive;
use crate::analyze::number::{count, counted};
use crate::backend::endpoint::{Api, Endpoint, EndpointSettings, MachineClock, Price, SecretKey, Usage};

/// A model behind a server.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Endpoint (OpenAI-compatible server: vLLM, SGLang, llama.cpp)")]
pub(super) struct EndpointArgs {
    /// Base URL of a server, such as http://localhost:8000/v1, in place of --checkpoint
    #[arg(long, value_name = "URL", requires = "model", conflicts_with = "checkpoint")]
    pub endpoint: Option<String>,
    /// Name of the model at the server. Repeatable
    #[arg(long, value_name = "NAME", requires = "endpoint")]
    pub model: Vec<String>,
    /// Which interface is asked; auto: chat where prompts are conversations (--apply_chat_template), else completions
    #[arg(long = "endpoint_api", alias = "endpoint-api", value_enum, default_value_t = ApiChoice::Auto)]
    pub endpoint_api: ApiChoice,
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

/// How servers are talked to.
#[derive(Debug, Clone, Args)]
pub(super) struct ConnectionArgs {
    /// Environment variable that holds the server's key; the key appears in no record, log or error
    #[arg(long = "api_key_env", alias = "api-key-env", value_name = "NAME", default_value = "OPENAI_API_KEY")]
    pub api_key_env: String,
    /// Requests in flight at a time
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = positive)]
    pub concurrency: usize,
    /// Requests a minute at most [default: no limit]
    #[arg(long = "rate_limit", alias = "rate-limit", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate_limit: Option<u32>,
    /// Seconds until a request is given up and tried again
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = positive)]
    pub timeout: usize,
    /// How often a request is tried again after a fault (429, 5xx, cut connection, time-out)
    #[arg(long = "max_retries", alias = "max-retries", value_name = "N", default_value_t = 6)]
    pub max_retries: u32,
    /// Price of a million tokens, IN,OUT, to show what the run costs
    #[arg(long, value_name = "IN,OUT", value_parser = price)]
    pub price: Option<Price>,
}

/// Spelling of [`Api`] on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ApiChoice {
    /// Chat for conversations, completions for plain text
    Auto,
    /// /chat/completions: prompts are conversations; no log-likelihoods
    Chat,
    /// /completions: plain text; log-likelihoods where the server echoes the prompt
    Completions,
}

fn price(text: &str) -> Result<Price, String> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|price| price.is_finite() && *price >= 0.0);
    let pair = text.split_once(',').and_then(|(input, output)| Some((number(input)?, number(output)?)));
    let (per_million_prompt_tokens, per_million_completion_tokens) =
        pair.ok_or_else(|| "write two prices of a million tokens, such as 2.5,10".to_owned())?;
    Ok(Price { per_million_prompt_tokens, per_million_completion_tokens })
}

impl EndpointArgs {
    /// Whether prompts go out as conversations.
    pub(super) fn is_chat(&self, applies_template: bool) -> bool {
        self.endpoint.is_some()
            && match self.endpoint_api {
                ApiChoice::Auto => applies_template,
                ApiChoice::Chat => true,
                ApiChoice::Completions => false,
            }
    }

    /// One client a model.
    pub(super) fn open(&self, applies_template: bool) -> anyhow::Result<Vec<Endpoint>> {
        let api = if self.is_chat(applies_template) { Api::Chat } else { Api::Completions };
        let url = self.endpoint.as_deref().unwrap_or_default();
        self.model.iter().map(|model| self.connection.open(url, model, api)).collect()
    }
}

impl ConnectionArgs {
    /// A client of one model.
    pub(super) fn open(&self, url: &str, model: &str, api: Api) -> anyhow::Result<Endpoint> {
        let key = std::env::var(&self.api_key_env).ok().filter(|key| !key.trim().is_empty());
        let mut settings = EndpointSettings::new(url, model);
        settings.api = api;
        settings.key = key.map(|key| SecretKey::new(&key)).transpose()?;
        settings.concurrency = self.concurrency;
        settings.requests_per_minute = self.rate_limit;
        settings.timeout = Duration::from_secs(self.timeout as u64);
        settings.max_retries = self.max_retries;
        settings.price = self.price;
        Ok(Endpoint::new(settings, Box::new(MachineClock::new(Instant::now)))?)
    }
}

/// What was asked of a server and what it cost.
pub(super) fn usage_words(usage: &Usage) -> String {
    let number = |value: u64| count(usize::try_from(value).unwrap_or(usize::MAX));
    let requests = counted(usize::try_from(usage.answered_requests).unwrap_or(usize::MAX), "request");
    let cost = usage.cost.map(|cost| format!(", cost {cost:.4}")).unwrap_or_default();
    format!(
        "{requests} to the server, {} tried again, {} tokens in, {} out{cost}",
        number(usage.retries),
        number(usage.prompt_tokens),
        number(usage.completion_tokens)
    )
}
