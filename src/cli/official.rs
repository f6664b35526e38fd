//! A run in the layouts of the benchmarks' own programs: IFEval's verdicts, FastChat's answers and judgments,
//! AlpacaEval's outputs and annotations.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;

use super::judging;
use super::score::external::official::{Verified, texts};
use crate::data::alpaca_eval::{Annotation, ModelOutput, annotations_json, outputs_json};
use crate::data::fastchat::{self, JudgedBy, ModelAnswer, PairJudgment, SingleJudgment};
use crate::data::{LoggedDocument, LoggedTask};
use crate::execute::response_key;
use crate::instance::{Check, Expectation};
use crate::judge::{Judged, Judging};
use crate::record::{PlanRecord, Purpose};
use crate::scoring::alpaca_eval::Preference;
use crate::store::{CheckpointEntry, ResponseLog, RunFolder, write_atomically};
use crate::task::{Metric, Scorer, Task, VerifierMode};

/// What stands for a time stamp: files of equal runs are equal.
const NO_TIME: f64 = 0.0;

/// One original question of a task with its replies.
struct Answered<'a> {
    place: usize,
    expectation: &'a Expectation,
    document: &'a LoggedDocument,
    replies: Vec<String>,
}

/// Writes the files of every checkpoint and task that has such a layout; gives their number.
pub(super) fn write(output: &Path, folder: &RunFolder, tasks: &BTreeMap<String, LoggedTask>) -> anyhow::Result<usize> {
    let manifest = folder.manifest()?;
    let plan = folder.plan(&manifest)?;
    let log = ResponseLog::read(folder)?;
    let judged = judging::recorded(folder, &manifest, &plan, &log)?;
    let mut written = Vec::new();
    for entry in &manifest.checkpoints {
        for task in manifest.tasks.iter().filter(|task| !task.scorer.is_targets()) {
            let Some(logged) = tasks.get(&task.name) else { continue };
            let answered = originals(entry, task, &plan, &log, logged)?;
            written.extend(of_task(entry, task, &answered, judged.as_ref())?);
        }
    }
    for (name, text) in &written {
        let path = output.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        }
        write_atomically(&path, text.as_bytes())?;
    }
    Ok(written.len())
}

/// The original wordings of a task that a checkpoint answered.
fn originals<'a>(
    entry: &CheckpointEntry,
    task: &Task,
    plan: &'a [PlanRecord],
    log: &ResponseLog,
    logged: &'a LoggedTask,
) -> anyhow::Result<Vec<Answered<'a>>> {
    let mut found = Vec::new();
    for (place, record) in plan.iter().enumerate().filter(|(_, record)| record.task == task.name) {
        let Purpose::Judge { variant, expectation } = &record.purpose else { continue };
        let position = record.instance.rsplit('/').next().and_then(|number| number.parse::<usize>().ok());
        let document = position.and_then(|position| logged.documents.get(position));
        let response = log.get(&response_key(&entry.digest, &record.request)?);
        if let (true, Some(document), Some(response)) = (variant.is_original(), document, response) {
            let replies = response.replies().iter().map(|reply| reply.text.clone()).collect::<Vec<_>>();
            if !replies.is_empty() {
                found.push(Answered { place, expectation, document, replies });
            }
        }
    }
    Ok(found)
}

