//! Replies that were given elsewhere.

use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::judged::{Answered, numbers, print_numbers, report, scores};
use super::matching::{Handle, Matching};
use super::official::{self, Verified};
use super::rows::{self, KEY_FIELDS, ReplyRow};
use super::{ExternalArgs, read_text, say, write_json};
use crate::cli::Exit;
use crate::cli::options::ReportOptions;
use crate::cli::progress::note;
use crate::data::{InstanceOptions, LoggedTask, TaskSource, instances};
use crate::instance::{Expectation, Instance, Presentation};
use crate::perturb::Perturber;
use crate::plan::{Plan, PlanSettings};
use crate::record::{PlanRecord, Purpose};
use crate::request::{Prompt, Request};
use crate::response::{FinishReason, Generation, Response};
use crate::scoring::instructions::compare_modes;
use crate::seed::Seed;
use crate::task::{OutputType, Scorer, Task, VerifierMode};

/// Rows and prompts without a partner that are named one by one.
const LISTED: usize = 5;

/// Judges the replies of a file and prints the report.
pub(super) fn run(
    source: &TaskSource,
    file: &Path,
    args: &ExternalArgs,
    options: &ReportOptions,
    quiet: bool,
) -> anyhow::Result<Exit> {
    let task = with_mode(&source.task, args.ifeval_mode.into());
    refuse_what_replies_do_not_answer(&task)?;
    let name = file.display().to_string();
    let rows = rows::read(&name, &read_text(file)?)?;
    let instance_options = InstanceOptions { data_dir: args.data.as_deref(), ..InstanceOptions::default() };
    let instances = instances(source, &instance_options)?;
    let plan = plan(&task, &instances)?;
    let handles = handles(source, args, &instances, &plan);
    let matching = Matching::of(&rows, &handles);
    tell(&matching, &rows, &instances, quiet)?;
    let answered = answered(&matching, &rows, &instances, &plan, &name)?;
    if answered.is_empty() {
        note(false, &format!("{name}: no row answers a prompt of task `{}`; is it that task's file?", task.name));
        return Ok(Exit::Nothing);
    }
    let label = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let scores = scores(&task, &answered, &label)?;
    report(&task, &answered, &scores, &label, options)?;
    let numbers = numbers(&task, &answered, &scores, options.level);
    print_numbers(&numbers)?;
    if let Some(folder) = &args.official_output {
        official::write(folder, &verified(&task, &answered)?, mode(&task))?;
        note(quiet, &format!("verdicts: {}", folder.display()));
    }
    let differences = mode_differences(&task, &answered)?;
    if !differences.is_empty() {
        say(&format!(
            "{} verdicts depend on --ifeval_mode (official, lm-eval, fixed); --json FILE lists each with its reason.",
            differences.len()
        ))?;
    }
    let left = |positions: &[usize]| -> Value {
        let rows = positions.iter().filter_map(|position| rows.get(*position));
        rows.map(|row| json!({"place": row.place, "key": row.key, "prompt": row.prompt})).collect()
    };
    let missing = matching.missing();
    let missing = missing.iter().filter_map(|position| instances.get(*position));
    write_json(
        args,
        &json!({
            "task": task.name,
            "scorer": task.scorer,
            "responses": name,
            "rows": rows.len(),
            "matched": matching.count(),
            "unmatched_rows": left(&matching.unmatched),
            "reworded_rows": left(&matching.reworded),
            "prompts_without_row": missing.map(|one| json!({"instance": one.id, "prompt": one.prompt.query})).collect::<Value>(),
            "numbers": numbers,
            "mode_differences": differences,
            "scores": scores,
        }),
    )?;
    Ok(Exit::Success)
}

fn with_mode(task: &Task, mode: VerifierMode) -> Task {
    let mut task = task.clone();
    if let Scorer::Instructions(own) = &mut task.scorer {
        *own = mode;
    }
    task
}

fn mode(task: &Task) -> VerifierMode {
    match task.scorer {
        Scorer::Instructions(mode) => mode,
        _ => VerifierMode::Official,
    }
}

fn refuse_what_replies_do_not_answer(task: &Task) -> anyhow::Result<()> {
    let name = &task.name;
    anyhow::ensure!(
        matches!(task.output, OutputType::GenerateUntil(_)),
        "--responses: task `{name}` asks for log-probabilities ({}), which no reply gives",
        task.output
    );
    anyhow::ensure!(
        !task.scorer.needs_judge(),
        "--responses: the replies of task `{name}` are judged by a model; give its judgments with --annotations or --judgments"
    );
    Ok(())
}

/// The questions of all instances in their original wording, in their order.
fn plan(task: &Task, instances: &[Instance]) -> anyhow::Result<Vec<PlanRecord>> {
    let settings = PlanSettings { perturbations: &[], seed: Seed(0), presentation: Presentation::Text, posix: None };
    let mut plan = Plan::default();
    plan.add_task(task, instances, &Perturber::embedded()?, &settings)?;
    Ok(plan.records)
}

fn prompt_of(request: &Request) -> Option<&str> {
    match request {
        Request::Generate { prompt: Prompt::Text(text), .. } | Request::Dialogue { prompt: Prompt::Text(text), .. } => {
            Some(text)
        }
        _ => None,
    }
}

