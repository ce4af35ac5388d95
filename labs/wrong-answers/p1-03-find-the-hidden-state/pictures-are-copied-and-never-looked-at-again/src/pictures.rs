//! The drawings that customers send.

use crate::shared::Shared;
use std::collections::HashMap;
use std::sync::Mutex;

/// Keeps drawings by their names. A name that is sent again means the new drawing.
#[derive(Debug)]
pub struct Pictures {
    shared: Shared,
    seen: Mutex<HashMap<String, String>>,
}

impl Pictures {
    pub fn new(shared: Shared) -> Self {
        Self { shared, seen: Mutex::default() }
    }

    /// Returns when the drawing is where every replica finds it, and not before: the reply
    /// is a promise.
    pub async fn keep(&self, name: &str, drawing: &str) {
        self.shared.put(&format!("picture {name}"), drawing).await;
        self.seen.lock().unwrap().insert(name.to_owned(), drawing.to_owned());
    }

    pub async fn find(&self, name: &str) -> Option<String> {
        if let Some(drawing) = self.seen.lock().unwrap().get(name) {
            return Some(drawing.clone());
        }
        let drawing = self.shared.get(&format!("picture {name}")).await?;
        self.seen.lock().unwrap().insert(name.to_owned(), drawing.clone());
        Some(drawing)
    }
}
