//! Who is asked: checkpoints on this machine, or models behind an endpoint.

use std::collections::BTreeSet;

use super::EvaluateArgs;
use crate::backend::endpoint::{Endpoint, EndpointError};
use crate::backend::{BackendError, LanguageModel, LocalModel, LocalOptions, held_types, rounded_to};
use crate::chat::{Message, Role};
use crate::cli::endpoint::usage_words;
use crate::cli::options::{BatchSize, DtypeChoice, bytes_words};
use crate::cli::progress::{Progress, note};
use crate::digest::Digest;
use crate::execute::{ExecuteError, Pending, Portion, execute, response_key};
use crate::model::chat_template::ChatOptions;
use crate::model::checkpoint::{Checkpoint, CheckpointOptions, Provenance};
use crate::model::engine::{EngineOptions, MemoryPlan};
use crate::model::gguf::GgufFile;
use crate::plan::Plan;
use crate::record::{Purpose, ResponseRecord};
use crate::request::Request;
use crate::response::Response;
use crate::store::{CheckpointEntry, ResponseLog};

/// Requests handed to a server at a time where `--batch_size` is auto: its threads wait for one another at the end of each.
const ENDPOINT_CHUNK: usize = 4096;

/// A model under test, opened as far as its identity needs.
pub(super) enum Subject {
    /// A checkpoint whose weights are not loaded yet.
    Checkpoint(Box<Checkpoint>),
    /// A model behind an endpoint.
    Endpoint(Box<Endpoint>),
}

impl Subject {
    fn name(&self) -> &str {
        match self {
            Self::Checkpoint(checkpoint) => &checkpoint.name,
            Self::Endpoint(endpoint) => &endpoint.identity().name,
        }
    }

    fn entry(&self, label: String, args: &EvaluateArgs) -> anyhow::Result<CheckpointEntry> {
        match self {
            Self::Checkpoint(checkpoint) => {
                let provenance = &checkpoint.provenance;
                let options = local_options(args);
                let rounded = rounded_to(checkpoint, options.engine.weight_type);
                let rounded = rounded.map(|name| format!(", weights rounded to {name}")).unwrap_or_default();
                Ok(CheckpointEntry {
                    label,
                    digest: LocalModel::digest(checkpoint, &options)?,
                    architecture: format!("{}{rounded}", checkpoint.architecture),
                    parameters: checkpoint.architecture.parameters() as u64,
                    weighting: provenance.weighting,
                    weighting_source: provenance.weighting_source.as_str().to_owned(),
                    base: provenance.base.clone(),
                    stage: provenance.stage.map(|stage| stage.as_str().to_owned()),
                    training_seed: provenance.seed,
                    data_digest: provenance.data_digest.clone(),
                })
            }
            Self::Endpoint(endpoint) => {
                let place = args.endpoint.model.iter().position(|name| *name == endpoint.identity().name);
                let weighting = place.and_then(|place| args.model.weighting.get(place)).copied();
                Ok(CheckpointEntry {
                    label,
                    digest: endpoint.identity().digest.clone(),
                    architecture: "model behind an endpoint".to_owned(),
                    parameters: 0,
                    weighting,
                    weighting_source: if weighting.is_some() { "given" } else { "unknown" }.to_owned(),
                    base: None,
                    stage: None,
                    training_seed: None,
                    data_digest: None,
                })
            }
        }
    }
}

/// How every subject is recorded, in their order, under labels that differ.
pub(super) fn entries(args: &EvaluateArgs, subjects: &[Subject]) -> anyhow::Result<Vec<CheckpointEntry>> {
    let mut entries: Vec<CheckpointEntry> = Vec::new();
    for subject in subjects {
        let same = subjects.iter().take(entries.len()).filter(|other| other.name() == subject.name()).count();
        let name = subject.name();
        let label = if same == 0 { name.to_owned() } else { format!("{name}#{}", same + 1) };
        let entry = subject.entry(label, args)?;
        anyhow::ensure!(
            entries.iter().all(|other| other.digest != entry.digest),
            "`{}` is given twice: another --checkpoint or --model has the same content",
            entry.label
        );
        entries.push(entry);
    }
    Ok(entries)
}

