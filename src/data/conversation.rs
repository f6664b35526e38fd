//! Conversations, and replies that a program verifies or a judge rates: what `metadata.wit_eval` adds for them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::CatalogError;
use super::documents::{self, Doc};
use super::error::DataError;
use super::render::{Failure, text_of};
use super::source::TaskSource;
use super::wire::WireProfile;
use super::yaml::Origin;
use crate::chat::{Message, Role};
use crate::instance::{Baseline, Check, Expectation};
use crate::scoring::instructions::Verifier;
use crate::task::{OutputType, Scorer, VerifierMode};

/// Most turns of a dialogue.
const MAX_TURNS: usize = 64;

/// The split that holds reference answers (`metadata.wit_eval.data.references`).
pub(super) const REFERENCES: &str = "references";

/// The split that holds the answers that replies are compared with (`metadata.wit_eval.data.baseline`).
pub(super) const BASELINE: &str = "baseline";

/// Names of `metadata.wit_eval.scorer`.
const SCORERS: [(&str, Scorer); 7] = [
    ("targets", Scorer::Targets),
    ("ifeval", Scorer::Instructions(VerifierMode::Official)),
    ("ifbench", Scorer::Instructions(VerifierMode::Official)),
    ("dialogue", Scorer::Dialogue),
    ("mt_bench", Scorer::MtBench),
    ("mt_bench_pair", Scorer::MtBenchPair),
    ("alpaca_eval", Scorer::AlpacaEval),
];

/// Columns of a document that make it a conversation.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Conversation {
    /// Turns of the conversation before the question.
    pub(crate) turns_before: Option<String>,
    /// What the user says, turn by turn: texts, or tables of `user` and `checks`. `doc_to_text` renders the first.
    pub(crate) turns: Option<String>,
    /// Category of the question.
    pub(crate) category: Option<String>,
    /// Temperature by category; others are greedy.
    pub(crate) temperatures: BTreeMap<String, f64>,
    /// The answer that replies are compared with.
    pub(crate) baseline: Option<String>,
}

/// Reads the columns and the scorer, and checks that they fit the output type. `verified`: the task file names the Python
/// functions of IFEval.
pub(super) fn decode(
    origin: &Origin,
    wire: &mut WireProfile,
    output: &OutputType,
    verified: bool,
) -> Result<(Conversation, Scorer), CatalogError> {
    let conversation = Conversation {
        turns_before: wire.turns_before.take(),
        turns: wire.turns.take(),
        category: wire.category.take(),
        temperatures: std::mem::take(&mut wire.temperatures),
        baseline: wire.baseline.take(),
    };
    let generates = matches!(output, OutputType::GenerateUntil(_));
    for (key, present) in
        [("turns_before", conversation.turns_before.is_some()), ("turns", conversation.turns.is_some())]
    {
        if present && !generates {
            return Err(origin.invalid(key, format!("only generate_until continues a conversation, not {output}")));
        }
    }
    if let Some((category, value)) = conversation.temperatures.iter().find(|(_, value)| !(0.0..=100.0).contains(*value))
    {
        return Err(origin.invalid("temperatures", format!("`{category}: {value}` is not in [0, 100]")));
    }
    if !conversation.temperatures.is_empty() && conversation.category.is_none() {
        return Err(origin.invalid("temperatures", "name the column of the category (`category`)"));
    }
    let scorer = match wire.scorer.take() {
        None if verified => Scorer::Instructions(VerifierMode::Official),
        None => Scorer::Targets,
        Some(name) => {
            let found = SCORERS.into_iter().find(|(known, _)| *known == name).map(|(_, scorer)| scorer);
            found.ok_or_else(|| {
                let known = SCORERS.map(|(name, _)| name).join(", ");
                origin.invalid("scorer", format!("`{name}` is not one of {known}"))
            })?
        }
    };
    if !scorer.is_targets() && !generates {
        return Err(origin.invalid("scorer", format!("only replies of generate_until tasks are judged, not {output}")));
    }
    if scorer == Scorer::Dialogue && conversation.turns.is_none() {
        return Err(origin.invalid("scorer", "a dialogue needs the column of its turns (`turns`)"));
    }
    if scorer == Scorer::AlpacaEval && conversation.baseline.is_none() {
        return Err(
            origin.invalid("scorer", "name the column of the answer that replies are compared with (`baseline`)")
        );
    }
    Ok((conversation, scorer))
}

