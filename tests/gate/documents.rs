//! What a gate writes: verdicts in numbers, and names that stay text in every format.

use wit_eval::analyze::analysis::Headline;
use wit_eval::gate::render::{GateFormat, MARKDOWN_LIMIT, render};
use wit_eval::gate::{Gate, LimitState, Overall, Policy, Side, SubjectKind, TaskGroup, Verdict, decide};
use wit_eval::paired::PairedTask;

use crate::pairs::{column, task};

/// Everything that could act on a reader's terminal, browser, forge or log.
const HOSTILE: &str = "::error::a%,b\n::set-output name=x::y\r|`<b>&]]>\u{1b}[31m\u{202e}@team #1 [x](y) ##[stop-commands]z ::warning::again and more words that do not fit into a line";

fn flat(name: &str, right: usize, wrong: usize, lost: usize, gained: usize) -> PairedTask {
    let parts = [(right, (1.0, 1.0)), (wrong, (0.0, 0.0)), (lost, (1.0, 0.0)), (gained, (0.0, 1.0))];
    let pairs = parts.iter().flat_map(|(count, pair)| std::iter::repeat_n(*pair, *count));
    task(name, vec![column(Headline::Performance, 1, pairs)])
}

fn policy(text: &str) -> Policy {
    Policy::from_toml(text, "gate.toml").unwrap()
}

fn verdict(gate: &Gate, subject: &str) -> Verdict {
    gate.checks.iter().find(|check| check.subject == subject).unwrap().verdict
}

#[test]
fn each_verdict_is_decided_on_the_whole_interval() {
    let tasks = [
        flat("better", 200, 140, 10, 50),
        flat("same", 300, 96, 2, 2),
        flat("unclear", 60, 36, 3, 1),
        flat("worse", 200, 140, 50, 10),
    ];
    let gate = decide(&tasks, &[], &Policy::default());
    assert_eq!(verdict(&gate, "better"), Verdict::Improved);
    assert_eq!(verdict(&gate, "same"), Verdict::Unchanged);
    assert_eq!(verdict(&gate, "unclear"), Verdict::Inconclusive);
    assert_eq!(verdict(&gate, "worse"), Verdict::Regressed);
    assert_eq!((gate.conclusion.verdict, gate.conclusion.exit_code), (Overall::Regressed, 1));
    let worse = gate.checks.iter().find(|check| check.subject == "worse").unwrap();
    assert!((worse.difference.point + 0.1).abs() < 1e-12, "{}", worse.reason);
    assert!(worse.reason.contains("worse by more than the margin 0.020"), "{}", worse.reason);
    assert!(worse.reason.contains("adjusted over 4 tests"), "{}", worse.reason);
}

#[test]
fn identical_answers_pass_only_where_there_are_enough_of_them() {
    let exit = |count| decide(&[flat("t", count, 0, 0, 0)], &[], &Policy::default()).conclusion.exit_code;
    // 0.98^148 = 0.0503 and 0.98^149 = 0.0493: so many pairs without a loss exclude a loss of 2 %.
    assert_eq!((exit(30), exit(140), exit(160)), (3, 3, 0));
}

#[test]
fn one_cluster_and_no_task_are_never_green() {
    let one = decide(&[flat("t", 1, 0, 0, 0)], &[], &policy("inconclusive = \"pass\""));
    assert_eq!((one.conclusion.verdict, one.conclusion.exit_code), (Overall::NothingCompared, 3));
    let none = decide(&[], &[], &Policy::default());
    assert_eq!((none.conclusion.verdict, none.conclusion.exit_code), (Overall::NothingCompared, 3));
}

#[test]
fn a_required_check_that_cannot_be_made_leaves_no_verdict() {
    let rule = "[[check]]\ntask = \"gone\"\nmeasure = \"performance\"\n";
    let gate = decide(&[flat("t", 400, 0, 0, 0)], &[], &policy(rule));
    assert_eq!((gate.conclusion.verdict, gate.conclusion.exit_code), (Overall::RequiredMissing, 2));
    assert_eq!(gate.missing, ["task gone: performance is not measured in both runs"]);
    let gate = decide(&[flat("t", 400, 0, 0, 0)], &[], &policy(&format!("{rule}required = false\n")));
    assert_eq!((gate.conclusion.exit_code, gate.left_out.len()), (0, 4), "{:?}", gate.left_out);
}

