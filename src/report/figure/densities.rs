//! Densities of mean log-probability a token, of prompts and of responses (the paper's Figure 5).

use crate::analyze::Analysis;
use crate::analyze::picture::{LikelihoodAnalysis, TextPart};

use super::canvas::{Area, Canvas};
use super::lettering::{clipped, name, width};
use super::numbers::{basis, ends, known, spoken};
use super::scale::{Scale, is_drawable};
use super::{Draft, Figure, FigureKind, PANEL_WIDTH, Panel, heading};

/// Checkpoints in one panel, at most: as many as there are colours and dashes.
const MOST_LINES: usize = 6;

/// Points of a line, at most.
const MOST_POINTS: usize = 512;

/// Height of the frame, in units.
const HEIGHT: f64 = 180.0;

/// Height of the lane of a checkpoint's mean, size of its name, and length of the sample of its line, in units.
const LANE: f64 = 15.0;
const SIZE: f64 = 10.5;
const LINE_SAMPLE: f64 = 30.0;

/// One figure a data set: prompts and responses side by side, six checkpoints a panel.
pub(super) fn draw(analysis: &Analysis, figures: &mut Vec<Figure>) {
    let mut sources: Vec<&str> = Vec::new();
    for entry in &analysis.likelihoods {
        if !sources.contains(&entry.source.as_str()) {
            sources.push(&entry.source);
        }
    }
    for source in sources {
        let of_source = analysis.likelihoods.iter().filter(|entry| entry.source == source).collect::<Vec<_>>();
        let part = |part| of_source.iter().copied().filter(|entry| entry.part == part).collect::<Vec<_>>();
        let (prompts, responses) = (part(TextPart::Prompt), part(TextPart::Response));
        // Prompts and responses of the same checkpoints stand side by side, each part on one pair of axes.
        let mut panels = Vec::new();
        let chunks = prompts.len().max(responses.len()).div_ceil(MOST_LINES);
        for chunk in 0..chunks {
            for (words, entries) in [("prompts", &prompts), ("responses, given the prompt", &responses)] {
                let Some(shown) = entries.chunks(MOST_LINES).nth(chunk) else {
                    continue;
                };
                let title = if chunks > 1 { format!("{words} ({} of {chunks})", chunk + 1) } else { words.to_owned() };
                panels.extend(panel(&title, shown, entries).map(|panel| (None, panel)));
            }
        }
        let means = of_source.iter().filter_map(|entry| known(&entry.mean)).collect::<Vec<_>>();
        let title = format!("How likely the checkpoints find the texts of {}", name(source));
        let draft = Draft {
            kind: FigureKind::Likelihood,
            benchmark: None,
            detail: source,
            alt: format!("Density curves of mean log-probability a token: {title}."),
            title,
            caption: format!(
                "Kernel densities over texts of the mean log-probability of a token, in nats: the further right, the likelier. The dot beside each name is the \
                 mean of the curve in its colour and dashes. A density has no interval here. {}",
                basis(&means, analysis.level, "Lines at the means are")
            ),
            key: None,
        };
        draft.finish(panels, figures);
    }
}

/// The curve's points that can be drawn, thinned where they are many.
fn curve(entry: &LikelihoodAnalysis) -> Vec<[f64; 2]> {
    let step = entry.density.len().div_ceil(MOST_POINTS).max(1);
    let points = entry.density.iter().step_by(step).copied();
    points.filter(|[x, y]| is_drawable(*x) && is_drawable(*y) && *y >= 0.0).collect()
}

fn panel(title: &str, shown: &[&LikelihoodAnalysis], all: &[&LikelihoodAnalysis]) -> Option<Panel> {
    let mut canvas = Canvas::default();
    let top = heading(&mut canvas, title, PANEL_WIDTH);
    let lanes = LANE * shown.len() as f64 + 8.0;
    let frame = Area { x: 4.0, y: top, width: PANEL_WIDTH - 8.0, height: HEIGHT };
    let bottom = frame.bottom() + lanes;
    let curves = all.iter().map(|entry| curve(entry)).collect::<Vec<_>>();
    // Tails without mass leave no room for what differs.
    let highest = curves.iter().flatten().map(|[_, density]| *density).fold(0.0, f64::max);
    let seen = curves.iter().flatten().filter(|[_, density]| *density > highest * 0.004).map(|[x, _]| *x);
    let means = all.iter().filter_map(|entry| known(&entry.mean)).map(|mean| mean.point);
    let across = Scale::over(seen.chain(means), frame.x, frame.right(), 5.0)?;
    let up = Scale::between(0.0, highest.max(1e-9) * 1.06, frame.bottom(), frame.y, 4.0);
    for (tick, text) in across.ticks() {
        canvas.line("wf-grid", [across.at(tick), frame.y], [across.at(tick), bottom]);
        canvas.text("wf-s wf-m", [across.at(tick), bottom + 14.0], &text);
    }
    canvas.line("wf-frame", [frame.x, frame.bottom()], [frame.right(), frame.bottom()]);
    canvas.text("wf-s wf-m", [PANEL_WIDTH / 2.0, bottom + 30.0], "mean log-probability a token, nats");
    for (number, entry) in shown.iter().enumerate() {
        let points = curve(entry).into_iter().filter(|[x, _]| across.holds(*x));
        let points = points.map(|[x, density]| [across.at(x), up.at(density)]).collect::<Vec<_>>();
        canvas.open(&format!("{}: mean {}", name(&entry.checkpoint), spoken(&entry.mean)));
        canvas.polyline(&format!("wf-w wf-thick wf-x{number} wf-dash{number}"), &points);
        mean(&mut canvas, entry, number, &across, frame.bottom() + 12.0 + LANE * number as f64);
        canvas.close();
    }
    Some(Panel { width: PANEL_WIDTH, height: bottom + 36.0, label: title.to_owned(), body: canvas.into_body() })
}

/// A checkpoint's mean with its interval, and its name beside it with a sample of its line.
fn mean(canvas: &mut Canvas, entry: &LikelihoodAnalysis, number: usize, across: &Scale, y: f64) {
    let text = clipped(&name(&entry.checkpoint), SIZE, PANEL_WIDTH * 0.45);
    let (mut left, mut right) = (PANEL_WIDTH / 2.0, PANEL_WIDTH / 2.0);
    if let Some(estimate) = known(&entry.mean) {
        let [at, low, high] = ends(&estimate).map(|value| across.at(value));
        if estimate.interval.is_some() {
            canvas.line(&format!("wf-w wf-thick wf-x{number}"), [low, y], [high, y]);
        }
        canvas.circle(&format!("wf-f{number}"), [at, y], 3.5);
        (left, right) = (low.min(at) - 8.0, high.max(at) + 8.0);
    }
    let dashes = format!("wf-w wf-thick wf-x{number} wf-dash{number}");
    let class = format!("wf-l wf-f{number}");
    if right + LINE_SAMPLE + width(&text, SIZE) <= PANEL_WIDTH {
        canvas.line(&dashes, [right, y], [right + LINE_SAMPLE - 4.0, y]);
        canvas.text(&class, [right + LINE_SAMPLE, y + 3.6], &text);
    } else {
        canvas.line(&dashes, [left - LINE_SAMPLE + 4.0, y], [left, y]);
        canvas.text(&format!("{class} wf-e"), [left - LINE_SAMPLE, y + 3.6], &text);
    }
}
