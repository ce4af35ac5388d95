//! Violations that the checker must find, with the operations as evidence.

use crate::builder::{HistoryBuilder, sha};
use workload::entry::{Operation, OperationOutcome, ReplyValue};
use workload::{Guarantees, Invariant, Outcome, check};

#[test]
fn lost_acknowledged_upload_is_a_violation() {
    HistoryBuilder::new()
        .upload(0, "u0-1", "f1")
        .listed(0, &[("f1", "u0-1", &sha("u0-1"))])
        .read_not_found(0, "f1")
        .assert_violation(Invariant::DurableUploads, &[0, 2]);
}

#[test]
fn unlisted_acknowledged_upload_is_a_violation() {
    HistoryBuilder::new()
        .upload(0, "u0-1", "f1")
        .read(0, "f1", &sha("u0-1"), "alice")
        .listed(0, &[])
        .assert_violation(Invariant::DurableUploads, &[0, 2]);
}

#[test]
fn corrupt_bytes_are_a_violation() {
    HistoryBuilder::new()
        .upload(0, "u0-1", "f1")
        .listed(0, &[("f1", "u0-1", &sha("u0-1"))])
        .read(0, "f1", "half-of-it", "alice")
        .assert_violation(Invariant::DurableUploads, &[0, 2]);
}

#[test]
fn acknowledgement_with_another_hash_is_a_violation() {
    HistoryBuilder::new()
        .upload(0, "u0-1", "f1")
        .modify(|entry| {
            let sha256 = Some("something".to_owned());
            entry.value = ReplyValue::Stored { file_id: "f1".to_owned(), sha256 };
        })
        .listed(0, &[("f1", "u0-1", &sha("u0-1"))])
        .read(0, "f1", &sha("u0-1"), "alice")
        .assert_violation(Invariant::DurableUploads, &[0]);
}

#[test]
fn readable_deleted_file_is_a_violation() {
    HistoryBuilder::new()
        .upload(0, "u0-1", "f1")
        .delete(0, "f1", OperationOutcome::Ok)
        .listed(0, &[])
        .read(0, "f1", &sha("u0-1"), "alice")
        .assert_violation(Invariant::DurableUploads, &[1, 3]);
}

#[test]
fn listed_deleted_file_is_a_violation() {
    HistoryBuilder::new()
        .upload(0, "u0-1", "f1")
        .delete(0, "f1", OperationOutcome::Ok)
        .read_not_found(0, "f1")
        .listed(0, &[("f1", "u0-1", &sha("u0-1"))])
        .assert_violation(Invariant::DurableUploads, &[1, 3]);
}

#[test]
fn duplicate_file_of_one_key_is_a_violation() {
    let one = sha("u0-1");
    HistoryBuilder::new()
        .upload_with_outcome(0, "u0-1", OperationOutcome::Info)
        .upload(0, "u0-1", "f2")
        .read(0, "f2", &one, "alice")
        .listed(0, &[("f1", "u0-1", &one), ("f2", "u0-1", &one)])
        .assert_violation(Invariant::AtomicUploads, &[0, 1, 3]);
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
    assert_eq!(report.violated(), [Invariant::AtomicUploads]);
}

#[test]
fn stored_refused_upload_is_a_violation() {
    HistoryBuilder::new()
        .upload_with_outcome(0, "u0-1", OperationOutcome::Fail)
        .listed(0, &[("f1", "u0-1", &sha("u0-1"))])
        .assert_violation(Invariant::AtomicUploads, &[0, 1]);
}

#[test]
fn partial_upload_is_a_violation() {
    HistoryBuilder::new()
        .upload_with_outcome(0, "u0-1", OperationOutcome::Info)
        .listed(0, &[("f1", "u0-1", "half-of-it")])
        .assert_violation(Invariant::AtomicUploads, &[0, 1]);
}

#[test]
fn foreign_bytes_are_a_violation() {
    HistoryBuilder::new()
        .upload(0, "u0-1", "f1")
        .listed(0, &[("f1", "u0-1", &sha("u0-1"))])
        .read(0, "f1", &sha("u0-1"), "alice")
        .read(0, "f9", "other", "bob")
        .assert_violation(Invariant::Isolation, &[3]);
}

#[test]
fn foreign_names_are_a_violation() {
    HistoryBuilder::new()
        .listed(0, &[("f1", "u1-1", "x")])
        .assert_violation(Invariant::Isolation, &[0]);
    let value = ReplyValue::Caller { username: "bob".to_owned() };
    HistoryBuilder::new()
        .op(
            0,
            Operation::ViewSession { credential: "p".to_owned() },
            OperationOutcome::Ok,
            value,
        )
        .assert_violation(Invariant::Isolation, &[0]);
}

