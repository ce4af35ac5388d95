//! One sentence for each cell of the table that differs from the other configurations.

use crate::demo::figures::LaneReport;
use crate::demo::lane::Lane;
use crate::demo::scenario::Scenario;

/// A row of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    Requests,
    Failed,
    LostBefore,
    LostSince,
    LoggedOut,
    NewReplica,
    Uploads,
    Recovery,
}

impl Row {
    const ALL: [Self; 8] = [
        Self::Requests,
        Self::Failed,
        Self::LostBefore,
        Self::LostSince,
        Self::LoggedOut,
        Self::NewReplica,
        Self::Uploads,
        Self::Recovery,
    ];

    /// The rows of a scenario.
    pub(crate) fn of(scenario: Scenario) -> impl Iterator<Item = Self> {
        let has_new_replica = scenario == Scenario::ScaleOut;
        Self::ALL
            .into_iter()
            .filter(move |row| *row != Self::NewReplica || has_new_replica)
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Failed => "failed",
            Self::LostBefore => "logins lost before the fault",
            Self::LostSince => "logins lost since the fault",
            Self::LoggedOut => "users logged out since the fault",
            Self::NewReplica => "requests served by the new replica",
            Self::Uploads => "uploads acknowledged / still present",
            Self::Recovery => "seconds to recover",
        }
    }

    pub(crate) fn cell(self, lane: &LaneReport, users: usize) -> String {
        match self {
            Self::Requests => lane.requests.to_string(),
            Self::Failed => lane.failed.to_string(),
            Self::LostBefore => lane.lost_before.to_string(),
            Self::LostSince => lane.lost_since.to_string(),
            Self::LoggedOut => format!("{} of {users}", lane.logged_out),
            Self::NewReplica => lane.served_by_new_replica.to_string(),
            Self::Uploads => {
                format!("{} / {}", lane.uploads_acknowledged, lane.uploads_present)
            }
            Self::Recovery => {
                let shown = |seconds: f64| match seconds > 0.0 && seconds < 0.1 {
                    true => "< 0.1".to_owned(),
                    false => format!("{seconds:.1}"),
                };
                lane.recovery_s.map_or_else(|| "never".to_owned(), shown)
            }
        }
    }
}

/// Printed in place of a sentence, if a configuration breaks its assumption.
pub(crate) const WITHHELD: &str =
    "(No explanation: the figures of this configuration are not the expected ones.)";

/// The reason for a cell, as a sentence; [`None`] if it needs no explanation.
pub(crate) fn why(row: Row, lane: &LaneReport, scenario: Scenario) -> Option<String> {
    match row {
        Row::Requests | Row::Uploads => None,
        Row::Failed => Some(failed(lane, scenario)),
        Row::LostBefore => Some(lost_before(lane.lane).to_owned()),
        Row::LostSince => Some(lost_since(lane, scenario)),
        Row::LoggedOut => Some(logged_out(lane, scenario)),
        Row::NewReplica => Some(new_replica(lane.lane).to_owned()),
        Row::Recovery => Some(recovery(lane, scenario)),
    }
}

fn failed(lane: &LaneReport, scenario: Scenario) -> String {
    let fate = match (lane.failed, scenario) {
        (0, _) => "Every request reached a replica that could answer it.",
        (_, Scenario::PostgresRestarts) => {
            "These arrived while the database was down. They got 503 with Retry-After, and \
             every acknowledged upload is on disk."
        }
        _ => {
            "In flight on the killed replica, or no replica was ready. The balancer never \
             sends a request twice, so it answers 502/503 and the client retries."
        }
    };
    fate.to_owned()
}

const fn lost_before(lane: Lane) -> &'static str {
    match lane {
        Lane::MemoryRoundRobin => {
            "Any replica gets the next request, and only the replica of the login has \
             the session."
        }
        Lane::MemorySticky => {
            "The balancer's cookie routes each user to the replica with the session."
        }
        Lane::Token | Lane::RevocableToken => {
            "Every replica can check the signature, so no replica stores a session."
        }
        Lane::Central => {
            "All replicas read the same store, so no replica holds a session."
        }
    }
}

