//! The identity of a deployment. The first migration of a database makes it, so all replicas
//! with this database have it, and no replica with another one.

use crate::error::RecordsError;
use sqlx::AnyConnection;

/// The id: 16 hexadecimal digits. For [`crate::Scope::Housekeeping`].
///
/// # Errors
/// When the database fails.
pub async fn id(tx: &mut AnyConnection) -> Result<String, RecordsError> {
    Ok(sqlx::query_scalar("SELECT id FROM deployment").fetch_one(tx).await?)
}
