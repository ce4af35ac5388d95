//! The handle on the database. It runs every transaction.

use crate::app_role;
use crate::backend::Address;
use crate::error::{OpenError, RecordsError};
use crate::migrate::{self, Migrated};
use crate::pool::{PoolLimits, Pools};
use crate::pool_metrics::PoolMetrics;
use crate::scope::Scope;
use crate::transaction::{Access, FailedTransaction, in_transaction};
use futures_util::future::BoxFuture;
use sqlx::{AnyConnection, Connection};
use std::panic::resume_unwind;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tracing::Instrument;

/// A pool of connections to a database with the schema of this program. Clones share it.
#[derive(Clone)]
pub struct Records {
    pools: Pools,
    pool_metrics: PoolMetrics,
    postgres: bool,
    /// See [`PoolLimits::transaction`].
    max_duration: Duration,
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records")
            .field("postgres", &self.postgres)
            .finish_non_exhaustive()
    }
}

impl Records {
    /// Connects to a database that [`Records::migrate`] prepared, on Postgres with the
    /// `app_url` that it returned.
    ///
    /// # Errors
    /// If the URL is wrong, the database does not answer, the schema is older or newer
    /// than this program, or the role could bypass row-level security.
    pub async fn open(url: &str, limits: PoolLimits) -> Result<Self, OpenError> {
        let address = Address::parse(url)?;
        let mut connection = address.connect().await?;
        if address.is_postgres() {
            app_role::check(&mut connection, &address).await?;
        }
        migrate::check(&mut connection, &address).await?;
        // The connection was only for the checks: an error on closing it does not matter.
        let _ = connection.close().await;
        Ok(Self {
            pools: limits.pools(&address),
            pool_metrics: PoolMetrics::new(address.is_postgres()),
            postgres: address.is_postgres(),
            max_duration: limits.transaction(&address),
        })
    }

    /// Brings the schema up to date, under a lock: several programs may call it at once,
    /// and a second call changes nothing. On Postgres it also creates the role
    /// `upload_app`, which owns nothing and is subject to row-level security.
    ///
    /// # Errors
    /// If the URL is wrong, the database does not answer, the owner lacks a privilege, or
    /// the schema is newer than this program.
    pub async fn migrate(owner_url: &str) -> Result<Migrated, OpenError> {
        migrate::migrate(owner_url).await
    }

    /// Milliseconds since 1970 by the database's clock (for SQLite the clock of the
    /// machine). Also serves as a health check of the database.
    ///
    /// # Errors
    /// As [`Records::read`].
    pub async fn now(&self) -> Result<i64, RecordsError> {
        let clock = if self.postgres {
            "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
        } else {
            "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)"
        };
        self.read(Scope::Housekeeping, move |tx| {
            Box::pin(async move {
                Ok(sqlx::query_scalar::<_, i64>(clock).fetch_one(tx).await?)
            })
        })
        .await
    }

    /// Whether this is Postgres. Otherwise it is SQLite, which only one machine can use.
    #[must_use]
    pub const fn is_postgres(&self) -> bool {
        self.postgres
    }

    /// Runs `work` in one transaction that sees the rows `scope` covers. After `Ok` all
    /// of it is on disk; after an error none of it is, except as documented at
    /// [`RecordsError`].
    ///
    /// It runs in its own task: dropping the caller (axum drops a handler if its client
    /// disconnects) does not cancel it halfway. `work` must return every database error
    /// that it gets, because Postgres has aborted the transaction by then.
    ///
    /// # Errors
    /// Those of `work`; [`RecordsError::Unavailable`] if no connection was free in time
    /// or the database stopped answering; [`RecordsError::InDoubt`] if it stopped
    /// answering during the commit.
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
        self.run_detached(Access::Write, scope, work).await
    }

    /// Runs `work`, which only reads, in one transaction that sees the rows `scope`
    /// covers and every earlier commit. On SQLite it waits for no writer. The database
    /// refuses a write.
    ///
    /// # Errors
    /// As [`Records::run`]; never in doubt.
    ///
    /// # Panics
    /// When `work` does.
    pub async fn read<T, W>(&self, scope: Scope, work: W) -> Result<T, RecordsError>
    where
        T: Send + 'static,
        W: for<'t> FnOnce(
                &'t mut AnyConnection,
            ) -> BoxFuture<'t, Result<T, RecordsError>>
            + Send
            + 'static,
    {
        self.run_detached(Access::Read, scope, work).await
    }

    /// As [`Records::read`], on a connection reserved for polling: a replica receives the
    /// changes of other replicas however long the queue of requests is. One call at a
    /// time.
    ///
    /// # Errors
    /// As [`Records::read`].
    ///
    /// # Panics
    /// When `work` does.
    pub async fn poll<T, W>(&self, scope: Scope, work: W) -> Result<T, RecordsError>
    where
        T: Send + 'static,
        W: for<'t> FnOnce(
                &'t mut AnyConnection,
            ) -> BoxFuture<'t, Result<T, RecordsError>>
            + Send
            + 'static,
    {
        self.run_detached(Access::Poll, scope, work).await
    }

    async fn run_detached<T, W>(
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
        let started = Instant::now();
        let (pool, gauges) = match access {
            Access::Write => (&self.pools.writers, &self.pool_metrics.writers),
            Access::Read => (&self.pools.readers, &self.pool_metrics.readers),
            Access::Poll => (&self.pools.poller, &self.pool_metrics.poller),
        };
        let waiting = gauges.begin_wait();
        let acquired = pool.acquire().await;
        drop(waiting);
        let mut connection = acquired.inspect_err(|_| count("pool_timeout"))?;
        let mut committing = false;
        let whole = in_transaction(&mut connection, access, scope, work, &mut committing);
        let done = timeout(self.max_duration, whole).await;
        let done = done.unwrap_or_else(|_| Err(FailedTransaction::timed_out(committing)));
        count(if done.is_ok() { "committed" } else { "failed" });
        metrics::histogram!("upload_server_database_transaction_duration_seconds")
            .record(started.elapsed());
        done.map_err(|FailedTransaction { error, connection_is_clean }| {
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

    /// Waits for running transactions and closes all connections.
    pub async fn close(&self) {
        self.pools.writers.close().await;
        self.pools.readers.close().await;
        self.pools.poller.close().await;
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("upload_server_database_transactions_total", "outcome" => outcome)
        .increment(1);
}
