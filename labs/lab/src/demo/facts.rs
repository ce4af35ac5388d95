//! What the concepts say must have happened, and whether it did.

use crate::demo::figures::LaneReport;
use crate::demo::lane::Lane;
use crate::demo::scenario::Scenario;
use serde::Serialize;
use std::collections::BTreeSet;

/// One statement about one lane, with the figure that it stands or falls by.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Fact {
    pub(crate) lane: Lane,
    pub(crate) says: String,
    pub(crate) expected: String,
    pub(crate) measured: String,
    pub(crate) holds: bool,
    /// Whether no slowness explains it if it does not hold: then it counts even in a run
    /// that could not tell the rest.
    pub(crate) inexcusable: bool,
}

impl Fact {
    const fn inexcusable_if(mut self, inexcusable: bool) -> Self {
        self.inexcusable = inexcusable;
        self
    }
}

/// Every statement about a run.
pub(crate) fn facts(scenario: Scenario, users: usize, lanes: &[LaneReport]) -> Vec<Fact> {
    let mut facts = Vec::new();
    for lane in lanes {
        facts.extend([uploads(lane), hashes(lane), once(lane), lost_before(lane)]);
        let at_home = &lane.who_was_at_home;
        if let Some(expected) = scenario.logged_out(lane.lane, users, at_home) {
            facts.push(logged_out(lane, &expected, users));
        }
        if let Some(says) = scenario.costs_nothing() {
            facts.push(none(lane, says, lane.failed));
        }
        if scenario == Scenario::ScaleOut {
            facts.push(newcomer(lane));
        }
    }
    facts
}

/// Lost is only what a server said is not there, or gave back as something else.
fn uploads(lane: &LaneReport) -> Fact {
    let (expected, there) = (lane.uploads_acknowledged, lane.uploads_there);
    let says = "every acknowledged upload is there afterwards";
    fact(lane, says, &expected, &there, there == expected)
        .inexcusable_if(lane.uploads_lost > 0)
}

fn hashes(lane: &LaneReport) -> Fact {
    let says = "no acknowledgement names another hash than that of the bytes sent";
    none(lane, says, lane.uploads_misread).inexcusable_if(true)
}

fn once(lane: &LaneReport) -> Fact {
    none(lane, "no upload happened twice", lane.uploads_twice).inexcusable_if(true)
}

/// Round robin before separate memories loses logins with nothing wrong; the others
/// lose none.
fn lost_before(lane: &LaneReport) -> Fact {
    let lost = lane.lost_before;
    match lane.lane {
        Lane::MemoryRoundRobin => {
            some(lane, "logins are lost although nothing is wrong", lost)
        }
        _ => none(lane, "no login is lost while nothing is wrong", lost)
            .inexcusable_if(lane.lane.loses_nobody()),
    }
}

/// Not only as many: the very same users.
fn logged_out(lane: &LaneReport, expected: &BTreeSet<usize>, users: usize) -> Fact {
    let says = "those are logged out of whom the concepts say it, and nobody else";
    let measured = &lane.who_was_logged_out;
    let (wanted, got) = (named(expected, users), named(measured, users));
    fact(lane, says, &wanted, &got, measured == expected)
        .inexcusable_if(lane.lane.loses_nobody())
}

fn newcomer(lane: &LaneReport) -> Fact {
    let served = lane.served_by_newcomer;
    match lane.lane {
        Lane::MemorySticky => {
            let says = "a new replica gets none of the users who are known elsewhere";
            none(lane, says, served)
        }
        _ => some(lane, "a new replica takes its share at once", served),
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

fn named(who: &BTreeSet<usize>, users: usize) -> String {
    let numbers: Vec<_> = who.iter().map(ToString::to_string).collect();
    match who.len() {
        0 => "nobody".to_owned(),
        all if all == users => "everybody".to_owned(),
        1 => format!("user {}", numbers.join(" ")),
        _ => format!("users {}", numbers.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::specimen::{USERS, as_it_should};

    /// The statements that do not hold once something in one lane is changed.
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

    /// Changes something and expects one statement to fall by it.
    #[track_caller]
    fn falls(
        lane: Lane,
        (word, inexcusable): (&str, bool),
        change: impl FnOnce(&mut LaneReport),
    ) {
        let broken = violated(Scenario::KillAReplica, lane, change);
        let [(says, always)] = &broken[..] else { panic!("{broken:?}") };
        assert!(says.contains(word) && *always == inexcusable, "{broken:?}");
    }

    #[test]
    fn all_of_them_hold_for_a_run_that_is_as_it_should_be() {
        for scenario in Scenario::ALL {
            for lane in scenario.lanes() {
                assert_eq!(violated(scenario, *lane, |_| {}), [], "{scenario:?}");
            }
        }
    }

    #[test]
    fn every_statement_about_uploads_can_fail() {
        for lane in Lane::PHASE_1 {
            falls(lane, ("is there afterwards", true), |lane| {
                lane.uploads_there -= 1;
                lane.uploads_lost += 1;
            });
            falls(lane, ("is there afterwards", false), |lane| {
                lane.uploads_there -= 1;
                lane.unanswered += 1;
            });
            falls(lane, ("another hash", true), |lane| lane.uploads_misread = 1);
            falls(lane, ("twice", true), |lane| lane.uploads_twice = 1);
        }
    }

    #[test]
    fn every_statement_about_logins_can_fail() {
        let lost = "although nothing is wrong";
        falls(Lane::MemoryRoundRobin, (lost, false), |lane| lane.lost_before = 0);
        let kept = "while nothing is wrong";
        falls(Lane::MemorySticky, (kept, false), |lane| lane.lost_before = 1);
        falls(Lane::Token, (kept, true), |lane| lane.lost_before = 1);
        falls(Lane::Token, ("logged out", true), |lane| {
            lane.who_was_logged_out.insert(1);
        });
    }

    #[test]
    fn as_many_users_as_expected_but_other_ones_are_not_those_expected() {
        falls(Lane::MemorySticky, ("logged out", false), |lane| {
            let other = (1..=USERS).find(|user| !lane.who_was_at_home.contains(user));
            lane.who_was_logged_out.pop_first();
            lane.who_was_logged_out.extend(other);
            assert_eq!(lane.who_was_logged_out.len(), lane.who_was_at_home.len());
        });
    }

    #[test]
    fn every_statement_about_an_orderly_change_can_fail() {
        let of = |lane, change: fn(&mut LaneReport)| {
            violated(Scenario::ScaleOut, lane, change).len()
        };
        for lane in Lane::PHASE_1 {
            assert_eq!(of(lane, |lane| lane.failed = 1), 1, "{lane:?}");
            let toggled = of(lane, |lane| {
                lane.served_by_newcomer = usize::from(lane.served_by_newcomer == 0);
            });
            assert_eq!(toggled, 1, "{lane:?}");
        }
    }
}
