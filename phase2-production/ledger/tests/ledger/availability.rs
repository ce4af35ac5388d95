//! Violations of availability: missing, late or invalid replies, and users that are not served
//! after the repair of a fault.

use crate::builder::HistoryBuilder;
use ledger::entry::{Answered, Ended};
use ledger::{Invariant, Promises};

#[test]
fn hanging_request_is_a_violation() {
    let hours = |entry: &mut ledger::entry::Entry| entry.ended_ms += 60_000;
    HistoryBuilder::new()
        .view_session(0, "p", Ended::Ok)
        .modify(hours)
        .assert_violation(Invariant::Answered, &[0]);
}

/// A bound above the client timeout would never be reached.
#[test]
fn request_as_long_as_the_client_timeout_is_a_violation() {
    let timeout = api_conformance::client::Options::default().timeout.as_millis();
    let timeout = u64::try_from(timeout).expect("seconds");
    assert!(Promises::of_memory().answer_within_ms < timeout);
    HistoryBuilder::new()
        .view_session(0, "p", Ended::Unknown)
        .modify(|entry| entry.ended_ms = entry.began_ms + timeout)
        .assert_violation(Invariant::Answered, &[0]);
}

#[test]
fn missing_and_invalid_replies_are_violations() {
    let silent = |entry: &mut ledger::entry::Entry| entry.answered = Answered::NotAtAll;
    HistoryBuilder::new()
        .view_session(0, "p", Ended::Unknown)
        .modify(silent)
        .assert_violation(Invariant::Answered, &[0]);
    let foreign = |entry: &mut ledger::entry::Entry| entry.answered = Answered::Foreign;
    HistoryBuilder::new()
        .view_session(0, "p", Ended::Unknown)
        .modify(foreign)
        .assert_violation(Invariant::Answered, &[0]);
}

#[test]
fn truncated_reply_of_a_running_replica_is_a_violation() {
    let cut = |entry: &mut ledger::entry::Entry| {
        entry.answered = Answered::CutShort;
        entry.served_by = Some("r2".to_owned());
    };
    HistoryBuilder::new()
        .fault("r1", 0, 100)
        .view_session(0, "p", Ended::Unknown)
        .modify(cut)
        .assert_violation(Invariant::Answered, &[0]);
}

#[test]
fn user_not_served_after_repair_is_a_violation() {
    let mut builder = HistoryBuilder::new().fault("r1", 0, 5);
    for _ in 0..3_000 {
        builder =
            builder.view_session(1, "p", Ended::Ok).view_session(0, "p", Ended::Unknown);
    }
    let report = builder.report();
    assert_eq!(report.broken(), [Invariant::Answered]);
    assert_eq!(report.of(Invariant::Answered).violations.len(), 1, "bob is served");
}

/// Each target has its own limit: a balancer recovers faster than a database.
#[test]
fn late_service_after_repair_is_a_violation() {
    let served_after = |target: &str, pause: u64| {
        let mut builder = HistoryBuilder::new().fault(target, 0, 5);
        for _ in 0..3 {
            builder = builder.view_session(0, "p", Ended::Ok).modify(|entry| {
                entry.began_ms += pause;
                entry.ended_ms += pause;
            });
        }
        builder.report().broken()
    };
    let balancers = Promises::healthy_within_ms("lb");
    assert!(balancers < Promises::healthy_within_ms("r1"));
    assert_eq!(served_after("lb", balancers + 50), [Invariant::Answered]);
    assert_eq!(served_after("lb", balancers - 50), []);
    assert_eq!(served_after("database", balancers + 50), []);
}

/// The next fault does not excuse a late recovery.
#[test]
fn service_only_after_the_next_fault_is_a_violation() {
    let next = Promises::healthy_within_ms("r1") + 1_000;
    let mut builder = HistoryBuilder::new().fault("r1", 0, 5).fault("r2", next, next + 5);
    for at in [10, next - 10, next + 10, next + 20, next + 30] {
        let ended = if at < next { Ended::Unknown } else { Ended::Ok };
        builder = builder.view_session(0, "p", ended).modify(|entry| {
            (entry.began_ms, entry.ended_ms) = (at, at + 5);
        });
    }
    assert_eq!(builder.report().broken(), [Invariant::Answered]);
}
