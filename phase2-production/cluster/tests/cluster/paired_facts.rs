//! The five designs under the same fault, and the opposite things that come of it: what the
//! whole lab is about, one test a fact.
//!
//! The facts of one kind have one shape, so that what differs can be seen: the design.

use crate::stage::{Scene, logged_in, on_stage};
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use cluster::Design;
use cluster::orders::Order;
use ledger::entry::{Ended, Entry};
use ledger::person::{Came, Held, Person};
use std::time::Duration;

/// How long the balancer may take to notice who is gone.
const NOTICED: Duration = Duration::from_secs(20);

/// How often somebody is asked for in the same place: a balancer that takes each in turn
/// would be found out.
const ASKED: usize = 4;

/// What becomes of a login.
#[derive(Debug, PartialEq, Eq)]
enum Login {
    Kept,
    Lost,
}

/// Somebody who has logged in through the balancer, and the replica that answered.
struct LoggedIn {
    person: Person,
    held: Held,
    home: String,
}

impl LoggedIn {
    async fn at(scene: &Scene, name: &'static str) -> anyhow::Result<Self> {
        let trial = scene.trial(name, 1, 1);
        let mut person = trial.person(0, &scene.cluster.url());
        let held = logged_in(&mut person).await?;
        let answered = |entries: &[Entry]| entries.last()?.served_by.clone();
        let home = trial.recorder.with_entries(answered);
        Ok(Self { person, held, home: home.context("every reply says who answered")? })
    }

    /// It is the replica that answered the login that knows her, each time that it is asked;
    /// behind a balancer that brings her back, each time that she asks. Without this, a
    /// login that was never any good would count as one that was lost.
    async fn is_known_at_home(&self, scene: &Scene) -> anyhow::Result<()> {
        let at = scene.cluster.replica_ids().iter().position(|id| *id == self.home);
        let home = &scene.doors().await?[at.context("a replica of that name")?];
        let (home, balancer) = (self.person.at(home), &self.person);
        for _ in 0..ASKED {
            let came = home.list(&self.held).await.0;
            ensure!(came.ended == Ended::Ok, "{} does not know her: {came:?}", self.home);
            if scene.design == Design::Sticky {
                let came = balancer.list(&self.held).await.0;
                ensure!(came.ended == Ended::Ok, "she was sent elsewhere: {came:?}");
            }
        }
        Ok(())
    }

    /// What has become of the login: asked until somebody knows, because those who are
    /// asked first may have to notice that a replica is gone.
    async fn login(&self) -> anyhow::Result<Login> {
        eventually(NOTICED, "an answer about the login", async || {
            Ok(match self.person.list(&self.held).await.0 {
                Came { ended: Ended::Ok, .. } => Some(Login::Kept),
                Came { proof_refused: true, .. } => Some(Login::Lost),
                _ => None,
            })
        })
        .await
    }
}

/// Kills the replica that answered the login, and asks the others.
fn after_its_replica_was_killed(design: Design, expected: &Login) -> anyhow::Result<()> {
    on_stage(design, async |scene| {
        let alice = LoggedIn::at(scene, "killing_her_replica").await?;
        alice.is_known_at_home(scene).await?;
        scene.order(&alice.home, Order::Kill).await?;
        ensure!(alice.login().await? == *expected, "{design:?}: not {expected:?}");
        Ok(())
    })
}

#[test]
fn killing_her_replica_logs_a_user_out_with_memory() -> anyhow::Result<()> {
    after_its_replica_was_killed(Design::Memory, &Login::Lost)
}

#[test]
fn killing_her_replica_logs_a_user_out_with_sticky() -> anyhow::Result<()> {
    after_its_replica_was_killed(Design::Sticky, &Login::Lost)
}

#[test]
fn killing_her_replica_does_not_log_a_user_out_with_replicated() -> anyhow::Result<()> {
    after_its_replica_was_killed(Design::Replicated, &Login::Kept)
}

#[test]
fn killing_her_replica_does_not_log_a_user_out_with_central() -> anyhow::Result<()> {
    after_its_replica_was_killed(Design::Central, &Login::Kept)
}

#[test]
fn killing_her_replica_does_not_log_a_user_out_with_token() -> anyhow::Result<()> {
    after_its_replica_was_killed(Design::Token, &Login::Kept)
}

/// Kills all replicas, so that none is left to tell another, and starts them again.
fn after_all_replicas_were_killed(
    design: Design,
    expected: &Login,
) -> anyhow::Result<()> {
    on_stage(design, async |scene| {
        let alice = LoggedIn::at(scene, "killing_all_replicas").await?;
        alice.is_known_at_home(scene).await?;
        for id in scene.cluster.replica_ids() {
            scene.order(&id, Order::Kill).await?;
        }
        scene.mend().await?;
        ensure!(alice.login().await? == *expected, "{design:?}: not {expected:?}");
        Ok(())
    })
}

#[test]
fn killing_all_replicas_logs_a_user_out_with_memory() -> anyhow::Result<()> {
    after_all_replicas_were_killed(Design::Memory, &Login::Lost)
}

#[test]
fn killing_all_replicas_logs_a_user_out_with_sticky() -> anyhow::Result<()> {
    after_all_replicas_were_killed(Design::Sticky, &Login::Lost)
}

#[test]
fn killing_all_replicas_logs_a_user_out_with_replicated() -> anyhow::Result<()> {
    after_all_replicas_were_killed(Design::Replicated, &Login::Lost)
}

#[test]
fn killing_all_replicas_does_not_log_a_user_out_with_central() -> anyhow::Result<()> {
    after_all_replicas_were_killed(Design::Central, &Login::Kept)
}

#[test]
fn killing_all_replicas_does_not_log_a_user_out_with_token() -> anyhow::Result<()> {
    after_all_replicas_were_killed(Design::Token, &Login::Kept)
}

/// Slower is a figure, which `lab compare` shows; wrong is what is asked for here.
#[test]
fn killing_redis_makes_central_slower_and_not_wrong() -> anyhow::Result<()> {
    on_stage(Design::Central, async |scene| {
        if !scene.has("redis").await {
            return Ok(());
        }
        let alice = LoggedIn::at(scene, "killing_redis_makes_central_slower").await?;
        let bob = LoggedIn::at(scene, "killing_redis_makes_central_slower").await?;
        let with = how_long(&alice).await?;
        scene.order("redis", Order::Kill).await?;
        let without = how_long(&alice).await?;
        let ended = eventually(NOTICED, "an acknowledged logout", async || {
            let came = bob.person.end(&bob.held).await;
            Ok((came.ended != Ended::Unknown).then_some(came.ended))
        });
        ensure!(ended.await? == Ended::Ok);
        ensure!(bob.login().await? == Login::Lost, "the logout counts without Redis");
        let mut carol = bob.person.clone();
        logged_in(&mut carol).await?;
        scene.order("redis", Order::Restart).await?;
        ensure!(alice.login().await? == Login::Kept);
        ensure!(bob.login().await? == Login::Lost, "Redis has not forgotten the logout");
        println!("30 reads: with Redis {with:?}, right after its death {without:?}");
        Ok(())
    })
}

/// How long thirty reads take; each has to be answered, and rightly.
async fn how_long(alice: &LoggedIn) -> anyhow::Result<Duration> {
    let began = std::time::Instant::now();
    for _ in 0..30 {
        ensure!(alice.login().await? == Login::Kept, "a login was lost with Redis");
    }
    Ok(began.elapsed())
}
