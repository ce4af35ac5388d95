//! What the concepts say must have happened, and whether it did.

use crate::demo::lane::Lane;
use crate::demo::report::LaneReport;
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
        if lanes
            .iter()
            .any(|lane| !lane.calmed_down || lane.requests == 0)
        {
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
    fact(
        lane,
        says,
        expected.to_string(),
        measured,
        measured == expected,
    )
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
    Fact {
        lane: lane.lane,
        says: says.to_owned(),
        expected,
        measured,
        holds,
    }
}
