//! From data files to what training sees.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use rand::seq::SliceRandom as _;
use serde_json::{Value, json};

use super::super::colored::write_colored;
use super::super::progress::note;
use super::flags::{RenderArgs, TuningArgs};
use crate::data::instruct::{ColumnMap, ReadOptions, Skipped, read_instructions, read_preferences};
use crate::digest::Digest;
use crate::instruction::TokenizedExample;
use crate::model::checkpoint::{Checkpoint, CheckpointOptions, TemplateChoice};
use crate::seed::Seed;
use crate::train::objective::{PreferencePair, TrainingItem};
use crate::train::render::{DropReason, PromptFormat, RenderSettings, Renderer, Truncation};

/// Longest example where neither flag nor model says, in tokens.
const DEFAULT_LENGTH: usize = 4096;

/// What a verb learns from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Kind {
    /// Examples of how to answer.
    Instructions,
    /// Two answers to a prompt.
    Preferences,
}

/// What a run learns from and is checked on.
#[derive(Debug)]
pub(in crate::cli) struct TuningData {
    /// One an example or pair.
    pub items: Vec<TrainingItem>,
    /// Held out.
    pub validation: Vec<TrainingItem>,
    /// Digest of the training files, in their order.
    pub digest: Digest,
    /// What else decided the items: formats, lengths, splits.
    pub decisions: Value,
    /// The chat template that the result is asked with.
    pub template: Option<String>,
}

/// The rows of some files.
struct Rows {
    items: Vec<TrainingItem>,
    digest: Digest,
}

/// Reads, renders and splits the data. `None` where the examples were only to be shown.
pub(in crate::cli) fn load(
    kind: Kind,
    args: &TuningArgs,
    checkpoint: &Checkpoint,
) -> anyhow::Result<Option<TuningData>> {
    let TuningArgs { source, render, optimizer, pace, .. } = args;
    let renderer = renderer(render, checkpoint)?;
    let rows = read(kind, &source.data, &source.columns, &renderer, pace.quiet)?;
    if let Some(count) = render.show {
        show(checkpoint, &rows.items, count)?;
        return Ok(None);
    }
    let (items, mut validation) = split(rows.items, pace.validation_fraction, optimizer.seed)?;
    if let Some(file) = &pace.validation_data {
        validation = read(kind, std::slice::from_ref(file), &source.columns, &renderer, pace.quiet)?.items;
    }
    say_format(render, checkpoint, pace.quiet)?;
    let decisions = json!({
        "prompt_format": renderer.settings().format.name(),
        "max_tokens": renderer.settings().max_tokens,
        "truncation": render.truncation,
        "columns": source.columns,
        "validation_fraction": pace.validation_fraction,
        "validation_data": pace.validation_data,
    });
    let template = template_of(render, checkpoint)?;
    Ok(Some(TuningData { items, validation, digest: rows.digest, decisions, template }))
}

/// Holds a share of the items out.
pub(in crate::cli) fn split(
    items: Vec<TrainingItem>,
    share: Option<f64>,
    seed: u64,
) -> anyhow::Result<(Vec<TrainingItem>, Vec<TrainingItem>)> {
    let Some(share) = share else { return Ok((items, Vec::new())) };
    if !(share > 0.0 && share < 1.0) {
        bail!("--validation-fraction: {share} is not between 0 and 1");
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let held = ((items.len() as f64 * share).round() as usize).max(1);
    if held >= items.len() {
        bail!("--validation-fraction: nothing is left to train on of {} examples", items.len());
    }
    let mut order = (0..items.len()).collect::<Vec<_>>();
    order.shuffle(&mut Seed(seed).stream(&["train", "validation"]));
    let held_out = order.into_iter().take(held).collect::<BTreeSet<_>>();
    let (validation, kept): (Vec<_>, Vec<_>) =
        items.into_iter().enumerate().partition(|(index, _)| held_out.contains(index));
    let items = |part: Vec<(usize, TrainingItem)>| part.into_iter().map(|(_, item)| item).collect();
    Ok((items(kept), items(validation)))
}

/// Opens the model that training starts from.
pub(in crate::cli) fn open_base(args: &TuningArgs) -> anyhow::Result<Checkpoint> {
    let TuningArgs { source, render, .. } = args;
    let chat_template = match &render.chat_template {
        Some(file) => TemplateChoice::File(file.clone()),
        None => TemplateChoice::Own,
    };
    let options =
        CheckpointOptions { tokenizer_dir: render.tokenizer.clone(), chat_template, ..CheckpointOptions::default() };
    let checkpoint = Checkpoint::open(&source.base, &options).context("--base")?;
    if let Some(file) = &checkpoint.gguf {
        bail!(
            "--base {}: a model in GGUF is evaluated, not trained; give the folder of the checkpoint that it was made from \
             (config.json, model.safetensors, tokenizer.json)",
            file.display()
        );
    }
    Ok(checkpoint)
}

/// The prompt format that the flags mean.
fn prompt_format(args: &RenderArgs, checkpoint: &Checkpoint) -> anyhow::Result<PromptFormat> {
    match &args.prompt_format {
        Some(name) => name.parse().context("--prompt-format"),
        None => Ok(PromptFormat::default_for(checkpoint.chat_template.is_some())),
    }
}

/// Says how to ask a model that is tuned without turns although it has a template.
fn say_format(args: &RenderArgs, checkpoint: &Checkpoint, quiet: bool) -> anyhow::Result<()> {
    let format = prompt_format(args, checkpoint)?;
    if matches!(format, PromptFormat::Wit | PromptFormat::Plain) && checkpoint.chat_template.is_some() {
        let name = format.name();
        note(quiet, &format!("--prompt-format {name} has no turns: evaluate the result without --apply_chat_template"));
    }
    Ok(())
}

/// The renderer that the flags mean.
fn renderer<'a>(args: &RenderArgs, checkpoint: &'a Checkpoint) -> anyhow::Result<Renderer<'a>> {
    let context = checkpoint.architecture.context_tokens;
    let max_tokens = args.max_length.unwrap_or(context.min(DEFAULT_LENGTH));
    if max_tokens > context {
        bail!("--max-length: {max_tokens} is more than the {context} tokens of the model's context");
    }
    let side = |truncation: &Truncation| truncation.name() == args.truncation;
    let truncation = Truncation::ALL.into_iter().find(side);
    let truncation =
        truncation.with_context(|| format!("--truncation: `{}` is neither right nor left", args.truncation))?;
    let settings = RenderSettings {
        format: prompt_format(args, checkpoint)?,
        max_tokens,
        truncation,
        end_ids: checkpoint.end_token_ids.clone(),
        date: None,
    };
    Ok(Renderer::new(&checkpoint.tokenizer, checkpoint.chat_template.as_ref(), settings)?)
}

