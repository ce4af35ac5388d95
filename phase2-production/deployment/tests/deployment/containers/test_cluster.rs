//! A cluster of containers: Postgres, Redis, three replicas and a balancer on one network.

use super::container::{ContainerSpec, TestContainer};
use super::engine::DockerResource;
use super::images;
use super::virtual_users::{Account, served_by};
use anyhow::Context;
use api_conformance::eventually::eventually;
use backing_services::remove_orphan_containers;
use client::{Client, Options};
use records::Records;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;
use testcontainers::core::WaitFor;
use url::Url;

/// The maximum wait for an expected event.
pub(super) const EVENT_TIMEOUT: Duration = Duration::from_secs(60);

pub(super) const REPLICAS: [&str; 3] = ["r1", "r2", "r3"];

const PORT: u16 = 8080;
const POSTGRES_PORT: u16 = 5432;

/// The balancer of a cluster.
#[derive(Clone, Copy, Debug)]
pub(super) enum Balancer {
    /// The lab's balancer.
    Lab,
    /// HAProxy with the shipped configuration.
    HaProxy,
}

/// The settings of a cluster.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClusterConfig {
    pub(super) balancer: Balancer,
    pub(super) design: &'static str,
    /// The balancing policy, by its name in both balancers.
    pub(super) policy: &'static str,
}

impl ClusterConfig {
    /// Sessions in Redis and Postgres, and round-robin balancing.
    pub(super) const fn central(balancer: Balancer) -> Self {
        Self { balancer, design: "central", policy: "round-robin" }
    }
}

/// A running cluster. When dropped, it is removed. If its test has not passed, it prints the
/// last log lines of each container first.
pub(super) struct TestCluster {
    pub(super) url: String,
    pub(super) accounts: Vec<Account>,
    config: ClusterConfig,
    prefix: String,
    database_url: String,
    users_file: Vec<u8>,
    passed: bool,
    /// By name, without the prefix.
    containers: BTreeMap<&'static str, TestContainer>,
    files: DockerResource,
    /// The last field: it can be removed only after its containers.
    network: DockerResource,
}

impl TestCluster {
    /// Starts the cluster, and waits until every replica gets requests.
    pub(super) async fn start(config: ClusterConfig) -> anyhow::Result<Self> {
        remove_orphan_containers().await;
        let mut cluster = Self::empty(config)?;
        let (postgres, redis) =
            tokio::join!(cluster.start_postgres(), cluster.start_redis());
        cluster.containers.insert("redis", redis?);
        let (postgres, database_url) = postgres?;
        cluster.containers.insert("postgres", postgres);
        cluster.database_url = database_url;
        let (r1, r2, r3) = tokio::join!(
            cluster.start_replica("r1", "r1"),
            cluster.start_replica("r2", "r2"),
            cluster.start_replica("r3", "r3"),
        );
        for (slot, replica) in REPLICAS.into_iter().zip([r1, r2, r3]) {
            cluster.containers.insert(slot, replica?);
        }
        let balancer = cluster.start_balancer().await?;
        cluster.containers.insert("balancer", balancer);
        cluster.refresh_address().await?;
        cluster.wait_until_served_by(&REPLICAS).await?;
        Ok(cluster)
    }

    /// A cluster of a network and a volume, without containers.
    fn empty(config: ClusterConfig) -> anyhow::Result<Self> {
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let prefix = format!("stateless-lab-{}-", &unique[..12]);
        let accounts = Account::create_all();
        Ok(Self {
            url: String::new(),
            users_file: Account::users_file(&accounts)?,
            accounts,
            config,
            database_url: String::new(),
            passed: false,
            containers: BTreeMap::new(),
            files: DockerResource::volume(&format!("{prefix}files"))?,
            network: DockerResource::network(&format!("{prefix}network"))?,
            prefix,
        })
    }

    /// Marks the test as passed, so that no logs are printed.
    pub(super) fn passed(mut self) -> anyhow::Result<()> {
        self.passed = true;
        Ok(())
    }

    /// One of its containers: a replica, `redis`, `postgres` or `balancer`.
    pub(super) fn container(&self, name: &str) -> &TestContainer {
        &self.containers[name]
    }

    /// Replaces a replica by a new one, after it has finished its requests.
    pub(super) async fn replace(
        &mut self,
        slot: &'static str,
        id: &str,
    ) -> anyhow::Result<()> {
        let old = self.containers.remove(slot).context("a replica to replace")?;
        old.retire().await?;
        let new = self.start_replica(slot, id).await?;
        self.containers.insert(slot, new);
        self.wait_until_served_by(&[id]).await
    }

    /// Reads the balancer's published port, which changes when it starts again.
    pub(super) async fn refresh_address(&mut self) -> anyhow::Result<()> {
        self.url = format!("http://{}", self.container("balancer").address(PORT).await?);
        Ok(())
    }

