//! The handle on the database. It runs every transaction.

use crate::app_role;
use crate::backend::Address;
use crate::clock;
use crate::error::{OpenError, RecordsError};
use crate::migrate::{self, Migrated};
use crate::pool::{PoolLimits, Pools, limit_reached};
use crate::pool_metrics::PoolMetrics;
use crate::scope::Scope;
use crate::transaction::{Access, FailedTransaction, in_transaction};
use futures_util::future::BoxFuture;
use sqlx::{AnyConnection, AnyPool, Connection};
use std::panic::resume_unwind;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout_at};
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
    /// If the URL is wrong, the database does not answer, the schema is older than this
    /// program or refuses it as too old, or the role could bypass row-level security.
    pub async fn open(url: &str, limits: PoolLimits) -> Result<Self, OpenError> {
        let address = Address::parse(url)?;
        let mut connection = address.connect().await?;
        if address.is_postgres() {
            app_role::check(&mut connection, &address).await?;
        }
        migrate::check(&mut connection, &address).await?;
        // The connection was only for the checks: an error on closing it does not matter.
        let _ = connection.close().await;
        let pools = limits.pools(&address);
        pools.warm(&address).await;
        Ok(Self {
            pools,
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
    /// the schema refuses this program as too old.
    pub async fn migrate(owner_url: &str) -> Result<Migrated, OpenError> {
        migrate::migrate(owner_url).await
    }

    /// Milliseconds since 1970 by the database's clock (for SQLite the clock of the
    /// machine). Also serves as a health check of the database.
    ///
    /// # Errors
    /// As [`Records::read`].
    pub async fn now(&self) -> Result<i64, RecordsError> {
        self.read(Scope::Housekeeping, |tx| Box::pin(clock::now(tx))).await
    }

    /// A time for sweeps: everything that expired before it may be removed, because every
    /// ready replica agrees that it has expired. It comes from the database's clock.
    /// `None` if this process's clock, `own_clock`, differs by more than
    /// [`MAX_CLOCK_SKEW_MS`](crate::revocations::MAX_CLOCK_SKEW_MS); then nothing may be
    /// removed. On SQLite the database's clock is the one of this machine, and only this
    /// comparison finds that a process has another one.
    ///
    /// # Errors
    /// As [`Records::read`].
    pub async fn sweep_time(
        &self,
        own_clock: fn() -> i64,
    ) -> Result<Option<i64>, RecordsError> {
        let before = own_clock();
        let now = self.now().await?;
        Ok(clock::agree(before, now, own_clock()).then(|| now - clock::SWEEP_MARGIN_MS))
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
    /// that it gets, because Postgres has aborted the transaction by then. It may run twice:
    /// if the database rolled the first run back because of a migration or a deadlock, a
    /// clone of it runs in a second transaction.
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
            + Clone
            + Send
            + 'static,
    {
        self.run_detached(Access::Write, scope, work, None).await
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
            + Clone
            + Send
            + 'static,
    {
        self.run_detached(Access::Read, scope, work, None).await
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
            + Clone
            + Send
            + 'static,
    {
        self.run_detached(Access::Poll, scope, work, None).await
    }

    /// As [`Records::read`], for a caller that waits for the transaction at most `limit`. The
    /// time counts from when the transaction has its connection: connecting to a database
    /// that was restarted has a limit of its own ([`PoolLimits::acquire`]). On SQLite it
    /// counts from now, because there a caller waits for other callers only. The
    /// transaction runs to its end, and holds what `work` owns until then.
    ///
    /// # Errors
    /// As [`Records::read`]; [`RecordsError::InDoubt`] when the limit is reached, which is
    /// logged with its name.
    ///
    /// # Panics
    /// When `work` does.
    pub async fn read_within<T, W>(
        &self,
        (name, limit): (&'static str, Duration),
        scope: Scope,
        work: W,
    ) -> Result<T, RecordsError>
    where
        T: Send + 'static,
        W: for<'t> FnOnce(
                &'t mut AnyConnection,
            ) -> BoxFuture<'t, Result<T, RecordsError>>
            + Clone
            + Send
            + 'static,
    {
        let (acquired, is_acquired) = oneshot::channel();
        let acquired = self.postgres.then_some(acquired);
        let running = self.run_detached(Access::Read, scope, work, acquired);
        let reached = async {
            // Without the sender, as on SQLite, this ends at once.
            let _acquired_or_failed = is_acquired.await;
            sleep(limit).await;
        };
        tokio::select! {
            biased;
            outcome = running => outcome,
            () = reached => {
                limit_reached(name, limit);
                Err(RecordsError::InDoubt(format!("the {name} took too long").into()))
            }
        }
    }

    async fn run_detached<T, W>(
        &self,
        access: Access,
        scope: Scope,
        work: W,
        acquired: Option<oneshot::Sender<()>>,
    ) -> Result<T, RecordsError>
    where
        T: Send + 'static,
        W: for<'t> FnOnce(
                &'t mut AnyConnection,
            ) -> BoxFuture<'t, Result<T, RecordsError>>
            + Clone
            + Send
            + 'static,
    {
        let records = self.clone();
        let task = async move { records.transact(access, scope, work, acquired).await };
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
        has_connection: Option<oneshot::Sender<()>>,
    ) -> Result<T, RecordsError>
    where
        W: Clone
            + for<'t> FnOnce(
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
        let mut connection = acquired.inspect_err(|error| not_acquired(pool, error))?;
        if let Some(has_connection) = has_connection {
            let _caller_left = has_connection.send(());
        }
        let deadline = Instant::now() + self.max_duration;
        let first =
            attempt(&mut connection, access, scope.clone(), work.clone(), deadline);
        let done = match first.await {
            Err(failed) if failed.error.is_repeatable() => {
                drop(connection.detach());
                self.repeat(access, scope, work, deadline).await
            }
            Err(FailedTransaction { error, connection_is_clean }) => {
                if !connection_is_clean {
                    drop(connection.detach());
                }
                Err(error)
            }
            Ok(value) => Ok(value),
        };
        count(if done.is_ok() { "committed" } else { "failed" });
        metrics::histogram!("upload_server_database_transaction_duration_seconds")
            .record(started.elapsed());
        done
    }

    /// Runs a transaction again that the database rolled back because a prepared statement
    /// is out of date, or because of a deadlock. The connection is new, so it has prepared no
    /// statement; it holds its locks on the tables, so no migration comes between. It is
    /// closed afterwards, because the next repetition needs a new one, too.
    async fn repeat<T, W>(
        &self,
        access: Access,
        scope: Scope,
        work: W,
        deadline: Instant,
    ) -> Result<T, RecordsError>
    where
        W: for<'t> FnOnce(
            &'t mut AnyConnection,
        ) -> BoxFuture<'t, Result<T, RecordsError>>,
    {
        metrics::counter!("upload_server_database_transaction_repetitions_total")
            .increment(1);
        let mut connection = self.pools.repetitions.acquire().await?;
        let done = attempt(&mut connection, access, scope, work, deadline).await;
        drop(connection.detach());
        done.map_err(|failed| failed.error)
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
        self.pools.repetitions.close().await;
    }
}

/// Runs a transaction once, until `deadline`.
async fn attempt<T, W>(
    connection: &mut AnyConnection,
    access: Access,
    scope: Scope,
    work: W,
    deadline: Instant,
) -> Result<T, FailedTransaction>
where
    W: for<'t> FnOnce(&'t mut AnyConnection) -> BoxFuture<'t, Result<T, RecordsError>>,
{
    let mut committing = false;
    let left = deadline.saturating_duration_since(Instant::now());
    let whole = in_transaction(connection, access, scope, work, &mut committing);
    let done = timeout_at(deadline.into(), whole).await;
    done.unwrap_or_else(|_| {
        limit_reached("database transaction", left);
        Err(FailedTransaction::timed_out(committing))
    })
}

fn not_acquired(pool: &AnyPool, error: &sqlx::Error) {
    count("pool_timeout");
    if matches!(error, sqlx::Error::PoolTimedOut) {
        limit_reached("database connection", pool.options().get_acquire_timeout());
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("upload_server_database_transactions_total", "outcome" => outcome)
        .increment(1);
}
