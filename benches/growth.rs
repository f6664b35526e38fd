//! How cost grows with the number of wordings, the length of the context and the size of the model:
//! `cargo bench --bench growth` writes `results/growth/growth.csv` and `growth.svg`.
//!
//! Models are Llamas of seeded random weights. `GROWTH_RUNS` sets how many runs each median is over (3); a folder given as
//! `-- --out DIR` takes the files instead; `-- --quick` leaves out what takes long, and by itself writes nothing.
#![allow(clippy::print_stdout, clippy::indexing_slicing, missing_docs)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use rand::Rng as _;
use wit_eval::model::architecture::Architecture;
use wit_eval::model::engine::{Engine, EngineOptions, GenerationRequest, Scoring};
use wit_eval::model::weights::Weights;
use wit_eval::request::Decoding;
use wit_eval::seed::Seed;
use wit_eval::train::initial::{initial_parameters, write_initial_weights};

const VOCABULARY: u32 = 2048;
/// Solved examples that all wordings of a question share, a wording, and a choice; in tokens.
const HEAD_TOKENS: usize = 600;
const WORDING_TOKENS: usize = 60;
const CHOICE_TOKENS: usize = 4;
const CHOICES: usize = 4;
/// Context of a question and new tokens of a text where models of different sizes are compared.
const QUESTION_TOKENS: usize = 300;
const NEW_TOKENS: usize = 32;

/// Width, inner width, layers, heads, heads that hold keys.
#[derive(Clone, Copy)]
struct Size {
    hidden: usize,
    inner: usize,
    layers: usize,
    heads: usize,
    kv_heads: usize,
}

const SIZES: [Size; 4] = [
    Size { hidden: 128, inner: 384, layers: 4, heads: 4, kv_heads: 2 },
    Size { hidden: 256, inner: 704, layers: 6, heads: 4, kv_heads: 2 },
    MIDDLE,
    Size { hidden: 768, inner: 2048, layers: 15, heads: 12, kv_heads: 6 },
];
const MIDDLE: Size = Size { hidden: 512, inner: 1408, layers: 8, heads: 8, kv_heads: 4 };

impl Size {
    /// The engine, and how many weights it has.
    fn engine(self) -> anyhow::Result<(Engine, usize)> {
        let config = serde_json::json!({
            "model_type": "llama", "hidden_size": self.hidden, "intermediate_size": self.inner,
            "num_attention_heads": self.heads, "num_key_value_heads": self.kv_heads,
            "num_hidden_layers": self.layers, "vocab_size": VOCABULARY, "max_position_embeddings": 2048,
            "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true,
        });
        let architecture = Architecture::from_config_json(&config.to_string())?;
        let parameters = initial_parameters(&architecture, 0.05, Seed(1));
        let folder = tempfile::tempdir()?;
        write_initial_weights(folder.path(), &parameters)?;
        std::fs::write(folder.path().join("config.json"), config.to_string())?;
        let count = parameters.values().map(|parameter| parameter.values.len()).sum();
        Ok((Engine::open(architecture, &Weights::open(folder.path())?, EngineOptions::default())?, count))
    }
}

/// One point of a curve.
struct Point {
    study: &'static str,
    series: &'static str,
    x: usize,
    x_unit: &'static str,
    tokens_asked: usize,
    tokens_computed: u64,
    /// Ascending.
    seconds: Vec<f64>,
}

impl Point {
    fn median(&self) -> f64 {
        self.seconds[self.seconds.len() / 2]
    }
}

fn tokens(label: &str, count: usize) -> Vec<u32> {
    let mut stream = Seed(3).stream(&["growth", label]);
    (0..count).map(|_| stream.random_range(1..VOCABULARY)).collect()
}

/// A question with its choices: the context, then each choice.
fn question(context: &[u32], label: &str) -> Vec<Scoring> {
    let choice =
        |n| Scoring { context: context.to_vec(), continuation: tokens(&format!("{label} {n}"), CHOICE_TOKENS) };
    (0..CHOICES).map(choice).collect()
}

/// Tokens of all sequences by themselves; the last one of each has nothing to predict.
fn asked(items: &[Scoring]) -> usize {
    items.iter().map(|item| item.context.len() + item.continuation.len() - 1).sum()
}

fn score(engine: &Engine, items: &[Scoring]) -> anyhow::Result<()> {
    let mut fault = None;
    engine.score(items, &mut |_, score| fault = score.err().or(fault.take()))?;
    fault.map_or(Ok(()), |fault| Err(fault.into()))
}

