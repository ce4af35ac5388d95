//! The rows of the table, and one sentence for each cell.

mod latency_since;

use crate::demo::configuration::Configuration;
use crate::demo::figures::ConfigurationReport;
use crate::demo::scenario::Scenario;
use latency_since::latency_since;

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
    LatencyBefore,
    LatencySince,
    Recovery,
}

impl ComparisonRow {
    const ALL: [Self; 10] = [
        Self::Requests,
        Self::Failed,
        Self::LostBefore,
        Self::LostSince,
        Self::LoggedOut,
        Self::NewReplica,
        Self::Uploads,
        Self::LatencyBefore,
        Self::LatencySince,
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
            Self::Requests => "requests before / since",
            Self::Failed => "failed requests",
            Self::LostBefore => "logins lost before fault",
            Self::LostSince => "logins lost since fault",
            Self::LoggedOut => "users logged out since",
            Self::NewReplica => "served by new replica",
            Self::Uploads => "uploads / still present",
            Self::LatencyBefore => "p50 / p99 before, ms",
            Self::LatencySince => "p50 / p99 since, ms",
            Self::Recovery => "seconds to recover",
        }
    }

    pub(crate) fn table_cell(self, report: &ConfigurationReport, users: usize) -> String {
        match self {
            Self::Requests => {
                let since = report.latency_since.requests;
                format!("{} / {since}", report.latency_before.requests)
            }
            Self::Failed => report.failed.to_string(),
            Self::LostBefore => report.logins_lost_before_fault.to_string(),
            Self::LostSince => report.logins_lost_since_fault.to_string(),
            Self::LoggedOut => format!("{} of {users}", report.logged_out),
            Self::NewReplica => report.served_by_new_replica.to_string(),
            Self::Uploads => {
                format!("{} / {}", report.uploads_acknowledged, report.uploads_present)
            }
            Self::LatencyBefore => report.latency_before.short_cell(),
            Self::LatencySince => report.latency_since.short_cell(),
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

/// The reason for a cell, as a sentence.
pub(crate) fn explanation(
    row: ComparisonRow,
    report: &ConfigurationReport,
    scenario: Scenario,
) -> String {
    match row {
        ComparisonRow::Requests => REQUESTS.to_owned(),
        ComparisonRow::Failed => failed(report, scenario),
        ComparisonRow::LostBefore => {
            logins_lost_before_fault(report.configuration).to_owned()
        }
        ComparisonRow::LostSince => logins_lost_since_fault(report, scenario),
        ComparisonRow::LoggedOut => logged_out(report, scenario),
        ComparisonRow::NewReplica => new_replica(report.configuration).to_owned(),
        ComparisonRow::Uploads => UPLOADS.to_owned(),
        ComparisonRow::LatencyBefore => LATENCY_BEFORE.to_owned(),
        ComparisonRow::LatencySince => {
            latency_since(&report.latency_before, &report.latency_since, scenario)
                .to_owned()
        }
        ComparisonRow::Recovery => recovery(report, scenario),
    }
}

const REQUESTS: &str = "A user sends its next request after an answer and a pause of 15 to \
     45 ms. Its first one follows its login, and a login takes time, because the password is \
     checked: a count shows speed only together with the latencies.";

const UPLOADS: &str = "Files are on disk, and not in the memory of a process. Every \
     acknowledged upload was read again after the fault.";

const LATENCY_BEFORE: &str = "The time of one request, as its client measures it. All \
     configurations share this machine, so compare them with each other only.";

fn failed(report: &ConfigurationReport, scenario: Scenario) -> String {
    let text = match (report.failed, scenario) {
        (0, _) => "Every request reached a replica that could answer it.",
        (_, Scenario::PostgresRestarts) => {
            "These arrived while the database was down. They got 503 with Retry-After, and \
             every acknowledged upload is on disk."
        }
        _ => {
            "These were in flight on a killed replica, or no replica was ready for them. \
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
            "The sessions are in the store, not in the memory of a replica. Any other \
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
        (Some(_), Configuration::MemorySticky) => sticky_recovery(scenario),
        (Some(_), _) if scenario == Scenario::PostgresRestarts => {
            "Until the database answered again. No replica was removed or restarted."
        }
        (
            Some(_),
            Configuration::Token | Configuration::Central | Configuration::RevocableToken,
        ) => READY_REPLICAS,
    };
    text.to_owned()
}

const READY_REPLICAS: &str = "Until the balancer sent requests to ready replicas only.";

/// Why users with sessions in memory had recovered.
const fn sticky_recovery(scenario: Scenario) -> &'static str {
    match scenario {
        Scenario::KillAReplica | Scenario::CentralStore => {
            "By then the last user of the killed replica had been told to log in again."
        }
        Scenario::RestartEverything => {
            "By then the last user had been told to log in again."
        }
        Scenario::RollingRestart => {
            "By then the last replica had restarted, and its users had been told to log in \
             again."
        }
        Scenario::ScaleOut | Scenario::RedisGoesAway | Scenario::PostgresRestarts => {
            READY_REPLICAS
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::fixture::expected_report;

    /// In the other scenarios every replica stays up, or is stopped in order.
    const KILLS_REPLICAS: [Scenario; 3] =
        [Scenario::KillAReplica, Scenario::RestartEverything, Scenario::CentralStore];

    #[test]
    fn reasons_mention_a_killed_replica_only_where_one_is() {
        for scenario in Scenario::ALL {
            for configuration in scenario.configurations() {
                let report = expected_report(scenario, *configuration);
                for row in ComparisonRow::of(scenario) {
                    let text = explanation(row, &report, scenario);
                    let is_wrong = text.contains("killed") || text.contains("died");
                    assert!(
                        !is_wrong || KILLS_REPLICAS.contains(&scenario),
                        "{scenario:?} {configuration:?} {row:?}: {text}"
                    );
                }
            }
        }
    }

    #[test]
    fn sticky_users_recover_when_they_are_told_to_log_in() {
        let text = |scenario| {
            recovery(&expected_report(scenario, Configuration::MemorySticky), scenario)
        };
        assert!(text(Scenario::KillAReplica).contains("of the killed replica"));
        assert!(text(Scenario::CentralStore).contains("of the killed replica"));
        assert!(text(Scenario::RestartEverything).contains("told to log in again"));
        assert!(text(Scenario::RollingRestart).contains("the last replica had"));
    }
}
