//! Ends an upload: it is completed as a file, or removed.

use super::{Upload, find, parts};
use crate::audit::{self, AuditRow};
use crate::error::RecordsError;
use crate::files::{self, NewFile, Stored};
use crate::ids::Member;
use crate::quota::{self, loaded};
use sqlx::AnyConnection;
use upload_domain::file_id::FileId;

/// Stores a complete upload as a file, under the file's key. The upload's row stays until
/// it expires, so that a repeated request finds its response; its parts are removed.
///
/// # Errors
/// See [`RecordsError`].
pub async fn complete(
    tx: &mut AnyConnection,
    id: FileId,
    file: &NewFile,
) -> Result<Stored, RecordsError> {
    let owner = &file.owner;
    quota::lock(tx, owner).await?;
    let Some(upload) = find(tx, &owner.organisation, id).await? else {
        return Ok(Stored::NoUpload);
    };
    if let Some(answer) = upload.answer {
        return Ok(Stored::Repeated { answer });
    }
    match files::refused(tx, file).await? {
        // The key's first use has created the file: this upload is done without another
        // one.
        Some(Stored::Repeated { answer }) => {
            close(tx, owner, id, &answer).await?;
            quota::release(tx, owner, upload.size, 1).await?;
            Ok(Stored::Repeated { answer })
        }
        Some(refused) => Ok(refused),
        None => {
            close(tx, owner, id, &file.answer).await?;
            quota::settle(tx, owner, upload.size).await?;
            files::insert(tx, file).await.map(|()| Stored::Yes)
        }
    }
}

async fn close(
    tx: &mut AnyConnection,
    owner: &Member,
    id: FileId,
    answer: &str,
) -> Result<(), RecordsError> {
    sqlx::query(
        "UPDATE uploads SET state = 'done', answer = $1 \
         WHERE organisation = $2 AND upload_id = $3",
    )
    .bind(answer)
    .bind(owner.organisation.as_str())
    .bind(id.to_string())
    .execute(&mut *tx)
    .await?;
    sqlx::query("DELETE FROM upload_parts WHERE organisation = $1 AND upload_id = $2")
        .bind(owner.organisation.as_str())
        .bind(id.to_string())
        .execute(tx)
        .await?;
    Ok(())
}

/// Removes an upload and releases its reservation. Returns the keys of its blobs. `None`
/// if `owner` has no such upload, or it was aborted after its completion.
///
/// # Errors
/// See [`RecordsError`].
pub async fn remove(
    tx: &mut AnyConnection,
    owner: &Member,
    id: FileId,
    reason: Removal<'_>,
) -> Result<Option<Vec<String>>, RecordsError> {
    quota::lock(tx, owner).await?;
    let found = find(tx, &owner.organisation, id).await?;
    let Some(upload) = found.filter(|upload| reason.covers(upload, owner)) else {
        return Ok(None);
    };
    let parts = parts(tx, &owner.organisation, id).await?;
    for statement in [
        "DELETE FROM upload_parts WHERE organisation = $1 AND upload_id = $2",
        "DELETE FROM uploads WHERE organisation = $1 AND upload_id = $2",
    ] {
        sqlx::query(statement)
            .bind(owner.organisation.as_str())
            .bind(id.to_string())
            .execute(&mut *tx)
            .await?;
    }
    if upload.answer.is_none() {
        quota::release(tx, owner, upload.size, 1).await?;
    }
    if let Removal::Aborted(cause) = reason {
        audit::write(tx, cause).await?;
    }
    let parts = parts.into_iter().map(|part| part.blob_key);
    Ok(Some(upload.blob_key.into_iter().chain(parts).collect()))
}

/// Removes an account's open uploads that expired at `now` and that no janitor has
/// removed yet: they would occupy its quota. Returns whether there were any. Their blobs
/// become orphans. The owner's quota row must be locked.
pub(crate) async fn remove_expired(
    tx: &mut AnyConnection,
    owner: &Member,
    now: i64,
) -> Result<bool, RecordsError> {
    sqlx::query(
        "DELETE FROM upload_parts WHERE organisation = $1 AND upload_id IN \
           (SELECT upload_id FROM uploads WHERE organisation = $1 AND owner = $2 \
            AND state = 'open' AND expires_at <= $3)",
    )
    .bind(owner.organisation.as_str())
    .bind(owner.username.as_str())
    .bind(now)
    .execute(&mut *tx)
    .await?;
    let sizes: Vec<i64> = sqlx::query_scalar(
        "DELETE FROM uploads WHERE organisation = $1 AND owner = $2 \
         AND state = 'open' AND expires_at <= $3 RETURNING size",
    )
    .bind(owner.organisation.as_str())
    .bind(owner.username.as_str())
    .bind(now)
    .fetch_all(&mut *tx)
    .await?;
    let bytes = sizes.iter().copied().map(loaded).sum();
    quota::release(tx, owner, bytes, sizes.len()).await?;
    Ok(!sizes.is_empty())
}

/// The reason to remove an upload.
#[derive(Clone, Copy, Debug)]
pub enum Removal<'a> {
    /// The owner aborted it; it must be open.
    Aborted(&'a AuditRow),
    /// It expired at this time.
    Expired(i64),
}

impl Removal<'_> {
    fn covers(self, upload: &Upload, owner: &Member) -> bool {
        upload.owner == owner.username
            && match self {
                Self::Aborted(_) => upload.answer.is_none(),
                Self::Expired(now) => upload.expires_at <= loaded(now),
            }
    }
}
