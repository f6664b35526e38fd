//! Estimates with intervals. The cluster (usually the instance) is what was sampled independently: all errors are
//! clustered, and all resampling draws clusters.
//!
//! | question | function |
//! | --- | --- |
//! | a mean | [`mean_estimate`] |
//! | a ratio of sums (bits per byte) | [`ratio_estimate`] |
//! | a difference of two paired columns | [`paired_difference`] |
//! | any other statistic | [`cluster_bootstrap`] |
//! | several tasks as one | [`group_estimate`], [`composite`] |
//! | several training seeds as one | [`with_replicates`] |
//! | several tests at once | [`holm`] |
//! | paired binary outcomes | [`mcnemar_exact`] |

mod bootstrap;
mod clusters;
mod group;
mod mean;
mod multiplicity;
mod quantile;
mod ratio;
mod replicates;
mod wilson;

pub use bootstrap::{DEFAULT_DRAWS, cluster_bootstrap, cluster_bootstrap_many};
pub use clusters::{cluster_count, cluster_indices, dense_clusters};
pub use group::{group_estimate, pooled_sample_standard_error};
pub use mean::{WILSON_MAX_N, WILSON_MIN_MINORITY, clustered_mean, mean_estimate, paired_difference};
pub use multiplicity::{holm, mcnemar_exact, student_p_value};
pub use quantile::{normal_quantile, student_quantile, two_sided_student};
pub use ratio::ratio_estimate;
pub use replicates::{Component, ReplicateVariance, combined, composite, with_replicates};
pub use wilson::{share_interval, wilson_interval};
