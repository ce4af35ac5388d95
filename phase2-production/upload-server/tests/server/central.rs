//! The central design over three replicas: concurrent use of one session loses no update,
//! and an ended session stays ended when Redis loses its data.

use crate::cluster::TestCluster;
use crate::half_open::HalfOpenRequest;
use crate::stores::{StoreKind, TestStores, connection_to, flush};
use api_conformance::eventually::eventually;
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::files::ListQuery;
use api_contract::problem::ProblemKind;
use client::expect::equal;
use client::{CallResult, Client, Credential, Upload};
use futures_util::future::try_join_all;
use sqlx::Connection;
use std::convert::Infallible;
use std::time::Duration;

/// Short enough for several flushes during the uploads, long enough for Redis to store
/// something in between.
const FLUSH_INTERVAL: Duration = Duration::from_millis(2);

/// Real stores, three replicas, and a session of alice.
struct CentralFixture {
    stores: TestStores,
    cluster: TestCluster,
    alice: Credential,
}

impl CentralFixture {
    async fn start(more: &[&str]) -> anyhow::Result<Self> {
        let stores = TestStores::new(StoreKind::Real, true).await?;
        let cluster = TestCluster::start(&stores, "central", more).await?;
        let alice = cluster.replicas[0].sign_in(&cluster.replicas[0].alice).await?;
        Ok(Self { stores, cluster, alice })
    }

    fn redis(&self) -> &backing_services::Service {
        self.stores.redis.as_ref().expect("the central design uses Redis")
    }

    async fn accepted_everywhere(&self) -> anyhow::Result<()> {
        for replica in &self.cluster.replicas {
            replica.accepts(&self.alice).await?;
        }
        Ok(())
    }

    async fn refused_everywhere(&self) -> anyhow::Result<()> {
        for replica in &self.cluster.replicas {
            replica.refuses(&self.alice, ProblemKind::SessionUnknown).await?;
        }
        Ok(())
    }

    async fn log_out_at(&self, replica: usize) -> anyhow::Result<()> {
        let client = self.cluster.replicas[replica].client();
        client.end_session(&self.alice).await.done()?;
        Ok(())
    }

    /// Retries on 503: only an acknowledged upload counts.
    async fn upload_until_acknowledged(
        &self,
        client: &Client,
        file: &Upload,
    ) -> anyhow::Result<()> {
        eventually(PROCESS_TIMEOUT, "an acknowledged upload", async || {
            let outcome = client.upload_with_key(&self.alice, file, &file.name).await;
            match outcome {
                CallResult::Refused(busy) if busy.status == 503 => Ok(None),
                outcome => outcome.done().map(|_created| Some(())),
            }
        })
        .await
    }

    /// Sends fifty concurrent uploads over all replicas; runs `meanwhile` until they are
    /// done.
    async fn fifty_uploads(
        &self,
        meanwhile: impl Future<Output = anyhow::Result<Infallible>>,
    ) -> anyhow::Result<()> {
        let uploads = (0..50).map(|number| {
            let client = self.cluster.replicas[number % 3].client();
            let file = Upload::new(format!("{number:02}.txt"), format!("{number}"));
            async move { self.upload_until_acknowledged(&client, &file).await }
        });
        tokio::select! {
            done = try_join_all(uploads) => drop(done?),
            Err(failed) = meanwhile => return Err(failed),
        }
        let client = self.cluster.replicas[1].client();
        let mut names =
            client.session_view(&self.alice).await.done()?.body.files_uploaded;
        names.sort();
        let expected: Vec<_> = (0..50).map(|number| format!("{number:02}.txt")).collect();
        equal("files of the session", names, expected)
    }
}

/// Another transaction locks the session row for longer than the statement timeout.
#[tokio::test]
async fn upload_is_not_acknowledged_while_session_row_is_locked() -> anyhow::Result<()> {
    let fixture = CentralFixture::start(&[]).await?;
    let mut owner = fixture.stores.owner().await?;
    let file = Upload::new("a.txt".to_owned(), "hello".to_owned());
    let client = fixture.cluster.replicas[0].client();
    let upload = async || client.upload_with_key(&fixture.alice, &file, "key").await;
    let mut locked = owner.begin().await?;
    sqlx::query("SELECT 1 FROM sessions FOR UPDATE").fetch_all(&mut *locked).await?;
    upload().await.refused_as(ProblemKind::RecordsUnavailable)?;
    locked.rollback().await?;
    upload().await.done()?;
    let view = client.session_view(&fixture.alice).await.done()?;
    equal("files of the session", view.body.files_uploaded, vec!["a.txt".to_owned()])
}

