//! Small tables against numbers by hand.

use proptest::prelude::*;

use super::*;
use crate::analyze::analysis::{ContrastVerdict, Severity};
use crate::analyze::weightings::results::{BenchmarkKind, BenchmarkWeightings, Headline};
use crate::estimate::Estimate;

const HEADER: &str = "model,dataset,stage,benchmark,lambda_p,lambda_r,score";

fn table(columns: &str, rows: &str) -> ScoreTable {
    let mut table = ScoreTable::default();
    let rows = rows.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    table.add("t.csv", &format!("{HEADER}{columns}\n{rows}\n")).unwrap();
    table
}

fn analyzed(columns: &str, rows: &str) -> Analysis {
    analyze_scores(&table(columns, rows), &ScoreOptions::default()).unwrap()
}

fn weightings(analysis: &Analysis) -> &WeightingsAnalysis {
    analysis.weightings.as_ref().unwrap()
}

fn benchmark<'a>(analysis: &'a Analysis, name: &str) -> &'a BenchmarkWeightings {
    weightings(analysis).benchmarks.iter().find(|benchmark| benchmark.benchmark == name).unwrap()
}

fn value(analysis: &Analysis, name: &str, arm: &str, headline: Headline) -> Option<Estimate> {
    let row = benchmark(analysis, name).rows.iter().find(|row| row.arm == arm).unwrap();
    row.measure(headline)?.value.estimate().copied()
}

fn says(analysis: &Analysis, severity: Severity, words: &str) -> bool {
    analysis.findings.iter().any(|finding| finding.severity == severity && finding.text.contains(words))
}

#[test]
fn a_lone_score_has_no_interval_and_the_report_says_so() {
    let analysis = analyzed("", "m,d,sft,b,0,1,50\nm,d,sft,b,0.4,0.6,60\nm,d,sft,b,0,0,20");
    assert!(says(&analysis, Severity::Warning, "The table's numbers have no intervals"));
    let own = benchmark(&analysis, "b");
    assert!(own.best.is_empty());
    let row = own.rows.iter().find(|row| row.arm == "p0.4-r0.6").unwrap();
    let entry = row.measure(Headline::Performance).unwrap();
    assert_eq!(entry.value.estimate().unwrap().interval, None);
    let contrast = entry.against_reference.as_ref().unwrap();
    assert_eq!((contrast.with.as_str(), contrast.verdict), ("p0-r1", ContrastVerdict::Unknown));
    assert_eq!(contrast.difference.point(), Some(10.0));
    let gain = entry.relative_gain.as_ref().unwrap();
    assert!((gain.point().unwrap() - 0.2).abs() < 1e-12 && gain.estimate().unwrap().interval.is_none());
    assert_eq!(entry.against_base.as_ref().unwrap().with, "m (untuned)");
    assert!(analysis.runs.is_empty() && analysis.checkpoints.is_empty());
    assert_eq!(analysis.scores.as_ref().unwrap().files[0].rows, 3);
}

#[test]
fn characteristics_of_no_grid_are_named() {
    let row = |model: Option<&str>, dataset: &str| CharacteristicsRow {
        model: model.map(str::to_owned),
        dataset: Some(dataset.to_owned()),
        ..CharacteristicsRow::default()
    };
    let characteristics = vec![row(None, "D"), row(Some("m"), "d"), row(Some("m2"), "d"), row(None, "lima")];
    let options = ScoreOptions { characteristics, ..ScoreOptions::default() };
    let rows = "m,d,sft,b,0,1,50\nm,d,sft,b,0.4,0.6,60";
    let analysis = analyze_scores(&table("", rows), &options).unwrap();
    let words = "of no grid of the table, and so without use: model `m2` with dataset `d`, dataset `lima`.";
    assert!(says(&analysis, Severity::Warning, words), "{:?}", analysis.findings);
}