/// Names, relative to the output folder, and contents.
fn of_task(
    entry: &CheckpointEntry,
    task: &Task,
    answered: &[Answered<'_>],
    judged: Option<&(Judging, Judged)>,
) -> anyhow::Result<Vec<(String, String)>> {
    let label = file_name(&entry.label);
    match task.scorer {
        Scorer::Instructions(mode) => {
            let [strict, loose] = verdicts(answered, mode)?;
            let name = |which: &str| format!("{}/{label}/eval_results_{which}.jsonl", task.name);
            Ok(vec![(name("strict"), strict), (name("loose"), loose)])
        }
        Scorer::MtBench | Scorer::MtBenchPair => mt_bench(entry, task, answered, judged),
        Scorer::AlpacaEval => alpaca_eval(entry, task, answered, judged),
        Scorer::Targets | Scorer::Dialogue => Ok(Vec::new()),
    }
}

/// A label as a part of a path.
fn file_name(label: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || "-_.+=#".contains(c) { c } else { '_' };
    let name: String = label.chars().map(plain).collect();
    name.trim_start_matches('.').to_owned()
}

fn verdicts(answered: &[Answered<'_>], mode: VerifierMode) -> anyhow::Result<[String; 2]> {
    let rows = answered.iter().filter_map(|one| {
        let Expectation::Verified { turns } = one.expectation else { return None };
        let checks: &[Check] = turns.first()?;
        let prompt = one.document.fields.get("prompt")?.as_str()?;
        Some(Verified { prompt, checks, reply: one.replies.first()? })
    });
    texts(&rows.collect::<Vec<_>>(), mode)
}

fn mt_bench(
    entry: &CheckpointEntry,
    task: &Task,
    answered: &[Answered<'_>],
    judged: Option<&(Judging, Judged)>,
) -> anyhow::Result<Vec<(String, String)>> {
    let question = |one: &Answered<'_>| one.document.fields.get("question_id").and_then(serde_json::Value::as_i64);
    let label = file_name(&entry.label);
    let conversations = answered.iter().filter_map(|one| Some((question(one)?, one.replies.as_slice())));
    let answers: Vec<ModelAnswer> = fastchat::answers_of_run(conversations, &entry.label, NO_TIME);
    let mut files = vec![(format!("{}/model_answer/{label}.jsonl", task.name), fastchat::to_jsonl(&answers)?)];
    let Some((judging, judged)) = judged else { return Ok(files) };
    let by = JudgedBy {
        model: &entry.label,
        judge: &judging.judge.name,
        reading: judging.protocols.mt_bench.settings.reading,
        tstamp: NO_TIME,
    };
    let mut single: Vec<SingleJudgment> = Vec::new();
    let mut pairs: Vec<PairJudgment> = Vec::new();
    for one in answered {
        let calls = judged.calls.get(&(entry.label.clone(), one.place));
        let (Some(id), Some(calls)) = (question(one), calls) else { continue };
        let calls = calls.iter().map(|(call, answer)| (call, answer)).collect::<Vec<_>>();
        match one.expectation {
            Expectation::Judged { baseline: Some(baseline), .. } => {
                pairs.extend(fastchat::pair_judgments_of_run(id, &calls, &baseline.generator, &by));
            }
            _ => single.extend(fastchat::single_judgments_of_run(id, &calls, &by)),
        }
    }
    let name =
        |kind: &str| format!("{}/model_judgment/{}_{kind}_{label}.jsonl", task.name, file_name(&judging.judge.name));
    if !single.is_empty() {
        files.push((name("single"), fastchat::to_jsonl(&single)?));
    }
    if !pairs.is_empty() {
        files.push((name("pair"), fastchat::to_jsonl(&pairs)?));
    }
    Ok(files)
}

fn alpaca_eval(
    entry: &CheckpointEntry,
    task: &Task,
    answered: &[Answered<'_>],
    judged: Option<&(Judging, Judged)>,
) -> anyhow::Result<Vec<(String, String)>> {
    let field = |one: &Answered<'_>, key: &str| {
        one.document.fields.get(key).and_then(serde_json::Value::as_str).map(str::to_owned)
    };
    let output = |one: &Answered<'_>, text: String, generator: String| ModelOutput {
        dataset: field(one, "dataset"),
        instruction: field(one, "instruction").unwrap_or_default(),
        output: text,
        generator,
        extra: serde_json::Map::new(),
    };
    let mut outputs = Vec::new();
    let mut annotations = Vec::new();
    for one in answered {
        let reply = one.replies.first().cloned().unwrap_or_default();
        let own = output(one, reply, entry.label.clone());
        if let (Some((judging, judged)), Expectation::Judged { baseline: Some(given), .. }) = (judged, one.expectation)
        {
            let text = given.replies.first().cloned().unwrap_or_default();
            let baseline = output(one, text, given.generator.clone());
            let scores = judged.scores.get(&(entry.label.clone(), one.place)).map(Vec::as_slice).unwrap_or_default();
            let win_rate = scores.iter().find(|score| score.metric == Metric::WinRate.as_str());
            let preference = win_rate.and_then(|found| found.score.credit()).and_then(Preference::from_share);
            annotations.push(Annotation::new(&baseline, &own, &judging.judge.name, preference));
        }
        outputs.push(own);
    }
    let folder = format!("{}/{}", task.name, file_name(&entry.label));
    let mut files = vec![(format!("{folder}/model_outputs.json"), outputs_json(&outputs)?)];
    if !annotations.is_empty() {
        files.push((format!("{folder}/annotations.json"), annotations_json(&annotations)?));
    }
    Ok(files)
}
