//! Reports of a made-up run with hostile text wherever text can be: numbers, words, formats and what must stay text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "reports/comparisons.rs"]
mod comparisons;
#[path = "reports/picture.rs"]
mod picture;
#[path = "reports/run.rs"]
mod run;
#[path = "reports/sweep.rs"]
mod sweep;
#[path = "reports/weightings.rs"]
mod weightings;

use std::sync::LazyLock;

use run::{hostile_run, run};
use wit_eval::analyze::analysis::{Analysis, Severity, TaskAnalysis};
use wit_eval::analyze::{AnalyzeError, AnalyzeOptions};
use wit_eval::record::Purpose;
use wit_eval::report::{Format, render};
use wit_eval::score::Score;
use wit_eval::variant::VariantId;

fn find<'a>(analysis: &'a Analysis, checkpoint: &str, task: &str) -> &'a TaskAnalysis {
    let checkpoint = analysis.checkpoints.iter().find(|c| c.id == checkpoint).expect("the checkpoint");
    checkpoint.tasks.iter().find(|t| t.task == task).expect("the task")
}

/// Characters that act on a terminal or reorder a page.
fn acting(text: &str) -> Vec<char> {
    let bidi =
        |c: char| matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| (c.is_control() && *c != '\n' && *c != '\t') || bidi(*c)).collect()
}

/// Both analyses, made once: tests read them in every format.
static PLAIN: LazyLock<Analysis> = LazyLock::new(|| run().analyze());
static HOSTILE_NAMES: LazyLock<Analysis> = LazyLock::new(|| hostile_run().analyze());

fn both() -> [&'static Analysis; 2] {
    [&PLAIN, &HOSTILE_NAMES]
}

#[test]
fn hostile_text_stays_text_on_the_page() {
    for analysis in both() {
        let html = render(analysis, Format::Html).unwrap();
        let escaped = html.matches("&lt;script&gt;alert(1)").count();
        assert!(escaped > 0, "the hostile reply is shown");
        assert_eq!(
            html.matches("<script").count() + html.matches("<img").count() + html.matches("<a href=\"java").count(),
            0
        );
        assert!(html.contains("{{ 7*7 }}"), "a template in a reply is not evaluated");
        assert_eq!(acting(&html), []);
        for tag in ["details", "pre", "table", "section", "div", "ul", "figure", "span", "svg"] {
            let open = html.matches(&format!("<{tag}>")).count() + html.matches(&format!("<{tag} ")).count();
            assert_eq!(open, html.matches(&format!("</{tag}>")).count(), "{tag} is balanced");
        }
    }
}

#[test]
fn the_page_loads_nothing_and_runs_nothing() {
    let html = render(&PLAIN, Format::Html).unwrap();
    assert!(html.contains("default-src 'none'"));
    for outside in ["@import", "url(", "<link", "<script", "<iframe", "<img", " src=\"", " onload=\""] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert!(html.split("href=\"").skip(1).all(|rest| rest.starts_with('#')), "links stay on the page");
    if let Ok(path) = std::env::var("WIT_EVAL_REPORT_OUT") {
        for format in Format::ALL {
            let text = render(&PLAIN, format).unwrap();
            std::fs::write(std::path::Path::new(&path).join(format.file_name()), text).unwrap();
        }
    }
}

#[test]
fn terminal_reports_fit_and_hold_no_escape_codes() {
    for analysis in both() {
        let text = render(analysis, Format::Terminal).unwrap();
        assert_eq!(acting(&text), []);
        let width = usize::from(wit_eval::report::TERMINAL_WIDTH);
        let long = text.lines().filter(|line| line.chars().count() > width).collect::<Vec<_>>();
        assert_eq!(long, Vec::<&str>::new());
    }
}

/// Lines outside fenced blocks.
fn unfenced(markdown: &str) -> Vec<&str> {
    let mut fence: Option<&str> = None;
    let mut out = Vec::new();
    for line in markdown.lines() {
        let ticks = &line[..line.len() - line.trim_start_matches('`').len()];
        match fence {
            Some(open) if line == open => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => out.push(line),
        }
    }
    assert_eq!(fence, None, "every fence is closed");
    out
}

