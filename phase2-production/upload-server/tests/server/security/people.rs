//! Who lives in these tests: alice and bob in the organisation `t1`, root who looks after
//! it, carol in `t2`; and the three replicas they meet, behind one balancer.

use crate::farm::Farm;
use crate::on::{Stores, World};
use api_conformance::client::{Client, Options};
use api_conformance::fixture::Started;
use api_conformance::proof::Proof;
use api_conformance::target::Target;
use api_contract::Credentials;
use api_contract::problem::ProblemKind;
use api_contract::secret::Secret;
use serde_json::{Value, json};
use upload_domain::accounts::random_password;
use upload_domain::passwords::{self, HashCost};

/// A farm, its stores, and four people with accounts there.
pub(crate) struct Town {
    pub(crate) farm: Farm,
    pub(crate) world: World,
    client: Client,
    /// A member of `t1`.
    pub(crate) alice: Credentials,
    /// Another member of `t1`.
    pub(crate) bob: Credentials,
    /// A member of `t2`.
    pub(crate) carol: Credentials,
    /// The admin of `t1`.
    pub(crate) root: Credentials,
}

impl Town {
    /// Three replicas of one design; `more` are flags for each of them.
    pub(crate) async fn new(
        stores: Stores,
        design: &str,
        more: &[&str],
    ) -> anyhow::Result<Self> {
        Self::with_hashes(HashCost::Least, stores, design, more).await
    }

    /// The same with passwords whose hashes are as expensive as given.
    pub(crate) async fn with_hashes(
        cost: HashCost,
        stores: Stores,
        design: &str,
        more: &[&str],
    ) -> anyhow::Result<Self> {
        let world = World::new(stores, matches!(design, "central" | "token")).await?;
        let (alice, bob) = (world.fixture.alice.clone(), world.fixture.bob.clone());
        let (carol, root) = (credentials("carol"), credentials("root"));
        let users = [
            user(&alice, "t1", false, cost)?,
            user(&bob, "t1", false, cost)?,
            user(&carol, "t2", false, cost)?,
            user(&root, "t1", true, cost)?,
        ];
        let file = json!({ "users": users });
        std::fs::write(world.fixture.users_file(), serde_json::to_vec(&file)?)?;
        let farm = Farm::start(&world, design, more).await?;
        let options = Options { reuse_connections: false, ..Options::default() };
        let client = Client::with(&farm.url, options);
        Ok(Self { farm, world, client, alice, bob, carol, root })
    }

    /// All three as one: a client of the balancer that lets it choose a replica for each
    /// request anew.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// The same with a browser's memory for cookies.
    pub(crate) fn browser(&self) -> Client {
        let options = Options {
            reuse_connections: false,
            keep_cookies: true,
            ..Options::default()
        };
        Client::with(&self.farm.url, options)
    }

    /// One replica, reached past the balancer: `0`, `1` or `2`, taken round and round.
    pub(crate) fn replica(&self, number: usize) -> &Started {
        &self.farm.replicas[number % self.farm.replicas.len()]
    }

    /// All of them.
    pub(crate) fn replicas(&self) -> &[Started] {
        &self.farm.replicas
    }

    /// The balancer as a target of the checks.
    pub(crate) fn target(&self) -> Target {
        let first: &Target = self.replica(0);
        Target { base_url: self.farm.url.clone(), ..first.clone() }
    }

    /// A proof that somebody is who they are, in the design's own way.
    pub(crate) async fn sign_in(&self, who: &Credentials) -> anyhow::Result<Proof> {
        self.target().sign_in(who).await
    }

    /// Every replica takes the proof.
    pub(crate) async fn accept(&self, proof: &Proof) -> anyhow::Result<()> {
        for replica in self.replicas() {
            replica.accepts(proof).await?;
        }
        Ok(())
    }

    /// Every replica refuses the proof, and how.
    pub(crate) async fn refuse(
        &self,
        proof: &Proof,
        kind: ProblemKind,
    ) -> anyhow::Result<()> {
        for replica in self.replicas() {
            replica.refuses(proof, kind).await?;
        }
        Ok(())
    }

    /// Redis, where the design has it.
    pub(crate) fn redis(&self) -> &backing_services::Service {
        self.world.redis.as_ref().expect("this design has a Redis")
    }
}

/// A name and a random password.
pub(crate) fn credentials(username: &str) -> Credentials {
    with_password(username, random_password())
}

/// A name and this password.
pub(crate) fn with_password(username: &str, password: impl Into<String>) -> Credentials {
    Credentials { username: username.to_owned(), password: Secret::new(password) }
}

fn user(
    who: &Credentials,
    organisation: &str,
    admin: bool,
    cost: HashCost,
) -> anyhow::Result<Value> {
    Ok(json!({
        "username": who.username,
        "password_hash": passwords::hash(who.password.expose(), cost)?,
        "organisation": organisation,
        "admin": admin,
    }))
}
