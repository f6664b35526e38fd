//! What may be concluded, in words that claim no more than the intervals allow.

use crate::estimate::Estimate;
use crate::task::Metric;

use super::analysis::{
    CheckpointAnalysis, Finding, GroupAnalysis, PerturbationAnalysis, ReasonCount, RunProvenance, Severity,
    TaskAnalysis, WeightingsAnalysis,
};
use super::number::{count, counted, figure, interval_text, percent, signed, with_interval};
use super::weightings;

/// Below this many independent instances, a task's warning says so.
const FEW_CLUSTERS: usize = 30;

/// An interval on performance wider than this to either side is called wide (metrics between 0 and 1 only).
const WIDE_HALF_INTERVAL: f64 = 0.1;

/// More results than this are counted instead of listed.
const LISTED: usize = 6;

/// All statements, results before warnings.
pub(super) fn findings(
    runs: &[RunProvenance],
    checkpoints: &[CheckpointAnalysis],
    weightings: Option<&WeightingsAnalysis>,
    level: f64,
) -> Vec<Finding> {
    let mut out = Vec::new();
    out.push(design(checkpoints));
    out.extend(weightings.map(weightings::statements).unwrap_or_default());
    out.extend(performance(checkpoints));
    out.extend(changes(checkpoints, level));
    out.extend(flips(checkpoints));
    let mut texts = Vec::new();
    texts.extend(comparability(runs));
    match weightings {
        Some(compared) => texts.extend(weightings::warnings(compared, checkpoints)),
        None => texts.extend(checkpoints_apart(checkpoints)),
    }
    texts.extend(coverage(checkpoints));
    texts.extend(groups(checkpoints));
    texts.extend(cut_prompts(checkpoints));
    texts.extend(precision(checkpoints));
    out.into_iter()
        .map(|text| Finding { severity: Severity::Result, text })
        .chain(texts.into_iter().map(|text| Finding { severity: Severity::Warning, text }))
        .collect()
}

/// Every checkpoint with every one of its tasks.
fn cells(checkpoints: &[CheckpointAnalysis]) -> impl Iterator<Item = (&CheckpointAnalysis, &TaskAnalysis)> {
    checkpoints.iter().flat_map(|checkpoint| checkpoint.tasks.iter().map(move |task| (checkpoint, task)))
}

fn place(checkpoint: &CheckpointAnalysis, task: &TaskAnalysis) -> String {
    format!("{} on {}", checkpoint.id, task.title)
}

fn design(checkpoints: &[CheckpointAnalysis]) -> String {
    let mut tasks = std::collections::BTreeMap::new();
    let mut perturbations = std::collections::BTreeSet::new();
    let mut wordings = 0;
    for (_, task) in cells(checkpoints) {
        tasks.insert(task.task.as_str(), task.instances);
        if let Some(metric) = task.primary() {
            perturbations.extend(metric.perturbations.iter().map(|row| row.name.as_str()));
            wordings += metric.together.as_ref().map_or(0, PerturbationAnalysis::made);
        }
    }
    let head = format!(
        "{} answered {} ({})",
        counted(checkpoints.len(), "checkpoint"),
        counted(tasks.len(), "task"),
        counted(tasks.values().sum(), "instance"),
    );
    if perturbations.is_empty() {
        format!("{head} in the original wording only: nothing here speaks of sensitivity.")
    } else {
        format!(
            "{head} in the original wording and in other wordings by {} ({} in all).",
            counted(perturbations.len(), "perturbation"),
            counted(wordings, "perturbed prompt"),
        )
    }
}

/// How an interval stands to a reference value.
fn stands_to(estimate: &Estimate, reference: f64) -> Option<std::cmp::Ordering> {
    let interval = estimate.interval?;
    Some(if interval.low > reference {
        std::cmp::Ordering::Greater
    } else if interval.high < reference {
        std::cmp::Ordering::Less
    } else {
        std::cmp::Ordering::Equal
    })
}

