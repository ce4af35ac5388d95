//! Parses a database URL (Postgres or SQLite) and prints it without its password.

use crate::error::{OpenError, RecordsError};
use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, ConnectOptions};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::timeout;
use url::Url;

/// Timeout of a first connection: a container that was just started is slow.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether this connection leads to Postgres; otherwise it is SQLite.
pub(crate) fn is_postgres(connection: &AnyConnection) -> bool {
    connection.backend_name() == "PostgreSQL"
}

/// The path of the SQLite file; [`None`] for Postgres.
///
/// # Errors
/// When the database fails.
pub async fn sqlite_file(
    tx: &mut AnyConnection,
) -> Result<Option<PathBuf>, RecordsError> {
    const QUERY: &str =
        "SELECT CAST(file AS TEXT) FROM pragma_database_list WHERE name = 'main'";
    if is_postgres(tx) {
        return Ok(None);
    }
    let file: String = sqlx::query_scalar(QUERY).fetch_one(tx).await?;
    Ok(Some(PathBuf::from(file)))
}

/// A valid database URL. Its description ([`Address::place`]) has no user and no
/// password.
#[derive(Clone)]
pub(crate) struct Address {
    url: Url,
    postgres: bool,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self, OpenError> {
        sqlx::any::install_default_drivers();
        let bad = |reason| OpenError::BadUrl { reason };
        let url = Url::parse(text).map_err(|_| bad("this is not a URL"))?;
        let postgres = match url.scheme() {
            "postgres" | "postgresql" => true,
            "sqlite" => false,
            _ => return Err(bad("this is the URL of another kind of database")),
        };
        if postgres {
            if url.path().trim_start_matches('/').is_empty() {
                return Err(bad("the URL has no database name"));
            }
            if url.username().is_empty()
                || url.query_pairs().any(|(key, _)| overrides_login(&key))
            {
                return Err(bad("user and password belong before the @ of the URL"));
            }
        } else if text.contains(":memory:") || text.contains("mode=memory") {
            return Err(bad("a database in memory is gone with its first connection"));
        }
        Ok(Self { url, postgres })
    }

    pub(crate) const fn is_postgres(&self) -> bool {
        self.postgres
    }

    pub(crate) const fn url(&self) -> &Url {
        &self.url
    }

    /// The same database for another user.
    pub(crate) fn with_user(&self, user: &str, password: &str) -> Self {
        let mut url = self.url.clone();
        // Both calls succeed for a URL with a host, and one without has no password.
        let _ = url.set_username(user);
        let _ = url.set_password(Some(password));
        Self { url, postgres: self.postgres }
    }

    /// The same file, created if it is missing.
    pub(crate) fn creating(&self) -> Self {
        let mut url = self.url.clone();
        if !url.query_pairs().any(|(key, _)| key == "mode") {
            url.query_pairs_mut().append_pair("mode", "rwc");
        }
        Self { url, postgres: self.postgres }
    }

    pub(crate) fn options(&self) -> AnyConnectOptions {
        // sqlx's default log level; statements are logged without their values.
        AnyConnectOptions::from_url(&self.url)
            .unwrap_or_else(|_| unreachable!("a parsed URL is always taken"))
    }

    /// One connection outside the pools. Its statements are not logged because one of
    /// them sets a password.
    pub(crate) async fn connect(&self) -> Result<AnyConnection, OpenError> {
        let options = self.options().disable_statement_logging();
        match timeout(CONNECT_TIMEOUT, options.connect()).await {
            Ok(connected) => {
                connected.map_err(|error| OpenError::of(&self.place(), error))
            }
            Err(late) => {
                Err(OpenError::Unreachable { at: self.place(), cause: late.into() })
            }
        }
    }

    /// Host, port and database, or the file: for messages.
    pub(crate) fn place(&self) -> String {
        if !self.postgres {
            let file = self.url.as_str().trim_start_matches("sqlite:");
            let file = file.strip_prefix("//").unwrap_or(file);
            return file.split('?').next().unwrap_or(file).to_owned();
        }
        let host = self.url.host_str().unwrap_or("localhost");
        let port = self.url.port().unwrap_or(5432);
        format!("{host}:{port}{}", self.url.path())
    }
}

/// Query parameters that override user, password and database of the URL in libpq.
fn overrides_login(key: &str) -> bool {
    matches!(key, "user" | "password" | "dbname")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_url_error_hides_password() {
        let wrong = [
            "postgres://lab:hunter2@127.0.0.1:5432",
            "postgres://lab:hunter2@127.0.0.1:bad/records",
            "postgres://127.0.0.1/records?user=lab&password=hunter2",
            "mysql://lab:hunter2@127.0.0.1/records",
            "hunter2",
            "sqlite::memory:",
        ];
        for url in wrong {
            let error = Address::parse(url).err().map(|error| error.to_string());
            let error = error.unwrap_or_else(|| panic!("{url} was taken"));
            assert!(!error.contains("hunter2"), "{error}");
            assert!(error.contains("postgres://USER:PASSWORD@HOST"), "{error}");
        }
    }

    #[test]
    fn place_omits_user_and_password() {
        let place = |url| Address::parse(url).unwrap().place();
        assert_eq!(place("postgres://lab:pw@127.0.0.1:54/db"), "127.0.0.1:54/db");
        assert_eq!(place("sqlite:///tmp/a.sqlite?mode=rwc"), "/tmp/a.sqlite");
        assert_eq!(place("sqlite://data/a.sqlite"), "data/a.sqlite");
    }
}
