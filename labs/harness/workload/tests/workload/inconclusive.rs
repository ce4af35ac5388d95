//! Histories for which the checker must report an inconclusive outcome.

use crate::builder::{HistoryBuilder, sha};
use workload::entry::OperationOutcome;
use workload::{Invariant, Outcome};

#[test]
fn empty_history_is_inconclusive() {
    let report = HistoryBuilder::new().report();
    for result in &report.results {
        assert_eq!(result.outcome(), Outcome::Inconclusive, "{result:?}");
    }
}

#[test]
fn file_without_verification_read_is_inconclusive() {
    let one = sha("u0-1");
    let report = HistoryBuilder::new()
        .upload(0, "u0-1", "f1")
        .listed(0, &[("f1", "u0-1", &one)])
        .report();
    assert_eq!(report.outcome(Invariant::DurableUploads), Outcome::Inconclusive);
}

#[test]
fn missing_final_listing_is_inconclusive() {
    let report = HistoryBuilder::new().upload(0, "u0-1", "f1").report();
    assert_eq!(report.outcome(Invariant::AtomicUploads), Outcome::Inconclusive);
}

#[test]
fn unobserved_user_after_repair_is_inconclusive() {
    let builder = HistoryBuilder::new()
        .view_session(0, "p", OperationOutcome::Ok)
        .view_session(1, "p", OperationOutcome::Ok);
    let report = builder.fault("r1", 0, 1_000).report();
    assert_eq!(report.outcome(Invariant::Availability), Outcome::Inconclusive);
}

#[test]
fn unrepaired_fault_is_inconclusive() {
    let builder = HistoryBuilder::new()
        .view_session(0, "p", OperationOutcome::Ok)
        .view_session(1, "p", OperationOutcome::Ok);
    let report = builder.fault_of_kind("r1", "kill", 0, None).report();
    assert_eq!(report.outcome(Invariant::Availability), Outcome::Inconclusive);
    assert!(
        report.result_of(Invariant::Availability).inconclusive_reasons[0]
            .contains("never repaired")
    );
}

#[test]
fn violation_outweighs_an_inconclusive_case() {
    let report = HistoryBuilder::new()
        .upload(0, "u0-1", "f1")
        .upload(0, "u0-2", "f2")
        .read_not_found(0, "f2")
        .report();
    assert!(!report.result_of(Invariant::DurableUploads).inconclusive_reasons.is_empty());
    assert_eq!(report.outcome(Invariant::DurableUploads), Outcome::Fail);
}
