//! A paired difference of proportions: what Tango's score test and the exact sign test make of it.

use statrs::distribution::{Binomial, DiscreteCDF};

/// Pairs by outcome. Counts need not be whole: clustered data enter as the counts that have their mean and variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Trinomial {
    /// All pairs.
    pub pairs: f64,
    /// Pairs that gained.
    pub gained: f64,
    /// Pairs that lost.
    pub lost: f64,
}

impl Trinomial {
    /// Counts with this mean and mean square of differences in {-1, 0, 1}.
    pub(super) fn matching(pairs: f64, mean: f64, mean_square: f64) -> Self {
        let discordant = mean_square.max(mean.abs()).min(1.0);
        Self { pairs, gained: pairs * (discordant + mean) / 2.0, lost: pairs * (discordant - mean) / 2.0 }
    }

    /// The likeliest share of losers among all pairs where the expected difference is `difference`.
    ///
    /// Source: Tango, Statistics in Medicine 17 (1998), 891-908, equation for the constrained maximum likelihood.
    fn constrained_losers(&self, difference: f64) -> f64 {
        let a = 2.0 * self.pairs;
        let b = -self.gained - self.lost + (2.0 * self.pairs - self.gained + self.lost) * difference;
        let c = -self.lost * difference * (1.0 - difference);
        let root = (b * b - 4.0 * a * c).max(0.0).sqrt();
        ((root - b) / (2.0 * a)).max(0.0).max(-difference)
    }

    /// Tango's score statistic of "the expected difference is `difference`": large where the data lie above. `None`
    /// where no data could vary under it.
    pub(super) fn score(&self, difference: f64) -> Option<f64> {
        let losers = self.constrained_losers(difference);
        let variance = self.pairs * (2.0 * losers + difference * (1.0 - difference));
        (variance > 0.0).then(|| (self.gained - self.lost - self.pairs * difference) / variance.sqrt())
    }

    /// How rarely so many gain where the expected difference is `difference`: the smaller of two binomial tails.
    ///
    /// Among the pairs that differ it is `P(Bin(gained + lost, π) >= gained)`, π being the winners' part at its likeliest;
    /// for 0 this is the exact sign test, one-sided. Where nobody is likely to lose, π is 1 and the number of pairs that
    /// differ carries all there is to know: then it is `P(Bin(pairs, q) >= gained)` with q the winners' share of all
    /// pairs. Whole counts only.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(super) fn sign_test(&self, difference: f64) -> f64 {
        let gained = self.gained.round() as u64;
        let losers = self.constrained_losers(difference);
        let tail = |share: f64, of: f64| match Binomial::new(share.clamp(0.0, 1.0), of.round() as u64) {
            Ok(binomial) if gained > 0 => binomial.sf(gained - 1),
            _ => 1.0,
        };
        let among_differing = tail((losers + difference) / (2.0 * losers + difference), self.gained + self.lost);
        among_differing.min(tail(losers + difference, self.pairs))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn pairs(gained: f64, lost: f64, pairs: f64) -> Trinomial {
        Trinomial { pairs, gained, lost }
    }

    /// Without a margin Tango's statistic is `McNemar`'s: (12 - 3) / sqrt(15).
    #[test]
    fn without_a_margin_the_score_is_mcnemars() {
        let score = pairs(12.0, 3.0, 80.0).score(0.0).unwrap();
        assert!((score - 9.0 / 15.0_f64.sqrt()).abs() < 1e-12);
        assert!((pairs(5.0, 0.0, 9.0).sign_test(0.0) - 1.0 / 32.0).abs() < 1e-12);
        assert!((pairs(0.0, 0.0, 9.0).sign_test(0.0) - 1.0).abs() < 1e-12);
    }

    /// The derivative of the log-likelihood along the constraint is 0 there.
    #[test]
    fn the_constrained_share_solves_the_likelihood_equation() {
        let data = pairs(7.0, 2.0, 50.0);
        for difference in [-0.2, -0.02, 0.05, 0.3] {
            let losers = data.constrained_losers(difference);
            let rest = 1.0 - 2.0 * losers - difference;
            let slope = data.gained / (losers + difference) + data.lost / losers - 2.0 * (50.0 - 9.0) / rest;
            assert!(slope.abs() < 1e-6, "{difference}: {slope}");
        }
        // Nobody differs: the likeliest share of losers is the margin itself.
        assert!((pairs(0.0, 0.0, 50.0).constrained_losers(-0.02) - 0.02).abs() < 1e-12);
    }

    #[test]
    fn counts_are_recovered_from_their_moments() {
        let found = Trinomial::matching(40.0, 2.0 / 40.0, 8.0 / 40.0);
        assert!((found.gained - 5.0).abs() < 1e-12 && (found.lost - 3.0).abs() < 1e-12);
    }
}