#[tokio::test]
async fn fifty_concurrent_uploads_are_all_listed_in_the_session() -> anyhow::Result<()> {
    let fixture = CentralFixture::start(&[]).await?;
    fixture.fifty_uploads(std::future::pending()).await
}

#[tokio::test]
async fn concurrent_uploads_survive_repeated_redis_flushes() -> anyhow::Result<()> {
    let fixture = CentralFixture::start(&[]).await?;
    let mut redis = connection_to(fixture.redis()).await?;
    let mut flushes = 0;
    let flushes_redis = async {
        loop {
            redis::cmd("FLUSHALL").query_async::<()>(&mut redis).await?;
            flushes += 1;
            tokio::time::sleep(FLUSH_INTERVAL).await;
        }
    };
    fixture.fifty_uploads(flushes_redis).await?;
    anyhow::ensure!(flushes > 1, "Redis was not flushed during the uploads");
    Ok(())
}

#[tokio::test]
async fn logout_during_a_slow_upload_stays_effective() -> anyhow::Result<()> {
    for flushed in [false, true] {
        let fixture = CentralFixture::start(&[]).await?;
        let slow =
            HalfOpenRequest::upload(&fixture.cluster.replicas[0], &fixture.alice).await?;
        fixture.log_out_at(1).await?;
        if flushed {
            flush(fixture.redis()).await?;
        }
        let response = slow.finish().await?;
        anyhow::ensure!(response.starts_with("HTTP/1.1 201 "), "{response}");
        fixture.refused_everywhere().await?;
    }
    Ok(())
}

#[tokio::test]
async fn sessions_and_logouts_survive_redis_data_loss() -> anyhow::Result<()> {
    let fixture = CentralFixture::start(&[]).await?;
    fixture.accepted_everywhere().await?;
    flush(fixture.redis()).await?;
    fixture.accepted_everywhere().await?;
    fixture.log_out_at(2).await?;
    flush(fixture.redis()).await?;
    fixture.refused_everywhere().await
}

#[tokio::test]
async fn login_and_logout_work_without_redis() -> anyhow::Result<()> {
    let fixture = CentralFixture::start(&[]).await?;
    fixture.redis().kill9().await?;
    fixture.accepted_everywhere().await?;
    let replica = &fixture.cluster.replicas[1];
    let bob = replica.sign_in(&replica.bob).await?;
    fixture.cluster.replicas[2].accepts(&bob).await?;
    fixture.log_out_at(0).await?;
    fixture.refused_everywhere().await?;
    fixture.redis().restart().await?;
    fixture.refused_everywhere().await?;
    fixture.cluster.replicas[0].accepts(&bob).await
}

#[tokio::test]
async fn logout_survives_a_redis_pause() -> anyhow::Result<()> {
    let fixture = CentralFixture::start(&[]).await?;
    fixture.accepted_everywhere().await?;
    fixture.redis().pause().await?;
    fixture.log_out_at(0).await?;
    fixture.redis().resume().await?;
    for _ in 0..20 {
        fixture.refused_everywhere().await?;
    }
    Ok(())
}

#[tokio::test]
async fn unavailable_stores_return_503_not_401() -> anyhow::Result<()> {
    let fixture = CentralFixture::start(&[]).await?;
    fixture.redis().kill9().await?;
    let lost = fixture.stores.disconnect_database().await?;
    for replica in &fixture.cluster.replicas {
        let listing = replica.client().list(&fixture.alice, &ListQuery::default()).await;
        listing.refused_as(ProblemKind::SessionStoreUnavailable)?;
    }
    fixture.redis().restart().await?;
    lost.reconnect().await?;
    eventually(PROCESS_TIMEOUT, "alice to be accepted again", async || {
        Ok(fixture.accepted_everywhere().await.ok())
    })
    .await
}
