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

    pub async fn next(&self) -> i64 {
        let last = self.shared.get("last order").await;
        let next = last.map_or(0, |last| last.parse().unwrap_or(0)) + 1;
        self.shared.put("last order", &next.to_string()).await;
        next
    }
}
