//! `wit-eval list`: what can be asked, and what it needs.

use std::collections::BTreeSet;
use std::io::Write as _;

use clap::{Args, ValueEnum};
use comfy_table::{ContentArrangement, Table, presets};

use super::Exit;
use super::options::TaskArgs;
use crate::data::{Kind, Summary};
use crate::perturb::PerturbationKind;
use crate::report::text::visible_line;
use crate::task::Member;

/// Flags of `list`.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// What is listed
    #[arg(value_enum, default_value_t = Topic::All)]
    topic: Topic,
    /// Every task, also those that stand in a group
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    tasks: TaskArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Topic {
    /// Both
    All,
    /// Tasks, groups and tags
    Tasks,
    /// Perturbations
    Perturbations,
}

/// Prints the tables.
pub(super) fn run(args: &ListArgs) -> anyhow::Result<Exit> {
    let mut out = std::io::stdout().lock();
    if args.topic != Topic::Perturbations {
        let catalog = args.tasks.catalog()?;
        let summaries = catalog.summaries();
        let members: BTreeSet<&str> = summaries
            .iter()
            .filter_map(|summary| catalog.group(&summary.name))
            .flat_map(|group| group.members.iter().map(Member::name))
            .collect();
        let rows: Vec<&Summary> = summaries
            .iter()
            .filter(|summary| args.all || summary.kind != Kind::Task || !members.contains(summary.name.as_str()))
            .collect();
        writeln!(out, "Tasks (default: {})\n{}", args.tasks.tasks, tasks(&rows))?;
        if !args.all {
            writeln!(out, "Tasks that stand in a group are listed by `wit-eval list tasks --all`.")?;
        }
        writeln!(out, "Official data is read from --data DIR; the paths are relative to it.\n")?;
    }
    if args.topic != Topic::Tasks {
        writeln!(out, "Perturbations (default: all, each at its default strength)\n{}", perturbations())?;
        writeln!(out, "Write NAME, NAME:DRAWS, NAME@STRENGTH or NAME@STRENGTH:DRAWS, separated by commas.")?;
    }
    Ok(Exit::Success)
}

fn table(header: [&str; 4]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(100);
    }
    table.set_header(header);
    table
}

fn tasks(summaries: &[&Summary]) -> Table {
    let mut table = table(["name", "asks", "needs", "what it measures"]);
    for summary in summaries {
        let asks = match summary.kind {
            Kind::Task => format!("{}, {}-shot", summary.output, summary.num_fewshot.unwrap_or(0)),
            Kind::Group => format!("group of {}", summary.tasks),
            Kind::Tag => format!("tag of {}", summary.tasks),
        };
        let needs = match summary.needs.as_slice() {
            [] => "nothing".to_owned(),
            [only] => only.clone(),
            [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        };
        let metrics = summary.metrics.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let what = match summary.description.as_str() {
            "" => metrics,
            description => format!("{description} ({metrics})"),
        };
        table.add_row([&summary.name, &asks, &needs, &what].map(|cell| visible_line(cell)));
    }
    table
}

fn perturbations() -> Table {
    let mut table = table(["name", "changes", "keeps", "strengths"]);
    for kind in PerturbationKind::ALL {
        let info = kind.info();
        let name = format!("{kind}\n({} drawn)", info.default_draws);
        table.add_row([name.as_str(), info.summary, info.keeps, info.strengths]);
    }
    table
}
