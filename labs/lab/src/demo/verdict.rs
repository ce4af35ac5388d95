//! Pass, fail, or neither: and why neither.
//!
//! A machine that was too slow shows nothing, neither for the concepts nor against them.
//! What no slowness explains is a failure all the same.

use crate::demo::facts::Fact;
use crate::demo::figures::LaneReport;
use crate::demo::lane::Lane;
use crate::demo::scenario::Scenario;
use crate::screen::counted;
use serde::Serialize;
use std::process::ExitCode;

/// What to do about a run that shows neither.
pub(crate) const RUN_IT_AGAIN: &str = "Run it again. If that happens often, the machine is \
     too busy: close what keeps it busy, or try --users 6.";

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
    pub(crate) fn of(facts: &[Fact], doubts: &[Doubt]) -> Self {
        let mut broken = facts.iter().filter(|fact| !fact.holds).peekable();
        match (broken.peek().is_some(), doubts.is_empty()) {
            (false, true) => Self::Pass,
            (true, true) => Self::Fail,
            (_, false) if broken.any(|fact| fact.inexcusable) => Self::Fail,
            (_, false) => Self::CouldNotTell,
        }
    }

    pub(crate) fn exit_code(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}

/// A reason why the figures of a lane need not mean what they seem to.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Doubt {
    pub(crate) lane: Lane,
    pub(crate) says: String,
}

/// Every reason to doubt the figures of a run.
pub(crate) fn doubts(scenario: Scenario, lanes: &[LaneReport]) -> Vec<Doubt> {
    let of_lane = |lane: &LaneReport| {
        let (lane, reasons) = (lane.lane, reasons(scenario, lane));
        reasons.into_iter().map(move |says| Doubt { lane, says })
    };
    lanes.iter().flat_map(of_lane).collect()
}

fn reasons(scenario: Scenario, lane: &LaneReport) -> Vec<String> {
    let victims_matter = scenario.has_victim() && lane.lane == Lane::MemorySticky;
    let (failed, unanswered) = (lane.failed_before, lane.unanswered);
    let all = [
        (
            !lane.complete,
            "an act was cut short: not every user got enough answers".into(),
        ),
        (!lane.calmed_down, "requests failed, or were missing, to the end".into()),
        (
            failed > 0,
            format!("{} failed while nothing was wrong", counted(failed, "request")),
        ),
        (
            unanswered > 0,
            format!("{} about uploads got no answer", counted(unanswered, "question")),
        ),
        (lane.uploads_acknowledged == 0, "no upload was acknowledged".into()),
        (victims_matter && lane.at_home == 0, "nobody was at home on the victim".into()),
    ];
    all.into_iter().filter_map(|(applies, says)| applies.then_some(says)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::facts::facts;
    use crate::demo::specimen::{USERS, as_it_should};

    /// The verdict on a killed replica if one lane is not as it should be.
    fn verdict(of: Lane, change: impl Fn(&mut LaneReport)) -> Verdict {
        let scenario = Scenario::KillAReplica;
        let mut lanes = Lane::PHASE_1.map(|lane| as_it_should(scenario, lane));
        lanes.iter_mut().filter(|lane| lane.lane == of).for_each(change);
        Verdict::of(&facts(scenario, USERS, &lanes), &doubts(scenario, &lanes))
    }

    fn lost_upload(lane: &mut LaneReport) {
        lane.uploads_there -= 1;
        lane.uploads_lost += 1;
    }

    fn logged_out(lane: &mut LaneReport) {
        lane.who_was_logged_out.insert(2);
    }

    const TOO_SLOW: fn(&mut LaneReport) = |lane| lane.complete = false;

    #[test]
    fn a_run_that_is_as_it_should_be_passes() {
        assert_eq!(verdict(Lane::Token, |_| {}), Verdict::Pass);
    }

    #[test]
    fn a_statement_that_does_not_hold_fails_a_run_without_doubts() {
        for lane in Lane::PHASE_1 {
            assert_eq!(verdict(lane, lost_upload), Verdict::Fail, "{lane:?}");
        }
        assert_eq!(verdict(Lane::MemorySticky, logged_out), Verdict::Fail);
    }

    #[test]
    fn each_doubt_about_any_lane_is_enough_not_to_tell() {
        let doubts: [fn(&mut LaneReport); 5] = [
            TOO_SLOW,
            |lane| lane.calmed_down = false,
            |lane| lane.failed_before = 1,
            |lane| {
                lane.unanswered = 1;
                lane.uploads_there -= 1;
            },
            |lane| {
                lane.uploads_acknowledged = 0;
                lane.uploads_there = 0;
            },
        ];
        for lane in Lane::PHASE_1 {
            for (number, doubt) in doubts.iter().enumerate() {
                assert_eq!(verdict(lane, doubt), Verdict::CouldNotTell, "{number}");
            }
        }
    }

    #[test]
    fn one_request_that_failed_is_told_as_one() {
        let mut lane = as_it_should(Scenario::RedisGoesAway, Lane::Central);
        lane.failed_before = 1;
        let doubts = doubts(Scenario::RedisGoesAway, &[lane]);
        let says: Vec<_> = doubts.iter().map(|doubt| doubt.says.as_str()).collect();
        assert_eq!(says, ["1 request failed while nothing was wrong"]);
    }

    #[test]
    fn a_victim_without_users_shows_nothing_about_affinity() {
        let nobody_home = |lane: &mut LaneReport| {
            lane.at_home = 0;
            lane.who_was_at_home.clear();
            lane.who_was_logged_out.clear();
        };
        assert_eq!(verdict(Lane::MemorySticky, nobody_home), Verdict::CouldNotTell);
    }

    #[test]
    fn a_starved_user_of_the_victim_does_not_fail_a_slow_run() {
        let starved = |lane: &mut LaneReport| {
            lane.who_was_logged_out.pop_first();
            TOO_SLOW(lane);
        };
        assert_eq!(verdict(Lane::MemorySticky, starved), Verdict::CouldNotTell);
    }

    #[test]
    fn what_no_slowness_explains_fails_a_slow_run_too() {
        let both = |change: fn(&mut LaneReport)| {
            move |lane: &mut LaneReport| {
                change(lane);
                TOO_SLOW(lane);
            }
        };
        for lane in Lane::PHASE_1 {
            assert_eq!(verdict(lane, both(lost_upload)), Verdict::Fail, "{lane:?}");
            let twice = both(|lane| lane.uploads_twice = 1);
            assert_eq!(verdict(lane, twice), Verdict::Fail, "{lane:?}");
            let misread = both(|lane| lane.uploads_misread = 1);
            assert_eq!(verdict(lane, misread), Verdict::Fail, "{lane:?}");
        }
        assert_eq!(verdict(Lane::Token, both(logged_out)), Verdict::Fail);
        let lost_before = both(|lane| lane.lost_before = 1);
        assert_eq!(verdict(Lane::Token, lost_before), Verdict::Fail);
        let sticky = verdict(Lane::MemorySticky, both(|lane| lane.lost_before = 1));
        assert_eq!(sticky, Verdict::CouldNotTell);
    }
}