/// What rows may call an instance: its identifier, the keys of its document, its prompt.
fn handles(source: &TaskSource, args: &ExternalArgs, instances: &[Instance], plan: &[PlanRecord]) -> Vec<Handle> {
    let documents = LoggedTask::read(source, args.data.as_deref()).map(|logged| logged.documents).unwrap_or_default();
    let keys = |position: usize| {
        let fields = documents.get(position).map(|document| &document.fields);
        KEY_FIELDS.iter().filter_map(move |field| rows::key_text(fields?.get(*field)?))
    };
    let handle = |(position, (instance, record)): (usize, (&Instance, &PlanRecord))| {
        let mut prompts = vec![instance.prompt.query.clone()];
        prompts.extend(prompt_of(&record.request).filter(|text| *text != instance.prompt.query).map(str::to_owned));
        Handle { keys: std::iter::once(instance.id.clone()).chain(keys(position)).collect(), prompts }
    };
    instances.iter().zip(plan).enumerate().map(handle).collect()
}

/// Says what found no partner.
fn tell(matching: &Matching, rows: &[ReplyRow], instances: &[Instance], quiet: bool) -> anyhow::Result<()> {
    note(quiet, &format!("{} of {} prompts have a row, {} rows", matching.count(), instances.len(), rows.len()));
    let row = |position: &usize| {
        let row = rows.get(*position)?;
        let text = row.prompt.as_ref().or(row.key.as_ref())?;
        Some(format!("row {}: {}", row.place, crate::report::text::shortened(text, 70)))
    };
    let instance = |position: &usize| {
        let instance = instances.get(*position)?;
        Some(format!("{}: {}", instance.id, crate::report::text::shortened(&instance.prompt.query, 70)))
    };
    list("rows that answer no prompt, or one that is answered already", &matching.unmatched, row)?;
    list("prompts without a row, left out of every number", &matching.missing(), instance)?;
    list("rows matched by key, or by nearly the same wording, whose prompt is another one", &matching.reworded, row)
}

fn list(what: &str, positions: &[usize], line: impl Fn(&usize) -> Option<String>) -> anyhow::Result<()> {
    if positions.is_empty() {
        return Ok(());
    }
    say(&format!("{} {what}:", positions.len()))?;
    for text in positions.iter().take(LISTED).filter_map(line) {
        say(&format!("  {text}"))?;
    }
    if positions.len() > LISTED {
        say(&format!("  and {} more", positions.len() - LISTED))?;
    }
    Ok(())
}

fn answered<'a>(
    matching: &Matching,
    rows: &'a [ReplyRow],
    instances: &'a [Instance],
    plan: &'a [PlanRecord],
    file: &str,
) -> anyhow::Result<Vec<Answered<'a>>> {
    let pairs = matching.row_of.iter().zip(instances.iter().zip(plan));
    let pairs = pairs.filter_map(|(row, (instance, record))| Some((rows.get((*row)?)?, instance, record)));
    pairs
        .map(|(row, instance, record)| {
            let generation = |text: &String| Generation {
                text: text.clone(),
                token_ids: Vec::new(),
                finish: FinishReason::EndToken,
                prompt_tokens_cut: 0,
            };
            let mut replies = row.replies.iter().map(generation);
            let response = match (&record.request, row.replies.len()) {
                (Request::Dialogue { turns, .. }, count) if count == turns.len() + 1 => {
                    Response::Dialogue { replies: replies.collect() }
                }
                (Request::Generate { .. }, 1) => Response::Generated(replies.next().context("a reply")?),
                (request, count) => {
                    let turns = if let Request::Dialogue { turns, .. } = request { turns.len() + 1 } else { 1 };
                    anyhow::bail!("{file}:{}: {count} replies where {turns} are asked for", row.place)
                }
            };
            Ok(Answered { instance, record, row, response })
        })
        .collect()
}

/// Replies to prompts of one turn whose instructions a program verifies.
fn verified<'a>(task: &Task, answered: &'a [Answered<'_>]) -> anyhow::Result<Vec<Verified<'a>>> {
    let refuse = || format!("--official-output: task `{}` has no instructions in IFEval's form", task.name);
    let one = |one: &'a Answered<'_>| match (&one.record.purpose, one.row.replies.as_slice()) {
        (Purpose::Judge { expectation: Expectation::Verified { turns }, .. }, [reply]) => {
            Some(Verified { prompt: &one.instance.prompt.query, checks: turns.first()?, reply })
        }
        _ => None,
    };
    answered.iter().map(|answered| one(answered).with_context(refuse)).collect()
}

/// Verdicts that are not the same in every mode of verification.
fn mode_differences(task: &Task, answered: &[Answered<'_>]) -> anyhow::Result<Vec<Value>> {
    if !matches!(task.scorer, Scorer::Instructions(_)) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for (one, answered) in verified(task, answered)?.iter().zip(answered) {
        // What one of the modes cannot build is no difference that a verdict would show.
        for difference in compare_modes(one.checks, one.reply).unwrap_or_default() {
            let verdicts = VerifierMode::ALL.iter().zip(difference.verdicts);
            let verdicts: serde_json::Map<String, Value> = verdicts
                .map(|(mode, (strict, loose))| (mode.to_string(), json!({"strict": strict, "loose": loose})))
                .collect();
            found.push(json!({
                "instance": answered.instance.id,
                "row": answered.row.place,
                "index": difference.index,
                "instruction": difference.id,
                "verdicts": verdicts,
                "reason": difference.reason,
            }));
        }
    }
    Ok(found)
}