/// By hand: 60, 61, 62 against 50, 51, 52 are ten standard deviations apart.
#[test]
fn seeds_are_replicates_and_make_a_best_set() {
    let rows = "m,d,sft,b,0,1,50,1\nm,d,sft,b,0,1,51,2\nm,d,sft,b,0,1,52,3\n\
                m,d,sft,b,0.4,1,60,1\nm,d,sft,b,0.4,1,61,2\nm,d,sft,b,0.4,1,62,3\n\
                m,d,sft,b,0.6,1,60.5,1\nm,d,sft,b,0.6,1,61.5,2\nm,d,sft,b,0.6,1,62.5,3";
    let analysis = analyzed(",seed", rows);
    let best = value(&analysis, "b", "p0.6-r1", Headline::Performance).unwrap();
    assert_eq!((best.point, best.n), (61.5, 3));
    assert!((best.interval.unwrap().low - (61.5 - 4.302_652_7 / 3.0_f64.sqrt())).abs() < 1e-6);
    let sets = &benchmark(&analysis, "b").best;
    assert_eq!(sets.len(), 1);
    assert_eq!((sets[0].best.as_str(), sets[0].arms), ("p0.6-r1", 3));
    assert_eq!(sets[0].not_worse, ["p0.4-r1", "p0.6-r1"]);
    let row = &benchmark(&analysis, "b").rows[1];
    let contrast = row.measure(Headline::Performance).unwrap().against_reference.clone().unwrap();
    assert_eq!((contrast.verdict, contrast.comparisons), (ContrastVerdict::Better, 2));
    assert_eq!(weightings(&analysis).arms[1].checkpoints.len(), 3);
    assert!(says(&analysis, Severity::Warning, "cannot be paired on items"));
}

#[test]
fn the_mean_brings_ratings_to_the_scale_of_the_others_and_says_so() {
    let per_cent = "m,d,sft,MMLU,0,1,50\nm,d,sft,mt_bench,0,1,5\nm,d,sft,MMLU,1,1,40\nm,d,sft,mt_bench,1,1,7";
    let analysis = analyzed("", per_cent);
    assert_eq!(value(&analysis, "average", "p1-r1", Headline::Performance).unwrap().point, 55.0);
    assert_eq!(benchmark(&analysis, "average").title, "mean of 2 benchmarks (mt_bench x 10)");
    assert_eq!(analysis.scores.as_ref().unwrap().scales, BTreeMap::from([("mt_bench".to_owned(), 10.0)]));
    assert!(says(&analysis, Severity::Warning, "mt_bench is multiplied by 10"));
    let shares = analyzed("", &per_cent.replace(",50", ",0.5").replace(",40", ",0.4"));
    assert!((value(&shares, "average", "p1-r1", Headline::Performance).unwrap().point - 0.55).abs() < 1e-9);
    let asked = |name: &str, factor| {
        let scales = BTreeMap::from([(name.to_owned(), factor)]);
        analyze_scores(&table("", per_cent), &ScoreOptions { scales, ..ScoreOptions::default() })
    };
    let one = asked("MT_Bench", 1.0).unwrap();
    assert_eq!(value(&one, "average", "p1-r1", Headline::Performance).unwrap().point, 23.5);
    assert!(asked("BBH", 2.0).unwrap_err().to_string().contains("it has MMLU, mt_bench"));
    assert!(asked("MMLU", -1.0).unwrap_err().to_string().contains("write a factor above 0"));
    let mixed = analyzed("", "m,d,sft,a,0,1,50\nm,d,sft,b,0,1,0.5\nm,d,sft,a,1,1,50\nm,d,sft,b,1,1,0.5");
    assert!(says(&mixed, Severity::Warning, "The scores of b lie in 0 to 1, others do not"));
}

/// By hand: (30 + 60) / 2 = 45 against 90 / 1.
#[test]
fn an_average_with_a_wrong_divisor_is_found_by_its_constant_ratio() {
    let rows = "m,d,sft,a,0,1,30\nm,d,sft,b,0,1,60\nm,d,sft,average,0,1,90\n\
                m,d,sft,a,1,1,20\nm,d,sft,b,1,1,60\nm,d,sft,average,1,1,80";
    let analysis = analyzed("", rows);
    assert_eq!(value(&analysis, "average", "p0-r1", Headline::Performance).unwrap().point, 45.0);
    let slip = "The table's own average is 2.000 times the mean of 2 benchmarks in all 2 cells: it divides the sum of 2 \
                benchmarks by 1.";
    assert!(says(&analysis, Severity::Warning, slip));
    let odd = analyzed("", &rows.replace(",90", ",70"));
    assert!(says(&odd, Severity::Warning, "no single divisor explains that"));
    let right = analyzed("", &rows.replace(",90", ",45").replace(",80", ",40"));
    assert!(!right.findings.iter().any(|finding| finding.text.contains("own average")));
    let alone = analyzed("", "m,d,sft,average,0,1,30\nm,d,sft,average,1,1,31");
    assert_eq!(benchmark(&alone, "average").kind, BenchmarkKind::Average);
    assert!(says(&alone, Severity::Warning, "there are no benchmarks to average"));
}

