//! Made-up pairs of runs, as the decision sees them.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use wit_eval::analyze::analysis::Headline;
use wit_eval::paired::{PairedColumn, PairedRow, PairedTask};

/// How a simulated pair differs.
#[derive(Clone, Copy)]
pub struct Truth {
    /// Instances of each task.
    pub instances: usize,
    /// Instances of a cluster, which share part of their luck.
    pub cluster: usize,
    /// The true drop of every measure, in its own unit.
    pub drop: f64,
}

pub fn task(name: &str, columns: Vec<PairedColumn>) -> PairedTask {
    PairedTask {
        task: name.to_owned(),
        title: name.to_owned(),
        metric: "acc".to_owned(),
        filter: "none".to_owned(),
        higher_is_better: true,
        is_share: true,
        columns,
    }
}

pub fn column(measure: Headline, cluster: usize, pairs: impl IntoIterator<Item = (f64, f64)>) -> PairedColumn {
    let row = |(index, (baseline, candidate)): (usize, (f64, f64))| PairedRow {
        instance: String::new(),
        cluster: index / cluster,
        weight: 1.0,
        baseline,
        candidate,
    };
    let rows = pairs.into_iter().enumerate().map(row).collect();
    PairedColumn { measure, perturbation: None, rows, unpaired: 0 }
}

/// Right or wrong: a tenth of the items differ between equal models, by cluster more than alone; a drop is lost on top.
fn binary(rng: &mut ChaCha8Rng, truth: Truth) -> Vec<(f64, f64)> {
    let mut together = 0.0;
    let pair = |index: usize| {
        if index.is_multiple_of(truth.cluster) {
            together = rng.random::<f64>();
        }
        let alone: f64 = rng.random();
        let luck = if truth.cluster > 1 && rng.random_bool(0.5) { together } else { alone };
        let (lost, gained) = (0.05 + truth.drop, 0.05);
        match luck {
            luck if luck < lost => (1.0, 0.0),
            luck if luck < lost + gained => (0.0, 1.0),
            luck => (f64::from(luck < 0.6), f64::from(luck < 0.6)),
        }
    };
    (0..truth.instances).map(pair).collect()
}

/// Shares of five draws each, skewed towards 1; the candidate's expectation is lower by the drop.
fn graded(rng: &mut ChaCha8Rng, truth: Truth) -> Vec<(f64, f64)> {
    let pair = |_| {
        let skill = 1.0 - 0.9 * rng.random::<f64>().powi(2);
        let mut share = |right: f64| f64::from((0..5).map(|_| u8::from(rng.random_bool(right))).sum::<u8>()) / 5.0;
        // The drop is a share of what there is to lose: its expectation is the truth's.
        (share(skill), share(skill * (1.0 - truth.drop / 0.7)))
    };
    (0..truth.instances).map(pair).collect()
}

/// Nats a token, heavy to the right; more is worse.
fn nats(rng: &mut ChaCha8Rng, truth: Truth) -> Vec<(f64, f64)> {
    let pair = |_| {
        let shared = -rng.random::<f64>().max(1e-9).ln() * 0.3;
        let mut own = || -rng.random::<f64>().max(1e-9).ln() * 0.2;
        (shared + own(), shared + own() + truth.drop)
    };
    (0..truth.instances / 2).map(pair).collect()
}

/// Three tasks with these measures each.
pub fn tasks(rng: &mut ChaCha8Rng, truth: Truth, measures: &[Headline]) -> Vec<PairedTask> {
    ["anatomy", "logic", "writing"]
        .into_iter()
        .map(|name| {
            let columns = measures.iter().map(|measure| match measure {
                Headline::Posix => column(*measure, 1, nats(rng, truth)),
                Headline::Perturbed => column(*measure, truth.cluster, graded(rng, truth)),
                _ => column(*measure, truth.cluster, binary(rng, truth)),
            });
            task(name, columns.collect())
        })
        .collect()
}
