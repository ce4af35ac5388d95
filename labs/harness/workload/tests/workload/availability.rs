//! Violations of availability: missing, late or invalid replies, and users that are not served
//! after the repair of a fault.

use crate::builder::HistoryBuilder;
use workload::entry::{OperationOutcome, ReplyKind};
use workload::{Guarantees, Invariant};

#[test]
fn hanging_request_is_a_violation() {
    let hours = |entry: &mut workload::entry::Entry| entry.completed_us += 60_000_000;
    HistoryBuilder::new()
        .view_session(0, "p", OperationOutcome::Ok)
        .modify(hours)
        .assert_violation(Invariant::Availability, &[0]);
}

/// A bound above the client timeout would never be reached.
#[test]
fn request_as_long_as_the_client_timeout_is_a_violation() {
    let timeout = client::Options::default().timeout.as_millis();
    let timeout = u64::try_from(timeout).expect("seconds");
    assert!(Guarantees::of_memory().max_request_ms < timeout);
    HistoryBuilder::new()
        .view_session(0, "p", OperationOutcome::Info)
        .modify(|entry| entry.completed_us = entry.invoked_us + timeout * 1_000)
        .assert_violation(Invariant::Availability, &[0]);
}

#[test]
fn missing_and_invalid_replies_are_violations() {
    let silent =
        |entry: &mut workload::entry::Entry| entry.reply_kind = ReplyKind::NoReply;
    HistoryBuilder::new()
        .view_session(0, "p", OperationOutcome::Info)
        .modify(silent)
        .assert_violation(Invariant::Availability, &[0]);
    let foreign = |entry: &mut workload::entry::Entry| {
        entry.reply_kind = ReplyKind::ContractViolation
    };
    HistoryBuilder::new()
        .view_session(0, "p", OperationOutcome::Info)
        .modify(foreign)
        .assert_violation(Invariant::Availability, &[0]);
}

#[test]
fn truncated_reply_of_a_running_replica_is_a_violation() {
    let cut = |entry: &mut workload::entry::Entry| {
        entry.reply_kind = ReplyKind::Truncated;
        entry.served_by = Some("r2".to_owned());
    };
    HistoryBuilder::new()
        .fault("r1", 0, 100)
        .view_session(0, "p", OperationOutcome::Info)
        .modify(cut)
        .assert_violation(Invariant::Availability, &[0]);
}

#[test]
fn user_not_served_after_repair_is_a_violation() {
    let mut builder = HistoryBuilder::new().fault("r1", 0, 5);
    for _ in 0..3_000 {
        builder = builder.view_session(1, "p", OperationOutcome::Ok).view_session(
            0,
            "p",
            OperationOutcome::Info,
        );
    }
    let report = builder.report();
    assert_eq!(report.violated(), [Invariant::Availability]);
    assert_eq!(
        report.result_of(Invariant::Availability).violations.len(),
        1,
        "bob is served"
    );
}

/// A user that fails until `pause` ms later than its repair, or sends nothing until then.
fn served_after(
    target: &str,
    pause: u64,
    outcomes: &[OperationOutcome],
) -> HistoryBuilder {
    let mut builder = HistoryBuilder::new().fault(target, 0, 5);
    for outcome in outcomes {
        builder = builder.view_session(0, "p", *outcome).modify(|entry| {
            entry.invoked_us += pause * 1_000;
            entry.completed_us += pause * 1_000;
        });
    }
    builder
}

/// Each target has its own limit: a balancer recovers faster than a database.
#[test]
fn late_service_after_repair_is_a_violation() {
    use OperationOutcome::{Info, Ok};
    let served_after = |target: &str, pause: u64| {
        served_after(target, pause, &[Info, Ok, Ok, Ok]).report().violated()
    };
    let balancers = Guarantees::recovery_limit_ms("lb");
    assert!(balancers < Guarantees::recovery_limit_ms("r1"));
    assert_eq!(served_after("lb", balancers + 50), [Invariant::Availability]);
    assert_eq!(served_after("lb", balancers - 50), []);
    assert_eq!(served_after("database", balancers + 50), []);
}

/// A delayed client shows nothing about the service.
#[test]
fn user_without_requests_after_repair_is_inconclusive() {
    let late = Guarantees::recovery_limit_ms("r1") + 50;
    let report = served_after("r1", late, &[OperationOutcome::Ok; 3]).report();
    assert_eq!(report.violated(), []);
    let reasons = &report.result_of(Invariant::Availability).inconclusive_reasons;
    assert!(reasons.iter().any(|reason| reason.contains("not observed")), "{reasons:?}");
}

/// The next fault does not excuse a late recovery.
#[test]
fn service_only_after_the_next_fault_is_a_violation() {
    let next = Guarantees::recovery_limit_ms("r1") + 1_000;
    let mut builder = HistoryBuilder::new().fault("r1", 0, 5).fault("r2", next, next + 5);
    for at in [10, next - 10, next + 10, next + 20, next + 30] {
        let outcome =
            if at < next { OperationOutcome::Info } else { OperationOutcome::Ok };
        builder = builder.view_session(0, "p", outcome).modify(|entry| {
            (entry.invoked_us, entry.completed_us) = (at * 1_000, (at + 5) * 1_000);
        });
    }
    assert_eq!(builder.report().violated(), [Invariant::Availability]);
}
