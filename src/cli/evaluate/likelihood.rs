//! `--likelihood FILE`: which prompts and responses every checkpoint is asked to score, and how they are written.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use rand::seq::SliceRandom as _;

use super::EvaluateArgs;
use super::subject::Subject;
use crate::chat::{Message, Role};
use crate::cli::options::positive;
use crate::cli::progress::note;
use crate::data::characteristics::Exchange;
use crate::data::instruct::{ReadOptions, read_instructions};
use crate::digest::Digest;
use crate::model::chat_template::{ChatOptions, ChatTemplate, ChatTemplateError};
use crate::plan::LikelihoodPair;
use crate::request::Prompt;
use crate::seed::Seed;
use crate::store::LikelihoodSettings;

/// Whose likelihood is asked.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Likelihood")]
pub(in crate::cli) struct LikelihoodArgs {
    /// Instruction data, in any layout that `train --data` reads, whose prompts and responses (given their prompts) every
    /// checkpoint scores: mean log-probability per token, as a density in the report
    #[arg(long, value_name = "FILE")]
    pub likelihood: Option<PathBuf>,
    /// Pairs that are scored, drawn from the file without replacement (by --seed)
    #[arg(long = "likelihood_limit", alias = "likelihood-limit", value_name = "N", default_value_t = 100,
        value_parser = positive, requires = "likelihood")]
    pub likelihood_limit: usize,
}

/// What is asked of a file.
pub(super) struct Asked {
    /// For the manifest.
    pub settings: LikelihoodSettings,
    /// The pairs.
    pub pairs: Vec<LikelihoodPair>,
}

/// The pairs that `--likelihood` asks for, if it is given, in the file's order.
pub(super) fn pairs(args: &EvaluateArgs, subjects: &[Subject]) -> anyhow::Result<Option<Asked>> {
    let Some(file) = &args.likelihood.likelihood else { return Ok(None) };
    let limit = args.likelihood.likelihood_limit;
    let data = read_instructions(file, &ReadOptions::default()).context("--likelihood")?;
    let exchanges = distinct(data.rows.iter().filter_map(|row| Some((row.number, Exchange::of(&row.body)?))))?;
    let writer = Writer::new(args, subjects);
    let mut order = (0..exchanges.len()).collect::<Vec<_>>();
    order.shuffle(&mut Seed(args.perturbations.seed).stream(&["likelihood"]));
    let mut drawn = Vec::new();
    let mut refused = Vec::new();
    for place in order {
        let Some((row, exchange)) = exchanges.get(place) else { continue };
        match writer.pair(file, *row, exchange)? {
            Ok(pair) => drawn.push((place, pair)),
            Err(reason) => refused.push(reason),
        }
        if drawn.len() == limit {
            break;
        }
    }
    drawn.sort_by_key(|(place, _)| *place);
    let (name, quiet) = (file.display(), args.output.quiet);
    let why = refused.first().map(|reason| format!(" ({reason})")).unwrap_or_default();
    anyhow::ensure!(
        !drawn.is_empty(),
        "--likelihood {name}: no row has a prompt and a response that can be scored{why}"
    );
    if !refused.is_empty() {
        note(quiet, &format!("--likelihood {name}: {} rows are passed over{why}", refused.len()));
    }
    let of = exchanges.len();
    note(quiet, &format!("--likelihood {name}: {} of {of} different pairs are scored", drawn.len()));
    let source = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    let chat_template = !writer.templates.is_empty();
    let settings = LikelihoodSettings { source, digest: data.digest, limit, chat_template };
    Ok(Some(Asked { settings, pairs: drawn.into_iter().map(|(_, pair)| pair).collect() }))
}

/// The exchanges with the number of their row; of those that are the same word by word only the first.
fn distinct(exchanges: impl Iterator<Item = (usize, Exchange)>) -> anyhow::Result<Vec<(usize, Exchange)>> {
    let (mut seen, mut kept) = (BTreeSet::new(), Vec::new());
    for (row, exchange) in exchanges {
        if seen.insert(Digest::of_json(&(&exchange.before, &exchange.response))?) {
            kept.push((row, exchange));
        }
    }
    Ok(kept)
}