/// A turn of the user, as a document gives it.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a turn is a text, or a table of `user` and `checks`")]
enum WireTurn {
    Text(String),
    Checked(CheckedTurn),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckedTurn {
    user: String,
    #[serde(default)]
    checks: Vec<Check>,
}

impl WireTurn {
    fn into_parts(self) -> (String, Vec<Check>) {
        match self {
            Self::Text(user) => (user, Vec::new()),
            Self::Checked(turn) => (turn.user, turn.checks),
        }
    }
}

fn column<'d>(doc: &'d Doc, key: &'static str, field: &str) -> Result<&'d Value, Failure> {
    doc.get(field).ok_or_else(|| (key, format!("no column `{field}`")))
}

/// The user's turns and the checks on the reply to each; one turn without checks where the task names no column.
fn turns(source: &TaskSource, doc: &Doc) -> Result<Vec<(String, Vec<Check>)>, Failure> {
    let Some(field) = &source.conversation.turns else { return Ok(Vec::new()) };
    let found = Vec::<WireTurn>::deserialize(column(doc, "turns", field)?)
        .map_err(|error| ("turns", format!("`{field}` is no list of turns: {error}")))?;
    if found.is_empty() || found.len() > MAX_TURNS {
        return Err(("turns", format!("`{field}` holds {} turns; 1 to {MAX_TURNS} are possible", found.len())));
    }
    Ok(found.into_iter().map(WireTurn::into_parts).collect())
}

/// What the user says after the model's first reply.
pub(super) fn later(source: &TaskSource, doc: &Doc) -> Result<Vec<String>, Failure> {
    Ok(turns(source, doc)?.into_iter().skip(1).map(|(user, _)| user).collect())
}

/// The conversation that the question continues: user and assistant by turns, the assistant last.
pub(super) fn before(source: &TaskSource, doc: &Doc, no_shots: bool) -> Result<Vec<Message>, Failure> {
    let conversation = &source.conversation;
    if !no_shots && (conversation.turns_before.is_some() || conversation.turns.is_some()) {
        let message = "a conversation takes no few-shot examples; set num_fewshot to 0".to_owned();
        return Err(("turns_before", message));
    }
    let Some(field) = &conversation.turns_before else { return Ok(Vec::new()) };
    let fail = |message: String| ("turns_before", message);
    let turns = Vec::<Message>::deserialize(column(doc, "turns_before", field)?)
        .map_err(|error| fail(format!("`{field}` is no list of turns with `role` and `content`: {error}")))?;
    let by_turns =
        turns.iter().zip([Role::User, Role::Assistant].into_iter().cycle()).all(|(turn, role)| turn.role == role);
    if !by_turns || turns.len() % 2 != 0 {
        return Err(fail(format!("`{field}` must go from user to assistant by turns and end with the assistant")));
    }
    Ok(turns)
}

fn category(source: &TaskSource, doc: &Doc) -> Result<String, Failure> {
    match &source.conversation.category {
        None => Ok(String::new()),
        Some(field) => column(doc, "category", field).map(text_of),
    }
}

/// The temperature that the document's category asks for.
pub(super) fn temperature(source: &TaskSource, doc: &Doc) -> Result<Option<f64>, Failure> {
    if source.conversation.temperatures.is_empty() {
        return Ok(None);
    }
    let category = category(source, doc)?;
    Ok(Some(source.conversation.temperatures.get(&category).copied().unwrap_or(0.0)))
}

/// Answers by question, where the task has files of them: what a judge compares with or is shown as right.
#[derive(Debug, Default)]
pub(super) struct GivenAnswers {
    references: BTreeMap<String, Baseline>,
    baselines: BTreeMap<String, Baseline>,
}

impl GivenAnswers {
    pub(super) fn load(source: &TaskSource, data_dir: Option<&Path>) -> Result<Self, DataError> {
        let split = |name: &str| {
            if !source.dataset.splits.contains_key(name) {
                return Ok(BTreeMap::new());
            }
            let docs = documents::load(source, name, data_dir)?;
            let entry = |doc: Doc| {
                let replies = doc.get("turns").and_then(|turns| Vec::<String>::deserialize(turns).ok())?;
                let generator = doc.get("generator").map(text_of).unwrap_or_default();
                Some((text_of(doc.get("question_id")?), Baseline { generator, replies }))
            };
            Ok(docs.into_iter().filter_map(entry).collect())
        };
        Ok(Self { references: split(REFERENCES)?, baselines: split(BASELINE)? })
    }

