//! Order numbers.

use crate::shared::Shared;

/// Numbers orders 1, 2, 3 and so on: none twice, none left out.
#[derive(Debug)]
pub struct Numbers {
    shared: Shared,
}

impl Numbers {
    pub fn new(shared: Shared) -> Self {
        Self { shared }
    }

    /// Reading and writing are one step of the store: between two steps somebody else
    /// could read the same number.
    pub async fn next(&self) -> i64 {
        self.shared.add("last order", 1).await
    }
}
