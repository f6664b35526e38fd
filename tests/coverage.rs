//! How often the 95 % intervals that the program reports hold the truth: 2,000 simulated data sets a case. The table in
//! `docs/statistics.md` is what `cargo test --release --test coverage -- --nocapture --test-threads 1` prints.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing)]

use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use wit_eval::estimate::Estimate;
use wit_eval::seed::Seed;
use wit_eval::sensitivity::{CreditMatrix, MatrixRow, Sensitivity};
use wit_eval::stats::{
    ReplicateVariance, Sides, VarianceCell, VarianceTerm, bca_bootstrap, cluster_bootstrap, clustered_mean, composite,
    decompose_variance, group_estimate, kendall, mean_estimate, minimum_detectable_effect_of_clusters,
    one_sided_p_value, paired_difference, paired_score_interval, ratio_estimate, relative_change, share_interval,
    spearman, wilson_interval, with_replicates,
};
use wit_eval::variant::VariantId;

const LEVEL: f64 = 0.95;
const DRAWS: usize = 2000;

/// What 95 % intervals are asked for; 2,000 draws have a standard error of 0.5 %.
const NOMINAL: (f64, f64) = (0.93, 0.97);

/// A data set's truth and what was estimated from it.
type Outcome = (f64, Option<Estimate>);

/// A case's name and the coverage asked for, least and most.
type Case<'a> = (&'a str, (f64, f64));

/// Simulates one case and asserts its coverage.
#[track_caller]
fn covers(case: &str, band: (f64, f64), draw: impl Fn(&mut ChaCha8Rng) -> Outcome + Sync) {
    all_cover([(case, band)], |random| [draw(random)]);
}

