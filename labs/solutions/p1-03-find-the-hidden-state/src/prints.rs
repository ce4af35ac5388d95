//! Prints: accepted immediately, made later by any replica.

use crate::shared::Shared;
use std::time::Duration;

/// The list of waiting jobs.
const QUEUE: &str = "prints to make";

/// Pause after a replica found no job.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

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
}

impl Prints {
    /// `work` is the duration of one print.
    pub fn new(shared: Shared, work: Duration) -> Self {
        tokio::spawn(make_prints(shared.clone(), work));
        Self { shared }
    }

    /// Stores the print's state before the job is queued, because a replica may finish
    /// the print before this returns.
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

/// Makes one print after the other until the process ends. A job leaves the queue after
/// its print is stored. If the process dies before that, another one makes the print; if
/// it dies between the two, the print is made twice.
async fn make_prints(shared: Shared, work: Duration) {
    // Longer than the work, or two replicas would make the same print. Not much longer,
    // because a job waits this long after its replica has died.
    let lease = work * 2 + Duration::from_millis(500);
    loop {
        let Some(order) = shared.lend(QUEUE, lease).await else {
            tokio::time::sleep(POLL_INTERVAL).await;
            continue;
        };
        if let Some((id, drawing)) = order.text.split_once(' ') {
            let print = make(drawing, work).await;
            shared.put(&format!("print {id}"), &print).await;
        }
        shared.remove(order.id).await;
    }
}

/// Makes one print. Making it twice only wastes paper.
async fn make(drawing: &str, work: Duration) -> String {
    tokio::time::sleep(work).await;
    format!("print of {drawing}")
}
