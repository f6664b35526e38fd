//! `wit-eval characteristics`: what is known of instruction data and a base model, as a table for reports.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use rand::seq::SliceRandom as _;

use super::Exit;
use super::options::{BatchSize, NetworkArgs, positive};
use super::progress::{Progress, note};
use super::tuning::job::set_threads;
use crate::analyze::picture::{CHARACTERISTICS, CharacteristicsRow};
use crate::backend::{LanguageModel as _, LocalModel, LocalOptions};
use crate::data::characteristics::{
    self, DIVERSITY_WORDS, Exchange, Row, Unit, ngram_diversity, summarize, to_csv, with_row, words,
};
use crate::data::instruct::{ReadOptions, read_instructions};
use crate::data::score_table::name_fault;
use crate::model::checkpoint::{Checkpoint, CheckpointOptions, TemplateChoice};
use crate::model::tokens::TextTokenizer;
use crate::request::{Continuation, Prompt, Request};
use crate::response::Response;
use crate::seed::Seed;
use crate::store::write_atomically;

/// Flags of `characteristics`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CharacteristicsArgs {
    /// Instruction data, in any layout that `train --data` reads
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Other names of the data's fields, as FIELD=COLUMN,... (prompt=question,response=answer)
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    columns: Vec<String>,
    /// Base model: lengths are counted in its tokens, and its log-probability of the prompts and its size are told too
    #[arg(long, value_name = "DIR")]
    base: Option<PathBuf>,
    /// Name of the data [default: the file's name without its ending]
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<String>,
    /// Name of the base model [default: the folder's name]
    #[arg(long = "model-name", alias = "model_name", value_name = "NAME", value_parser = name, requires = "base")]
    model_name: Option<String>,
    /// Prompts whose log-probability is asked, drawn without replacement by --seed; all else reads the whole file
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = positive)]
    limit: usize,
    /// CSV table to add the row to; a row about the same model and data takes the new values. Without it the table goes to
    /// standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Seed of what is drawn: prompts for --limit, words for the n-gram diversity
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// No progress on standard error
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    network: NetworkArgs,
}

const EXAMPLES: &str = "Examples:
  wit-eval characteristics --data alpaca.json                                    lengths in words, n-gram diversity
  wit-eval characteristics --data alpaca.json --base DIR --out characteristics.csv     in tokens, with log-probability and size
Columns of your own may be added to the table by hand; docs/likelihood.md says what each characteristic means.";

fn name(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("write a name".to_owned());
    }
    name_fault(text).map_or_else(|| Ok(text.to_owned()), |fault| Err(fault.to_owned()))
}

/// The rows of a table of characteristics, as an analysis takes them.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<CharacteristicsRow>> {
    Ok(characteristics::read(path)?)
}

/// Measures, and adds the row to the table.
pub(super) fn run(args: &CharacteristicsArgs) -> anyhow::Result<Exit> {
    set_threads(args.network.threads);
    let present = match &args.out {
        Some(path) if path.exists() => characteristics::read(path).context("--out")?,
        _ => Vec::new(),
    };
    let columns = args.columns.join(",").parse().context("--columns")?;
    let data = read_instructions(&args.data, &ReadOptions { columns }).context("--data")?;
    let exchanges = data.rows.iter().filter_map(|row| Exchange::of(&row.body)).collect::<Vec<_>>();
    if exchanges.is_empty() {
        note(false, &format!("{}: no row has a prompt and a response", args.data.display()));
        return Ok(Exit::Nothing);
    }
    note(args.quiet, &format!("{}: {} pairs of prompt and response", args.data.display(), exchanges.len()));
    let base = args.base.as_deref().map(|dir| open_base(dir, args.quiet)).transpose()?;
    let row = measured(args, &exchanges, base)?;
    note(
        args.quiet,
        "these numbers describe the data and the model at hand; they are no estimates and have no interval",
    );
    let rows = with_row(present, row);
    let words = CHARACTERISTICS.map(|(name, _)| Unit::Words.column(name));
    let known = CHARACTERISTICS.iter().map(|(name, _)| *name).chain(words.iter().map(String::as_str));
    let table = to_csv(&rows, &known.collect::<Vec<_>>())?;
    match &args.out {
        Some(path) => {
            write_atomically(path, &table)?;
            note(args.quiet, &format!("written: {} ({} rows)", path.display(), rows.len()));
        }
        None => std::io::stdout().lock().write_all(&table)?,
    }
    Ok(Exit::Success)
}

fn open_base(dir: &Path, quiet: bool) -> anyhow::Result<Checkpoint> {
    let folder = super::fetch::checkpoint_folder(dir, quiet)?;
    let options = CheckpointOptions { chat_template: TemplateChoice::Plain, ..CheckpointOptions::default() };
    let mut checkpoint = Checkpoint::open(&folder, &options).context("--base")?;
    if folder != dir {
        checkpoint.name = dir.display().to_string();
    }
    Ok(checkpoint)
}

