//! The stores below a server: a file and an in-memory stand-in, or the real ones.
//!
//! One Postgres serves a whole run, with a database for each test. A Redis is so quick to
//! start that each test has its own.

use crate::PROGRAM;
use anyhow::Context;
use api_conformance::fixture::{Fixture, Started};
use api_conformance::target::Way;
use backing_services::{Backing, Service, database, redis};
use sqlx::Connection;
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// A kind of stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stores {
    /// SQLite, and the embedded stand-in for Redis.
    Embedded,
    /// Postgres and Redis, installed on this machine.
    Real,
}

/// Everything that outlives the replicas of one test.
pub(crate) struct World {
    /// Dropped before the folder that it works in.
    pub(crate) redis: Option<Service>,
    pub(crate) fixture: Fixture,
    database_url: Option<String>,
    database: String,
}

static POSTGRES: OnceCell<(Service, TempDir)> = OnceCell::const_new();

impl World {
    /// Stores for one test; Redis only where the design wants it.
    pub(crate) async fn new(stores: Stores, with_redis: bool) -> anyhow::Result<Self> {
        let fixture = Fixture::new()?;
        let kind = match stores {
            Stores::Embedded => Backing::Embedded,
            Stores::Real => Backing::Local,
        };
        let redis = match with_redis {
            true => Some(redis(kind, fixture.folder()).await?),
            false => None,
        };
        let database = format!("t{}", uuid::Uuid::new_v4().simple());
        let database_url = match stores {
            Stores::Embedded => None,
            Stores::Real => Some(new_database(&database).await?),
        };
        Ok(Self { fixture, redis, database_url, database })
    }

    /// Cuts the replicas off from their records: nobody may connect, and who is connected
    /// is thrown out. Other tests use the same Postgres, so it cannot be stopped.
    pub(crate) async fn lose_the_records(&self) -> anyhow::Result<LostRecords> {
        let lost = LostRecords { database: self.database.clone() };
        lost.allow_connections(false).await?;
        Ok(lost)
    }

    /// A connection to this test's own database as its owner, who sees every row; for the
    /// real stores.
    pub(crate) async fn owner(&self) -> anyhow::Result<sqlx::PgConnection> {
        let mut url = url::Url::parse(postgres().await?)?;
        url.set_path(&self.database);
        Ok(sqlx::PgConnection::connect(url.as_str()).await?)
    }

    /// What the replicas connect to their records with, where that is no file.
    pub(crate) fn database_url(&self) -> Option<&str> {
        self.database_url.as_deref()
    }

    /// Starts one replica on these stores.
    pub(crate) async fn replica(
        &self,
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
        let way = if design == "token" { Way::Token } else { Way::Session };
        self.fixture.start(PROGRAM, way, &flags).await
    }

    /// Starts one replica and leaves the stores to it: they end when it does.
    pub(crate) async fn alone(
        stores: Stores,
        design: &str,
        more: &[&str],
    ) -> anyhow::Result<Started> {
        let world = Self::new(stores, matches!(design, "central" | "token")).await?;
        let started = world.replica(design, more).await?;
        Ok(started.keeping(world.redis))
    }
}

/// Records that nobody can reach.
pub(crate) struct LostRecords {
    database: String,
}

impl LostRecords {
    /// Lets the replicas connect again.
    pub(crate) async fn bring_them_back(self) -> anyhow::Result<()> {
        self.allow_connections(true).await
    }

    async fn allow_connections(&self, allowed: bool) -> anyhow::Result<()> {
        let name = &self.database;
        let mut owner = sqlx::PgConnection::connect(postgres().await?).await?;
        let allow = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(allow)).execute(&mut owner).await?;
        let throw_out = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                         WHERE datname = $1 AND NOT $2";
        sqlx::query(throw_out).bind(name).bind(allowed).execute(&mut owner).await?;
        Ok(())
    }
}

/// The URL of the one Postgres of this run, as its owner.
pub(crate) async fn postgres() -> anyhow::Result<&'static str> {
    let start = || async {
        let dir = tempfile::tempdir()?;
        anyhow::Ok((database(Backing::Local, dir.path()).await?, dir))
    };
    let (postgres, _) = POSTGRES.get_or_try_init(start).await?;
    Ok(&postgres.url)
}

/// What the one Postgres of this run has written to its log so far.
pub(crate) async fn postgres_log() -> anyhow::Result<String> {
    postgres().await?;
    let (service, _) = POSTGRES.get().context("it has been started")?;
    let file = service.log().context("a private Postgres has a log")?;
    Ok(String::from_utf8_lossy(&std::fs::read(file)?).into_owned())
}

/// An empty database of its own, brought up to date, as the server may use it.
async fn new_database(name: &str) -> anyhow::Result<String> {
    let mut owner = sqlx::PgConnection::connect(postgres().await?).await?;
    let create = format!("CREATE DATABASE {name}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut owner).await?;
    let mut url = url::Url::parse(postgres().await?).context("the URL of Postgres")?;
    url.set_path(name);
    Ok(records::Records::migrate(url.as_str()).await?.app_url)
}
