//! Synthetic runs that make each check fail.

use super::*;
use crate::sample::Call;

const SOUND: ReadBack = ReadBack {
    acknowledged: 10,
    read_back: 10,
    missing: 0,
    different: 0,
    twice: 0,
    unread: 0,
};

fn sample(meant_us: u64, ended: Ended) -> Sample {
    let (sent_us, ended_us) = (meant_us, meant_us + 10);
    let call = Call::Session;
    Sample { user: 0, call, meant_us, sent_us, ended_us, ended, served_by: None }
}

fn phases() -> Vec<Phase> {
    let phase = |name: &str, from_us, disturbed| Phase {
        name: name.to_owned(),
        from_us,
        disturbed,
        replicas: 3,
    };
    vec![
        phase("before", 0, false),
        phase("until it is noticed", 1_000, true),
        phase("after", 2_000, false),
    ]
}

/// A run of one user with two requests: a successful one, and one with this result.
fn run(ended: Ended, change: impl FnOnce(&mut Evidence<'_>)) -> Outcome {
    let samples = [sample(0, Ended::Fine), sample(500, ended)];
    let phases = phases();
    let mut evidence = Evidence {
        work: Work::SessionsAndUploads,
        plot: Plot::RollingRestart,
        design: Design::Central,
        users: 1,
        samples: &samples,
        phases: &phases[..1],
        read_back: &SOUND,
        left_out: 0,
        doubt: None,
    };
    change(&mut evidence);
    Outcome::of(judge(&evidence).into_iter().map(|finding| finding.outcome))
}

fn with(read_back: &ReadBack) -> Outcome {
    let evidence = Evidence {
        work: Work::Files,
        plot: Plot::Nothing,
        design: Design::Central,
        users: 1,
        samples: &[sample(0, Ended::Fine)],
        phases: &[],
        read_back,
        left_out: 0,
        doubt: Some("the machine was busy"),
    };
    Outcome::of(judge(&evidence).into_iter().map(|finding| finding.outcome))
}

#[test]
fn sound_run_passes_every_check() {
    assert_eq!(run(Ended::Fine, |_| {}), Outcome::Pass);
    assert_eq!(with(&SOUND), Outcome::Pass);
}

#[test]
fn missing_corrupted_or_duplicated_upload_fails() {
    let missing = ReadBack { missing: 1, read_back: 9, ..SOUND };
    let different = ReadBack { different: 1, ..SOUND };
    let twice = ReadBack { twice: 1, ..SOUND };
    for broken in [missing, different, twice] {
        assert_eq!(with(&broken), Outcome::Fail, "{broken:?}");
    }
}

#[test]
fn unread_upload_and_run_without_uploads_are_inconclusive() {
    let unread = ReadBack { unread: 1, read_back: 9, ..SOUND };
    assert_eq!(with(&unread), Outcome::Inconclusive);
    assert_eq!(with(&ReadBack::default()), Outcome::Inconclusive);
}

#[test]
fn lost_login_fails_only_designs_with_external_state() {
    let design = |design| run(Ended::LoggedOut, |evidence| evidence.design = design);
    assert_eq!(design(Design::Central), Outcome::Fail);
    assert_eq!(design(Design::Token), Outcome::Fail);
    for forgets in [Design::Memory, Design::Sticky, Design::Replicated] {
        assert_eq!(design(forgets), Outcome::Pass, "{forgets} never promised it");
    }
}

#[test]
fn busy_machine_excuses_neither_incorrect_answer_nor_lost_login() {
    let busy = |ended| run(ended, |evidence| evidence.doubt = Some("busy"));
    assert_eq!(busy(Ended::Untrue("another user's session")), Outcome::Fail);
    assert_eq!(busy(Ended::LoggedOut), Outcome::Fail);
}

#[test]
fn lost_request_fails_rolling_restart_unless_machine_is_busy() {
    let every_kind = [
        Ended::Busy,
        Ended::Status(502),
        Ended::TimedOut,
        Ended::NoConnection,
        Ended::BrokenOff,
    ];
    for ended in every_kind {
        assert_eq!(run(ended, |_| {}), Outcome::Fail, "{ended}");
        let on_a_busy_machine = run(ended, |evidence| evidence.doubt = Some("busy"));
        assert_eq!(on_a_busy_machine, Outcome::Inconclusive, "{ended}");
    }
}

#[test]
fn kill_may_lose_requests_only_until_noticed() {
    let phases = phases();
    let killed = |at| {
        let samples = [sample(0, Ended::Fine), sample(at, Ended::Status(502))];
        let evidence = Evidence {
            work: Work::SessionsAndUploads,
            plot: Plot::Kill,
            design: Design::Central,
            users: 1,
            samples: &samples,
            phases: &phases,
            read_back: &SOUND,
            left_out: 0,
            doubt: None,
        };
        Outcome::of(judge(&evidence).into_iter().map(|finding| finding.outcome))
    };
    assert_eq!(killed(1_500), Outcome::Pass);
    assert_eq!(killed(995), Outcome::Pass, "under way when the replica died");
    assert_eq!(killed(500), Outcome::Fail);
    assert_eq!(killed(2_500), Outcome::Fail);
}

#[test]
fn login_may_be_deferred_but_not_otherwise_refused() {
    let logins = |ended| run(ended, |evidence| evidence.work = Work::Logins);
    assert_eq!(logins(Ended::Busy), Outcome::Pass);
    assert_eq!(logins(Ended::Status(503)), Outcome::Fail);
    assert_eq!(logins(Ended::Status(500)), Outcome::Fail);
}

#[test]
fn login_missing_from_a_wave_fails() {
    let left_out = run(Ended::Busy, |evidence| {
        evidence.work = Work::Logins;
        evidence.left_out = 1;
    });
    assert_eq!(left_out, Outcome::Fail);
}

#[test]
fn unanswered_user_or_unsent_request_is_inconclusive() {
    assert_eq!(run(Ended::NotSent, |_| {}), Outcome::Inconclusive);
    assert_eq!(run(Ended::Fine, |evidence| evidence.users = 2), Outcome::Inconclusive);
}