/// [`covers`] of several numbers estimated from the same data sets.
#[track_caller]
fn all_cover<const K: usize>(cases: [Case<'_>; K], draw: impl Fn(&mut ChaCha8Rng) -> [Outcome; K] + Sync) {
    let (stream, _) = cases[0];
    let one = |number: usize| draw(&mut Seed(20).stream(&[stream, &number.to_string()]));
    let found = (0..DRAWS).into_par_iter().map(one).collect::<Vec<_>>();
    for (place, (case, (least, most))) in cases.iter().enumerate() {
        let outcomes = found.iter().map(|draw| &draw[place]);
        let intervals = outcomes.filter_map(|(truth, estimate)| Some((*truth, estimate.as_ref()?.interval?)));
        let intervals = intervals.collect::<Vec<_>>();
        let given = intervals.len();
        let share = |count: usize| count as f64 / given as f64;
        let below = share(intervals.iter().filter(|(truth, interval)| *truth < interval.low).count());
        let above = share(intervals.iter().filter(|(truth, interval)| *truth > interval.high).count());
        let coverage = 1.0 - below - above;
        println!("| {case} | {:.1} | {:.1} | {:.1} |", 100.0 * coverage, 100.0 * below, 100.0 * above);
        assert!(given * 10 >= DRAWS * 9, "{case}: only {given} of {DRAWS} have an interval");
        assert!((*least..=*most).contains(&coverage), "{case}: {coverage} is not within {least} to {most}");
    }
}

/// A standard normal number (Box and Muller).
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let (u, v) = (random.random::<f64>().max(1e-300), random.random::<f64>());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

fn exponential(random: &mut ChaCha8Rng) -> f64 {
    -random.random::<f64>().max(1e-300).ln()
}

fn bernoulli(random: &mut ChaCha8Rng, probability: f64) -> f64 {
    f64::from(u8::from(random.random::<f64>() < probability))
}

fn singletons(n: usize) -> Vec<usize> {
    (0..n).collect()
}

/// Clusters of these sizes, whose values share a normal effect.
fn clustered(random: &mut ChaCha8Rng, sizes: impl Iterator<Item = usize>) -> (Vec<f64>, Vec<usize>) {
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for (cluster, size) in sizes.enumerate() {
        let effect = normal(random);
        for _ in 0..size {
            values.push(effect + normal(random));
            labels.push(cluster);
        }
    }
    (values, labels)
}

#[test]
fn students_interval_on_clustered_errors_covers() {
    covers("clustered t, 30 clusters of 5", NOMINAL, |random| {
        let (values, labels) = clustered(random, std::iter::repeat_n(5, 30));
        (0.0, clustered_mean(&values, &labels, LEVEL))
    });
    covers("clustered t, 40 clusters of 1 to 9", NOMINAL, |random| {
        let (values, labels) = clustered(random, (0..40).map(|cluster| 1 + cluster % 9));
        (0.0, clustered_mean(&values, &labels, LEVEL))
    });
    covers("clustered t, 8 clusters of 5", NOMINAL, |random| {
        let (values, labels) = clustered(random, std::iter::repeat_n(5, 8));
        (0.0, clustered_mean(&values, &labels, LEVEL))
    });
    covers("t, 250 binary values, p from 0.1 to 0.9", NOMINAL, |random| {
        let p = 0.1 + 0.8 * random.random::<f64>();
        let values = (0..250).map(|_| bernoulli(random, p)).collect::<Vec<_>>();
        (p, mean_estimate(&values, &singletons(250), LEVEL))
    });
}

/// The coverage of an interval for a proportion oscillates with the proportion; it is averaged over all proportions here.
#[test]
fn wilsons_intervals_cover_on_average_over_proportions() {
    for n in [10, 30, 100] {
        covers(&format!("Wilson, {n} binary values, p from 0.02 to 0.98"), NOMINAL, |random| {
            let p = 0.02 + 0.96 * random.random::<f64>();
            let values = (0..n).map(|_| bernoulli(random, p)).collect::<Vec<_>>();
            (p, mean_estimate(&values, &singletons(n), LEVEL))
        });
    }
    covers("clustered Wilson, 40 clusters of 4 binary values", NOMINAL, |random| {
        let p = 0.1 + 0.8 * random.random::<f64>();
        let width = 0.9 * p.min(1.0 - p);
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        for cluster in 0..40 {
            let own = p + width * (2.0 * random.random::<f64>() - 1.0);
            values.extend((0..4).map(|_| bernoulli(random, own)));
            labels.extend([cluster; 4]);
        }
        (p, mean_estimate(&values, &labels, LEVEL))
    });
    covers("clustered Wilson, 60 shares", NOMINAL, |random| {
        let values = (0..60).map(|_| random.random::<f64>().powi(2)).collect::<Vec<_>>();
        (1.0 / 3.0, mean_estimate(&values, &singletons(60), LEVEL))
    });
}

/// The proportions whose exact coverage is worst: Wilson's interval falls to about 84 % next to 0 and 1 for any `n`, and to about 92 %
/// elsewhere (Brown, Cai and `DasGupta` 2001, Statistical Science 16). All `n + 1` outcomes are weighed, nothing is drawn.
#[test]
fn the_worst_coverage_of_wilsons_interval_is_the_known_one() {
    for n in [10_usize, 30, 100] {
        let ends = (0..=n).map(|k| wilson_interval(k, n, LEVEL).unwrap()).collect::<Vec<_>>();
        let exact = |p: f64| {
            let mut term = (1.0 - p).powi(i32::try_from(n).unwrap());
            let mut sum = 0.0;
            for (k, interval) in ends.iter().enumerate() {
                sum += if interval.low <= p && p <= interval.high { term } else { 0.0 };
                term *= (n - k) as f64 / (k + 1) as f64 * p / (1.0 - p);
            }
            sum
        };
        let grid = |from: f64, to: f64| {
            (0..=4000).map(|step| exact(from + (to - from) * f64::from(step) / 4000.0)).collect::<Vec<_>>()
        };
        let least = |values: &[f64]| values.iter().copied().fold(1.0, f64::min);
        let (all, middle) = (grid(0.001, 0.999), grid(0.2, 0.8));
        println!("Wilson, {n}: worst {:.3}, worst for p from 0.2 to 0.8 {:.3}", least(&all), least(&middle));
        assert!(least(&all) > 0.83 && least(&middle) > 0.91, "{n}: {} {}", least(&all), least(&middle));
    }
}

/// Mean of resampled values.
fn resampled_mean(values: &[f64]) -> impl Fn(&[u32]) -> Option<f64> + Sync + '_ {
    |counts| Some(values.iter().zip(counts).map(|(v, c)| v * f64::from(*c)).sum::<f64>() / values.len() as f64)
}

