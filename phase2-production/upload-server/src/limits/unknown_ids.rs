//! The limit of session ids that no store has.

use super::{Limits, TooMany};

/// The limit of session ids from one address that no store has. Such an id may be made up, and
/// then only the lookup costs anything.
pub(crate) struct UnknownIds {
    pub(super) limits: Limits,
    pub(super) bucket: String,
}

impl UnknownIds {
    /// Checks before a lookup in the database, without counting: the id may be known.
    ///
    /// # Errors
    /// When too many unknown ids came from this address.
    pub(crate) fn check(&self) -> Result<(), TooMany> {
        self.limits.0.refusals.check(&self.bucket)
    }

    /// Counts an id that the lookup has not found.
    ///
    /// # Errors
    /// When too many came from this address, this one included.
    pub(crate) async fn count(&self) -> Result<(), TooMany> {
        let limit = self.limits.0.per_address;
        self.limits.count_for_good(self.bucket.clone(), limit).await
    }
}
