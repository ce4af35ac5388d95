//! Synthetic trials and their verdicts: each check must be able to fail.

use super::*;
use crate::fixture::{series, trial};
use crate::other_service::OtherServiceResult;
use crate::revocation::RevocationEffect;
use crate::series::Series;
use crate::session_memory::SessionMemory;
use Outcome::{Fail, Inconclusive, Pass};
use RequestResult::{Failed, LoginLost, Success, TimedOut};

const QUIET: [RequestResult; 8] = [Success; 8];

/// The second request after the fault at 250 finds no login.
const LOST: [RequestResult; 8] =
    [Success, Success, Success, Success, LoginLost, Success, Success, Success];

fn of(design: Design, scenario: Scenario, users: &[&[RequestResult]]) -> Trial {
    trial(design, scenario, series(Some(250), users))
}

fn outcome(trial: &Trial) -> Outcome {
    Outcome::of(of_trial(trial).iter().map(|one| one.outcome))
}

#[test]
fn external_state_design_must_lose_no_login() {
    for design in [Design::Central, Design::Token] {
        for scenario in [
            Scenario::KillAReplica,
            Scenario::KillReplicasInTurn,
            Scenario::RollingRestart,
        ] {
            assert_eq!(outcome(&of(design, scenario, &[&QUIET, &QUIET])), Pass);
            assert_eq!(outcome(&of(design, scenario, &[&QUIET, &LOST])), Fail);
        }
    }
}

#[test]
fn sticky_must_lose_exactly_the_killed_replicas_users() {
    let mut kill = of(Design::Sticky, Scenario::KillAReplica, &[&LOST, &QUIET]);
    kill.on_target.insert(0);
    assert_eq!(outcome(&kill), Pass);
    kill.on_target = [1].into();
    assert_eq!(outcome(&kill), Fail);
    kill.on_target = [0, 1].into();
    assert_eq!(
        outcome(&kill),
        Inconclusive,
        "all users on the killed replica: inconclusive"
    );
    kill.on_target.clear();
    assert_eq!(outcome(&kill), Inconclusive);
}

#[test]
fn replicated_sessions_are_lost_only_with_all_replicas() {
    let replicated = Design::Replicated;
    assert_eq!(outcome(&of(replicated, Scenario::KillAReplica, &[&QUIET, &QUIET])), Pass);
    assert_eq!(outcome(&of(replicated, Scenario::KillAReplica, &[&QUIET, &LOST])), Fail);
    assert_eq!(
        outcome(&of(replicated, Scenario::KillReplicasInTurn, &[&LOST, &LOST])),
        Pass
    );
    assert_eq!(
        outcome(&of(replicated, Scenario::KillReplicasInTurn, &[&QUIET, &LOST])),
        Fail
    );
}

#[test]
fn memory_without_affinity_must_lose_logins_without_fault() {
    let steady = |users: &[&[RequestResult]]| {
        trial(Design::Memory, Scenario::SteadyLoad, series(None, users))
    };
    assert_eq!(outcome(&steady(&[&LOST])), Pass);
    assert_eq!(outcome(&steady(&[&QUIET])), Fail);
}

#[test]
fn orderly_change_must_fail_no_request() {
    let mut failing = QUIET;
    failing[4] = Failed;
    let change =
        |ends: &[RequestResult]| of(Design::Token, Scenario::RollingRestart, &[ends]);
    assert_eq!(outcome(&change(&QUIET)), Pass);
    assert_eq!(outcome(&change(&failing)), Fail);
    failing[4] = TimedOut;
    assert_eq!(outcome(&change(&failing)), Fail, "a timeout is a failure");
    let kill = of(
        Design::Token,
        Scenario::KillAReplica,
        &[&{
            failing[4] = Failed;
            failing
        }],
    );
    assert_eq!(outcome(&kill), Pass, "a crash may fail requests under way");
    failing[4] = TimedOut;
    let kill = of(Design::Token, Scenario::KillAReplica, &[&failing]);
    assert_eq!(outcome(&kill), Inconclusive, "a slow machine may be the cause");
}

#[test]
fn new_replica_must_get_requests_except_with_sticky() {
    let add = |design, new_replica: &str| {
        let mut add = of(design, Scenario::ScaleOut, &[&QUIET]);
        add.new_replica = Some(new_replica.to_owned());
        outcome(&add)
    };
    // r1 answers all requests of the fixture.
    assert_eq!(add(Design::Token, "r1"), Pass);
    assert_eq!(add(Design::Token, "r4"), Fail);
    assert_eq!(add(Design::Sticky, "r4"), Pass);
    assert_eq!(add(Design::Sticky, "r1"), Fail);
}

