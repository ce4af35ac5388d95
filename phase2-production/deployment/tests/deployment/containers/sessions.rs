//! Who is still logged in when a part of the system has broken.

use super::callers::{Caller, Standing, all_are_logged_in};
use super::fleet::{Fleet, Front, Plan, REPLICAS};
use anyhow::ensure;
use std::collections::BTreeSet;

behind_both!(
    killing_a_replica_logs_nobody_out_of_central_sessions,
    killing_a_replica_logs_out_those_whose_session_was_in_its_memory,
    pausing_a_replica_logs_nobody_out_and_it_is_used_again_after,
    cutting_a_replica_off_logs_nobody_out_and_it_is_used_again_after,
    killing_redis_logs_nobody_out_and_brings_nobody_back,
    pausing_redis_logs_nobody_out_and_brings_nobody_back,
    killing_the_balancer_logs_nobody_out_and_it_finds_everybody_again,
);

const OTHERS: [&str; 2] = ["r2", "r3"];

async fn killing_a_replica_logs_nobody_out_of_central_sessions(
    front: Front,
) -> anyhow::Result<()> {
    let fleet = Fleet::start(Plan::central(front)).await?;
    let callers = Caller::all(&fleet).await?;
    fleet.part("r1").kill().await?;
    all_are_logged_in(&callers, &OTHERS).await?;
    fleet.part("r1").start_again().await?;
    fleet.until_served_by(&REPLICAS).await?;
    all_are_logged_in(&callers, &REPLICAS).await?;
    fleet.promise_kept()
}

/// The opposite fact: the same kill, and who is logged out is who was there.
async fn killing_a_replica_logs_out_those_whose_session_was_in_its_memory(
    front: Front,
) -> anyhow::Result<()> {
    let plan = Plan { front, design: "sticky", policy: "sticky" };
    let fleet = Fleet::start(plan).await?;
    let callers = Caller::all(&fleet).await?;
    let mut homes = Vec::new();
    for caller in &callers {
        homes.push(caller.is_logged_in().await?);
        let again = caller.is_logged_in().await?;
        ensure!(homes.last() == Some(&again), "{} was sent elsewhere", caller.name);
    }
    let spread: BTreeSet<_> = homes.iter().map(String::as_str).collect();
    ensure!(spread == BTreeSet::from(REPLICAS), "all are on {spread:?}");
    fleet.part("r1").kill().await?;
    for (caller, home) in callers.iter().zip(&homes) {
        let expected = match home.as_str() {
            "r1" => Standing::Out,
            _ => Standing::In(home.clone()),
        };
        let standing = caller.standing().await?;
        ensure!(standing == expected, "{} of {home}: {standing:?}", caller.name);
    }
    fleet.promise_kept()
}

async fn pausing_a_replica_logs_nobody_out_and_it_is_used_again_after(
    front: Front,
) -> anyhow::Result<()> {
    let fleet = Fleet::start(Plan::central(front)).await?;
    let callers = Caller::all(&fleet).await?;
    fleet.part("r1").pause().await?;
    all_are_logged_in(&callers, &OTHERS).await?;
    fleet.part("r1").resume().await?;
    fleet.until_served_by(&REPLICAS).await?;
    all_are_logged_in(&callers, &REPLICAS).await?;
    fleet.promise_kept()
}

async fn cutting_a_replica_off_logs_nobody_out_and_it_is_used_again_after(
    front: Front,
) -> anyhow::Result<()> {
    let fleet = Fleet::start(Plan::central(front)).await?;
    let callers = Caller::all(&fleet).await?;
    fleet.part("r1").cut_off().await?;
    all_are_logged_in(&callers, &OTHERS).await?;
    fleet.part("r1").reconnect().await?;
    fleet.until_served_by(&REPLICAS).await?;
    all_are_logged_in(&callers, &REPLICAS).await?;
    fleet.promise_kept()
}

/// Redis is a copy: without it sessions are read from the records, and what was ended there
/// stays ended when an empty Redis is back.
async fn killing_redis_logs_nobody_out_and_brings_nobody_back(
    front: Front,
) -> anyhow::Result<()> {
    let fleet = Fleet::start(Plan::central(front)).await?;
    let mut callers = Caller::all(&fleet).await?;
    all_are_logged_in(&callers, &REPLICAS).await?;
    fleet.part("redis").kill().await?;
    all_are_logged_in(&callers, &REPLICAS).await?;
    let leaver = callers.swap_remove(0);
    leaver.client.end_session(&leaver.proof).await.done()?;
    fleet.part("redis").start_again().await?;
    stays_logged_out(&leaver, &callers).await?;
    fleet.promise_kept()
}

/// One that wakes up still has the session that was ended while it slept.
async fn pausing_redis_logs_nobody_out_and_brings_nobody_back(
    front: Front,
) -> anyhow::Result<()> {
    let fleet = Fleet::start(Plan::central(front)).await?;
    let mut callers = Caller::all(&fleet).await?;
    all_are_logged_in(&callers, &REPLICAS).await?;
    fleet.part("redis").pause().await?;
    all_are_logged_in(&callers, &REPLICAS).await?;
    let leaver = callers.swap_remove(0);
    leaver.client.end_session(&leaver.proof).await.done()?;
    fleet.part("redis").resume().await?;
    stays_logged_out(&leaver, &callers).await?;
    fleet.promise_kept()
}

async fn stays_logged_out(leaver: &Caller, others: &[Caller]) -> anyhow::Result<()> {
    for _ in 0..2 * REPLICAS.len() {
        all_are_logged_in(others, &REPLICAS).await?;
        ensure!(leaver.standing().await? == Standing::Out, "a logout was undone");
    }
    Ok(())
}

/// It knows nothing that it could forget: only its address on this machine is another one.
async fn killing_the_balancer_logs_nobody_out_and_it_finds_everybody_again(
    front: Front,
) -> anyhow::Result<()> {
    let mut fleet = Fleet::start(Plan::central(front)).await?;
    let callers = Caller::all(&fleet).await?;
    fleet.part("front").kill().await?;
    fleet.part("front").start_again().await?;
    fleet.ask_for_the_address().await?;
    fleet.until_served_by(&REPLICAS).await?;
    let callers: Vec<_> = callers.iter().map(|caller| caller.at(&fleet.url)).collect();
    all_are_logged_in(&callers, &REPLICAS).await?;
    fleet.promise_kept()
}