    /// Waits until each of these replicas has served a request.
    pub(super) async fn wait_until_served_by(&self, ids: &[&str]) -> anyhow::Result<()> {
        let options = Options {
            timeout: Duration::from_secs(3),
            reuse_connections: false,
            ..Options::default()
        };
        let client = Client::with(&self.url, options);
        let mut missing: BTreeSet<&str> = ids.iter().copied().collect();
        eventually(EVENT_TIMEOUT, "every replica gets requests", async || {
            if let Some(id) = served_by(&client).await {
                missing.remove(id.as_str());
            }
            Ok(missing.is_empty().then_some(()))
        })
        .await
        .with_context(|| format!("no request was served by {ids:?}"))
    }

    async fn start_container(
        &self,
        name: &str,
        spec: ContainerSpec,
    ) -> anyhow::Result<TestContainer> {
        TestContainer::start(format!("{}{name}", self.prefix), &self.network.name, spec)
            .await
    }

    async fn start_redis(&self) -> anyhow::Result<TestContainer> {
        let ready = WaitFor::message_on_stdout("Ready to accept connections");
        self.start_container("redis", ContainerSpec::of(images::REDIS, Some(ready))).await
    }

    /// Postgres with the current schema, and the URL for replicas, with a user that owns nothing.
    async fn start_postgres(&self) -> anyhow::Result<(TestContainer, String)> {
        let password = uuid::Uuid::new_v4().simple().to_string();
        let ready = WaitFor::message_on_stderr("ready to accept connections");
        let mut spec = ContainerSpec::of(images::POSTGRES, Some(ready));
        spec.published = Some(POSTGRES_PORT);
        spec.environment = vec![
            ("POSTGRES_USER", "lab".to_owned()),
            ("POSTGRES_DB", "records".to_owned()),
            ("POSTGRES_PASSWORD", password.clone()),
        ];
        let postgres = self.start_container("postgres", spec).await?;
        let address = postgres.address(POSTGRES_PORT).await?;
        let owner = format!("postgres://lab:{password}@{address}/records");
        let migrated = eventually(EVENT_TIMEOUT, "the schema is migrated", async || {
            Ok(Records::migrate(&owner).await.ok())
        });
        let mut url = Url::parse(&migrated.await?.app_url)?;
        url.set_host(Some(&format!("{}postgres", self.prefix)))?;
        let _port_is_valid = url.set_port(Some(POSTGRES_PORT));
        Ok((postgres, url.into()))
    }

    async fn start_replica(&self, slot: &str, id: &str) -> anyhow::Result<TestContainer> {
        let ready = WaitFor::message_on_stdout("ready {");
        let mut spec = ContainerSpec::of(images::UPLOAD_SERVER, Some(ready));
        let flags = [
            "--design",
            self.config.design,
            "--replica-id",
            id,
            "--users",
            "/users.json",
        ];
        spec.command = flags.map(str::to_owned).into();
        spec.environment = vec![
            ("DATABASE_URL", self.database_url.clone()),
            ("REDIS_URL", format!("redis://{}redis:6379", self.prefix)),
            // The balancer starts after the replicas, so its address is unknown.
            ("TRUSTED_PROXY", self.network.subnet()?),
        ];
        spec.files = vec![("/users.json", self.users_file.clone())];
        spec.volume = Some((self.files.name.clone(), "/data"));
        self.start_container(slot, spec).await
    }

    async fn start_balancer(&self) -> anyhow::Result<TestContainer> {
        let mut spec = match self.config.balancer {
            Balancer::Lab => self.lab_balancer(),
            Balancer::HaProxy => self.haproxy()?,
        };
        spec.published = Some(PORT);
        self.start_container("balancer", spec).await
    }

    fn lab_balancer(&self) -> ContainerSpec {
        let ready = WaitFor::message_on_stdout("ready {");
        let mut spec = ContainerSpec::of(images::LOAD_BALANCER, Some(ready));
        spec.command = vec!["--policy".to_owned(), self.config.policy.to_owned()];
        for slot in REPLICAS {
            let backend = format!("{slot}={}{slot}:{PORT}", self.prefix);
            spec.command.extend(["--backend".to_owned(), backend]);
        }
        spec
    }

    fn haproxy(&self) -> anyhow::Result<ContainerSpec> {
        let mut spec = ContainerSpec::of(images::HAPROXY, None);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("haproxy");
        let command = "haproxy -W -db -f /usr/local/etc/haproxy/haproxy.cfg \
                       -f /usr/local/etc/haproxy/replicas.cfg";
        spec.command = command.split_whitespace().map(str::to_owned).collect();
        spec.files = vec![
            (
                "/usr/local/etc/haproxy/haproxy.cfg",
                std::fs::read(folder.join("haproxy.cfg"))?,
            ),
            (
                "/usr/local/etc/haproxy/replicas.cfg",
                std::fs::read(folder.join("replicas.cfg"))?,
            ),
        ];
        spec.environment = vec![
            ("POLICY", self.config.policy.to_owned()),
            ("NAME_PREFIX", self.prefix.clone()),
        ];
        Ok(spec)
    }
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        if !self.passed {
            self.containers
                .values()
                .for_each(|container| eprintln!("{}", container.log_tail()));
        }
    }
}
