//! A paused database: the replicas keep serving the calls that do not need it, answer 503
//! to the others, and log no account out.

use crate::cluster::TestCluster;
use crate::stores::{StoreKind, TestStores};
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::problem::ProblemKind;
use api_contract::{Ready, paths};
use backing_services::{Backing, Service, database};
use client::{Client, Credential, Options};
use http::Method;
use http::header::RETRY_AFTER;
use load_balancer::status::BackendState;
use records::Records;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Limit for the 503: the server answers after two seconds; the rest allows for a busy
/// machine.
const MAX_REFUSAL_TIME: Duration = Duration::from_secs(4);

/// Three replicas behind a balancer, on their own Postgres, which can be paused.
struct OutageFixture {
    cluster: TestCluster,
    postgres: Service,
    _stores: (TestStores, TempDir),
}

impl OutageFixture {
    async fn start(design: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let postgres = database(Backing::Local, folder.path()).await?;
        let url = Records::migrate(&postgres.url).await?.app_url;
        let stores = TestStores::new(StoreKind::Embedded, true).await?;
        let cluster =
            TestCluster::start(&stores, design, &["--database-url", &url]).await?;
        Ok(Self { cluster, postgres, _stores: (stores, folder) })
    }

    /// A client of the balancer, which chooses a replica for each request.
    fn client(&self) -> Client {
        let options = Options { reuse_connections: false, ..Options::default() };
        Client::with(&self.cluster.url, options)
    }

    async fn log_in(&self) -> anyhow::Result<Credential> {
        let alice = &self.cluster.replicas[0].alice;
        let started = self.client().log_in_session(alice).await.done()?;
        Ok(Credential::Session(started.body.session_id))
    }

    /// Waits until every replica reports this readiness message.
    async fn wait_for_readiness(&self, message: &str) -> anyhow::Result<()> {
        for replica in &self.cluster.replicas {
            let client = replica.client();
            eventually(PROCESS_TIMEOUT, message, async || {
                let request = client.request(Method::GET, paths::READYZ);
                let ready = client.json::<Ready>(request).await.done()?.body;
                Ok((ready.message == message).then_some(()))
            })
            .await?;
        }
        Ok(())
    }

    fn all_backends_are_up(&self) -> anyhow::Result<()> {
        for backend in self.cluster.balancer.status().backends {
            ensure!(backend.state == BackendState::Up, "{backend:?}");
        }
        Ok(())
    }

    /// Checks that a login gets 503 with `Retry-After`, and in time.
    async fn login_is_refused_with_retry_after(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        let refused = self.client().log_in_session(&self.cluster.replicas[0].alice).await;
        let reply = refused.refused_as(ProblemKind::RecordsUnavailable)?;
        let elapsed = began.elapsed();
        ensure!(reply.header(RETRY_AFTER).is_some(), "no Retry-After");
        ensure!(elapsed < MAX_REFUSAL_TIME, "after {elapsed:?}");
        Ok(())
    }
}

/// Fault 19 of docs/failover.md, and the reason for decision 0017.
#[tokio::test]
async fn paused_database_keeps_sessions_readable_and_returns_503_to_logins()
-> anyhow::Result<()> {
    let fixture = OutageFixture::start("central").await?;
    let (client, alice) = (fixture.client(), fixture.log_in().await?);
    let before = client.session_view(&alice).await.done()?.body;
    fixture.wait_for_readiness("ready").await?;
    fixture.postgres.pause().await?;
    for _ in 0..6 {
        let now = client.session_view(&alice).await.done().context("from Redis")?.body;
        ensure!(now.created_at == before.created_at && now.username == "alice");
    }
    fixture.login_is_refused_with_retry_after().await?;
    fixture.wait_for_readiness("degraded").await?;
    fixture.all_backends_are_up()?;
    fixture.postgres.resume().await?;
    fixture.wait_for_readiness("ready").await?;
    eventually(PROCESS_TIMEOUT, "a login without a restart", async || {
        Ok(fixture.log_in().await.ok())
    })
    .await?;
    for replica in &fixture.cluster.replicas {
        replica.accepts(&alice).await.context("alice was logged out")?;
    }
    Ok(())
}

/// The list of files cached in Redis is never older than the last acknowledged upload.
#[tokio::test]
async fn session_without_database_never_shows_a_stale_file_list() -> anyhow::Result<()> {
    let fixture = OutageFixture::start("central").await?;
    let (client, alice) = (fixture.client(), fixture.log_in().await?);
    client.session_view(&alice).await.done()?;
    let file = client::Upload::new("a.txt", "a");
    client.upload(&alice, &file).await.done()?;
    fixture.postgres.pause().await?;
    // Redis has the list of the last upload, and not the one from before it.
    let seen = client.session_view(&alice).await.done()?.body;
    ensure!(seen.files_uploaded == ["a.txt"], "{:?}", seen.files_uploaded);
    fixture.postgres.resume().await?;
    eventually(PROCESS_TIMEOUT, "the current list", async || {
        let seen = client.session_view(&alice).await.done().ok();
        Ok(seen.filter(|seen| seen.body.files_uploaded == ["a.txt"]).map(drop))
    })
    .await
}

/// The sticky design keeps sessions in memory and needs no database to identify the
/// caller.
#[tokio::test]
async fn sticky_replica_serves_sessions_without_the_database() -> anyhow::Result<()> {
    let fixture = OutageFixture::start("sticky").await?;
    let replica = &fixture.cluster.replicas[0];
    let alice = replica.sign_in(&replica.alice).await?;
    fixture.postgres.pause().await?;
    fixture.wait_for_readiness("degraded").await?;
    replica.client().session_view(&alice).await.done()?;
    fixture.all_backends_are_up()
}