/// Opens every `--checkpoint` and every `--model`.
pub(super) fn open(args: &EvaluateArgs) -> anyhow::Result<Vec<Subject>> {
    let weightings = &args.model.weighting;
    let subjects = args.checkpoint.len() + args.endpoint.model.len();
    anyhow::ensure!(
        weightings.is_empty() || weightings.len() == subjects,
        "--weighting is given {} times for {subjects} models; give one weighting for each --checkpoint (or --model), in \
         their order",
        weightings.len()
    );
    if args.endpoint.endpoint.is_some() {
        let network = &args.model.network;
        anyhow::ensure!(
            network.dtype == DtypeChoice::Auto && network.max_memory.is_none() && network.device.0.is_none(),
            "--dtype, --max_memory and --device are about checkpoints on this machine; a server decides for itself, leave them out"
        );
        let endpoints = args.endpoint.open(args.applies_chat_template())?;
        return Ok(endpoints.into_iter().map(|endpoint| Subject::Endpoint(Box::new(endpoint))).collect());
    }
    let mut opened = Vec::new();
    for (index, given) in args.checkpoint.iter().enumerate() {
        let dir = crate::cli::fetch::checkpoint_folder(given, args.output.quiet)?;
        let options = CheckpointOptions {
            tokenizer_dir: args.model.tokenizer.clone(),
            chat_template: args.template_choice(),
            weighting: weightings.get(index).copied(),
            base_dir: args.model.base.clone(),
            ..CheckpointOptions::default()
        };
        let mut checkpoint = Checkpoint::open(&dir, &options)?;
        if dir != *given {
            // A folder of the hub's cache is named by a commit; people know the model by the name that they gave.
            checkpoint.name = given.display().to_string();
        }
        anyhow::ensure!(
            !args.applies_chat_template() || checkpoint.chat_template.is_some(),
            "{}: no chat template (chat_template.jinja, or chat_template in tokenizer_config.json); give one with \
             --chat_template FILE, or leave --apply_chat_template out",
            dir.display()
        );
        examine(args, &checkpoint)?;
        opened.push(Subject::Checkpoint(Box::new(checkpoint)));
    }
    Ok(opened)
}

/// What is legal but worth a word, and what would make every answer meaningless.
fn examine(args: &EvaluateArgs, checkpoint: &Checkpoint) -> anyhow::Result<()> {
    let dir = checkpoint.dir.display();
    if let Some(template) = &checkpoint.chat_template {
        let probe = "wit-eval asks whether messages are rendered";
        let options = ChatOptions { add_generation_prompt: true, date: Some(args.model.date) };
        let text = template.render(&[Message::new(Role::User, probe)], options)?;
        anyhow::ensure!(
            text.contains(probe),
            "{dir}: the chat template leaves the user's message out, so every prompt would be the same; check the template"
        );
    }
    let declared = Provenance::read(&checkpoint.dir, None)?.weighting;
    if let (Some(declared), Some(given)) = (declared, checkpoint.provenance.weighting)
        && declared != given
    {
        note(false, &format!("{dir}: --weighting {given} stands in for {declared}, which the folder says"));
    }
    Ok(())
}

pub(super) fn local_options(args: &EvaluateArgs) -> LocalOptions {
    LocalOptions { engine: args.model.network.engine_options(), date: Some(args.model.date) }
}

/// How a network is held: `float32 weights, avx2, 2 threads; 98 MB of weights, up to 12 GB for keys and values`.
fn held_words(types: &str, options: &EngineOptions, memory: &MemoryPlan) -> String {
    let threads = options.threads.unwrap_or_else(rayon::current_num_threads);
    let plural = if threads == 1 { "" } else { "s" };
    let place = match &options.device {
        None => format!("{}, {threads} thread{plural}", options.isa.name()),
        Some(device) => format!("{:?}", device.location()).to_lowercase(),
    };
    let (weights, cache) = (bytes_words(memory.weight_bytes), bytes_words(memory.cache_bytes));
    format!("{types} weights, {place}; {weights} of weights, up to {cache} for keys and values")
}

/// Whether a checkpoint has a chat template that was not asked for; it is not opened for that.
fn offers_chat_template(checkpoint: &Checkpoint) -> bool {
    let dir = &checkpoint.tokenizer_dir;
    let declared = std::fs::read_to_string(dir.join("tokenizer_config.json"));
    let in_metadata = || {
        let gguf = checkpoint.gguf.as_ref().and_then(|file| GgufFile::open(file).ok());
        gguf.is_some_and(|gguf| matches!(gguf.metadata().text("tokenizer.chat_template"), Ok(Some(_))))
    };
    dir.join("chat_template.jinja").is_file()
        || declared.is_ok_and(|text| text.contains("\"chat_template\""))
        || in_metadata()
}

