//! Runs one transaction, and classifies one that failed.

use crate::backend;
use crate::error::RecordsError;
use crate::scope::Scope;
use futures_util::future::BoxFuture;
use sqlx::{AnyConnection, Connection, Executor};

/// The kind of access that a transaction needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Write,
    Read,
    /// As [`Access::Read`], on the connection reserved for polling.
    Poll,
}

impl Access {
    /// SQLite cannot turn a reader into a writer while another connection writes: the
    /// transaction would fail after all its work. So a writer begins as one.
    const fn begin(self, postgres: bool) -> &'static str {
        match (self, postgres) {
            (Self::Write, true) => "BEGIN",
            (Self::Write, false) => "BEGIN IMMEDIATE",
            (Self::Read | Self::Poll, true) => "BEGIN READ ONLY",
            (Self::Read | Self::Poll, false) => "BEGIN",
        }
    }
}

/// A transaction that was not confirmed.
pub(crate) struct FailedTransaction {
    pub(crate) error: RecordsError,
    /// Whether the database confirmed the rollback. Otherwise the connection is closed:
    /// SQLite ends a transaction by itself when the disk is full, and sqlx would still
    /// count it as open.
    pub(crate) connection_is_clean: bool,
}

impl FailedTransaction {
    /// The database did not answer in time. Closing the connection rolls everything back,
    /// unless the commit has been sent.
    pub(crate) fn timed_out(committing: bool) -> Self {
        let reason = "the database no longer answers";
        match committing {
            true => RecordsError::InDoubt(reason.into()).into(),
            false => RecordsError::unavailable(reason).into(),
        }
    }
}

impl<E: Into<RecordsError>> From<E> for FailedTransaction {
    fn from(error: E) -> Self {
        Self { error: error.into(), connection_is_clean: false }
    }
}

/// Begins, runs `work`, commits. `committing` is set before the commit is sent, for a
/// caller that stops waiting.
pub(crate) async fn in_transaction<T, W>(
    connection: &mut AnyConnection,
    access: Access,
    scope: Scope,
    work: W,
    committing: &mut bool,
) -> Result<T, FailedTransaction>
where
    W: for<'t> FnOnce(&'t mut AnyConnection) -> BoxFuture<'t, Result<T, RecordsError>>,
{
    let postgres = backend::is_postgres(connection);
    let mut tx = connection.begin_with(access.begin(postgres)).await?;
    let done = match scope.set(&mut tx).await {
        Ok(()) => work(&mut tx).await,
        Err(error) => Err(error),
    };
    let value = match done {
        Ok(value) => value,
        Err(error) => {
            let connection_is_clean = tx.rollback().await.is_ok();
            return Err(FailedTransaction { error, connection_is_clean });
        }
    };
    if access != Access::Write {
        tx.commit().await?;
        return Ok(value);
    }
    if postgres {
        // Postgres answers COMMIT with success even if an earlier error was ignored and
        // it rolled back. Any other statement fails then.
        tx.execute("SELECT 1").await?;
    }
    *committing = true;
    tx.commit().await.map_err(RecordsError::of_commit)?;
    Ok(value)
}
