//! Order numbers.

use crate::shared::Shared;

/// Assigns order numbers 1, 2, 3 and so on, without duplicates or gaps.
#[derive(Debug)]
pub struct Numbers {
    shared: Shared,
}

impl Numbers {
    pub fn new(shared: Shared) -> Self {
        Self { shared }
    }

    /// The store reads and writes in one atomic step, so two requests cannot get the same
    /// number.
    pub async fn next(&self) -> i64 {
        self.shared.add("last order", 1).await
    }
}
