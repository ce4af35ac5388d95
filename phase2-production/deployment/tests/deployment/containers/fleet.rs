//! One system: Postgres, Redis, three replicas and a balancer on a network of their own.

use super::callers::{Account, served_by};
use super::engine::Made;
use super::images;
use super::parts::{Part, Recipe};
use anyhow::Context;
use api_conformance::client::{Client, Options};
use api_conformance::eventually::eventually;
use backing_services::remove_abandoned;
use records::Records;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;
use testcontainers::core::WaitFor;
use url::Url;

/// How long anything may take before a test gives up.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);

pub(super) const REPLICAS: [&str; 3] = ["r1", "r2", "r3"];

const PORT: u16 = 8080;
const POSTGRES_PORT: u16 = 5432;

/// Which balancer stands in front.
#[derive(Clone, Copy, Debug)]
pub(super) enum Front {
    /// The lab's own.
    Ours,
    /// HAProxy, with the configuration that is shipped.
    HaProxy,
}

/// How the replicas work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) front: Front,
    pub(super) design: &'static str,
    /// By the name that both balancers have for it.
    pub(super) policy: &'static str,
}

impl Plan {
    /// Sessions in Redis before Postgres; any replica will do.
    pub(super) const fn central(front: Front) -> Self {
        Self { front, design: "central", policy: "round-robin" }
    }
}

/// A running system. Dropped, all of it is removed; unless the promise was kept, it first
/// shows what each part has said last.
pub(super) struct Fleet {
    pub(super) url: String,
    pub(super) accounts: Vec<Account>,
    plan: Plan,
    prefix: String,
    database_url: String,
    users: Vec<u8>,
    promise_kept: bool,
    /// By name, without the prefix.
    parts: BTreeMap<&'static str, Part>,
    files: Made,
    /// Last: it cannot go before its members have.
    network: Made,
}

impl Fleet {
    /// Starts all of it, and waits until every replica gets requests.
    pub(super) async fn start(plan: Plan) -> anyhow::Result<Self> {
        remove_abandoned().await;
        let mut fleet = Self::empty(plan)?;
        let (postgres, redis) = tokio::join!(fleet.start_postgres(), fleet.start_redis());
        fleet.parts.insert("redis", redis?);
        let (postgres, database_url) = postgres?;
        fleet.parts.insert("postgres", postgres);
        fleet.database_url = database_url;
        let (r1, r2, r3) = tokio::join!(
            fleet.start_replica("r1", "r1"),
            fleet.start_replica("r2", "r2"),
            fleet.start_replica("r3", "r3"),
        );
        for (slot, replica) in REPLICAS.into_iter().zip([r1, r2, r3]) {
            fleet.parts.insert(slot, replica?);
        }
        let front = fleet.start_front().await?;
        fleet.parts.insert("front", front);
        fleet.ask_for_the_address().await?;
        fleet.until_served_by(&REPLICAS).await?;
        Ok(fleet)
    }

    /// A network and a volume, and nobody there.
    fn empty(plan: Plan) -> anyhow::Result<Self> {
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let prefix = format!("stateless-lab-{}-", &unique[..12]);
        let accounts = Account::some();
        Ok(Self {
            url: String::new(),
            users: Account::users_file(&accounts)?,
            accounts,
            plan,
            database_url: String::new(),
            promise_kept: false,
            parts: BTreeMap::new(),
            files: Made::volume(&format!("{prefix}files"))?,
            network: Made::network(&format!("{prefix}network"))?,
            prefix,
        })
    }

    /// All is as it should be, so there is nothing to show.
    pub(super) fn promise_kept(mut self) -> anyhow::Result<()> {
        self.promise_kept = true;
        Ok(())
    }

    /// One of its containers: a replica, `redis`, `postgres` or `front`.
    pub(super) fn part(&self, name: &str) -> &Part {
        &self.parts[name]
    }

    /// Puts a new replica in the place of one, which finishes what it has.
    pub(super) async fn replace(
        &mut self,
        slot: &'static str,
        id: &str,
    ) -> anyhow::Result<()> {
        let old = self.parts.remove(slot).context("a replica to replace")?;
        old.retire().await?;
        let new = self.start_replica(slot, id).await?;
        self.parts.insert(slot, new);
        self.until_served_by(&[id]).await
    }

    /// Finds out where this machine reaches the balancer, which is not for ever.
    pub(super) async fn ask_for_the_address(&mut self) -> anyhow::Result<()> {
        self.url = format!("http://{}", self.part("front").address(PORT).await?);
        Ok(())
    }

