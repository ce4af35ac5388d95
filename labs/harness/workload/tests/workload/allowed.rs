//! Histories without violations, which the checker must accept.

use crate::builder::{HistoryBuilder, sha};
use workload::entry::{Operation, OperationOutcome, ReplyKind, ReplyValue};
use workload::{Guarantees, Invariant, Outcome, check};

#[test]
fn run_without_faults_passes() {
    let one = sha("u0-1");
    let report = HistoryBuilder::new()
        .log_in(0, "u0-1")
        .upload(0, "u0-1", "f1")
        .view_session(0, "u0-1", OperationOutcome::Ok)
        .log_out(0, "u0-1", OperationOutcome::Ok)
        .view_session(0, "u0-1", OperationOutcome::Fail)
        .refused(401, "session-unknown")
        .listed(0, &[("f1", "u0-1", &one)])
        .read(0, "f1", &one, "alice")
        .listed(1, &[])
        .orphans("bytes without a row", 0)
        .report();
    for invariant in Invariant::ALL {
        let expected = match invariant {
            Invariant::UnverifiableIs503 => Outcome::Inconclusive,
            _ => Outcome::Pass,
        };
        assert_eq!(report.outcome(invariant), expected, "{report}");
    }
}

#[test]
fn upload_with_unknown_outcome_may_exist_once() {
    let one = sha("u0-1");
    let unknown = || {
        HistoryBuilder::new()
            .upload_with_outcome(0, "u0-1", OperationOutcome::Info)
            .listed(1, &[])
    };
    let absent = unknown().listed(0, &[]).report();
    assert_eq!(absent.outcome(Invariant::AtomicUploads), Outcome::Pass);
    let stored = unknown().listed(0, &[("f1", "u0-1", &one)]).report();
    assert_eq!(stored.outcome(Invariant::AtomicUploads), Outcome::Pass);
}

#[test]
fn retried_upload_with_the_first_reply_passes() {
    let one = sha("u0-1");
    let report = HistoryBuilder::new()
        .upload_with_outcome(0, "u0-1", OperationOutcome::Info)
        .upload(0, "u0-1", "f1")
        .upload(0, "u0-1", "f1")
        .listed(0, &[("f1", "u0-1", &one)])
        .read(0, "f1", &one, "alice")
        .listed(1, &[])
        .report();
    assert_eq!(report.outcome(Invariant::AtomicUploads), Outcome::Pass);
    assert_eq!(report.outcome(Invariant::DurableUploads), Outcome::Pass);
}

#[test]
fn file_after_unknown_deletion_may_exist() {
    let one = sha("u0-1");
    let deleted = || {
        HistoryBuilder::new().upload(0, "u0-1", "f1").delete(
            0,
            "f1",
            OperationOutcome::Info,
        )
    };
    let gone = deleted().read_not_found(0, "f1").listed(0, &[]).report();
    assert_eq!(gone.outcome(Invariant::DurableUploads), Outcome::Pass);
    let stored = deleted().read(0, "f1", &one, "alice");
    let stored = stored.listed(0, &[("f1", "u0-1", &one)]).report();
    assert_eq!(stored.outcome(Invariant::DurableUploads), Outcome::Pass);
}

#[test]
fn unacknowledged_logout_allows_both_results() {
    let report = HistoryBuilder::new()
        .log_in(0, "u0-1")
        .log_out(0, "u0-1", OperationOutcome::Info)
        .view_session(0, "u0-1", OperationOutcome::Ok)
        .view_session(0, "u0-1", OperationOutcome::Fail)
        .refused(401, "session-unknown")
        .report();
    assert_eq!(report.violated(), []);
}

#[test]
fn use_concurrent_with_logout_is_allowed() {
    let report = HistoryBuilder::new()
        .log_in(0, "u0-1")
        .log_out(0, "u0-1", OperationOutcome::Ok)
        .modify(|entry| entry.completed_us += 50_000)
        .view_session(0, "u0-1", OperationOutcome::Ok)
        .report();
    assert_eq!(report.violated(), []);
}

#[test]
fn no_reply_while_the_balancer_is_down_is_allowed() {
    let report = HistoryBuilder::new()
        .fault("lb", 0, 100)
        .view_session(0, "p", OperationOutcome::Info)
        .modify(|entry| entry.reply_kind = ReplyKind::NoReply)
        .report();
    assert_eq!(report.violated(), []);
}

/// A reply that has started cannot become a problem. Its `Content-Length` shows the truncation.
#[test]
fn truncated_reply_of_a_killed_replica_is_allowed() {
    let report = HistoryBuilder::new()
        .fault("r1", 0, 100)
        .view_session(0, "p", OperationOutcome::Info)
        .modify(|entry| {
            entry.reply_kind = ReplyKind::Truncated;
            entry.served_by = Some("r1".to_owned());
        })
        .report();
    assert_eq!(report.violated(), []);
}

/// One available store is enough to verify credentials.
#[test]
fn reply_while_one_store_is_down_is_allowed() {
    let report = HistoryBuilder::new()
        .fault("redis", 0, 500)
        .log_in(0, "u0-1")
        .view_session(0, "u0-1", OperationOutcome::Ok)
        .report();
    assert_eq!(report.violated(), []);
}

/// A refresh token is valid once; the access token stays valid until it expires.
#[test]
fn refused_reuse_of_a_refresh_token_is_allowed() {
    let refresh = || Operation::Refresh { credential: "u0-1".to_owned() };
    let report = HistoryBuilder::new()
        .log_in(0, "u0-1")
        .op(0, refresh(), OperationOutcome::Info, ReplyValue::Nothing)
        .op(0, refresh(), OperationOutcome::Fail, ReplyValue::Nothing)
        .refused(401, "token-invalid")
        .view_session(0, "u0-1", OperationOutcome::Ok)
        .report();
    assert_eq!(report.violated(), []);
}

/// A write may be lost if its replica is killed within the replication window.
#[test]
fn lost_change_within_the_replication_window_is_allowed() {
    let replicated =
        |builder: HistoryBuilder| check(&builder.history(), &Guarantees::of_replicated());
    let undone =
        HistoryBuilder::new().log_in(0, "p").log_out(0, "p", OperationOutcome::Ok);
    let undone = undone.fault("r1", 20, 25).view_session(0, "p", OperationOutcome::Ok);
    assert_eq!(replicated(undone).violated(), []);
    let lost = HistoryBuilder::new().log_in(0, "p").fault("r1", 100, 105);
    let lost =
        lost.view_session(0, "p", OperationOutcome::Fail).refused(401, "session-unknown");
    assert_eq!(replicated(lost).violated(), []);
}
