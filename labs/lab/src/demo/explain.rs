//! One sentence for each cell of the table that differs from the other configurations.

use crate::demo::configuration::Configuration;
use crate::demo::figures::ConfigurationReport;
use crate::demo::scenario::Scenario;

/// A row of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ComparisonRow {
    Requests,
    Failed,
    LostBefore,
    LostSince,
    LoggedOut,
    NewReplica,
    Uploads,
    Recovery,
}

impl ComparisonRow {
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

    pub(crate) fn table_cell(self, report: &ConfigurationReport, users: usize) -> String {
        match self {
            Self::Requests => report.requests.to_string(),
            Self::Failed => report.failed.to_string(),
            Self::LostBefore => report.logins_lost_before_fault.to_string(),
            Self::LostSince => report.logins_lost_since_fault.to_string(),
            Self::LoggedOut => format!("{} of {users}", report.logged_out),
            Self::NewReplica => report.served_by_new_replica.to_string(),
            Self::Uploads => {
                format!("{} / {}", report.uploads_acknowledged, report.uploads_present)
            }
            Self::Recovery => {
                let formatted = |seconds: f64| match seconds > 0.0 && seconds < 0.1 {
                    true => "< 0.1".to_owned(),
                    false => format!("{seconds:.1}"),
                };
                report.recovery_s.map_or_else(|| "never".to_owned(), formatted)
            }
        }
    }
}

/// Printed in place of a sentence, if a configuration breaks its assumption.
pub(crate) const NO_EXPLANATION: &str =
    "(No explanation: the figures of this configuration are not the expected ones.)";

/// The reason for a cell, as a sentence; [`None`] if it needs no explanation.
pub(crate) fn explanation(
    row: ComparisonRow,
    report: &ConfigurationReport,
    scenario: Scenario,
) -> Option<String> {
    match row {
        ComparisonRow::Requests | ComparisonRow::Uploads => None,
        ComparisonRow::Failed => Some(failed(report, scenario)),
        ComparisonRow::LostBefore => {
            Some(logins_lost_before_fault(report.configuration).to_owned())
        }
        ComparisonRow::LostSince => Some(logins_lost_since_fault(report, scenario)),
        ComparisonRow::LoggedOut => Some(logged_out(report, scenario)),
        ComparisonRow::NewReplica => Some(new_replica(report.configuration).to_owned()),
        ComparisonRow::Recovery => Some(recovery(report, scenario)),
    }
}

fn failed(report: &ConfigurationReport, scenario: Scenario) -> String {
    let text = match (report.failed, scenario) {
        (0, _) => "Every request reached a replica that could answer it.",
        (_, Scenario::PostgresRestarts) => {
            "These arrived while the database was down. They got 503 with Retry-After, and \
             every acknowledged upload is on disk."
        }
        _ => {
            "These were in flight on the killed replica, or no replica was ready for them. \
             The balancer never sends a request twice, so it answers 502 or 503, and the \
             client retries."
        }
    };
    text.to_owned()
}

const fn logins_lost_before_fault(configuration: Configuration) -> &'static str {
    match configuration {
        Configuration::MemoryRoundRobin => {
            "Any replica gets the next request, and only the replica of the login has \
             the session."
        }
        Configuration::MemorySticky => {
            "The balancer's cookie routes each user to the replica with the session."
        }
        Configuration::Token | Configuration::RevocableToken => {
            "Every replica can check the signature, so no replica stores a session."
        }
        Configuration::Central => {
            "All replicas read the same store, so no replica holds a session."
        }
    }
}

