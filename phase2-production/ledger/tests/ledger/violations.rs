//! Violations that the checker must find, with the operations as evidence.

use crate::builder::{HistoryBuilder, sha};
use ledger::entry::{Act, Ended, Said};
use ledger::{Invariant, Outcome, Promises, check};

#[test]
fn lost_acknowledged_upload_is_a_violation() {
    HistoryBuilder::new()
        .upload(0, "u0-1", "f1")
        .listed(0, &[("f1", "u0-1", &sha("u0-1"))])
        .read_not_found(0, "f1")
        .assert_violation(Invariant::Kept, &[0, 2]);
}

#[test]
fn unlisted_acknowledged_upload_is_a_violation() {
    HistoryBuilder::new()
        .upload(0, "u0-1", "f1")
        .read(0, "f1", &sha("u0-1"), "alice")
        .listed(0, &[])
        .assert_violation(Invariant::Kept, &[0, 2]);
}

#[test]
fn corrupt_bytes_are_a_violation() {
    HistoryBuilder::new()
        .upload(0, "u0-1", "f1")
        .listed(0, &[("f1", "u0-1", &sha("u0-1"))])
        .read(0, "f1", "half-of-it", "alice")
        .assert_violation(Invariant::Kept, &[0, 2]);
}

#[test]
fn acknowledgement_with_another_hash_is_a_violation() {
    HistoryBuilder::new()
        .upload(0, "u0-1", "f1")
        .modify(|entry| {
            let sha256 = Some("something".to_owned());
            entry.said = Said::Stored { file: "f1".to_owned(), sha256 };
        })
        .listed(0, &[("f1", "u0-1", &sha("u0-1"))])
        .read(0, "f1", &sha("u0-1"), "alice")
        .assert_violation(Invariant::Kept, &[0]);
}

#[test]
fn readable_deleted_file_is_a_violation() {
    HistoryBuilder::new()
        .upload(0, "u0-1", "f1")
        .delete(0, "f1", Ended::Ok)
        .listed(0, &[])
        .read(0, "f1", &sha("u0-1"), "alice")
        .assert_violation(Invariant::Kept, &[1, 3]);
}

#[test]
fn listed_deleted_file_is_a_violation() {
    HistoryBuilder::new()
        .upload(0, "u0-1", "f1")
        .delete(0, "f1", Ended::Ok)
        .read_not_found(0, "f1")
        .listed(0, &[("f1", "u0-1", &sha("u0-1"))])
        .assert_violation(Invariant::Kept, &[1, 3]);
}

#[test]
fn duplicate_file_of_one_key_is_a_violation() {
    let one = sha("u0-1");
    HistoryBuilder::new()
        .upload_with_outcome(0, "u0-1", Ended::Unknown)
        .upload(0, "u0-1", "f2")
        .read(0, "f2", &one, "alice")
        .listed(0, &[("f1", "u0-1", &one), ("f2", "u0-1", &one)])
        .assert_violation(Invariant::Once, &[0, 1, 3]);
}

#[test]
fn two_file_ids_for_one_key_are_a_violation() {
    let one = sha("u0-1");
    let report = HistoryBuilder::new()
        .upload(0, "u0-1", "f1")
        .upload(0, "u0-1", "f2")
        .read(0, "f1", &one, "alice")
        .read(0, "f2", &one, "alice")
        .listed(0, &[("f1", "u0-1", &one), ("f2", "u0-1", &one)])
        .report();
    assert_eq!(report.broken(), [Invariant::Once]);
}

#[test]
fn stored_refused_upload_is_a_violation() {
    HistoryBuilder::new()
        .upload_with_outcome(0, "u0-1", Ended::Fail)
        .listed(0, &[("f1", "u0-1", &sha("u0-1"))])
        .assert_violation(Invariant::Once, &[0, 1]);
}

#[test]
fn partial_upload_is_a_violation() {
    HistoryBuilder::new()
        .upload_with_outcome(0, "u0-1", Ended::Unknown)
        .listed(0, &[("f1", "u0-1", "half-of-it")])
        .assert_violation(Invariant::Once, &[0, 1]);
}

#[test]
fn foreign_bytes_are_a_violation() {
    HistoryBuilder::new()
        .upload(0, "u0-1", "f1")
        .listed(0, &[("f1", "u0-1", &sha("u0-1"))])
        .read(0, "f1", &sha("u0-1"), "alice")
        .read(0, "f9", "other", "bob")
        .assert_violation(Invariant::Owners, &[3]);
}

