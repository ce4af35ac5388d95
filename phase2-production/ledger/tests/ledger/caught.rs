//! What must be caught, and with which operations it is proved.

use crate::story::{Story, sha};
use ledger::entry::{Act, Answered, Ended, Said};
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
fn a_request_that_hangs() {
    let hours = |entry: &mut ledger::entry::Entry| entry.ended_ms += 60_000;
    Story::new()
        .uses(0, "p", Ended::Ok)
        .but(hours)
        .must_be_caught_as(Invariant::Answered, &[0]);
}

#[test]
fn silence_while_the_balancer_is_up_and_an_answer_that_nobody_agreed_on() {
    let silent = |entry: &mut ledger::entry::Entry| entry.answered = Answered::NotAtAll;
    Story::new()
        .uses(0, "p", Ended::Unknown)
        .but(silent)
        .must_be_caught_as(Invariant::Answered, &[0]);
    let foreign = |entry: &mut ledger::entry::Entry| entry.answered = Answered::Foreign;
    Story::new()
        .uses(0, "p", Ended::Unknown)
        .but(foreign)
        .must_be_caught_as(Invariant::Answered, &[0]);
}

#[test]
fn an_answer_that_breaks_off_although_the_replica_that_gave_it_lives() {
    let cut = |entry: &mut ledger::entry::Entry| {
        entry.answered = Answered::CutShort;
        entry.served_by = Some("r2".to_owned());
    };
    Story::new()
        .fault("r1", 0, 100)
        .uses(0, "p", Ended::Unknown)
        .but(cut)
        .must_be_caught_as(Invariant::Answered, &[0]);
}

#[test]
fn somebody_who_is_not_served_again() {
    let mut story = Story::new().fault("r1", 0, 5);
    for _ in 0..3_000 {
        story = story.uses(1, "p", Ended::Ok).uses(0, "p", Ended::Unknown);
    }
    let report = story.judged();
    assert_eq!(report.broken(), [Invariant::Answered]);
    assert_eq!(report.of(Invariant::Answered).violations.len(), 1, "bob is well");
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
    assert_eq!(report.verdict(Invariant::Logins), Verdict::CouldNotTell);
    assert_eq!(report.broken(), []);
}
