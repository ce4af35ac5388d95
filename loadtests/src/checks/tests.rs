//! Synthetic runs that make each check fail.

use super::*;
use crate::sample::Call;

const SOUND: VerificationReads = VerificationReads {
    acknowledged: 10,
    read: 10,
    missing: 0,
    corrupted: 0,
    duplicated: 0,
    unread: 0,
};

fn sample(intended_us: u64, result: RequestResult) -> Sample {
    let (sent_us, completed_us) = (intended_us, intended_us + 10);
    let call = Call::Session;
    Sample { user: 0, call, intended_us, sent_us, completed_us, result, served_by: None }
}

fn phases() -> Vec<Phase> {
    let phase = |name: &str, start_us, fault_undetected| Phase {
        name: name.to_owned(),
        start_us,
        fault_undetected,
        replicas: 3,
    };
    vec![
        phase("before", 0, false),
        phase("until it is noticed", 1_000, true),
        phase("after", 2_000, false),
    ]
}

/// A run of one user with two requests: a successful one, and one with this result.
fn run(result: RequestResult, change: impl FnOnce(&mut Evidence<'_>)) -> Outcome {
    let samples = [sample(0, RequestResult::Success), sample(500, result)];
    let phases = phases();
    let mut evidence = Evidence {
        workload: Workload::SessionsAndUploads,
        fault_schedule: FaultSchedule::RollingRestart,
        design: Design::Central,
        users: 1,
        samples: &samples,
        phases: &phases[..1],
        verification_reads: &SOUND,
        failed_waves: 0,
        invalid_reason: None,
    };
    change(&mut evidence);
    Outcome::of(run_checks(&evidence).into_iter().map(|result| result.outcome))
}

fn with(verification_reads: &VerificationReads) -> Outcome {
    let evidence = Evidence {
        workload: Workload::Files,
        fault_schedule: FaultSchedule::NoFault,
        design: Design::Central,
        users: 1,
        samples: &[sample(0, RequestResult::Success)],
        phases: &[],
        verification_reads,
        failed_waves: 0,
        invalid_reason: Some("the machine was busy"),
    };
    Outcome::of(run_checks(&evidence).into_iter().map(|result| result.outcome))
}

#[test]
fn sound_run_passes_every_check() {
    assert_eq!(run(RequestResult::Success, |_| {}), Outcome::Pass);
    assert_eq!(with(&SOUND), Outcome::Pass);
}

#[test]
fn missing_corrupted_or_duplicated_upload_fails() {
    let missing = VerificationReads { missing: 1, read: 9, ..SOUND };
    let corrupted = VerificationReads { corrupted: 1, ..SOUND };
    let duplicated = VerificationReads { duplicated: 1, ..SOUND };
    for broken in [missing, corrupted, duplicated] {
        assert_eq!(with(&broken), Outcome::Fail, "{broken:?}");
    }
}

#[test]
fn unread_upload_and_run_without_uploads_are_inconclusive() {
    let unread = VerificationReads { unread: 1, read: 9, ..SOUND };
    assert_eq!(with(&unread), Outcome::Inconclusive);
    assert_eq!(with(&VerificationReads::default()), Outcome::Inconclusive);
}

#[test]
fn lost_login_fails_only_designs_with_external_state() {
    let design =
        |design| run(RequestResult::LoginLost, |evidence| evidence.design = design);
    assert_eq!(design(Design::Central), Outcome::Fail);
    assert_eq!(design(Design::Token), Outcome::Fail);
    for forgets in [Design::Memory, Design::Sticky, Design::Replicated] {
        assert_eq!(design(forgets), Outcome::Pass, "{forgets} never promised it");
    }
}

#[test]
fn busy_machine_excuses_neither_incorrect_answer_nor_lost_login() {
    let busy = |result| run(result, |evidence| evidence.invalid_reason = Some("busy"));
    assert_eq!(
        busy(RequestResult::IncorrectAnswer("another user's session")),
        Outcome::Fail
    );
    assert_eq!(busy(RequestResult::LoginLost), Outcome::Fail);
}

#[test]
fn lost_request_fails_rolling_restart_unless_machine_is_busy() {
    let every_kind = [
        RequestResult::RetryLater,
        RequestResult::Status(502),
        RequestResult::TimedOut,
        RequestResult::NoConnection,
        RequestResult::ConnectionBroken,
    ];
    for result in every_kind {
        assert_eq!(run(result, |_| {}), Outcome::Fail, "{result}");
        let on_a_busy_machine =
            run(result, |evidence| evidence.invalid_reason = Some("busy"));
        assert_eq!(on_a_busy_machine, Outcome::Inconclusive, "{result}");
    }
}

#[test]
fn kill_may_lose_requests_only_until_noticed() {
    let phases = phases();
    let killed = |at| {
        let samples =
            [sample(0, RequestResult::Success), sample(at, RequestResult::Status(502))];
        let evidence = Evidence {
            workload: Workload::SessionsAndUploads,
            fault_schedule: FaultSchedule::KillAReplica,
            design: Design::Central,
            users: 1,
            samples: &samples,
            phases: &phases,
            verification_reads: &SOUND,
            failed_waves: 0,
            invalid_reason: None,
        };
        Outcome::of(run_checks(&evidence).into_iter().map(|result| result.outcome))
    };
    assert_eq!(killed(1_500), Outcome::Pass);
    assert_eq!(killed(995), Outcome::Pass, "under way when the replica died");
    assert_eq!(killed(500), Outcome::Fail);
    assert_eq!(killed(2_500), Outcome::Fail);
}

#[test]
fn login_may_be_deferred_but_not_otherwise_refused() {
    let logins = |result| run(result, |evidence| evidence.workload = Workload::Logins);
    assert_eq!(logins(RequestResult::RetryLater), Outcome::Pass);
    assert_eq!(logins(RequestResult::Status(503)), Outcome::Fail);
    assert_eq!(logins(RequestResult::Status(500)), Outcome::Fail);
}

#[test]
fn login_missing_from_a_wave_fails() {
    let failed_waves = run(RequestResult::RetryLater, |evidence| {
        evidence.workload = Workload::Logins;
        evidence.failed_waves = 1;
    });
    assert_eq!(failed_waves, Outcome::Fail);
}

#[test]
fn unanswered_user_or_unsent_request_is_inconclusive() {
    assert_eq!(run(RequestResult::NotSent, |_| {}), Outcome::Inconclusive);
    assert_eq!(
        run(RequestResult::Success, |evidence| evidence.users = 2),
        Outcome::Inconclusive
    );
}