#[test]
fn session_after_logout_is_a_violation() {
    HistoryBuilder::new()
        .log_in(0, "u0-1")
        .log_out(0, "u0-1", OperationOutcome::Ok)
        .view_session(0, "u0-1", OperationOutcome::Fail)
        .refused(401, "session-unknown")
        .view_session(0, "u0-1", OperationOutcome::Ok)
        .assert_violation(Invariant::Revocation, &[1, 3]);
}

#[test]
fn refresh_after_revocation_is_a_violation() {
    let operation = Operation::Refresh { credential: "u0-1".to_owned() };
    let value = ReplyValue::Credential { credential: "u0-2".to_owned() };
    HistoryBuilder::new()
        .log_in(0, "u0-1")
        .log_out(0, "u0-1", OperationOutcome::Ok)
        .op(0, operation, OperationOutcome::Ok, value)
        .assert_violation(Invariant::Revocation, &[1, 2]);
}

#[test]
fn orphans_are_a_violation() {
    HistoryBuilder::new()
        .orphans("bytes without a row", 3)
        .assert_violation(Invariant::NoOrphans, &[]);
}

#[test]
fn definite_reply_without_stores_is_a_violation() {
    let without_stores =
        || HistoryBuilder::new().fault("redis", 1, 500).fault("database", 2, 500);
    let report = without_stores()
        .log_in(0, "u0-1")
        .view_session(0, "u0-1", OperationOutcome::Ok)
        .report();
    assert_eq!(report.violated(), [Invariant::UnverifiableIs503]);
    let report = without_stores()
        .log_in(0, "p")
        .view_session(0, "other", OperationOutcome::Fail)
        .refused(401, "session-unknown")
        .report();
    assert_eq!(report.violated(), [Invariant::UnverifiableIs503]);
}

/// A hanging store cannot verify credentials either.
#[test]
fn refusal_while_stores_hang_is_a_violation() {
    HistoryBuilder::new()
        .fault_of_kind("redis", "pause", 1, Some(500))
        .fault_of_kind("database", "pause", 2, Some(500))
        .log_in(0, "p")
        .view_session(0, "other", OperationOutcome::Fail)
        .refused(401, "session-unknown")
        .assert_violation(Invariant::UnverifiableIs503, &[1]);
}

/// `replicated` may lose only changes that were not yet replicated. It must keep a change after the
/// replication window, and a change that another replica acknowledged.
#[test]
fn lost_replicated_change_after_the_window_is_a_violation() {
    let replicated =
        |builder: HistoryBuilder| check(&builder.history(), &Guarantees::of_replicated());
    let undone = |struck: u64, target: &str| {
        let builder =
            HistoryBuilder::new().log_in(0, "p").log_out(0, "p", OperationOutcome::Ok);
        replicated(builder.fault(target, struck, struck + 5).view_session(
            0,
            "p",
            OperationOutcome::Ok,
        ))
    };
    assert_eq!(undone(400, "r1").violated(), [Invariant::Revocation]);
    assert_eq!(undone(20, "r2").violated(), [Invariant::Revocation]);
    let lost = |struck: u64, target: &str| {
        let builder =
            HistoryBuilder::new().log_in(0, "p").fault(target, struck, struck + 5);
        replicated(
            builder
                .view_session(0, "p", OperationOutcome::Fail)
                .refused(401, "session-unknown"),
        )
    };
    assert_eq!(lost(400, "r1").violated(), [Invariant::LoginsSurvive]);
    assert_eq!(lost(20, "r2").violated(), [Invariant::LoginsSurvive]);
    // With a store, the change is stored before the acknowledgement.
    HistoryBuilder::new()
        .log_in(0, "p")
        .log_out(0, "p", OperationOutcome::Ok)
        .fault("r1", 20, 25)
        .view_session(0, "p", OperationOutcome::Ok)
        .assert_violation(Invariant::Revocation, &[1, 2]);
}

#[test]
fn lost_login_is_a_violation_if_promised() {
    let builder = || {
        HistoryBuilder::new()
            .log_in(0, "u0-1")
            .view_session(0, "u0-1", OperationOutcome::Fail)
            .refused(401, "session-unknown")
    };
    builder().assert_violation(Invariant::LoginsSurvive, &[0, 1]);
    let report = check(&builder().history(), &Guarantees::of_memory());
    assert_eq!(report.outcome(Invariant::LoginsSurvive), Outcome::Inconclusive);
    assert_eq!(report.violated(), []);
}