#[test]
fn markdown_reports_keep_their_tables_and_quote_hostile_text() {
    for analysis in both() {
        let text = render(analysis, Format::Markdown).unwrap();
        assert_eq!(acting(&text), []);
        let lines = unfenced(&text);
        let mut columns = None;
        for line in lines {
            let pipes = line.matches('|').count();
            columns = if line.starts_with('|') { Some(*columns.get_or_insert(pipes)) } else { None };
            assert!(columns.is_none_or(|columns| columns == pipes), "{line}");
            for mark in ["<script", "<img", "@everyone", "](java", "``` "] {
                assert!(!line.contains(mark), "{mark}: {line}");
            }
        }
    }
}

#[test]
fn csv_reports_read_back_and_hold_no_formula() {
    for analysis in both() {
        let text = render(analysis, Format::Csv).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let mut rows = 0;
        for record in reader.records() {
            let record = record.unwrap();
            assert_eq!(record.len(), 19);
            for cell in &record {
                let formula = cell.starts_with(['=', '+', '@', '-']) && cell.parse::<f64>().is_err();
                assert!(!formula, "{cell}");
                assert_eq!(acting(cell), []);
            }
            rows += 1;
        }
        assert!(rows > 500, "{rows} rows");
    }
}

#[test]
fn json_reports_read_back_as_the_analysis_they_were() {
    let analysis = &*HOSTILE_NAMES;
    let json = render(analysis, Format::Json).unwrap();
    assert_eq!(acting(&json), []);
    assert_eq!(&serde_json::from_str::<Analysis>(&json).unwrap(), analysis);
    assert!(json.contains("\"schema\": \"wit-eval/analysis/1\""));
}

#[test]
fn reports_do_not_depend_on_threads_or_on_the_order_of_scores() {
    let mut shuffled = run();
    shuffled.scores.reverse();
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let expected = one.install(|| shuffled.analyze());
    assert_eq!(*PLAIN, expected);
    for format in Format::ALL {
        assert_eq!(render(&expected, format).unwrap(), render(&PLAIN, format).unwrap(), "{format}");
    }
}

/// By hand: credits of four questions are 1 0 1 0 as they stand and 1 1 0 0 under the one perturbation.
#[test]
fn a_small_run_gives_the_numbers_that_pencil_and_paper_give() {
    let mut run = run();
    let typo = VariantId { perturbation: "typo".to_owned(), strength: "default".to_owned(), draw: 0 };
    run.manifest.settings.perturbations = vec!["typo@default:1".to_owned()];
    run.manifest.checkpoints.truncate(1);
    run.skipped.clear();
    run.manifest.tasks.truncate(1);
    let rows = ["mmlu_anatomy/0", "mmlu_anatomy/1", "mmlu_anatomy/2", "mmlu_anatomy/3"];
    let kept =
        |variant: &VariantId, instance: &str| (variant.is_original() || *variant == typo) && rows.contains(&instance);
    run.plan.retain(|record| match &record.purpose {
        Purpose::Judge { variant, .. } => kept(variant, &record.instance),
        Purpose::Posix { .. } | Purpose::Likelihood { .. } => false,
    });
    run.scores.retain(|score| score.checkpoint == "p0-r1" && kept(&score.variant, &score.instance));
    for score in &mut run.scores {
        let row = rows.iter().position(|row| *row == score.instance).unwrap();
        let credit = if score.variant.is_original() { [1.0, 0.0, 1.0, 0.0][row] } else { [1.0, 1.0, 0.0, 0.0][row] };
        score.score = Score::Scored { credit, answer: "A".to_owned(), explanation: String::new() };
    }
    let analysis = run.analyze();
    let task = find(&analysis, "p0-r1", "mmlu_anatomy");
    let metric = task.primary().unwrap();
    assert_eq!((task.instances, task.chance), (4, Some(0.25)));
    assert_eq!(metric.original.point(), Some(0.5));
    let row = &metric.perturbations[0];
    assert_eq!((row.name.as_str(), row.wanted), ("typo", 4));
    assert_eq!((row.performance.point(), row.change.point()), (Some(0.5), Some(0.0)));
    assert_eq!(row.sensitivity.flip_rate_mean.point(), Some(0.5));
    assert_eq!(row.sensitivity.worst_case.point(), Some(0.25));
    assert_eq!(row.sensitivity.best_case.point(), Some(0.75));
    assert_eq!(task.posix.index.reason(), Some("no prompt sets were asked"));
    let flipped = task.flipped.iter().map(|flip| flip.instance.as_str()).collect::<Vec<_>>();
    assert_eq!(flipped, ["mmlu_anatomy/1", "mmlu_anatomy/2"]);
    assert!(said(&analysis, Severity::Warning, "Fewer than 30 independent instances").contains("mmlu_anatomy (4)"));
}

