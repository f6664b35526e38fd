//! A number that knows how certain it is.

use serde::{Deserialize, Serialize};

/// How an interval was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntervalMethod {
    /// Student's t on the clustered standard error.
    ClusteredT,
    /// Wilson's score interval (binary credits, one a cluster).
    Wilson,
    /// Wilson's score interval on the effective number of trials (shares in [0, 1], or several observations a cluster).
    ClusteredWilson,
    /// Percentile bootstrap over clusters.
    ClusterBootstrap,
    /// Bias-corrected and accelerated bootstrap over clusters.
    ClusterBca,
    /// Score interval of a paired difference of proportions (Tango).
    PairedScore,
    /// Fisher's z of a correlation.
    FisherZ,
    /// Simultaneous over several comparisons: it holds for all of them together.
    Simultaneous,
    /// Student's t on a jackknife over clusters.
    Jackknife,
    /// Modified large-sample interval of a variance between few levels, on their own degrees of freedom.
    ChiSquare,
}

/// A confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Nominal coverage, for example 0.95.
    pub level: f64,
    /// How it was made.
    pub method: IntervalMethod,
}

/// A point estimate with its uncertainty. No metric leaves the library as a bare number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The point estimate; always finite.
    pub point: f64,
    /// `None` where the data do not support one (a single cluster, say).
    pub interval: Option<Interval>,
    /// Standard error, where defined.
    pub standard_error: Option<f64>,
    /// Observations.
    pub n: usize,
    /// Independent clusters among them.
    pub clusters: usize,
}