fn performance(checkpoints: &[CheckpointAnalysis]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut by_standing = [0_usize; 3];
    for (checkpoint, task) in cells(checkpoints) {
        let Some((metric, estimate)) = task.primary().and_then(|m| Some((m, m.original.estimate()?))) else {
            continue;
        };
        let said = format!("{}: {} {}", place(checkpoint, task), metric.metric, with_interval(estimate));
        let standing = task.chance.and_then(|chance| Some((chance, stands_to(estimate, chance)?)));
        let Some((chance, standing)) = standing else {
            lines.push(format!("{said}."));
            continue;
        };
        let chance = figure(chance);
        lines.push(match standing {
            std::cmp::Ordering::Greater => {
                by_standing[0] += 1;
                format!("{said}, above chance ({chance}).")
            }
            std::cmp::Ordering::Equal => {
                by_standing[1] += 1;
                format!("{said}, not distinguishable from chance ({chance}).")
            }
            std::cmp::Ordering::Less => {
                by_standing[2] += 1;
                format!("{said}, below chance ({chance}): look at what it answers before reading it as ability.")
            }
        });
    }
    if lines.len() <= LISTED {
        return lines;
    }
    let mut lines = group_means(checkpoints);
    let [above, equal, below] = by_standing;
    if above + equal + below > 0 {
        lines.push(format!(
            "Of {} with a chance level, {above} are above chance, {equal} not distinguishable from chance, {below} below it.",
            counted(above + equal + below, "result"),
        ));
    }
    lines
}

/// The first means over groups, for runs of many tasks.
fn group_means(checkpoints: &[CheckpointAnalysis]) -> Vec<String> {
    let groups =
        checkpoints.iter().flat_map(|checkpoint| checkpoint.groups.iter().map(move |group| (checkpoint, group)));
    let line = |(checkpoint, group): (&CheckpointAnalysis, &GroupAnalysis)| {
        let mean = with_interval(group.original.estimate()?);
        let tasks = counted(group.tasks.len(), "task");
        Some(format!("{} on {} ({tasks}): {} ({}) {mean}.", checkpoint.id, group.title, group.metric, group.filter))
    };
    groups.filter_map(line).take(LISTED).collect()
}

/// Prompts that the model never saw whole.
fn cut_prompts(checkpoints: &[CheckpointAnalysis]) -> Option<String> {
    let cut = cells(checkpoints).filter(|(_, task)| task.cut_prompts > 0);
    let items: Vec<String> =
        cut.map(|(checkpoint, task)| format!("{} ({})", place(checkpoint, task), count(task.cut_prompts))).collect();
    listed(
        "Prompts longer than the model's context were cut on the left; a perturbation in the lost part is unseen:",
        &items,
    )
}

fn changes(checkpoints: &[CheckpointAnalysis], level: f64) -> Vec<String> {
    let mut measured = 0_usize;
    let mut clear = Vec::new();
    let mut largest_side = 0.0_f64;
    for (checkpoint, task) in cells(checkpoints) {
        let rows = task.primary().map(|metric| metric.perturbations.as_slice()).unwrap_or_default();
        for row in rows {
            let Some((estimate, standing)) = row.change.estimate().and_then(|e| Some((e, stands_to(e, 0.0)?))) else {
                continue;
            };
            measured += 1;
            let interval = estimate.interval.map_or((0.0, 0.0), |interval| (interval.low, interval.high));
            if standing == std::cmp::Ordering::Equal {
                let side = match interval.0.abs().max(interval.1.abs()) {
                    // Nothing changed in so many instances: the share that could change unseen (the rule of three).
                    side if side <= 0.0 => 1.0 - (1.0 - level).powf(1.0 / estimate.clusters.max(1) as f64),
                    side => side,
                };
                let share = is_share(task);
                largest_side = largest_side.max(if share { side.min(1.0) } else { side });
            } else {
                let change = format!("{} {}", signed(estimate.point), interval_text(interval.0, interval.1));
                clear.push((estimate.point.abs(), format!("{} {change} ({})", row.name, place(checkpoint, task))));
            }
        }
    }
    if measured == 0 {
        return Vec::new();
    }
    let by_chance = (1.0 - level) * measured as f64;
    let of = format!("Of {} from original to perturbed wording", counted(measured, "mean change"));
    if clear.is_empty() {
        return vec![format!(
            "{of}, none has an interval that excludes 0. That is not evidence of no effect: changes of up to {} are \
             compatible with these data.",
            figure(largest_side)
        )];
    }
    let number = clear.len();
    clear.sort_by(|a, b| b.0.total_cmp(&a.0));
    let largest = clear.into_iter().take(3).map(|(_, text)| text).collect::<Vec<_>>().join("; ");
    vec![format!(
        "{of}, {number} {} an interval that excludes 0 (about {by_chance:.1} would by chance alone). Largest: {largest}.",
        if number == 1 { "has" } else { "have" },
    )]
}

