//! Replicas that crash, stop and hang under a crowd: faults 1, 2 and 3 of the matrix.

use crate::stage::{Scene, Trial, logged_in, on_stage};
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use cluster::Design;
use cluster::orders::Order;
use fault_proxy::{Direction, FaultProxy, Toxic};
use ledger::Invariant;
use ledger::content::Content;
use ledger::entry::{Act, Ended};
use ledger::person::{Held, Person};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::time::Duration;

/// How long the others may take to tell a replica that is back what it has missed.
const TOLD: Duration = Duration::from_secs(20);

/// Fault 1: killed in the middle of uploads, whole ones and pieces. Besides those of the
/// crowd, which a kill may or may not meet, one is surely under way each time.
#[test]
fn uploads_that_a_kill_interrupts_are_there_whole_or_not_at_all() -> anyhow::Result<()> {
    on_stage(Design::Token, async |scene| {
        let trial = scene.trial("uploads_that_a_kill_interrupts", 1, 4);
        let crowd = trial.crowd(&scene.cluster.url());
        for id in ["r2", "r3"] {
            trial.until_all_are_served().await;
            let sender = Sender::before(scene, id).await?;
            let fault = sender.send_until(trial.strike(scene, id, Order::Kill)).await?;
            trial.until_all_are_served().await;
            trial.mend(scene, fault, (id, Order::Restart)).await?;
            sender.finds_nothing_of_it(scene).await?;
        }
        let left = trial.finish(crowd).await;
        trial.judge(scene, &left).await.map(drop)
    })
}

/// Bytes of an upload, some of them, and how many arrive in a second: all would take ten.
const SIZE: usize = 200_000;
const SOME: usize = 30_000;
const NARROW: Toxic = Toxic::Bandwidth { bytes_per_second: 20_000 };

/// Somebody with a narrow line to one replica.
struct Sender {
    trial: Trial,
    proxy: FaultProxy,
    person: Person,
    held: Held,
    content: Content,
}

impl Sender {
    async fn before(scene: &Scene, id: &str) -> anyhow::Result<Self> {
        let trial = scene.trial("uploads_that_a_kill_interrupts", 1, 1);
        let at = scene.cluster.replica_ids().iter().position(|known| known == id);
        let door = &scene.doors().await?[at.context("a replica of that name")?];
        let target = door.trim_start_matches("http://").parse()?;
        let proxy = FaultProxy::start(target, trial.seed).await?;
        let mut person = trial.person(0, &format!("http://{}", proxy.address()));
        let held = logged_in(&mut person).await?;
        let mut dice = ChaCha8Rng::seed_from_u64(trial.seed);
        let content = Content::new(0, &person.account.username, 1, SIZE, &mut dice);
        Ok(Self { trial, proxy, person, held, content })
    }

    /// Lets the replica be killed when some of the upload has come, and not all of it.
    async fn send_until<T>(
        &self,
        strike: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        self.proxy.add(Direction::ToServer, NARROW);
        let fault = self.trial.recorder.fault_ordered("proxy", "the replica is killed");
        let killed = async {
            let mut most = 0;
            eventually(TOLD, "an upload that is under way", async || {
                let held = self.proxy.held_back(Direction::ToServer);
                most = most.max(held);
                Ok((held > 0 && held + SOME <= most).then_some(()))
            })
            .await?;
            strike.await
        };
        let upload = self.person.upload(&self.held, &self.content, None);
        let ((came, _), killed) = tokio::join!(upload, killed);
        self.trial.recorder.fault_struck(fault);
        self.trial.recorder.mending_ordered(fault);
        self.trial.recorder.fault_mended(fault);
        ensure!(came.ended == Ended::Unknown, "it was not interrupted: {came:?}");
        killed
    }

    /// Nobody has all of its bytes, so nobody may take them for a file. That they are
    /// cleared away is for the trial of the crowd to find.
    async fn finds_nothing_of_it(self, scene: &Scene) -> anyhow::Result<()> {
        let person = self.person.at(&scene.doors().await?[0]);
        let (came, files) = person.list(&self.held).await;
        ensure!(came.ended == Ended::Ok, "she is not told what is there: {came:?}");
        ensure!(files.is_empty(), "half of an upload is a file: {files:?}");
        let left = super::lost_answers::left(person, self.held);
        self.trial.judge_by(scene, &[left], &[Invariant::Once]).await.map(drop)
    }
}

/// Fault 2: stopped in order, one after the other.
#[test]
fn a_rolling_restart_refuses_nobody_and_breaks_nothing_off() -> anyhow::Result<()> {
    on_stage(Design::Central, async |scene| {
        let trial = scene.trial("a_rolling_restart_refuses_nobody", 2, 3);
        let crowd = trial.crowd(&scene.cluster.url());
        trial.until_all_are_served().await;
        for id in scene.cluster.replica_ids() {
            let fault = trial.strike(scene, &id, Order::Stop).await?;
            trial.mend(scene, fault, (&id, Order::Restart)).await?;
        }
        let left = trial.finish(crowd).await;
        let history = trial.judge(scene, &left).await?;
        let unsure = history.entries.iter().find(|one| one.ended == Ended::Unknown);
        ensure!(unsure.is_none(), "a request was broken off: {unsure:?}");
        Ok(())
    })
}

/// Fault 3: a replica hangs while a session that it has served is ended elsewhere.
#[test]
fn a_replica_that_wakes_up_serves_no_session_that_was_ended_meanwhile()
-> anyhow::Result<()> {
    for design in [Design::Replicated, Design::Central, Design::Token] {
        on_stage(design, woken).map_err(|error| error.context(design.as_str()))?;
    }
    Ok(())
}

async fn woken(scene: &Scene) -> anyhow::Result<()> {
    let trial = scene.trial("a_replica_that_wakes_up", 3, 1);
    let doors = scene.doors().await?;
    let mut alice = trial.person(0, &doors[2]);
    let held = logged_in(&mut alice).await?;
    let at_sleeper = alice.at(&doors[2]);
    ensure!(at_sleeper.list(&held).await.0.ended == Ended::Ok, "it knows her");
    let fault = trial.strike(scene, "r3", Order::Pause).await?;
    let ended = alice.at(&doors[0]).end(&held).await;
    ensure!(ended.ended == Ended::Ok, "she logs out at another: {ended:?}");
    trial.mend(scene, fault, ("r3", Order::Resume)).await?;
    if scene.design == Design::Replicated {
        // Nobody but the others can tell it, and they do when it is back.
        eventually(TOLD, "it has heard of the end", async || {
            at_sleeper.list(&held).await;
            let refused = trial.recorder.history().entries.pop();
            anyhow::Ok(refused.filter(|one| one.proof_refused()))
        })
        .await?;
    }
    for _ in 0..20 {
        let (came, _) = at_sleeper.list(&held).await;
        ensure!(came.ended != Ended::Ok, "the woken replica let her in");
    }
    let history = trial.recorder.history();
    let tries = history.entries.iter().filter(|one| one.proof_refused());
    ensure!(tries.count() > 0, "it never answered: {:?}", history.entries.last());
    ensure!(matches!(history.entries[2].act, Act::End { .. }));
    Ok(())
}