/// Writes exchanges as they are asked: through the checkpoints' chat template where the run presents prompts through it.
struct Writer<'a> {
    args: &'a EvaluateArgs,
    /// With the checkpoint's name; of checkpoints whose templates are the same, only the first. Empty: no template.
    templates: Vec<(&'a str, &'a ChatTemplate)>,
}

impl<'a> Writer<'a> {
    fn new(args: &'a EvaluateArgs, subjects: &'a [Subject]) -> Self {
        let mut templates: Vec<(&str, &ChatTemplate)> = Vec::new();
        if args.applies_chat_template() {
            for subject in subjects {
                // Behind an endpoint the template is the server's: nobody but it can write the text.
                let Subject::Checkpoint(checkpoint) = subject else { continue };
                if let Some(template) = &checkpoint.chat_template
                    && templates.iter().all(|(_, other)| other.digest() != template.digest())
                {
                    templates.push((&checkpoint.name, template));
                }
            }
        }
        Self { args, templates }
    }

    /// A pair as it is asked; inside, why a row cannot be.
    fn pair(&self, file: &Path, row: usize, exchange: &Exchange) -> anyhow::Result<Result<LikelihoodPair, String>> {
        let (prompt_text, prompt, response) = match self.rendered(file, row, exchange)? {
            None => {
                let text = exchange.prompt_text();
                (text.clone(), Prompt::Text(text), format!(" {}", exchange.response))
            }
            Some(Err(reason)) => return Ok(Err(format!("row {row}: {reason}"))),
            Some(Ok((prompt, response))) => {
                let messages = exchange.before.clone();
                (prompt, Prompt::Chat { messages, assistant_prefix: String::new() }, response)
            }
        };
        let id = Digest::of_json(&(&exchange.before, &exchange.response))?;
        let cluster = Digest::of_json(&exchange.before)?;
        Ok(Ok(LikelihoodPair {
            id: id.short().to_owned(),
            cluster: cluster.short().to_owned(),
            prompt_text,
            prompt,
            response,
        }))
    }

    /// Prompt and response through the chat template; `None` without one. One text is asked of all checkpoints, so that
    /// their templates have to write the same.
    fn rendered(
        &self,
        file: &Path,
        row: usize,
        exchange: &Exchange,
    ) -> anyhow::Result<Option<Result<(String, String), String>>> {
        let mut first: Option<(&str, (String, String))> = None;
        for (name, template) in &self.templates {
            let texts = match self.through(template, exchange) {
                Ok(texts) => texts,
                Err(error) => return Ok(Some(Err(error.to_string()))),
            };
            match &first {
                Some((other, same)) => anyhow::ensure!(
                    *same == texts,
                    "--likelihood {}: row {row}: the chat templates of {other} and {name} write different texts, whose \
                     likelihoods do not compare; give one template to all with --chat_template FILE, or evaluate the two in \
                     runs of their own",
                    file.display()
                ),
                None => first = Some((name, texts)),
            }
        }
        Ok(first.map(|(_, texts)| Ok(texts)))
    }

    /// The prompt with the assistant's turn open, and the response as the template writes it there: some put white space
    /// before it that the opening lacks.
    fn through(&self, template: &ChatTemplate, exchange: &Exchange) -> Result<(String, String), ChatTemplateError> {
        let write = |turns: &[Message], add_generation_prompt| {
            template.render(turns, ChatOptions { add_generation_prompt, date: Some(self.args.model.date) })
        };
        let opening = write(&exchange.before, true)?;
        let mut turns = exchange.before.clone();
        turns.push(Message::new(Role::Assistant, exchange.response.as_str()));
        let whole = write(&turns, false)?;
        let response = exchange.response.trim();
        let lead = whole.strip_prefix(&opening).and_then(|tail| tail.split_once(response)).map(|(lead, _)| lead);
        let lead = lead.filter(|lead| lead.trim().is_empty()).unwrap_or_default();
        Ok((opening.clone(), format!("{lead}{response}")))
    }
}
