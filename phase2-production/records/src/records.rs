//! The handle on the database, and the only way to run a transaction.

use crate::app_role;
use crate::backend::Address;
use crate::error::{OpenError, RecordsError};
use crate::migrate::{self, Migrated};
use crate::pool::{PoolLimits, Pools};
use crate::pool_metrics::PoolMetrics;
use crate::scope::Scope;
use crate::transaction::{Access, Undone, in_transaction};
use futures_util::future::BoxFuture;
use sqlx::{AnyConnection, Connection};
use std::panic::resume_unwind;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tracing::Instrument;

/// A pool of connections to a database whose schema is this program's. Clones share it.
#[derive(Clone)]
pub struct Records {
    pools: Pools,
    pool_metrics: PoolMetrics,
    postgres: bool,
    /// See [`PoolLimits::transaction`].
    longest: Duration,
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records")
            .field("postgres", &self.postgres)
            .finish_non_exhaustive()
    }
}

impl Records {
    /// Connects to what [`Records::migrate`] prepared: for Postgres with its `app_url`.
    ///
    /// # Errors
    /// When the URL is wrong, nobody answers, the schema is older or newer than this
    /// program, or row level security would not bind the role.
    pub async fn open(url: &str, limits: PoolLimits) -> Result<Self, OpenError> {
        let address = Address::parse(url)?;
        let mut connection = address.connect().await?;
        if address.is_postgres() {
            app_role::check(&mut connection, &address).await?;
        }
        migrate::check(&mut connection, &address).await?;
        // It was only there to look: what becomes of it does not matter.
        let _ = connection.close().await;
        Ok(Self {
            pools: limits.pools(&address),
            pool_metrics: PoolMetrics::new(address.is_postgres()),
            postgres: address.is_postgres(),
            longest: limits.transaction(&address),
        })
    }

    /// Brings the schema up to date, under a lock: several programs may do it at once,
    /// and doing it again changes nothing. On Postgres also the role `upload_app`, which
    /// owns nothing and which row level security binds.
    ///
    /// # Errors
    /// When the URL is wrong, nobody answers, the owner may not do it, or the schema is
    /// newer than this program.
    pub async fn migrate(owner_url: &str) -> Result<Migrated, OpenError> {
        migrate::migrate(owner_url).await
    }

    /// Milliseconds since 1970 by the database's clock; SQLite's is the machine's. Also a way
    /// to ask whether the database answers.
    ///
    /// # Errors
    /// As [`Records::look`].
    pub async fn now(&self) -> Result<i64, RecordsError> {
        let clock = if self.postgres {
            "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
        } else {
            "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)"
        };
        self.look(Scope::Housekeeping, move |tx| {
            Box::pin(async move {
                Ok(sqlx::query_scalar::<_, i64>(clock).fetch_one(tx).await?)
            })
        })
        .await
    }

    /// Whether it is Postgres; otherwise it is SQLite, which one machine alone can use.
    #[must_use]
    pub const fn is_postgres(&self) -> bool {
        self.postgres
    }

