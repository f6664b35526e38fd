//! Reports of sweeps: who is compared with whom, and what may be said.

use wit_eval::analyze::analysis::{
    Analysis, ArmKind, ArmMeasure, BenchmarkWeightings, ContrastVerdict, Headline, SeedVariance, Severity, TaskAnalysis,
};
use wit_eval::digest::Digest;
use wit_eval::report::{Format, render};

use super::sweep::{analyze_all, grid, split, sweep, tuned};
use super::{acting, said};

/// A number of a checkpoint on a task.
type Number<'a> = &'a dyn Fn(&TaskAnalysis) -> f64;

fn average(analysis: &Analysis) -> &BenchmarkWeightings {
    &analysis.weightings.as_ref().unwrap().benchmarks[0]
}

fn entry<'a>(benchmark: &'a BenchmarkWeightings, arm: &str, headline: Headline) -> &'a ArmMeasure {
    benchmark.rows.iter().find(|row| row.arm == arm).expect("the arm").measure(headline).expect("the measure")
}

/// A base, conventional tuning and a better weighting with three seeds, and one more with one.
fn small() -> Vec<wit_eval::store::CheckpointEntry> {
    let mut out = vec![tuned(None, 0)];
    for seed in 0..3 {
        out.push(tuned(Some((0.0, 1.0)), seed));
        out.push(tuned(Some((0.4, 0.4)), seed));
    }
    out.push(tuned(Some((1.0, 0.2)), 0));
    out
}

#[test]
fn checkpoints_of_one_weighting_are_seeds_and_the_base_stands_alone() {
    let analysis = analyze_all(&[sweep(small(), 60)]);
    let compared = analysis.weightings.as_ref().unwrap();
    let arms = compared.arms.iter().map(|arm| (arm.id.as_str(), arm.checkpoints.len())).collect::<Vec<_>>();
    assert_eq!(arms, [("tiny-base", 1), ("p0-r1", 3), ("p0.4-r0.4", 3), ("p1-r0.2", 1)]);
    assert_eq!(compared.arms[0].kind, ArmKind::Base);
    assert_eq!(compared.arms[0].reference.as_deref(), Some("p0-r1"));
    assert_eq!(
        (compared.arms[1].reference.as_deref(), compared.arms[1].base_arm.as_deref()),
        (None, Some("tiny-base"))
    );
    assert_eq!(compared.arms[3].reference.as_deref(), Some("p0-r1"));
    let names = compared.benchmarks.iter().map(|benchmark| benchmark.benchmark.as_str()).collect::<Vec<_>>();
    assert_eq!(names, ["average", "follow", "recall"]);
    let known = |arm: &str| entry(average(&analysis), arm, Headline::Performance).seed_variance;
    assert_eq!(
        ["tiny-base", "p0-r1", "p1-r0.2"].map(known),
        [SeedVariance::None, SeedVariance::Measured, SeedVariance::Borrowed]
    );
}

/// By hand: an arm's number is the mean over its seeds and over the tasks, and a change is the difference of two arms.
#[test]
fn an_arms_numbers_are_means_over_seeds_and_changes_are_their_differences() {
    let analysis = analyze_all(&[sweep(small(), 60)]);
    let mean = |arm: &str, number: Number<'_>| {
        let own = analysis.checkpoints.iter().filter(|c| c.id.starts_with(arm)).flat_map(|c| &c.tasks);
        let all = own.map(number).collect::<Vec<_>>();
        all.iter().sum::<f64>() / all.len() as f64
    };
    let together = |task: &TaskAnalysis| task.primary().unwrap().together.clone().unwrap();
    let numbers: [(Headline, Number<'_>); 7] = [
        (Headline::Performance, &|task| task.primary().unwrap().original.point().unwrap()),
        (Headline::Perturbed, &|task| together(task).performance.point().unwrap()),
        (Headline::WorstCase, &|task| together(task).sensitivity.worst_case.point().unwrap()),
        (Headline::Posix, &|task| task.posix.index.point().unwrap()),
        (Headline::Spread, &|task| together(task).sensitivity.spread.point().unwrap()),
        (Headline::Variance, &|task| together(task).sensitivity.within_item_variance.point().unwrap()),
        (Headline::FlipRate, &|task| together(task).sensitivity.flip_rate_mean.point().unwrap()),
    ];
    for (headline, number) in numbers {
        let (own, other) = (mean("p0.4-r0.4", number), mean("p0-r1", number));
        let found = entry(average(&analysis), "p0.4-r0.4", headline);
        assert!((found.value.point().unwrap() - own).abs() < 1e-9, "{headline:?}");
        let contrast = found.against_reference.as_ref().unwrap();
        assert!((contrast.difference.point().unwrap() - (own - other)).abs() < 1e-9, "{headline:?}");
        assert_eq!((contrast.with.as_str(), contrast.comparisons), ("p0-r1", 3));
    }
}

#[test]
fn verdicts_follow_the_intervals_and_the_words_follow_the_verdicts() {
    let analysis = analyze_all(&[sweep(small(), 150)]);
    let benchmark = average(&analysis);
    let base = entry(benchmark, "tiny-base", Headline::Performance).against_reference.clone().unwrap();
    assert_eq!(base.verdict, ContrastVerdict::Worse);
    let posix = entry(benchmark, "p1-r0.2", Headline::Posix).against_reference.clone().unwrap();
    assert_eq!(posix.verdict, ContrastVerdict::Better, "less sensitive is better: {posix:?}");
    for row in &benchmark.rows {
        for found in row.measures.iter().filter_map(|entry| entry.against_reference.as_ref()) {
            let interval = found.difference.estimate().unwrap().interval.unwrap();
            if matches!(found.verdict, ContrastVerdict::Better | ContrastVerdict::Worse) {
                assert!(interval.low > 0.0 || interval.high < 0.0, "{found:?}");
                assert!(found.p_adjusted.unwrap() < 0.05 && found.p_adjusted >= found.p_value, "{found:?}");
            }
        }
    }
    assert!(said(&analysis, Severity::Result, "Loss weightings: 3 weightings").contains("of which 2 have up to 3"));
    assert!(
        said(&analysis, Severity::Result, "Against conventional tuning (0,1), p0-r1, POSIX")
            .contains("less sensitive: ")
    );
    assert!(said(&analysis, Severity::Result, "Against the base tiny-base, performance").contains("3 better"));
}

