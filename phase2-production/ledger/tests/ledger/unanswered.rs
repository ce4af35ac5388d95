//! What must be caught of answers: that there is none, or late, or not one of the contract,
//! and that somebody is not served again when the fault is over.

use crate::story::Story;
use ledger::entry::{Answered, Ended};
use ledger::{Invariant, Promises};

#[test]
fn a_request_that_hangs() {
    let hours = |entry: &mut ledger::entry::Entry| entry.ended_ms += 60_000;
    Story::new()
        .uses(0, "p", Ended::Ok)
        .but(hours)
        .must_be_caught_as(Invariant::Answered, &[0]);
}

/// A bound beyond the patience of who asks would never be reached.
#[test]
fn a_request_that_takes_as_long_as_its_client_waits() {
    let patience = api_conformance::client::Options::default().timeout.as_millis();
    let patience = u64::try_from(patience).expect("seconds");
    assert!(Promises::of_memory().answer_within_ms < patience);
    Story::new()
        .uses(0, "p", Ended::Unknown)
        .but(|entry| entry.ended_ms = entry.began_ms + patience)
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

/// Each fault has its own limit: a balancer is back sooner than a database.
#[test]
fn somebody_who_is_served_later_than_this_fault_allows() {
    let served_after = |victim: &str, pause: u64| {
        let mut story = Story::new().fault(victim, 0, 5);
        for _ in 0..3 {
            story = story.uses(0, "p", Ended::Ok).but(|entry| {
                entry.began_ms += pause;
                entry.ended_ms += pause;
            });
        }
        story.judged().broken()
    };
    let balancers = Promises::healthy_within_ms("lb");
    assert!(balancers < Promises::healthy_within_ms("r1"));
    assert_eq!(served_after("lb", balancers + 50), [Invariant::Answered]);
    assert_eq!(served_after("lb", balancers - 50), []);
    assert_eq!(served_after("database", balancers + 50), []);
}

/// The next fault does not make up for the one before it.
#[test]
fn somebody_who_is_served_only_after_the_next_fault() {
    let next = Promises::healthy_within_ms("r1") + 1_000;
    let mut story = Story::new().fault("r1", 0, 5).fault("r2", next, next + 5);
    for at in [10, next - 10, next + 10, next + 20, next + 30] {
        let ended = if at < next { Ended::Unknown } else { Ended::Ok };
        story = story.uses(0, "p", ended).but(|entry| {
            (entry.began_ms, entry.ended_ms) = (at, at + 5);
        });
    }
    assert_eq!(story.judged().broken(), [Invariant::Answered]);
}
