//! Claims on an upload: one request writes its bytes, and one request makes its file.
//!
//! The newest request that writes wins, so that a client that lost its connection can go
//! on at once. The request that makes the file has a lease by the database's clock; others
//! wait for its outcome, and the lease of a killed replica expires.

use super::Upload;
use crate::authority;
use crate::clock;
use crate::error::RecordsError;
use crate::ids::OrgId;
use sqlx::{AnyConnection, Row};
use upload_domain::file_id::FileId;

/// Milliseconds for which a request may make a file without renewing its claim. Less than a
/// balancer waits for a response, 5 s in a cluster of the lab: a request that waits for the
/// claim of a killed replica is answered.
pub const FINISH_LEASE_MS: i64 = 3_000;

/// Whether a request may write bytes of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MayWrite {
    /// It has the claim.
    Yes,
    /// A newer request writes, the upload is being completed, or it has ended. A request
    /// that began to write before a completion may go on: an early completion fails.
    Superseded,
    /// The account was disabled, or its epoch is no longer the given one.
    AccountEnded,
}

/// Makes `writer` the request that writes, unless the upload is being completed.
///
/// # Errors
/// See [`RecordsError`].
pub async fn start_writing(
    tx: &mut AnyConnection,
    upload: &Upload,
    writer: &str,
    epoch: Option<i64>,
) -> Result<MayWrite, RecordsError> {
    if !authority::may_write(tx, &upload.owned_by(), epoch).await? {
        return Ok(MayWrite::AccountEnded);
    }
    let now = clock::now(tx).await?;
    let claimed = sqlx::query(
        "UPDATE uploads SET writer = $1 WHERE organisation = $2 AND upload_id = $3 \
         AND state = 'open' AND (finish_until IS NULL OR finish_until <= $4)",
    )
    .bind(writer)
    .bind(upload.organisation.as_str())
    .bind(upload.upload_id.to_string())
    .bind(now)
    .execute(tx)
    .await?;
    Ok(match claimed.rows_affected() {
        1 => MayWrite::Yes,
        _ => MayWrite::Superseded,
    })
}

/// Whether `writer` is still the request that writes.
///
/// # Errors
/// See [`RecordsError`].
pub async fn may_go_on_writing(
    tx: &mut AnyConnection,
    upload: &Upload,
    writer: &str,
    epoch: Option<i64>,
) -> Result<MayWrite, RecordsError> {
    let found = authority::epoch_of(tx, &upload.owned_by()).await?;
    if found.is_none() || epoch.is_some_and(|epoch| found != Some(epoch)) {
        return Ok(MayWrite::AccountEnded);
    }
    let current: Option<Option<String>> = sqlx::query_scalar(
        "SELECT writer FROM uploads WHERE organisation = $1 AND upload_id = $2 \
         AND state = 'open'",
    )
    .bind(upload.organisation.as_str())
    .bind(upload.upload_id.to_string())
    .fetch_optional(tx)
    .await?;
    Ok(match current.flatten().as_deref() == Some(writer) {
        true => MayWrite::Yes,
        false => MayWrite::Superseded,
    })
}

/// Whether a request may make the file of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MayFinish {
    /// It has the claim.
    Yes,
    /// Another request has the claim, or the upload is not open.
    No,
    /// The account was disabled, or its epoch is no longer the given one. Its bytes would not
    /// become a file.
    AccountEnded,
}

/// Claims an open upload for `finisher`, or renews its claim, for [`FINISH_LEASE_MS`].
///
/// # Errors
/// See [`RecordsError`].
pub async fn start_finishing(
    tx: &mut AnyConnection,
    upload: &Upload,
    finisher: &str,
    epoch: Option<i64>,
) -> Result<MayFinish, RecordsError> {
    if !authority::may_write(tx, &upload.owned_by(), epoch).await? {
        return Ok(MayFinish::AccountEnded);
    }
    let now = clock::now(tx).await?;
    let claimed = sqlx::query(
        "UPDATE uploads SET finisher = $1, finish_until = $2 \
         WHERE organisation = $3 AND upload_id = $4 AND state = 'open' \
         AND (finisher = $1 OR finish_until IS NULL OR finish_until <= $5)",
    )
    .bind(finisher)
    .bind(now.saturating_add(FINISH_LEASE_MS))
    .bind(upload.organisation.as_str())
    .bind(upload.upload_id.to_string())
    .bind(now)
    .execute(tx)
    .await?;
    Ok(match claimed.rows_affected() {
        1 => MayFinish::Yes,
        _ => MayFinish::No,
    })
}

/// Ends the claim of a request that could not make the file.
///
/// # Errors
/// See [`RecordsError`].
pub async fn stop_finishing(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    id: FileId,
    finisher: &str,
) -> Result<(), RecordsError> {
    sqlx::query(
        "UPDATE uploads SET finisher = NULL, finish_until = NULL \
         WHERE organisation = $1 AND upload_id = $2 AND finisher = $3",
    )
    .bind(organisation.as_str())
    .bind(id.to_string())
    .bind(finisher)
    .execute(tx)
    .await?;
    Ok(())
}

/// The state of a completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finishing {
    /// No request has a valid claim.
    Unclaimed,
    /// Another request makes the file.
    Claimed,
    /// The file exists; this was the response, as JSON.
    Done(String),
    /// There is no such upload.
    NoUpload,
}

/// Reads the state of a completion.
///
/// # Errors
/// See [`RecordsError`].
pub async fn finishing(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    id: FileId,
) -> Result<Finishing, RecordsError> {
    let now = clock::now(tx).await?;
    let row = sqlx::query(
        "SELECT answer, finish_until FROM uploads \
         WHERE organisation = $1 AND upload_id = $2 AND NOT is_form",
    )
    .bind(organisation.as_str())
    .bind(id.to_string())
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else {
        return Ok(Finishing::NoUpload);
    };
    if let Some(answer) = row.try_get("answer")? {
        return Ok(Finishing::Done(answer));
    }
    let until: Option<i64> = row.try_get("finish_until")?;
    Ok(match until.is_some_and(|until| until > now) {
        true => Finishing::Claimed,
        false => Finishing::Unclaimed,
    })
}
