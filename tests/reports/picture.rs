//! Reports of a made-up weighting picture with every part filled in and hostile names wherever names can be.

use std::collections::BTreeMap;

use wit_eval::analyze::analysis::{Analysis, Headline, ReasonCount};
use wit_eval::analyze::picture::{
    BestCell, BestWeights, CharacteristicCorrelation, Count, Firmness, Front, Gain, Grouping, LikelihoodAnalysis,
    MeanGain, Picture, PreferenceGain, PublishedComparison, PublishedFigure, Recommendation, ScoresFile, ScoresSource,
    Series, TextPart, TradeOff, TradeOffPoint, VarianceDecomposition, VarianceShare, VarianceSource, WeightAxis,
    WeightEffect, WeightLevel,
};
use wit_eval::digest::Digest;
use wit_eval::estimate::{Estimate, Interval, IntervalMethod};
use wit_eval::report::{Format, MARKDOWN_CHARACTERS, render};
use wit_eval::sensitivity::Measure;
use wit_eval::weighting::Weighting;

use super::run::HOSTILE;
use super::sweep::{analyze_all, sweep, tuned};
use super::{acting, unfenced};

fn number(point: f64) -> Measure {
    let interval =
        Some(Interval { low: point - 0.05, high: point + 0.05, level: 0.95, method: IntervalMethod::ClusteredT });
    Measure::Defined(Estimate { point, interval, standard_error: Some(0.025), n: 120, clusters: 40 })
}

fn bare(point: f64) -> Measure {
    Measure::Defined(Estimate { point, interval: None, standard_error: None, n: 1, clusters: 1 })
}

/// A comparison of four weightings, with `name` for everything that has a name and `value` for every number.
fn pictured(name: &str, value: fn(f64) -> Measure) -> Analysis {
    let entries = [None, Some((0.0, 1.0)), Some((0.4, 0.4)), Some((1.0, 0.2))].map(|weights| tuned(weights, 0));
    let mut analysis = analyze_all(&[sweep(entries.into(), 12)]);
    let compared = analysis.weightings.as_mut().expect("weightings");
    let number = compared.arms.iter().find(|arm| arm.id == "p0.4-r0.4").map_or(0, |arm| arm.series);
    let text = || Some(name.to_owned());
    compared.series = [number, number + 1]
        .map(|number| Series {
            number,
            name: format!("{number} {name}"),
            model: text(),
            dataset: text(),
            stage: text(),
            characteristics: BTreeMap::from([(name.to_owned(), 1.5)]),
        })
        .into();
    for benchmark in &mut compared.benchmarks {
        benchmark.title = format!("{} {name}", benchmark.title);
    }
    compared.picture = picture(name, number, value);
    analysis.likelihoods = vec![likelihood(name, TextPart::Prompt, value), likelihood(name, TextPart::Response, value)];
    analysis.scores = Some(ScoresSource {
        files: vec![ScoresFile { name: name.to_owned(), digest: Digest::of_bytes(b"scores"), rows: 2_700 }],
        scales: BTreeMap::from([(name.to_owned(), 10.0)]),
    });
    analysis.published = Some(published(name));
    analysis
}

fn arms() -> [String; 2] {
    ["p0.4-r0.4".to_owned(), "p0-r1".to_owned()]
}

fn picture(name: &str, series: usize, value: fn(f64) -> Measure) -> Picture {
    let [best, reference] = arms();
    let benchmark = || "average".to_owned();
    let weighting = Weighting::new(0.4, 0.4).expect("weights");
    let best_cell = |measure| BestCell {
        series,
        benchmark: benchmark(),
        measure,
        arm: best.clone(),
        weighting,
        value: value(0.61),
        tied: vec![name.to_owned()],
        not_worse: Some(vec![best.clone(), reference.clone()]),
        cells: 3,
    };
    let weights = |grouping| BestWeights {
        grouping,
        name: name.to_owned(),
        stage: Some(name.to_owned()),
        prompt: value(0.28),
        response: value(0.56),
        grids: 15,
    };
    Picture {
        best_cells: vec![best_cell(Headline::Performance), best_cell(Headline::Posix)],
        best_weights: [Grouping::Benchmark, Grouping::Dataset, Grouping::Model].map(weights).into(),
        gains: vec![Gain {
            series,
            benchmark: benchmark(),
            arm: best.clone(),
            reference: reference.clone(),
            arm_value: value(0.61),
            reference_value: value(0.55),
            relative: value(0.109),
            chosen_from: 3,
            as_given: None,
        }],
        mean_gains: vec![MeanGain {
            benchmark: benchmark(),
            stage: Some(name.to_owned()),
            relative: value(0.0676),
            series: 15,
            as_given: None,
        }],
        counts: vec![Count {
            name: "best_prompt_weight_within_0_0.6".to_owned(),
            statement: format!("the best prompt weight lies in 0 to 0.6 {name}"),
            stage: None,
            hits: 61,
            of: 75,
            share: value(61.0 / 75.0),
        }],
        fronts: vec![Front {
            series,
            benchmark: benchmark(),
            sensitivity: Headline::Posix,
            front: arms().into(),
            not_excluded: Some(arms().into()),
        }],
        recommendations: [Firmness::Clear, Firmness::Tied, Firmness::NotSupported]
            .map(|firmness| Recommendation {
                series,
                firmness,
                arms: vec![best.clone()],
                text: format!("Ship it. {name}"),
            })
            .into(),
        left_out: vec![format!("parse depth {name}")],
        ..relations(name, series, value)
    }
}

