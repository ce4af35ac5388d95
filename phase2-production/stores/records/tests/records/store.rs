//! A database for a test: a SQLite file, or a new database on a Postgres that all tests
//! of this binary share and that ends with it.

use anyhow::{Context, Result};
use backing_services::{Backing, Kind, Service, database};
use records::{AnyConnection, PoolLimits, Records};
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

/// Makes of each function `async fn name(store: Store)` of this file a test on SQLite and
/// one on Postgres.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(crate::store::Store::sqlite().await).await;
            })+
        }

        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(store) = crate::store::Store::postgres().await {
                    super::$name(store).await;
                }
            })+
        }
    };
}
pub(crate) use on_both;

/// Limits for tests that check a result and not its duration, because the machine may be
/// busy.
pub(crate) fn patient() -> PoolLimits {
    let long = Duration::from_secs(30);
    PoolLimits { acquire: long, statement: long, ..PoolLimits::default() }
}

/// A migrated database and a pool on it.
pub(crate) struct Store {
    /// The owner's URL: migrates, and bypasses row-level security.
    pub(crate) owner_url: String,
    /// The servers' URL.
    pub(crate) app_url: String,
    /// A pool with the servers' URL.
    pub(crate) records: Records,
    _folder: Option<TempDir>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Store {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/records.sqlite", folder.path().display());
        Self::migrated(url, Some(folder), None).await.unwrap()
    }

    /// `None` if the environment excludes Postgres.
    pub(crate) async fn postgres() -> Option<Self> {
        let permit = connection_permit().await;
        let owner_url = fresh_database().await?;
        Some(Self::migrated(owner_url, None, Some(permit)).await.unwrap())
    }

    async fn migrated(
        owner_url: String,
        folder: Option<TempDir>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Result<Self> {
        let app_url = Records::migrate(&owner_url).await?.app_url;
        let records = Records::open(&app_url, patient()).await?;
        Ok(Self { owner_url, app_url, records, _folder: folder, _permit: permit })
    }

    /// Another pool on the same database, like that of another replica.
    pub(crate) async fn another(&self) -> Records {
        Records::open(&self.app_url, patient()).await.unwrap()
    }

    /// Three pools on the database.
    pub(crate) async fn three(&self) -> [Records; 3] {
        [self.records.clone(), self.another().await, self.another().await]
    }

    /// A connection that bypasses row-level security.
    pub(crate) async fn owner(&self) -> AnyConnection {
        AnyConnection::connect(&self.owner_url).await.unwrap()
    }
}

/// A Postgres serves 100 connections, and a test takes up to three pools of eight.
async fn connection_permit() -> OwnedSemaphorePermit {
    static PERMITS: OnceCell<Arc<Semaphore>> = OnceCell::const_new();
    let permits = PERMITS.get_or_init(|| async { Arc::new(Semaphore::new(3)) }).await;
    Arc::clone(permits).acquire_owned().await.unwrap()
}

/// The URL of a new, empty database, for its owner.
pub(crate) async fn fresh_database() -> Option<String> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    static SERVER: OnceCell<Option<Service>> = OnceCell::const_new();
    let server = SERVER.get_or_init(private_postgres).await.as_ref()?;
    let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let mut owner = AnyConnection::connect(&server.url).await.unwrap();
    let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
    owner.execute(create).await.unwrap();
    Some(server.url.replace("/postgres", &format!("/{name}")))
}

/// Starts a Postgres server for one test.
///
/// # Panics
/// If none can be started and the environment does not exclude it.
pub(crate) async fn private_postgres() -> Option<Service> {
    sqlx::any::install_default_drivers();
    if std::env::var_os("LAB_WITHOUT_POSTGRES").is_some_and(|value| value == "1") {
        eprintln!("LAB_WITHOUT_POSTGRES=1: nothing was tested on Postgres");
        return None;
    }
    let started = start().await.expect(
        "a Postgres is needed: install its server programs (Debian: apt-get install \
         postgresql), or set LAB_WITHOUT_POSTGRES=1 to test on SQLite only",
    );
    Some(started)
}

async fn start() -> Result<Service> {
    let mut last = None;
    for backing in [Backing::Local, Backing::Container] {
        match database(backing, &std::env::temp_dir()).await {
            Ok(service) if service.kind != Kind::Embedded => return Ok(service),
            Ok(_) => {}
            Err(error) => last = Some(error),
        }
    }
    Err(last.context("no way to start one was tried")?)
}
