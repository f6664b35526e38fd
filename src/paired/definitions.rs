//! Whether both runs measure a task in the same way.

use serde::Serialize;

use crate::task::Task;

use super::error::{listed, shown};
use super::{PairError, Side};

/// Compares the definitions of the tasks that both runs asked, and who judged. What differs is refused, or said where that
/// is allowed.
pub(super) fn check(sides: &[Side<'_, '_>; 2], allowed: bool) -> Result<Vec<String>, PairError> {
    let [a, b] = sides.map(|side| side.run);
    let mut differences = Vec::new();
    let mut judged = false;
    for task in &a.manifest.tasks {
        let Some(other) = b.manifest.tasks.iter().find(|other| other.name == task.name) else { continue };
        differences.extend(task_differences(task, other));
        judged |= task.scorer.needs_judge() || other.scorer.needs_judge();
    }
    if judged && a.judged_by != b.judged_by {
        let judge = |judge: Option<&str>| shown(judge.unwrap_or("no judge on record"));
        differences.push(format!("judge (baseline {}, candidate {})", judge(a.judged_by), judge(b.judged_by)));
    }
    if differences.is_empty() {
        return Ok(Vec::new());
    }
    let words = listed(&differences.iter().map(String::as_str).collect::<Vec<_>>());
    if allowed {
        Ok(vec![format!("The runs measure in different ways, which was allowed: {words}.")])
    } else {
        Err(PairError::OtherVersion { differences: words })
    }
}

/// What moves a score: version, what is asked, filters, metrics, examples and who judges. Names and notes do not.
fn task_differences(task: &Task, other: &Task) -> Vec<String> {
    let mut out = Vec::new();
    let mut compare = |what: &str, own: String, others: String| {
        if own != others {
            let (own, others) = parted(&own, &others);
            out.push(format!("task {}: {what} (baseline {own}, candidate {others})", task.name));
        }
    };
    compare("version", task.version.clone(), other.version.clone());
    compare("output_type", json(&task.output), json(&other.output));
    compare("filter_list", json(&task.filters), json(&other.filters));
    compare("metric_list", json(&task.metrics), json(&other.metrics));
    compare("num_fewshot", task.num_fewshot.to_string(), other.num_fewshot.to_string());
    compare("repeats", task.repeats.to_string(), other.repeats.to_string());
    compare("scorer", json(&task.scorer), json(&other.scorer));
    out
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Long values from where they differ.
fn parted(own: &str, other: &str) -> (String, String) {
    const CONTEXT: usize = 20;
    let same = own.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let start = same.saturating_sub(CONTEXT);
    let cut = |text: &str| {
        let tail = text.chars().skip(start).collect::<String>();
        shown(&if start > 0 { format!("…{tail}") } else { tail })
    };
    if own.chars().count().max(other.chars().count()) > 2 * CONTEXT {
        (cut(own), cut(other))
    } else {
        (own.to_owned(), other.to_owned())
    }
}
