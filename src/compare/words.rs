//! What may be said about the differences.

use crate::analyze::analysis::{ContrastVerdict, Headline};
use crate::analyze::number::{count, counted, figure, percent, signed_with_interval};

use super::{ComparedMeasure, ComparedTask, Comparison, Correction};

/// More names than this are counted instead of listed.
const LISTED: usize = 4;

/// A share of right answers this close to 0 or 1 leaves no room to be sensitive.
const NO_ROOM: f64 = 0.05;

/// A p-value for people: never 0.
pub(super) fn p_words(p: f64) -> String {
    if p < 0.001 { "below 0.001".to_owned() } else { format!("{p:.3}") }
}

/// Names, the first of them where they are many.
fn names(entries: &[&ComparedTask]) -> String {
    let shown = entries.iter().take(LISTED).map(|task| task.title.as_str()).collect::<Vec<_>>().join(", ");
    let more = entries.len().saturating_sub(LISTED);
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// One sentence: who, on what, and how performance changed.
pub(super) fn summary(comparison: &Comparison) -> String {
    let tasks = comparison.primary().collect::<Vec<_>>();
    let of = |wanted: ContrastVerdict| {
        let has = |task: &&&ComparedTask| task.measure(Headline::Performance).is_some_and(|own| own.verdict == wanted);
        tasks.iter().filter(has).copied().collect::<Vec<_>>()
    };
    let (better, worse) = (of(ContrastVerdict::Better), of(ContrastVerdict::Worse));
    let (apart, unknown) = (of(ContrastVerdict::NotToldApart), of(ContrastVerdict::Unknown));
    let instances = tasks.iter().filter_map(|task| task.measure(Headline::Performance)?.difference.estimate());
    let instances = instances.map(|estimate| estimate.n).sum::<usize>();
    let mut parts = Vec::new();
    for (word, found) in [("better", better), ("worse", worse)] {
        if !found.is_empty() {
            parts.push(format!("{word} on {} ({})", counted(found.len(), "task"), names(&found)));
        }
    }
    if !apart.is_empty() {
        parts.push(format!("not told apart on {}", counted(apart.len(), "task")));
    }
    if !unknown.is_empty() {
        parts.push(format!("not known on {}", counted(unknown.len(), "task")));
    }
    if parts.is_empty() {
        parts.push("nothing could be compared".to_owned());
    }
    format!(
        "{} against {}, {} of {}: performance {}.",
        comparison.candidate.checkpoint.label,
        comparison.baseline.checkpoint.label,
        counted(instances, "instance"),
        counted(tasks.len(), "task"),
        parts.join(", ")
    )
}

/// Sentences on means, performance, sensitivity and items, and how to read "not told apart".
pub(super) fn findings(comparison: &Comparison) -> Vec<String> {
    let mut out = Vec::new();
    for mean in &comparison.means {
        if let Some(entry) = mean.measures.iter().find(|entry| entry.measure == Headline::Performance) {
            out.push(format!("{}, {}: {}.", mean.title, mean.metric, contrast_words(entry)));
        }
    }
    for task in comparison.primary() {
        let Some(entry) = task.measure(Headline::Performance) else { continue };
        if matches!(entry.verdict, ContrastVerdict::Better | ContrastVerdict::Worse) {
            out.push(format!("{}, {}: {}.", task.title, task.metric, contrast_words(entry)));
        }
    }
    out.extend(sensitivity(comparison));
    out.extend(no_room(comparison));
    out.extend(perturbations(comparison));
    out.extend(items(comparison));
    out.extend(caution(comparison));
    out.extend(one_seed(comparison));
    out
}

/// `worse, difference -0.090 [-0.140, -0.040], Holm-adjusted p 0.002 of 3 tests`.
pub(super) fn contrast_words(entry: &ComparedMeasure) -> String {
    let difference = entry.difference.estimate().map(|found| format!(", difference {}", signed_with_interval(found)));
    let p = entry.p_adjusted.map(|p| {
        let tests = counted(entry.comparisons, "test");
        format!(", {}-adjusted p {} of {tests}", entry.correction.title(), p_words(p))
    });
    format!("{}{}{}", entry.words(), difference.unwrap_or_default(), p.unwrap_or_default())
}

fn sensitivity(comparison: &Comparison) -> Option<String> {
    let entries = comparison.primary().flat_map(|task| task.measures.iter().map(move |entry| (task, entry)));
    let entries = entries.filter(|(_, entry)| entry.measure.is_sensitivity()).collect::<Vec<_>>();
    let told =
        entries.iter().filter(|(_, entry)| matches!(entry.verdict, ContrastVerdict::Better | ContrastVerdict::Worse));
    let told = told
        .map(|(task, entry)| format!("{} on {} ({})", entry.words(), task.title, entry.measure.title()))
        .collect::<Vec<_>>();
    match (entries.len(), told.len()) {
        (0, _) => None,
        (all, 0) => {
            Some(format!("Sensitivity: not told apart in any of {} (task by measure).", counted(all, "comparison")))
        }
        (all, found) => {
            let shown = told.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
            let more = if found > LISTED { format!(" and {} more", found - LISTED) } else { String::new() };
            Some(format!(
                "Sensitivity: {shown}{more}; {found} of {} told apart (exploration, Benjamini-Hochberg).",
                counted(all, "comparison")
            ))
        }
    }
}

/// Who is always wrong, or always right, has no room to be sensitive.
fn no_room(comparison: &Comparison) -> Option<String> {
    let extreme = |share: f64| !(NO_ROOM..=1.0 - NO_ROOM).contains(&share);
    let without = |task: &&ComparedTask| {
        let own = task.measure(Headline::Performance);
        let sides = own.map(|own| [own.baseline.point(), own.candidate.point()]);
        let told = |entry: &ComparedMeasure| {
            matches!(entry.verdict, ContrastVerdict::Better | ContrastVerdict::Worse) && entry.measure.is_sensitivity()
        };
        task.unit == "share"
            && sides.is_some_and(|sides| sides.into_iter().flatten().any(extreme))
            && task.measures.iter().any(told)
    };
    let found = comparison.primary().filter(without).collect::<Vec<_>>();
    (!found.is_empty()).then(|| {
        format!(
            "Sensitivity on {}: one of the two is nearly always wrong, or nearly always right; then little can flip, and less \
             sensitive means no more than that.",
            names(&found)
        )
    })
}

fn perturbations(comparison: &Comparison) -> Option<String> {
    let entries = comparison.primary().flat_map(|task| &task.perturbations).collect::<Vec<_>>();
    let of = |wanted: ContrastVerdict| entries.iter().filter(|entry| entry.verdict == wanted).count();
    let (better, worse) = (of(ContrastVerdict::Better), of(ContrastVerdict::Worse));
    (!entries.is_empty()).then(|| {
        format!(
            "Perturbed wordings: of {} (task by perturbation), performance better in {better}, worse in {worse}, not told \
             apart in {} (exploration, Benjamini-Hochberg).",
            counted(entries.len(), "comparison"),
            entries.len() - better - worse
        )
    })
}

fn items(comparison: &Comparison) -> Option<String> {
    let flips = comparison.tasks.iter().filter_map(|task| task.flips.as_ref()).collect::<Vec<_>>();
    let sum = |of: fn(&&crate::paired::TaskFlips) -> usize| flips.iter().map(of).sum::<usize>();
    let (gained, lost, equal) = (sum(|f| f.gained), sum(|f| f.lost), sum(|f| f.equal));
    (!flips.is_empty()).then(|| {
        format!(
            "Items on the original wording: {} got better, {} got worse, {} stayed the same. Items flip by chance too: the \
             counts are no verdict.",
            count(gained),
            count(lost),
            count(equal)
        )
    })
}

fn caution(comparison: &Comparison) -> Option<String> {
    let entries = comparison.primary().filter_map(|task| Some((task, task.measure(Headline::Performance)?)));
    let apart = entries.filter(|(_, entry)| entry.verdict == ContrastVerdict::NotToldApart).collect::<Vec<_>>();
    let largest = apart.iter().filter_map(|(task, entry)| Some((task, entry.minimum_detectable_effect?)));
    let largest = largest.max_by(|(_, a), (_, b)| a.total_cmp(b));
    let (task, effect) = largest?;
    Some(format!(
        "Not told apart is no evidence of equality: with {} probability a single test would find a true difference of {}{} \
         on {}, and larger ones.",
        percent(comparison.power),
        figure(effect),
        if task.unit == "share" { String::new() } else { format!(" {}", task.unit) },
        task.title
    ))
}

/// One checkpoint each is no comparison of weightings.
fn one_seed(comparison: &Comparison) -> Option<String> {
    let [own, other] = [&comparison.baseline, &comparison.candidate].map(|side| side.checkpoint.weighting);
    (own.is_some() && other.is_some() && own != other).then(|| {
        "This is about two checkpoints, not about their loss weightings: another training seed may differ as much. \
         `wit-eval report` on several seeds of both compares weightings."
            .to_owned()
    })
}

/// How the p-values of a table were adjusted.
pub(super) fn correction_words(entries: &[&ComparedMeasure]) -> String {
    entries.first().map_or_else(String::new, |entry| {
        let what = match entry.correction {
            Correction::Holm => "Holm",
            Correction::BenjaminiHochberg => "Benjamini-Hochberg, exploration",
        };
        format!("p adjusted for {} ({what})", counted(entry.comparisons, "test"))
    })
}