    fn of<'a>(answers: &'a BTreeMap<String, Baseline>, doc: &Doc) -> Option<&'a Baseline> {
        doc.get("question_id").and_then(|id| answers.get(&text_of(id)))
    }
}

/// What a good reply is where it is not a target; `None` for tasks with targets.
pub(super) fn expectation(
    source: &TaskSource,
    doc: &Doc,
    query: &str,
    given: &GivenAnswers,
) -> Result<Option<Expectation>, Failure> {
    match source.task.scorer {
        Scorer::Targets => Ok(None),
        Scorer::Instructions(mode) => verified(vec![instructions(doc)?], mode).map(Some),
        Scorer::Dialogue => {
            let checks = turns(source, doc)?.into_iter().map(|(_, checks)| checks).collect();
            verified(checks, VerifierMode::Official).map(Some)
        }
        Scorer::MtBench | Scorer::MtBenchPair | Scorer::AlpacaEval => {
            let mut questions = vec![query.to_owned()];
            questions.extend(later(source, doc)?);
            let baseline = match &source.conversation.baseline {
                None => GivenAnswers::of(&given.baselines, doc).cloned(),
                Some(field) => {
                    let text = column(doc, "baseline", field)?;
                    let text = text.as_str().ok_or_else(|| ("baseline", format!("`{field}` is no text")))?;
                    let generator = doc.get("generator").map(text_of).unwrap_or_default();
                    Some(Baseline { generator, replies: vec![text.to_owned()] })
                }
            };
            if source.task.scorer == Scorer::MtBenchPair && baseline.is_none() {
                return Err(("data", format!("the split `{BASELINE}` has no answer to this question to compare with")));
            }
            let references = GivenAnswers::of(&given.references, doc).map(|given| given.replies.clone());
            let references = references.unwrap_or_default();
            Ok(Some(Expectation::Judged { category: category(source, doc)?, questions, references, baseline }))
        }
    }
}

/// `instruction_id_list` with the entry of `kwargs` at the same place.
fn instructions(doc: &Doc) -> Result<Vec<Check>, Failure> {
    const IDS: &str = "instruction_id_list";
    let fail = |message: String| (IDS, message);
    let ids = Vec::<String>::deserialize(column(doc, IDS, IDS)?).map_err(|error| fail(error.to_string()))?;
    let kwargs = match doc.get("kwargs") {
        None => vec![None; ids.len()],
        Some(kwargs) => Vec::<Option<Map<String, Value>>>::deserialize(kwargs)
            .map_err(|error| fail(format!("`kwargs` is no list of tables: {error}")))?,
    };
    if kwargs.len() != ids.len() || ids.is_empty() {
        return Err(fail(format!("{} instructions and {} entries of `kwargs`", ids.len(), kwargs.len())));
    }
    let check = |(id, kwargs): (String, Option<Map<String, Value>>)| {
        let kwargs = kwargs.unwrap_or_default().into_iter().filter(|(_, value)| !value.is_null()).collect();
        Check { id, kwargs }
    };
    Ok(ids.into_iter().zip(kwargs).map(check).collect())
}

/// The checks, once it is certain that each can be verified.
fn verified(turns: Vec<Vec<Check>>, mode: VerifierMode) -> Result<Expectation, Failure> {
    for check in turns.iter().flatten() {
        Verifier::new(check, mode).map_err(|error| ("kwargs", error.to_string()))?;
    }
    if turns.iter().all(Vec::is_empty) {
        return Err(("kwargs", "nothing is to be verified".to_owned()));
    }
    Ok(Expectation::Verified { turns })
}
