//! Reads columns into checked types.

use crate::error::RecordsError;
use crate::ids::{Member, OrgId, Role};
use sqlx::Row;
use sqlx::any::AnyRow;
use std::error::Error;
use upload_domain::username::Username;

/// A column with text that was checked when it was written.
fn parsed<T, E>(
    row: &AnyRow,
    column: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, RecordsError>
where
    E: Error + Send + Sync + 'static,
{
    let text: String = row.try_get(column)?;
    parse(&text).map_err(RecordsError::broken)
}

pub(crate) fn username(row: &AnyRow) -> Result<Username, RecordsError> {
    parsed(row, "username", Username::parse)
}

pub(crate) fn organisation(row: &AnyRow) -> Result<OrgId, RecordsError> {
    parsed(row, "organisation", OrgId::parse)
}

pub(crate) fn member(row: &AnyRow) -> Result<Member, RecordsError> {
    Ok(Member {
        organisation: organisation(row)?,
        username: username(row)?,
        role: parsed(row, "role", str::parse::<Role>)?,
    })
}
