//! Time of the statistics behind a report: a bootstrap, and all sensitivity indices of 1000 items under 10 wordings.
//! `cargo bench --bench statistics`.
#![allow(missing_docs, clippy::unwrap_used)]

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use wit_eval::seed::Seed;
use wit_eval::sensitivity::{CreditMatrix, MatrixRow, Sensitivity};
use wit_eval::stats::{DEFAULT_DRAWS, cluster_bootstrap, mean_estimate};
use wit_eval::variant::VariantId;

fn main() {
    divan::main();
}

/// Binary credits without a pattern: bits of a multiplicative hash.
fn credit(item: usize, column: usize) -> f64 {
    let mixed = ((item * 31 + column) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    if mixed >> 63 == 0 { 1.0 } else { 0.0 }
}

fn matrix(items: usize, columns: usize) -> CreditMatrix {
    let variant = |index: usize| match index {
        0 => VariantId::original(),
        _ => VariantId { perturbation: format!("p{index}"), strength: "default".into(), draw: 0 },
    };
    let row = |item: usize| MatrixRow {
        instance: format!("bench/{item}"),
        cluster: format!("bench/{item}"),
        credits: (0..columns).map(|column| Some(credit(item, column))).collect(),
        answers: (0..columns).map(|column| Some(credit(item, column).to_string())).collect(),
    };
    CreditMatrix::new((0..columns).map(variant).collect(), (0..items).map(row).collect()).unwrap()
}

#[divan::bench(args = [100, 1000, 10_000])]
fn mean_with_interval(bencher: Bencher<'_, '_>, items: usize) {
    let values = (0..items).map(|item| credit(item, 0)).collect::<Vec<_>>();
    let clusters = (0..items).collect::<Vec<_>>();
    bencher.counter(ItemsCount::new(items)).bench(|| mean_estimate(black_box(&values), &clusters, 0.95));
}

#[divan::bench(args = [100, 1000, 10_000])]
fn bootstrap_of_a_mean(bencher: Bencher<'_, '_>, clusters: usize) {
    let values = (0..clusters).map(|item| credit(item, 0)).collect::<Vec<_>>();
    let mean = |counts: &[u32]| {
        Some(values.iter().zip(counts).map(|(value, count)| value * f64::from(*count)).sum::<f64>() / clusters as f64)
    };
    bencher
        .counter(ItemsCount::new(DEFAULT_DRAWS))
        .bench(|| cluster_bootstrap(black_box(clusters), clusters, mean, DEFAULT_DRAWS, Seed(1), 0.95));
}

#[divan::bench(args = [(100, 10), (1000, 10), (1000, 50)])]
fn all_indices(bencher: Bencher<'_, '_>, (items, columns): (usize, usize)) {
    let matrix = matrix(items, columns);
    bencher.counter(ItemsCount::new(items * columns)).bench(|| Sensitivity::of(black_box(&matrix), 0.95, Seed(1)));
}
