//! Drawings that customers upload.

use crate::shared::Shared;

/// Stores drawings by name. A second upload replaces the drawing.
#[derive(Debug)]
pub struct Pictures {
    shared: Shared,
}

impl Pictures {
    pub fn new(shared: Shared) -> Self {
        Self { shared }
    }

    /// Returns after the drawing is in the shared store, because the reply confirms that.
    pub async fn keep(&self, name: &str, drawing: &str) {
        self.shared.put(&format!("picture {name}"), drawing).await;
    }

    pub async fn find(&self, name: &str) -> Option<String> {
        self.shared.get(&format!("picture {name}")).await
    }
}