fn lost_since(lane: &LaneReport, scenario: Scenario) -> String {
    let fate = match (lane.lane, scenario) {
        (Lane::MemoryRoundRobin, _) => {
            "As before the fault: most requests reach a replica without the user's \
             session."
        }
        (Lane::MemorySticky, Scenario::KillAReplica | Scenario::CentralStore) => {
            let sessions = match lane.on_target {
                1 => "1 user's session was".to_owned(),
                users => format!("{users} users' sessions were"),
            };
            return format!("{sessions} in the memory of that process and died with it.");
        }
        (Lane::MemorySticky, Scenario::RestartEverything) => {
            "All sessions died with their processes. The new processes have none."
        }
        (
            Lane::MemorySticky,
            Scenario::ScaleOut | Scenario::RedisGoesAway | Scenario::PostgresRestarts,
        ) => "Users stay with the replica that has their session.",
        (Lane::MemorySticky, Scenario::RollingRestart) => {
            "Each process took its users' sessions with it. A user that moved to a replica \
             with its restart still ahead lost a second session."
        }
        (Lane::Token | Lane::Central | Lane::RevocableToken, _) => {
            kept(lane.lane, scenario)
        }
    };
    fate.to_owned()
}

/// Why no login was lost where no process holds sessions.
const fn kept(lane: Lane, scenario: Scenario) -> &'static str {
    match (lane, scenario) {
        (Lane::Central, Scenario::RedisGoesAway) => {
            "Redis held copies. The sessions are in the database, and every replica reads \
             them there when the copy is gone."
        }
        (Lane::Central | Lane::RevocableToken, Scenario::PostgresRestarts) => {
            "Committed sessions are on disk. While the database was down, the answer was \
             503 (try again) and never 401 (log in)."
        }
        (Lane::RevocableToken, Scenario::RedisGoesAway) => {
            "The signature needs no store, and the revocations are in the database, too."
        }
        (Lane::Central, _) => {
            "The sessions are in the store, not in the process that died. Any other \
             replica reads them there."
        }
        _ => "The credential is in the request. Any replica, old or new, can check it.",
    }
}

fn logged_out(lane: &LaneReport, scenario: Scenario) -> String {
    let fate = match (lane.lane, scenario) {
        (Lane::MemoryRoundRobin, _) => {
            "All users, repeatedly, with or without a fault: memory and round robin do \
             not work together."
        }
        (Lane::MemorySticky, Scenario::KillAReplica | Scenario::CentralStore) => {
            "Exactly the users of the killed replica."
        }
        (Lane::MemorySticky, Scenario::RestartEverything) => {
            "All users, because every replica was killed."
        }
        (
            Lane::MemorySticky,
            Scenario::ScaleOut | Scenario::RedisGoesAway | Scenario::PostgresRestarts,
        )
        | (Lane::Token | Lane::Central | Lane::RevocableToken, _) => {
            "No user had to log in again."
        }
        (Lane::MemorySticky, Scenario::RollingRestart) => {
            "All users, although no request failed: an orderly stop saves requests, not \
             the contents of memory."
        }
    };
    fate.to_owned()
}

const fn new_replica(lane: Lane) -> &'static str {
    match lane {
        Lane::MemoryRoundRobin => {
            "It gets its share of requests, and answers nearly all of them with 401."
        }
        Lane::MemorySticky => {
            "Users stay with the replica of their session: the new replica helps only \
             users that log in later."
        }
        Lane::Token | Lane::Central | Lane::RevocableToken => {
            "It takes its share from its first second."
        }
    }
}

fn recovery(lane: &LaneReport, scenario: Scenario) -> String {
    let fate = match (lane.recovery_s, lane.lane) {
        (None, Lane::MemoryRoundRobin) => {
            "The failures have no fault as their cause, so there is no recovery."
        }
        (None, _) => "Requests still failed when the demo ended.",
        (Some(0.0), _) => "No request was affected.",
        (Some(_), Lane::MemoryRoundRobin) => {
            "By chance the last requests reached the right replicas."
        }
        (Some(_), Lane::MemorySticky) => {
            "Until the last of them was on another replica and logged in again."
        }
        (Some(_), _) if scenario == Scenario::PostgresRestarts => {
            "Until the database answered again. No replica was removed or restarted."
        }
        (Some(_), Lane::Token | Lane::Central | Lane::RevocableToken) => {
            "Until the balancer sent requests to ready replicas only."
        }
    };
    fate.to_owned()
}