fn logins_lost_since_fault(report: &ConfigurationReport, scenario: Scenario) -> String {
    let text = match (report.configuration, scenario) {
        (Configuration::MemoryRoundRobin, _) => {
            "As before the fault: most requests reach a replica without the user's \
             session."
        }
        (
            Configuration::MemorySticky,
            Scenario::KillAReplica | Scenario::CentralStore,
        ) => {
            let sessions = match report.on_target {
                1 => "1 user's session was".to_owned(),
                users => format!("{users} users' sessions were"),
            };
            return format!("{sessions} in the memory of that process and died with it.");
        }
        (Configuration::MemorySticky, Scenario::RestartEverything) => {
            "All sessions died with their processes. The new processes have none."
        }
        (
            Configuration::MemorySticky,
            Scenario::ScaleOut | Scenario::RedisGoesAway | Scenario::PostgresRestarts,
        ) => "Users stay with the replica that has their session.",
        (Configuration::MemorySticky, Scenario::RollingRestart) => {
            "Each process took its users' sessions with it. A user that moved to a replica \
             with its restart still ahead lost a second session."
        }
        (
            Configuration::Token | Configuration::Central | Configuration::RevocableToken,
            _,
        ) => logins_kept_reason(report.configuration, scenario),
    };
    text.to_owned()
}

/// Why no login was lost where no process holds sessions.
const fn logins_kept_reason(
    configuration: Configuration,
    scenario: Scenario,
) -> &'static str {
    match (configuration, scenario) {
        (Configuration::Central, Scenario::RedisGoesAway) => {
            "Redis held copies. The sessions are in the database, and every replica reads \
             them there when the copy is gone."
        }
        (
            Configuration::Central | Configuration::RevocableToken,
            Scenario::PostgresRestarts,
        ) => {
            "Committed sessions are on disk. While the database was down, the answer was \
             503 (try again) and never 401 (log in)."
        }
        (Configuration::RevocableToken, Scenario::RedisGoesAway) => {
            "The signature needs no store, and the revocations are in the database, too."
        }
        (Configuration::Central, _) => {
            "The sessions are in the store, not in the process that died. Any other \
             replica reads them there."
        }
        _ => "The credential is in the request. Any replica, old or new, can check it.",
    }
}

fn logged_out(report: &ConfigurationReport, scenario: Scenario) -> String {
    let text = match (report.configuration, scenario) {
        (Configuration::MemoryRoundRobin, _) => {
            "All users, repeatedly, with or without a fault: memory and round robin do \
             not work together."
        }
        (
            Configuration::MemorySticky,
            Scenario::KillAReplica | Scenario::CentralStore,
        ) => "Exactly the users of the killed replica.",
        (Configuration::MemorySticky, Scenario::RestartEverything) => {
            "All users, because every replica was killed."
        }
        (
            Configuration::MemorySticky,
            Scenario::ScaleOut | Scenario::RedisGoesAway | Scenario::PostgresRestarts,
        )
        | (
            Configuration::Token | Configuration::Central | Configuration::RevocableToken,
            _,
        ) => "No user had to log in again.",
        (Configuration::MemorySticky, Scenario::RollingRestart) => {
            "All users, although no request failed: an orderly stop saves requests, not \
             the contents of memory."
        }
    };
    text.to_owned()
}

const fn new_replica(configuration: Configuration) -> &'static str {
    match configuration {
        Configuration::MemoryRoundRobin => {
            "It gets its share of requests, and answers nearly all of them with 401."
        }
        Configuration::MemorySticky => {
            "Users stay with the replica of their session: the new replica helps only \
             users that log in later."
        }
        Configuration::Token | Configuration::Central | Configuration::RevocableToken => {
            "It takes its share from its first second."
        }
    }
}

fn recovery(report: &ConfigurationReport, scenario: Scenario) -> String {
    let text = match (report.recovery_s, report.configuration) {
        (None, Configuration::MemoryRoundRobin) => {
            "Users were logged out before the fault, too, so there is no recovery."
        }
        (None, _) => "Requests still failed when the demo ended.",
        (Some(0.0), _) => "No request was affected.",
        (Some(_), Configuration::MemoryRoundRobin) => {
            "By chance the last requests reached the right replicas."
        }
        (Some(_), Configuration::MemorySticky) => {
            "By then the last user of the killed replica had logged in on another one."
        }
        (Some(_), _) if scenario == Scenario::PostgresRestarts => {
            "Until the database answered again. No replica was removed or restarted."
        }
        (
            Some(_),
            Configuration::Token | Configuration::Central | Configuration::RevocableToken,
        ) => "Until the balancer sent requests to ready replicas only.",
    };
    text.to_owned()
}
