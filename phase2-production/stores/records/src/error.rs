//! Errors, classified by how a caller can react.

use crate::file_size;
use std::error::Error;

pub(crate) type Cause = Box<dyn Error + Send + Sync>;

/// The transaction failed. Only after [`RecordsError::InDoubt`] it may have committed.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// Unreachable, overloaded, too slow, restarting, or in conflict with another
    /// transaction. It is temporary, and nothing was committed.
    #[error("the database is temporarily unavailable")]
    Unavailable(#[source] Cause),
    /// The commit was sent and not answered: it may have happened, or may still happen. A
    /// caller may repeat only idempotent work.
    #[error("the database did not confirm the commit")]
    InDoubt(#[source] Cause),
    /// The disk or quota of the database is full. Reads still work.
    #[error("the database has no space left")]
    NoSpace(#[source] Cause),
    /// A defect in this program or in the data. A retry does not help.
    #[error("the database rejected the statement")]
    Broken(#[source] Cause),
}

impl RecordsError {
    /// An [`Unavailable`](Self::Unavailable) that does not come from the database.
    pub fn unavailable(reason: impl Into<Cause>) -> Self {
        Self::Unavailable(reason.into())
    }

    /// Whether the transaction may have committed nevertheless.
    #[must_use]
    pub const fn may_be_committed(&self) -> bool {
        matches!(self, Self::InDoubt(_))
    }

    /// Classifies the failure of a commit that was sent. Only an explicit refusal by a
    /// working database means that it rolled back.
    pub(crate) fn of_commit(error: sqlx::Error) -> Self {
        let is_reply = matches!(error, sqlx::Error::Database(_));
        match Self::from(error) {
            refused @ (Self::NoSpace(_) | Self::Broken(_)) if is_reply => refused,
            Self::Unavailable(cause)
            | Self::InDoubt(cause)
            | Self::NoSpace(cause)
            | Self::Broken(cause) => Self::InDoubt(cause),
        }
    }

    /// Whether the database rolled the transaction back for a reason that is gone when it
    /// is repeated: see [`REPEATABLE`].
    pub(crate) fn is_repeatable(&self) -> bool {
        let (Self::Unavailable(cause) | Self::Broken(cause)) = self else {
            return false;
        };
        let code = match cause.downcast_ref::<sqlx::Error>() {
            Some(sqlx::Error::Database(error)) => error.code(),
            _ => None,
        };
        code.is_some_and(|code| REPEATABLE.contains(&code.as_ref()))
    }

    /// A [`Broken`](Self::Broken) that does not come from the database.
    pub fn broken(reason: impl Into<Cause>) -> Self {
        Self::Broken(reason.into())
    }
}

impl From<sqlx::Error> for RecordsError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        let kind = match &error {
            E::Database(database) => of_code(database.code().as_deref().unwrap_or("")),
            E::Io(_) | E::Tls(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed => {
                Kind::Unavailable
            }
            _ => Kind::Broken,
        };
        match kind {
            Kind::Unavailable => Self::Unavailable(error.into()),
            Kind::NoSpace => Self::NoSpace(error.into()),
            Kind::Broken => Self::Broken(error.into()),
        }
    }
}

/// Codes of Postgres after which a transaction is repeated once, with no prepared statement
/// left (its documentation, appendix A). The first three say that a prepared statement is
/// out of date:
///
/// - `0A000`: a migration changed the type of a result ("cached plan must not change result
///   type");
/// - `26000` and `42P05`: the statement is gone or has another owner, because an
///   administrator or a connection pooler discarded it;
/// - `40P01` and `40001`: a deadlock, as with a migration that locks several tables, or a
///   conflict of two transactions.
const REPEATABLE: [&str; 5] = ["0A000", "26000", "42P05", "40P01", "40001"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unavailable,
    NoSpace,
    Broken,
}

/// Postgres' codes have five characters (its documentation, appendix A). SQLite's are
/// numbers below 10000, with the kind in the lowest byte (sqlite.org/rescode.html).
fn of_code(code: &str) -> Kind {
    match code {
        "53100" => Kind::NoSpace,
        // Shutting down, starting up, cancelled by a timeout, lock not available.
        "57014" | "57P01" | "57P02" | "57P03" | "57P05" | "55P03" => Kind::Unavailable,
        // The password is being changed, the database is being moved, or its disk fails:
        // an administrator is probably working on it.
        "28P01" | "28000" | "3D000" | "55000" => Kind::Unavailable,
        _ if code.len() == 5 && code.starts_with("58") => Kind::Unavailable,
        // An idle transaction was ended; a standby took over; a conflict of two
        // transactions.
        "25P03" | "25006" | "40001" | "40P01" => Kind::Unavailable,
        _ if code.len() == 5 && (code.starts_with("08") || code.starts_with("53")) => {
            Kind::Unavailable
        }
        _ if code.len() == 5 => Kind::Broken,
        _ => of_sqlite(code.parse().unwrap_or(0)),
    }
}

fn of_sqlite(code: u32) -> Kind {
    const BUSY: u32 = 5;
    const LOCKED: u32 = 6;
    const READ_ONLY: u32 = 8;
    const IO: u32 = 10;
    const FULL: u32 = 13;
    const CANNOT_OPEN: u32 = 14;
    const IO_WRITE: u32 = IO | 3 << 8;
    match code & 0xff {
        // SQLite does not tell the limit of a file from a fault of the disk.
        IO if code == IO_WRITE && file_size::limit().is_some() => Kind::NoSpace,
        // A read-only disk, as Postgres' 25006.
        BUSY | LOCKED | READ_ONLY | IO | CANNOT_OPEN => Kind::Unavailable,
        FULL => Kind::NoSpace,
        _ => Kind::Broken,
    }
}

/// The database cannot be used. Every message names a remedy, and none contains a
/// password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL has the wrong form.
    #[error(
        "{reason}: expected postgres://USER:PASSWORD@HOST:PORT/DATABASE or sqlite://FILE"
    )]
    BadUrl {
        /// The defect.
        reason: &'static str,
    },
    /// The database does not answer.
    #[error("no answer from the database at {at}: is it running?")]
    Unreachable {
        /// Where, without user and password.
        at: String,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// It answers, but refuses the login or a statement.
    #[error("the database at {at} refuses: {reason}")]
    Refused {
        /// Where, without user and password.
        at: String,
        /// The database's message.
        reason: String,
    },
    /// The schema lacks migrations of this program.
    #[error("the schema at {at} is older than this program; run: cargo lab migrate")]
    SchemaOlder {
        /// Where, without user and password.
        at: String,
    },
    /// The schema has migrations that this program lacks, and has dropped or changed
    /// something that this program uses.
    #[error(
        "the schema at {at} is at migration {found} and refuses programs before migration \
         {oldest}; this one has migration {known}: use a newer program"
    )]
    SchemaNewer {
        /// Where, without user and password.
        at: String,
        /// The newest migration of the database.
        found: i64,
        /// The oldest migration of a program that may use this schema.
        oldest: i64,
        /// The newest migration of this program.
        known: i64,
    },
    /// The role could bypass row-level security.
    #[error(
        "the role {role} {reason} and could bypass row-level security: connect with the \
         URL that cargo lab migrate prints"
    )]
    TooPowerful {
        /// The role.
        role: String,
        /// The privilege, such as `is a superuser`.
        reason: &'static str,
    },
    /// The role of the servers has a password that this database does not know.
    #[error(
        "the role upload_app at {at} has an unknown password, set by another database or by \
         an owner with a password: write the owner's password into the URL"
    )]
    UnknownPassword {
        /// Where, without user and password.
        at: String,
    },
    /// A migration failed; the earlier ones stay applied.
    #[error("migrating the schema at {at} failed: {reason}")]
    Migration {
        /// Where, without user and password.
        at: String,
        /// The failure.
        reason: String,
    },
}