fn said(analysis: &Analysis, severity: Severity, words: &str) -> String {
    let found = analysis.findings.iter().find(|finding| finding.severity == severity && finding.text.contains(words));
    found.unwrap_or_else(|| panic!("nothing says {words}: {:#?}", analysis.findings)).text.clone()
}

#[test]
fn words_claim_no_more_than_the_intervals_allow() {
    let analysis = &*PLAIN;
    let task = find(analysis, "p0-r1", "mmlu_anatomy");
    let interval = task.primary().unwrap().original.estimate().unwrap().interval.unwrap();
    assert!(interval.low < 0.25 && interval.high > 0.25);
    assert!(
        said(analysis, Severity::Result, "p0-r1 on mmlu_anatomy").ends_with("not distinguishable from chance (0.250).")
    );
    let option_order = said(analysis, Severity::Warning, "option_order on bbh_zeroshot_navigate");
    assert!(option_order.contains("there are no options to reorder"));
    assert!(said(analysis, Severity::Warning, "Unscored").contains("strict-match"));
    assert!(said(analysis, Severity::Result, "excludes 0").contains("would by chance alone"));
    assert!(said(analysis, Severity::Result, "Against conventional tuning (0,1)").contains("cannot be told apart"));
    assert!(said(analysis, Severity::Warning, "one seed").contains("seed variance is not measured"));
}

#[test]
fn answers_that_are_missing_are_counted_and_never_wrong() {
    let mut unfinished = run();
    unfinished.scores.retain(|score| score.checkpoint == "p0-r1" || !score.variant.is_original());
    let analysis = unfinished.analyze();
    let metric = find(&analysis, "p0.4-r0.6", "mmlu_anatomy").primary().unwrap();
    assert_eq!(metric.original.point(), None);
    assert_eq!(metric.unscored[0].count, 40);
    assert!(metric.unscored[0].reason.contains("unfinished"));
    assert!(metric.perturbations[0].performance.point().is_some());
    assert_eq!(metric.perturbations[0].change.point(), None);
    for format in Format::ALL {
        assert!(!render(&analysis, format).unwrap().contains("NaN"), "{format}");
    }
}

#[test]
fn a_score_of_another_run_is_refused_by_name() {
    let mut mixed = run();
    mixed.scores[0].instance = "mmlu_anatomy/999".to_owned();
    let error = mixed.analyze_with(&AnalyzeOptions::default()).unwrap_err();
    assert!(matches!(error, AnalyzeError::StrayScore { .. }));
    assert!(error.to_string().contains("mmlu_anatomy/999"), "{error}");
    let options = AnalyzeOptions { level: 95.0, ..AnalyzeOptions::default() };
    assert!(matches!(run().analyze_with(&options), Err(AnalyzeError::Level { .. })));
}

#[test]
fn a_run_without_checkpoints_or_questions_still_reports() {
    let mut empty = run();
    empty.plan.clear();
    empty.scores.clear();
    let no_questions = empty.analyze();
    empty.manifest.checkpoints.clear();
    for analysis in [no_questions, empty.analyze()] {
        for format in Format::ALL {
            assert!(!render(&analysis, format).unwrap().is_empty());
        }
    }
}

#[test]
fn reports_look_as_they_looked() {
    let analysis = &*PLAIN;
    insta::assert_snapshot!("terminal", render(analysis, Format::Terminal).unwrap());
    let markdown = render(analysis, Format::Markdown).unwrap();
    insta::assert_snapshot!("markdown", markdown.split("</details>").next().unwrap());
    let csv = render(analysis, Format::Csv).unwrap();
    insta::assert_snapshot!("csv", csv.lines().take(30).collect::<Vec<_>>().join("\n"));
}