#[test]
fn a_pattern_that_fits_no_task_is_named_with_the_tasks_there_are() {
    let tasks = [flat("logic", 400, 0, 0, 0), flat("anatomy", 400, 0, 0, 0)];
    let gate = decide(&tasks, &[], &policy("[defaults]\ntasks = [\"zzz*\"]\n"));
    assert_eq!(gate.conclusion.verdict, Overall::NothingCompared);
    assert_eq!(gate.left_out, ["tasks `zzz*`: none fits; both runs have anatomy, logic"]);
}

#[test]
fn floors_hold_are_violated_or_stay_open() {
    let tasks = [flat("t", 240, 160, 0, 0)];
    let state = |limit: &str| {
        let gate =
            decide(&tasks, &[], &policy(&format!("[[check]]\ntask = \"t\"\nmeasure = \"performance\"\n{limit}")));
        (gate.checks[0].limits[0].state, gate.checks[0].verdict)
    };
    assert_eq!(state("floor = 0.5"), (LimitState::Holds, Verdict::Unchanged));
    assert_eq!(state("floor = 0.61"), (LimitState::Undecided, Verdict::Inconclusive));
    assert_eq!(state("floor = 0.61\nfloor_by = \"point\""), (LimitState::Violated, Verdict::Regressed));
    assert_eq!(state("floor = 0.7"), (LimitState::Violated, Verdict::Regressed));
    assert_eq!(state("ceiling = 0.5"), (LimitState::Violated, Verdict::Regressed));
    assert_eq!(state("floor = 0"), (LimitState::Holds, Verdict::Unchanged));
}

#[test]
fn less_sensitivity_is_better_and_relative_margins_follow_the_baseline() {
    let nats = |worse: f64| {
        let rows = (0..80).map(|i| (1.0 + f64::from(i % 5) / 10.0, 1.0 + worse + f64::from((i * 3) % 5) / 10.0));
        vec![task("t", vec![column(Headline::Posix, 1, rows)])]
    };
    let gate = |worse| decide(&nats(worse), &[], &policy("[defaults.margin]\nposix = \"0.05 or 10%\"\n"));
    let (equal, worse, better) = (gate(0.0), gate(0.3), gate(-0.3));
    assert!((equal.checks[0].margin - 0.12).abs() < 1e-9, "10 % of 1.2");
    assert_eq!(verdict(&equal, "t"), Verdict::Unchanged);
    assert_eq!(verdict(&worse, "t"), Verdict::Regressed);
    assert_eq!(verdict(&better, "t"), Verdict::Improved);
    let interval = worse.checks[0].difference.interval.unwrap();
    assert!(interval.low > 0.12 && worse.checks[0].difference.point > 0.29, "shown in the measure's own direction");
}

#[test]
fn a_group_that_reports_a_mean_is_checked_as_one() {
    let tasks = [flat("a", 100, 100, 0, 0), flat("b", 100, 100, 40, 0), flat("c", 200, 0, 0, 0)];
    let group = TaskGroup {
        name: "both".to_owned(),
        title: "both".to_owned(),
        metric: "acc".to_owned(),
        filter: "none".to_owned(),
        weight_by_size: false,
        tasks: ["a", "b"].map(str::to_owned).into(),
    };
    let gate = decide(&tasks, std::slice::from_ref(&group), &Policy::default());
    let subjects = gate.checks.iter().map(|check| (check.kind, check.subject.as_str())).collect::<Vec<_>>();
    assert_eq!(subjects, [(SubjectKind::Group, "both"), (SubjectKind::Task, "c")]);
    // By hand: task a loses nothing, task b 40 of 240.
    assert!((gate.checks[0].difference.point + 40.0 / 240.0 / 2.0).abs() < 1e-12);
    let sized = decide(&tasks, &[TaskGroup { weight_by_size: true, ..group.clone() }], &Policy::default());
    assert!((sized.checks[0].difference.point + 40.0 / 440.0).abs() < 1e-12);
    let average = policy("[[check]]\ngroup = \"average\"\nmeasure = \"performance\"\n");
    let gate = decide(&tasks, &[group], &average);
    assert_eq!(gate.checks[0].kind, SubjectKind::Average);
    assert!((gate.checks[0].difference.point + 40.0 / 240.0 / 4.0).abs() < 1e-12);
}

