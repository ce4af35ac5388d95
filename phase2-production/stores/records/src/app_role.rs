//! The Postgres role of the servers: it reads and writes rows and owns nothing. An owner
//! or superuser could turn row-level security off, so a server with such a role is
//! refused.

use crate::backend::Address;
use crate::error::OpenError;
use hmac::{Hmac, KeyInit, Mac};
use postgres_protocol::password::scram_sha_256;
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
    let Some(key) = address.url().password().filter(|password| !password.is_empty())
    else {
        return create_with_random_password(owner, address).await;
    };
    let key = key.to_owned();
    let password = derived_password(owner, address, &key).await?;
    set_password(owner, address, &password).await
}

/// Waits until the role has this password. Returns the URL for it.
async fn set_password(
    owner: &mut AnyConnection,
    address: &Address,
    password: &str,
) -> Result<Address, OpenError> {
    let app = address.with_user(ROLE, password);
    let mut last = None;
    for _ in 0..MAX_ATTEMPTS {
        if connects(&app).await {
            return Ok(app);
        }
        match create_once(owner, password).await {
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
    // A role statement takes no parameters. Postgres logs the text of a failed statement, or of
    // every one (`log_statement`), so it has the verifier, not the password (RFC 5803).
    let verifier = scram_sha_256(password.as_bytes());
    let statement = if role_exists(owner).await? {
        format!("ALTER ROLE {ROLE} LOGIN PASSWORD '{verifier}'")
    } else {
        format!(
            "CREATE ROLE {ROLE} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE \
             NOINHERIT PASSWORD '{verifier}'"
        )
    };
    owner.execute(AssertSqlSafe(statement)).await.map(drop)
}

/// Whether the address takes its password.
async fn connects(app: &Address) -> bool {
    match app.connect().await {
        Ok(connection) => {
            // The connection only tested the password.
            let _ = connection.close().await;
            true
        }
        Err(_) => false,
    }
}

/// An owner without a password in the URL has no secret from which one could be derived, so
/// the password is random. Only the owner can read it in this database. The role belongs to
/// the whole server: a password that another database has set is not changed, because that
/// database's programs use it.
async fn create_with_random_password(
    owner: &mut AnyConnection,
    address: &Address,
) -> Result<Address, OpenError> {
    let failed = |error| OpenError::of(&address.place(), error);
    let password = stored_password(owner).await.map_err(failed)?;
    let app = address.with_user(ROLE, &password);
    let weak = derived_password(owner, address, "").await?;
    let has_role = role_exists(owner).await.map_err(failed)?;
    if !has_role || connects(&app).await {
        return set_password(owner, address, &password).await;
    }
    // Programs up to migration 7 derived a password that others can compute.
    if connects(&address.with_user(ROLE, &weak)).await {
        create_once(owner, &password).await.map_err(failed)?;
        return Ok(app);
    }
    // Another program may have created the role since the password was tried.
    if connects(&app).await {
        return Ok(app);
    }
    Err(OpenError::UnknownPassword { at: address.place() })
}

/// The random password of this database: made by the first program that asks.
async fn stored_password(owner: &mut AnyConnection) -> Result<String, sqlx::Error> {
    // Two programs may create the table at once, and `IF NOT EXISTS` does not cover that.
    const CREATE: &str = "BEGIN; SET LOCAL lock_timeout = '60s'; \
         SELECT pg_advisory_xact_lock(7305003); \
         CREATE TABLE IF NOT EXISTS owner_secrets \
           (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL); \
         ALTER TABLE owner_secrets ENABLE ROW LEVEL SECURITY; \
         REVOKE ALL ON owner_secrets FROM PUBLIC; COMMIT";
    owner.execute(CREATE).await?;
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| sqlx::Error::Io(error.into()))?;
    sqlx::query(
        "INSERT INTO owner_secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING",
    )
    .bind(ROLE)
    .bind(hex(&random))
    .execute(&mut *owner)
    .await?;
    sqlx::query_scalar("SELECT value FROM owner_secrets WHERE name = $1")
        .bind(ROLE)
        .fetch_one(owner)
        .await
}

async fn role_exists(owner: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    let exists: Option<i64> =
        sqlx::query_scalar("SELECT 1::bigint FROM pg_roles WHERE rolname = $1")
            .bind(ROLE)
            .fetch_optional(owner)
            .await?;
    Ok(exists.is_some())
}

/// Derived from the owner's URL, so that several programs that migrate get the same
/// password without coordination. It differs between servers: the input is the server's
/// system identifier, because a host name has several spellings.
async fn derived_password(
    owner: &mut AnyConnection,
    address: &Address,
    key: &str,
) -> Result<String, OpenError> {
    const IDENTIFIER: &str = "SELECT system_identifier::text FROM pg_control_system()";
    let server: String = sqlx::query_scalar(IDENTIFIER)
        .fetch_one(owner)
        .await
        .map_err(|error| OpenError::of(&address.place(), error))?;
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
