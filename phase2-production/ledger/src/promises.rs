//! What a design promises: a history is judged by that and not by what would be nice.

use crate::entry::Entry;
use crate::history::Fault;
use serde::Serialize;

/// What has to stand. I1 to I3, I5 and I6 are promised by every design: files do not
/// depend on where identity lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Promises {
    /// A login that was acknowledged is good until it is ended, whatever is killed.
    pub logins_survive: bool,
    /// A proof whose end was acknowledged is dead for ever (I4).
    pub ends_hold: bool,
    /// The stores that know whether a proof is good; while none of them answers, the
    /// answer is 503 (I7). Empty where a replica knows by itself.
    pub known_by: Vec<&'static str>,
    /// What a replica acknowledges less than so many milliseconds before it is killed may
    /// die with it: it may not have told anybody. 0 where a store knows before the caller.
    pub told_within_ms: u64,
    /// Milliseconds within which every request ends (I5).
    pub answer_within_ms: u64,
}

/// How much longer than on a machine of its own everything may take, in percent. Tests run
/// programs without optimisation, many at once, on two cores: what waits for a processor
/// there is late by a half, and not by several times. Whatever is later than that hangs.
const BUSY_PERCENT: u64 = if cfg!(debug_assertions) { 150 } else { 100 };

/// The balancer grants a silent replica 5 s, and then has to say so. With the percentage it
/// stays below the client's own patience, 10 s: a request that hangs is found.
const ANSWER_WITHIN_MS: u64 = 6_000 * BUSY_PERCENT / 100;

/// How long a write of `gossip` waits for the others to say that they heard it, before it is
/// acknowledged all the same (`gossip::PATIENCE`).
const GOSSIPS_PATIENCE_MS: u64 = 300;

impl Promises {
    /// Sessions in each replica's memory (`memory`, `sticky`): whoever was remembered by a
    /// replica that is killed is forgotten.
    #[must_use]
    pub const fn of_memory() -> Self {
        Self {
            logins_survive: false,
            ends_hold: true,
            known_by: Vec::new(),
            told_within_ms: 0,
            answer_within_ms: ANSWER_WITHIN_MS,
        }
    }

    /// Sessions in the memory of all (`replicated`): they survive as long as one replica
    /// lives at any time that has heard of them.
    #[must_use]
    pub fn of_replicated() -> Self {
        let told_within_ms = GOSSIPS_PATIENCE_MS;
        Self { logins_survive: true, told_within_ms, ..Self::of_memory() }
    }

    /// Sessions in Redis before the records (`central`).
    #[must_use]
    pub fn of_central() -> Self {
        let known_by = vec!["redis", "database"];
        Self { logins_survive: true, known_by, ..Self::of_memory() }
    }

    /// Signed tokens that can be taken back (`token` with a list or a version).
    #[must_use]
    pub fn of_token() -> Self {
        Self::of_central()
    }

    /// Milliseconds after a fault is mended within which everybody is served (I5), by who
    /// was struck: the limits of the fault matrix.
    #[must_use]
    pub fn healthy_within_ms(victim: &str) -> u64 {
        let alone = match victim {
            "lb" => 2_000,
            "redis" | "proxy" => 5_000,
            "database" => 10_000,
            _replica => 3_000,
        };
        alone * BUSY_PERCENT / 100
    }

    /// Whether what was acknowledged here may have died with who acknowledged it.
    pub(crate) fn may_die_with_its_replica(
        &self,
        entry: &Entry,
        faults: &[Fault],
    ) -> bool {
        let killed = |fault: &Fault| {
            let told_ms = entry.ended_ms.saturating_add(self.told_within_ms);
            fault.kind == "kill"
                && entry.served_by.as_deref() == Some(fault.victim.as_str())
                && fault.struck_ms.is_none_or(|struck| entry.ended_ms <= struck)
                && fault.ordered_ms < told_ms
        };
        self.told_within_ms > 0 && faults.iter().any(killed)
    }
}
