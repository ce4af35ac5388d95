//! The audit log: actor, action and request of each change. Rows are only added: the
//! servers' role may neither change nor delete one.

use crate::error::RecordsError;
use crate::ids::OrgId;
use crate::row;
use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection, Row};

/// One audit entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Milliseconds since 1970.
    pub at: i64,
    /// The `X-Request-ID` of the request.
    pub request_id: String,
    /// The organisation of the actor; its admins may read the entry.
    pub organisation: OrgId,
    /// The account that acted.
    pub actor: String,
    /// The action, such as `file.stored`.
    pub action: String,
    /// The object of the action. Never a secret.
    pub subject: String,
}

/// Adds an entry in the transaction of the audited action: both commit or neither.
///
/// # Errors
/// When the database fails.
pub async fn write(tx: &mut AnyConnection, entry: &AuditRow) -> Result<(), RecordsError> {
    sqlx::query(
        "INSERT INTO audit (organisation, at, request_id, actor, action, subject) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(entry.organisation.as_str())
    .bind(entry.at)
    .bind(&entry.request_id)
    .bind(&entry.actor)
    .bind(&entry.action)
    .bind(&entry.subject)
    .execute(tx)
    .await?;
    Ok(())
}

/// The entries of an organisation. Those of one request have a statement of their own:
/// with an optional condition in this one, the database reads every entry of the
/// organisation to find the few of a request.
const OF_ORGANISATION: &str = "SELECT at, request_id, organisation, actor, action, \
     subject FROM audit WHERE organisation = $1 ORDER BY id DESC LIMIT $2";
const OF_REQUEST: &str = "SELECT at, request_id, organisation, actor, action, subject \
     FROM audit WHERE organisation = $1 AND request_id = $2 ORDER BY id DESC LIMIT $3";

/// The newest `limit` rows of an organisation, newest first; only those of `request_id`
/// if it is given and not empty.
///
/// # Errors
/// When the database fails.
pub async fn list(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    limit: i64,
    request_id: Option<&str>,
) -> Result<Vec<AuditRow>, RecordsError> {
    let organisation = organisation.as_str();
    let entries = match request_id.filter(|id| !id.is_empty()) {
        Some(id) => {
            sqlx::query::<Any>(OF_REQUEST).bind(organisation).bind(id).bind(limit)
        }
        None => sqlx::query::<Any>(OF_ORGANISATION).bind(organisation).bind(limit),
    };
    let rows = entries.fetch_all(tx).await?;
    rows.iter().map(entry_of).collect()
}

fn entry_of(row: &AnyRow) -> Result<AuditRow, RecordsError> {
    Ok(AuditRow {
        at: row.try_get("at")?,
        request_id: row.try_get("request_id")?,
        organisation: row::organisation(row)?,
        actor: row.try_get("actor")?,
        action: row.try_get("action")?,
        subject: row.try_get("subject")?,
    })
}