fn hostile() -> Gate {
    let mut gate = decide(&[flat(HOSTILE, 100, 40, 60, 0), flat("calm", 300, 0, 0, 0)], &[], &Policy::default());
    gate.baseline = Side { run: HOSTILE.to_owned(), checkpoint: HOSTILE.to_owned() };
    gate.candidate = gate.baseline.clone();
    gate.notes = vec![HOSTILE.to_owned()];
    gate.missing = vec![HOSTILE.to_owned()];
    gate
}

#[test]
fn hostile_names_stay_text_in_every_format() {
    let gate = hostile();
    for format in GateFormat::ALL {
        let text = render(&gate, format).unwrap();
        let acting = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.chars().any(acting), "{format}: {text:?}");
        if format.ends_with_verdict() {
            let last = text.trim_end().lines().last().unwrap().replace("**", "");
            assert_eq!(last, gate.conclusion.line(), "{format}");
        }
    }
    let terminal = render(&gate, GateFormat::Terminal).unwrap();
    let begins = |line: &&str| line.trim_start().starts_with("::");
    assert!(!terminal.lines().any(|line| begins(&line)), "{terminal}");
    assert!(terminal.lines().all(|line| line.chars().count() <= 100), "{terminal}");
    let commands = render(&gate, GateFormat::Github).unwrap();
    assert!(!terminal.contains("##[") && !commands.contains("##["));
    let commands = commands.lines().filter(begins).collect::<Vec<_>>();
    assert_eq!(commands.len(), 3, "{commands:?}");
    for command in commands {
        let properties = command.trim_start_matches("::").split("::").next().unwrap();
        assert!(properties.starts_with("error title="), "{command}");
        assert!(!properties["error title=".len()..].contains([':', ',']), "{command}");
    }
    let markdown = render(&gate, GateFormat::Markdown).unwrap();
    assert!(!markdown.contains("<b>") && !markdown.contains("@team") && !markdown.contains("[x]("), "{markdown}");
    let xml = render(&gate, GateFormat::Junit).unwrap();
    assert!(!xml.contains("<b>"), "{xml}");
    let read: Gate = serde_json::from_str(&render(&gate, GateFormat::Json).unwrap()).unwrap();
    assert_eq!(read, gate, "gate.json reads back");
}

#[test]
fn junit_is_red_exactly_where_the_exit_code_is() {
    let gate = |lost, text: &str| decide(&[flat("t", 60, 36, lost, 1)], &[], &policy(text));
    for (gate, failures, errors) in [
        (gate(60, ""), 2, 0),
        (gate(3, ""), 0, 2),
        (gate(3, "inconclusive = \"pass\""), 0, 0),
        (gate(3, "inconclusive = \"fail\""), 2, 0),
        (decide(&[flat("t", 400, 0, 0, 0)], &[], &Policy::default()), 0, 0),
        (decide(&[], &[], &Policy::default()), 0, 1),
    ] {
        let xml = render(&gate, GateFormat::Junit).unwrap();
        let head = xml.lines().nth(1).unwrap();
        let wanted = format!("failures=\"{failures}\" errors=\"{errors}\"");
        assert!(head.contains(&wanted), "{wanted}: {head}");
        assert_eq!(failures + errors > 0, gate.conclusion.exit_code != 0);
    }
}

#[test]
fn many_checks_fit_into_a_comment_and_what_failed_is_never_cut() {
    let mut tasks = (0..900).map(|i| flat(&format!("task_{i:04}"), 300, 0, 0, 0)).collect::<Vec<_>>();
    tasks.push(flat("zzz_worse", 100, 40, 60, 0));
    let gate = decide(&tasks, &[], &Policy::default());
    let text = render(&gate, GateFormat::Markdown).unwrap();
    assert!(text.len() < MARKDOWN_LIMIT && text.contains("zzz_worse") && text.contains("more checks stand in"));
}