/// Seconds of runs, ascending, and the tokens of one run. Where there are several, one before them is not counted.
fn timed(engine: &Engine, runs: usize, work: &dyn Fn() -> anyhow::Result<()>) -> anyhow::Result<(Vec<f64>, u64)> {
    let before = engine.computed_tokens();
    let mut seconds = Vec::new();
    let warming = usize::from(runs > 1);
    for run in 0..runs + warming {
        let start = Instant::now();
        work()?;
        if run >= warming {
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    seconds.sort_by(f64::total_cmp);
    Ok((seconds, (engine.computed_tokens() - before) / (runs + warming) as u64))
}

/// Wordings of one question behind the same solved examples, in one call and, measured once, each sequence by itself.
fn variants(engine: &Engine, runs: usize, most: usize) -> anyhow::Result<Vec<Point>> {
    let head = tokens("head", HEAD_TOKENS);
    let mut points = Vec::new();
    for count in [1, 2, 4, 8, 16].into_iter().filter(|count| *count <= most) {
        let wording = |n| [head.clone(), tokens(&format!("wording {n}"), WORDING_TOKENS)].concat();
        let items = (0..count).flat_map(|n| question(&wording(n), &format!("choice {n}"))).collect::<Vec<_>>();
        let together = || score(engine, &items);
        let apart = || items.iter().try_for_each(|item| score(engine, std::slice::from_ref(item)));
        let works: [(_, _, &dyn Fn() -> anyhow::Result<()>); 2] =
            [("shared prefixes", runs, &together), ("each sequence by itself", 1, &apart)];
        for (series, runs, work) in works {
            let (seconds, tokens_computed) = timed(engine, runs, work)?;
            let (study, tokens_asked) = ("wordings", asked(&items));
            points.push(Point { study, series, x: count, x_unit: "wordings", tokens_asked, tokens_computed, seconds });
        }
    }
    Ok(points)
}

/// One choice behind contexts of different lengths.
fn lengths(engine: &Engine, runs: usize, most: usize) -> anyhow::Result<Vec<Point>> {
    let mut points = Vec::new();
    for length in [64, 128, 256, 512, 1024, 2048].into_iter().filter(|length| *length <= most) {
        let context = tokens("context", length - CHOICE_TOKENS + 1);
        let items = [Scoring { context, continuation: tokens("end", CHOICE_TOKENS) }];
        let (seconds, tokens_computed) = timed(engine, runs, &|| score(engine, &items))?;
        let (study, series, tokens_asked) = ("context", "scoring one sequence", asked(&items));
        points.push(Point { study, series, x: length, x_unit: "tokens", tokens_asked, tokens_computed, seconds });
    }
    Ok(points)
}

/// A question with four choices, and one text.
fn sizes(runs: usize, most: usize) -> anyhow::Result<Vec<Point>> {
    let mut points = Vec::new();
    for size in SIZES.into_iter().take(most) {
        let (engine, parameters) = size.engine()?;
        let items = question(&tokens("question", QUESTION_TOKENS), "choice");
        let request = GenerationRequest {
            prompt: tokens("prompt", QUESTION_TOKENS),
            decoding: Decoding::greedy(NEW_TOKENS),
            end_tokens: Vec::new(),
            stream_label: String::new(),
        };
        let generate =
            || engine.generate(std::slice::from_ref(&request), &|_| String::new(), &mut |_, _| {}).map_err(Into::into);
        let answer = || score(&engine, &items);
        let works: [(_, _, &dyn Fn() -> anyhow::Result<()>); 2] = [
            ("a question with four choices", asked(&items), &answer),
            ("a text of 32 new tokens", QUESTION_TOKENS + NEW_TOKENS - 1, &generate),
        ];
        for (series, tokens_asked, work) in works {
            let (seconds, tokens_computed) = timed(&engine, runs, work)?;
            let (study, x_unit) = ("size", "parameters");
            points.push(Point { study, series, x: parameters, x_unit, tokens_asked, tokens_computed, seconds });
        }
    }
    Ok(points)
}

fn csv(points: &[Point]) -> anyhow::Result<String> {
    let mut text = String::from(
        "study,series,x,x_unit,tokens_asked,tokens_computed,seconds_median,seconds_lowest,seconds_highest\n",
    );
    for point in points {
        let Point { study, series, x, x_unit, tokens_asked, tokens_computed, seconds } = point;
        let (low, high) = (seconds[0], seconds[seconds.len() - 1]);
        let median = point.median();
        writeln!(
            text,
            "{study},{series},{x},{x_unit},{tokens_asked},{tokens_computed},{median:.5},{low:.5},{high:.5}"
        )?;
    }
    Ok(text)
}

/// Curves and what stands around them.
struct Panel {
    study: &'static str,
    title: &'static str,
    x_label: &'static str,
    series: Vec<&'static str>,
    value: fn(&Point) -> f64,
    y_label: &'static str,
}

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 330.0;
const PLOT: (f64, f64, f64, f64) = (62.0, 84.0, 342.0, 276.0);
/// Colours that people with colour-blindness tell apart, and dashes for those who print in grey.
const STROKES: [(&str, &str); 2] = [("#0072b2", ""), ("#d55e00", "5 3")];

fn panels() -> [Panel; 4] {
    let seconds: fn(&Point) -> f64 = Point::median;
    let computed: fn(&Point) -> f64 = |point| point.tokens_computed as f64;
    let of = |study, title, x_label, y_label, series, value| Panel { study, title, x_label, series, value, y_label };
    let both = || vec!["shared prefixes", "each sequence by itself"];
    let works = vec!["a question with four choices", "a text of 32 new tokens"];
    [
        of("wordings", "Wordings of a question: time", "wordings", "seconds", both(), seconds),
        of("wordings", "Wordings of a question: tokens", "wordings", "tokens computed", both(), computed),
        of("context", "Length of the context", "tokens", "seconds", vec!["scoring one sequence"], seconds),
        of("size", "Size of the model", "parameters", "seconds", works, seconds),
    ]
}

/// Both axes are logarithmic: a straight line of slope 1 is growth in proportion, a flatter one is less.
fn svg(points: &[Point]) -> anyhow::Result<String> {
    let (width, height) = (2.0 * WIDTH, 2.0 * HEIGHT + 40.0);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\" fill=\"#222\">\n<title>Cost of evaluation</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<text x=\"20\" y=\"24\" font-size=\"15\">Cost of evaluation: \
         logarithmic axes; the grey line is growth in proportion</text>\n"
    );
    for (number, panel) in panels().iter().enumerate() {
        let (x, y) = ((number % 2) as f64 * WIDTH, 30.0 + (number / 2) as f64 * HEIGHT);
        writeln!(text, "<g transform=\"translate({x} {y})\">")?;
        draw(&mut text, panel, points)?;
        text.push_str("</g>\n");
    }
    text.push_str("</svg>\n");
    Ok(text)
}

/// From values to places in a panel.
struct Scales {
    x: (f64, f64),
    y: (f64, f64),
}

impl Scales {
    fn over(points: &[(f64, f64)]) -> Self {
        let range = |of: fn(&(f64, f64)) -> f64| {
            let wider = |(low, high): (f64, f64), v: f64| (low.min(v), high.max(v));
            points.iter().map(of).fold((f64::MAX, f64::MIN), wider)
        };
        Self { x: range(|point| point.0), y: range(|point| point.1) }
    }

    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let (left, top, right, bottom) = PLOT;
        let share = |v: f64, (low, high): (f64, f64)| (v / low).ln() / (high / low).ln().max(1e-9);
        (left + share(x, self.x) * (right - left), bottom - share(y, self.y) * (bottom - top))
    }
}