impl OpenError {
    /// A failure of the first connection or query.
    pub(crate) fn of(at: &str, error: sqlx::Error) -> Self {
        let at = at.to_owned();
        if let sqlx::Error::Database(answer) = &error {
            return Self::Refused { at, reason: answer.message().to_owned() };
        }
        match RecordsError::from(error) {
            RecordsError::Unavailable(cause) | RecordsError::InDoubt(cause) => {
                Self::Unreachable { at, cause }
            }
            RecordsError::NoSpace(cause) | RecordsError::Broken(cause) => {
                Self::Refused { at, reason: cause.to_string() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_codes_are_classified_as_temporary_or_permanent() {
        let temporary = [
            "57014", "57P01", "57P03", "53300", "40P01", "08006", "28P01", "3D000",
            "58030",
        ];
        for code in
            temporary.into_iter().chain(["5", "517", "6", "8", "1032", "10", "778"])
        {
            assert_eq!(of_code(code), Kind::Unavailable, "{code}");
        }
        for code in ["53100", "13"] {
            assert_eq!(of_code(code), Kind::NoSpace, "{code}");
        }
        for code in ["23505", "42501", "42P01", "1", "19", "2067", ""] {
            assert_eq!(of_code(code), Kind::Broken, "{code}");
        }
        let pool = RecordsError::from(sqlx::Error::PoolTimedOut);
        assert!(matches!(pool, RecordsError::Unavailable(_)));
    }

    #[test]
    fn unanswered_commit_is_in_doubt() {
        let lost = || sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert!(RecordsError::of_commit(lost()).may_be_committed());
        let garbled = sqlx::Error::Protocol("half an answer".to_owned());
        assert!(RecordsError::of_commit(garbled).may_be_committed());
        assert!(!RecordsError::from(lost()).may_be_committed());
        assert!(!RecordsError::from(sqlx::Error::PoolTimedOut).may_be_committed());
    }
}