    /// Does `work` in one transaction that sees what `scope` covers. When this returns
    /// `Ok`, all of it is on disk; otherwise none of it is, except as
    /// [`RecordsError`] says.
    ///
    /// It runs in a task of its own: a caller that is dropped meanwhile (axum drops a
    /// handler when its client disconnects) does not cancel it half-way. `work` must pass
    /// every error of the database on; Postgres has given the transaction up by then.
    ///
    /// # Errors
    /// Those of `work`, [`RecordsError::Unavailable`] when no connection was free in time
    /// or the database stopped answering, and [`RecordsError::InDoubt`] when it did so
    /// while it was to commit.
    ///
    /// # Panics
    /// When `work` does.
    pub async fn run<T, W>(&self, scope: Scope, work: W) -> Result<T, RecordsError>
    where
        T: Send + 'static,
        W: for<'t> FnOnce(
                &'t mut AnyConnection,
            ) -> BoxFuture<'t, Result<T, RecordsError>>
            + Send
            + 'static,
    {
        self.in_a_task(Access::Change, scope, work).await
    }

    /// Does `work`, which changes nothing, in one transaction that sees what `scope` covers
    /// and everything that was committed before. On SQLite it waits for no writer. The
    /// database refuses a change.
    ///
    /// # Errors
    /// As [`Records::run`]; never in doubt.
    ///
    /// # Panics
    /// When `work` does.
    pub async fn look<T, W>(&self, scope: Scope, work: W) -> Result<T, RecordsError>
    where
        T: Send + 'static,
        W: for<'t> FnOnce(
                &'t mut AnyConnection,
            ) -> BoxFuture<'t, Result<T, RecordsError>>
            + Send
            + 'static,
    {
        self.in_a_task(Access::Look, scope, work).await
    }

    /// As [`Records::look`], on a connection that is kept for it: whoever listens for what
    /// others did hears it however long the queue of the requests is. One at a time.
    ///
    /// # Errors
    /// As [`Records::look`].
    ///
    /// # Panics
    /// When `work` does.
    pub async fn listen<T, W>(&self, scope: Scope, work: W) -> Result<T, RecordsError>
    where
        T: Send + 'static,
        W: for<'t> FnOnce(
                &'t mut AnyConnection,
            ) -> BoxFuture<'t, Result<T, RecordsError>>
            + Send
            + 'static,
    {
        self.in_a_task(Access::Listen, scope, work).await
    }

    async fn in_a_task<T, W>(
        &self,
        access: Access,
        scope: Scope,
        work: W,
    ) -> Result<T, RecordsError>
    where
        T: Send + 'static,
        W: for<'t> FnOnce(
                &'t mut AnyConnection,
            ) -> BoxFuture<'t, Result<T, RecordsError>>
            + Send
            + 'static,
    {
        let records = self.clone();
        let task = async move { records.transact(access, scope, work).await };
        match tokio::spawn(task.in_current_span()).await {
            Ok(outcome) => outcome,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => {
                    Err(RecordsError::InDoubt("the program is shutting down".into()))
                }
            },
        }
    }

    async fn transact<T, W>(
        &self,
        access: Access,
        scope: Scope,
        work: W,
    ) -> Result<T, RecordsError>
    where
        W: for<'t> FnOnce(
            &'t mut AnyConnection,
        ) -> BoxFuture<'t, Result<T, RecordsError>>,
    {
        let began = Instant::now();
        let (pool, gauges) = match access {
            Access::Change => (&self.pools.writers, &self.pool_metrics.writers),
            Access::Look => (&self.pools.readers, &self.pool_metrics.readers),
            Access::Listen => (&self.pools.listener, &self.pool_metrics.listener),
        };
        let waiting = gauges.begin_wait();
        let acquired = pool.acquire().await;
        drop(waiting);
        let mut connection = acquired.inspect_err(|_| count("pool_timeout"))?;
        let mut committing = false;
        let whole = in_transaction(&mut connection, access, scope, work, &mut committing);
        let done = timeout(self.longest, whole).await;
        let done = done.unwrap_or_else(|_| Err(Undone::silent(committing)));
        count(if done.is_ok() { "committed" } else { "failed" });
        metrics::histogram!("upload_server_database_transaction_duration_seconds")
            .record(began.elapsed());
        done.map_err(|Undone { error, connection_is_clean }| {
            if !connection_is_clean {
                drop(connection.detach());
            }
            error
        })
    }

    /// Sets the gauges of the connection pools, before a scrape of the metrics.
    pub fn report_pools(&self) {
        self.pool_metrics.report(&self.pools);
    }

    /// Waits for transactions under way and closes all connections.
    pub async fn close(&self) {
        self.pools.writers.close().await;
        self.pools.readers.close().await;
        self.pools.listener.close().await;
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("upload_server_database_transactions_total", "outcome" => outcome)
        .increment(1);
}
