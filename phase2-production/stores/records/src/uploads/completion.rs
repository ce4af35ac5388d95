//! Completes an upload as a file.

use super::{discard_parts, find};
use crate::error::RecordsError;
use crate::files::{self, NewFile, Stored};
use crate::ids::Member;
use crate::quota;
use sqlx::AnyConnection;
use upload_domain::file_id::FileId;

/// Stores a complete upload as a file, under the file's key. The upload's row stays until
/// it expires, so that a repeated request finds its response. Its parts are removed, up to
/// the number that one transaction may change: call [`discard_parts`] for the others.
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
    discard_parts(tx, &owner.organisation, id).await?;
    Ok(())
}
