//! Why an endpoint could not be used.

/// Why an endpoint stopped answering. Nothing was recorded for the requests left open: the same command asks them again.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The address cannot be used.
    #[error("the endpoint's address `{url}` cannot be used: {reason}")]
    Url {
        /// The address, without a user's name or key.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting has no usable value.
    #[error("endpoint: {reason}")]
    Setting {
        /// What is wrong.
        reason: String,
    },
    /// Nobody answers there.
    #[error("nothing answers at {url} ({reason}); is the server running, and is this its address?")]
    Unreachable {
        /// The base address.
        url: String,
        /// What the connection ended with.
        reason: String,
    },
    /// Transient failures did not end.
    #[error(
        "{url} gave no usable answer in {attempts} attempts, the last one: {reason}. Nothing was recorded for this \
         request; run again to continue, with more `--max_retries`, a longer `--timeout` or less `--concurrency`"
    )]
    Exhausted {
        /// The full address.
        url: String,
        /// How often it was asked.
        attempts: u32,
        /// The last failure.
        reason: String,
    },
    /// The server does not accept this caller, path or certificate; repeating does not help.
    #[error("{url} refuses to be used: {reason}")]
    Refused {
        /// The full address.
        url: String,
        /// Status of the answer, where there was one.
        status: Option<u16>,
        /// What it said, and what to do.
        reason: String,
    },
    /// One request after another was refused and none was answered.
    #[error("the first {count} requests were all refused by {url}, so nothing was recorded; the last one: {reason}")]
    AllRefused {
        /// How many.
        count: usize,
        /// The base address.
        url: String,
        /// What the server said.
        reason: String,
    },
    /// The server lists other models.
    #[error("{url} does not serve a model `{model}`; it lists: {present}")]
    ModelAbsent {
        /// The base address.
        url: String,
        /// The model that was asked for.
        model: String,
        /// The models that it lists.
        present: String,
    },
    /// Log-probabilities of a prompt are not to be had.
    #[error(
        "{url} gives no log-probabilities of a prompt ({reason}), which tasks with `multiple_choice`, `loglikelihood` and \
         `loglikelihood_rolling` need: the /completions interface must honour `echo` together with `logprobs`. vLLM and SGLang \
         do; llama-cpp-python does when it is started with `--logits_all true`; servers that only chat do not. Choose tasks \
         that generate text, or evaluate the checkpoint locally"
    )]
    NoEcho {
        /// The base address.
        url: String,
        /// What was found instead.
        reason: String,
    },
    /// Log-probabilities under a conversation were asked for.
    #[error(
        "log-probabilities under a conversation cannot be asked of {url}: the server renders the conversation by its own \
         template and tells the probability of no given answer. Ask without `--apply_chat_template`, choose tasks that generate \
         text, or evaluate the checkpoint locally"
    )]
    ChatLogProbs {
        /// The base address.
        url: String,
    },
    /// A log-probability was asked through the interface that has none.
    #[error(
        "log-probabilities of given texts need the /completions interface of {url}, which `--endpoint_api chat` excludes; \
         use `--endpoint_api auto` or choose tasks that generate text"
    )]
    ChatOnly {
        /// The base address.
        url: String,
    },
    /// A conversation was to be asked as plain text.
    #[error(
        "a conversation cannot be asked through the /completions interface of {url}, because its chat template is the server's; \
         use `--endpoint_api auto` or `chat`, or ask without `--apply_chat_template`"
    )]
    ConversationAsText {
        /// The base address.
        url: String,
    },
    /// The likeliest next tokens are not to be had.
    #[error(
        "{url} lists no likeliest next tokens (`top_logprobs`), which this judge's verdict is computed from; use a server and a \
         model that have them, or a judge that writes its verdict out"
    )]
    NoTopLogProbs {
        /// The full address.
        url: String,
    },
    /// A request could not be written as JSON.
    #[error("a request could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Why one attempt, or one request, has no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// Worth another attempt.
    Transient {
        /// What happened.
        reason: String,
        /// Status of the answer, where there was a whole one.
        status: Option<u16>,
        /// How long the server asked to wait.
        wait: Option<std::time::Duration>,
    },
    /// The server will never answer this request; others it may.
    Request {
        /// For people.
        reason: String,
    },
    /// The server will answer no request.
    Endpoint(EndpointError),
    /// Another request met a fault of the endpoint.
    Stopped,
}

impl Fault {
    /// An answer that is not what the interface defines.
    pub fn malformed(what: impl std::fmt::Display) -> Self {
        Self::Transient {
            reason: format!("the answer is not what the interface defines: {what}"),
            status: None,
            wait: None,
        }
    }

    /// A request without an answer.
    pub fn request(reason: impl Into<String>) -> Self {
        Self::Request { reason: reason.into() }
    }
}

impl From<EndpointError> for Fault {
    fn from(error: EndpointError) -> Self {
        Self::Endpoint(error)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Endpoint(error.into())
    }
}
