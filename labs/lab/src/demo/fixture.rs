//! The expected figures of a configuration, for tests that change some of them.

use crate::demo::configuration::Configuration;
use crate::demo::figures::ConfigurationReport;
use crate::demo::latency::Latencies;
use crate::demo::scenario::Scenario;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const USERS: usize = 12;

const ON_TARGET: [usize; 4] = [1, 4, 7, 10];

pub(crate) fn expected_report(
    scenario: Scenario,
    configuration: Configuration,
) -> ConfigurationReport {
    let on_target_users = BTreeSet::from(ON_TARGET);
    let named = scenario.logged_out(configuration, USERS, &on_target_users);
    let logged_out_users = named.unwrap_or_else(|| (1..=USERS).collect());
    let moves_in =
        scenario == Scenario::ScaleOut && configuration != Configuration::MemorySticky;
    ConfigurationReport {
        configuration,
        requests: 1_500,
        latency_before: Latencies::of(std::iter::repeat_n(3_000, 400)),
        latency_since: Latencies::of((0..1_100).map(|at| at * 100)),
        failed: usize::from(scenario.no_failure_check_title().is_none()),
        failed_before_fault: 0,
        failures: BTreeMap::new(),
        logins_lost_before_fault: if configuration == Configuration::MemoryRoundRobin {
            9
        } else {
            0
        },
        logins_lost_since_fault: logged_out_users.len(),
        logged_out: logged_out_users.len(),
        logged_out_users,
        on_target: ON_TARGET.len(),
        on_target_users,
        uploads_acknowledged: 7,
        uploads_present: 7,
        uploads_lost: 0,
        uploads_corrupted: 0,
        uploads_duplicated: 0,
        unanswered_reads: 0,
        recovery_s: Some(0.1),
        served_by_new_replica: if moves_in { 20 } else { 0 },
        enough_answers: true,
        quiesced: true,
        timeline: format!("{}|{}", ".".repeat(16), "xL*. ".repeat(30)),
    }
}
