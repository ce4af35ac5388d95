//! The guarantees of a design. The checker uses only these.

use crate::entry::Entry;
use crate::history::Fault;
use serde::Serialize;

/// The invariants of a design. Every design guarantees I1 to I3, I5 and I6, because files do not
/// depend on the session design.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Guarantees {
    /// An acknowledged login stays valid until its logout, under all kills.
    pub logins_survive: bool,
    /// A credential never works after its acknowledged revocation (I4).
    pub revocations_hold: bool,
    /// The stores that can verify a credential. While all are unavailable the reply is 503 (I7).
    /// Empty if a replica needs no store.
    pub credential_stores: Vec<&'static str>,
    /// The replication window in milliseconds. An acknowledged change may be lost if its replica is
    /// killed within this time, because it may not be replicated. 0 if a store has every change
    /// before the acknowledgement.
    pub replication_window_ms: u64,
    /// The longest time for a request in milliseconds (I5).
    pub max_request_ms: u64,
}

/// The allowed slowdown on a busy machine, in percent of an idle one. Tests run many unoptimised
/// programs on two cores, which delays a request by a half and not by a factor. A longer delay
/// counts as a hang.
const BUSY_MACHINE_PERCENT: u64 = if cfg!(debug_assertions) { 150 } else { 100 };

/// The balancer answers 504 after 5 s. With the percentage this stays below the client timeout of
/// 10 s, so that hanging requests are detected.
const MAX_REQUEST_MS: u64 = 6_000 * BUSY_MACHINE_PERCENT / 100;

/// The longest time that a `gossip` write waits for the other replicas before it is acknowledged
/// anyway (`gossip::ACK_TIMEOUT`).
const GOSSIP_ACK_TIMEOUT_MS: u64 = 300;

impl Guarantees {
    /// Sessions in the memory of each replica (`memory`, `sticky`). A kill of the replica ends
    /// them.
    #[must_use]
    pub const fn of_memory() -> Self {
        Self {
            logins_survive: false,
            revocations_hold: true,
            credential_stores: Vec::new(),
            replication_window_ms: 0,
            max_request_ms: MAX_REQUEST_MS,
        }
    }

    /// Sessions in the memory of all replicas (`replicated`). They survive as long as one replica
    /// with a copy runs.
    #[must_use]
    pub fn of_replicated() -> Self {
        let replication_window_ms = GOSSIP_ACK_TIMEOUT_MS;
        Self { logins_survive: true, replication_window_ms, ..Self::of_memory() }
    }

    /// Sessions in Redis, with the database as the primary store (`central`).
    #[must_use]
    pub fn of_central() -> Self {
        let credential_stores = vec!["redis", "database"];
        Self { logins_survive: true, credential_stores, ..Self::of_memory() }
    }

    /// Signed tokens with revocation (`token` with a deny list or a token version).
    #[must_use]
    pub fn of_token() -> Self {
        Self::of_central()
    }

    /// Milliseconds from the repair of a fault until all users must be served (I5), for each
    /// target. These are the limits of the fault matrix.
    #[must_use]
    pub fn recovery_limit_ms(target: &str) -> u64 {
        let idle_machine_ms = match target {
            "lb" => 2_000,
            "redis" | "proxy" => 5_000,
            "database" => 10_000,
            _replica => 3_000,
        };
        idle_machine_ms * BUSY_MACHINE_PERCENT / 100
    }

    /// Whether an acknowledged change may be lost, because its replica was killed within the
    /// replication window.
    pub(crate) fn may_be_lost_with_replica(
        &self,
        entry: &Entry,
        faults: &[Fault],
    ) -> bool {
        let killed = |fault: &Fault| {
            let replicated_ms =
                entry.completed_ms().saturating_add(self.replication_window_ms);
            fault.kind == "kill"
                && entry.served_by.as_deref() == Some(fault.target.as_str())
                && fault
                    .start_completed_ms
                    .is_none_or(|start_completed| entry.completed_ms() <= start_completed)
                && fault.start_invoked_ms < replicated_ms
        };
        self.replication_window_ms > 0 && faults.iter().any(killed)
    }
}
