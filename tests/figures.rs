//! Figures as SVG, on a page and as PNG: from hand-made analyses, hostile names and hostile numbers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "figures/sample.rs"]
mod sample;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use resvg::tiny_skia::Rect;
use resvg::usvg::{Group, Node, Options, Tree, fontdb, roxmltree};
use sample::{GRID, PAPER, Sample};
use wit_eval::analyze::analysis::Headline;
use wit_eval::report::figure::{FIGURE_CSS, Figure, FigureKind, figures};
use wit_eval::sensitivity::Measure;

/// Writes figures for people to look at where `WIT_EVAL_FIGURES` names a folder.
fn keep(folder: &str, figures: &[Figure]) {
    let Ok(root) = std::env::var("WIT_EVAL_FIGURES") else {
        return;
    };
    let root = std::path::Path::new(&root).join(folder);
    std::fs::create_dir_all(&root).unwrap();
    let mut page = format!(
        "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'><style>{FIGURE_CSS}body{{margin:1rem;font:16px system-ui;\
         background:#fbfbf9;color:#16191d}}@media(prefers-color-scheme:dark){{body{{background:#111417;color:#e9ecef}}}}figure{{margin:0 0 2rem}}</style>"
    );
    for figure in figures {
        std::fs::write(root.join(format!("{}.svg", figure.name)), figure.svg()).unwrap();
        if folder != "paper" || figure.name.contains("average") || figure.benchmark.is_none() {
            std::fs::write(root.join(format!("{}.png", figure.name)), figure.png().unwrap()).unwrap();
        }
        let caption = figure.caption.replace('<', "&lt;");
        write!(page, "<figure><h2>{}</h2>{}<p>{caption}</p></figure>", figure.name, figure.inline_svg()).unwrap();
    }
    std::fs::write(root.join("page.html"), page).unwrap();
}

/// Draws an SVG as a reader without the system's fonts does.
fn parsed(svg: &str) -> Tree {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
    fonts.load_font_data(epaint_default_fonts::HACK_REGULAR.to_vec());
    fonts.set_sans_serif_family("Ubuntu");
    let options = Options { fontdb: fonts.into(), font_family: "Ubuntu".to_owned(), ..Options::default() };
    Tree::from_str(svg, &options).unwrap()
}

/// Boxes of all texts of a drawing.
fn text_boxes(group: &Group, boxes: &mut Vec<Rect>) {
    for node in group.children() {
        match node {
            Node::Group(group) => text_boxes(group, boxes),
            Node::Text(text) => boxes.push(text.abs_bounding_box()),
            Node::Path(_) | Node::Image(_) => {}
        }
    }
}

fn of_kind(figures: &[Figure], kind: FigureKind) -> &Figure {
    figures.iter().find(|figure| figure.kind == kind).unwrap_or_else(|| panic!("no {kind:?}"))
}

#[test]
fn every_kind_of_figure_is_drawn_and_no_text_leaves_it() {
    let drawn = figures(&GRID.analysis());
    keep("grid", &drawn);
    let kinds = drawn.iter().map(|figure| figure.kind).collect::<BTreeSet<_>>();
    assert_eq!(kinds.len(), 11, "{kinds:?}");
    let mut seen = BTreeSet::new();
    for figure in drawn.iter().filter(|figure| seen.insert(figure.kind)) {
        let tree = parsed(&figure.svg());
        let mut boxes = Vec::new();
        text_boxes(tree.root(), &mut boxes);
        assert!(boxes.len() > 10, "{}: {} texts", figure.name, boxes.len());
        for text in boxes {
            let inside = text.left() >= 0.0
                && text.top() >= 0.0
                && text.right() <= tree.size().width()
                && text.bottom() <= tree.size().height();
            assert!(inside, "{}: {text:?}", figure.name);
        }
    }
}

#[test]
fn numbers_of_a_cell_do_not_overlap() {
    let drawn = figures(&GRID.analysis());
    for kind in [FigureKind::PerformanceMap, FigureKind::RelativeGainMap, FigureKind::Plane, FigureKind::Likelihood] {
        let tree = parsed(&of_kind(&drawn, kind).svg());
        let mut boxes = Vec::new();
        text_boxes(tree.root(), &mut boxes);
        for (place, one) in boxes.iter().enumerate() {
            for other in boxes.iter().skip(place + 1) {
                // Boxes hold ascenders and descenders, whether a text has them or not.
                let across = one.right().min(other.right()) - one.left().max(other.left());
                let down = one.bottom().min(other.bottom()) - one.top().max(other.top());
                assert!(across < 1.0 || down < 4.5, "{kind:?}: {one:?} and {other:?}");
            }
        }
    }
}