fn measured(args: &CharacteristicsArgs, exchanges: &[Exchange], base: Option<Checkpoint>) -> anyhow::Result<Row> {
    let file = args.data.file_stem().unwrap_or(args.data.as_os_str()).to_string_lossy().into_owned();
    let dataset = args.name.clone().unwrap_or(file);
    let model = base.as_ref().map(|base| args.model_name.clone().unwrap_or_else(|| base.name.clone()));
    for (text, flag) in [(Some(&dataset), "--name"), (model.as_ref(), "--model-name")] {
        if let Some((text, fault)) = text.and_then(|text| Some((text, name_fault(text)?))) {
            anyhow::bail!("the name {text:?}: {fault}, or give another with {flag}");
        }
    }
    let mut row = Row { model, dataset: Some(dataset), ..Row::default() };
    let (unit, tokenizer) = match &base {
        Some(base) => (Unit::Tokens, Some(&base.tokenizer)),
        None => (Unit::Words, None),
    };
    let prompts = exchanges.iter().map(Exchange::prompt_text).collect::<Vec<_>>();
    let pairs = prompts
        .iter()
        .zip(exchanges)
        .map(|(prompt, exchange)| Ok((length(tokenizer, prompt)?, length(tokenizer, &exchange.response)?)));
    let lengths = summarize(&pairs.collect::<anyhow::Result<Vec<_>>>()?);
    if let Some(lengths) = lengths {
        row.values.insert(unit.column("generation_ratio"), lengths.generation_ratio);
        row.values.insert(unit.column("prompt_length"), lengths.prompt_length);
        if lengths.left_out > 0 {
            note(args.quiet, &format!("{} prompts without a length are left out", lengths.left_out));
        }
    }
    if let Some(diversity) = ngram_diversity(prompts.iter().map(String::as_str), Seed(args.seed)) {
        row.values.insert("ngram_diversity".to_owned(), diversity.value);
        if diversity.words < DIVERSITY_WORDS {
            let (words, full) = (diversity.words, DIVERSITY_WORDS);
            note(
                args.quiet,
                &format!(
                    "the prompts have {words} words: the n-gram diversity falls as a text grows, and does not compare with that \
                     of {full} words, which larger data are measured on"
                ),
            );
        }
    }
    if let Some(base) = base {
        row.values.insert("model_size".to_owned(), base.architecture.parameters() as f64);
        if let Some(nats) = prompt_log_prob(args, prompts, base)? {
            row.values.insert("prompt_log_prob".to_owned(), nats);
        }
    }
    Ok(row)
}

/// Tokens of a text without special tokens, or words where there is no tokenizer.
fn length(tokenizer: Option<&TextTokenizer>, text: &str) -> anyhow::Result<usize> {
    Ok(match tokenizer {
        Some(tokenizer) => tokenizer.encode(text, false)?.len(),
        None => words(text).count(),
    })
}

/// Mean over a sample of different prompts of the mean log-probability per token; `None` where no prompt has one.
fn prompt_log_prob(args: &CharacteristicsArgs, prompts: Vec<String>, base: Checkpoint) -> anyhow::Result<Option<f64>> {
    let mut prompts = prompts.into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
    prompts.shuffle(&mut Seed(args.seed).stream(&["characteristics", "prompt_log_prob"]));
    prompts.truncate(args.limit);
    let request = |text| Request::LogLikelihood {
        prompt: Prompt::Text(String::new()),
        continuations: vec![Continuation::Text(text)],
    };
    let requests = prompts.into_iter().map(request).collect::<Vec<_>>();
    let asked = requests.iter().collect::<Vec<_>>();
    let mut progress = Progress::new(&base.name, asked.len(), args.quiet);
    let model = LocalModel::new(base, &LocalOptions { engine: args.network.engine_options(), date: None })?;
    let mut answers = vec![None; asked.len()];
    let mut answered = 0;
    let together = match args.network.batch_size {
        BatchSize::Auto => asked.len().max(1),
        BatchSize::Fixed(count) => count,
    };
    for (some, slots) in asked.chunks(together).zip(answers.chunks_mut(together)) {
        model.answer(some, &mut |index, response| {
            answered += 1;
            progress.update(answered, asked.len());
            if let Some(slot) = slots.get_mut(index) {
                *slot = nats_per_token(&response);
            }
        })?;
    }
    progress.finish(answered);
    let scored = answers.iter().flatten().copied().collect::<Vec<f64>>();
    let failed = asked.len() - scored.len();
    if failed > 0 {
        note(
            false,
            &format!("{failed} of {} prompts have no log-probability (too long for the model, say)", asked.len()),
        );
    }
    Ok((!scored.is_empty()).then(|| scored.iter().sum::<f64>() / scored.len() as f64))
}

fn nats_per_token(response: &Response) -> Option<f64> {
    let Response::LogProbs { continuations } = response else { return None };
    let [scored] = continuations.as_slice() else { return None };
    let nats = scored.sum_nats / scored.tokens as f64;
    nats.is_finite().then_some(nats)
}
