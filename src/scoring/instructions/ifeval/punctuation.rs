//! `punctuation`: commas.

use super::super::check::{Arguments, BoxedCheck, CheckError};
use crate::instance::Check;

/// `punctuation:no_comma`: no `,` anywhere. The same in all modes; commas of other scripts (`，`, `،`) are not counted.
pub(super) fn no_comma(check: &Check) -> Result<BoxedCheck, CheckError> {
    Arguments::new(check, &[])?;
    Ok(Box::new(|reply| !reply.contains(',')))
}
