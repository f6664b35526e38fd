//! How the next token is chosen.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::request::Sampling;

/// Draws a token from logits: divided by the temperature, then the `top_k` likeliest, then the smallest set of them
/// whose probability reaches `top_p`. Equally likely tokens are ordered by id. `None` if a logit is not finite.
pub(super) fn draw(logits: &[f32], sampling: Sampling, stream: &mut ChaCha8Rng) -> Option<u32> {
    let Sampling::Random { temperature, top_p, top_k, .. } = sampling else { return None };
    if logits.iter().any(|logit| !logit.is_finite()) {
        return None;
    }
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let temperature = temperature.max(1e-6);
    let weight = |logit: &f32| (f64::from(logit - max) / temperature).exp();
    let mut weights = logits.iter().map(weight).enumerate().collect::<Vec<_>>();
    weights.sort_by(|(a_id, a), (b_id, b)| b.total_cmp(a).then(a_id.cmp(b_id)));
    weights.truncate(top_k.unwrap_or(usize::MAX).max(1));
    let total = weights.iter().map(|(_, weight)| weight).sum::<f64>();
    let mut reached = 0.0;
    let enough = weights.iter().position(|(_, weight)| {
        reached += weight;
        reached >= top_p * total
    });
    weights.truncate(enough.map_or(weights.len(), |last| last + 1));
    let total = weights.iter().map(|(_, weight)| weight).sum::<f64>();
    let mut left = stream.random::<f64>() * total;
    let drawn = weights.iter().find(|(_, weight)| {
        left -= weight;
        left < 0.0
    });
    drawn.or(weights.first()).and_then(|(id, _)| u32::try_from(*id).ok())
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    fn shares(temperature: f64, top_p: f64, top_k: Option<usize>) -> Vec<f64> {
        // Probabilities 0.1, 0.2, 0.3, 0.4 at temperature 1.
        let logits = [0.1_f64, 0.2, 0.3, 0.4].map(|p| p.ln() as f32);
        let mut stream = Seed(1).stream(&["draw"]);
        let sampling = Sampling::Random { temperature, top_p, top_k, seed: 1 };
        let mut counts = vec![0.0; 4];
        for _ in 0..20_000 {
            let id = draw(&logits, sampling, &mut stream).map_or(usize::MAX, |id| id as usize);
            if let Some(count) = counts.get_mut(id) {
                *count += 1.0 / 20_000.0;
            }
        }
        counts
    }

    fn close(got: &[f64], expected: [f64; 4]) -> bool {
        got.iter().zip(expected).all(|(got, expected)| (got - expected).abs() < 0.015)
    }

    /// Expected shares worked by hand.
    #[test]
    fn shares_follow_temperature_top_k_and_top_p() {
        assert!(close(&shares(1.0, 1.0, None), [0.1, 0.2, 0.3, 0.4]));
        assert!(close(&shares(1.0, 1.0, Some(2)), [0.0, 0.0, 3.0 / 7.0, 4.0 / 7.0]));
        assert!(close(&shares(1.0, 0.6, None), [0.0, 0.0, 3.0 / 7.0, 4.0 / 7.0]));
        assert!(close(&shares(0.5, 1.0, None), [1.0 / 30.0, 4.0 / 30.0, 9.0 / 30.0, 16.0 / 30.0]));
        assert!(close(&shares(1e-9, 1.0, None), [0.0, 0.0, 0.0, 1.0]));
    }
}
