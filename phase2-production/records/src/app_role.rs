//! The Postgres role of the servers: it reads and writes rows and owns nothing. An owner
//! or superuser could turn row-level security off, so a server with such a role is
//! refused.

use crate::backend::Address;
use crate::error::OpenError;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor, Row};
use upload_domain::hex::hex;

/// The grants in the migrations name it, too.
pub(crate) const ROLE: &str = "upload_app";

/// Attempts to create the role. Several programs may create it at once, in several
/// databases of one server, and no lock covers them all. A program that loses the race
/// tries again; all of them set the same password.
const MAX_ATTEMPTS: u32 = 5;

/// Creates the role if it is missing and sets its password. Returns the URL for this
/// role.
pub(crate) async fn create(
    owner: &mut AnyConnection,
    address: &Address,
) -> Result<Address, OpenError> {
    let password = password(owner, address).await?;
    let app = address.with_user(ROLE, &password);
    let mut last = None;
    for _ in 0..MAX_ATTEMPTS {
        if let Ok(connection) = app.connect().await {
            // The connection only tested the password.
            let _ = connection.close().await;
            return Ok(app);
        }
        match create_once(owner, &password).await {
            Ok(()) => return Ok(app),
            Err(error) => last = Some(error),
        }
    }
    let reason = last.map(|error| error.to_string()).unwrap_or_default();
    Err(OpenError::Migration { at: address.place(), reason })
}

async fn create_once(
    owner: &mut AnyConnection,
    password: &str,
) -> Result<(), sqlx::Error> {
    let exists: Option<i64> =
        sqlx::query_scalar("SELECT 1::bigint FROM pg_roles WHERE rolname = $1")
            .bind(ROLE)
            .fetch_optional(&mut *owner)
            .await?;
    // A role statement takes no parameters; the password is hexadecimal.
    let statement = if exists.is_some() {
        format!("ALTER ROLE {ROLE} LOGIN PASSWORD '{password}'")
    } else {
        format!(
            "CREATE ROLE {ROLE} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE \
             NOINHERIT PASSWORD '{password}'"
        )
    };
    owner.execute(AssertSqlSafe(statement)).await.map(drop)
}

/// Derived from the owner's URL, so that several programs that migrate get the same
/// password without coordination. It differs between servers: the input is the server's
/// system identifier, because a host name has several spellings.
async fn password(
    owner: &mut AnyConnection,
    address: &Address,
) -> Result<String, OpenError> {
    const IDENTIFIER: &str = "SELECT system_identifier::text FROM pg_control_system()";
    let server: String = sqlx::query_scalar(IDENTIFIER)
        .fetch_one(owner)
        .await
        .map_err(|error| OpenError::of(&address.place(), error))?;
    let key = address.url().password().unwrap_or_default();
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes())
        .unwrap_or_else(|_| unreachable!("a key of any length is taken"));
    mac.update(format!("{ROLE} on {server}").as_bytes());
    Ok(hex(&mac.finalize().into_bytes()))
}

const POWERS: &str = "SELECT rolname::text AS role, rolsuper, rolbypassrls, EXISTS ( \
       SELECT 1 FROM pg_class WHERE relkind IN ('r', 'p') \
         AND relnamespace = 'public'::regnamespace \
         AND pg_has_role(current_user, relowner, 'MEMBER')) AS owner \
     FROM pg_roles WHERE rolname = current_user";

/// Checks that the connected role is subject to row-level security.
pub(crate) async fn check(
    connection: &mut AnyConnection,
    address: &Address,
) -> Result<(), OpenError> {
    let failed = |error| OpenError::of(&address.place(), error);
    let row = sqlx::query(POWERS).fetch_one(connection).await.map_err(failed)?;
    let powers = [
        ("rolsuper", "is a superuser"),
        ("rolbypassrls", "has BYPASSRLS"),
        ("owner", "owns the tables"),
    ];
    for (column, reason) in powers {
        if row.try_get(column).map_err(failed)? {
            let role = row.try_get("role").map_err(failed)?;
            return Err(OpenError::TooPowerful { role, reason });
        }
    }
    Ok(())
}
