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

/// For tests that ask what came of it, not how long it took: the machine may be busy.
pub(crate) fn patient() -> PoolLimits {
    let long = Duration::from_secs(30);
    PoolLimits { acquire: long, statement: long, ..PoolLimits::default() }
}

/// A migrated database and a pool on it.
pub(crate) struct Store {
    /// What migrates, and sees everything.
    pub(crate) owner_url: String,
    /// What servers connect with.
    pub(crate) app_url: String,
    /// A pool.
    pub(crate) records: Records,
    _folder: Option<TempDir>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Store {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/records.sqlite", folder.path().display());
        Self::migrated(url, Some(folder), None).await.unwrap()
    }

    /// `None` when the environment says that there is none.
    pub(crate) async fn postgres() -> Option<Self> {
        let place = a_place().await;
        let owner_url = fresh_database().await?;
        Some(Self::migrated(owner_url, None, Some(place)).await.unwrap())
    }

    async fn migrated(
        owner_url: String,
        folder: Option<TempDir>,
        place: Option<OwnedSemaphorePermit>,
    ) -> Result<Self> {
        let app_url = Records::migrate(&owner_url).await?.app_url;
        let records = Records::open(&app_url, patient()).await?;
        Ok(Self { owner_url, app_url, records, _folder: folder, _place: place })
    }

    /// Another pool on the same database, as another replica has it.
    pub(crate) async fn another(&self) -> Records {
        Records::open(&self.app_url, patient()).await.unwrap()
    }

    /// Three pools on it.
    pub(crate) async fn three(&self) -> [Records; 3] {
        [self.records.clone(), self.another().await, self.another().await]
    }

    /// A connection that row level security does not bind.
    pub(crate) async fn owner(&self) -> AnyConnection {
        AnyConnection::connect(&self.owner_url).await.unwrap()
    }
}

/// A Postgres serves 100 connections, and a test takes up to three pools of eight.
async fn a_place() -> OwnedSemaphorePermit {
    static PLACES: OnceCell<Arc<Semaphore>> = OnceCell::const_new();
    let places = PLACES.get_or_init(|| async { Arc::new(Semaphore::new(3)) }).await;
    Arc::clone(places).acquire_owned().await.unwrap()
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

/// A Postgres of one's own.
///
/// # Panics
/// When none can be started, and the environment does not say that this is known.
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
    Err(last.context("nothing was tried")?)
}
