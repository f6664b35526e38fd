//! Estimates with intervals. The cluster (usually the instance) is what was sampled independently: all errors are
//! clustered, and all resampling draws clusters. `docs/statistics.md` has every formula and the intervals' simulated coverage.
//!
//! | question | function |
//! | --- | --- |
//! | a mean | [`mean_estimate`] |
//! | a ratio of sums (bits per byte) | [`ratio_estimate`] |
//! | a difference of two paired columns | [`paired_difference`]; few binary pairs: [`paired_score_interval`] |
//! | a relative change of two paired columns | [`relative_change`]; over several tasks: [`JointMeans`] |
//! | any other statistic | [`cluster_bootstrap`]; skewed ones: [`bca_bootstrap`] |
//! | several tasks as one | [`group_estimate`], [`composite`] |
//! | several training seeds as one | [`with_replicates`] |
//! | two rankings | [`spearman`], [`kendall`] |
//! | where variance comes from | [`decompose_variance`] |
//! | several tests at once | [`holm`] to decide, [`benjamini_hochberg`] to explore |
//! | paired binary outcomes | [`mcnemar_exact`] |
//! | an effect of one sign | [`one_sided_p_value`] |
//! | what a test can find | [`minimum_detectable_effect`], [`clusters_needed`] |

mod bca;
mod bootstrap;
mod clusters;
mod correlation;
mod group;
mod levels;
mod mean;
mod multiplicity;
mod paired_score;
mod power;
mod quantile;
mod ratio;
mod relative;
mod replicates;
mod variance;
mod wilson;

pub use bca::bca_bootstrap;
pub use bootstrap::{DEFAULT_DRAWS, cluster_bootstrap, cluster_bootstrap_many};
pub(crate) use bootstrap::{estimate_from, resample};
pub use clusters::{cluster_count, cluster_indices, dense_clusters};
pub use correlation::{Correlation, kendall, spearman};
pub use group::{group_estimate, pooled_sample_standard_error};
pub(crate) use levels::Levels;
pub use mean::{WILSON_MAX_N, WILSON_MIN_MINORITY, clustered_mean, mean_estimate, paired_difference};
pub use multiplicity::{benjamini_hochberg, holm, mcnemar_exact, one_sided_p_value, student_p_value};
pub use paired_score::paired_score_interval;
pub use power::{Sides, clusters_needed, minimum_detectable_effect, minimum_detectable_effect_of_clusters};
pub use quantile::{normal_quantile, student_quantile, two_sided_student};
pub use ratio::ratio_estimate;
pub use relative::{JointMeans, relative_change};
pub use replicates::{Component, ReplicateVariance, combined, composite, with_replicates};
pub use variance::{VarianceCell, VarianceTerm, decompose_variance};
pub use wilson::{share_interval, wilson_interval};