#[test]
fn starved_run_fails_only_for_inexcusable_deviations() {
    let mut starved = of(Design::Sticky, Scenario::RollingRestart, &[&LOST, &QUIET]);
    starved.enough_answers = false;
    assert_eq!(outcome(&starved), Inconclusive);
    let mut starved = of(Design::Token, Scenario::RollingRestart, &[&QUIET]);
    starved.enough_answers = false;
    assert_eq!(outcome(&starved), Inconclusive, "without requests there are no refusals");
    let mut starved = of(Design::Token, Scenario::RollingRestart, &[&LOST]);
    starved.enough_answers = false;
    assert_eq!(outcome(&starved), Fail);
}

fn revoked(after: usize, still: &[&str]) -> RevocationEffect {
    RevocationEffect {
        accepted_before: true,
        accepted_after: after,
        delay_ms: 0.0,
        still_accepted_by: still.iter().map(|id| (*id).to_owned()).collect(),
    }
}

fn revoking(design: Design, found: RevocationEffect) -> Outcome {
    let mut revoke = of(design, Scenario::RevokeOne, &[&QUIET]);
    if design == Design::Memory {
        revoke.series = Series { fault_start_us: Some(250), ..series(None, &[&LOST]) };
    }
    revoke.revocation = Some(found);
    outcome(&revoke)
}

#[test]
fn revocation_reaches_shared_stores_but_no_other_memory() {
    for design in [Design::Memory, Design::Sticky] {
        assert_eq!(revoking(design, revoked(9, &["r1"])), Pass);
        assert_eq!(revoking(design, revoked(0, &[])), Fail);
    }
    for design in [Design::Central, Design::Token] {
        assert_eq!(revoking(design, revoked(0, &[])), Pass);
        assert_eq!(revoking(design, revoked(1, &[])), Fail);
    }
    assert_eq!(revoking(Design::Replicated, revoked(3, &[])), Pass);
    assert_eq!(revoking(Design::Replicated, revoked(9, &["r1"])), Fail);
}

#[test]
fn never_valid_credential_is_inconclusive() {
    let never = RevocationEffect { accepted_before: false, ..revoked(0, &[]) };
    assert_eq!(revoking(Design::Central, never), Inconclusive);
}

#[test]
fn token_without_lookup_must_outlive_revocation_then_expire() {
    let found = |without: RevocationEffect| {
        let mut revoke = of(Design::Token, Scenario::RevokeOne, &[&QUIET]);
        revoke.revocation_without_lookup = Some(without);
        outcome(&revoke)
    };
    assert_eq!(found(revoked(40, &[])), Pass);
    assert_eq!(found(revoked(0, &[])), Fail);
    assert_eq!(found(revoked(40, &["r2"])), Fail);
}

#[test]
fn only_unforged_token_is_accepted_by_another_service() {
    let other_service = |accepts, forged| OtherServiceResult {
        accepts,
        accepts_a_forgery: forged,
        reason: String::new(),
        signature_check_ms: None,
    };
    let session_memory =
        |sessions| SessionMemory { memory_bytes: Vec::new(), sessions, converged: true };
    let of = |design, other_service: OtherServiceResult, sessions| {
        let all = of_design(design, &other_service, &session_memory(sessions));
        Outcome::of(all.iter().map(|one| one.outcome))
    };
    assert_eq!(of(Design::Token, other_service(true, Some(false)), None), Pass);
    assert_eq!(of(Design::Token, other_service(false, Some(false)), None), Fail);
    assert_eq!(of(Design::Token, other_service(true, Some(true)), None), Fail);
    assert_eq!(of(Design::Central, other_service(false, None), None), Pass);
    assert_eq!(of(Design::Central, other_service(true, None), None), Fail);
    let some = Some((330.0, 340.0));
    assert_eq!(of(Design::Central, other_service(false, None), some), Fail);
    assert_eq!(of(Design::Memory, other_service(false, None), some), Pass);
    assert_eq!(of(Design::Replicated, other_service(false, None), some), Fail);
    let all = Some((1_000.0, 1_000.0));
    assert_eq!(of(Design::Replicated, other_service(false, None), all), Pass);
    assert_eq!(of(Design::Memory, other_service(false, None), all), Fail);
}

#[test]
fn unsettled_gossip_is_inconclusive() {
    let other_service = OtherServiceResult {
        accepts: false,
        accepts_a_forgery: None,
        reason: String::new(),
        signature_check_ms: None,
    };
    let late = SessionMemory {
        memory_bytes: Vec::new(),
        sessions: Some((727.0, 897.0)),
        converged: false,
    };
    let all = of_design(Design::Replicated, &other_service, &late);
    assert_eq!(Outcome::of(all.iter().map(|one| one.outcome)), Inconclusive);
}

#[test]
fn worst_repetition_determines_the_outcome() {
    let good = of_trial(&of(Design::Token, Scenario::KillAReplica, &[&QUIET]));
    let bad = of_trial(&of(Design::Token, Scenario::KillAReplica, &[&LOST]));
    let merged = merge_repetitions([good.clone(), bad, good].concat());
    assert_eq!(merged.len(), 1);
    assert_eq!((merged[0].outcome, merged[0].measured.as_str()), (Fail, "1"));
}
