//! What must not be taken for a fault.

use crate::story::{Story, sha};
use ledger::entry::{Act, Answered, Ended, Said};
use ledger::{Invariant, Promises, Verdict, check};

#[test]
fn a_run_without_a_fault_stands() {
    let one = sha("u0-1");
    let report = Story::new()
        .log_in(0, "u0-1")
        .upload(0, "u0-1", "f1")
        .uses(0, "u0-1", Ended::Ok)
        .log_out(0, "u0-1", Ended::Ok)
        .uses(0, "u0-1", Ended::Fail)
        .refused(401, "session-unknown")
        .listed(0, &[("f1", "u0-1", &one)])
        .read(0, "f1", &one, "alice")
        .listed(1, &[])
        .left("bytes without a row", 0)
        .judged();
    for invariant in Invariant::ALL {
        let expected = match invariant {
            Invariant::Honest => Verdict::Inconclusive,
            _ => Verdict::Pass,
        };
        assert_eq!(report.verdict(invariant), expected, "{report}");
    }
}

#[test]
fn what_is_unknown_may_be_there_once_or_not_at_all() {
    let one = sha("u0-1");
    let unknown = || Story::new().try_to_upload(0, "u0-1", Ended::Unknown).listed(1, &[]);
    let absent = unknown().listed(0, &[]).judged();
    assert_eq!(absent.verdict(Invariant::Once), Verdict::Pass);
    let there = unknown().listed(0, &[("f1", "u0-1", &one)]).judged();
    assert_eq!(there.verdict(Invariant::Once), Verdict::Pass);
}

#[test]
fn a_repeated_upload_that_gets_the_first_answer_again() {
    let one = sha("u0-1");
    let report = Story::new()
        .try_to_upload(0, "u0-1", Ended::Unknown)
        .upload(0, "u0-1", "f1")
        .upload(0, "u0-1", "f1")
        .listed(0, &[("f1", "u0-1", &one)])
        .read(0, "f1", &one, "alice")
        .listed(1, &[])
        .judged();
    assert_eq!(report.verdict(Invariant::Once), Verdict::Pass);
    assert_eq!(report.verdict(Invariant::Kept), Verdict::Pass);
}

#[test]
fn a_file_that_may_be_deleted_may_be_there_or_not() {
    let one = sha("u0-1");
    let deleted = || Story::new().upload(0, "u0-1", "f1").delete(0, "f1", Ended::Unknown);
    let gone = deleted().read_in_vain(0, "f1").listed(0, &[]).judged();
    assert_eq!(gone.verdict(Invariant::Kept), Verdict::Pass);
    let there = deleted().read(0, "f1", &one, "alice");
    let there = there.listed(0, &[("f1", "u0-1", &one)]).judged();
    assert_eq!(there.verdict(Invariant::Kept), Verdict::Pass);
}

#[test]
fn a_logout_that_nobody_acknowledged_proves_nothing() {
    let report = Story::new()
        .log_in(0, "u0-1")
        .log_out(0, "u0-1", Ended::Unknown)
        .uses(0, "u0-1", Ended::Ok)
        .uses(0, "u0-1", Ended::Fail)
        .refused(401, "session-unknown")
        .judged();
    assert_eq!(report.broken(), []);
}

#[test]
fn a_use_that_overlaps_the_logout_proves_nothing() {
    let report = Story::new()
        .log_in(0, "u0-1")
        .log_out(0, "u0-1", Ended::Ok)
        .but(|entry| entry.ended_ms += 50)
        .uses(0, "u0-1", Ended::Ok)
        .judged();
    assert_eq!(report.broken(), []);
}

#[test]
fn silence_while_the_balancer_is_down() {
    let report = Story::new()
        .fault("lb", 0, 100)
        .uses(0, "p", Ended::Unknown)
        .but(|entry| entry.answered = Answered::NotAtAll)
        .judged();
    assert_eq!(report.broken(), []);
}

/// What has begun cannot become a problem any more; its length tells that it is not whole.
#[test]
fn an_answer_that_breaks_off_because_the_replica_that_gave_it_was_killed() {
    let report = Story::new()
        .fault("r1", 0, 100)
        .uses(0, "p", Ended::Unknown)
        .but(|entry| {
            entry.answered = Answered::CutShort;
            entry.served_by = Some("r1".to_owned());
        })
        .judged();
    assert_eq!(report.broken(), []);
}

/// Nobody has to know while one of the stores does.
#[test]
fn an_answer_while_one_store_is_down() {
    let report = Story::new()
        .fault("redis", 0, 500)
        .log_in(0, "u0-1")
        .uses(0, "u0-1", Ended::Ok)
        .judged();
    assert_eq!(report.broken(), []);
}

/// The refresh token is used up; the access token lives until its time is over.
#[test]
fn a_refresh_token_that_comes_twice_and_is_refused() {
    let refresh = || Act::Refresh { proof: "u0-1".to_owned() };
    let report = Story::new()
        .log_in(0, "u0-1")
        .op(0, refresh(), Ended::Unknown, Said::Nothing)
        .op(0, refresh(), Ended::Fail, Said::Nothing)
        .refused(401, "token-invalid")
        .uses(0, "u0-1", Ended::Ok)
        .judged();
    assert_eq!(report.broken(), []);
}

/// Gossip does not promise that a write survives a node that dies before it told anybody.
#[test]
fn a_replicated_act_that_died_with_the_replica_that_had_just_acknowledged_it() {
    let replicated = |story: Story| check(&story.history(), &Promises::of_replicated());
    let undone = Story::new().log_in(0, "p").log_out(0, "p", Ended::Ok);
    let undone = undone.fault("r1", 20, 25).uses(0, "p", Ended::Ok);
    assert_eq!(replicated(undone).broken(), []);
    let lost = Story::new().log_in(0, "p").fault("r1", 100, 105);
    let lost = lost.uses(0, "p", Ended::Fail).refused(401, "session-unknown");
    assert_eq!(replicated(lost).broken(), []);
}
