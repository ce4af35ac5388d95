//! What must be caught, and with which operations it is proved.

use crate::story::{Story, sha};
use ledger::entry::{Act, Ended, Said};
use ledger::{Invariant, Promises, Verdict, check};

#[test]
fn an_acknowledged_upload_that_is_not_there() {
    Story::new()
        .upload(0, "u0-1", "f1")
        .listed(0, &[("f1", "u0-1", &sha("u0-1"))])
        .read_in_vain(0, "f1")
        .must_be_caught_as(Invariant::Kept, &[0, 2]);
}

#[test]
fn an_acknowledged_upload_that_is_not_listed() {
    Story::new()
        .upload(0, "u0-1", "f1")
        .read(0, "f1", &sha("u0-1"), "alice")
        .listed(0, &[])
        .must_be_caught_as(Invariant::Kept, &[0, 2]);
}

#[test]
fn bytes_that_are_not_those_that_were_sent() {
    Story::new()
        .upload(0, "u0-1", "f1")
        .listed(0, &[("f1", "u0-1", &sha("u0-1"))])
        .read(0, "f1", "half-of-it", "alice")
        .must_be_caught_as(Invariant::Kept, &[0, 2]);
}

#[test]
fn an_acknowledgement_of_other_bytes_than_were_sent() {
    Story::new()
        .upload(0, "u0-1", "f1")
        .but(|entry| {
            let sha256 = Some("something".to_owned());
            entry.said = Said::Stored { file: "f1".to_owned(), sha256 };
        })
        .listed(0, &[("f1", "u0-1", &sha("u0-1"))])
        .read(0, "f1", &sha("u0-1"), "alice")
        .must_be_caught_as(Invariant::Kept, &[0]);
}

#[test]
fn a_deleted_file_that_is_back() {
    Story::new()
        .upload(0, "u0-1", "f1")
        .delete(0, "f1", Ended::Ok)
        .listed(0, &[])
        .read(0, "f1", &sha("u0-1"), "alice")
        .must_be_caught_as(Invariant::Kept, &[1, 3]);
}

#[test]
fn a_deleted_file_that_is_still_listed() {
    Story::new()
        .upload(0, "u0-1", "f1")
        .delete(0, "f1", Ended::Ok)
        .read_in_vain(0, "f1")
        .listed(0, &[("f1", "u0-1", &sha("u0-1"))])
        .must_be_caught_as(Invariant::Kept, &[1, 3]);
}

#[test]
fn one_idempotency_key_that_was_carried_out_twice() {
    let one = sha("u0-1");
    Story::new()
        .try_to_upload(0, "u0-1", Ended::Unknown)
        .upload(0, "u0-1", "f2")
        .read(0, "f2", &one, "alice")
        .listed(0, &[("f1", "u0-1", &one), ("f2", "u0-1", &one)])
        .must_be_caught_as(Invariant::Once, &[0, 1, 3]);
}

#[test]
fn one_idempotency_key_that_was_answered_with_two_files() {
    let one = sha("u0-1");
    let report = Story::new()
        .upload(0, "u0-1", "f1")
        .upload(0, "u0-1", "f2")
        .read(0, "f1", &one, "alice")
        .read(0, "f2", &one, "alice")
        .listed(0, &[("f1", "u0-1", &one), ("f2", "u0-1", &one)])
        .judged();
    assert_eq!(report.broken(), [Invariant::Once]);
}

#[test]
fn an_upload_that_was_refused_and_is_there() {
    Story::new()
        .try_to_upload(0, "u0-1", Ended::Fail)
        .listed(0, &[("f1", "u0-1", &sha("u0-1"))])
        .must_be_caught_as(Invariant::Once, &[0, 1]);
}

#[test]
fn half_of_an_upload_that_nobody_answered_for() {
    Story::new()
        .try_to_upload(0, "u0-1", Ended::Unknown)
        .listed(0, &[("f1", "u0-1", "half-of-it")])
        .must_be_caught_as(Invariant::Once, &[0, 1]);
}

#[test]
fn another_users_bytes() {
    Story::new()
        .upload(0, "u0-1", "f1")
        .listed(0, &[("f1", "u0-1", &sha("u0-1"))])
        .read(0, "f1", &sha("u0-1"), "alice")
        .read(0, "f9", "whatever", "bob")
        .must_be_caught_as(Invariant::Owners, &[3]);
}

