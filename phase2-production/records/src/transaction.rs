//! One transaction from its first statement to its last, and what is known of one that
//! did not get that far.

use crate::backend;
use crate::error::RecordsError;
use crate::scope::Scope;
use futures_util::future::BoxFuture;
use sqlx::{AnyConnection, Connection, Executor};

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Change,
    Look,
    /// As [`Access::Look`], on a connection of its own.
    Listen,
}

impl Access {
    /// SQLite cannot turn a reader into a writer while another one writes: it would be
    /// refused, after all its work. So a writer queues as one from the start.
    const fn begin(self, postgres: bool) -> &'static str {
        match (self, postgres) {
            (Self::Change, true) => "BEGIN",
            (Self::Change, false) => "BEGIN IMMEDIATE",
            (Self::Look | Self::Listen, true) => "BEGIN READ ONLY",
            (Self::Look | Self::Listen, false) => "BEGIN",
        }
    }
}

/// A transaction that did not take place, as far as is known.
pub(crate) struct Undone {
    pub(crate) error: RecordsError,
    /// Whether the database confirmed the rollback. A connection on which it did not is
    /// closed: SQLite ends a transaction by itself when the disk is full, and sqlx would
    /// believe for ever that it is inside.
    pub(crate) connection_is_clean: bool,
}

impl Undone {
    /// Nothing was heard for too long. Closing the connection undoes everything, unless
    /// the commit is on its way.
    pub(crate) fn silent(committing: bool) -> Self {
        let reason = "no answer any more";
        match committing {
            true => RecordsError::InDoubt(reason.into()).into(),
            false => RecordsError::unavailable(reason).into(),
        }
    }
}

impl<E: Into<RecordsError>> From<E> for Undone {
    fn from(error: E) -> Self {
        Self { error: error.into(), connection_is_clean: false }
    }
}

/// Begins, works, commits. `committing` is set before the commit is sent, for whoever gives
/// this up in the middle.
pub(crate) async fn in_transaction<T, W>(
    connection: &mut AnyConnection,
    access: Access,
    scope: Scope,
    work: W,
    committing: &mut bool,
) -> Result<T, Undone>
where
    W: for<'t> FnOnce(&'t mut AnyConnection) -> BoxFuture<'t, Result<T, RecordsError>>,
{
    let postgres = backend::is_postgres(connection);
    let mut tx = connection.begin_with(access.begin(postgres)).await?;
    scope.set(&mut tx).await?;
    let value = match work(&mut tx).await {
        Ok(value) => value,
        Err(error) => {
            let connection_is_clean = tx.rollback().await.is_ok();
            return Err(Undone { error, connection_is_clean });
        }
    };
    if access != Access::Change {
        tx.commit().await?;
        return Ok(value);
    }
    if postgres {
        // It answers COMMIT with success even where an error was passed over and it
        // rolled back; any other statement tells.
        tx.execute("SELECT 1").await?;
    }
    *committing = true;
    tx.commit().await.map_err(RecordsError::of_commit)?;
    Ok(value)
}
