//! The central design over three replicas: nothing is lost when one session is used by
//! many at once, and what was ended stays ended, whatever becomes of Redis meanwhile.

use crate::farm::Farm;
use crate::let_in::LetIn;
use crate::on::{Stores, World};
use api_conformance::client::Client;
use api_conformance::eventually::eventually;
use api_conformance::expect::equal;
use api_conformance::form::Upload;
use api_conformance::outcome::Outcome;
use api_conformance::process::PATIENCE;
use api_conformance::proof::Proof;
use api_contract::files::ListQuery;
use api_contract::problem::ProblemKind;
use futures_util::future::try_join_all;
use redis::aio::MultiplexedConnection;
use sqlx::Connection;
use std::convert::Infallible;
use std::time::Duration;

/// So short that Redis forgets more than once while one upload is under way, and so long
/// that it has something to forget.
const BETWEEN_FLUSHES: Duration = Duration::from_millis(2);

/// A world of real stores, three replicas on it, and alice in a session of her own.
struct Scene {
    world: World,
    farm: Farm,
    alice: Proof,
}

impl Scene {
    async fn set(more: &[&str]) -> anyhow::Result<Self> {
        let world = World::new(Stores::Real, true).await?;
        let farm = Farm::start(&world, "central", more).await?;
        let alice = farm.replicas[0].sign_in(&farm.replicas[0].alice).await?;
        Ok(Self { world, farm, alice })
    }

    fn redis(&self) -> &backing_services::Service {
        self.world.redis.as_ref().expect("the central design has one")
    }

    /// Redis forgets everything at once, as after a restart without persistence.
    async fn flush(&self) -> anyhow::Result<()> {
        let mut redis = self.connect_to_redis().await?;
        redis::cmd("FLUSHALL").query_async::<()>(&mut redis).await?;
        Ok(())
    }

    async fn connect_to_redis(&self) -> anyhow::Result<MultiplexedConnection> {
        let client = redis::Client::open(self.redis().url.as_str())?;
        Ok(client.get_multiplexed_async_connection().await?)
    }

    async fn everywhere_accepted(&self) -> anyhow::Result<()> {
        for replica in &self.farm.replicas {
            replica.accepts(&self.alice).await?;
        }
        Ok(())
    }

    async fn everywhere_refused(&self) -> anyhow::Result<()> {
        for replica in &self.farm.replicas {
            replica.refuses(&self.alice, ProblemKind::SessionUnknown).await?;
        }
        Ok(())
    }

    async fn log_out_at(&self, replica: usize) -> anyhow::Result<()> {
        let client = self.farm.replicas[replica].client();
        client.end_session(&self.alice).await.done()?;
        Ok(())
    }

    /// A busy server may say "come back" (503); what counts is what it acknowledged.
    async fn upload_until_it_is_done(
        &self,
        client: &Client,
        file: &Upload,
    ) -> anyhow::Result<()> {
        eventually(PATIENCE, "an acknowledged upload", async || {
            let outcome = client.upload_with_key(&self.alice, file, &file.name).await;
            match outcome {
                Outcome::Refused(busy) if busy.status == 503 => Ok(None),
                outcome => outcome.done().map(|_created| Some(())),
            }
        })
        .await
    }

    /// Fifty uploads at once, over all replicas; `meanwhile` goes on until all are done.
    async fn fifty_uploads(
        &self,
        meanwhile: impl Future<Output = anyhow::Result<Infallible>>,
    ) -> anyhow::Result<()> {
        let uploads = (0..50).map(|number| {
            let client = self.farm.replicas[number % 3].client();
            let file = Upload::new(format!("{number:02}.txt"), format!("{number}"));
            async move { self.upload_until_it_is_done(&client, &file).await }
        });
        tokio::select! {
            done = try_join_all(uploads) => drop(done?),
            Err(failed) = meanwhile => return Err(failed),
        }
        let client = self.farm.replicas[1].client();
        let mut names =
            client.session_view(&self.alice).await.done()?.body.files_uploaded;
        names.sort();
        let expected: Vec<_> = (0..50).map(|number| format!("{number:02}.txt")).collect();
        equal("what the session remembers", names, expected)
    }
}