#[test]
fn another_users_name_in_a_list_or_a_session() {
    Story::new()
        .listed(0, &[("f1", "u1-1", "x")])
        .must_be_caught_as(Invariant::Owners, &[0]);
    let said = Said::Caller { username: "bob".to_owned() };
    Story::new()
        .op(0, Act::Look { proof: "p".to_owned() }, Ended::Ok, said)
        .must_be_caught_as(Invariant::Owners, &[0]);
}

#[test]
fn a_session_that_lives_after_its_end() {
    Story::new()
        .log_in(0, "u0-1")
        .log_out(0, "u0-1", Ended::Ok)
        .uses(0, "u0-1", Ended::Fail)
        .refused(401, "session-unknown")
        .uses(0, "u0-1", Ended::Ok)
        .must_be_caught_as(Invariant::Dead, &[1, 3]);
}

#[test]
fn a_refresh_token_that_outlives_the_revocation() {
    let act = Act::Refresh { proof: "u0-1".to_owned() };
    let said = Said::Proof { proof: "u0-2".to_owned() };
    Story::new()
        .log_in(0, "u0-1")
        .log_out(0, "u0-1", Ended::Ok)
        .op(0, act, Ended::Ok, said)
        .must_be_caught_as(Invariant::Dead, &[1, 2]);
}

#[test]
fn what_is_left_behind() {
    Story::new()
        .left("bytes without a row", 3)
        .must_be_caught_as(Invariant::Cleared, &[]);
}

#[test]
fn an_answer_of_somebody_who_cannot_know() {
    let blind = || Story::new().fault("redis", 1, 500).fault("database", 2, 500);
    let report = blind().log_in(0, "u0-1").uses(0, "u0-1", Ended::Ok).judged();
    assert_eq!(report.broken(), [Invariant::Honest]);
    let report = blind()
        .log_in(0, "p")
        .uses(0, "other", Ended::Fail)
        .refused(401, "session-unknown")
        .judged();
    assert_eq!(report.broken(), [Invariant::Honest]);
}

/// Those who hang know as little as those who are dead.
#[test]
fn a_refusal_of_somebody_who_cannot_know_while_the_stores_hang() {
    Story::new()
        .struck("redis", "pause", 1, Some(500))
        .struck("database", "pause", 2, Some(500))
        .log_in(0, "p")
        .uses(0, "other", Ended::Fail)
        .refused(401, "session-unknown")
        .must_be_caught_as(Invariant::Honest, &[1]);
}

/// `replicated` may lose what only the dead replica knew, and nothing else: not what it had
/// time to tell, nor what another one acknowledged.
#[test]
fn a_replicated_act_that_the_others_had_time_to_hear_of_and_that_is_undone() {
    let replicated = |story: Story| check(&story.history(), &Promises::of_replicated());
    let undone = |struck: u64, victim: &str| {
        let story = Story::new().log_in(0, "p").log_out(0, "p", Ended::Ok);
        replicated(story.fault(victim, struck, struck + 5).uses(0, "p", Ended::Ok))
    };
    assert_eq!(undone(400, "r1").broken(), [Invariant::Dead]);
    assert_eq!(undone(20, "r2").broken(), [Invariant::Dead]);
    let lost = |struck: u64, victim: &str| {
        let story = Story::new().log_in(0, "p").fault(victim, struck, struck + 5);
        replicated(story.uses(0, "p", Ended::Fail).refused(401, "session-unknown"))
    };
    assert_eq!(lost(400, "r1").broken(), [Invariant::Logins]);
    assert_eq!(lost(20, "r2").broken(), [Invariant::Logins]);
    // A store has heard of it before whoever asked.
    Story::new()
        .log_in(0, "p")
        .log_out(0, "p", Ended::Ok)
        .fault("r1", 20, 25)
        .uses(0, "p", Ended::Ok)
        .must_be_caught_as(Invariant::Dead, &[1, 2]);
}

#[test]
fn a_login_that_is_lost_where_that_is_promised_not_to_happen() {
    let story = || {
        Story::new()
            .log_in(0, "u0-1")
            .uses(0, "u0-1", Ended::Fail)
            .refused(401, "session-unknown")
    };
    story().must_be_caught_as(Invariant::Logins, &[0, 1]);
    let report = check(&story().history(), &Promises::of_memory());
    assert_eq!(report.verdict(Invariant::Logins), Verdict::Inconclusive);
    assert_eq!(report.broken(), []);
}
