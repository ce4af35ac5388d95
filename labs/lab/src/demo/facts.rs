//! The expected results of a run, and whether they hold.

use crate::demo::figures::LaneReport;
use crate::demo::lane::Lane;
use crate::demo::scenario::Scenario;
use serde::Serialize;
use std::collections::BTreeSet;

/// One check of one configuration, with the figure that decides it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Fact {
    #[serde(rename = "configuration")]
    pub(crate) lane: Lane,
    #[serde(rename = "title")]
    pub(crate) says: String,
    pub(crate) expected: String,
    pub(crate) measured: String,
    pub(crate) holds: bool,
    /// The check does not hold, and no slowness of the machine explains that. It then
    /// fails the run even if other results are inconclusive.
    pub(crate) inexcusable: bool,
}

impl Fact {
    const fn inexcusable_if(mut self, inexcusable: bool) -> Self {
        self.inexcusable = inexcusable;
        self
    }
}

/// Every check of a run.
pub(crate) fn facts(scenario: Scenario, users: usize, lanes: &[LaneReport]) -> Vec<Fact> {
    let mut facts = Vec::new();
    for lane in lanes {
        facts.extend([uploads(lane), hashes(lane), once(lane), lost_before(lane)]);
        let on_target = &lane.on_target_users;
        if let Some(expected) = scenario.logged_out(lane.lane, users, on_target) {
            facts.push(logged_out(lane, &expected, users));
        }
        if let Some(says) = scenario.costs_nothing() {
            facts.push(none(lane, says, lane.failed));
        }
        if scenario == Scenario::ScaleOut {
            facts.push(new_replica(lane));
        }
    }
    facts
}

/// An upload is lost if the server answers 404 or returns other bytes.
fn uploads(lane: &LaneReport) -> Fact {
    let (expected, there) = (lane.uploads_acknowledged, lane.uploads_present);
    let says = "every acknowledged upload is present afterwards";
    fact(lane, says, &expected, &there, there == expected)
        .inexcusable_if(lane.uploads_lost > 0)
}

fn hashes(lane: &LaneReport) -> Fact {
    let says = "every acknowledgement has the hash of the bytes sent";
    none(lane, says, lane.uploads_corrupted).inexcusable_if(true)
}

fn once(lane: &LaneReport) -> Fact {
    none(lane, "no upload was stored twice", lane.uploads_duplicated).inexcusable_if(true)
}

/// Round robin with sessions in memory loses logins without any fault. The other
/// configurations lose none.
fn lost_before(lane: &LaneReport) -> Fact {
    let lost = lane.lost_before;
    match lane.lane {
        Lane::MemoryRoundRobin => some(lane, "logins are lost without a fault", lost),
        _ => none(lane, "no login is lost without a fault", lost)
            .inexcusable_if(lane.lane.sessions_outlive_replicas()),
    }
}

/// Compares the users, not only their number.
fn logged_out(lane: &LaneReport, expected: &BTreeSet<usize>, users: usize) -> Fact {
    let says = "exactly the expected users are logged out";
    let measured = &lane.logged_out_users;
    let (wanted, got) = (named(expected, users), named(measured, users));
    fact(lane, says, &wanted, &got, measured == expected)
        .inexcusable_if(lane.lane.sessions_outlive_replicas())
}

fn new_replica(lane: &LaneReport) -> Fact {
    let served = lane.served_by_new_replica;
    match lane.lane {
        Lane::MemorySticky => {
            let says = "a new replica gets no user with a session on another replica";
            none(lane, says, served)
        }
        _ => some(lane, "a new replica takes its share of requests at once", served),
    }
}

fn none(lane: &LaneReport, says: &str, measured: usize) -> Fact {
    fact(lane, says, &0, &measured, measured == 0)
}

fn some(lane: &LaneReport, says: &str, measured: usize) -> Fact {
    fact(lane, says, &"more than 0", &measured, measured > 0)
}

fn fact(
    lane: &LaneReport,
    says: &str,
    expected: &dyn ToString,
    measured: &dyn ToString,
    holds: bool,
) -> Fact {
    let (expected, measured) = (expected.to_string(), measured.to_string());
    let (lane, says) = (lane.lane, says.to_owned());
    Fact { lane, says, expected, measured, holds, inexcusable: false }
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
    use crate::demo::specimen::{USERS, as_it_should};

    /// The checks that fail after a change to the figures of one configuration.
    fn violated(
        scenario: Scenario,
        lane: Lane,
        change: impl FnOnce(&mut LaneReport),
    ) -> Vec<(String, bool)> {
        let mut report = as_it_should(scenario, lane);
        change(&mut report);
        let facts = facts(scenario, USERS, &[report]);
        let broken = facts.into_iter().filter(|fact| !fact.holds);
        broken.map(|fact| (fact.says, fact.inexcusable)).collect()
    }

    /// Changes the figures and expects exactly one check to fail.
    #[track_caller]
    fn fails(
        lane: Lane,
        (word, inexcusable): (&str, bool),
        change: impl FnOnce(&mut LaneReport),
    ) {
        let broken = violated(Scenario::KillAReplica, lane, change);
        let [(says, always)] = &broken[..] else { panic!("{broken:?}") };
        assert!(says.contains(word) && *always == inexcusable, "{broken:?}");
    }

    #[test]
    fn every_check_holds_for_the_expected_figures() {
        for scenario in Scenario::ALL {
            for lane in scenario.lanes() {
                assert_eq!(violated(scenario, *lane, |_| {}), [], "{scenario:?}");
            }
        }
    }

    #[test]
    fn every_check_of_uploads_can_fail() {
        for lane in Lane::PHASE_1 {
            fails(lane, ("is present afterwards", true), |lane| {
                lane.uploads_present -= 1;
                lane.uploads_lost += 1;
            });
            fails(lane, ("is present afterwards", false), |lane| {
                lane.uploads_present -= 1;
                lane.unanswered += 1;
            });
            fails(lane, ("has the hash", true), |lane| lane.uploads_corrupted = 1);
            fails(lane, ("twice", true), |lane| lane.uploads_duplicated = 1);
        }
    }

    #[test]
    fn every_check_of_logins_can_fail() {
        let lost = "are lost without a fault";
        fails(Lane::MemoryRoundRobin, (lost, false), |lane| lane.lost_before = 0);
        let kept = "no login is lost without a fault";
        fails(Lane::MemorySticky, (kept, false), |lane| lane.lost_before = 1);
        fails(Lane::Token, (kept, true), |lane| lane.lost_before = 1);
        fails(Lane::Token, ("logged out", true), |lane| {
            lane.logged_out_users.insert(1);
        });
    }

    #[test]
    fn same_number_of_other_users_fails_the_check() {
        fails(Lane::MemorySticky, ("logged out", false), |lane| {
            let other = (1..=USERS).find(|user| !lane.on_target_users.contains(user));
            lane.logged_out_users.pop_first();
            lane.logged_out_users.extend(other);
            assert_eq!(lane.logged_out_users.len(), lane.on_target_users.len());
        });
    }

    #[test]
    fn every_check_of_an_orderly_change_can_fail() {
        let of = |lane, change: fn(&mut LaneReport)| {
            violated(Scenario::ScaleOut, lane, change).len()
        };
        for lane in Lane::PHASE_1 {
            assert_eq!(of(lane, |lane| lane.failed = 1), 1, "{lane:?}");
            let toggled = of(lane, |lane| {
                lane.served_by_new_replica = usize::from(lane.served_by_new_replica == 0);
            });
            assert_eq!(toggled, 1, "{lane:?}");
        }
    }
}
