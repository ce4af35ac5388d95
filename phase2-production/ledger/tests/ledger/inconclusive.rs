//! Histories for which the checker must report an inconclusive outcome.

use crate::builder::{HistoryBuilder, sha};
use ledger::entry::Ended;
use ledger::{Invariant, Outcome};

#[test]
fn empty_history_is_inconclusive() {
    let report = HistoryBuilder::new().report();
    for finding in &report.findings {
        assert_eq!(finding.outcome(), Outcome::Inconclusive, "{finding:?}");
    }
}

#[test]
fn file_without_verification_read_is_inconclusive() {
    let one = sha("u0-1");
    let report = HistoryBuilder::new()
        .upload(0, "u0-1", "f1")
        .listed(0, &[("f1", "u0-1", &one)])
        .report();
    assert_eq!(report.outcome(Invariant::Kept), Outcome::Inconclusive);
}

#[test]
fn missing_final_listing_is_inconclusive() {
    let report = HistoryBuilder::new().upload(0, "u0-1", "f1").report();
    assert_eq!(report.outcome(Invariant::Once), Outcome::Inconclusive);
}

#[test]
fn unobserved_user_after_repair_is_inconclusive() {
    let builder = HistoryBuilder::new().view_session(0, "p", Ended::Ok).view_session(
        1,
        "p",
        Ended::Ok,
    );
    let report = builder.fault("r1", 0, 1_000).report();
    assert_eq!(report.outcome(Invariant::Answered), Outcome::Inconclusive);
}

#[test]
fn unrepaired_fault_is_inconclusive() {
    let builder = HistoryBuilder::new().view_session(0, "p", Ended::Ok).view_session(
        1,
        "p",
        Ended::Ok,
    );
    let report = builder.fault_of_kind("r1", "kill", 0, None).report();
    assert_eq!(report.outcome(Invariant::Answered), Outcome::Inconclusive);
    assert!(report.of(Invariant::Answered).doubts[0].contains("never repaired"));
}

#[test]
fn violation_outweighs_an_inconclusive_case() {
    let report = HistoryBuilder::new()
        .upload(0, "u0-1", "f1")
        .upload(0, "u0-2", "f2")
        .read_not_found(0, "f2")
        .report();
    assert!(!report.of(Invariant::Kept).doubts.is_empty());
    assert_eq!(report.outcome(Invariant::Kept), Outcome::Fail);
}
