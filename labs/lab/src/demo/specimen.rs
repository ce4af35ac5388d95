//! A lane as the concepts say it must be, for tests that then change something.

use crate::demo::figures::LaneReport;
use crate::demo::lane::Lane;
use crate::demo::scenario::Scenario;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const USERS: usize = 12;

const AT_HOME: [usize; 4] = [1, 4, 7, 10];

pub(crate) fn as_it_should(scenario: Scenario, lane: Lane) -> LaneReport {
    let who_was_at_home = BTreeSet::from(AT_HOME);
    let named = scenario.logged_out(lane, USERS, &who_was_at_home);
    let who_was_logged_out = named.unwrap_or_else(|| (1..=USERS).collect());
    let moves_in = scenario == Scenario::ScaleOut && lane != Lane::MemorySticky;
    LaneReport {
        lane,
        requests: 100,
        failed: usize::from(scenario.costs_nothing().is_none()),
        failed_before: 0,
        failures: BTreeMap::new(),
        lost_before: if lane == Lane::MemoryRoundRobin { 9 } else { 0 },
        lost_since: who_was_logged_out.len(),
        logged_out: who_was_logged_out.len(),
        who_was_logged_out,
        at_home: AT_HOME.len(),
        who_was_at_home,
        uploads_acknowledged: 7,
        uploads_there: 7,
        uploads_lost: 0,
        uploads_misread: 0,
        uploads_twice: 0,
        unanswered: 0,
        recovery_s: Some(0.1),
        served_by_newcomer: if moves_in { 20 } else { 0 },
        complete: true,
        calmed_down: true,
        timeline: String::new(),
    }
}
