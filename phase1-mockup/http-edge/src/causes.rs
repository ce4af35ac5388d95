//! The causes of an error.

use std::error::Error;
use std::iter;

/// Whether `error`, or one of its causes, is an `E`.
pub(crate) fn has_cause<E: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    let mut causes = iter::successors(Some(error), |error| (*error).source());
    causes.any(|cause| cause.is::<E>())
}
