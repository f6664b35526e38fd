//! The published grids of arXiv 2507.07817: the counts of its text and Tables 1, 2, 4 and 6, as far as they follow from the
//! published cells.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::super::{Grouping, assemble, statements};
use super::{Row, series, table};
use crate::analyze::analysis::{Headline, WeightingsAnalysis};

const BENCHMARKS: [&str; 5] = ["MMLU", "BBH", "AlpacaEval", "IFEval", "MT-Bench"];

/// Model, data, benchmark and both weights in tenths.
type Cells = BTreeMap<(String, String, String, u8, u8), f64>;

fn read(name: &str) -> Option<Cells> {
    let shared = std::env::var("WIT_EVAL_FIXTURES")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures").to_owned());
    let folders =
        [PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/results/paper")), PathBuf::from(shared).join("../paper")];
    let text = folders.iter().find_map(|folder| std::fs::read_to_string(folder.join(name)).ok())?;
    let number = |text: &str| text.parse::<f64>().unwrap();
    let line = |line: &str| {
        let fields = line.split(',').collect::<Vec<_>>();
        let [model, dataset, _, benchmark, prompt, response, score] = fields[..] else { panic!("{line}") };
        let tenths = |weight: &str| (0..=10).find(|tenth| (number(weight) * 10.0 - f64::from(*tenth)).abs() < 1e-9);
        let weights = [prompt, response].map(|weight| tenths(weight).unwrap());
        ((model.to_owned(), dataset.to_owned(), benchmark.to_owned(), weights[0], weights[1]), number(score))
    };
    Some(text.lines().skip(1).map(line).collect())
}

fn published() -> Option<WeightingsAnalysis> {
    let (scores, posix) = (read("wit_paper_sft_scores.csv")?, read("wit_paper_posix.csv")?);
    let averages = read("wit_paper_sft_average.csv")?;
    let mut described = Vec::new();
    let mut rows: Vec<Row> = Vec::new();
    for (model, dataset, _, prompt, response) in posix.keys() {
        let known = |series: &super::Series| {
            series.model.as_deref() == Some(model) && series.dataset.as_deref() == Some(dataset)
        };
        let number = described.iter().position(known).unwrap_or_else(|| {
            described.push(series(described.len(), model, dataset, "sft"));
            described.len() - 1
        });
        let weights = (prompt + response > 0).then_some((f64::from(*prompt) / 10.0, f64::from(*response) / 10.0));
        let at = |cells: &Cells, benchmark: &str| {
            cells[&(model.clone(), dataset.clone(), benchmark.to_owned(), *prompt, *response)]
        };
        // The published mean, rounded as it is printed: Table 1 follows from it.
        rows.push((number, "average", Headline::Performance, weights, at(&averages, "average"), None));
        rows.push((number, "average", Headline::Posix, weights, at(&posix, "posix"), None));
        rows.extend(BENCHMARKS.map(|name| (number, name, Headline::Performance, weights, at(&scores, name), None)));
    }
    let mut analysis = table(&rows, described);
    assemble(&mut analysis, &[], 0.95);
    Some(analysis)
}

/// `0.28/0.56`.
fn best_weights(analysis: &WeightingsAnalysis, grouping: Grouping, name: &str) -> String {
    let found = analysis.picture.best_weights.iter().find(|row| row.grouping == grouping && row.name == name).unwrap();
    format!("{:.2}/{:.2}", found.prompt.point().unwrap(), found.response.point().unwrap())
}

#[test]
fn the_papers_counts_and_tables_come_out_of_its_published_cells() {
    let Some(analysis) = published() else {
        eprintln!("skipped: the published grids are neither in results/paper nor beside this repository");
        return;
    };
    let count = |name: &str| {
        let found = analysis.picture.counts.iter().find(|count| count.name == name).expect(name);
        (found.hits, found.of)
    };
    assert_eq!(count("best_prompt_weight_within_0_0.6"), (61, 75));
    assert_eq!(count("best_prompt_weight_above_0"), (43, 75));
    assert_eq!(count("best_response_weight_1"), (18, 75));
    assert_eq!(count("best_response_weight_within_0.4_1"), (55, 75));
    assert_eq!(count("adherence_best_response_weight_at_most_0.4"), (9, 15));
    assert_eq!(count("conversation_best_response_weight_at_least_0.6"), (18, 30));
    assert_eq!(count("best_on_average_is_conventional"), (0, 15));
    assert_eq!(count("least_sensitive_is_conventional_posix"), (1, 15));
    let statement = &analysis.picture.counts[0].statement;
    assert!(statement.ends_with("(of 75 grids = 5 models x 3 data sets x 5 benchmarks)"), "{statement}");
    // Each model has 11 of its 15 grids among the 55: five clusters that agree are no certainty.
    let share = analysis.picture.counts.iter().find(|count| count.name == "best_response_weight_within_0.4_1").unwrap();
    let interval = share.share.estimate().unwrap().interval.unwrap();
    assert!(interval.high - interval.low > 0.15, "{interval:?}");
    for (name, weights) in [
        ("MMLU", "0.28/0.56"),
        ("BBH", "0.17/0.61"),
        ("AlpacaEval", "0.36/0.64"),
        ("IFEval", "0.48/0.43"),
        ("MT-Bench", "0.23/0.55"),
    ] {
        assert_eq!(best_weights(&analysis, Grouping::Benchmark, name), weights, "{name}");
    }
    for (name, weights) in [("tulu-v2", "0.20/0.58"), ("alpaca-cleaned", "0.36/0.49"), ("lima", "0.35/0.60")] {
        assert_eq!(best_weights(&analysis, Grouping::Dataset, name), weights, "{name}");
    }
    for (name, weights) in [
        ("Llama-3.2-1B", "0.27/0.57"),
        ("Gemma-2-2B", "0.40/0.59"),
        ("Llama-3.2-3B", "0.16/0.53"),
        ("Mistral-7B", "0.32/0.52"),
        ("Llama-3-8B", "0.37/0.57"),
    ] {
        assert_eq!(best_weights(&analysis, Grouping::Model, name), weights, "{name}");
    }
}

#[test]
fn the_papers_relative_gains_come_out_with_the_corrected_mean() {
    let Some(analysis) = published() else {
        eprintln!("skipped: the published grids are neither in results/paper nor beside this repository");
        return;
    };
    let gain = |series: usize| {
        let mut gains = analysis.picture.gains.iter();
        gains.find(|gain| gain.series == series && gain.benchmark == "average").unwrap().relative.point().unwrap()
    };
    let gemma = analysis.series.iter().find(|s| s.name == "sft of Gemma-2-2B on alpaca-cleaned").unwrap();
    assert_eq!(format!("{:.2}", gain(gemma.number) * 100.0), "4.14");
    let mean = analysis.picture.mean_gains.iter().find(|mean| mean.benchmark == "average").unwrap();
    assert_eq!((format!("{:.2}", mean.relative.point().unwrap() * 100.0).as_str(), mean.series), ("6.76", 15));
    // Five base models: the interval knows that series of one model are not independent.
    assert_eq!(mean.relative.estimate().unwrap().clusters, 5);
    assert!(analysis.picture.recommendations.iter().all(|found| found.text.contains("None of them has an interval")));
    let said = statements(&analysis);
    assert!(said.iter().any(|text| text.contains("over 15 series") && text.contains("one of maxima")), "{said:?}");
}
