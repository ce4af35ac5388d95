//! The figures of a load: answers of each user, and acknowledged uploads.

use crate::builder::{HistoryBuilder, sha};
use workload::entry::{Entry, OperationOutcome, ReplyKind};
use workload::request_result::{each_ends_with, fewest_answers_since};
use workload::{RequestResult, VerifiedUploads};

const REQUESTS: usize = 3;

/// Requests of users with these results, each ten milliseconds after the one before.
fn requests(results: &[(usize, RequestResult)]) -> Vec<Entry> {
    let mut builder = HistoryBuilder::new();
    for (user, result) in results {
        builder = match result {
            RequestResult::Success => {
                builder.view_session(*user, "p", OperationOutcome::Ok)
            }
            RequestResult::LoginLost => builder
                .view_session(*user, "p", OperationOutcome::Fail)
                .refused(401, "session-unknown"),
            RequestResult::Failed | RequestResult::TimedOut => {
                builder.view_session(*user, "p", OperationOutcome::Info)
            }
        };
    }
    builder.history().entries
}

#[test]
fn users_without_requests_since_the_fault_are_not_quiesced() {
    let quiesced = |outcomes: &[(usize, RequestResult)]| {
        let mut all = vec![(0, RequestResult::Success); REQUESTS];
        all.extend([(1, RequestResult::Success); REQUESTS]);
        let fault_us = all.len() as u64 * 10_000;
        all.extend(outcomes);
        let answered = |result: RequestResult| !result.is_error();
        each_ends_with(&requests(&all), 2, fault_us, REQUESTS, answered)
    };
    let mut outcomes = vec![(0, RequestResult::Success); REQUESTS];
    assert!(!quiesced(&outcomes), "user 1 was starved");
    outcomes.extend([(1, RequestResult::Failed); 1]);
    outcomes.extend([(1, RequestResult::LoginLost); REQUESTS]);
    assert!(quiesced(&outcomes));
}

#[test]
fn failed_request_is_not_an_answer() {
    use RequestResult::{Failed, Success};
    let both = [(0, Success), (0, Success), (1, Success), (1, Failed), (1, Failed)];
    assert_eq!(fewest_answers_since(&requests(&both), 2, 0), 1);
    let starved = [(0, Success), (1, Failed), (1, Failed)];
    assert_eq!(fewest_answers_since(&requests(&starved), 2, 0), 0);
}

#[test]
fn request_result_distinguishes_lost_logins_and_timeouts() {
    let result = |change: fn(&mut Entry)| {
        let builder = HistoryBuilder::new();
        let failed = builder.view_session(0, "p", OperationOutcome::Info).modify(change);
        failed.history().entries[0].request_result()
    };
    assert_eq!(result(|_| ()), RequestResult::Failed);
    assert_eq!(result(|entry| entry.status = Some(401)), RequestResult::LoginLost);
    let page = |entry: &mut Entry| {
        (entry.status, entry.reply_kind) = (Some(401), ReplyKind::ContractViolation);
    };
    assert_eq!(result(page), RequestResult::Failed, "a page of text is no refusal");
    let timeout = |entry: &mut Entry| {
        entry.reply_kind = ReplyKind::NoReply;
        entry.error = Some("operation timed out".to_owned());
    };
    assert_eq!(result(timeout), RequestResult::TimedOut);
}

/// One acknowledged upload, and its verification read.
fn verified(read: impl FnOnce(HistoryBuilder) -> HistoryBuilder) -> VerifiedUploads {
    let uploaded = HistoryBuilder::new().upload(0, "a.bin", "f1");
    VerifiedUploads::of(&read(uploaded).history().entries, 1)
}

#[test]
fn only_an_answer_about_the_file_shows_its_loss() {
    let unlisted = VerifiedUploads {
        acknowledged: 1,
        unanswered_reads: 1,
        ..VerifiedUploads::default()
    };
    let present = verified(|all| all.read(0, "f1", &sha("a.bin"), "alice"));
    assert_eq!(present, VerifiedUploads { present: 1, ..unlisted });
    let lost = VerifiedUploads { lost: 1, ..unlisted };
    assert_eq!(verified(|all| all.read(0, "f1", &sha("other"), "alice")), lost);
    assert_eq!(verified(|all| all.read_not_found(0, "f1")), lost);
    let unanswered = VerifiedUploads { unanswered_reads: 2, ..unlisted };
    for (status, error) in [(401, "session-unknown"), (500, "internal")] {
        let refused = verified(|all| all.read_not_found(0, "f1").refused(status, error));
        assert_eq!(refused, unanswered, "{error}");
    }
    let broken = |entry: &mut Entry| entry.reply_kind = ReplyKind::ContractViolation;
    assert_eq!(verified(|all| all.read_not_found(0, "f1").modify(broken)), unanswered);
    assert_eq!(verified(|all| all), unanswered, "no read was made");
}

#[test]
fn surplus_counts_files_beyond_acknowledged_and_pending_uploads() {
    let duplicated = |listed: &[(&str, &str)]| {
        let listed: Vec<_> = listed.iter().map(|(id, name)| (*id, *name, "")).collect();
        let found = verified(|all| {
            let pending = all.upload_with_outcome(0, "late.bin", OperationOutcome::Info);
            pending.listed(0, &listed)
        });
        found.duplicated
    };
    let mut listed = vec![("f1", "a.bin")];
    assert_eq!(duplicated(&listed), 0);
    listed.push(("f2", "late.bin"));
    assert_eq!(duplicated(&listed), 0, "stored, and the answer was lost");
    listed.push(("f3", "late.bin"));
    assert_eq!(duplicated(&listed), 1, "stored twice");
    listed.push(("f4", "a.bin"));
    assert_eq!(duplicated(&listed), 2);
}
