//! The expected results of a run, and whether they hold.

use crate::demo::configuration::Configuration;
use crate::demo::figures::ConfigurationReport;
use crate::demo::scenario::Scenario;
use serde::Serialize;
use std::collections::BTreeSet;

/// One check of one configuration, with the figure that decides it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Check {
    pub(crate) configuration: Configuration,
    pub(crate) title: String,
    pub(crate) expected: String,
    pub(crate) measured: String,
    pub(crate) holds: bool,
    /// The check does not hold, and no slowness of the machine explains that. It then
    /// fails the run even if other results are inconclusive.
    pub(crate) inexcusable: bool,
}

impl Check {
    const fn inexcusable_if(mut self, inexcusable: bool) -> Self {
        self.inexcusable = inexcusable;
        self
    }
}

/// Every check of a run.
pub(crate) fn checks(
    scenario: Scenario,
    users: usize,
    configurations: &[ConfigurationReport],
) -> Vec<Check> {
    let mut checks = Vec::new();
    for configuration in configurations {
        checks.extend([
            uploads(configuration),
            hashes(configuration),
            once(configuration),
            logins_lost_before_fault(configuration),
        ]);
        let on_target = &configuration.on_target_users;
        if let Some(expected) =
            scenario.logged_out(configuration.configuration, users, on_target)
        {
            checks.push(logged_out(configuration, &expected, users));
        }
        if let Some(title) = scenario.no_failure_check_title() {
            checks.push(none(configuration, title, configuration.failed));
        }
        if scenario == Scenario::ScaleOut {
            checks.push(new_replica(configuration));
        }
    }
    checks
}

/// An upload is lost if the server answers 404 or returns other bytes.
fn uploads(report: &ConfigurationReport) -> Check {
    let (expected, there) = (report.uploads_acknowledged, report.uploads_present);
    let title = "every acknowledged upload is present afterwards";
    check(report, title, &expected, &there, there == expected)
        .inexcusable_if(report.uploads_lost > 0)
}

fn hashes(report: &ConfigurationReport) -> Check {
    let title = "every acknowledgement has the hash of the bytes sent";
    none(report, title, report.uploads_corrupted).inexcusable_if(true)
}

fn once(report: &ConfigurationReport) -> Check {
    none(report, "no upload was stored twice", report.uploads_duplicated)
        .inexcusable_if(true)
}

/// Round robin with sessions in memory loses logins without any fault. The other
/// configurations lose none.
fn logins_lost_before_fault(report: &ConfigurationReport) -> Check {
    let lost = report.logins_lost_before_fault;
    match report.configuration {
        Configuration::MemoryRoundRobin => {
            some(report, "logins are lost without a fault", lost)
        }
        _ => none(report, "no login is lost without a fault", lost)
            .inexcusable_if(report.configuration.sessions_outlive_replicas()),
    }
}

/// Compares the users, not only their number.
fn logged_out(
    report: &ConfigurationReport,
    expected: &BTreeSet<usize>,
    users: usize,
) -> Check {
    let title = "exactly the expected users are logged out";
    let measured = &report.logged_out_users;
    let (wanted, got) = (named(expected, users), named(measured, users));
    check(report, title, &wanted, &got, measured == expected)
        .inexcusable_if(report.configuration.sessions_outlive_replicas())
}

fn new_replica(report: &ConfigurationReport) -> Check {
    let served = report.served_by_new_replica;
    match report.configuration {
        Configuration::MemorySticky => {
            let title = "a new replica gets no user with a session on another replica";
            none(report, title, served)
        }
        _ => some(report, "a new replica takes its share of requests at once", served),
    }
}

fn none(report: &ConfigurationReport, title: &str, measured: usize) -> Check {
    check(report, title, &0, &measured, measured == 0)
}

fn some(report: &ConfigurationReport, title: &str, measured: usize) -> Check {
    check(report, title, &"more than 0", &measured, measured > 0)
}

fn check(
    report: &ConfigurationReport,
    title: &str,
    expected: &dyn ToString,
    measured: &dyn ToString,
    holds: bool,
) -> Check {
    let (expected, measured) = (expected.to_string(), measured.to_string());
    let (configuration, title) = (report.configuration, title.to_owned());
    Check { configuration, title, expected, measured, holds, inexcusable: false }
}