/// The standard deviation is skewed and biased: the percentile interval of it falls short with few clusters, `BCa` by less.
#[test]
fn bootstrap_intervals_cover() {
    let draws = 600;
    let sample = |random: &mut ChaCha8Rng, n: usize| (0..n).map(|_| exponential(random)).collect::<Vec<_>>();
    covers("percentile bootstrap, mean of 100 exponential values", NOMINAL, |random| {
        let values = sample(random, 100);
        (1.0, cluster_bootstrap(100, 100, resampled_mean(&values), draws, Seed(random.random()), LEVEL))
    });
    covers("BCa bootstrap, mean of 100 exponential values", NOMINAL, |random| {
        let values = sample(random, 100);
        (1.0, bca_bootstrap(100, 100, resampled_mean(&values), draws, Seed(random.random()), LEVEL))
    });
    let deviation = |values: &[f64], counts: &[u32]| {
        let moment = |power| values.iter().zip(counts).map(|(v, c)| v.powi(power) * f64::from(*c)).sum::<f64>();
        let n = values.len() as f64;
        Some((moment(2) / n - (moment(1) / n).powi(2)).max(0.0).sqrt())
    };
    covers("percentile bootstrap, deviation of 100 normal values", (0.90, 0.95), |random| {
        let values = (0..100).map(|_| normal(random)).collect::<Vec<_>>();
        (
            1.0,
            cluster_bootstrap(
                100,
                100,
                |counts: &[u32]| deviation(&values, counts),
                draws,
                Seed(random.random()),
                LEVEL,
            ),
        )
    });
    covers("BCa bootstrap, deviation of 100 normal values", NOMINAL, |random| {
        let values = (0..100).map(|_| normal(random)).collect::<Vec<_>>();
        (1.0, bca_bootstrap(100, 100, |counts: &[u32]| deviation(&values, counts), draws, Seed(random.random()), LEVEL))
    });
}