#[test]
fn sensitivities_stand_beside_the_mean_and_the_untuned_model_serves_every_grid() {
    let rows = "m,d,sft,a,0,1,30\nm,d,sft,b,0,1,60\nm,d,sft,posix,0,1,0.5\nm,d,sft,a/spread,0,1,0.1\n\
                m,e,sft,a,0,1,20\nm,e,sft,b,0,1,60\nm,e,sft,posix,0,1,0.7\nm,,,a,0,0,10\nm,,,b,0,0,20\n\
                m,d,sft,pss,0,1,1\nm,d,sft,c/posix,0,1,1";
    let analysis = analyzed("", rows);
    let arms = &weightings(&analysis).arms;
    let ids = arms.iter().map(|arm| (arm.id.as_str(), arm.series, arm.base_arm.as_deref())).collect::<Vec<_>>();
    let base = Some("m (untuned)");
    assert_eq!(ids, [("m (untuned)", 2, None), ("p0-r1 (sft of m on d)", 0, base), ("p0-r1 (sft of m on e)", 1, base)]);
    let posix = value(&analysis, "average", "p0-r1 (sft of m on e)", Headline::Posix).unwrap();
    assert_eq!((posix.point, posix.interval), (0.7, None));
    assert!(value(&analysis, "a", "p0-r1 (sft of m on d)", Headline::Spread).is_some());
    assert!(value(&analysis, "average", "m (untuned)", Headline::Posix).is_none());
    assert!(says(&analysis, Severity::Warning, "no place for that index: pss"));
    assert!(says(&analysis, Severity::Warning, "no performance on their benchmark: c/posix"));
}

#[test]
fn a_benchmark_of_which_less_is_better_is_left_out_of_the_mean() {
    let rows = "m,d,sft,a,0,1,30,\nm,d,sft,b,0,1,60,\nm,d,sft,ppl,0,1,9,false\n\
                m,d,sft,a,1,1,31,\nm,d,sft,b,1,1,60,\nm,d,sft,ppl,1,1,7,false";
    let analysis = analyzed(",higher_is_better", rows);
    assert_eq!(benchmark(&analysis, "average").left_out, ["ppl"]);
    assert!(!benchmark(&analysis, "ppl").higher_is_better);
    let best = weightings(&analysis).picture.best_cells.iter();
    let best = best.filter(|cell| cell.benchmark == "ppl").map(|cell| cell.arm.as_str()).collect::<Vec<_>>();
    assert_eq!(best, ["p1-r1"]);
    let both = table(",higher_is_better", "m,d,sft,a,0,1,30,true\nm,d,sft,a,1,1,30,false");
    let error = analyze_scores(&both, &ScoreOptions::default()).unwrap_err().to_string();
    assert!(error.starts_with("t.csv:3: higher_is_better of `a` is another than in t.csv:2"), "{error}");
}

/// Two seeds on one benchmark, a small known error on the other: the mean's error is that of the two seeds, so its interval is
/// Student's with one degree of freedom, 12.706 errors to either side.
#[test]
fn a_mean_over_benchmarks_is_no_surer_than_its_least_known_part() {
    let rows =
        "m,d,sft,a,0,1,50,1,\nm,d,sft,a,0,1,52,2,\nm,d,sft,b,0,1,51,,0.01\nm,d,sft,a,1,1,50,1,\nm,d,sft,b,1,1,51,,0.01";
    let analysis = analyzed(",seed,standard_error", rows);
    let mean = value(&analysis, "average", "p0-r1", Headline::Performance).unwrap();
    let interval = mean.interval.unwrap();
    let half = (interval.high - interval.low) / 2.0;
    assert!((half - 12.706 * 0.5).abs() < 0.02, "{half}");
}

