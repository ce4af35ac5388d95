//! The replica does it and dies before anybody hears of it: faults 4 and 25 of the matrix,
//! and fault 9, in which it is the client who is gone.
//!
//! A cut in one direction stands where others have a failpoint in the server: the answer is
//! given, the proxy holds it, and the replica is killed.

use crate::stage::{Scene, Trial, logged_in, on_stage};
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use cluster::Design;
use cluster::orders::Order;
use fault_proxy::{Direction, FaultProxy, Toxic};
use ledger::Invariant;
use ledger::content::Content;
use ledger::crowd::{Left, Proofs};
use ledger::entry::Ended;
use ledger::person::{Held, Person};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// Of somebody who hangs up in the middle of some of them.
const UPLOADS: usize = 120;

/// What a run shows in which nobody logs out and nobody goes on after the fault.
pub(super) const FILES: [Invariant; 4] =
    [Invariant::Kept, Invariant::Once, Invariant::Owners, Invariant::Cleared];

/// Somebody before a replica, with a proxy between that can keep the answers.
struct Before {
    proxy: FaultProxy,
    person: Person,
    held: Held,
}

impl Before {
    async fn replica_one(scene: &Scene, trial: &Trial) -> anyhow::Result<Self> {
        let door = scene.doors().await?[0].clone();
        let target = door.trim_start_matches("http://").parse()?;
        let proxy = FaultProxy::start(target, trial.seed).await?;
        let mut person = trial.person(0, &format!("http://{}", proxy.address()));
        let held = logged_in(&mut person).await?;
        Ok(Self { proxy, person, held })
    }

    /// Lets a call be carried out, and kills the replica before its answer arrives.
    async fn lose_the_answer<T>(
        &self,
        (scene, trial): (&Scene, &Trial),
        call: impl Future<Output = T>,
    ) -> anyhow::Result<T> {
        let fault = trial.recorder.fault_ordered("proxy", "cut");
        self.proxy.add(Direction::ToClient, Toxic::Cut);
        let kill = async {
            eventually(PATIENCE, "an answer that is held back", async || {
                Ok((self.proxy.held_back(Direction::ToClient) > 0).then_some(()))
            })
            .await?;
            scene.order("r1", Order::Kill).await?;
            self.proxy.reset_connections();
            trial.recorder.fault_struck(fault);
            anyhow::Ok(())
        };
        let (came, killed) = tokio::join!(call, kill);
        killed?;
        trial.recorder.mending_ordered(fault);
        self.proxy.heal();
        trial.recorder.fault_mended(fault);
        Ok(came)
    }
}

/// What somebody has in hand, for the reading back.
pub(super) fn left(person: Person, held: Held) -> Left {
    Left { person, proofs: Proofs { current: Some(held), ended: Vec::new() } }
}

/// Fault 4: killed after the commit, before the reply.
#[test]
fn an_upload_whose_answer_died_with_its_replica_is_repeated_and_happens_once()
-> anyhow::Result<()> {
    on_stage(Design::Central, async |scene| {
        let trial = scene.trial("an_upload_whose_answer_died", 4, 1);
        let before = Before::replica_one(scene, &trial).await?;
        let (alice, held) = (&before.person, &before.held);
        let mut dice = ChaCha8Rng::seed_from_u64(trial.seed);
        let content = Content::new(0, &alice.account.username, 1, 9_000, &mut dice);
        let upload = alice.upload(held, &content, Some("once"));
        let (first, _) = before.lose_the_answer((scene, &trial), upload).await?;
        ensure!(first.ended == Ended::Unknown, "she heard of it: {first:?}");
        let after = alice.at(&scene.doors_that_are_open().await[0]);
        let (_, files) = after.list(held).await;
        ensure!(files.len() == 1, "it was done before the kill: {files:?}");
        let (second, file) = after.upload(held, &content, Some("once")).await;
        ensure!(second.ended == Ended::Ok, "the repetition was refused: {second:?}");
        ensure!(file.as_ref() == Some(&files[0].file), "it is the first answer");
        let left = left(after, held.clone());
        scene.mend().await?;
        trial.judge_by(scene, &[left], &FILES).await.map(drop)
    })
}

/// Fault 25: killed after the rotation, before the reply. A client that does not hear of
/// the next refresh token has only the old one.
#[test]
fn whoever_does_not_hear_of_the_next_token_gets_in_with_the_old_one_again()
-> anyhow::Result<()> {
    on_stage(Design::Token, async |scene| {
        let trial = scene.trial("whoever_does_not_hear_of_the_next_token", 25, 1);
        let mut before = Before::replica_one(scene, &trial).await?;
        let mut refreshing = before.person.clone();
        let refresh = refreshing.refresh(&before.held);
        let lost = before.lose_the_answer((scene, &trial), refresh).await?;
        ensure!(lost.is_none(), "she heard of it");
        before.person = before.person.at(&scene.doors_that_are_open().await[0]);
        let next = before.person.refresh(&before.held).await;
        let next = next.context("the old one is refused, and she is logged out")?;
        ensure!(before.person.list(&next).await.0.ended == Ended::Ok);
        let again = before.person.refresh(&next).await;
        ensure!(again.is_some(), "the family lives: nobody was taken for a thief");
        Ok(())
    })
}

/// Fault 9: clients that hang up anywhere in a request. What was acknowledged later must
/// not be in a transaction of theirs that nobody commits.
#[test]
fn clients_that_hang_up_at_random_moments_cost_nobody_an_acknowledged_upload()
-> anyhow::Result<()> {
    on_stage(Design::Central, async |scene| {
        let trial = scene.trial("clients_that_hang_up_at_random_moments", 9, 2);
        let url = scene.cluster.url();
        let (mut hasty, mut patient) = (trial.person(0, &url), trial.person(1, &url));
        let haste = logged_in(&mut hasty).await?;
        let calm = logged_in(&mut patient).await?;
        let mut dice = ChaCha8Rng::seed_from_u64(trial.seed);
        let mut usual = Duration::ZERO;
        let mut hung_up = 0;
        for number in 0..UPLOADS {
            let content = |user: usize, who: &Person, dice: &mut ChaCha8Rng| -> Content {
                Content::new(user, &who.account.username, number, 3_000, dice)
            };
            if number % 4 == 0 {
                let own = content(1, &patient, &mut dice);
                let began = Instant::now();
                patient.upload(&calm, &own, None).await;
                usual = began.elapsed();
            }
            let theirs = content(0, &hasty, &mut dice);
            // From the first moment to long after the answer, however slow the machine is.
            let patience = usual.mul_f64(dice.random_range(0.01..2.0));
            let upload = hasty.upload(&haste, &theirs, Some(&theirs.name));
            let answer = tokio::time::timeout(patience, upload).await;
            hung_up += usize::from(answer.is_err());
        }
        let in_between = UPLOADS / 10..UPLOADS * 9 / 10;
        ensure!(in_between.contains(&hung_up), "{hung_up} of {UPLOADS} hung up");
        let left = [left(hasty, haste), left(patient, calm)];
        trial.judge_by(scene, &left, &FILES).await.map(drop)
    })
}
