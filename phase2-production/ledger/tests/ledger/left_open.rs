//! What a run does not show: neither a pass nor a fault.

use crate::story::{Story, sha};
use ledger::entry::Ended;
use ledger::{Invariant, Verdict};

#[test]
fn an_empty_run_shows_nothing() {
    let report = Story::new().judged();
    for finding in &report.findings {
        assert_eq!(finding.verdict(), Verdict::Inconclusive, "{finding:?}");
    }
}

#[test]
fn a_file_that_was_not_read_back_may_be_there() {
    let one = sha("u0-1");
    let report =
        Story::new().upload(0, "u0-1", "f1").listed(0, &[("f1", "u0-1", &one)]).judged();
    assert_eq!(report.verdict(Invariant::Kept), Verdict::Inconclusive);
}

#[test]
fn without_a_last_list_nobody_can_count() {
    let report = Story::new().upload(0, "u0-1", "f1").judged();
    assert_eq!(report.verdict(Invariant::Once), Verdict::Inconclusive);
}

#[test]
fn a_user_who_was_not_watched_after_healing_may_be_served_or_not() {
    let story = Story::new().uses(0, "p", Ended::Ok).uses(1, "p", Ended::Ok);
    let report = story.fault("r1", 0, 1_000).judged();
    assert_eq!(report.verdict(Invariant::Answered), Verdict::Inconclusive);
}

#[test]
fn a_fault_that_is_never_mended_has_no_time_after_it() {
    let story = Story::new().uses(0, "p", Ended::Ok).uses(1, "p", Ended::Ok);
    let report = story.struck("r1", "kill", 0, None).judged();
    assert_eq!(report.verdict(Invariant::Answered), Verdict::Inconclusive);
    assert!(report.of(Invariant::Answered).doubts[0].contains("never mended"));
}

#[test]
fn a_broken_promise_outweighs_a_doubt() {
    let report = Story::new()
        .upload(0, "u0-1", "f1")
        .upload(0, "u0-2", "f2")
        .read_in_vain(0, "f2")
        .judged();
    assert!(!report.of(Invariant::Kept).doubts.is_empty());
    assert_eq!(report.verdict(Invariant::Kept), Verdict::Fail);
}
