//! What a design promises: a history is judged by that and not by what would be nice.

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
    /// Milliseconds within which every request ends (I5).
    pub answer_within_ms: u64,
    /// Milliseconds after the last fault is mended within which everybody is served (I5).
    pub healthy_within_ms: u64,
}

/// More than what the balancer grants a silent replica (5 s), and more than the client's own
/// patience (10 s): what is looked for is a request that hangs, not one that is slow.
const ANSWER_WITHIN_MS: u64 = 15_000;

const HEALTHY_WITHIN_MS: u64 = 15_000;

impl Promises {
    /// Sessions in each replica's memory (`memory`, `sticky`): whoever was remembered by a
    /// replica that is killed is forgotten.
    #[must_use]
    pub const fn of_memory() -> Self {
        Self {
            logins_survive: false,
            ends_hold: true,
            known_by: Vec::new(),
            answer_within_ms: ANSWER_WITHIN_MS,
            healthy_within_ms: HEALTHY_WITHIN_MS,
        }
    }

    /// Sessions in the memory of all (`replicated`): they survive as long as one replica
    /// lives at any time.
    #[must_use]
    pub fn of_replicated() -> Self {
        Self { logins_survive: true, ..Self::of_memory() }
    }

    /// Sessions in Redis before the records (`central`).
    #[must_use]
    pub fn of_central() -> Self {
        Self { known_by: vec!["redis", "database"], ..Self::of_replicated() }
    }

    /// Signed tokens that can be taken back (`token` with a list or a version).
    #[must_use]
    pub fn of_token() -> Self {
        Self::of_central()
    }
}
