//! A rolling upgrade on Postgres, under logins, uploads and lists: every table changes, and
//! replicas of two versions share one schema. No request gets a 5xx, and no login is lost.
//!
//! The long form runs the program of the previous release beside this one. It needs
//! `LAB_PREVIOUS_PROGRAM`, the path of that program's file; `lab dev night` builds it.

mod migration;
mod traffic;

use crate::PROGRAM;
use crate::cluster::TestCluster;
use crate::stores::{StoreKind, TestStores};
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use api_conformance::fixture::Started;
use api_conformance::process::PROCESS_TIMEOUT;
use load_balancer::status::BackendState;
use migration::Migration;
use std::collections::HashSet;
use traffic::Traffic;

/// Stores, and three replicas of any versions behind a balancer.
struct UpgradeFixture {
    stores: TestStores,
    cluster: TestCluster,
    design: &'static str,
}

impl UpgradeFixture {
    async fn start(design: &'static str) -> anyhow::Result<Self> {
        let stores = TestStores::new(StoreKind::Real, true).await?;
        let cluster = TestCluster::start(&stores, design, &traffic::FLAGS).await?;
        Ok(Self { stores, cluster, design })
    }

    async fn migration(&self) -> anyhow::Result<Migration> {
        Migration::connect(self.stores.owner().await?).await
    }

    /// Replaces one replica, as a rolling restart does: it is drained, stopped, started
    /// again and added.
    async fn replace(&mut self, replica: usize, program: &str) -> anyhow::Result<()> {
        let (cluster, id) = (&mut self.cluster, format!("r{}", replica + 1));
        cluster.balancer.drain_backend(&id).context("a known replica")?;
        eventually(PROCESS_TIMEOUT, "the end of its requests", async || {
            let status = cluster.balancer.status();
            let backend = status.backend(&id).context("a known replica")?;
            Ok((backend.in_flight == 0).then_some(()))
        })
        .await?;
        cluster.replicas[replica].server.terminate().await?;
        let mut flags = vec!["--replica-id", &id];
        flags.extend(traffic::FLAGS);
        let started = self.stores.replica_of(program, self.design, &flags).await?;
        cluster.balancer.put_backend(&id, started.server.ready().address);
        cluster.balancer.undrain_backend(&id).context("a known replica")?;
        cluster.replicas[replica] = started;
        eventually(PROCESS_TIMEOUT, "the new replica to be up", async || {
            let status = cluster.balancer.status();
            let backend = status.backend(&id).context("a known replica")?;
            Ok((backend.state == BackendState::Up).then_some(()))
        })
        .await
    }
}

async fn every_table_changes_under_traffic(design: &'static str) -> anyhow::Result<()> {
    let mut fixture = UpgradeFixture::start(design).await?;
    let mut migration = fixture.migration().await?;
    let traffic = Traffic::start(&fixture.cluster, design).await?;
    traffic.one_more_round().await?;
    for step in migration.expand().await? {
        migration.apply(&step).await.with_context(|| step.join("; "))?;
        traffic.one_more_round().await.with_context(|| step.join("; "))?;
    }
    migration.record_unknown_version().await?;
    fixture.replace(0, PROGRAM).await.context("a replica on a newer schema")?;
    traffic.one_more_round().await?;
    let step = migration.contract().await?;
    migration.apply(&step).await?;
    traffic.one_more_round().await.context("after the columns were dropped")?;
    traffic.finish().await
}

#[tokio::test(flavor = "multi_thread")]
async fn schema_changes_under_sessions_fail_no_request() -> anyhow::Result<()> {
    every_table_changes_under_traffic("central").await
}

#[tokio::test(flavor = "multi_thread")]
async fn schema_changes_under_tokens_fail_no_request() -> anyhow::Result<()> {
    every_table_changes_under_traffic("token").await
}

/// The id of the build in a ready line; the programs of old releases have none.
fn build_id(replica: &Started) -> Option<String> {
    let output = replica.server.output();
    let (_, after) = output.split_once("\"build\":\"")?;
    after.split('"').next().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_line_names_the_build() -> anyhow::Result<()> {
    let replica = TestStores::single_replica(StoreKind::Embedded, "memory", &[]).await?;
    let id = build_id(&replica).context("a build id")?;
    ensure!(id.len() >= 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    Ok(())
}

/// The previous release starts, the schema is migrated, and the replicas are replaced one by
/// one: by this program, one of them by the previous one again, and by this program.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the program of the previous release: run by lab dev night"]
async fn previous_release_runs_beside_this_one() -> anyhow::Result<()> {
    let previous = std::env::var("LAB_PREVIOUS_PROGRAM")
        .context("set LAB_PREVIOUS_PROGRAM to the previous release's upload-server")?;
    for design in ["central", "token"] {
        let (stores, owner_url) = TestStores::not_migrated().await?;
        // A server with the owner's URL migrates at its start, to its own version.
        let migrates = ["--database-owner-url", owner_url.as_str()];
        drop(stores.replica_of(&previous, design, &migrates).await?);
        let flags = traffic::FLAGS;
        let cluster = TestCluster::start_of(&previous, &stores, design, &flags).await?;
        let mut builds = HashSet::from([build_id(&cluster.replicas[0])]);
        let mut fixture = UpgradeFixture { stores, cluster, design };
        let traffic = Traffic::start(&fixture.cluster, design).await?;
        traffic.one_more_round().await?;
        let mut migration = fixture.migration().await?;
        let before = migration.versions().await?;
        records::Records::migrate(&owner_url).await?;
        let after = migration.versions().await?;
        traffic.one_more_round().await.context("the previous release on this schema")?;
        for (replica, program) in [
            (0, PROGRAM),
            (1, PROGRAM),
            (0, previous.as_str()),
            (0, PROGRAM),
            (2, PROGRAM),
        ] {
            fixture
                .replace(replica, program)
                .await
                .with_context(|| program.to_owned())?;
            builds.insert(build_id(&fixture.cluster.replicas[replica]));
            traffic.one_more_round().await.with_context(|| program.to_owned())?;
        }
        traffic.finish().await?;
        ensure!(builds.len() == 2, "both programs report the build {builds:?}");
        println!("two releases ran side by side in {design}: {before:?} to {after:?}");
    }
    Ok(())
}
