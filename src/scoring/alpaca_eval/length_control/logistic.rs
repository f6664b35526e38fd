//! Logistic regression with an L1 penalty and soft labels, without intercept.

/// Columns of the model.
pub(super) const COLUMNS: usize = 3;

/// A vector over the columns.
pub(super) type Vector = [f64; COLUMNS];

/// Outer iterations; the loop ends after about ten.
const MAX_ITERATIONS: usize = 200;
/// Sweeps over the columns of one quadratic model.
const MAX_SWEEPS: usize = 1000;
/// Halvings of a step.
const MAX_HALVINGS: usize = 60;
/// The optimality condition holds to this share of `max(1, C Σ w)`.
pub(super) const EXACT: f64 = 1e-11;
/// What is still accepted where rounding forbids a better step.
const ACCEPTED: f64 = 1e-8;

/// A row of the training data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Row {
    /// Features.
    pub(super) features: Vector,
    /// The label, in `[0, 1]`.
    pub(super) share: f64,
    /// How much the row counts.
    pub(super) weight: f64,
}

/// `w·x`.
pub(super) fn dot(a: &Vector, b: &Vector) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `1 / (1 + e^-z)`.
pub(super) fn logistic(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// `log(1 + e^z)`.
fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}

fn l1(point: &Vector) -> f64 {
    point.iter().map(|w| w.abs()).sum()
}

/// Derivatives of the smooth part of the objective at a point.
struct Expansion {
    gradient: Vector,
    hessian: [Vector; COLUMNS],
}

/// Minimizes `||w||_1 + C Σ_i w_i [p_i log(1 + e^(-z_i)) + (1 - p_i) log(1 + e^(z_i))]`, `z_i = w·x_i`: liblinear's
/// `L1R_LR` over every row taken twice, with label 1 and weight `w_i p_i` and with label 0 and weight `w_i (1 - p_i)`.
///
/// Proximal Newton: the smooth part is expanded to second order and the quadratic with the penalty is minimized by
/// coordinate descent (Lee, Sun and Saunders, SIAM J. Optim. 2014; liblinear's newGLMNET is the same scheme). A full
/// step that halves the violation of the optimality condition is taken; another one is shortened until the objective
/// decreases enough. The objective is convex: the result satisfies its optimality condition to `tolerance max(1, C Σ
/// w)`, or to 1e-8 of it where rounding allows no more, whatever the start. `None` where that cannot be reached
/// (features that are not finite).
pub(super) fn minimize(rows: &[Row], inverse_penalty: f64, start: Vector, tolerance: f64) -> Option<Vector> {
    let scale = (inverse_penalty * rows.iter().map(|row| row.weight).sum::<f64>()).max(1.0);
    let mut point = start;
    let mut local = expand(rows, inverse_penalty, &point);
    for _ in 0..MAX_ITERATIONS {
        if !local.gradient.iter().all(|slope| slope.is_finite()) {
            return None;
        }
        let left = violation(&local.gradient, &point) / scale;
        if left <= tolerance {
            return Some(point);
        }
        let direction = direction(&local, &point);
        let full = along(&point, &direction, 1.0);
        let there = expand(rows, inverse_penalty, &full);
        if violation(&there.gradient, &full) / scale <= 0.5 * left {
            (point, local) = (full, there);
            continue;
        }
        match shortened(rows, inverse_penalty, &local.gradient, &point, &direction) {
            Some(next) if l1(&difference(&next, &point)) > 0.0 => point = next,
            _ => return (left <= ACCEPTED.max(tolerance)).then_some(point),
        }
        local = expand(rows, inverse_penalty, &point);
    }
    (violation(&local.gradient, &point) / scale <= ACCEPTED.max(tolerance)).then_some(point)
}

fn difference(a: &Vector, b: &Vector) -> Vector {
    along(a, b, -1.0)
}

fn along(point: &Vector, direction: &Vector, length: f64) -> Vector {
    let mut next = *point;
    next.iter_mut().zip(direction).for_each(|(w, d)| *w += length * d);
    next
}

