//! Every format shows the same numbers, fits where it is read, and keeps text from prompts and replies text.

use wit_eval::compare::{Comparison, file_name, render};
use wit_eval::report::Format;

use super::run::{HOSTILE, Run};
use super::{by_hand, compared, judged, single};

/// Characters that act on a terminal or reorder a page.
fn acting(text: &str) -> Vec<char> {
    let bidi =
        |c: char| matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| (c.is_control() && *c != '\n' && *c != '\t') || bidi(*c)).collect()
}

/// A comparison whose names, prompts, replies and notes are hostile; the question of row 0 is so already.
fn hostile() -> Comparison {
    let own = judged(single("p0-r1"), |row, _| row % 2 == 0);
    let mut other: Run = judged(single("p0.4-r0.6"), |row, _| row % 2 == 1);
    let label = format!("=1+1|{HOSTILE}");
    let old = std::mem::replace(&mut other.manifest.checkpoints[0].label, label.clone());
    other.scores.iter_mut().for_each(|score| label.clone_into(&mut score.checkpoint));
    let responses = std::mem::take(&mut other.responses).into_iter();
    let renamed = |name: String| if name == old { label.clone() } else { name };
    other.responses = responses.map(|((name, key), response)| ((renamed(name), key), response)).collect();
    let (mut own, mut other) = (own, other);
    for run in [&mut own, &mut other] {
        run.manifest.tasks[0].alias = Some(format!("@task|{HOSTILE}"));
        run.manifest.program = format!("+program {HOSTILE}");
    }
    other.manifest.program.push('2');
    compared(&own, &other)
}

/// The lines that no fence holds. A fence ends with a line of as many backticks.
fn outside_of_fences(markdown: &str) -> String {
    let mut out = String::new();
    let mut open: Option<usize> = None;
    for line in markdown.lines() {
        let ticks = line.chars().take_while(|c| *c == '`').count();
        match open {
            None if ticks >= 3 => open = Some(ticks),
            None => out.push_str(line),
            Some(fence) if ticks >= fence && line.chars().all(|c| c == '`') => open = None,
            Some(_) => {}
        }
        out.push('\n');
    }
    assert!(open.is_none(), "every fence ends");
    out
}

#[test]
fn terminal_comparisons_fit_and_hold_no_escape_codes() {
    let (own, other) = by_hand();
    for comparison in [compared(&own, &other), hostile()] {
        let text = render(&comparison, Format::Terminal).unwrap();
        assert_eq!(acting(&text), []);
        let wide = text.lines().filter(|line| line.chars().count() > 100).collect::<Vec<_>>();
        assert!(wide.is_empty(), "{wide:#?}");
    }
    let text = render(&compared(&own, &other), Format::Terminal).unwrap();
    assert!(text.starts_with("p0.4-r0.6 against p0-r1, 92 instances of 3 tasks: performance "), "{text}");
    assert!(text.contains("mmlu_anatomy: 8 better, 5 worse, 27 the same"), "{text}");
    assert!(text.contains("p adjusted for 3 tests (Holm)."));
}

#[test]
fn hostile_text_stays_text_on_the_page_and_in_markdown() {
    let comparison = hostile();
    let html = render(&comparison, Format::Html).unwrap();
    assert!(html.matches("&lt;script&gt;alert(1)").count() > 2, "the hostile prompt is shown");
    for tag in ["<script", "<img", "<link", "<iframe", "href=\"java", " src=\"", "@import", "url("] {
        assert!(!html.contains(tag), "{tag}");
    }
    assert!(html.contains("{{ 7*7 }}"), "a template in a prompt is not evaluated");
    assert_eq!(acting(&html), []);
    for tag in ["details", "pre", "table", "section", "div", "ul", "span", "dl"] {
        let open = html.matches(&format!("<{tag}>")).count() + html.matches(&format!("<{tag} ")).count();
        assert_eq!(open, html.matches(&format!("</{tag}>")).count(), "{tag} is balanced");
    }
    let markdown = render(&comparison, Format::Markdown).unwrap();
    assert!(markdown.chars().count() < 65_000);
    assert_eq!(acting(&markdown), []);
    let outside = outside_of_fences(&markdown);
    for mark in ["<script", "<img", "@everyone", "](javascript", "{{ 7*7 }} {%"] {
        assert!(!outside.contains(mark), "{mark} outside of fences");
    }
}

#[test]
fn markdown_stays_below_what_a_comment_holds_whatever_the_texts() {
    let (own, other) = by_hand();
    let mut comparison = compared(&own, &other);
    let flood = "`&<|".repeat(40_000);
    comparison.notes = vec![flood.clone(); 9];
    comparison.findings.push(flood.clone());
    comparison.summary.push_str(&flood);
    let task = comparison.tasks[0].clone();
    for _ in 0..200 {
        comparison.tasks.push(task.clone());
    }
    for item in comparison.tasks.iter_mut().filter_map(|task| task.flips.as_mut()).flat_map(|flips| &mut flips.items) {
        if let Some(shown) = &mut item.shown {
            shown.baseline.prompt.clone_from(&flood);
            shown.expected.clone_from(&flood);
            shown.candidate.reply.clone_from(&flood);
        }
    }
    let markdown = render(&comparison, Format::Markdown).unwrap();
    assert!(markdown.chars().count() < 65_000, "{}", markdown.chars().count());
    assert!(markdown.contains("more in the other formats"));
}

#[test]
fn json_reads_back_and_csv_has_a_line_a_number_and_no_formula() {
    let comparison = hostile();
    let json = render(&comparison, Format::Json).unwrap();
    assert_eq!(acting(&json), []);
    assert_eq!(serde_json::from_str::<Comparison>(&json).unwrap(), comparison);
    assert!(json.contains("\"schema\": \"wit-eval/comparison/1\""));
    let csv = render(&comparison, Format::Csv).unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let mut lines = 0;
    for row in reader.records() {
        let row = row.unwrap();
        lines += 1;
        for (place, cell) in row.iter().enumerate() {
            // Names, not numbers: those may start with a minus.
            let is_name = place < 11;
            assert!(!is_name || !cell.starts_with(['=', '+', '-', '@']), "{cell}");
        }
    }
    assert_eq!(lines, super::measures(&comparison).len());
    let names = Format::ALL.map(file_name);
    assert_eq!(names, ["comparison.txt", "comparison.md", "comparison.json", "comparison.csv", "comparison.html"]);
    if let Ok(folder) = std::env::var("WIT_EVAL_REPORT_OUT") {
        for format in Format::ALL {
            std::fs::write(std::path::Path::new(&folder).join(file_name(format)), render(&comparison, format).unwrap())
                .unwrap();
        }
    }
}

#[test]
fn replies_and_prompts_of_changed_items_are_shown_with_what_changed_marked() {
    let own = single("p0-r1");
    let comparison = compared(&own, &single("p0.4-r0.6"));
    let html = render(&comparison, Format::Html).unwrap();
    assert!(html.contains("<del>") && html.contains("<ins>"));
    assert!(html.contains("Which structure of the heart carries blood to the lungs"));
    assert!(html.contains("class=\"verdict apart\">not told apart"));
}
