//! Made-up trials and the outcomes on them: each statement must be able to fail.

use super::*;
use crate::elsewhere::Elsewhere;
use crate::held::Held;
use crate::revocation::Revoked;
use crate::series::Series;
use crate::specimen::{series, trial};
use Ended::{Failed, Fine, LoginLost, TimedOut};
use Outcome::{Fail, Inconclusive, Pass};

const QUIET: [Ended; 8] = [Fine; 8];

/// The second request after the fault at 250 finds no login.
const LOST: [Ended; 8] = [Fine, Fine, Fine, Fine, LoginLost, Fine, Fine, Fine];

fn of(design: Contender, scenario: Scenario, users: &[&[Ended]]) -> Trial {
    trial(design, scenario, series(Some(250), users))
}

fn outcome(trial: &Trial) -> Outcome {
    Outcome::of(of_trial(trial).iter().map(|one| one.outcome))
}

#[test]
fn a_design_that_outlives_replicas_must_lose_no_login() {
    for design in [Contender::Central, Contender::Token] {
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
fn sticky_must_lose_exactly_those_who_were_at_home() {
    let mut kill = of(Contender::Sticky, Scenario::KillAReplica, &[&LOST, &QUIET]);
    kill.at_home.insert(0);
    assert_eq!(outcome(&kill), Pass);
    kill.at_home = [1].into();
    assert_eq!(outcome(&kill), Fail);
    kill.at_home = [0, 1].into();
    assert_eq!(outcome(&kill), Inconclusive, "all at home shows nothing of affinity");
    kill.at_home.clear();
    assert_eq!(outcome(&kill), Inconclusive);
}

#[test]
fn what_replicas_remember_together_goes_with_the_last_of_them_only() {
    let replicated = Contender::Replicated;
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
fn memory_without_affinity_must_lose_logins_with_nothing_wrong() {
    let steady = |users: &[&[Ended]]| {
        trial(Contender::Memory, Scenario::SteadyLoad, series(None, users))
    };
    assert_eq!(outcome(&steady(&[&LOST])), Pass);
    assert_eq!(outcome(&steady(&[&QUIET])), Fail);
}

#[test]
fn an_orderly_change_must_fail_no_request() {
    let mut failing = QUIET;
    failing[4] = Failed;
    let change = |ends: &[Ended]| of(Contender::Token, Scenario::RollingRestart, &[ends]);
    assert_eq!(outcome(&change(&QUIET)), Pass);
    assert_eq!(outcome(&change(&failing)), Fail);
    failing[4] = TimedOut;
    assert_eq!(outcome(&change(&failing)), Fail, "who hangs has failed, too");
    let kill = of(
        Contender::Token,
        Scenario::KillAReplica,
        &[&{
            failing[4] = Failed;
            failing
        }],
    );
    assert_eq!(outcome(&kill), Pass, "a crash may fail what it was busy with");
    failing[4] = TimedOut;
    let kill = of(Contender::Token, Scenario::KillAReplica, &[&failing]);
    assert_eq!(outcome(&kill), Inconclusive, "the machine may be slow");
}

#[test]
fn a_new_replica_must_get_a_share_unless_users_stay_where_they_are() {
    let add = |design, newcomer: &str| {
        let mut add = of(design, Scenario::ScaleOut, &[&QUIET]);
        add.newcomer = Some(newcomer.to_owned());
        outcome(&add)
    };
    // All requests of a specimen are answered by r1.
    assert_eq!(add(Contender::Token, "r1"), Pass);
    assert_eq!(add(Contender::Token, "r4"), Fail);
    assert_eq!(add(Contender::Sticky, "r4"), Pass);
    assert_eq!(add(Contender::Sticky, "r1"), Fail);
}

#[test]
fn a_starved_run_tells_nothing_but_what_no_slowness_explains() {
    let mut starved = of(Contender::Sticky, Scenario::RollingRestart, &[&LOST, &QUIET]);
    starved.enough = false;
    assert_eq!(outcome(&starved), Inconclusive);
    let mut starved = of(Contender::Token, Scenario::RollingRestart, &[&QUIET]);
    starved.enough = false;
    assert_eq!(outcome(&starved), Inconclusive, "nobody asked, so nobody was refused");
    let mut starved = of(Contender::Token, Scenario::RollingRestart, &[&LOST]);
    starved.enough = false;
    assert_eq!(outcome(&starved), Fail);
}

fn revoked(after: usize, still: &[&str]) -> Revoked {
    Revoked {
        accepted_before: true,
        accepted_after: after,
        delay_ms: 0.0,
        still_accepted_by: still.iter().map(|id| (*id).to_owned()).collect(),
    }
}

fn revoking(design: Contender, found: Revoked) -> Outcome {
    let mut revoke = of(design, Scenario::RevokeOne, &[&QUIET]);
    if design == Contender::Memory {
        revoke.series = Series { fault_us: Some(250), ..series(None, &[&LOST]) };
    }
    revoke.revoked = Some(found);
    outcome(&revoke)
}

#[test]
fn an_order_reaches_every_replica_that_asks_and_no_memory_but_its_own() {
    for design in [Contender::Memory, Contender::Sticky] {
        assert_eq!(revoking(design, revoked(9, &["r1"])), Pass);
        assert_eq!(revoking(design, revoked(0, &[])), Fail);
    }
    for design in [Contender::Central, Contender::Token] {
        assert_eq!(revoking(design, revoked(0, &[])), Pass);
        assert_eq!(revoking(design, revoked(1, &[])), Fail);
    }
    assert_eq!(revoking(Contender::Replicated, revoked(3, &[])), Pass);
    assert_eq!(revoking(Contender::Replicated, revoked(9, &["r1"])), Fail);
}

#[test]
fn a_proof_that_was_never_good_shows_nothing() {
    let never = Revoked { accepted_before: false, ..revoked(0, &[]) };
    assert_eq!(revoking(Contender::Central, never), Inconclusive);
}

#[test]
fn a_token_that_nobody_looks_up_must_outlive_the_order_and_then_die() {
    let found = |without: Revoked| {
        let mut revoke = of(Contender::Token, Scenario::RevokeOne, &[&QUIET]);
        revoke.without_lookup = Some(without);
        outcome(&revoke)
    };
    assert_eq!(found(revoked(40, &[])), Pass);
    assert_eq!(found(revoked(0, &[])), Fail);
    assert_eq!(found(revoked(40, &["r2"])), Fail);
}

#[test]
fn only_a_token_may_be_good_elsewhere_and_never_a_forged_one() {
    let elsewhere = |accepts, forged| Elsewhere {
        accepts,
        accepts_a_forgery: forged,
        why: String::new(),
        check_ms: None,
    };
    let held = |sessions| Held { bytes: Vec::new(), sessions, settled: true };
    let of = |design, elsewhere: Elsewhere, sessions| {
        let all = of_design(design, &elsewhere, &held(sessions));
        Outcome::of(all.iter().map(|one| one.outcome))
    };
    assert_eq!(of(Contender::Token, elsewhere(true, Some(false)), None), Pass);
    assert_eq!(of(Contender::Token, elsewhere(false, Some(false)), None), Fail);
    assert_eq!(of(Contender::Token, elsewhere(true, Some(true)), None), Fail);
    assert_eq!(of(Contender::Central, elsewhere(false, None), None), Pass);
    assert_eq!(of(Contender::Central, elsewhere(true, None), None), Fail);
    let some = Some((330.0, 340.0));
    assert_eq!(of(Contender::Central, elsewhere(false, None), some), Fail);
    assert_eq!(of(Contender::Memory, elsewhere(false, None), some), Pass);
    assert_eq!(of(Contender::Replicated, elsewhere(false, None), some), Fail);
    let all = Some((1_000.0, 1_000.0));
    assert_eq!(of(Contender::Replicated, elsewhere(false, None), all), Pass);
    assert_eq!(of(Contender::Memory, elsewhere(false, None), all), Fail);
}

#[test]
fn replicas_that_had_no_time_to_tell_each_other_show_nothing() {
    let elsewhere = Elsewhere {
        accepts: false,
        accepts_a_forgery: None,
        why: String::new(),
        check_ms: None,
    };
    let late = Held { bytes: Vec::new(), sessions: Some((727.0, 897.0)), settled: false };
    let all = of_design(Contender::Replicated, &elsewhere, &late);
    assert_eq!(Outcome::of(all.iter().map(|one| one.outcome)), Inconclusive);
}

#[test]
fn of_several_repetitions_the_worst_stands() {
    let good = of_trial(&of(Contender::Token, Scenario::KillAReplica, &[&QUIET]));
    let bad = of_trial(&of(Contender::Token, Scenario::KillAReplica, &[&LOST]));
    let merged = together([good.clone(), bad, good].concat());
    assert_eq!(merged.len(), 1);
    assert_eq!((merged[0].outcome, merged[0].measured.as_str()), (Fail, "1"));
}
