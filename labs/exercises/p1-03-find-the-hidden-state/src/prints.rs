//! Prints: accepted immediately, made later. This is one of your files.

use crate::shared::Shared;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// State of a print.
#[derive(Debug)]
pub enum Print {
    Waiting,
    Done(String),
}

/// Accepts print jobs, and runs a task that makes the prints.
#[derive(Debug)]
pub struct Prints {
    shared: Shared,
    queue: UnboundedSender<(i64, String)>,
}

impl Prints {
    /// `work` is the duration of one print.
    pub fn new(shared: Shared, work: Duration) -> Self {
        let (queue, orders) = unbounded_channel();
        tokio::spawn(make_prints(shared.clone(), work, orders));
        Self { shared, queue }
    }

    // TODO, task 4: some accepted prints are never made.
    pub async fn order(&self, drawing: String) -> i64 {
        let id = self.shared.add("prints", 1).await;
        self.shared.put(&format!("print {id}"), "").await;
        self.queue.send((id, drawing)).expect("the task runs as long as the process");
        id
    }

    pub async fn find(&self, id: i64) -> Option<Print> {
        let print = self.shared.get(&format!("print {id}")).await?;
        Some(if print.is_empty() { Print::Waiting } else { Print::Done(print) })
    }
}

/// Makes one print after the other until the process ends.
async fn make_prints(
    shared: Shared,
    work: Duration,
    mut orders: UnboundedReceiver<(i64, String)>,
) {
    while let Some((id, drawing)) = orders.recv().await {
        let print = make(&drawing, work).await;
        shared.put(&format!("print {id}"), &print).await;
    }
}

/// Makes one print. Making it twice only wastes paper.
async fn make(drawing: &str, work: Duration) -> String {
    tokio::time::sleep(work).await;
    format!("print of {drawing}")
}
