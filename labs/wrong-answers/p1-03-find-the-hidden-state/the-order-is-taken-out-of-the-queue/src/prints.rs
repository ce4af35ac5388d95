//! Prints: accepted at once, made later, by whichever replica comes first.

use crate::shared::Shared;
use std::time::Duration;

/// The list in which orders wait.
const QUEUE: &str = "prints to make";

/// How long a replica that found no order waits before it looks again.
const PAUSE: Duration = Duration::from_millis(50);

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
}

impl Prints {
    /// `work` is how long one print takes.
    pub fn new(shared: Shared, work: Duration) -> Self {
        tokio::spawn(make_prints(shared.clone(), work));
        Self { shared }
    }

    /// The number is known before the order is in the queue: whoever makes the print may
    /// be done with it before this returns.
    pub async fn order(&self, drawing: String) -> i64 {
        let id = self.shared.add("prints", 1).await;
        self.shared.put(&format!("print {id}"), "").await;
        self.shared.push(QUEUE, &format!("{id} {drawing}")).await;
        id
    }

    pub async fn find(&self, id: i64) -> Option<Print> {
        let print = self.shared.get(&format!("print {id}")).await?;
        Some(if print.is_empty() { Print::Waiting } else { Print::Done(print) })
    }
}

/// One print after the other, for as long as the process lives. An order leaves the queue
/// when its print is kept: if this process dies before that, another one makes the print,
/// and if it dies between the two, the print is made twice.
async fn make_prints(shared: Shared, work: Duration) {
    loop {
        let Some(order) = shared.pop(QUEUE).await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        if let Some((id, drawing)) = order.text.split_once(' ') {
            let print = make(drawing, work).await;
            shared.put(&format!("print {id}"), &print).await;
        }
    }
}

/// The work itself. To do it twice wastes paper, and harms nobody.
async fn make(drawing: &str, work: Duration) -> String {
    tokio::time::sleep(work).await;
    format!("print of {drawing}")
}
