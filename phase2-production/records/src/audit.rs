//! What was done, by whom, and in which request. Rows are only ever added: the role of
//! the servers has no right to change or delete one.

use crate::error::RecordsError;
use crate::ids::OrgId;
use crate::row;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

/// One deed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Milliseconds since 1970.
    pub at: i64,
    /// The `X-Request-ID` of the request that did it.
    pub request_id: String,
    /// Who may read this.
    pub organisation: OrgId,
    /// Who did it.
    pub actor: String,
    /// What was done, such as `file.stored`.
    pub action: String,
    /// To what or whom. Never a secret.
    pub subject: String,
}

/// Adds a row, in the transaction of the deed: one is not committed without the other.
///
/// # Errors
/// When the database fails.
pub async fn write(tx: &mut AnyConnection, deed: &AuditRow) -> Result<(), RecordsError> {
    sqlx::query(
        "INSERT INTO audit (organisation, at, request_id, actor, action, subject) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(deed.organisation.as_str())
    .bind(deed.at)
    .bind(&deed.request_id)
    .bind(&deed.actor)
    .bind(&deed.action)
    .bind(&deed.subject)
    .execute(tx)
    .await?;
    Ok(())
}

/// The newest `limit` rows of an organisation, newest first; of one request if that is
/// named.
///
/// # Errors
/// When the database fails.
pub async fn list(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    limit: i64,
    request_id: Option<&str>,
) -> Result<Vec<AuditRow>, RecordsError> {
    let rows = sqlx::query(
        "SELECT at, request_id, organisation, actor, action, subject FROM audit \
         WHERE organisation = $1 AND ($2 = '' OR request_id = $2) \
         ORDER BY id DESC LIMIT $3",
    )
    .bind(organisation.as_str())
    .bind(request_id.unwrap_or_default())
    .bind(limit)
    .fetch_all(tx)
    .await?;
    rows.iter().map(deed).collect()
}

fn deed(row: &AnyRow) -> Result<AuditRow, RecordsError> {
    Ok(AuditRow {
        at: row.try_get("at")?,
        request_id: row.try_get("request_id")?,
        organisation: row::organisation(row)?,
        actor: row.try_get("actor")?,
        action: row.try_get("action")?,
        subject: row.try_get("subject")?,
    })
}
