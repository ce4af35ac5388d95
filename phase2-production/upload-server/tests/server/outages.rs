//! The database is everybody's: when it is silent, the replicas go on with what they can do
//! without it, say "come back" to the rest, and log nobody out.

use crate::farm::Farm;
use crate::on::{Stores, World};
use anyhow::{Context, ensure};
use api_conformance::client::{Client, Options};
use api_conformance::eventually::eventually;
use api_conformance::process::PATIENCE;
use api_conformance::proof::Proof;
use api_contract::problem::ProblemKind;
use api_contract::{Ready, paths};
use backing_services::{Backing, Service, database};
use http::Method;
use http::header::RETRY_AFTER;
use load_balancer::status::BackendState;
use records::Records;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What a busy machine may add to the two seconds after which a caller is told.
const TOLD_AFTER: Duration = Duration::from_secs(4);

/// Three replicas behind a balancer, on a Postgres of their own that can be paused.
struct Scene {
    farm: Farm,
    postgres: Service,
    _stores: (World, TempDir),
}

impl Scene {
    async fn set(design: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let postgres = database(Backing::Local, folder.path()).await?;
        let url = Records::migrate(&postgres.url).await?.app_url;
        let world = World::new(Stores::Embedded, true).await?;
        let farm = Farm::start(&world, design, &["--database-url", &url]).await?;
        Ok(Self { farm, postgres, _stores: (world, folder) })
    }

    /// Of the balancer, which chooses a replica for each request anew.
    fn client(&self) -> Client {
        let options = Options { reuse_connections: false, ..Options::default() };
        Client::with(&self.farm.url, options)
    }

    async fn log_in(&self) -> anyhow::Result<Proof> {
        let alice = &self.farm.replicas[0].alice;
        let started = self.client().log_in_session(alice).await.done()?;
        Ok(Proof::Session(started.body.session_id))
    }

    /// What each replica says of itself, once all of them say it.
    async fn all_say(&self, message: &str) -> anyhow::Result<()> {
        for replica in &self.farm.replicas {
            let client = replica.client();
            eventually(PATIENCE, message, async || {
                let asked = client.request(Method::GET, paths::READYZ);
                let ready = client.json::<Ready>(asked).await.done()?.body;
                Ok((ready.message == message).then_some(()))
            })
            .await?;
        }
        Ok(())
    }

    fn nobody_is_taken_out(&self) -> anyhow::Result<()> {
        for backend in self.farm.balancer.status().backends {
            ensure!(backend.state == BackendState::Up, "{backend:?}");
        }
        Ok(())
    }

    /// Somebody who logs in is told to come back, and soon.
    async fn a_login_is_told_to_come_back(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        let refused = self.client().log_in_session(&self.farm.replicas[0].alice).await;
        let reply = refused.refused_as(ProblemKind::RecordsUnavailable)?;
        let told = began.elapsed();
        ensure!(reply.header(RETRY_AFTER).is_some(), "when?");
        ensure!(told < TOLD_AFTER, "after {told:?}");
        Ok(())
    }
}

/// Item 19 of the faults, and the reason for decision 0017.
#[tokio::test]
async fn while_the_database_is_silent_sessions_are_read_and_logins_told_to_come_back()
-> anyhow::Result<()> {
    let scene = Scene::set("central").await?;
    let (client, alice) = (scene.client(), scene.log_in().await?);
    let before = client.session_view(&alice).await.done()?.body;
    scene.all_say("ready").await?;
    scene.postgres.pause().await?;
    for _ in 0..6 {
        let now = client.session_view(&alice).await.done().context("from Redis")?.body;
        ensure!(now.created_at == before.created_at && now.username == "alice");
    }
    scene.a_login_is_told_to_come_back().await?;
    scene.all_say("degraded").await?;
    scene.nobody_is_taken_out()?;
    scene.postgres.resume().await?;
    scene.all_say("ready").await?;
    eventually(PATIENCE, "a login, with nothing restarted", async || {
        Ok(scene.log_in().await.ok())
    })
    .await?;
    for replica in &scene.farm.replicas {
        replica.accepts(&alice).await.context("nobody was logged out")?;
    }
    Ok(())
}

/// A list that Redis keeps for bad days is never older than what was acknowledged.
#[tokio::test]
async fn a_session_read_without_the_database_lacks_no_file() -> anyhow::Result<()> {
    let scene = Scene::set("central").await?;
    let (client, alice) = (scene.client(), scene.log_in().await?);
    client.session_view(&alice).await.done()?;
    let file = api_conformance::form::Upload::new("a.txt", "a");
    client.upload(&alice, &file).await.done()?;
    scene.postgres.pause().await?;
    // The list from before the upload must not be shown.
    let refused = client.session_view(&alice).await;
    refused.refused_as(ProblemKind::SessionStoreUnavailable)?;
    scene.postgres.resume().await?;
    eventually(PATIENCE, "the whole list", async || {
        let seen = client.session_view(&alice).await.done().ok();
        Ok(seen.filter(|seen| seen.body.files_uploaded == ["a.txt"]).map(drop))
    })
    .await
}

/// Where identity is in the replica's memory, the database is not asked who is calling.
#[tokio::test]
async fn a_replica_that_remembers_by_itself_goes_on_without_the_database()
-> anyhow::Result<()> {
    let scene = Scene::set("sticky").await?;
    let replica = &scene.farm.replicas[0];
    let alice = replica.sign_in(&replica.alice).await?;
    scene.postgres.pause().await?;
    scene.all_say("degraded").await?;
    replica.client().session_view(&alice).await.done()?;
    scene.nobody_is_taken_out()
}