/// The template that asks a tuned checkpoint the way it was tuned.
fn template_of(args: &RenderArgs, checkpoint: &Checkpoint) -> anyhow::Result<Option<String>> {
    let format = prompt_format(args, checkpoint)?;
    let begins = checkpoint.tokenizer.encode("", true)?.first().copied() == checkpoint.tokenizer.bos_id();
    let begins = begins && checkpoint.tokenizer.bos_id().is_some();
    Ok(format
        .chat_template(begins)
        .or_else(|| checkpoint.chat_template.as_ref().map(|template| template.source().to_owned())))
}

/// Reads and renders all files.
fn read(
    kind: Kind,
    files: &[PathBuf],
    columns: &[String],
    renderer: &Renderer<'_>,
    quiet: bool,
) -> anyhow::Result<Rows> {
    let columns: ColumnMap = columns.join(",").parse().context("--columns")?;
    let options = ReadOptions { columns };
    let mut items = Vec::new();
    let mut digests = Vec::new();
    for file in files {
        let (part, digest) = match kind {
            Kind::Instructions => instructions(file, &options, renderer, quiet)?,
            Kind::Preferences => preferences(file, &options, renderer, quiet)?,
        };
        items.extend(part);
        digests.push(digest);
    }
    let digest = match digests.as_slice() {
        [one] => one.clone(),
        several => Digest::of_json(&several)?,
    };
    Ok(Rows { items, digest })
}

type Part = (Vec<TrainingItem>, Digest);

fn instructions(path: &Path, options: &ReadOptions, renderer: &Renderer<'_>, quiet: bool) -> anyhow::Result<Part> {
    let file = read_instructions(path, options)?;
    let examples = renderer.render_all(&file.rows).with_context(|| path.display().to_string())?;
    let counts = Counts { skipped: &file.skipped, cut: examples.cut, dropped: &examples.dropped };
    counts.say(path, file.rows.len(), renderer.settings(), quiet);
    Ok((examples.examples.into_iter().map(TrainingItem::Example).collect(), file.digest))
}

fn preferences(path: &Path, options: &ReadOptions, renderer: &Renderer<'_>, quiet: bool) -> anyhow::Result<Part> {
    let file = read_preferences(path, options)?;
    let pairs = renderer.render_pairs(&file.rows).with_context(|| path.display().to_string())?;
    let counts = Counts { skipped: &file.skipped, cut: pairs.cut, dropped: &pairs.dropped };
    counts.say(path, file.rows.len(), renderer.settings(), quiet);
    let pair = |pair: crate::train::render::TokenizedPair| {
        TrainingItem::Pair(Box::new(PreferencePair { chosen: pair.chosen, rejected: pair.rejected, reference: None }))
    };
    Ok((pairs.pairs.into_iter().map(pair).collect(), file.digest))
}

/// What happened to the rows of a file.
struct Counts<'a> {
    skipped: &'a Skipped,
    cut: usize,
    dropped: &'a BTreeMap<DropReason, usize>,
}

impl Counts<'_> {
    fn say(&self, path: &Path, rows: usize, settings: &RenderSettings, quiet: bool) {
        let mut parts = vec![format!("{}: {rows} rows", path.display())];
        if self.cut > 0 {
            let (side, longest) = (settings.truncation.name(), settings.max_tokens);
            parts.push(format!("{} cut on the {side} to {longest} tokens (--max-length)", self.cut));
        }
        let dropped = self.dropped.iter().map(|(reason, count)| format!("{count} dropped: {}", reason.description()));
        parts.extend(dropped);
        parts.extend(self.skipped.iter().map(|(reason, count)| format!("{count} left out: {}", reason.description())));
        note(quiet, &parts.join("; "));
    }
}

/// Prints the first examples with every token marked by its role.
fn show(checkpoint: &Checkpoint, items: &[TrainingItem], count: usize) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut print = |title: String, example: &TokenizedExample| -> anyhow::Result<()> {
        writeln!(out, "── {title} ──")?;
        write_colored(&mut out, &checkpoint.tokenizer, example, colour)?;
        writeln!(out)?;
        Ok(())
    };
    for (index, item) in items.iter().take(count).enumerate() {
        match item {
            TrainingItem::Example(example) => print(format!("example {}", index + 1), example)?,
            TrainingItem::Pair(pair) => {
                print(format!("pair {}, chosen", index + 1), &pair.chosen)?;
                print(format!("pair {}, rejected", index + 1), &pair.rejected)?;
            }
        }
    }
    Ok(())
}