#[test]
fn intervals_of_paired_differences_ratios_and_relative_changes_cover() {
    covers("paired difference, 100 binary pairs", NOMINAL, |random| {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for _ in 0..100 {
            let item = random.random::<f64>();
            a.push(bernoulli(random, 0.1 + 0.8 * item));
            b.push(bernoulli(random, 0.7 * item));
        }
        (0.15, paired_difference(&a, &b, &singletons(100), LEVEL))
    });
    covers("ratio of sums, 60 documents", NOMINAL, |random| {
        let lengths = (0..60).map(|_| (0.5 * normal(random)).exp()).collect::<Vec<_>>();
        let sums = lengths.iter().map(|length| length * (2.0 + 0.5 * normal(random))).collect::<Vec<_>>();
        (2.0, ratio_estimate(&sums, &lengths, &singletons(60), LEVEL))
    });
    covers("relative change, 40 pairs", NOMINAL, |random| {
        let b = (0..40).map(|_| 0.4 + 0.4 * normal(random)).collect::<Vec<_>>();
        let a = b.iter().map(|value| 1.1 * value + 0.2 * normal(random)).collect::<Vec<_>>();
        (0.1, relative_change(&a, &b, &[1.0; 40], &singletons(40), LEVEL))
    });
    covers("relative change, 30 clusters of 3 binary pairs", NOMINAL, |random| {
        let (mut a, mut b, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        for cluster in 0..30 {
            let item = random.random::<f64>();
            for _ in 0..3 {
                a.push(bernoulli(random, 0.2 + 0.7 * item));
                b.push(bernoulli(random, 0.1 + 0.8 * item));
                labels.push(cluster);
            }
        }
        (0.1, relative_change(&a, &b, &[1.0; 90], &labels, LEVEL))
    });
}

/// Averaged over shares of discordant pairs and over differences, as coverage oscillates; Tango's interval is a little
/// conservative for few pairs (Newcombe 1998, Statistics in Medicine 17).
#[test]
fn tangos_interval_covers_on_average_over_tables() {
    for (n, band) in [(15, NOMINAL), (40, NOMINAL), (120, NOMINAL)] {
        covers(&format!("Tango, {n} pairs"), band, |random| {
            let discordant = 0.1 + 0.5 * random.random::<f64>();
            let only_a = discordant * random.random::<f64>();
            let mut counts = [0; 4];
            for _ in 0..n {
                let draw = random.random::<f64>();
                counts[if draw < only_a {
                    0
                } else if draw < discordant {
                    1
                } else {
                    2 + usize::from(draw > 0.8)
                }] += 1;
            }
            let [a, b, both, neither] = counts;
            (2.0 * only_a - discordant, paired_score_interval(both, a, b, neither, LEVEL))
        });
    }
}

#[test]
fn intervals_of_groups_and_of_several_seeds_cover() {
    covers("group of 3 tasks of 20, 50 and 100 items", NOMINAL, |random| {
        let members = [(20, 1.0), (50, 3.0), (100, 0.5)].map(|(n, sd)| {
            let values = (0..n).map(|_| sd * normal(random)).collect::<Vec<_>>();
            clustered_mean(&values, &singletons(n), LEVEL).unwrap()
        });
        (0.0, group_estimate(&members, false, LEVEL))
    });
    covers("composite of 3 tasks of 20, 50 and 100 items", NOMINAL, |random| {
        let members = [(20, 0.5), (50, 0.3), (100, 0.2)].map(|(n, weight)| {
            let values = (0..n).map(|_| random.random::<f64>().powi(2)).collect::<Vec<_>>();
            (weight, clustered_mean(&values, &singletons(n), LEVEL).unwrap())
        });
        let (estimate, parts) = composite(&members).unwrap();
        (1.0 / 3.0, Some(with_replicates(estimate, &parts, LEVEL).0))
    });
    // Without an effect of the seed its variance is estimated as 0 or more, never less: conservative.
    for (sd, band) in [(0.0, (0.95, 0.985)), (0.1, NOMINAL), (0.5, NOMINAL)] {
        covers(&format!("difference of 2 of 6 arms, 3 seeds, seed deviation {sd}"), band, |random| {
            (0.0, Some(seeds_difference(random, sd)))
        });
    }
}

/// Share of right answers of an arm with three seeds, whose effect is pooled over four arms, on 60 items.
#[test]
fn intervals_of_shares_over_several_seeds_cover() {
    covers("share of right answers over 3 seeds, 60 items", NOMINAL, |random| {
        let labels = singletons(60);
        let items = (0..60).map(|_| 0.5 + 0.8 * random.random::<f64>() * 0.5).collect::<Vec<_>>();
        let arms = (0..4).map(|_| {
            std::array::from_fn(|_| {
                let effect = 0.04 * normal(random);
                items.iter().map(|item| bernoulli(random, item + effect)).collect::<Vec<_>>()
            })
        });
        let arms = arms.collect::<Vec<[Vec<f64>; 3]>>();
        let pooled =
            ReplicateVariance::pooled(&arms.iter().map(|arm| pairs_of_seeds(arm, &labels)).collect::<Vec<_>>());
        let means = (0..60).map(|item| arms[0].iter().map(|seed| seed[item]).sum::<f64>() / 3.0).collect::<Vec<_>>();
        let (estimate, mut parts) = composite(&[(1.0, clustered_mean(&means, &labels, LEVEL).unwrap())]).unwrap();
        parts.push(pooled.unwrap().component(1.0 / 3.0));
        let (estimate, df) = with_replicates(estimate, &parts, LEVEL);
        let interval = share_interval(estimate.point, estimate.standard_error.unwrap(), df, 60, LEVEL);
        (0.7, Some(Estimate { interval, ..estimate }))
    });
}

/// All differences between an arm's three seeds.
fn pairs_of_seeds([a, b, c]: &[Vec<f64>; 3], labels: &[usize]) -> (usize, Vec<Estimate>) {
    (3, [(a, b), (a, c), (b, c)].map(|(x, y)| paired_difference(x, y, labels, LEVEL).unwrap()).to_vec())
}

/// The difference of two of six arms with three seeds each on 40 items; the truth is 0.
fn seeds_difference(random: &mut ChaCha8Rng, sd: f64) -> Estimate {
    let labels = singletons(40);
    let items = (0..40).map(|_| normal(random)).collect::<Vec<_>>();
    let run = |random: &mut ChaCha8Rng| {
        let effect = sd * normal(random);
        items.iter().map(|item| item + effect + 0.4 * normal(random)).collect::<Vec<_>>()
    };
    let arms = (0..6).map(|_| [run(random), run(random), run(random)]).collect::<Vec<_>>();
    let pooled = ReplicateVariance::pooled(&arms.iter().map(|arm| pairs_of_seeds(arm, &labels)).collect::<Vec<_>>());
    let pooled = pooled.unwrap();
    let mean = |seeds: &[Vec<f64>; 3], item: usize| seeds.iter().map(|seed| seed[item]).sum::<f64>() / 3.0;
    let differences = (0..40).map(|item| mean(&arms[0], item) - mean(&arms[5], item)).collect::<Vec<_>>();
    let (estimate, mut parts) = composite(&[(1.0, clustered_mean(&differences, &labels, LEVEL).unwrap())]).unwrap();
    parts.push(pooled.component(2.0 / 3.0));
    with_replicates(estimate, &parts, LEVEL).0
}

/// A one-sided test at 5 % of a difference that is exactly the bound, and of one that is the detectable effect above it.
#[test]
fn a_one_sided_test_errs_and_finds_as_often_as_it_promises() {
    let (alpha, power) = (0.05, 0.8);
    for clusters in [12, 100] {
        let rejects = |shift: f64| {
            let one = |number: usize| {
                let mut random = Seed(21).stream(&["test", &clusters.to_string(), &number.to_string()]);
                let values = (0..clusters).map(|_| shift + normal(&mut random)).collect::<Vec<_>>();
                let estimate = clustered_mean(&values, &singletons(clusters), LEVEL).unwrap();
                one_sided_p_value(&estimate, clusters as f64 - 1.0, 0.0).unwrap() < alpha
            };
            (0..DRAWS).into_par_iter().filter(|number| one(*number)).count() as f64 / DRAWS as f64
        };
        let error = 1.0 / (clusters as f64).sqrt();
        let effect = minimum_detectable_effect_of_clusters(error, clusters, alpha, power, Sides::One);
        let (false_alarms, found) = (rejects(0.0), rejects(effect));
        println!("one-sided test, {clusters} clusters: false alarms {false_alarms:.3}, power {found:.3}");
        assert!((0.035..=0.065).contains(&false_alarms), "{clusters}: {false_alarms}");
        assert!((0.77..=0.84).contains(&found), "{clusters}: {found}");
    }
}

#[test]
fn intervals_of_rank_correlations_cover() {
    use std::f64::consts::PI;
    for rho in [0.0_f64, 0.4, 0.8] {
        let pairs = move |random: &mut ChaCha8Rng, n: usize| {
            let x = (0..n).map(|_| normal(random)).collect::<Vec<_>>();
            let y = x.iter().map(|x| rho * x + (1.0 - rho * rho).sqrt() * normal(random)).collect::<Vec<_>>();
            (x, y)
        };
        covers(&format!("Spearman, 20 pairs, r = {rho}"), NOMINAL, |random| {
            let (x, y) = pairs(random, 20);
            (6.0 / PI * (rho / 2.0).asin(), spearman(&x, &y, LEVEL).map(|found| found.estimate))
        });
        covers(&format!("Kendall, 20 pairs, r = {rho}"), NOMINAL, |random| {
            let (x, y) = pairs(random, 20);
            (2.0 / PI * rho.asin(), kendall(&x, &y, LEVEL).map(|found| found.estimate))
        });
    }
}

/// Deviations of item, wording, item by wording, arm, seed, and chance.
const DEVIATIONS: [f64; 6] = [1.0, 0.5, 0.7, 0.5, 0.3, 1.0];

/// 40 items, 6 wordings, 6 arms with 2 seeds, all effects normal.
fn crossed(random: &mut ChaCha8Rng) -> Vec<VarianceCell> {
    let [items, wordings, both, arms, seeds, chance] = DEVIATIONS;
    let mut effects = |count: usize, sd: f64| (0..count).map(|_| sd * normal(random)).collect::<Vec<_>>();
    let (items, wordings, both) = (effects(40, items), effects(6, wordings), effects(240, both));
    let (arms, seeds, chance) = (effects(6, arms), effects(12, seeds), effects(40 * 6 * 12, chance));
    let cell = |place: usize| {
        let (item, variant, checkpoint) = (place / 72, place / 12 % 6, place % 12);
        let (arm, seed) = (checkpoint / 2, checkpoint % 2);
        let credit = items[item] + wordings[variant] + both[item * 6 + variant];
        VarianceCell { item, variant, arm, seed, credit: credit + arms[arm] + seeds[checkpoint] + chance[place] }
    };
    (0..40 * 6 * 12).map(cell).collect()
}

#[test]
fn intervals_of_variance_components_cover() {
    use VarianceTerm::{Arm, Item, ItemByVariant, Residual, Seed as TrainingSeed, Variant};
    let [items, wordings, both, arms, seeds, chance] = DEVIATIONS.map(|sd| sd * sd);
    let terms = [
        (Item, items),
        (Variant, wordings),
        (ItemByVariant, both),
        (Arm, arms),
        (TrainingSeed, seeds),
        (Residual, chance),
    ];
    let names = terms.map(|(term, _)| format!("variance component {term:?}"));
    all_cover(names.each_ref().map(|name| (name.as_str(), NOMINAL)), |random| {
        let found = decompose_variance(&crossed(random), LEVEL).unwrap();
        terms.map(|(term, truth)| (truth, found.iter().find(|(name, _)| *name == term).map(|(_, estimate)| *estimate)))
    });
    covers("variance component Item, 100 items right or wrong", NOMINAL, |random| {
        let cell = |random: &mut ChaCha8Rng, place: usize, p: f64| {
            let (item, rest) = (place / 12, place % 12);
            VarianceCell { item, variant: rest / 3, arm: 0, seed: rest % 3, credit: bernoulli(random, p) }
        };
        let mut cells = Vec::new();
        for item in 0..100 {
            let p = random.random::<f64>();
            cells.extend((0..12).map(|rest| cell(random, item * 12 + rest, p)));
        }
        let found = decompose_variance(&cells, LEVEL).unwrap();
        (1.0 / 12.0, found.first().map(|(_, estimate)| *estimate))
    });
}

/// Items right or wrong under an original and wordings whose probabilities differ from its by `shifts`: half of the items
/// are hard, half are easy.
fn credits(random: &mut ChaCha8Rng, items: usize, shifts: &[f64]) -> CreditMatrix {
    let variant = |index: usize| match index {
        0 => VariantId::original(),
        _ => VariantId { perturbation: format!("p{index}"), strength: "default".into(), draw: 0 },
    };
    let mut row = |item: usize| {
        let base = if random.random::<f64>() < 0.5 { 0.25 } else { 0.75 };
        let shifts = std::iter::once(&0.0).chain(shifts);
        let credits = shifts.map(|shift| bernoulli(random, base + shift)).collect::<Vec<_>>();
        MatrixRow {
            instance: item.to_string(),
            cluster: item.to_string(),
            answers: credits.iter().map(|credit| Some(credit.to_string())).collect(),
            credits: credits.into_iter().map(Some).collect(),
        }
    };
    let rows = (0..items).map(&mut row).collect();
    CreditMatrix::new((0..=shifts.len()).map(variant).collect(), rows).unwrap()
}

/// All indices of items under an original and perturbed wordings.
fn indices(random: &mut ChaCha8Rng, items: usize, shifts: &[f64]) -> Sensitivity {
    let matrix = credits(random, items, shifts);
    Sensitivity::with_draws(&matrix, LEVEL, Seed(random.random()), 300)
}

#[test]
fn intervals_of_resampled_ratios_cover() {
    let shifts = [-0.1, -0.05, 0.0, -0.2];
    let all = [0.0, -0.1, -0.05, 0.0, -0.2];
    let agree = |a: f64, b: f64| a * b + (1.0 - a) * (1.0 - b);
    let pairs = (0..5).flat_map(|a| (a + 1..5).map(move |b| (a, b)));
    let means =
        pairs.map(|(a, b)| f64::midpoint(agree(0.25 + all[a], 0.25 + all[b]), agree(0.75 + all[a], 0.75 + all[b])));
    let agreeing = means.sum::<f64>() / 10.0;
    for items in [120, 30] {
        let names =
            ["performance drop rate", "consistency"].map(|name| format!("{name}, percentile bootstrap, {items} items"));
        all_cover([(&names[0], NOMINAL), (&names[1], NOMINAL)], |random| {
            let found = indices(random, items, &shifts);
            let (drop, consistency) = (found.performance_drop_rate.estimate(), found.consistency.estimate());
            [(0.0875 / 0.5, drop.copied()), (agreeing, consistency.copied())]
        });
    }
}

/// A range and a deviation of noisy means are biased upwards; their intervals are not anti-conservative for it. They are conservative
/// where the truth is within the noise: there the lower end is 0 and the upper end cannot miss. That of the spread guards all
/// pairs of wordings and stays conservative where several share an end.
#[test]
fn intervals_of_spread_and_between_variant_variance_cover() {
    let (within_noise, guarded) = ((0.93, 0.995), (0.93, 0.99));
    apart("no differences", [within_noise; 2], 120, &[0.0; 5]);
    apart("small differences", [within_noise; 2], 120, &[0.02, -0.03, 0.01, -0.05, 0.0]);
    apart("two groups", [guarded, NOMINAL], 120, &[-0.1, 0.0, -0.1, 0.0, -0.1]);
    let twelve = [-0.08, 0.0, -0.08, 0.0, -0.08, 0.0, -0.08, 0.0, -0.08, 0.0, -0.08];
    apart("two groups of 6", [guarded, NOMINAL], 120, &twelve);
    apart("large differences", [guarded, NOMINAL], 120, &[-0.2, 0.1, -0.1, 0.2, 0.0]);
    apart("one wording stands out", [guarded, NOMINAL], 120, &[0.0, 0.0, -0.25, 0.0, 0.0]);
    apart("30 items", [guarded, NOMINAL], 30, &[0.0, -0.2, 0.1]);
}

/// Spread and between-variant variance of wordings with these shifts.
#[track_caller]
fn apart(case: &str, bands: [(f64, f64); 2], items: usize, shifts: &[f64]) {
    let high = shifts.iter().copied().fold(0.0, f64::max);
    let low = shifts.iter().copied().fold(0.0, f64::min);
    let count = shifts.len() as f64 + 1.0;
    let mean = shifts.iter().sum::<f64>() / count;
    let squares = shifts.iter().chain([&0.0]).map(|shift| (shift - mean).powi(2)).sum::<f64>();
    let (spread, variance) = (format!("spread, {case}"), format!("between-variant variance, {case}"));
    all_cover([(&spread, bands[0]), (&variance, bands[1])], |random| {
        let found = indices(random, items, shifts);
        let (spread, variance) = (found.spread.estimate(), found.between_variant_variance.estimate());
        [(high - low, spread.copied()), (squares / (count - 1.0), variance.copied())]
    });
}
