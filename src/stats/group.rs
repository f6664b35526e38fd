//! Several tasks as one number.

use crate::estimate::Estimate;

use super::mean::student_interval;

/// The mean over a group's tasks, weighted by their number of observations (micro mean) or equally (macro mean).
///
/// # Formula
///
/// `m = Σ w_k m_k` with `w_k = n_k / Σ n` or `1/K`. Tasks are strata, not clusters: the group is these tasks, not a sample
/// of tasks. So `SE² = Σ w_k² SE_k²` with each task's own clustered error, and the interval is `m ± t_df SE` with
/// Satterthwaite's `df = SE⁴ / Σ (w_k² SE_k²)² / (C_k - 1)`.
///
/// lm-evaluation-harness weights in the same way but pools the tasks' variances
/// ([`pooled_sample_standard_error`]), which assumes one variance for all; points agree, errors differ slightly.
///
/// A member without a standard error (one cluster) leaves the group without an interval. `None` without members, or
/// where no member has observations.
pub fn group_estimate(members: &[Estimate], weight_by_size: bool, level: f64) -> Option<Estimate> {
    let n = members.iter().map(|member| member.n).sum::<usize>();
    if members.is_empty() || n == 0 {
        return None;
    }
    let weight = |member: &Estimate| {
        if weight_by_size { member.n as f64 / n as f64 } else { 1.0 / members.len() as f64 }
    };
    let point = members.iter().map(|member| weight(member) * member.point).sum::<f64>();
    let parts = members
        .iter()
        .map(|member| member.standard_error.map(|error| (weight(member).powi(2) * error * error, member.clusters)))
        .collect::<Option<Vec<_>>>();
    let standard_error = parts.as_ref().map(|parts| parts.iter().map(|(part, _)| part).sum::<f64>().sqrt());
    let interval = parts.zip(standard_error).and_then(|(parts, error)| {
        let below = parts.iter().map(|(part, clusters)| part * part / clusters.saturating_sub(1).max(1) as f64);
        let below = below.sum::<f64>();
        // All errors 0: any factor gives the same interval, the point.
        let df = if below > 0.0 { error.powi(4) / below } else { 1.0 };
        student_interval(point, error, df, level)
    });
    point.is_finite().then(|| Estimate {
        point,
        interval,
        standard_error,
        n,
        clusters: members.iter().map(|member| member.clusters).sum(),
    })
}

/// The group error of lm-evaluation-harness: `sqrt(Σ (n_k - 1) SE_k² n_k / (Σ n_k - K) / Σ n_k)`, for comparing with
/// its numbers. `None` where a member has no error or there are not more observations than members.
pub fn pooled_sample_standard_error(members: &[Estimate]) -> Option<f64> {
    let n = members.iter().map(|member| member.n).sum::<usize>();
    if n <= members.len() {
        return None;
    }
    let sum = members
        .iter()
        .map(|member| member.standard_error.map(|error| (member.n as f64 - 1.0) * error * error * member.n as f64))
        .sum::<Option<f64>>()?;
    Some((sum / (n - members.len()) as f64 / n as f64).sqrt())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn member(point: f64, error: f64, n: usize) -> Estimate {
        Estimate { point, interval: None, standard_error: Some(error), n, clusters: n }
    }

    /// By hand: micro (0.5·100 + 0.8·300)/400 = 0.725; SE² = (1/16)·0.0025 + (9/16)·0.0004.
    #[test]
    fn a_group_weighs_its_tasks_by_size_or_equally() {
        let members = [member(0.5, 0.05, 100), member(0.8, 0.02, 300)];
        let micro = group_estimate(&members, true, 0.95).unwrap();
        assert!((micro.point - 0.725).abs() < 1e-12);
        assert!((micro.standard_error.unwrap() - (0.0025_f64 / 16.0 + 0.0004 * 9.0 / 16.0).sqrt()).abs() < 1e-12);
        assert_eq!((micro.n, micro.clusters), (400, 400));
        let macro_mean = group_estimate(&members, false, 0.95).unwrap();
        assert!((macro_mean.point - 0.65).abs() < 1e-12);
        assert!(macro_mean.interval.unwrap().low < 0.65);
    }

    /// The formula of the harness's pooled error, written out: 2 tasks of 100 and 300.
    #[test]
    fn the_pooled_error_is_that_of_lm_eval() {
        let pooled = pooled_sample_standard_error(&[member(0.5, 0.05, 100), member(0.8, 0.02, 300)]).unwrap();
        let by_hand = ((99.0 * 0.0025 * 100.0 + 299.0 * 0.0004 * 300.0) / 398.0 / 400.0_f64).sqrt();
        assert!((pooled - by_hand).abs() < 1e-12);
        assert_eq!(pooled_sample_standard_error(&[member(0.5, 0.1, 1)]), None);
    }

    #[test]
    fn a_member_without_an_error_leaves_a_group_without_an_interval() {
        let lonely = Estimate { point: 1.0, interval: None, standard_error: None, n: 1, clusters: 1 };
        let group = group_estimate(&[member(0.5, 0.05, 3), lonely], true, 0.95).unwrap();
        assert!((group.point - 0.625).abs() < 1e-12);
        assert_eq!((group.interval, group.standard_error), (None, None));
        assert_eq!(group_estimate(&[], true, 0.95), None);
        let exact = group_estimate(&[member(1.0, 0.0, 5)], true, 0.95).unwrap();
        assert_eq!(exact.interval.map(|i| (i.low, i.high)), Some((1.0, 1.0)));
    }
}
