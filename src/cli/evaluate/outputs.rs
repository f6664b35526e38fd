//! What an evaluation writes for other programs, in their layouts.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::EvaluateArgs;
use super::subject::{self, Subject};
use crate::backend::rounded_to;
use crate::cli::official;
use crate::cli::progress::note;
use crate::cli::report::LoadedRun;
use crate::data::{LoggedTask, TaskSource};
use crate::model::chat_template::{ChatOptions, ChatTemplate};
use crate::model::checkpoint::Checkpoint;
use crate::report::lm_eval::{LmEvalInputs, ModelFacts, Moment, NamedToken, files};
use crate::request::{Prompt, Request};
use crate::store::{CheckpointEntry, RunFolder, write_atomically};

/// Writes what `--lm-eval-output` and `--official-output` ask for.
pub(super) fn write(
    args: &EvaluateArgs,
    folder: &RunFolder,
    sources: &[TaskSource],
    entries: &[CheckpointEntry],
    begun: Instant,
) -> anyhow::Result<()> {
    if args.output.lm_eval_output.is_none() && args.output.official_output.is_none() {
        return Ok(());
    }
    let data = args.tasks.data.as_deref();
    let read = |source: &TaskSource| Ok((source.task.name.clone(), LoggedTask::read(source, data)?));
    let tasks = sources.iter().map(read).collect::<anyhow::Result<BTreeMap<_, _>>>()?;
    if let Some(output) = &args.output.official_output {
        let written = official::write(output, folder, &tasks)?;
        note(args.output.quiet, &format!("official layouts: {written} files in {}", output.display()));
    }
    if let Some(output) = &args.output.lm_eval_output {
        write_lm_eval(args, output, folder, &tasks, entries, begun)?;
    }
    Ok(())
}

fn write_lm_eval(
    args: &EvaluateArgs,
    output: &Path,
    folder: &RunFolder,
    tasks: &BTreeMap<String, LoggedTask>,
    entries: &[CheckpointEntry],
    begun: Instant,
) -> anyhow::Result<()> {
    // The networks are gone; what the folders say about tokens and templates is read again.
    let subjects = subject::open(args)?;
    let mut models = BTreeMap::new();
    let mut templates: BTreeMap<&str, ChatTemplate> = BTreeMap::new();
    for (subject, entry) in subjects.into_iter().zip(entries) {
        if let Subject::Checkpoint(checkpoint) = subject {
            models.insert(entry.label.clone(), facts(&checkpoint, args));
            if let Some(template) = checkpoint.chat_template {
                templates.insert(&entry.label, template);
            }
        }
    }
    let render = |label: &str, prompt: &Prompt| {
        let Prompt::Chat { messages, assistant_prefix } = prompt else { return None };
        let template = templates.get(label)?;
        if assistant_prefix.is_empty() {
            let options = ChatOptions { add_generation_prompt: true, date: Some(args.model.date) };
            return template.render(messages, options).ok();
        }
        template.render_open(messages, assistant_prefix, Some(args.model.date)).ok().flatten()
    };
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let moment = Moment { unix_seconds: since.as_secs(), microseconds: since.subsec_micros() };
    let run = LoadedRun::open(folder)?;
    let response_of = |label: &str, request: &Request| run.response(label, request);
    let inputs = LmEvalInputs {
        run: &run.inputs(&response_of),
        tasks,
        models: &models,
        rendered: &render,
        moment,
        duration_seconds: Some(begun.elapsed().as_secs_f64()),
    };
    let written = files(output, &inputs)?;
    for (path, bytes) in &written {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        write_atomically(path, bytes)?;
        note(args.output.quiet, &format!("lm-evaluation-harness layout: {}", path.display()));
    }
    Ok(())
}

/// What a folder says that the run's records do not.
fn facts(checkpoint: &Checkpoint, args: &EvaluateArgs) -> ModelFacts {
    // On the CPU, sums are float32 in any case; narrower is what the weights were rounded to.
    let rounded = rounded_to(checkpoint, args.model.network.dtype.into());
    let tokenizer = &checkpoint.tokenizer;
    let named = tokenizer.named_tokens();
    let token = |text: &Option<String>, id: Option<u32>| NamedToken { text: text.clone(), id };
    ModelFacts {
        name: Some(checkpoint.dir.display().to_string()),
        dtype: Some(format!("torch.{}", rounded.unwrap_or("float32"))),
        tokens: Some([
            token(&named.pad, tokenizer.pad_id()),
            token(&named.eos, tokenizer.eos_id()),
            token(&named.bos, tokenizer.bos_id()),
        ]),
        max_length_tokens: Some(checkpoint.architecture.context_tokens),
        chat_template: checkpoint.chat_template.as_ref().map(|template| template.source().to_owned()),
    }
}