/// The session's row is locked by somebody else, for longer than a statement may wait.
#[tokio::test]
async fn a_file_that_its_session_cannot_remember_is_not_acknowledged()
-> anyhow::Result<()> {
    let scene = Scene::set(&[]).await?;
    let mut owner = scene.world.owner().await?;
    let file = Upload::new("a.txt".to_owned(), "hello".to_owned());
    let client = scene.farm.replicas[0].client();
    let upload = async || client.upload_with_key(&scene.alice, &file, "key").await;
    let mut locked = owner.begin().await?;
    sqlx::query("SELECT 1 FROM sessions FOR UPDATE").fetch_all(&mut *locked).await?;
    upload().await.refused_as(ProblemKind::RecordsUnavailable)?;
    locked.rollback().await?;
    upload().await.done()?;
    let view = client.session_view(&scene.alice).await.done()?;
    equal(
        "what the session remembers",
        view.body.files_uploaded,
        vec!["a.txt".to_owned()],
    )
}

#[tokio::test]
async fn fifty_uploads_at_once_to_one_session_are_all_remembered() -> anyhow::Result<()> {
    let scene = Scene::set(&[]).await?;
    scene.fifty_uploads(std::future::pending()).await
}

#[tokio::test]
async fn fifty_uploads_at_once_are_remembered_while_redis_forgets() -> anyhow::Result<()>
{
    let scene = Scene::set(&[]).await?;
    let mut redis = scene.connect_to_redis().await?;
    let mut forgotten = 0;
    let forget = async {
        loop {
            redis::cmd("FLUSHALL").query_async::<()>(&mut redis).await?;
            forgotten += 1;
            tokio::time::sleep(BETWEEN_FLUSHES).await;
        }
    };
    scene.fifty_uploads(forget).await?;
    anyhow::ensure!(
        forgotten > 1,
        "Redis forgot before the uploads, and not during them"
    );
    Ok(())
}

#[tokio::test]
async fn a_logout_during_a_slow_request_stays_a_logout() -> anyhow::Result<()> {
    for flushed in [false, true] {
        let scene = Scene::set(&[]).await?;
        let slow = LetIn::to_upload(&scene.farm.replicas[0], &scene.alice).await?;
        scene.log_out_at(1).await?;
        if flushed {
            scene.flush().await?;
        }
        let answer = slow.finish().await?;
        anyhow::ensure!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
        scene.everywhere_refused().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_session_outlives_everything_that_redis_knew() -> anyhow::Result<()> {
    let scene = Scene::set(&[]).await?;
    scene.everywhere_accepted().await?;
    scene.flush().await?;
    scene.everywhere_accepted().await?;
    scene.log_out_at(2).await?;
    scene.flush().await?;
    scene.everywhere_refused().await
}

#[tokio::test]
async fn without_redis_people_log_in_and_out_all_the_same() -> anyhow::Result<()> {
    let scene = Scene::set(&[]).await?;
    scene.redis().kill9().await?;
    scene.everywhere_accepted().await?;
    let replica = &scene.farm.replicas[1];
    let bob = replica.sign_in(&replica.bob).await?;
    scene.farm.replicas[2].accepts(&bob).await?;
    scene.log_out_at(0).await?;
    scene.everywhere_refused().await?;
    scene.redis().restart().await?;
    scene.everywhere_refused().await?;
    scene.farm.replicas[0].accepts(&bob).await
}

#[tokio::test]
async fn a_logout_while_redis_hangs_stays_a_logout_when_it_wakes() -> anyhow::Result<()> {
    let scene = Scene::set(&[]).await?;
    scene.everywhere_accepted().await?;
    scene.redis().pause().await?;
    scene.log_out_at(0).await?;
    scene.redis().resume().await?;
    for _ in 0..20 {
        scene.everywhere_refused().await?;
    }
    Ok(())
}

#[tokio::test]
async fn who_cannot_know_says_so_and_neither_yes_nor_no() -> anyhow::Result<()> {
    let scene = Scene::set(&[]).await?;
    scene.redis().kill9().await?;
    let lost = scene.world.lose_the_records().await?;
    for replica in &scene.farm.replicas {
        let listing = replica.client().list(&scene.alice, &ListQuery::default()).await;
        listing.refused_as(ProblemKind::SessionStoreUnavailable)?;
    }
    scene.redis().restart().await?;
    lost.bring_them_back().await?;
    eventually(PATIENCE, "alice is known again", async || {
        Ok(scene.everywhere_accepted().await.ok())
    })
    .await
}
