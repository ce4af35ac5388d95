//! The handle on the database, and the only way to run a transaction.

use crate::app_role;
use crate::backend::{self, Address};
use crate::error::{OpenError, RecordsError};
use crate::migrate::{self, Migrated};
use crate::pool::PoolLimits;
use crate::scope::Scope;
use futures_util::future::BoxFuture;
use sqlx::{AnyConnection, AnyPool, Connection, Executor};
use std::panic::resume_unwind;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tracing::Instrument;

/// A pool of connections to a database whose schema is this program's. Clones share it.
#[derive(Clone)]
pub struct Records {
    pool: AnyPool,
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
            pool: limits.pool(&address),
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

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), RecordsError> {
        self.run(Scope::Housekeeping, |_| Box::pin(async { Ok(()) })).await
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
    /// Those of `work`, and [`RecordsError::Unavailable`] when no connection was free in
    /// time or the database stopped answering.
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
        let records = self.clone();
        let task = async move { records.transact(scope, work).await };
        match tokio::spawn(task.in_current_span()).await {
            Ok(outcome) => outcome,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => Err(RecordsError::unavailable("the program is shutting down")),
            },
        }
    }

    async fn transact<T, W>(&self, scope: Scope, work: W) -> Result<T, RecordsError>
    where
        W: for<'t> FnOnce(
            &'t mut AnyConnection,
        ) -> BoxFuture<'t, Result<T, RecordsError>>,
    {
        let began = Instant::now();
        let mut connection =
            self.pool.acquire().await.inspect_err(|_| count("no-turn"))?;
        let whole = timeout(self.longest, in_transaction(&mut connection, scope, work));
        let late = || Undone::from(RecordsError::unavailable("no answer any more"));
        let done = whole.await.unwrap_or_else(|_| Err(late()));
        count(if done.is_ok() { "committed" } else { "undone" });
        metrics::histogram!("records_transaction_seconds").record(began.elapsed());
        done.map_err(|Undone { error, connection_is_clean }| {
            if !connection_is_clean {
                drop(connection.detach());
            }
            error
        })
    }

    /// Waits for transactions under way and closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("records_transactions_total", "outcome" => outcome).increment(1);
}

/// A transaction that did not take place.
struct Undone {
    error: RecordsError,
    /// Whether the database confirmed the rollback. A connection on which it did not is
    /// closed: SQLite ends a transaction by itself when the disk is full, and sqlx would
    /// believe for ever that it is inside.
    connection_is_clean: bool,
}

impl<E: Into<RecordsError>> From<E> for Undone {
    fn from(error: E) -> Self {
        Self { error: error.into(), connection_is_clean: false }
    }
}

async fn in_transaction<T, W>(
    connection: &mut AnyConnection,
    scope: Scope,
    work: W,
) -> Result<T, Undone>
where
    W: for<'t> FnOnce(&'t mut AnyConnection) -> BoxFuture<'t, Result<T, RecordsError>>,
{
    // SQLite cannot turn a reader into a writer while another one writes: it would be
    // refused, after all its work. So it queues as a writer from the start.
    let postgres = backend::is_postgres(connection);
    let begin = if postgres { "BEGIN" } else { "BEGIN IMMEDIATE" };
    let mut tx = connection.begin_with(begin).await?;
    scope.set(&mut tx).await?;
    let value = match work(&mut tx).await {
        Ok(value) => value,
        Err(error) => {
            let connection_is_clean = tx.rollback().await.is_ok();
            return Err(Undone { error, connection_is_clean });
        }
    };
    if postgres {
        // It answers COMMIT with success even where an error was passed over and it
        // rolled back; any other statement tells.
        tx.execute("SELECT 1").await?;
    }
    tx.commit().await?;
    Ok(value)
}
