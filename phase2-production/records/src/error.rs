//! What can go wrong, told apart by what a caller can do about it.

use std::error::Error;

pub(crate) type Cause = Box<dyn Error + Send + Sync>;

/// A transaction did not take place; only after [`RecordsError::InDoubt`] it may have.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// Not reachable, overloaded, too slow, restarting, or beaten by another transaction.
    /// It passes by itself, and nothing was committed.
    #[error("the records cannot be reached at the moment")]
    Unavailable(#[source] Cause),
    /// The commit was sent, and no answer came: it may have happened, or may yet. A caller
    /// may repeat only what does the same when done twice.
    #[error("the records did not say whether they committed")]
    InDoubt(#[source] Cause),
    /// The disk or quota of the database is full. Reading still works.
    #[error("the records have no space left")]
    NoSpace(#[source] Cause),
    /// A mistake in this program or in the data. Repeating does not help.
    #[error("the records refused what was asked")]
    Broken(#[source] Cause),
}

impl RecordsError {
    /// A reason that did not come from the database.
    pub fn unavailable(reason: impl Into<Cause>) -> Self {
        Self::Unavailable(reason.into())
    }

    /// Whether the transaction may have taken place all the same.
    #[must_use]
    pub const fn may_be_committed(&self) -> bool {
        matches!(self, Self::InDoubt(_))
    }

    /// What went wrong with a commit that was sent. Only a database that goes on working
    /// and says no has rolled back for certain.
    pub(crate) fn of_commit(error: sqlx::Error) -> Self {
        let answered = matches!(error, sqlx::Error::Database(_));
        match Self::from(error) {
            refused @ (Self::NoSpace(_) | Self::Broken(_)) if answered => refused,
            Self::Unavailable(cause)
            | Self::InDoubt(cause)
            | Self::NoSpace(cause)
            | Self::Broken(cause) => Self::InDoubt(cause),
        }
    }

    /// A reason that did not come from the database.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unavailable,
    NoSpace,
    Broken,
}

/// Postgres' codes have five characters (its documentation, appendix A), SQLite's are
/// numbers below 10000 whose lowest byte is the kind (sqlite.org/rescode.html).
fn of_code(code: &str) -> Kind {
    match code {
        "53100" => Kind::NoSpace,
        // Shutting down, starting up, cancelled by a timeout, waited in vain for a lock.
        "57014" | "57P01" | "57P02" | "57P03" | "57P05" | "55P03" => Kind::Unavailable,
        // A password that is being changed, a database that is being moved, a disk that
        // fails: somebody is at work there.
        "28P01" | "28000" | "3D000" | "55000" => Kind::Unavailable,
        _ if code.len() == 5 && code.starts_with("58") => Kind::Unavailable,
        // A silent transaction was ended; a standby took over; two could not both win.
        "25P03" | "25006" | "40001" | "40P01" => Kind::Unavailable,
        _ if code.len() == 5 && (code.starts_with("08") || code.starts_with("53")) => {
            Kind::Unavailable
        }
        _ if code.len() == 5 => Kind::Broken,
        _ => of_sqlite(code.parse().unwrap_or(0)),
    }
}

const fn of_sqlite(code: u32) -> Kind {
    const BUSY: u32 = 5;
    const LOCKED: u32 = 6;
    const IO: u32 = 10;
    const FULL: u32 = 13;
    const CANNOT_OPEN: u32 = 14;
    match code & 0xff {
        BUSY | LOCKED | IO | CANNOT_OPEN => Kind::Unavailable,
        FULL => Kind::NoSpace,
        _ => Kind::Broken,
    }
}

/// The records cannot be used. Every text says what to do, and none holds a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is not one of ours.
    #[error(
        "{reason}: expected postgres://USER:PASSWORD@HOST:PORT/DATABASE or sqlite://FILE"
    )]
    BadUrl {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nobody answers there.
    #[error("no answer from the records at {at}: is the database running?")]
    Unreachable {
        /// Where, without user and password.
        at: String,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// It answers, and does not let us in or do what is needed.
    #[error("the records at {at} refuse: {reason}")]
    Refused {
        /// Where, without user and password.
        at: String,
        /// What the database said.
        reason: String,
    },
    /// The schema lacks migrations that this program needs.
    #[error("the schema at {at} is older than this program; run: cargo lab migrate")]
    SchemaOlder {
        /// Where, without user and password.
        at: String,
    },
    /// The schema has migrations that this program does not know.
    #[error(
        "the schema at {at} is newer (migration {found}) than this program (migration \
         {known}): use the program that made it, or a newer one"
    )]
    SchemaNewer {
        /// Where, without user and password.
        at: String,
        /// The newest migration of the database.
        found: i64,
        /// The newest migration of this program.
        known: i64,
    },
    /// Row level security does not bind this role.
    #[error(
        "the role {role} {reason}, so row level security would not bind it: connect with \
         the URL that cargo lab migrate prints"
    )]
    TooPowerful {
        /// The role.
        role: String,
        /// What it is.
        reason: &'static str,
    },
    /// A migration failed; those before it stay.
    #[error("migrating the schema at {at} failed: {reason}")]
    Migration {
        /// Where, without user and password.
        at: String,
        /// What failed.
        reason: String,
    },
}

impl OpenError {
    /// A failure while connecting to, or first asking, the database at `at`.
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
    fn what_passes_by_itself_is_told_from_what_does_not() {
        let passing = [
            "57014", "57P01", "57P03", "53300", "40P01", "08006", "28P01", "3D000",
            "58030",
        ];
        for code in passing.into_iter().chain(["5", "517", "6", "10", "778"]) {
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
    fn a_commit_without_an_answer_is_in_doubt_and_without_a_connection_it_is_not() {
        let lost = || sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert!(RecordsError::of_commit(lost()).may_be_committed());
        let garbled = sqlx::Error::Protocol("half an answer".to_owned());
        assert!(RecordsError::of_commit(garbled).may_be_committed());
        assert!(!RecordsError::from(lost()).may_be_committed());
        assert!(!RecordsError::from(sqlx::Error::PoolTimedOut).may_be_committed());
    }
}
