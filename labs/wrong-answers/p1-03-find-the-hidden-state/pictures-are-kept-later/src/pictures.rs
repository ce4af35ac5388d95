//! The drawings that customers send.

use crate::shared::Shared;
use std::time::Duration;

/// Keeps drawings by their names. A name that is sent again means the new drawing.
#[derive(Debug)]
pub struct Pictures {
    shared: Shared,
}

impl Pictures {
    pub fn new(shared: Shared) -> Self {
        Self { shared }
    }

    pub async fn keep(&self, name: &str, drawing: &str) {
        let (shared, drawing) = (self.shared.clone(), drawing.to_owned());
        let name = format!("picture {name}");
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(5)).await;
            shared.put(&name, &drawing).await;
        });
    }

    pub async fn find(&self, name: &str) -> Option<String> {
        self.shared.get(&format!("picture {name}")).await
    }
}
