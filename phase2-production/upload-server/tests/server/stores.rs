//! The stores of a test: a SQLite file and an embedded Redis substitute, or real Postgres
//! and Redis.
//!
//! One Postgres serves the whole test run, with one database per test. Redis starts
//! quickly, so each test has its own.

use crate::PROGRAM;
use anyhow::Context;
use api_conformance::fixture::{Fixture, Started};
use backing_services::{Backing, Service, database, redis};
use client::AuthScheme;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisResult};
use sqlx::Connection;
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// The most attempts of a test that needs quick answers of Redis. On a busy machine they may be
/// slower than the server waits.
pub(crate) const REDIS_ATTEMPTS: usize = 5;

/// The kind of stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreKind {
    /// SQLite and the embedded substitute for Redis.
    Embedded,
    /// Postgres and Redis, installed on this machine.
    Real,
}

/// The stores and folders that outlive the replicas of one test.
pub(crate) struct TestStores {
    /// Declared first, so that it stops before its folder is deleted.
    pub(crate) redis: Option<Service>,
    pub(crate) fixture: Fixture,
    database_url: Option<String>,
    database: String,
}

static POSTGRES: OnceCell<(Service, TempDir)> = OnceCell::const_new();

impl TestStores {
    /// Starts the stores for one test; Redis only if the design uses it.
    pub(crate) async fn new(kind: StoreKind, with_redis: bool) -> anyhow::Result<Self> {
        let fixture = Fixture::new()?;
        let backing = match kind {
            StoreKind::Embedded => Backing::Embedded,
            StoreKind::Real => Backing::Local,
        };
        let redis = match with_redis {
            true => Some(redis(backing, fixture.folder()).await?),
            false => None,
        };
        let database = format!("t{}", uuid::Uuid::new_v4().simple());
        let database_url = match kind {
            StoreKind::Embedded => None,
            StoreKind::Real => Some(new_database(&database).await?),
        };
        Ok(Self { fixture, redis, database_url, database })
    }

    /// Disconnects the replicas from their database: terminates their connections and
    /// refuses new ones. Other tests use the same Postgres, so it cannot be stopped.
    pub(crate) async fn disconnect_database(
        &self,
    ) -> anyhow::Result<DisconnectedDatabase> {
        let lost = DisconnectedDatabase { database: self.database.clone() };
        lost.allow_connections(false).await?;
        Ok(lost)
    }

    /// Connects to the database of this test as its owner, which sees every row. Real
    /// stores only.
    pub(crate) async fn owner(&self) -> anyhow::Result<sqlx::PgConnection> {
        let mut url = url::Url::parse(postgres().await?)?;
        url.set_path(&self.database);
        Ok(sqlx::PgConnection::connect(url.as_str()).await?)
    }

    /// The URL of the database for the replicas; `None` with SQLite.
    pub(crate) fn database_url(&self) -> Option<&str> {
        self.database_url.as_deref()
    }

    /// Real stores with an empty database, and the URL of its owner.
    pub(crate) async fn not_migrated() -> anyhow::Result<(Self, String)> {
        let stores = Self::new(StoreKind::Real, true).await?;
        let database = format!("t{}", uuid::Uuid::new_v4().simple());
        let mut owner = sqlx::PgConnection::connect(postgres().await?).await?;
        let create = format!("CREATE DATABASE {database}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut owner).await?;
        let mut owner_url = url::Url::parse(postgres().await?)?;
        owner_url.set_path(&database);
        // The role and its password belong to the whole server.
        let mut app_url = url::Url::parse(stores.database_url().context("a database")?)?;
        app_url.set_path(&database);
        let database_url = Some(app_url.into());
        Ok((Self { database_url, database, ..stores }, owner_url.into()))
    }

    /// Starts one replica on these stores.
    pub(crate) async fn replica(
        &self,
        design: &str,
        more: &[&str],
    ) -> anyhow::Result<Started> {
        self.replica_of(PROGRAM, design, more).await
    }

    /// Starts one replica of any program on these stores.
    pub(crate) async fn replica_of(
        &self,
        program: &str,
        design: &str,
        more: &[&str],
    ) -> anyhow::Result<Started> {
        let mut flags = vec!["--design", design];
        if let Some(redis) = &self.redis {
            flags.extend(["--redis-url", &redis.url]);
        }
        if let Some(url) = &self.database_url {
            flags.extend(["--database-url", url]);
        }
        flags.extend(more);
        let auth_scheme =
            if design == "token" { AuthScheme::Token } else { AuthScheme::Session };
        self.fixture.start(program, auth_scheme, &flags).await
    }

    /// Starts one replica with stores of its own, which stop with it.
    pub(crate) async fn single_replica(
        kind: StoreKind,
        design: &str,
        more: &[&str],
    ) -> anyhow::Result<Started> {
        let stores = Self::new(kind, matches!(design, "central" | "token")).await?;
        let started = stores.replica(design, more).await?;
        Ok(started.keep_alive(stores.redis))
    }
}

/// A database that refuses connections.
pub(crate) struct DisconnectedDatabase {
    database: String,
}

impl DisconnectedDatabase {
    /// Allows connections again.
    pub(crate) async fn reconnect(self) -> anyhow::Result<()> {
        self.allow_connections(true).await
    }

    async fn allow_connections(&self, allowed: bool) -> anyhow::Result<()> {
        let name = &self.database;
        let mut owner = sqlx::PgConnection::connect(postgres().await?).await?;
        let allow = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(allow)).execute(&mut owner).await?;
        let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                         WHERE datname = $1 AND NOT $2";
        sqlx::query(terminate).bind(name).bind(allowed).execute(&mut owner).await?;
        Ok(())
    }
}

/// The owner URL of the Postgres of this test run.
pub(crate) async fn postgres() -> anyhow::Result<&'static str> {
    let start = || async {
        let dir = tempfile::tempdir()?;
        anyhow::Ok((database(Backing::Local, dir.path()).await?, dir))
    };
    let (postgres, _) = POSTGRES.get_or_try_init(start).await?;
    Ok(&postgres.url)
}

/// The log of the Postgres of this test run, so far.
pub(crate) async fn postgres_log() -> anyhow::Result<String> {
    postgres().await?;
    let (service, _) = POSTGRES.get().context("Postgres has been started")?;
    let file = service.log().context("a private Postgres has a log")?;
    Ok(String::from_utf8_lossy(&std::fs::read(file)?).into_owned())
}

/// Creates a database with the current schema; returns the URL with the role of the
/// server.
async fn new_database(name: &str) -> anyhow::Result<String> {
    let mut owner = sqlx::PgConnection::connect(postgres().await?).await?;
    let create = format!("CREATE DATABASE {name}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut owner).await?;
    let mut url = url::Url::parse(postgres().await?).context("the URL of Postgres")?;
    url.set_path(name);
    Ok(records::Records::migrate(url.as_str()).await?.app_url)
}

/// Empties a Redis, as a restart without persistence does.
pub(crate) async fn flush(redis: &Service) -> RedisResult<()> {
    redis::cmd("FLUSHALL").exec_async(&mut connection_to(redis).await?).await
}

/// A connection to Redis, bypassing the replicas. It has no timeouts: on a busy machine a reply
/// takes longer than the 500 ms that the client library waits by default.
pub(crate) async fn connection_to(redis: &Service) -> RedisResult<MultiplexedConnection> {
    let without_timeouts = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None);
    let client = redis::Client::open(redis.url.as_str())?;
    client.get_multiplexed_async_connection_with_config(&without_timeouts).await
}
