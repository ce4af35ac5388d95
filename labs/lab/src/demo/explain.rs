//! One sentence for each cell that differs from its neighbours.

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
    Newcomer,
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
        Self::Newcomer,
        Self::Uploads,
        Self::Recovery,
    ];

    /// The rows that say something about a scenario.
    pub(crate) fn of(scenario: Scenario) -> impl Iterator<Item = Self> {
        let has_newcomer = scenario == Scenario::ScaleOut;
        Self::ALL.into_iter().filter(move |row| *row != Self::Newcomer || has_newcomer)
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Failed => "failed",
            Self::LostBefore => "logins lost before the fault",
            Self::LostSince => "logins lost since the fault",
            Self::LoggedOut => "users logged out since the fault",
            Self::Newcomer => "requests served by the new replica",
            Self::Uploads => "uploads acknowledged / still there",
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
            Self::Newcomer => lane.served_by_newcomer.to_string(),
            Self::Uploads => {
                format!("{} / {}", lane.uploads_acknowledged, lane.uploads_there)
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

/// Said in place of a sentence where a lane is not as the sentences assume.
pub(crate) const WITHHELD: &str =
    "(Explanation withheld: this lane's figures are not what it explains.)";

/// Why a cell is as it is, as a sentence; [`None`] where there is nothing to explain.
pub(crate) fn why(row: Row, lane: &LaneReport, scenario: Scenario) -> Option<String> {
    match row {
        Row::Requests | Row::Uploads => None,
        Row::Failed => Some(failed(lane, scenario)),
        Row::LostBefore => Some(lost_before(lane.lane).to_owned()),
        Row::LostSince => Some(lost_since(lane, scenario)),
        Row::LoggedOut => Some(logged_out(lane, scenario)),
        Row::Newcomer => Some(newcomer(lane.lane).to_owned()),
        Row::Recovery => Some(recovery(lane, scenario)),
    }
}

fn failed(lane: &LaneReport, scenario: Scenario) -> String {
    let fate = match (lane.failed, scenario) {
        (0, _) => "No request met a replica that could not answer it.",
        (_, Scenario::PostgresRestarts) => {
            "These came while the database was away. They were told to come back (503), \
             and nothing was acknowledged that was not on the disk."
        }
        _ => {
            "These were with a replica when it died, or found none that was ready. What \
             was sent is never sent twice, so the client is told, and asks again."
        }
    };
    fate.to_owned()
}

const fn lost_before(lane: Lane) -> &'static str {
    match lane {
        Lane::MemoryRoundRobin => {
            "Any replica gets the next request, and only the one that saw the login \
             remembers it."
        }
        Lane::MemorySticky => {
            "The balancer's cookie brings each user back to the replica that remembers."
        }
        Lane::Token | Lane::RevocableToken => {
            "Every replica can check the signature, so none has to remember."
        }
        Lane::Central => "Every replica asks the same store, so none has to remember.",
    }
}

fn lost_since(lane: &LaneReport, scenario: Scenario) -> String {
    let fate = match (lane.lane, scenario) {
        (Lane::MemoryRoundRobin, _) => {
            "It goes on as before: most requests meet a replica that has never seen the \
             user."
        }
        (Lane::MemorySticky, Scenario::KillAReplica | Scenario::CentralStore) => {
            let whose = match lane.at_home {
                1 => "1 user's session was".to_owned(),
                users => format!("{users} users' sessions were"),
            };
            return format!("{whose} in the memory of that process and went with it.");
        }
        (Lane::MemorySticky, Scenario::RestartEverything) => {
            "All sessions went with their processes, and new processes know nobody."
        }
        (
            Lane::MemorySticky,
            Scenario::ScaleOut | Scenario::RedisGoesAway | Scenario::PostgresRestarts,
        ) => "Users stay with the replica that remembers them.",
        (Lane::MemorySticky, Scenario::RollingRestart) => {
            "Each process took its users' sessions with it. Who was moved to a replica \
             that was still to be restarted lost a second one."
        }
        (Lane::Token | Lane::Central | Lane::RevocableToken, _) => {
            kept(lane.lane, scenario)
        }
    };
    fate.to_owned()
}

/// Why nobody had to log in again where nobody is known by a process.
const fn kept(lane: Lane, scenario: Scenario) -> &'static str {
    match (lane, scenario) {
        (Lane::Central, Scenario::RedisGoesAway) => {
            "Redis held copies. The records hold the truth, and every replica asks them \
             when the copy is gone."
        }
        (Lane::Central | Lane::RevocableToken, Scenario::PostgresRestarts) => {
            "What was committed is on the disk. While the database was away, the answer \
             was \"come back\" and never \"who are you?\"."
        }
        (Lane::RevocableToken, Scenario::RedisGoesAway) => {
            "The signature needs no store, and whether a token was revoked is in the \
             records, too."
        }
        (Lane::Central, _) => {
            "The memory is not in the process that died, and any other replica asks it."
        }
        _ => "The proof is in the request, and any replica, old or new, can check it.",
    }
}

fn logged_out(lane: &LaneReport, scenario: Scenario) -> String {
    let fate = match (lane.lane, scenario) {
        (Lane::MemoryRoundRobin, _) => {
            "Everybody, again and again, with or without a fault: this pair of choices \
             does not work."
        }
        (Lane::MemorySticky, Scenario::KillAReplica | Scenario::CentralStore) => {
            "Exactly those whose replica was killed, and nobody else."
        }
        (Lane::MemorySticky, Scenario::RestartEverything) => {
            "Everybody, because everybody's replica was killed."
        }
        (
            Lane::MemorySticky,
            Scenario::ScaleOut | Scenario::RedisGoesAway | Scenario::PostgresRestarts,
        )
        | (Lane::Token | Lane::Central | Lane::RevocableToken, _) => {
            "Nobody had to log in again."
        }
        (Lane::MemorySticky, Scenario::RollingRestart) => {
            "Everybody, although no request failed: an orderly stop saves requests, not \
             memories."
        }
    };
    fate.to_owned()
}

const fn newcomer(lane: Lane) -> &'static str {
    match lane {
        Lane::MemoryRoundRobin => {
            "It gets its share, and sends nearly everybody who comes back to the login."
        }
        Lane::MemorySticky => {
            "Everybody stays where they are known: the new replica helps only users who \
             come later."
        }
        Lane::Token | Lane::Central | Lane::RevocableToken => {
            "It takes its share from its first second on."
        }
    }
}

fn recovery(lane: &LaneReport, scenario: Scenario) -> String {
    let fate = match (lane.recovery_s, lane.lane) {
        (None, Lane::MemoryRoundRobin) => "There is nothing broken that could recover.",
        (None, _) => "Users were still in trouble when the demo stopped watching.",
        (Some(0.0), _) => "Nobody noticed.",
        (Some(_), Lane::MemoryRoundRobin) => "By luck the last requests met no stranger.",
        (Some(_), Lane::MemorySticky) => {
            "Until the last of them had been sent elsewhere and had logged in again."
        }
        (Some(_), _) if scenario == Scenario::PostgresRestarts => {
            "Until the database answered again; no replica was taken out or restarted."
        }
        (Some(_), Lane::Token | Lane::Central | Lane::RevocableToken) => {
            "Until requests went only to who could answer them."
        }
    };
    fate.to_owned()
}