fn relations(name: &str, series: usize, value: fn(f64) -> Measure) -> Picture {
    let [best, reference] = arms();
    let benchmark = || "average".to_owned();
    let point = |arm: &str| TradeOffPoint { arm: arm.to_owned(), adherence: value(0.4), conversation: value(0.5) };
    let axes = [WeightAxis::Prompt, WeightAxis::Response];
    let effect = |axis| WeightEffect {
        series,
        benchmark: benchmark(),
        measure: Headline::Posix,
        axis,
        levels: vec![WeightLevel { weight: 0.4, value: value(0.3), arms: 2 }],
        slope: value(0.12),
        correlation: value(0.9),
    };
    Picture {
        trade_offs: vec![TradeOff {
            series,
            adherence: name.to_owned(),
            conversation: name.to_owned(),
            points: vec![point(&best), point(&reference)],
            best_adherence: best.clone(),
            best_conversation: reference.clone(),
            correlation: value(-0.4),
        }],
        weight_effects: axes.map(effect).into(),
        preference_gains: vec![PreferenceGain {
            benchmark: benchmark(),
            measure: Headline::Performance,
            arm: format!("dpo {name}"),
            before: format!("sft {name}"),
            value: value(0.6),
            value_before: value(0.5),
            difference: value(0.1),
            relative: value(0.2),
        }],
        correlations: vec![CharacteristicCorrelation {
            characteristic: name.to_owned(),
            benchmark: "all".to_owned(),
            spearman: value(0.5),
            spearman_p: Some(0.04),
            kendall: value(0.4),
            kendall_p: Some(0.0004),
            p_adjusted: Some(0.2),
        }],
        variance: vec![VarianceDecomposition {
            series,
            benchmark: benchmark(),
            components: vec![VarianceShare { source: VarianceSource::Item, variance: value(0.11), share: 0.6 }],
            left_out: vec![ReasonCount { reason: format!("one seed {name}"), count: 1 }],
        }],
        ..Picture::default()
    }
}

fn likelihood(name: &str, part: TextPart, value: fn(f64) -> Measure) -> LikelihoodAnalysis {
    LikelihoodAnalysis {
        checkpoint: name.to_owned(),
        source: format!("source {name}"),
        part,
        mean: value(-2.5),
        quantiles: vec![[0.05, -4.0], [0.5, -2.4], [0.95, -1.0]],
        density: (0..40).map(|step| [-5.0 + 0.1 * f64::from(step), 0.2]).collect(),
        failed: vec![ReasonCount { reason: format!("too long {name}"), count: 2 }],
    }
}

fn published(name: &str) -> PublishedComparison {
    let row = |agrees| PublishedFigure {
        place: format!("Table 1 {name}"),
        subject: name.to_owned(),
        published: format!("+1.04 % {name}"),
        recomputed: "+4.14 %".to_owned(),
        agrees,
    };
    PublishedComparison {
        source: name.to_owned(),
        rows: vec![row(true), row(false)],
        slips: vec![format!("Divided by 4. {name}")],
    }
}

/// What would be live in an unquoted name.
const FORGE: &str =
    "@octocat #123 GH-7 https://example.invalid ![x](http://example.invalid/p.png) :tada: www.example.invalid";

