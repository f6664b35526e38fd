//! Adherence against conversation.

use std::collections::BTreeMap;

use crate::analyze::analysis::Arm;
use crate::analyze::picture::TradeOff;

use super::canvas::Shape;
use super::gains::benchmark_title;
use super::grids::{arm_label, arm_words, is_conventional, series_name};
use super::key::{Sample, key};
use super::numbers::{basis, known, spoken};
use super::plane::marks;
use super::scatter::{Axes, Emphasis, Point, has_outside, scatter};
use super::{Draft, Figure, FigureKind, View};

/// One figure a pair of benchmarks, one panel a series.
pub(super) fn draw(view: &View<'_>, figures: &mut Vec<Figure>) {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for trade_off in &view.weightings.picture.trade_offs {
        let pair = (trade_off.adherence.as_str(), trade_off.conversation.as_str());
        if !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    let arms = view.weightings.arms.iter().map(|arm| (arm.id.as_str(), arm)).collect::<BTreeMap<_, _>>();
    for (adherence, conversation) in pairs {
        let of_pair = view.weightings.picture.trade_offs.iter();
        let of_pair = of_pair.filter(|t| t.adherence == adherence && t.conversation == conversation);
        let drawn = of_pair.map(|trade_off| (trade_off, points(trade_off, &arms))).collect::<Vec<_>>();
        let axes = Axes {
            across: format!("conversation: {}", benchmark_title(view, conversation)),
            up: format!("adherence: {}", benchmark_title(view, adherence)),
            fences_across: true,
        };
        let panels = drawn.iter().filter_map(|(trade_off, points)| {
            let correlation = known(&trade_off.correlation).map(|_| format!(": Spearman {}", short(trade_off)));
            let title =
                format!("{}{}", series_name(view.weightings, trade_off.series), correlation.unwrap_or_default());
            Some((Some(trade_off.series), scatter(&title, &axes, points, &[])?))
        });
        let panels = panels.collect::<Vec<_>>();
        let basis = basis(drawn.iter().flat_map(|(_, points)| points).map(|point| &point.up), view.level, "Lines are");
        let title = format!(
            "Adherence against conversation: {} and {}",
            benchmark_title(view, adherence),
            benchmark_title(view, conversation)
        );
        let interval = drawn.iter().flat_map(|(_, points)| points).any(|point| point.up.interval.is_some());
        let dot = |shape, colour| Sample::Dot { shape, colour, hollow: false, faded: false, interval };
        let mut entries = vec![
            (dot(Shape::Circle, 0), "a weighting, (λp, λr)"),
            (dot(Shape::Circle, 3), "best by one of the two, by points"),
            (dot(Shape::Diamond, 1), "conventional tuning (0, 1)"),
        ];
        if drawn.iter().any(|(_, points)| has_outside(points, &axes)) {
            let hollow = Sample::Dot { shape: Shape::Circle, colour: 0, hollow: true, faded: false, interval: false };
            entries.push((hollow, "hollow: outside the frame, drawn at its edge"));
        }
        let draft = Draft {
            kind: FigureKind::TradeOff,
            benchmark: None,
            detail: &format!("{adherence} {conversation}"),
            alt: format!("Weightings as points: {title}."),
            title,
            caption: format!(
                "Up: more adherence; right: better conversation. If the two asked for different weightings, the best by one would not be the best by the other; \
                 labelled: the best by each, and conventional tuning. Spearman's correlation is over weightings. {basis}"
            ),
            key: key(&entries),
        };
        draft.finish(panels, figures);
    }
}

fn short(trade_off: &TradeOff) -> String {
    known(&trade_off.correlation).map(|estimate| super::numbers::row(&estimate, true)).unwrap_or_default()
}

fn points(trade_off: &TradeOff, arms: &BTreeMap<&str, &Arm>) -> Vec<Point> {
    let points = trade_off.points.iter().filter_map(|point| {
        let arm = *arms.get(point.arm.as_str())?;
        let is_best = point.arm == trade_off.best_adherence || point.arm == trade_off.best_conversation;
        let (shape, colour) = marks(arm);
        let label = match () {
            () if is_best => Some((0, arm_label(arm))),
            () if is_conventional(arm) => Some((1, arm_label(arm))),
            () => None,
        };
        Some(Point {
            across: known(&point.conversation)?,
            up: known(&point.adherence)?,
            shape,
            colour: if is_best { 3 } else { colour },
            emphasis: if label.is_some() { Emphasis::Strong } else { Emphasis::Plain },
            label,
            spoken: format!(
                "{}: adherence {}, conversation {}",
                arm_words(arm),
                spoken(&point.adherence),
                spoken(&point.conversation)
            ),
        })
    });
    points.collect()
}