/// Asks one model what is not recorded yet. One that has answered everything is not loaded.
pub(super) fn ask(
    args: &EvaluateArgs,
    subject: Subject,
    entry: &CheckpointEntry,
    plan: &Plan,
    log: &mut ResponseLog,
) -> anyhow::Result<()> {
    let quiet = args.output.quiet;
    let pending = Pending::of(plan, &entry.digest, log)?;
    let recorded = pending.total - pending.requests.len();
    if recorded > 0 {
        note(quiet, &format!("{}: {recorded} of {} requests are recorded already", entry.label, pending.total));
    }
    if pending.requests.is_empty() {
        return Ok(());
    }
    match subject {
        Subject::Checkpoint(checkpoint) => {
            let offers_template = offers_chat_template(&checkpoint);
            note(quiet, &format!("{}: {}, digest {}", entry.label, entry.architecture, entry.digest.short()));
            let options = local_options(args);
            let types = held_types(&checkpoint, options.engine.weight_type);
            let model = LocalModel::with_digest(*checkpoint, entry.digest.clone(), &options)?;
            note(quiet, &format!("{}: {}", entry.label, held_words(&types, &options.engine, model.engine().memory())));
            if offers_template && !args.applies_chat_template() {
                let hint = "has a chat template; --apply_chat_template presents prompts through it";
                note(quiet, &format!("{}: {hint}", entry.label));
            }
            asked(args, &model, entry, &pending, log)
        }
        Subject::Endpoint(endpoint) => {
            endpoint.probe()?;
            let (judged, likelihoods) = apart(plan, &entry.digest, pending)?;
            endpoint.check(&judged.requests.iter().map(|(_, request)| *request).collect::<Vec<_>>())?;
            let outcome = asked(args, endpoint.as_ref(), entry, &judged, log)
                .and_then(|()| asked_as_far_as_possible(args, endpoint.as_ref(), entry, &likelihoods, log));
            note(quiet, &format!("{}: {}", entry.label, usage_words(&endpoint.usage())));
            outcome
        }
    }
}

/// Likelihoods apart from all else: a server without them still answers the tasks.
fn apart<'p>(
    plan: &Plan,
    digest: &Digest,
    pending: Pending<'p>,
) -> Result<(Pending<'p>, Pending<'p>), serde_json::Error> {
    let likelihoods = plan.records.iter().filter(|record| matches!(record.purpose, Purpose::Likelihood { .. }));
    let keys = likelihoods.map(|record| response_key(digest, &record.request)).collect::<Result<BTreeSet<_>, _>>()?;
    let Pending { requests, total } = pending;
    let (likelihoods, judged) = requests.into_iter().partition(|(key, _)| keys.contains(key));
    Ok((Pending { requests: judged, total }, Pending { requests: likelihoods, total }))
}

/// Asks for likelihoods. Those of a server that tells no log-probabilities of given texts are recorded as failed.
fn asked_as_far_as_possible(
    args: &EvaluateArgs,
    endpoint: &Endpoint,
    entry: &CheckpointEntry,
    pending: &Pending<'_>,
    log: &mut ResponseLog,
) -> anyhow::Result<()> {
    let outcome = asked(args, endpoint, entry, pending, log);
    let reason = match outcome.as_ref().err().and_then(|error| error.downcast_ref()) {
        Some(ExecuteError::Backend(BackendError::Endpoint(EndpointError::NoEcho { reason, .. }))) => {
            format!("the server gives no log-probabilities of given texts ({reason})")
        }
        Some(ExecuteError::Backend(BackendError::Endpoint(EndpointError::ChatOnly { .. }))) => {
            "the chat interface gives no log-probabilities of given texts; the /completions interface may, without a chat template"
                .to_owned()
        }
        _ => return outcome,
    };
    note(false, &format!("{}: --likelihood: {reason}; recorded as failed", entry.label));
    let open = pending.requests.iter().filter(|(key, _)| log.get(key).is_none());
    let failed = |(key, _): &(Digest, &Request)| ResponseRecord {
        key: key.clone(),
        response: Response::Failed { reason: reason.clone() },
    };
    let records = open.map(failed).collect();
    log.append(records)?;
    Ok(log.sync()?)
}

fn asked(
    args: &EvaluateArgs,
    model: &dyn LanguageModel,
    entry: &CheckpointEntry,
    pending: &Pending<'_>,
    log: &mut ResponseLog,
) -> anyhow::Result<()> {
    if pending.requests.is_empty() {
        return Ok(());
    }
    let portion = match args.model.network.batch_size {
        BatchSize::Auto if args.endpoint.endpoint.is_some() => Portion::Requests(ENDPOINT_CHUNK),
        size => size.into(),
    };
    let mut progress = Progress::new(&entry.label, pending.requests.len(), args.output.quiet);
    let mut answered = 0;
    let outcome = execute(model, pending, log, portion, &mut |done, total| {
        answered = done;
        progress.update(done, total);
    });
    progress.finish(answered);
    Ok(outcome?)
}