fn draw(text: &mut String, panel: &Panel, points: &[Point]) -> anyhow::Result<()> {
    let left = PLOT.0;
    let curve = |series: &&str| {
        let chosen = points.iter().filter(|point| point.study == panel.study && point.series == *series);
        chosen.map(|point| (point.x as f64, (panel.value)(point))).collect::<Vec<_>>()
    };
    let curves = panel.series.iter().map(curve).collect::<Vec<_>>();
    let all = curves.concat();
    let scales = Scales::over(&all);
    axes(text, panel, &all, &scales)?;
    if let Some((first, last)) = curves.first().and_then(|curve| curve.first().zip(curve.last())) {
        in_proportion(text, *first, last.0, &scales)?;
    }
    for ((series, curve), ((colour, dashes), row)) in panel.series.iter().zip(&curves).zip(STROKES.iter().zip(0_u8..)) {
        let places = curve.iter().map(|point| scales.place(*point)).collect::<Vec<_>>();
        let path = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>();
        let line = format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\"");
        writeln!(text, "<polyline points=\"{}\" {line}/>", path.join(" "))?;
        for (x, y) in places {
            writeln!(text, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>")?;
        }
        let y = 40.0 + 16.0 * f64::from(row);
        writeln!(text, "<path d=\"M{left} {y}h26\" {line}/>")?;
        writeln!(text, "<text x=\"{}\" y=\"{}\">{series}</text>", left + 32.0, y + 4.0)?;
    }
    Ok(())
}