#[test]
fn every_part_of_the_picture_is_in_every_format() {
    let analysis = pictured("Plain-1B", number);
    let parts = [
        ("What to do", "Ship it."),
        ("Which weights are best", "0.28"),
        ("Gain over conventional tuning", "+6.76 %"),
        ("In how many grids", "61 of 75"),
    ];
    for format in [Format::Html, Format::Markdown, Format::Terminal] {
        let text = render(&analysis, format).unwrap();
        for (_, words) in parts {
            assert!(text.contains(words), "{format}: {words}");
        }
    }
    let html = render(&analysis, Format::Html).unwrap();
    let sections = [
        "answer",
        "best",
        "gains",
        "counts",
        "fronts",
        "effects",
        "trade-offs",
        "preference",
        "correlations",
        "variance",
        "likelihoods",
        "published",
        "weightings",
        "left-out",
        "provenance",
        "terms",
    ];
    for id in sections {
        assert!(html.contains(&format!("<section id=\"{id}\"")), "{id}");
        assert!(html.contains(&format!("href=\"#{id}\"")) || id == "answer", "the contents lead to {id}");
    }
    let csv = render(&analysis, Format::Csv).unwrap();
    let indices = [
        "best_cell_posix",
        "best_weight_prompt_by_dataset",
        "gain_relative",
        "mean_gain_relative",
        "front_posix",
        "count_best_prompt_weight_within_0_0.6,61",
        "effect_of_lambda_r_on_posix_slope",
        "trade_off_spearman",
        "preference_performance_relative",
        "best_prompt_weight_with_Plain-1B_spearman_p",
        "variance_item_share",
        "likelihood_response_nats_quantile_0.95",
    ];
    for index in indices {
        assert!(csv.contains(index), "{index}");
    }
}

#[test]
fn the_recommendation_comes_first() {
    let analysis = pictured("Plain-1B", number);
    for format in [Format::Html, Format::Markdown, Format::Terminal] {
        let text = render(&analysis, format).unwrap();
        let place = |words: &str| text.find(words).unwrap_or_else(|| panic!("{format} says {words}"));
        assert!(place("Ship it.") < place("Mean weights of the best cells, by benchmark"), "{format}");
        assert!(
            text.contains("not supported by intervals") && text.contains("several cannot be told apart"),
            "{format}"
        );
    }
}

#[test]
fn numbers_without_intervals_say_so_in_every_format() {
    let analysis = pictured("Plain-1B", bare);
    for format in [Format::Html, Format::Markdown, Format::Terminal] {
        let text = render(&analysis, format).unwrap();
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains("These numbers have no intervals"), "{format}");
    }
}

#[test]
fn every_number_of_the_page_is_focusable_and_says_what_it_rests_on() {
    let html = render(&pictured("Plain-1B", number), Format::Html).unwrap();
    let numbers = html.matches("<span class=\"num").count();
    assert!(numbers > 200, "{numbers}");
    assert_eq!(numbers, html.matches("tabindex=\"0\"><span class=\"point\">").count());
    assert_eq!(numbers, html.matches("<span class=\"tip\" role=\"note\">").count());
    assert!(!html.contains("role=\"note\"></span>"), "no explanation is empty");
    assert!(html.contains("95 % interval, Student&#x27;s t") && html.contains("n 120, 40 clusters"));
    // Every heading of a table is a header of a column or of a row, and every link leads somewhere.
    assert_eq!(html.matches("<th>").count() + html.matches("<th ").count(), html.matches("<th scope=").count());
    assert_eq!(html.matches("<table").count(), html.matches("<caption").count());
    for target in html.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(html.contains(&format!("id=\"{target}\"")), "#{target} is there");
    }
}

#[test]
fn hostile_names_stay_text_in_every_section_of_every_format() {
    for value in [number, bare] {
        let analysis = pictured(&format!("=1+1|{HOSTILE} {FORGE}"), value);
        let html = render(&analysis, Format::Html).unwrap();
        for live in ["<script", "<img", "<a href=\"http", " onerror=\""] {
            assert!(!html.contains(live), "{live}");
        }
        assert!(html.contains("{{ 7*7 }}"), "a template in a name is not evaluated");
        for tag in
            ["details", "table", "section", "div", "ul", "figure", "span", "svg", "td", "th", "tr", "caption", "p"]
        {
            let open = html.matches(&format!("<{tag}>")).count() + html.matches(&format!("<{tag} ")).count();
            assert_eq!(open, html.matches(&format!("</{tag}>")).count(), "{tag} is balanced");
        }
        let terminal = render(&analysis, Format::Terminal).unwrap();
        let long = terminal.lines().filter(|line| line.chars().count() > 100).collect::<Vec<_>>();
        assert_eq!(long, Vec::<&str>::new());
        let markdown = render(&analysis, Format::Markdown).unwrap();
        assert!(markdown.chars().count() < MARKDOWN_CHARACTERS);
        check_markdown(&markdown);
        for text in [&html, &terminal, &markdown] {
            assert_eq!(acting(text), []);
        }
        let csv = render(&analysis, Format::Csv).unwrap();
        for cell in csv::Reader::from_reader(csv.as_bytes())
            .records()
            .flat_map(|record| record.unwrap().iter().map(str::to_owned).collect::<Vec<_>>())
        {
            assert!(
                !cell.trim_start_matches(['"', ' ']).starts_with(['=', '+', '@', '-']) || cell.parse::<f64>().is_ok()
            );
            assert_eq!(acting(&cell), []);
        }
        let json = render(&analysis, Format::Json).unwrap();
        assert_eq!(serde_json::from_str::<Analysis>(&json).unwrap(), analysis);
    }
}

