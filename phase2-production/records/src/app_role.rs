//! The role that servers use: it may read and write rows, and owns nothing. An owner or
//! superuser could turn row level security off, so a server that is one is refused.

use crate::backend::Address;
use crate::error::OpenError;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor, Row};
use upload_domain::hex::hex;

/// Named in the grants of the migrations, too.
pub(crate) const ROLE: &str = "upload_app";

/// Several programs may make the role at the same moment, in several databases of one
/// server: no lock covers them all. Who is beaten looks again; all want the same.
const TRIES: u32 = 5;

/// Makes the role if it is missing, and gives it its password. Returns how it connects.
pub(crate) async fn make(
    owner: &mut AnyConnection,
    address: &Address,
) -> Result<Address, OpenError> {
    let password = password(owner, address).await?;
    let app = address.with_user(ROLE, &password);
    let mut last = None;
    for _ in 0..TRIES {
        if let Ok(connection) = app.connect().await {
            // It was only there to try the password.
            let _ = connection.close().await;
            return Ok(app);
        }
        match make_once(owner, &password).await {
            Ok(()) => return Ok(app),
            Err(error) => last = Some(error),
        }
    }
    let reason = last.map(|error| error.to_string()).unwrap_or_default();
    Err(OpenError::Migration { at: address.place(), reason })
}

async fn make_once(owner: &mut AnyConnection, password: &str) -> Result<(), sqlx::Error> {
    let exists: Option<i64> =
        sqlx::query_scalar("SELECT 1::bigint FROM pg_roles WHERE rolname = $1")
            .bind(ROLE)
            .fetch_optional(&mut *owner)
            .await?;
    // No parameters are possible here; the password is hexadecimal.
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

/// The same for everybody who has the owner's URL, so that several programs that migrate
/// agree without talking to each other; another on every server, by its system identifier
/// and not by a host name that has several spellings.
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

/// Whether row level security binds who is connected.
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
