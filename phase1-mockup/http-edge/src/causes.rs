//! The causes of an error.

use std::error::Error;
use std::iter;

/// `error` and its causes.
pub(crate) fn causes<'error>(
    error: &'error (dyn Error + 'static),
) -> impl Iterator<Item = &'error (dyn Error + 'static)> {
    iter::successors(Some(error), |error| (*error).source())
}

/// Whether `error`, or one of its causes, is an `E`.
pub(crate) fn has_cause<E: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| cause.is::<E>())
}