fn named(some: &BTreeSet<usize>, users: usize) -> String {
    let numbers: Vec<_> = some.iter().map(ToString::to_string).collect();
    match some.len() {
        0 => "no user".to_owned(),
        all if all == users => "all users".to_owned(),
        1 => format!("user {}", numbers.join(" ")),
        _ => format!("users {}", numbers.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::fixture::{USERS, expected_report};

    /// The checks that fail after a change to the figures of one configuration.
    fn violated(
        scenario: Scenario,
        configuration: Configuration,
        change: impl FnOnce(&mut ConfigurationReport),
    ) -> Vec<(String, bool)> {
        let mut report = expected_report(scenario, configuration);
        change(&mut report);
        let checks = checks(scenario, USERS, &[report]);
        let broken = checks.into_iter().filter(|check| !check.holds);
        broken.map(|check| (check.title, check.inexcusable)).collect()
    }

    /// Changes the figures and expects exactly one check to fail.
    #[track_caller]
    fn fails(
        configuration: Configuration,
        (word, inexcusable): (&str, bool),
        change: impl FnOnce(&mut ConfigurationReport),
    ) {
        let broken = violated(Scenario::KillAReplica, configuration, change);
        let [(title, always)] = &broken[..] else { panic!("{broken:?}") };
        assert!(title.contains(word) && *always == inexcusable, "{broken:?}");
    }

    #[test]
    fn every_check_holds_for_the_expected_figures() {
        for scenario in Scenario::ALL {
            for configuration in scenario.configurations() {
                assert_eq!(
                    violated(scenario, *configuration, |_| {}),
                    [],
                    "{scenario:?}"
                );
            }
        }
    }

    #[test]
    fn every_check_of_uploads_can_fail() {
        for configuration in Configuration::PHASE_1 {
            fails(configuration, ("is present afterwards", true), |configuration| {
                configuration.uploads_present -= 1;
                configuration.uploads_lost += 1;
            });
            fails(configuration, ("is present afterwards", false), |configuration| {
                configuration.uploads_present -= 1;
                configuration.unanswered_reads += 1;
            });
            fails(configuration, ("has the hash", true), |configuration| {
                configuration.uploads_corrupted = 1
            });
            fails(configuration, ("twice", true), |configuration| {
                configuration.uploads_duplicated = 1
            });
        }
    }

    #[test]
    fn every_check_of_logins_can_fail() {
        let lost = "are lost without a fault";
        fails(Configuration::MemoryRoundRobin, (lost, false), |configuration| {
            configuration.logins_lost_before_fault = 0
        });
        let kept = "no login is lost without a fault";
        fails(Configuration::MemorySticky, (kept, false), |configuration| {
            configuration.logins_lost_before_fault = 1
        });
        fails(Configuration::Token, (kept, true), |configuration| {
            configuration.logins_lost_before_fault = 1
        });
        fails(Configuration::Token, ("logged out", true), |configuration| {
            configuration.logged_out_users.insert(1);
        });
    }

    #[test]
    fn same_number_of_other_users_fails_the_check() {
        fails(Configuration::MemorySticky, ("logged out", false), |configuration| {
            let other =
                (1..=USERS).find(|user| !configuration.on_target_users.contains(user));
            configuration.logged_out_users.pop_first();
            configuration.logged_out_users.extend(other);
            assert_eq!(
                configuration.logged_out_users.len(),
                configuration.on_target_users.len()
            );
        });
    }

    #[test]
    fn every_check_of_an_orderly_change_can_fail() {
        let of = |configuration, change: fn(&mut ConfigurationReport)| {
            violated(Scenario::ScaleOut, configuration, change).len()
        };
        for configuration in Configuration::PHASE_1 {
            assert_eq!(
                of(configuration, |configuration| configuration.failed = 1),
                1,
                "{configuration:?}"
            );
            let toggled = of(configuration, |configuration| {
                configuration.served_by_new_replica =
                    usize::from(configuration.served_by_new_replica == 0);
            });
            assert_eq!(toggled, 1, "{configuration:?}");
        }
    }
}
