//! Order numbers.

use crate::shared::Shared;
use tokio::sync::Mutex;

/// Numbers orders 1, 2, 3 and so on: none twice, none left out.
#[derive(Debug)]
pub struct Numbers {
    shared: Shared,
    // From where to where this replica may go without asking.
    mine: Mutex<(i64, i64)>,
}

impl Numbers {
    pub fn new(shared: Shared) -> Self {
        Self { shared, mine: Mutex::new((0, 0)) }
    }

    pub async fn next(&self) -> i64 {
        let mut mine = self.mine.lock().await;
        if mine.0 == mine.1 {
            let end = self.shared.add("last order", 12).await;
            *mine = (end - 12, end);
        }
        mine.0 += 1;
        mine.0
    }
}
