//! Prints: accepted at once, made later, by whichever replica comes first.

use crate::shared::Shared;
use std::time::Duration;

/// How far a print has come.
#[derive(Debug)]
pub enum Print {
    Waiting,
    Done(String),
}

/// Takes orders, and has a task that makes the prints.
#[derive(Debug)]
pub struct Prints {
    shared: Shared,
    work: Duration,
}

impl Prints {
    /// `work` is how long one print takes.
    pub fn new(shared: Shared, work: Duration) -> Self {
        Self { shared, work }
    }

    pub async fn order(&self, drawing: String) -> i64 {
        let id = self.shared.add("prints", 1).await;
        let print = make(&drawing, self.work).await;
        self.shared.put(&format!("print {id}"), &print).await;
        id
    }

    pub async fn find(&self, id: i64) -> Option<Print> {
        let print = self.shared.get(&format!("print {id}")).await?;
        Some(if print.is_empty() { Print::Waiting } else { Print::Done(print) })
    }
}

/// The work itself. To do it twice wastes paper, and harms nobody.
async fn make(drawing: &str, work: Duration) -> String {
    tokio::time::sleep(work).await;
    format!("print of {drawing}")
}
