//! One database, Redis if wanted, and the replicas of a test.

use crate::audit::AuditContext;
use crate::config::credentials::{Revocation, SigningAlgorithm, TokenArgs};
use crate::faults::redis_command;
use crate::tokens::{Issued, RevokedNames, TokenError, Tokens, now};
use backing_services::{Backing, Service};
use cache::{Cache, Limits};
use records::users::{NewAccount, SignedOut};
use records::{Member, OrgId, PoolLimits, Records, RecordsError, Role, Scope, users};
use std::time::Duration;
use tempfile::TempDir;
use upload_domain::username::Username;

/// Families of one account: tests under load log in often.
pub(super) const MAX_FAMILIES: u32 = 100_000;

pub(super) struct TestCluster {
    pub(super) url: String,
    pub(super) redis: Option<Service>,
    /// Access to the database that bypasses the replicas.
    records: Records,
    /// Postgres, if it is not SQLite.
    _database: Option<Service>,
    dir: TempDir,
}

/// The defaults of the command line.
pub(super) fn args() -> TokenArgs {
    TokenArgs {
        token_ttl_ms: 900_000,
        refresh_ttl_ms: 604_800_000,
        refresh_grace_ms: 10_000,
        signing_algorithm: SigningAlgorithm::Eddsa,
        revocation: Revocation::Combined,
        key_lead_ms: 120_000,
        key_refresh_ms: 5_000,
    }
}

pub(super) fn with(revocation: Revocation) -> TokenArgs {
    TokenArgs { revocation, ..args() }
}

/// An operator.
pub(super) fn alice() -> Member {
    Member {
        organisation: OrgId::parse("main").unwrap(),
        username: Username::parse("alice").unwrap(),
        role: Role::Member,
    }
}

pub(super) fn request() -> AuditContext {
    AuditContext { request_id: "test".to_owned(), at: now() }
}

impl TestCluster {
    pub(super) async fn without_redis() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/records.sqlite", dir.path().display());
        Self::over(dir, url, None).await
    }

    /// On Postgres if this machine has it. SQLite queues writers by itself; with Postgres
    /// only our locks order them.
    pub(super) async fn on_best_database() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = backing_services::database(Backing::Auto, dir.path()).await;
        let database = database.unwrap();
        let url = database.url.clone();
        Self::over(dir, url, Some(database)).await
    }

    async fn over(dir: TempDir, url: String, _database: Option<Service>) -> Self {
        let url = Records::migrate(&url).await.unwrap().app_url;
        let records = Records::open(&url, generous_timeouts()).await.unwrap();
        let password_hash = "$argon2id$".to_owned();
        let alice = NewAccount { member: alice(), password_hash, operator: true };
        let imported = records.run(Scope::Housekeeping, |tx| {
            Box::pin(async move { users::import(tx, &[alice], now()).await })
        });
        assert_eq!(imported.await.unwrap(), 1);
        Self { url, redis: None, records, _database, dir }
    }

    pub(super) async fn with_redis() -> Self {
        let mut cluster = Self::without_redis().await;
        let service = backing_services::redis(Backing::Auto, cluster.dir.path()).await;
        cluster.redis = Some(service.unwrap());
        cluster
    }

    pub(super) async fn records(&self) -> Records {
        Records::open(&self.url, generous_timeouts()).await.unwrap()
    }

    pub(super) async fn cache(&self) -> Option<Cache> {
        let redis = self.redis.as_ref()?;
        Some(Cache::open(&redis.url, "d", Limits::default()).await.unwrap())
    }

    /// A replica with its own connections.
    pub(super) async fn replica(&self, args: &TokenArgs) -> Tokens {
        self.replica_and_records(args).await.0
    }

    /// A replica that reaches Redis at another address.
    pub(super) async fn replica_at(&self, redis: &str, args: &TokenArgs) -> Tokens {
        let cache = Cache::open(redis, "d", Limits::default()).await.unwrap();
        let records = self.records().await;
        Tokens::open(records, Some(cache), &[7; 32], args, MAX_FAMILIES).await.unwrap()
    }

    pub(super) async fn replica_and_records(
        &self,
        args: &TokenArgs,
    ) -> (Tokens, Records) {
        let records = self.records().await;
        let cache = self.cache().await;
        let tokens = Tokens::open(records.clone(), cache, &[7; 32], args, MAX_FAMILIES);
        (tokens.await.unwrap(), records)
    }

    pub(super) async fn epoch(&self) -> i64 {
        let found = self.records.run(Scope::Login(alice().username), |tx| {
            Box::pin(async move { users::find(tx, &alice().username).await })
        });
        found.await.unwrap().unwrap().epoch
    }

    pub(super) async fn log_in(&self, replica: &Tokens) -> Issued {
        replica.issue(&alice(), self.epoch().await, &request()).await.unwrap()
    }

    /// As `POST /api/account/sign-out` does.
    pub(super) async fn sign_out_everywhere(&self, replica: &Tokens) -> SignedOut {
        let (died, ended) = self.write_revocation_of_alice(replica).await;
        replica.publish(&ended).await.unwrap();
        died
    }

    /// Its first half: committed, but not published.
    pub(super) async fn write_revocation_of_alice(
        &self,
        replica: &Tokens,
    ) -> (SignedOut, RevokedNames) {
        let scope = Scope::Organisation(alice().organisation);
        let replica = replica.clone();
        let out = self.records.run(scope, move |tx| {
            let (organisation, name) = (alice().organisation, alice().username);
            Box::pin(async move {
                let out =
                    users::sign_out_everywhere(tx, &organisation, &name, now()).await?;
                let died = out.ok_or_else(|| RecordsError::broken("no alice"))?;
                let ended = replica
                    .write_revocation_of_all(tx, &organisation, &name, &died)
                    .await?;
                Ok((died, ended))
            })
        });
        out.await.unwrap()
    }

    /// Sends a command to Redis, bypassing the replicas.
    pub(super) async fn redis_command(&self, args: &[&str]) {
        redis_command(&self.redis.as_ref().unwrap().url, args).await
    }
}

/// Generous timeouts, because a busy machine may be slow.
fn generous_timeouts() -> PoolLimits {
    let timeout = Duration::from_secs(20);
    PoolLimits { acquire: timeout, statement: timeout, ..PoolLimits::default() }
}

/// As `POST /api/token/revoke` does.
pub(super) async fn revoke(
    replica: &Tokens,
    token: &str,
    audit: &AuditContext,
) -> Result<(), TokenError> {
    match replica.identify(token).await? {
        Some(known) => replica.revoke(known, audit).await,
        None => Ok(()),
    }
}

pub(super) async fn is_valid(replica: &Tokens, issued: &Issued) -> bool {
    match replica.check(issued.access_token.expose()).await {
        Ok(checked) => {
            assert_eq!(checked.member, alice());
            true
        }
        Err(TokenError::Invalid) => false,
        Err(other) => panic!("the check failed: {other}"),
    }
}

/// Waits for a condition, with a timeout.
pub(super) async fn eventually<F: Future<Output = bool>>(
    what: &str,
    condition: impl Fn() -> F,
) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !condition().await {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
