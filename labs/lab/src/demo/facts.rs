//! What the concepts say must have happened, and whether it did.

use crate::demo::figures::LaneReport;
use crate::demo::lane::Lane;
use crate::demo::scenario::Scenario;
use serde::Serialize;
use std::process::ExitCode;

/// One statement about one lane, with the figure that it stands or falls by.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Fact {
    pub(crate) lane: Lane,
    pub(crate) says: String,
    pub(crate) expected: String,
    pub(crate) measured: String,
    pub(crate) holds: bool,
}

/// What a judging command ends with. The numbers are the exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// Everything is as the concepts say.
    Pass = 0,
    /// Something is not.
    Fail = 1,
    /// The run shows neither.
    CouldNotTell = 2,
}

impl Verdict {
    pub(crate) fn of(lanes: &[LaneReport], facts: &[Fact]) -> Self {
        // A lane in which users were still not served says nothing of who was logged out.
        if lanes.iter().any(|lane| !lane.calmed_down || lane.requests == 0) {
            return Self::CouldNotTell;
        }
        match facts.iter().all(|fact| fact.holds) {
            true => Self::Pass,
            false => Self::Fail,
        }
    }

    pub(crate) fn exit_code(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}

/// Every statement about a run.
pub(crate) fn facts(scenario: Scenario, users: usize, lanes: &[LaneReport]) -> Vec<Fact> {
    let mut facts = Vec::new();
    for lane in lanes {
        facts.push(uploads(lane));
        facts.push(lost_before(lane));
        if let Some(expected) = scenario.logged_out(lane.lane, users, lane.at_home) {
            facts.push(logged_out(lane, expected));
        }
        if !scenario.may_fail_requests() {
            facts.push(nothing_failed(lane));
        }
        if scenario == Scenario::ScaleOut {
            facts.push(newcomer(lane));
        }
    }
    facts
}

fn uploads(lane: &LaneReport) -> Fact {
    let expected = lane.uploads_acknowledged;
    fact(
        lane,
        "every acknowledged upload is there afterwards",
        format!("{expected}"),
        lane.uploads_there,
        lane.uploads_there == expected && expected > 0,
    )
}

/// Round robin before separate memories loses logins with nothing wrong; the others
/// lose none.
fn lost_before(lane: &LaneReport) -> Fact {
    let lost = lane.lost_before;
    match lane.lane {
        Lane::MemoryRoundRobin => {
            let says = "logins are lost although nothing is wrong";
            fact(lane, says, "more than 0".to_owned(), lost, lost > 0)
        }
        Lane::MemorySticky | Lane::Token => {
            let says = "no login is lost while nothing is wrong";
            fact(lane, says, "0".to_owned(), lost, lost == 0)
        }
    }
}

fn logged_out(lane: &LaneReport, expected: usize) -> Fact {
    let says = "as many users are logged out as the concepts say";
    let measured = lane.logged_out;
    fact(lane, says, expected.to_string(), measured, measured == expected)
}

fn nothing_failed(lane: &LaneReport) -> Fact {
    let says = "an orderly change fails no request";
    fact(lane, says, "0".to_owned(), lane.failed, lane.failed == 0)
}

fn newcomer(lane: &LaneReport) -> Fact {
    let served = lane.served_by_newcomer;
    match lane.lane {
        Lane::MemorySticky => {
            let says = "a new replica gets none of the users who are known elsewhere";
            fact(lane, says, "0".to_owned(), served, served == 0)
        }
        Lane::MemoryRoundRobin | Lane::Token => {
            let says = "a new replica takes its share at once";
            fact(lane, says, "more than 0".to_owned(), served, served > 0)
        }
    }
}

fn fact(
    lane: &LaneReport,
    says: &str,
    expected: String,
    measured: usize,
    holds: bool,
) -> Fact {
    let measured = measured.to_string();
    Fact { lane: lane.lane, says: says.to_owned(), expected, measured, holds }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const USERS: usize = 12;

    /// A lane as the concepts say it must be after a kill.
    fn as_it_should(lane: Lane) -> LaneReport {
        LaneReport {
            lane,
            requests: 100,
            failed: 1,
            failed_before: 0,
            failures: BTreeMap::new(),
            lost_before: if lane == Lane::MemoryRoundRobin { 9 } else { 0 },
            lost_since: 4,
            logged_out: if lane == Lane::Token { 0 } else { 4 },
            at_home: 4,
            uploads_acknowledged: 7,
            uploads_there: 7,
            recovery_s: Some(0.1),
            served_by_newcomer: 0,
            calmed_down: true,
            timeline: String::new(),
        }
    }

    fn verdict(change: impl Fn(&mut LaneReport)) -> Verdict {
        let mut lanes = Lane::ALL.map(as_it_should);
        lanes.iter_mut().for_each(change);
        Verdict::of(&lanes, &facts(Scenario::KillAReplica, USERS, &lanes))
    }

    #[test]
    fn a_run_that_is_as_it_should_be_passes() {
        assert_eq!(verdict(|_| {}), Verdict::Pass);
    }

    #[test]
    fn every_statement_can_fail() {
        let of = |lane: Lane, change: fn(&mut LaneReport)| {
            verdict(move |report| {
                if report.lane == lane {
                    change(report)
                }
            })
        };
        assert_eq!(verdict(|lane| lane.uploads_there -= 1), Verdict::Fail);
        assert_eq!(of(Lane::Token, |lane| lane.logged_out = 1), Verdict::Fail);
        assert_eq!(of(Lane::Token, |lane| lane.lost_before = 1), Verdict::Fail);
        assert_eq!(of(Lane::MemorySticky, |lane| lane.logged_out = 5), Verdict::Fail);
        assert_eq!(of(Lane::MemorySticky, |lane| lane.lost_before = 1), Verdict::Fail);
        let nobody_lost = of(Lane::MemoryRoundRobin, |lane| lane.lost_before = 0);
        assert_eq!(nobody_lost, Verdict::Fail);
    }

    #[test]
    fn a_run_without_uploads_proves_nothing_about_them() {
        let none = verdict(|lane| {
            lane.uploads_acknowledged = 0;
            lane.uploads_there = 0;
        });
        assert_eq!(none, Verdict::Fail);
    }

    #[test]
    fn a_lane_with_troubles_of_its_own_could_not_tell() {
        assert_eq!(verdict(|lane| lane.calmed_down = false), Verdict::CouldNotTell);
    }
}