#[test]
fn a_map_shows_every_cell_with_its_number_its_interval_and_its_marks() {
    let drawn = figures(&GRID.analysis());
    let map = of_kind(&drawn, FigureKind::PerformanceMap);
    let page = map.inline_svg();
    // 5 x 7 cells, of which (0,0) is the base.
    assert_eq!(page.matches("class=\"wf-mark\"").count(), 35);
    assert_eq!(page.matches("tabindex=\"0\"").count(), 35);
    assert_eq!(page.matches("±").count(), 35);
    assert!(page.contains("<title>base, before tuning (base-0): "));
    assert!(page.contains("<title>λp 0, λr 1: ") && page.contains("; conventional tuning, the reference</title>"));
    assert_eq!(page.matches("; best by its point; ").count(), 1);
    assert!(page.matches("; may be best").count() > 1);
    assert!(page.contains("(95 % interval, n 303 in 101 clusters)"));
    assert!(map.caption.contains("n = 303 each") && map.caption.contains("95 % interval"));
    let gain = of_kind(&drawn, FigureKind::RelativeGainMap).inline_svg();
    assert!(gain.contains("<title>λp 0, λr 1: 0 by definition; conventional tuning, the reference</title>"));
}

#[test]
fn numbers_without_intervals_claim_nothing() {
    let analysis = Sample { series: 2, ..PAPER }.analysis();
    for figure in figures(&analysis) {
        let page = figure.inline_svg();
        let says_so = figure.caption.contains("These numbers have no intervals");
        assert!(says_so, "{}: {}", figure.name, figure.caption);
        for claim in ["clearly", "may be best", "shown to be beaten</"] {
            assert!(!page.contains(claim), "{}: {claim}", figure.name);
        }
    }
}

#[test]
fn a_paper_sized_analysis_stays_readable() {
    let drawn = figures(&PAPER.analysis());
    keep("paper", &drawn);
    let maps = drawn.iter().filter(|figure| figure.kind == FigureKind::PerformanceMap).collect::<Vec<_>>();
    assert_eq!(maps.len(), 6, "one a benchmark");
    for map in maps {
        assert_eq!(map.inline_svg().matches("<svg ").count(), 16, "fifteen series and the key");
        assert_eq!((map.series, map.benchmark.is_some()), (None, true));
    }
    let many = Sample { series: 40, benchmarks: &["average"], ..PAPER }.analysis();
    let parts =
        figures(&many).into_iter().filter(|figure| figure.kind == FigureKind::PerformanceMap).collect::<Vec<_>>();
    assert_eq!(parts.len(), 3);
    assert_eq!(parts[2].name, "performance-map-average-part-3");
    assert!(parts[2].title.ends_with("(part 3 of 3)"));
}

#[test]
fn hostile_names_stay_text_in_every_figure() {
    let long = "W".repeat(300);
    for hostile in [
        "\"><script>alert(1)</script>",
        "a\u{202e}b\0\x1b[31m\u{ffff}\u{9b}",
        "]]>--><!--&amp;'",
        &long,
        "\u{301}\u{301}مرحبا",
    ] {
        let drawn = figures(&Sample { hostile: Some(hostile), ..GRID }.analysis());
        assert!(drawn.len() > 10);
        for figure in &drawn {
            assert!(
                figure.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c)),
                "{}",
                figure.name
            );
            for text in [figure.svg(), figure.inline_svg()] {
                let document =
                    roxmltree::Document::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", figure.name));
                let known = [
                    "svg", "g", "title", "desc", "style", "rect", "line", "polyline", "polygon", "circle", "text",
                    "div",
                ];
                for node in document.descendants().filter(roxmltree::Node::is_element) {
                    assert!(known.contains(&node.tag_name().name()), "{:?}", node.tag_name());
                    assert!(node.attributes().all(|attribute| !attribute.name().starts_with("on")));
                }
                assert!(!text.contains(['\u{202e}', '\0', '\x1b', '\u{ffff}', '\u{9b}']));
            }
        }
        let first = of_kind(&drawn, FigureKind::PerformanceMap);
        let tree = parsed(&first.svg());
        let mut boxes = Vec::new();
        text_boxes(tree.root(), &mut boxes);
        assert!(boxes.iter().all(|text| text.right() <= tree.size().width()), "{hostile:?}");
        first.png().unwrap();
    }
}

