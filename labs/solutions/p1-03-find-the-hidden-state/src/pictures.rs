//! The drawings that customers send.

use crate::shared::Shared;

/// Keeps drawings by their names. A name that is sent again means the new drawing.
#[derive(Debug)]
pub struct Pictures {
    shared: Shared,
}

impl Pictures {
    pub fn new(shared: Shared) -> Self {
        Self { shared }
    }

    /// Returns when the drawing is where every replica finds it, and not before: the reply
    /// is a promise.
    pub async fn keep(&self, name: &str, drawing: &str) {
        self.shared.put(&format!("picture {name}"), drawing).await;
    }

    pub async fn find(&self, name: &str) -> Option<String> {
        self.shared.get(&format!("picture {name}")).await
    }
}