fn flips(checkpoints: &[CheckpointAnalysis]) -> Vec<String> {
    let rates = cells(checkpoints)
        .filter_map(|(checkpoint, task)| {
            let together = task.primary()?.together.as_ref()?;
            let estimate = *together.sensitivity.flip_rate_any.estimate()?;
            Some((estimate, place(checkpoint, task)))
        })
        .collect::<Vec<_>>();
    let most = rates.iter().max_by(|a, b| a.0.point.total_cmp(&b.0.point));
    let least = rates.iter().min_by(|a, b| a.0.point.total_cmp(&b.0.point));
    match (least, most) {
        (Some(least), Some(most)) if rates.len() > 1 => vec![format!(
            "The credit of {} ({}) to {} ({}) of the instances changes under at least one wording.",
            percent(least.0.point),
            least.1,
            percent(most.0.point),
            most.1
        )],
        (_, Some(only)) => vec![format!(
            "The credit of {} of the instances changes under at least one wording.",
            percent(only.0.point)
        )],
        _ => Vec::new(),
    }
}

/// Runs whose numbers must not be laid side by side without a thought.
fn comparability(runs: &[RunProvenance]) -> Vec<String> {
    let mut out = Vec::new();
    let Some((first, others)) = runs.split_first() else {
        return out;
    };
    for run in others {
        let mut differs = Vec::new();
        for (what, equal) in [
            ("seed", first.settings.seed == run.settings.seed),
            ("instance limit", first.settings.limit == run.settings.limit),
            ("number of examples", first.settings.num_fewshot == run.settings.num_fewshot),
            ("presentation", first.settings.presentation == run.settings.presentation),
            ("perturbations", first.settings.perturbations == run.settings.perturbations),
            ("task versions", first.tasks == run.tasks),
        ] {
            if !equal {
                differs.push(what);
            }
        }
        if first.plan != run.plan && differs.is_empty() {
            differs.push("questions");
        }
        if !differs.is_empty() {
            out.push(format!(
                "Runs {} and {} differ in {}: their numbers are not directly comparable.",
                first.name,
                run.name,
                differs.join(", ")
            ));
        }
    }
    out
}

fn checkpoints_apart(checkpoints: &[CheckpointAnalysis]) -> Vec<String> {
    if checkpoints.len() < 2 {
        return Vec::new();
    }
    vec![
        "Differences between checkpoints are not tested here. They answered the same questions, so overlapping \
         intervals do not show that two checkpoints are equal; only a paired comparison can tell."
            .to_owned(),
    ]
}

