//! Two sources of uncertainty: which items were asked, and which training seeds were run.
//!
//! All checkpoints answer the same items, so the two are crossed. The model is `y_is = m + a_i + b_s + e_is` with an item
//! effect, a seed effect of variance `G` and a residual. The mean over `n` items and `S` seeds has the variance
//! `Var(a)/n + Var(e)/(nS) + G/S`; the clustered variance over items of the seeds' mean estimates the first two terms.
//! This is the crossed random-effects analysis of variance (Searle, Casella and `McCulloch`, Variance Components, 1992,
//! chapter 4), with clustered instead of pooled residuals.

use crate::estimate::{Estimate, Interval, IntervalMethod};

use super::quantile::two_sided_student;

/// A part of a variance with the degrees of freedom that it was estimated with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Component {
    /// The variance.
    pub variance: f64,
    /// What Satterthwaite's formula squares: the raw mean square behind `variance`, before anything was subtracted.
    pub mean_square: f64,
    /// Degrees of freedom of `mean_square`.
    pub df: f64,
}

/// The variance between training seeds, pooled over the treatments that have several.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReplicateVariance {
    /// `G`, at least 0.
    pub variance: f64,
    /// The seeds' means' sample variance, which includes what items add.
    pub mean_square: f64,
    /// `Σ (S - 1)` over the treatments that have several seeds.
    pub df: usize,
}

impl ReplicateVariance {
    /// `G = max(0, Σ_c (S_c - 1)(s_c² - r_c²) / Σ_c (S_c - 1))` from pairs of seeds.
    ///
    /// `treatments` holds, for each treatment `c` with `S_c >= 2` seeds, `S_c` and the differences between all its pairs
    /// of seeds, each paired on items with its clustered standard error. The mean of `difference² / 2` is the seeds' sample
    /// variance `s_c²`, the mean of `SE² / 2` is the part `r_c²` that a finite number of items makes. Pooling takes `G`
    /// to be the same for all treatments; with two or three seeds each, nothing else gives useful intervals. `None`
    /// without a treatment that has several seeds, or where a difference has no standard error.
    pub fn pooled(treatments: &[(usize, Vec<Estimate>)]) -> Option<Self> {
        let mut df = 0;
        let (mut square, mut noise) = (0.0, 0.0);
        for (seeds, differences) in treatments.iter().filter(|(seeds, pairs)| *seeds > 1 && !pairs.is_empty()) {
            let weight = (seeds - 1) as f64 / differences.len() as f64;
            for difference in differences {
                square += weight * difference.point.powi(2) / 2.0;
                noise += weight * difference.standard_error?.powi(2) / 2.0;
            }
            df += seeds - 1;
        }
        let total = df as f64;
        (df > 0).then(|| Self { variance: ((square - noise) / total).max(0.0), mean_square: square / total, df })
    }

    /// What `share` of it (`1/S` for a mean over `S` seeds, `1/S + 1/R` for a difference) adds to a variance.
    pub fn component(&self, share: f64) -> Component {
        Component { variance: self.variance * share, mean_square: self.mean_square * share, df: self.df as f64 }
    }
}

/// Sum of the components, and Satterthwaite's degrees of freedom `V² / Σ MS_k² / df_k` (Satterthwaite 1946). A component
/// that was estimated as 0 still costs degrees of freedom, by its mean square. All components 0: infinite, as `1e9`.
pub fn combined(components: &[Component]) -> (f64, f64) {
    let total = components.iter().map(|part| part.variance).sum::<f64>();
    let below = components.iter().map(|part| part.mean_square.powi(2) / part.df.max(1.0)).sum::<f64>();
    let df = if below > 0.0 && total > 0.0 { (total * total / below).clamp(1.0, 1e9) } else { 1e9 };
    (total, df)
}

/// `Σ w_k m_k` over tasks as strata, with the components of its variance: one a task, `w_k² SE_k²`. `None` without
/// members. A member without a standard error leaves no components, so that no interval can be made.
pub fn composite(members: &[(f64, Estimate)]) -> Option<(Estimate, Vec<Component>)> {
    if members.is_empty() {
        return None;
    }
    let point = members.iter().map(|(weight, member)| weight * member.point).sum::<f64>();
    let components = members
        .iter()
        .map(|(weight, member)| {
            let variance = (weight * member.standard_error?).powi(2);
            let df = member.clusters.saturating_sub(1) as f64;
            Some(Component { variance, mean_square: variance, df })
        })
        .collect::<Option<Vec<_>>>()
        .unwrap_or_default();
    let estimate = Estimate {
        point,
        interval: None,
        standard_error: (!components.is_empty()).then(|| combined(&components).0.sqrt()),
        n: members.iter().map(|(_, member)| member.n).sum(),
        clusters: members.iter().map(|(_, member)| member.clusters).sum(),
    };
    point.is_finite().then_some((estimate, components))
}

