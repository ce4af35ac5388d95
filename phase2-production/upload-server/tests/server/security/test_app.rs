//! The test application: three replicas behind a balancer, and the accounts alice and bob
//! in organisation `t1`, root as the admin of `t1`, carol in `t2`, and oskar there as the
//! operator of the service.

use crate::cluster::TestCluster;
use crate::stores::{StoreKind, TestStores};
use api_conformance::fixture::Started;
use api_conformance::target::Target;
use api_contract::LoginRequest;
use api_contract::problem::ProblemKind;
use api_contract::secret::Secret;
use client::{Client, Credential, Options};
use serde_json::{Value, json};
use upload_domain::accounts::random_password;
use upload_domain::passwords::{self, HashCost};

/// A cluster, its stores, and five accounts.
pub(crate) struct TestApp {
    pub(crate) cluster: TestCluster,
    pub(crate) stores: TestStores,
    client: Client,
    /// A member of `t1`.
    pub(crate) alice: LoginRequest,
    /// Another member of `t1`.
    pub(crate) bob: LoginRequest,
    /// A member of `t2`.
    pub(crate) carol: LoginRequest,
    /// The admin of `t1`.
    pub(crate) root: LoginRequest,
    /// The operator of the service, a member of `t2`.
    pub(crate) oskar: LoginRequest,
}

impl TestApp {
    /// Starts three replicas of one design with the flags `more`.
    pub(crate) async fn new(
        kind: StoreKind,
        design: &str,
        more: &[&str],
    ) -> anyhow::Result<Self> {
        Self::with_hashes(HashCost::Minimal, kind, design, more).await
    }

    /// The same with this cost of password hashes.
    pub(crate) async fn with_hashes(
        cost: HashCost,
        kind: StoreKind,
        design: &str,
        more: &[&str],
    ) -> anyhow::Result<Self> {
        let stores = TestStores::new(kind, matches!(design, "central" | "token")).await?;
        let (alice, bob) = (stores.fixture.alice.clone(), stores.fixture.bob.clone());
        let [carol, root, oskar] = ["carol", "root", "oskar"].map(credentials);
        let users = [
            account_entry(&alice, "t1", "", cost)?,
            account_entry(&bob, "t1", "", cost)?,
            account_entry(&carol, "t2", "", cost)?,
            account_entry(&root, "t1", "admin", cost)?,
            account_entry(&oskar, "t2", "operator", cost)?,
        ];
        let file = json!({ "users": users });
        std::fs::write(stores.fixture.users_file(), serde_json::to_vec(&file)?)?;
        let cluster = TestCluster::start(&stores, design, more).await?;
        let options = Options { reuse_connections: false, ..Options::default() };
        let client = Client::with(&cluster.url, options);
        Ok(Self { cluster, stores, client, alice, bob, carol, root, oskar })
    }

    /// A client of the balancer, which chooses a replica for each request.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// The same with a cookie jar.
    pub(crate) fn browser(&self) -> Client {
        let options = Options {
            reuse_connections: false,
            keep_cookies: true,
            ..Options::default()
        };
        Client::with(&self.cluster.url, options)
    }

    /// One replica, without the balancer; the number is taken modulo three.
    pub(crate) fn replica(&self, number: usize) -> &Started {
        &self.cluster.replicas[number % self.cluster.replicas.len()]
    }

    /// All replicas.
    pub(crate) fn replicas(&self) -> &[Started] {
        &self.cluster.replicas
    }

    /// Whether a replica has counted attempts by itself, because Redis did not answer in time:
    /// on a busy machine.
    pub(crate) async fn has_counted_locally(&self) -> anyhow::Result<bool> {
        const FALLBACKS: &str = "upload_server_rate_limit_local_fallbacks_total";
        for replica in self.replicas() {
            let fallbacks = replica.server.metric(FALLBACKS).await?;
            if fallbacks.unwrap_or(0.0) > 0.0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The balancer as the target of checks.
    pub(crate) fn target(&self) -> Target {
        let first: &Target = self.replica(0);
        Target { base_url: self.cluster.url.clone(), ..first.clone() }
    }

    /// Logs in and returns the credential of the design.
    pub(crate) async fn sign_in(
        &self,
        account: &LoginRequest,
    ) -> anyhow::Result<Credential> {
        self.target().sign_in(account).await
    }

    /// Checks that every replica accepts the credential.
    pub(crate) async fn all_accept(&self, credential: &Credential) -> anyhow::Result<()> {
        for replica in self.replicas() {
            replica.accepts(credential).await?;
        }
        Ok(())
    }

    /// Checks that every replica refuses the credential with this problem.
    pub(crate) async fn all_refuse(
        &self,
        credential: &Credential,
        kind: ProblemKind,
    ) -> anyhow::Result<()> {
        for replica in self.replicas() {
            replica.refuses(credential, kind).await?;
        }
        Ok(())
    }

    /// Redis; panics in a design without it.
    pub(crate) fn redis(&self) -> &backing_services::Service {
        self.stores.redis.as_ref().expect("this design uses Redis")
    }
}

/// A name and a random password.
pub(crate) fn credentials(username: &str) -> LoginRequest {
    with_password(username, random_password())
}

/// A name and this password.
pub(crate) fn with_password(username: &str, password: impl Into<String>) -> LoginRequest {
    LoginRequest { username: username.to_owned(), password: Secret::new(password) }
}

fn account_entry(
    account: &LoginRequest,
    organisation: &str,
    role: &str,
    cost: HashCost,
) -> anyhow::Result<Value> {
    Ok(json!({
        "username": account.username,
        "password_hash": passwords::hash(account.password.expose(), cost)?,
        "organisation": organisation,
        "admin": role == "admin",
        "operator": role == "operator",
    }))
}