fn expand(rows: &[Row], inverse_penalty: f64, point: &Vector) -> Expansion {
    let mut local = Expansion { gradient: [0.0; COLUMNS], hessian: [[0.0; COLUMNS]; COLUMNS] };
    for row in rows {
        let weight = inverse_penalty * row.weight;
        let q = logistic(dot(point, &row.features));
        let (slope, curve) = (weight * (q - row.share), weight * q * (1.0 - q));
        for ((x, gradient), line) in row.features.iter().zip(&mut local.gradient).zip(&mut local.hessian) {
            *gradient += slope * x;
            for (y, entry) in row.features.iter().zip(line) {
                *entry += curve * x * y;
            }
        }
    }
    local
}

/// What [`minimize`] minimizes.
pub(super) fn objective(rows: &[Row], inverse_penalty: f64, point: &Vector) -> f64 {
    let loss = |row: &Row| {
        let z = dot(point, &row.features);
        inverse_penalty * row.weight * (softplus(z) - row.share * z)
    };
    rows.iter().map(loss).sum::<f64>() + l1(point)
}

/// Largest entry of the smallest subgradient.
fn violation(gradient: &Vector, point: &Vector) -> f64 {
    let entry = |(g, w): (&f64, &f64)| {
        if *w > 0.0 {
            (g + 1.0).abs()
        } else if *w < 0.0 {
            (g - 1.0).abs()
        } else {
            (g.abs() - 1.0).max(0.0)
        }
    };
    gradient.iter().zip(point).map(entry).fold(0.0, f64::max)
}

/// The step that minimizes the quadratic model with the penalty, by coordinate descent.
fn direction(local: &Expansion, point: &Vector) -> Vector {
    let trace = local.hessian.iter().enumerate().filter_map(|(i, line)| line.get(i)).sum::<f64>();
    // A column without curvature (all zeros, or saturated) still gets a finite step.
    let ridge = 1e-12 * trace + 1e-12;
    let mut step = [0.0; COLUMNS];
    for _ in 0..MAX_SWEEPS {
        let mut largest = 0.0_f64;
        for column in 0..COLUMNS {
            let entry = || {
                let line = local.hessian.get(column)?;
                let curve = line.get(column)? + ridge;
                let taken = *step.get(column)?;
                let slope = local.gradient.get(column)? + dot(line, &step) + ridge * taken;
                let here = point.get(column)? + taken;
                Some((taken, here, soft_threshold(here * curve - slope, 1.0) / curve - here))
            };
            let Some((taken, _, change)) = entry() else { continue };
            if let Some(slot) = step.get_mut(column) {
                *slot = taken + change;
            }
            largest = largest.max(change.abs());
        }
        if largest <= 1e-15 * (1.0 + l1(point)) {
            break;
        }
    }
    step
}

fn soft_threshold(value: f64, by: f64) -> f64 {
    value.signum() * (value.abs() - by).max(0.0)
}

/// The next point along the direction, by Armijo's rule; `None` where the objective decreases no more.
fn shortened(
    rows: &[Row],
    inverse_penalty: f64,
    gradient: &Vector,
    point: &Vector,
    direction: &Vector,
) -> Option<Vector> {
    let before = objective(rows, inverse_penalty, point);
    let predicted = dot(gradient, direction) + l1(&along(point, direction, 1.0)) - l1(point);
    let rounding = 1e-14 * before.abs();
    if predicted.is_nan() || predicted >= 0.0 {
        return None;
    }
    let mut length = 1.0;
    for _ in 0..MAX_HALVINGS {
        let next = along(point, direction, length);
        if objective(rows, inverse_penalty, &next) <= before + 1e-4 * length * predicted + rounding {
            return Some(next);
        }
        length *= 0.5;
    }
    None
}

/// Mean over rows of `w [p log q + (1 - p) log(1 - q)]`, `q` kept `1e-15` away from 0 and 1: the negative log-loss by
/// which `AlpacaEval` chooses the penalty. The mean is over rows, not over weights, as there.
pub(super) fn log_likelihood(rows: &[Row], point: &Vector) -> f64 {
    const EDGE: f64 = 1e-15;
    let entry = |row: &Row| {
        let q = logistic(dot(point, &row.features)).clamp(EDGE, 1.0 - EDGE);
        row.weight * (row.share * q.ln() + (1.0 - row.share) * (1.0 - q).ln())
    };
    rows.iter().map(entry).sum::<f64>() / rows.len() as f64
}