/// Perturbations without a variant, judgments that could not be made, prompt sets without an index.
fn coverage(checkpoints: &[CheckpointAnalysis]) -> Vec<String> {
    let mut missing = Vec::new();
    let mut unscored = Vec::new();
    let mut no_posix = Vec::new();
    for (checkpoint, task) in cells(checkpoints) {
        if let Some(metric) = task.primary() {
            for row in &metric.perturbations {
                if row.made() == 0 {
                    let reason = row.skipped.first().map_or("no reason on record", |first| first.reason.as_str());
                    missing.push((row.name.clone(), task.title.clone(), reason.to_owned()));
                }
            }
        }
        for metric in &task.metrics {
            let perturbed = metric.together.as_ref().map_or(0, |row| ReasonCount::total(&row.unscored));
            let all = perturbed + ReasonCount::total(&metric.unscored);
            let reason = metric.unscored.first().or_else(|| metric.together.as_ref()?.unscored.first());
            if let Some(reason) = reason {
                let by = format!("{}, {}", metric.metric, metric.filter);
                unscored.push(format!("{} ({by}): {} – {}", place(checkpoint, task), count(all), reason.reason));
            }
        }
        let left_out = ReasonCount::total(&task.posix.left_out);
        if let Some(reason) = task.posix.left_out.first() {
            no_posix.push(format!(
                "{}: {left_out} of {} ({})",
                place(checkpoint, task),
                task.posix.sets,
                reason.reason
            ));
        }
    }
    missing.sort();
    missing.dedup();
    let missing = missing.into_iter().map(|(name, task, reason)| format!("{name} on {task} ({reason})")).collect();
    [
        ("No variant could be made, so nothing is known about", missing),
        ("Not every answer could be judged; such answers count neither as right nor as wrong. Unscored:", unscored),
        ("POSIX leaves out prompt sets.", no_posix),
    ]
    .into_iter()
    .filter_map(|(head, items)| listed(head, &items))
    .collect()
}

/// Group means over fewer tasks than the group has.
fn groups(checkpoints: &[CheckpointAnalysis]) -> Option<String> {
    let mut lacking = Vec::new();
    for group in checkpoints.iter().flat_map(|checkpoint| &checkpoint.groups) {
        if !group.left_out.is_empty() {
            let by = format!("{}, {}", group.metric, group.filter);
            lacking.push(format!("{} ({by}) leaves out {}", group.title, group.left_out.join(", ")));
        }
    }
    lacking.sort();
    lacking.dedup();
    listed("Means of groups leave out tasks that do not have the metric and filter:", &lacking)
}

/// Whether the task's first metric lies between 0 and 1.
fn is_share(task: &TaskAnalysis) -> bool {
    task.primary().and_then(|metric| Metric::from_name(&metric.metric)).is_some_and(Metric::is_share)
}

/// Few instances and wide intervals.
fn precision(checkpoints: &[CheckpointAnalysis]) -> Vec<String> {
    let mut few = Vec::new();
    let mut wide = Vec::new();
    for (checkpoint, task) in cells(checkpoints) {
        let Some(estimate) = task.primary().and_then(|metric| metric.original.estimate()) else {
            continue;
        };
        if estimate.clusters < FEW_CLUSTERS {
            few.push(format!("{} ({})", task.title, estimate.clusters));
        }
        let side = estimate.interval.map(|interval| (interval.high - interval.low) / 2.0);
        let share = is_share(task);
        if let Some(side) = side.filter(|side| share && *side > WIDE_HALF_INTERVAL) {
            wide.push(format!("{} (±{side:.2})", place(checkpoint, task)));
        }
    }
    few.sort();
    few.dedup();
    let head = format!("Fewer than {FEW_CLUSTERS} independent instances, read with care:");
    [(head.as_str(), few), ("Wide intervals, differences of that size go unseen:", wide)]
        .into_iter()
        .filter_map(|(head, items)| listed(head, &items))
        .collect()
}

/// The head and the first items; how many more there are.
fn listed(head: &str, items: &[String]) -> Option<String> {
    if items.is_empty() {
        return None;
    }
    let shown = items.iter().take(LISTED).cloned().collect::<Vec<_>>().join("; ");
    let more = items.len().saturating_sub(LISTED);
    Some(if more > 0 { format!("{head} {shown}; and {more} more.") } else { format!("{head} {shown}.") })
}
