//! A Redis, a database, three replicas, and the account alice.

use super::super::*;
use crate::audit::AuditContext;
use crate::faults::redis_command;
use backing_services::{Backing, Kind, Service, ServiceType, offers};
use records::{OrgId, PoolLimits, Role, Scope, users};
use std::time::Instant;
use tempfile::TempDir;
use upload_domain::username::Username;

pub(super) const LIMITS: SessionLimits = SessionLimits {
    idle: Duration::from_secs(60),
    absolute: Duration::from_secs(600),
    max_live: 1000,
    max_per_user: 3,
};

pub(super) const EVENTUALLY_TIMEOUT: Duration = Duration::from_secs(15);

/// Stores and replicas of one test. They are removed with it.
pub(super) struct TestCluster {
    pub(super) redis: Service,
    pub(super) database: Service,
    pub(super) replicas: Vec<Central>,
    /// Access to the database that bypasses the replicas.
    pub(super) records: Records,
    app_url: String,
    limits: SessionLimits,
    _folder: TempDir,
}

impl TestCluster {
    pub(super) async fn new(database: Backing, limits: SessionLimits) -> Self {
        let folder = TempDir::new().expect("a folder can be made");
        let (redis, database) = tokio::join!(
            backing_services::redis(first_of(ServiceType::Redis).await, folder.path()),
            backing_services::database(database, folder.path()),
        );
        let (redis, database) = (redis.expect("Redis"), database.expect("a database"));
        let migrated = Records::migrate(&database.url).await.expect("a schema");
        let records = open(&migrated.app_url).await;
        let mut cluster = Self {
            redis,
            database,
            replicas: Vec::new(),
            records,
            app_url: migrated.app_url,
            limits,
            _folder: folder,
        };
        cluster.add_alice().await;
        for _ in 0..3 {
            let replica = cluster.replica(&cluster.redis.url).await;
            cluster.replicas.push(replica);
        }
        cluster
    }

    /// One more replica, which reaches Redis at `redis`. It has opened all its database
    /// connections: dozens of them in one thread, unoptimised, would take most of a
    /// test's time.
    pub(super) async fn replica(&self, redis: &str) -> Central {
        let cache =
            Cache::open(redis, "d", cache::Limits::default()).await.expect("Redis");
        let records = open(&self.app_url).await;
        eventually("all connections are open", async || {
            let connections =
                (0..PoolLimits::default().connections).map(|_| records.now());
            futures_util::future::join_all(connections).await.iter().all(Result::is_ok)
        })
        .await;
        Central::new(records, cache, self.limits)
    }

    async fn add_alice(&self) {
        let (member, password_hash) = (alice(), "x".to_owned());
        let account = users::NewAccount { member, password_hash, operator: false };
        let added = self.records.run(Scope::Housekeeping, move |tx| {
            Box::pin(async move { users::import(tx, &[account], now()).await })
        });
        assert_eq!(added.await.expect("records"), 1);
    }

    /// Alice's account version.
    pub(super) async fn epoch(&self) -> i64 {
        let name = alice().username;
        let scope = Scope::Login(name.clone());
        let found = self
            .records
            .run(scope, move |tx| Box::pin(async move { users::find(tx, &name).await }));
        found.await.expect("records").expect("alice").epoch
    }

    /// Logs alice in.
    pub(super) async fn log_in(&self) -> SessionId {
        let epoch = self.epoch().await;
        self.replicas[0]
            .start(&alice(), epoch, &request("login"))
            .await
            .expect("a session")
    }

    /// Logs alice in; every replica has cached the session.
    pub(super) async fn log_in_everywhere(&self) -> SessionId {
        let id = self.log_in().await;
        assert_eq!(self.touch_everywhere(&id).await, vec![Ok(alice()); 3]);
        id
    }

    pub(super) async fn touch_everywhere(
        &self,
        id: &SessionId,
    ) -> Vec<Result<Member, SessionError>> {
        let asked = self.replicas.iter().map(|replica| replica.touch(id));
        futures_util::future::join_all(asked).await
    }

    /// Every replica rejects the id, for the whole time.
    pub(super) async fn assert_rejected(&self, id: &SessionId, watched: Duration) {
        let eventually = Instant::now() + watched;
        loop {
            let asked = self.touch_everywhere(id).await;
            assert_eq!(asked, vec![Err(SessionError::Unknown); 3]);
            if Instant::now() > eventually {
                return;
            }
        }
    }

    /// Sends a command to Redis, bypassing the replicas.
    pub(super) async fn redis_command<T: redis::FromRedisValue>(
        &self,
        args: &[&str],
    ) -> T {
        redis_command(&self.redis.url, args).await
    }
}

impl Central {
    /// Adds a file to a session.
    pub(super) async fn add_file(
        &self,
        id: &SessionId,
        name: &str,
    ) -> Result<(), SessionError> {
        let (session_id_hash, name) = (id.hash(), name.to_owned());
        let added =
            self.records.run(Scope::CredentialHash(session_id_hash.clone()), move |tx| {
                Box::pin(async move {
                    sessions::add_file(tx, &session_id_hash, &name, now()).await
                })
            });
        let version = added.await.map_err(|_| SessionError::Unavailable)?;
        self.refresh_file_list(id).await;
        version.map(drop).ok_or(SessionError::Unknown)
    }
}

pub(super) fn alice() -> Member {
    Member {
        organisation: OrgId::parse("main").expect("a name"),
        username: Username::parse("alice").expect("a name"),
        role: Role::Member,
    }
}

pub(super) fn request(id: &str) -> AuditContext {
    AuditContext { request_id: id.to_owned(), at: now() }
}

async fn open(app_url: &str) -> Records {
    Records::open(app_url, PoolLimits::default()).await.expect("records")
}

/// The installed server, or the embedded one.
async fn first_of(what: ServiceType) -> Backing {
    if is_installed(what).await { Backing::Local } else { Backing::Embedded }
}

async fn is_installed(what: ServiceType) -> bool {
    let offers = offers(what).await;
    offers.iter().any(|offer| offer.kind == Kind::Local && offer.found.is_ok())
}

/// Runs a test on each database.
pub(super) async fn on_each<Test: Future<Output = ()>>(
    limits: SessionLimits,
    test: impl Fn(TestCluster) -> Test,
) {
    println!("on SQLite");
    test(TestCluster::new(Backing::Embedded, limits).await).await;
    if is_installed(ServiceType::Database).await {
        println!("on Postgres");
        test(TestCluster::new(Backing::Local, limits).await).await;
    }
}

/// Waits for a condition, at most [`EVENTUALLY_TIMEOUT`].
pub(super) async fn eventually<Check: Future<Output = bool>>(
    what: &str,
    check: impl Fn() -> Check,
) {
    let deadline = Instant::now() + EVENTUALLY_TIMEOUT;
    while !check().await {
        assert!(Instant::now() < deadline, "not within {EVENTUALLY_TIMEOUT:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
