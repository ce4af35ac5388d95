//! Uses of sessions that could not be written to the database, for a later attempt.
//!
//! During an outage of the database only Redis knows them. If they never reached the database,
//! a later loss of Redis would log out users without a pause. The list is lost with its
//! process; Redis still has the uses then.

use records::{Records, RecordsError, Scope, sessions};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::task::AbortOnDropHandle;

/// Most sessions in the list; a use beyond them is known to Redis only.
const MAX_PENDING: usize = 10_000;

/// Time between two attempts to write the list.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

type Uses = Arc<Mutex<HashMap<String, i64>>>;

/// The list of one replica. Clones share it; it is written as long as one lives.
#[derive(Clone)]
pub(super) struct PendingUses {
    uses: Uses,
    _writer: Arc<AbortOnDropHandle<()>>,
}

impl PendingUses {
    /// Must be called in a Tokio runtime.
    pub(super) fn new(records: Records) -> Self {
        let uses = Uses::default();
        let writer = tokio::spawn(write_all(records, Arc::clone(&uses)));
        Self { uses, _writer: Arc::new(AbortOnDropHandle::new(writer)) }
    }

    /// Adds a use at `at`. The latest use of a session counts.
    pub(super) fn add(&self, session_id_hash: &str, at: i64) {
        let mut uses = lock(&self.uses);
        if let Some(latest) = uses.get_mut(session_id_hash) {
            *latest = at.max(*latest);
        } else if uses.len() < MAX_PENDING {
            uses.insert(session_id_hash.to_owned(), at);
        }
    }
}

async fn write_all(records: Records, uses: Uses) {
    loop {
        tokio::time::sleep(RETRY_INTERVAL).await;
        let pending: Vec<_> = lock(&uses).clone().into_iter().collect();
        for (session_id_hash, at) in pending {
            if record(&records, session_id_hash.clone(), at).await.is_err() {
                break;
            }
            let mut uses = lock(&uses);
            if uses.get(&session_id_hash) == Some(&at) {
                uses.remove(&session_id_hash);
            }
        }
    }
}

/// Writes a use that this replica has accepted. Returns `false` if the session has ended.
pub(super) async fn record(
    records: &Records,
    session_id_hash: String,
    at: i64,
) -> Result<bool, RecordsError> {
    let scope = Scope::CredentialHash(session_id_hash.clone());
    let written = records.run(scope, move |tx| {
        Box::pin(
            async move { sessions::record_known_use(tx, &session_id_hash, at).await },
        )
    });
    written.await
}

/// Every change under the lock is one step, so a panic leaves no partial change.
fn lock(uses: &Uses) -> MutexGuard<'_, HashMap<String, i64>> {
    uses.lock().unwrap_or_else(PoisonError::into_inner)
}
