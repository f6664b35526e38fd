//! Instances whose judgment depends on the wording, with what was asked and what came back.

use crate::instance::Expectation;
use crate::record::{PlanRecord, Purpose};
use crate::request::{Continuation, Prompt, Request};
use crate::response::Response;
use crate::score::Score;
use crate::sensitivity::is_flip;

use super::analysis::{ChoiceLogProb, Exchange, FlippedInstance};
use super::cells::Cells;
use super::inputs::RunInputs;
use super::task::TaskInputs;

/// Characters of a prompt or reply that a report shows.
const SHOWN_CHARACTERS: usize = 6_000;

/// How much one instance moved.
struct Moved {
    row: usize,
    flipped: usize,
    variants: usize,
    furthest: (usize, f64),
}

/// The instances that moved most: by the share of variants whose credit differs from the original's, then by the
/// furthest difference, then in plan order.
pub(super) fn flipped_instances(inputs: &TaskInputs<'_, '_>, cells: &Cells<'_, '_>) -> Vec<FlippedInstance> {
    let columns = cells.columns(|_| true);
    let mut moved = (0..cells.plan.instances.len()).filter_map(|row| moved(cells, row, &columns)).collect::<Vec<_>>();
    moved.sort_by(|a, b| {
        let share = |m: &Moved| m.flipped as f64 / m.variants as f64;
        share(b).total_cmp(&share(a)).then(b.furthest.1.total_cmp(&a.furthest.1)).then(a.row.cmp(&b.row))
    });
    moved.iter().filter_map(|moved| describe(inputs, cells, moved)).take(inputs.options.flipped_per_task).collect()
}

fn moved(cells: &Cells<'_, '_>, row: usize, columns: &[usize]) -> Option<Moved> {
    let original = cells.credit(row, 0)?;
    let mut result = Moved { row, flipped: 0, variants: 0, furthest: (0, 0.0) };
    for column in columns {
        if let Some(credit) = cells.credit(row, *column) {
            let distance = (credit - original).abs();
            result.variants += 1;
            result.flipped += usize::from(is_flip(original, credit));
            if distance > result.furthest.1 {
                result.furthest = (*column, distance);
            }
        }
    }
    (result.flipped > 0).then_some(result)
}

fn describe(inputs: &TaskInputs<'_, '_>, cells: &Cells<'_, '_>, moved: &Moved) -> Option<FlippedInstance> {
    let (instance, _) = cells.plan.instances.get(moved.row)?;
    let question = cells.plan.question.get(&(moved.row, 0))?;
    let shown = |column: usize| exchange(inputs.run, inputs.checkpoint, cells, moved.row, column);
    let (original, variant) = (shown(0)?, shown(moved.furthest.0)?);
    Some(FlippedInstance {
        instance: (*instance).to_owned(),
        flipped: moved.flipped,
        variants: moved.variants,
        expected: expected(question),
        original,
        variant,
    })
}

/// What was asked at a cell, what the checkpoint replied and what it was given for it.
pub(crate) fn exchange(
    run: &RunInputs<'_>,
    checkpoint: &str,
    cells: &Cells<'_, '_>,
    row: usize,
    column: usize,
) -> Option<Exchange> {
    let question = cells.plan.question.get(&(row, column))?;
    let record = cells.score(row, column)?;
    let Score::Scored { credit, answer, explanation } = &record.score else {
        return None;
    };
    let response = (run.response_of)(checkpoint, &question.request);
    let reply = match response {
        Some(Response::PromptSet { .. }) | None => String::new(),
        Some(response) => conversation(response),
    };
    Some(Exchange {
        variant: record.variant.clone(),
        prompt: cut(&prompt(&question.request)),
        reply: cut(&reply),
        choices: choices(question, response),
        answer: cut(answer),
        credit: *credit,
        explanation: cut(explanation),
    })
}

/// What was generated; the replies of a dialogue are numbered.
fn conversation(response: &Response) -> String {
    match response.replies() {
        [reply] => reply.text.clone(),
        replies => {
            let turns = replies.iter().zip(1..).map(|(reply, turn)| format!("[{turn}] {}", reply.text));
            turns.collect::<Vec<_>>().join("\n\n")
        }
    }
}

fn prompt(request: &Request) -> String {
    match request {
        Request::Generate { prompt, .. }
        | Request::LogLikelihood { prompt, .. }
        | Request::NextToken { prompt, .. } => prompt.as_readable_text(),
        Request::Dialogue { prompt, turns, .. } => {
            let turns = turns.iter().zip(2..).map(|(turn, number)| format!("[{number}] {turn}"));
            std::iter::once(prompt.as_readable_text()).chain(turns).collect::<Vec<_>>().join("\n\n")
        }
        Request::Rolling { text } => text.clone(),
        Request::PromptSet { prompts, .. } => prompts.first().map(Prompt::as_readable_text).unwrap_or_default(),
    }
}

fn choices(question: &PlanRecord, response: Option<&Response>) -> Vec<ChoiceLogProb> {
    let (Request::LogLikelihood { continuations, .. }, Some(Response::LogProbs { continuations: log_probs })) =
        (&question.request, response)
    else {
        return Vec::new();
    };
    let gold = match &question.purpose {
        Purpose::Judge { expectation: Expectation::Choice { gold, .. }, .. } => gold.as_slice(),
        Purpose::Judge { expectation: Expectation::Continuation { .. }, .. } => &[0],
        _ => &[],
    };
    let pairs = continuations.iter().zip(log_probs).enumerate();
    pairs
        .map(|(place, (continuation, log_prob))| ChoiceLogProb {
            text: match continuation {
                Continuation::Text(text) => cut(text.trim()),
                Continuation::Tokens(ids) => format!("{} token ids", ids.len()),
            },
            sum_nats: log_prob.sum_nats,
            is_gold: gold.contains(&place),
        })
        .collect()
}

/// What a good answer is, in words.
pub(crate) fn expected(question: &PlanRecord) -> String {
    let Purpose::Judge { expectation, .. } = &question.purpose else {
        return String::new();
    };
    let texts = match expectation {
        Expectation::Choice { choices, gold } => gold.iter().filter_map(|place| choices.get(*place)).cloned().collect(),
        Expectation::Continuation { text } => vec![text.clone()],
        Expectation::Text { targets, .. } => targets.clone(),
        Expectation::Verified { turns } => turns.iter().flatten().map(|check| check.id.clone()).collect(),
        Expectation::Judged { references, .. } => references.clone(),
        Expectation::Document => Vec::new(),
    };
    cut(&texts.iter().map(|text| text.trim()).collect::<Vec<_>>().join(" | "))
}

/// The end of a long prompt is what was asked, so a long text loses its middle.
fn cut(text: &str) -> String {
    let characters = text.chars().count();
    if characters <= SHOWN_CHARACTERS {
        return text.to_owned();
    }
    let head = text.chars().take(SHOWN_CHARACTERS / 3).collect::<String>();
    let tail = text.chars().skip(characters - 2 * SHOWN_CHARACTERS / 3).collect::<String>();
    let left_out = characters - SHOWN_CHARACTERS / 3 - 2 * SHOWN_CHARACTERS / 3;
    format!("{head}\n[… {left_out} characters left out …]\n{tail}")
}
