//! Models behind a server: what is sent, how answers are read, and everything that a server may do wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::float_cmp,
    missing_docs
)]

#[path = "endpoint/faults.rs"]
mod faults;
#[path = "endpoint/questions.rs"]
mod questions;
#[path = "endpoint/real.rs"]
mod real;
#[path = "endpoint/script.rs"]
mod script;

use wit_eval::backend::{BackendError, LanguageModel};
use wit_eval::chat::{Message, Role};
use wit_eval::request::{Decoding, Prompt, Request};
use wit_eval::response::Response;

/// A question in one turn.
fn question(text: &str) -> Request {
    let prompt = Prompt::Chat { messages: vec![Message::new(Role::User, text)], assistant_prefix: String::new() };
    Request::Generate { prompt, decoding: Decoding::greedy(8) }
}

/// All answers, in the order of the requests.
fn ask(model: &dyn LanguageModel, requests: &[Request]) -> Result<Vec<Response>, BackendError> {
    let mut answers: Vec<Option<Response>> = vec![None; requests.len()];
    let requests: Vec<&Request> = requests.iter().collect();
    model.answer(&requests, &mut |index, response| {
        assert!(answers[index].replace(response).is_none(), "request {index} was answered twice");
    })?;
    Ok(answers.into_iter().map(|answer| answer.expect("every request was answered")).collect())
}

fn text_of(response: &Response) -> &str {
    match response {
        Response::Generated(generation) => &generation.text,
        other => panic!("{other:?}"),
    }
}