#[test]
fn a_table_without_anything_to_compare_is_no_report() {
    for rows in ["m,d,sft,a,0,0,1", "m,d,sft,a,0,1,1", "m,d,sft,a,0,0,1\nm,d,sft,b,0,0,1"] {
        let error = analyze_scores(&table("", rows), &ScoreOptions::default()).unwrap_err();
        assert!(matches!(error, ScoresError::NothingToCompare { .. }), "{error}");
    }
    let level = analyze_scores(&table("", "m,d,s,a,0,1,1"), &ScoreOptions { level: 1.0, ..ScoreOptions::default() });
    assert!(level.unwrap_err().to_string().contains("write 0.95"));
    let many = (0..1_001).map(|step| format!("m,d,sft,a,{},1,1", f64::from(step) / 1_001.0)).collect::<Vec<_>>();
    let many = many.join("\n");
    let error = analyze_scores(&table("", &many), &ScoreOptions::default()).unwrap_err().to_string();
    assert!(error.starts_with("sft of m on d has 1001 weightings; at most 1000"), "{error}");
    let grids = (0..401).map(|grid| format!("m,d{grid},sft,a,0,1,1")).collect::<Vec<_>>().join("\n");
    let error = analyze_scores(&table("", &grids), &ScoreOptions::default()).unwrap_err().to_string();
    assert!(error.starts_with("the table has 401 grids"), "{error}");
}

#[test]
fn a_cell_without_a_score_is_named_and_gets_no_mean() {
    let analysis = analyzed("", "m,d,sft,a,0,1,30\nm,d,sft,b,0,1,60\nm,d,sft,a,0.2,1,30");
    assert!(value(&analysis, "average", "p0.2-r1", Headline::Performance).is_none());
    assert!(says(&analysis, Severity::Warning, "No number on b: p0.2-r1."));
    let without = analyzed("", "m,d,sft,a,1,1,30\nm,d,sft,a,0.2,1,30");
    assert!(says(
        &without,
        Severity::Warning,
        "Without conventional tuning (0,1), and so without gains: sft of m on d."
    ));
}

/// Model, prompt weight, benchmark, response weight, seed.
type Place = (u8, u8, u8, u8, u8);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the table holds: no panic, the order of rows does not matter, and a number has an interval only where the
    /// table supports one.
    #[test]
    fn any_table_is_analyzed_or_refused(
        cells in prop::collection::btree_map(
            (0..2_u8, 0..3_u8, 0..4_u8, 0..3_u8, 0..2_u8),
            (-5.0..100.0_f64, prop::option::of(0.0..3.0_f64)),
            1..60,
        ),
        with_error in any::<bool>(),
    ) {
        let names = ["MMLU", "mt_bench", "posix", "average"];
        let line = |(place, (score, error)): (&Place, &(f64, Option<f64>))| {
            let (model, p, name, r, seed) = place;
            let (p, r) = (f64::from(*p) / 2.0, f64::from(*r) / 2.0);
            let error = if with_error { error.unwrap_or(1.0).to_string() } else { String::new() };
            format!("m{model},d,sft,{},{p},{r},{score},{seed},{error}", names[usize::from(*name)])
        };
        let mut lines = cells.iter().map(line).collect::<Vec<_>>();
        let forth = analyze_scores(&table(",seed,standard_error", &lines.join("\n")), &ScoreOptions::default());
        lines.reverse();
        let back = analyze_scores(&table(",seed,standard_error", &lines.join("\n")), &ScoreOptions::default());
        let Ok(analysis) = forth else {
            prop_assert!(back.is_err());
            return Ok(());
        };
        prop_assert_eq!(&back.unwrap().weightings, &analysis.weightings);
        let weightings = analysis.weightings.as_ref().unwrap();
        for row in weightings.benchmarks.iter().flat_map(|benchmark| &benchmark.rows) {
            let seeds = weightings.arm(&row.arm).unwrap().checkpoints.len();
            for entry in &row.measures {
                let has_interval = entry.value.estimate().is_some_and(|estimate| estimate.interval.is_some());
                prop_assert!(!has_interval || with_error || seeds > 1);
            }
        }
    }
}