#[test]
fn hostile_numbers_are_left_out_and_named() {
    let mut analysis = GRID.analysis();
    let weightings = analysis.weightings.as_mut().unwrap();
    let numbers = [f64::NAN, f64::INFINITY, -1e308, 1e300, 0.0, f64::MIN_POSITIVE];
    for (place, row) in weightings.benchmarks[0].rows.iter_mut().enumerate() {
        for measure in &mut row.measures {
            if let Measure::Defined(estimate) = &mut measure.value {
                estimate.point = numbers[place % 6];
                estimate.interval = None;
            }
        }
    }
    for density in analysis.likelihoods.iter_mut().flat_map(|entry| &mut entry.density) {
        density[1] = f64::NAN;
    }
    for share in weightings.picture.variance.iter_mut().flat_map(|entry| &mut entry.components) {
        share.share = f64::INFINITY;
    }
    let drawn = figures(&analysis);
    for figure in &drawn {
        let svg = figure.svg();
        assert!(!svg.contains("NaN") && !svg.contains("=\"inf"), "{}", figure.name);
    }
    let map = of_kind(&drawn, FigureKind::PerformanceMap);
    assert!(map.inline_svg().contains("no number: it is too large to draw"));
    map.png().unwrap();
}

#[test]
fn a_grid_with_too_many_weights_has_no_map_and_a_wide_one_scrolls() {
    let weights = |count: usize| (0..count).map(|k| k as f64 / (count - 1) as f64).collect::<Vec<_>>();
    let (wide, endless) = (weights(11), weights(40));
    let drawn = figures(&Sample { prompts: &wide, responses: &wide, benchmarks: &["average"], ..GRID }.analysis());
    assert!(of_kind(&drawn, FigureKind::PerformanceMap).inline_svg().contains("wf-panel wf-wide"));
    let drawn = figures(&Sample { prompts: &endless, benchmarks: &["average"], ..GRID }.analysis());
    assert!(drawn.iter().all(|figure| figure.kind != FigureKind::PerformanceMap));
    assert!(drawn.iter().any(|figure| figure.kind == FigureKind::Plane));
}

#[test]
fn equal_analyses_give_equal_bytes_and_pictures_have_a_bounded_size() {
    let (one, other) = (figures(&GRID.analysis()), figures(&GRID.analysis()));
    assert_eq!(one, other);
    for kind in [FigureKind::PerformanceMap, FigureKind::Variance] {
        let (one, other) = (of_kind(&one, kind), of_kind(&other, kind));
        let png = one.png().unwrap();
        assert_eq!(png, other.png().unwrap());
        assert_eq!(one.svg(), other.svg());
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
        let side = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        let tree = parsed(&one.svg());
        assert!((f64::from(side(16)) - 2.0 * f64::from(tree.size().width())).abs() < 2.0);
        assert!(side(16) <= 8_192 && side(20) <= 8_192);
    }
}

#[test]
fn names_are_unique_and_an_analysis_without_weightings_has_no_figure() {
    let mut analysis = Sample { benchmarks: &["a b", "a/b", "a-b"], ..GRID }.analysis();
    let drawn = figures(&analysis);
    let names = drawn.iter().map(|figure| figure.name.as_str()).collect::<BTreeSet<_>>();
    assert_eq!(names.len(), drawn.len());
    for name in ["performance-map-a-b", "performance-map-a-b-2", "performance-map-a-b-3"] {
        assert!(names.contains(name), "{names:?}");
    }
    analysis.weightings = None;
    analysis.likelihoods.clear();
    assert_eq!(figures(&analysis), Vec::new());
}

#[test]
fn a_few_numbers_far_away_take_neither_the_colours_nor_the_frame_from_the_others() {
    let mut analysis = Sample { benchmarks: &["average"], ..GRID }.analysis();
    for row in analysis.weightings.as_mut().unwrap().benchmarks[0].rows.iter_mut().take(3) {
        for entry in &mut row.measures {
            if let (Headline::Performance, Measure::Defined(estimate)) = (entry.measure, &mut entry.value) {
                estimate.point = -40.0;
            }
        }
    }
    let drawn = figures(&analysis);
    let map = of_kind(&drawn, FigureKind::PerformanceMap);
    assert!(map.inline_svg().contains(">worse ≤ 0.") && map.inline_svg().contains(">-40.00<"));
    assert!(map.caption.contains("cells far beyond its end"));
    let plane = of_kind(&drawn, FigureKind::Plane);
    assert!(plane.inline_svg().contains("hollow: outside the frame"));
    assert!(plane.inline_svg().contains("performance -40.00 ["));
}