fn axes(text: &mut String, panel: &Panel, all: &[(f64, f64)], scales: &Scales) -> anyhow::Result<()> {
    let (left, top, right, bottom) = PLOT;
    writeln!(text, "<text x=\"{left}\" y=\"22\" font-size=\"13\" font-weight=\"bold\">{}</text>", panel.title)?;
    writeln!(text, "<path d=\"M{left} {top}V{bottom}H{right}\" fill=\"none\" stroke=\"#222\"/>")?;
    for x in distinct(all.iter().map(|(x, _)| *x)) {
        let (at, below) = (scales.place((x, 1.0)).0, bottom + 16.0);
        writeln!(text, "<path d=\"M{at:.1} {bottom}v4\" stroke=\"#222\"/>")?;
        writeln!(text, "<text x=\"{at:.1}\" y=\"{below}\" text-anchor=\"middle\">{}</text>", short(x))?;
    }
    for y in ticks(scales.y) {
        let (at, before) = (scales.place((1.0, y)).1, left - 7.0);
        writeln!(
            text,
            "<path d=\"M{left} {at:.1}h-4M{left} {at:.1}H{right}\" stroke=\"#222\" stroke-opacity=\".25\"/>"
        )?;
        writeln!(text, "<text x=\"{before}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>", at + 4.0, short(y))?;
    }
    let (middle, foot, level) = (f64::midpoint(left, right), bottom + 34.0, f64::midpoint(top, bottom));
    writeln!(text, "<text x=\"{middle}\" y=\"{foot}\" text-anchor=\"middle\">{}</text>", panel.x_label)?;
    let turned = format!("transform=\"translate(14 {level}) rotate(-90)\" text-anchor=\"middle\"");
    writeln!(text, "<text {turned}>{}</text>", panel.y_label)?;
    Ok(())
}

/// From a curve's first point as if cost grew in proportion to `x`, cut off at the top of the panel.
fn in_proportion(text: &mut String, (x, y): (f64, f64), last_x: f64, scales: &Scales) -> anyhow::Result<()> {
    let (from, to) = (scales.place((x, y)), scales.place((last_x, y * last_x / x)));
    let share = if to.1 < PLOT.1 { (from.1 - PLOT.1) / (from.1 - to.1) } else { 1.0 };
    let end = (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
    let line = format!("M{:.1} {:.1}L{:.1} {:.1}", from.0, from.1, end.0, end.1);
    writeln!(text, "<path d=\"{line}\" stroke=\"#999\" stroke-width=\"1.5\"/>")?;
    Ok(())
}

fn distinct(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values = values.collect::<Vec<_>>();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values
}

/// Ones, twos and fives of every power of ten within a range.
fn ticks((low, high): (f64, f64)) -> Vec<f64> {
    let all = (-6..10).flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10_f64.powi(power)));
    all.filter(|tick| (low..=high).contains(tick)).collect()
}

fn short(value: f64) -> String {
    let (value, unit) = match value {
        v if v >= 1e6 => (v / 1e6, "M"),
        v if v >= 1e4 => (v / 1e3, "k"),
        v => (v, ""),
    };
    let digits = if value >= 100.0 || value.fract() == 0.0 {
        0
    } else if value >= 1.0 {
        1
    } else {
        3
    };
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
}

fn main() -> anyhow::Result<()> {
    let arguments = std::env::args().collect::<Vec<_>>();
    let out = arguments.iter().position(|argument| argument == "--out");
    let out = out.map(|at| arguments.get(at + 1).map(PathBuf::from).context("--out: write a folder behind it"));
    let out = out.transpose()?;
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let runs = std::env::var("GROWTH_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(3).max(1);
    let (engine, _) = MIDDLE.engine()?;
    let mut points = variants(&engine, runs, if quick { 2 } else { 16 })?;
    points.extend(lengths(&engine, runs, if quick { 128 } else { 2048 })?);
    drop(engine);
    points.extend(sizes(runs, if quick { 2 } else { SIZES.len() })?);
    let table = csv(&points)?;
    print!("{table}");
    let committed = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/results/growth")).to_path_buf();
    let Some(out) = out.or((!quick).then_some(committed)) else { return Ok(()) };
    std::fs::create_dir_all(&out).with_context(|| format!("{}: cannot be made", out.display()))?;
    std::fs::write(out.join("growth.csv"), table)?;
    std::fs::write(out.join("growth.svg"), svg(&points)?)?;
    Ok(())
}
