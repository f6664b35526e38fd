//! Flipped instances: both prompts in one, marked where they differ, with both replies.

use serde::Serialize;

use crate::analyze::Analysis;
use crate::analyze::analysis::{ChoiceLogProb, Exchange};
use crate::analyze::number::figure;
use crate::perturb::diff::{DiffKind, DiffRun};
use crate::report::flip_view::{FlipView, flip_views};

use super::minus;

#[derive(Serialize)]
pub(super) struct Flip {
    checkpoint: String,
    task: String,
    instance: String,
    flipped: usize,
    variants: usize,
    expected: String,
    variant: String,
    changes: Vec<Change>,
    sides: Vec<Side>,
}

#[derive(Serialize)]
struct Change {
    kind: &'static str,
    text: String,
}

#[derive(Serialize)]
struct Side {
    name: String,
    answer: String,
    credit: String,
    explanation: String,
    reply: Vec<Change>,
    choices: Vec<Choice>,
}

#[derive(Serialize)]
struct Choice {
    text: String,
    nats: String,
    gold: bool,
    likeliest: bool,
}

/// All of them.
pub(super) fn flips(analysis: &Analysis) -> Vec<Flip> {
    flip_views(analysis).iter().map(flip).collect()
}

fn flip(view: &FlipView<'_>) -> Flip {
    Flip {
        checkpoint: view.checkpoint.to_owned(),
        task: view.title.to_owned(),
        instance: view.flipped.instance.clone(),
        flipped: view.flipped.flipped,
        variants: view.flipped.variants,
        expected: view.flipped.expected.clone(),
        variant: view.flipped.variant.variant.to_string(),
        changes: view.changes.iter().map(change).collect(),
        sides: vec![
            side(&view.flipped.original, &view.reply_changes, DiffKind::Added),
            side(&view.flipped.variant, &view.reply_changes, DiffKind::Removed),
        ],
    }
}

fn change(run: &DiffRun) -> Change {
    Change {
        kind: match run.kind {
            DiffKind::Same => "same",
            DiffKind::Removed => "removed",
            DiffKind::Added => "added",
        },
        text: if run.kind == DiffKind::Same { run.text.clone() } else { with_visible_space(&run.text) },
    }
}

/// A reply with what the other one has not marked; without marks where they share no word.
fn reply(text: &str, runs: &[DiffRun], other: DiffKind) -> Vec<Change> {
    let share = runs.iter().any(|run| run.kind == DiffKind::Same && run.text.contains(char::is_alphanumeric));
    if text.is_empty() {
        Vec::new()
    } else if share {
        runs.iter().filter(|run| run.kind != other).map(change).collect()
    } else {
        vec![Change { kind: "same", text: text.to_owned() }]
    }
}

/// Changed white space would be a mark without ink.
fn with_visible_space(text: &str) -> String {
    let text = text.replace('\n', "⏎\n").replace('\t', "⇥\t");
    if text.chars().all(|c| c == ' ') { text.replace(' ', "␣") } else { text }
}

fn side(exchange: &Exchange, reply_runs: &[DiffRun], other: DiffKind) -> Side {
    Side {
        name: exchange.variant.to_string(),
        answer: exchange.answer.clone(),
        credit: figure(exchange.credit),
        explanation: exchange.explanation.clone(),
        reply: reply(&exchange.reply, reply_runs, other),
        choices: choices(&exchange.choices),
    }
}

fn choices(all: &[ChoiceLogProb]) -> Vec<Choice> {
    let best = all.iter().map(|choice| choice.sum_nats).fold(f64::NEG_INFINITY, f64::max);
    let mut found = false;
    all.iter()
        .map(|choice| {
            // Of equals, the first: as the metric decides.
            let likeliest = !found && choice.sum_nats >= best;
            found |= likeliest;
            Choice {
                text: choice.text.clone(),
                nats: minus(&format!("{:.3}", choice.sum_nats)),
                gold: choice.is_gold,
                likeliest,
            }
        })
        .collect()
}