#[test]
fn runs_of_one_checkpoint_each_are_compared_as_one_run_of_all() {
    let whole = sweep(small(), 40);
    let (one, several) = (analyze_all(std::slice::from_ref(&whole)), analyze_all(&split(&whole)));
    assert_eq!(one.weightings, several.weightings);
}

#[test]
fn only_checkpoints_that_answered_the_same_questions_are_paired() {
    let mut cells = split(&sweep(small(), 40));
    cells[2].manifest.plan = Digest::of_bytes(b"other questions");
    let twin = cells[1].manifest.checkpoints[0].digest.clone();
    cells[7].manifest.checkpoints[0].digest = twin;
    let analysis = analyze_all(&cells);
    let aside = &analysis.weightings.as_ref().unwrap().not_comparable;
    let of = |id: &str| aside.iter().find(|entry| entry.checkpoint == id).unwrap().reason.clone();
    assert!(of("p0.4-r0.4-s0").contains("other questions"));
    assert!(of("p1-r0.2-s0").contains("same weights as p0-r1-s0"));
    assert!(said(&analysis, Severity::Warning, "Not compared with the other checkpoints").contains("p0.4-r0.4-s0"));
}

#[test]
fn one_seed_each_is_said_to_leave_the_seed_unmeasured() {
    let entries = [(0.0, 1.0), (1.0, 1.0), (0.4, 0.6)].map(|weights| tuned(Some(weights), 0));
    let analysis = analyze_all(&[sweep(entries.into(), 40)]);
    let found = entry(average(&analysis), "p1-r1", Headline::Performance);
    assert_eq!(found.seed_variance, SeedVariance::NotMeasured);
    said(&analysis, Severity::Warning, "seed variance is not measured");
    // The row of one checkpoint on one task is the number that its own table shows.
    let task = &analysis.weightings.as_ref().unwrap().benchmarks[1];
    let own = analysis.checkpoints[1].tasks[0].primary().unwrap();
    assert_eq!(entry(task, "p1-r1", Headline::Performance).value, own.original);
    for (format, words) in
        [(Format::Terminal, "‡ seed variance"), (Format::Markdown, "cannot be told apart"), (Format::Html, "‡")]
    {
        let text = render(&analysis, format).unwrap();
        let unwrapped = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(unwrapped.contains(words), "{format}");
    }
}

#[test]
fn a_grid_of_48_checkpoints_fits_a_page_and_folds_what_is_about_one() {
    let mut analysis = analyze_all(&[sweep(grid(), 300)]);
    assert_eq!(analysis.checkpoints.len(), 48);
    analysis.notes.push("A small model: <b>read with care</b>\u{1b}[31m.".to_owned());
    if let Ok(path) = std::env::var("WIT_EVAL_REPORT_OUT") {
        for format in Format::ALL {
            let name = format!("sweep-{}", format.file_name());
            std::fs::write(std::path::Path::new(&path).join(name), render(&analysis, format).unwrap()).unwrap();
        }
    }
    let html = render(&analysis, Format::Html).unwrap();
    assert!(html.len() < 5_000_000, "{} bytes", html.len());
    assert!(html.contains("details class=\"fold\"") && html.contains("&lt;b&gt;read with care"));
    // Two maps a benchmark, 36 cells each: none is empty, because the base fills (0,0).
    assert_eq!((html.matches("<table class=\"map\"").count(), html.matches("class=\"empty\"").count()), (6, 0));
    assert!(html.matches("<figure class=\"drawn\"").count() >= 6, "maps are drawn");
    for tag in ["details", "table", "section", "div", "figure", "span", "svg", "td", "th", "tr"] {
        let open = html.matches(&format!("<{tag}>")).count() + html.matches(&format!("<{tag} ")).count();
        assert_eq!(open, html.matches(&format!("</{tag}>")).count(), "{tag} is balanced");
    }
    let terminal = render(&analysis, Format::Terminal).unwrap();
    assert!(terminal.starts_with("A small model:") && terminal.contains("The tables of 48 checkpoints"));
    assert!(terminal.lines().all(|line| line.chars().count() <= 100), "{terminal}");
    assert!(terminal.lines().count() < 300, "{} lines", terminal.lines().count());
    let markdown = render(&analysis, Format::Markdown).unwrap();
    assert!(markdown.contains("## Weightings") && !markdown.contains("## Headline"));
    for text in [&html, &terminal, &markdown] {
        assert_eq!(acting(text), []);
    }
    let csv = render(&analysis, Format::Csv).unwrap();
    assert!(csv.lines().any(|line| line.contains("average") && line.contains("weighting_posix_against_reference")));
}

#[test]
fn without_a_known_weighting_nothing_is_compared() {
    let mut run = sweep(small(), 10);
    for entry in &mut run.manifest.checkpoints {
        entry.weighting = None;
    }
    let analysis = analyze_all(&[run]);
    assert_eq!(analysis.weightings, None);
    assert!(said(&analysis, Severity::Warning, "paired comparison").contains("not tested here"));
}