    /// Waits until each of these has answered a caller.
    pub(super) async fn until_served_by(&self, ids: &[&str]) -> anyhow::Result<()> {
        let patience = Options {
            timeout: Duration::from_secs(3),
            reuse_connections: false,
            ..Options::default()
        };
        let client = Client::with(&self.url, patience);
        let mut missing: BTreeSet<&str> = ids.iter().copied().collect();
        eventually(DEADLINE, "every replica gets requests", async || {
            if let Some(id) = served_by(&client).await {
                missing.remove(id.as_str());
            }
            Ok(missing.is_empty().then_some(()))
        })
        .await
        .with_context(|| format!("without an answer of {ids:?}"))
    }

    async fn start_part(&self, name: &str, recipe: Recipe) -> anyhow::Result<Part> {
        Part::start(format!("{}{name}", self.prefix), &self.network.name, recipe).await
    }

    async fn start_redis(&self) -> anyhow::Result<Part> {
        let ready = WaitFor::message_on_stdout("Ready to accept connections");
        self.start_part("redis", Recipe::of(images::REDIS, Some(ready))).await
    }

    /// Postgres with an up-to-date schema, and how replicas get in: as nobody's owner.
    async fn start_postgres(&self) -> anyhow::Result<(Part, String)> {
        let password = uuid::Uuid::new_v4().simple().to_string();
        let ready = WaitFor::message_on_stderr("ready to accept connections");
        let mut recipe = Recipe::of(images::POSTGRES, Some(ready));
        recipe.published = Some(POSTGRES_PORT);
        recipe.environment = vec![
            ("POSTGRES_USER", "lab".to_owned()),
            ("POSTGRES_DB", "records".to_owned()),
            ("POSTGRES_PASSWORD", password.clone()),
        ];
        let postgres = self.start_part("postgres", recipe).await?;
        let address = postgres.address(POSTGRES_PORT).await?;
        let owner = format!("postgres://lab:{password}@{address}/records");
        let migrated = eventually(DEADLINE, "the schema is made", async || {
            Ok(Records::migrate(&owner).await.ok())
        });
        let mut url = Url::parse(&migrated.await?.app_url)?;
        url.set_host(Some(&format!("{}postgres", self.prefix)))?;
        let _a_port_can_be_set = url.set_port(Some(POSTGRES_PORT));
        Ok((postgres, url.into()))
    }

    async fn start_replica(&self, slot: &str, id: &str) -> anyhow::Result<Part> {
        let ready = WaitFor::message_on_stdout("ready {");
        let mut recipe = Recipe::of(images::UPLOAD_SERVER, Some(ready));
        let flags =
            ["--design", self.plan.design, "--replica-id", id, "--users", "/users.json"];
        recipe.command = flags.map(str::to_owned).into();
        recipe.environment = vec![
            ("DATABASE_URL", self.database_url.clone()),
            ("REDIS_URL", format!("redis://{}redis:6379", self.prefix)),
            // The engine chooses the balancer's address when it starts, after the replicas.
            ("TRUSTED_PROXY", self.network.subnet()?),
        ];
        recipe.files = vec![("/users.json", self.users.clone())];
        recipe.volume = Some((self.files.name.clone(), "/data"));
        self.start_part(slot, recipe).await
    }

    async fn start_front(&self) -> anyhow::Result<Part> {
        let mut recipe = match self.plan.front {
            Front::Ours => self.ours(),
            Front::HaProxy => self.haproxy()?,
        };
        recipe.published = Some(PORT);
        self.start_part("front", recipe).await
    }

    fn ours(&self) -> Recipe {
        let ready = WaitFor::message_on_stdout("ready {");
        let mut recipe = Recipe::of(images::LOAD_BALANCER, Some(ready));
        recipe.command = vec!["--policy".to_owned(), self.plan.policy.to_owned()];
        for slot in REPLICAS {
            let place = format!("{slot}={}{slot}:{PORT}", self.prefix);
            recipe.command.extend(["--backend".to_owned(), place]);
        }
        recipe
    }

    fn haproxy(&self) -> anyhow::Result<Recipe> {
        let mut recipe = Recipe::of(images::HAPROXY, None);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("haproxy");
        let command = "haproxy -W -db -f /usr/local/etc/haproxy/haproxy.cfg \
                       -f /usr/local/etc/haproxy/replicas.cfg";
        recipe.command = command.split_whitespace().map(str::to_owned).collect();
        recipe.files = vec![
            (
                "/usr/local/etc/haproxy/haproxy.cfg",
                std::fs::read(folder.join("haproxy.cfg"))?,
            ),
            (
                "/usr/local/etc/haproxy/replicas.cfg",
                std::fs::read(folder.join("replicas.cfg"))?,
            ),
        ];
        recipe.environment = vec![
            ("POLICY", self.plan.policy.to_owned()),
            ("NAME_PREFIX", self.prefix.clone()),
        ];
        Ok(recipe)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        if !self.promise_kept {
            self.parts.values().for_each(|part| eprintln!("{}", part.last_words()));
        }
    }
}