/// The estimate with a standard error and Student's interval over all components, and the degrees of freedom. Without
/// components there is neither.
pub fn with_replicates(estimate: Estimate, components: &[Component], level: f64) -> (Estimate, f64) {
    if components.is_empty() {
        return (Estimate { interval: None, standard_error: None, ..estimate }, 1.0);
    }
    let (variance, df) = combined(components);
    let error = variance.sqrt();
    let interval = two_sided_student(level, df).map(|critical| Interval {
        low: estimate.point - critical * error,
        high: estimate.point + critical * error,
        level,
        method: IntervalMethod::ClusteredT,
    });
    (Estimate { interval, standard_error: Some(error), ..estimate }, df)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use crate::stats::{clustered_mean, paired_difference};

    fn difference(point: f64, error: f64) -> Estimate {
        Estimate { point, interval: None, standard_error: Some(error), n: 100, clusters: 100 }
    }

    /// By hand: seeds' means 1, 3 and 2 have the sample variance 1; the pairs' differences are 2, 1 and 1.
    #[test]
    fn pairs_of_seeds_give_the_sample_variance_of_their_means() {
        let pairs = vec![difference(-2.0, 0.4), difference(-1.0, 0.4), difference(1.0, 0.4)];
        let found = ReplicateVariance::pooled(&[(3, pairs), (1, Vec::new())]).unwrap();
        assert!((found.mean_square - 1.0).abs() < 1e-12 && found.df == 2);
        assert!((found.variance - 0.92).abs() < 1e-12);
        assert_eq!(ReplicateVariance::pooled(&[(1, Vec::new())]), None);
        let quiet = ReplicateVariance::pooled(&[(2, vec![difference(0.1, 1.0)])]).unwrap();
        assert!(quiet.variance.abs() < 1e-12 && quiet.mean_square > 0.0);
    }

    /// A standard normal number, by the polar form of Box and Muller.
    fn normal(random: &mut impl rand::Rng) -> f64 {
        let (u, v) = (random.random::<f64>().max(1e-300), random.random::<f64>());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }

    /// Credits of one treatment: seeds by items.
    fn treatment(random: &mut impl rand::Rng, items: &[f64], seeds: usize, seed_sd: f64) -> Vec<Vec<f64>> {
        (0..seeds)
            .map(|_| {
                let effect = seed_sd * normal(random);
                items.iter().map(|item| item + effect + 0.4 * normal(random)).collect()
            })
            .collect()
    }

    fn mean(seeds: &[Vec<f64>]) -> Vec<f64> {
        let items = seeds.first().map_or(0, Vec::len);
        (0..items).map(|i| seeds.iter().filter_map(|seed| seed.get(i)).sum::<f64>() / seeds.len() as f64).collect()
    }

    /// Share of draws in which the interval of a difference of 0 between two of six treatments holds 0.
    fn coverage(seed_sd: f64, seeds: usize) -> f64 {
        const DRAWS: usize = 1000;
        let clusters = (0..40).collect::<Vec<_>>();
        let mut covered = 0;
        for draw in 0..DRAWS {
            let mut random = Seed(3).stream(&["coverage", &draw.to_string(), &seed_sd.to_string()]);
            let items = (0..40).map(|_| normal(&mut random)).collect::<Vec<_>>();
            let all = (0..6).map(|_| treatment(&mut random, &items, seeds, seed_sd)).collect::<Vec<_>>();
            let pairs = |seeds: &Vec<Vec<f64>>| {
                let mut out = Vec::new();
                for (place, a) in seeds.iter().enumerate() {
                    out.extend(seeds.iter().skip(place + 1).filter_map(|b| paired_difference(a, b, &clusters, 0.95)));
                }
                (seeds.len(), out)
            };
            let pooled = ReplicateVariance::pooled(&all.iter().map(pairs).collect::<Vec<_>>()).unwrap();
            let differences = mean(all.first().unwrap())
                .iter()
                .zip(mean(all.last().unwrap()))
                .map(|(a, b)| a - b)
                .collect::<Vec<_>>();
            let (estimate, mut parts) =
                composite(&[(1.0, clustered_mean(&differences, &clusters, 0.95).unwrap())]).unwrap();
            parts.push(pooled.component(2.0 / seeds as f64));
            let (estimate, _) = with_replicates(estimate, &parts, 0.95);
            let interval = estimate.interval.unwrap();
            covered += usize::from(interval.low <= 0.0 && 0.0 <= interval.high);
        }
        covered as f64 / DRAWS as f64
    }

    #[test]
    fn intervals_cover_with_and_without_an_effect_of_the_seed() {
        for (seed_sd, seeds) in [(0.0, 3), (0.03, 3), (0.1, 3), (0.5, 2)] {
            let share = coverage(seed_sd, seeds);
            assert!((0.93..=0.985).contains(&share), "seed sd {seed_sd}, {seeds} seeds: {share}");
        }
    }

    #[test]
    fn strata_add_up_with_the_squares_of_their_weights() {
        let members = [(0.5, difference(1.0, 0.2)), (0.5, difference(3.0, 0.4))];
        let (estimate, parts) = composite(&members).unwrap();
        assert!((estimate.point - 2.0).abs() < 1e-12);
        assert!((combined(&parts).0 - 0.05).abs() < 1e-12);
        let lonely = Estimate { standard_error: None, ..difference(1.0, 0.0) };
        let (_, none) = composite(&[(1.0, lonely)]).unwrap();
        assert_eq!(with_replicates(lonely, &none, 0.95).0.interval, None);
    }
}