/// Nothing of [`FORGE`] or [`HOSTILE`] is live: tables keep their columns, and what is not quoted is broken up.
fn check_markdown(markdown: &str) {
    let mut columns = None;
    for line in unfenced(markdown) {
        let pipes = line.matches('|').count();
        columns = if line.starts_with('|') { Some(*columns.get_or_insert(pipes)) } else { None };
        assert!(columns.is_none_or(|columns| columns == pipes), "{line}");
        // Code is left alone by a forge; the rest is not.
        let mut prose = line.to_owned();
        while let (Some(from), Some(to)) = (prose.find("<code>"), prose.find("</code>")) {
            prose.replace_range(from..to + "</code>".len(), "");
        }
        let decoded = decoded(&prose);
        for live in ["@octocat", "@everyone", "#123", "#1 ", "GH-7", ":tada:"] {
            assert!(!decoded.contains(live), "{live}: {line}");
        }
        for live in ["https://", "http://", "www.", "![", "](", "<script", "<img", "`code`"] {
            assert!(!prose.contains(live), "{live}: {line}");
        }
    }
}

/// A forge looks for mentions and issues once entities are characters again.
fn decoded(text: &str) -> String {
    let mut parts = text.split("&#");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_once(';').expect("an entity ends");
        out.extend(code.parse::<u32>().ok().and_then(char::from_u32));
        out.push_str(rest);
    }
    out
}

#[test]
fn markdown_never_exceeds_what_a_comment_may_have() {
    let mut analysis = pictured("Plain-1B", number);
    let picture = &mut analysis.weightings.as_mut().unwrap().picture;
    let (gain, advice) = (picture.gains[0].clone(), picture.recommendations[0].clone());
    picture.gains = vec![gain; 5_000];
    picture.recommendations = vec![Recommendation { text: "`|".repeat(3_000), ..advice }; 60];
    analysis.findings.iter_mut().for_each(|finding| finding.text = "<".repeat(70_000));
    let markdown = render(&analysis, Format::Markdown).unwrap();
    assert!(markdown.chars().count() < MARKDOWN_CHARACTERS, "{}", markdown.chars().count());
    assert!(markdown.contains("**Shortened:**") && markdown.contains("## Recommendation"));
    assert!(unfenced(&markdown).len() > 20);
}

#[test]
fn a_report_of_scores_alone_has_no_empty_sections_for_runs() {
    let mut analysis = pictured("Plain-1B", bare);
    analysis.runs.clear();
    analysis.checkpoints.clear();
    analysis.perturbations.clear();
    let html = render(&analysis, Format::Html).unwrap();
    for id in ["headline", "plots", "heat", "flips", "details"] {
        assert!(!html.contains(&format!("id=\"{id}\"")) && !html.contains(&format!("href=\"#{id}\"")), "{id}");
    }
    assert!(html.contains("Files of scores") && html.contains(Digest::of_bytes(b"scores").as_str()));
    for format in [Format::Markdown, Format::Terminal] {
        let text = render(&analysis, format).unwrap();
        assert!(!text.contains("Headline\n") && text.contains("Files of scores"), "{format}");
    }
}

#[test]
fn replies_are_marked_where_they_differ() {
    let mut analysis = super::PLAIN.clone();
    let task = &mut analysis.checkpoints[0].tasks[0];
    task.flipped.truncate(1);
    let flipped = &mut task.flipped[0];
    for (exchange, reply) in [(&mut flipped.original, "It is Paris today"), (&mut flipped.variant, "It is Rome today")]
    {
        exchange.choices.clear();
        reply.clone_into(&mut exchange.reply);
    }
    let html = render(&analysis, Format::Html).unwrap();
    assert!(html.contains(">It is <del>Paris</del> today</pre>"), "the original's side marks what is gone");
    assert!(html.contains(">It is <ins>Rome</ins> today</pre>"), "the variant's side marks what is new");
    assert!(html.contains("del::before") && html.contains("ins::before"), "signs mark without colour");
    let markdown = render(&analysis, Format::Markdown).unwrap();
    assert!(markdown.contains("It is [-Paris-]{+Rome+} today"));
}
