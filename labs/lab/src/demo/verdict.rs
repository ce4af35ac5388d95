//! The outcome of a run, with the reasons for doubt.
//!
//! A run on a busy machine is inconclusive. A failed check that no slowness explains fails
//! the run all the same.

use crate::demo::facts::Fact;
use crate::demo::figures::LaneReport;
use crate::demo::lane::Lane;
use crate::demo::scenario::Scenario;
use crate::screen::counted;
use outcome::Outcome;
use serde::Serialize;

/// The advice after an inconclusive run.
pub(crate) const RUN_IT_AGAIN: &str = "Run it again. If it happens often, the machine is \
     too busy: stop other programs, or try --users 6.";

/// The outcome of a run. With a doubt about any figure, only an inexcusable check fails it.
pub(crate) fn outcome_of(facts: &[Fact], doubts: &[Doubt]) -> Outcome {
    let mut failed = facts.iter().filter(|fact| !fact.holds).peekable();
    match (failed.peek().is_some(), doubts.is_empty()) {
        (false, true) => Outcome::Pass,
        (true, true) => Outcome::Fail,
        (_, false) if failed.any(|fact| fact.inexcusable) => Outcome::Fail,
        (_, false) => Outcome::Inconclusive,
    }
}

/// A reason to doubt the figures of a configuration.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Doubt {
    #[serde(rename = "configuration")]
    pub(crate) lane: Lane,
    #[serde(rename = "reason")]
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
    let target_matters = scenario.has_target() && lane.lane == Lane::MemorySticky;
    let (failed, unanswered) = (lane.failed_before, lane.unanswered);
    let all = [
        (
            !lane.complete,
            "an act reached its time limit: not every user got enough answers".into(),
        ),
        (!lane.quiesced, "requests failed, or were missing, until the end".into()),
        (failed > 0, format!("{} failed before the fault", counted(failed, "request"))),
        (
            unanswered > 0,
            format!("{} got no answer", counted(unanswered, "verification read")),
        ),
        (lane.uploads_acknowledged == 0, "no upload was acknowledged".into()),
        (
            target_matters && lane.on_target == 0,
            "no user had a session on the target replica".into(),
        ),
    ];
    all.into_iter().filter_map(|(applies, says)| applies.then_some(says)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::facts::facts;
    use crate::demo::specimen::{USERS, as_it_should};

    /// The outcome of a killed replica after a change to the figures of one configuration.
    fn outcome(of: Lane, change: impl Fn(&mut LaneReport)) -> Outcome {
        let scenario = Scenario::KillAReplica;
        let mut lanes = Lane::PHASE_1.map(|lane| as_it_should(scenario, lane));
        lanes.iter_mut().filter(|lane| lane.lane == of).for_each(change);
        outcome_of(&facts(scenario, USERS, &lanes), &doubts(scenario, &lanes))
    }

    fn lost_upload(lane: &mut LaneReport) {
        lane.uploads_present -= 1;
        lane.uploads_lost += 1;
    }

    fn logged_out(lane: &mut LaneReport) {
        lane.logged_out_users.insert(2);
    }

    const TOO_SLOW: fn(&mut LaneReport) = |lane| lane.complete = false;

    #[test]
    fn run_with_the_expected_figures_passes() {
        assert_eq!(outcome(Lane::Token, |_| {}), Outcome::Pass);
    }

    #[test]
    fn failed_check_fails_a_run_without_doubts() {
        for lane in Lane::PHASE_1 {
            assert_eq!(outcome(lane, lost_upload), Outcome::Fail, "{lane:?}");
        }
        assert_eq!(outcome(Lane::MemorySticky, logged_out), Outcome::Fail);
    }

    #[test]
    fn any_doubt_makes_the_run_inconclusive() {
        let doubts: [fn(&mut LaneReport); 5] = [
            TOO_SLOW,
            |lane| lane.quiesced = false,
            |lane| lane.failed_before = 1,
            |lane| {
                lane.unanswered = 1;
                lane.uploads_present -= 1;
            },
            |lane| {
                lane.uploads_acknowledged = 0;
                lane.uploads_present = 0;
            },
        ];
        for lane in Lane::PHASE_1 {
            for (number, doubt) in doubts.iter().enumerate() {
                assert_eq!(outcome(lane, doubt), Outcome::Inconclusive, "{number}");
            }
        }
    }

    #[test]
    fn one_failed_request_is_singular_in_the_reason() {
        let mut lane = as_it_should(Scenario::RedisGoesAway, Lane::Central);
        lane.failed_before = 1;
        let doubts = doubts(Scenario::RedisGoesAway, &[lane]);
        let says: Vec<_> = doubts.iter().map(|doubt| doubt.says.as_str()).collect();
        assert_eq!(says, ["1 request failed before the fault"]);
    }

    #[test]
    fn target_without_sessions_makes_the_run_inconclusive() {
        let no_session = |lane: &mut LaneReport| {
            lane.on_target = 0;
            lane.on_target_users.clear();
            lane.logged_out_users.clear();
        };
        assert_eq!(outcome(Lane::MemorySticky, no_session), Outcome::Inconclusive);
    }

    #[test]
    fn user_without_answers_does_not_fail_a_slow_run() {
        let starved = |lane: &mut LaneReport| {
            lane.logged_out_users.pop_first();
            TOO_SLOW(lane);
        };
        assert_eq!(outcome(Lane::MemorySticky, starved), Outcome::Inconclusive);
    }

    #[test]
    fn inexcusable_failure_fails_a_slow_run() {
        let both = |change: fn(&mut LaneReport)| {
            move |lane: &mut LaneReport| {
                change(lane);
                TOO_SLOW(lane);
            }
        };
        for lane in Lane::PHASE_1 {
            assert_eq!(outcome(lane, both(lost_upload)), Outcome::Fail, "{lane:?}");
            let twice = both(|lane| lane.uploads_duplicated = 1);
            assert_eq!(outcome(lane, twice), Outcome::Fail, "{lane:?}");
            let misread = both(|lane| lane.uploads_corrupted = 1);
            assert_eq!(outcome(lane, misread), Outcome::Fail, "{lane:?}");
        }
        assert_eq!(outcome(Lane::Token, both(logged_out)), Outcome::Fail);
        let lost_before = both(|lane| lane.lost_before = 1);
        assert_eq!(outcome(Lane::Token, lost_before), Outcome::Fail);
        let sticky = outcome(Lane::MemorySticky, both(|lane| lane.lost_before = 1));
        assert_eq!(sticky, Outcome::Inconclusive);
    }
}