#[test]
fn foreign_names_are_a_violation() {
    HistoryBuilder::new()
        .listed(0, &[("f1", "u1-1", "x")])
        .assert_violation(Invariant::Owners, &[0]);
    let said = Said::Caller { username: "bob".to_owned() };
    HistoryBuilder::new()
        .op(0, Act::Look { credential: "p".to_owned() }, Ended::Ok, said)
        .assert_violation(Invariant::Owners, &[0]);
}

#[test]
fn session_after_logout_is_a_violation() {
    HistoryBuilder::new()
        .log_in(0, "u0-1")
        .log_out(0, "u0-1", Ended::Ok)
        .view_session(0, "u0-1", Ended::Fail)
        .refused(401, "session-unknown")
        .view_session(0, "u0-1", Ended::Ok)
        .assert_violation(Invariant::Dead, &[1, 3]);
}

#[test]
fn refresh_after_revocation_is_a_violation() {
    let act = Act::Refresh { credential: "u0-1".to_owned() };
    let said = Said::Credential { credential: "u0-2".to_owned() };
    HistoryBuilder::new()
        .log_in(0, "u0-1")
        .log_out(0, "u0-1", Ended::Ok)
        .op(0, act, Ended::Ok, said)
        .assert_violation(Invariant::Dead, &[1, 2]);
}

#[test]
fn orphans_are_a_violation() {
    HistoryBuilder::new()
        .orphans("bytes without a row", 3)
        .assert_violation(Invariant::Cleared, &[]);
}

#[test]
fn definite_reply_without_stores_is_a_violation() {
    let without_stores =
        || HistoryBuilder::new().fault("redis", 1, 500).fault("database", 2, 500);
    let report =
        without_stores().log_in(0, "u0-1").view_session(0, "u0-1", Ended::Ok).report();
    assert_eq!(report.broken(), [Invariant::Honest]);
    let report = without_stores()
        .log_in(0, "p")
        .view_session(0, "other", Ended::Fail)
        .refused(401, "session-unknown")
        .report();
    assert_eq!(report.broken(), [Invariant::Honest]);
}

/// A hanging store cannot verify credentials either.
#[test]
fn refusal_while_stores_hang_is_a_violation() {
    HistoryBuilder::new()
        .fault_of_kind("redis", "pause", 1, Some(500))
        .fault_of_kind("database", "pause", 2, Some(500))
        .log_in(0, "p")
        .view_session(0, "other", Ended::Fail)
        .refused(401, "session-unknown")
        .assert_violation(Invariant::Honest, &[1]);
}

/// `replicated` may lose only changes that were not yet replicated. It must keep a change after the
/// replication window, and a change that another replica acknowledged.
#[test]
fn lost_replicated_change_after_the_window_is_a_violation() {
    let replicated =
        |builder: HistoryBuilder| check(&builder.history(), &Promises::of_replicated());
    let undone = |struck: u64, target: &str| {
        let builder = HistoryBuilder::new().log_in(0, "p").log_out(0, "p", Ended::Ok);
        replicated(builder.fault(target, struck, struck + 5).view_session(
            0,
            "p",
            Ended::Ok,
        ))
    };
    assert_eq!(undone(400, "r1").broken(), [Invariant::Dead]);
    assert_eq!(undone(20, "r2").broken(), [Invariant::Dead]);
    let lost = |struck: u64, target: &str| {
        let builder =
            HistoryBuilder::new().log_in(0, "p").fault(target, struck, struck + 5);
        replicated(
            builder.view_session(0, "p", Ended::Fail).refused(401, "session-unknown"),
        )
    };
    assert_eq!(lost(400, "r1").broken(), [Invariant::Logins]);
    assert_eq!(lost(20, "r2").broken(), [Invariant::Logins]);
    // With a store, the change is stored before the acknowledgement.
    HistoryBuilder::new()
        .log_in(0, "p")
        .log_out(0, "p", Ended::Ok)
        .fault("r1", 20, 25)
        .view_session(0, "p", Ended::Ok)
        .assert_violation(Invariant::Dead, &[1, 2]);
}

#[test]
fn lost_login_is_a_violation_if_promised() {
    let builder = || {
        HistoryBuilder::new()
            .log_in(0, "u0-1")
            .view_session(0, "u0-1", Ended::Fail)
            .refused(401, "session-unknown")
    };
    builder().assert_violation(Invariant::Logins, &[0, 1]);
    let report = check(&builder().history(), &Promises::of_memory());
    assert_eq!(report.outcome(Invariant::Logins), Outcome::Inconclusive);
    assert_eq!(report.broken(), []);
}
