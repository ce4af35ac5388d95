//! Files: a row for each, that says whose bytes lie where.
//!
//! [`store`] is the one place where a file comes into being by itself; the other is
//! `uploads::complete`. Either writes the file, the idempotency key, the charge, what the
//! session remembers and the audit row in one transaction, and writes nothing at all when it refuses.

mod arrivals;

pub use arrivals::{AT_ONCE, Arrival, arrivals};

use crate::audit::{self, AuditRow};
use crate::error::RecordsError;
use crate::idempotency::{self, First};
use crate::ids::Member;
use crate::quota::{self, Allowance, loaded, stored};
use crate::{sessions, uploads};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use std::time::Instant;
use upload_domain::display_name::DisplayName;
use upload_domain::file_id::FileId;
use upload_domain::file_store::{FileMeta, Page};

/// Bytes that are on disk, about to become a file.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// Whose it will be.
    pub owner: Member,
    /// What is known of it.
    pub meta: FileMeta,
    /// Where its bytes are.
    pub blob_key: String,
    /// What a repetition is answered with, as JSON.
    pub answer: String,
    /// SHA-256 of the caller's idempotency key.
    pub key: Option<String>,
    /// What somebody's files may fill, unless they have a limit of their own.
    pub quota: Allowance,
    /// When a janitor may take the bytes for forgotten ones. A process that was stopped
    /// for so long must not write a row for bytes that may be gone.
    pub not_after: Instant,
    /// The proof of the session that it was uploaded in, if one remembers that.
    pub session: Option<String>,
    /// The cause.
    pub audit: AuditRow,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is a file.
    Yes,
    /// Its key was used for the same upload; that was the answer. Its bytes are not needed.
    Repeated {
        /// As JSON.
        answer: String,
    },
    /// Its key was used for another upload.
    KeyReused,
    /// It would be too much for its owner.
    QuotaExceeded,
    /// It took too long; see [`NewFile::not_after`].
    TooLate,
    /// The upload that it completes is not there: `uploads::complete` only.
    NoUpload,
}

/// A file, and where its bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// What is known of it.
    pub meta: FileMeta,
    /// Where its bytes are.
    pub blob_key: String,
}

/// Makes a file of bytes that are on disk.
///
/// # Errors
/// See [`RecordsError`].
pub async fn store(
    tx: &mut AnyConnection,
    file: &NewFile,
) -> Result<Stored, RecordsError> {
    quota::lock(tx, &file.owner).await?;
    if let Some(refused) = refused(tx, file).await? {
        return Ok(refused);
    }
    if !charge(tx, file).await? {
        return Ok(Stored::QuotaExceeded);
    }
    insert(tx, file).await?;
    Ok(Stored::Yes)
}

/// Charges it, if need be to the room of uploads whose time is up.
async fn charge(tx: &mut AnyConnection, file: &NewFile) -> Result<bool, RecordsError> {
    let NewFile { owner, meta, quota, .. } = file;
    if quota::take(tx, owner, meta.size, *quota).await? {
        return Ok(true);
    }
    let now = stored(meta.uploaded_at);
    Ok(uploads::forget_expired(tx, owner, now).await?
        && quota::take(tx, owner, meta.size, *quota).await?)
}

/// Why it must not be written, if so. The owner's quota row has to be locked.
pub(crate) async fn refused(
    tx: &mut AnyConnection,
    file: &NewFile,
) -> Result<Option<Stored>, RecordsError> {
    if let Some(key) = &file.key {
        match idempotency::first(tx, &file.owner, key, &file.meta).await? {
            First::This => {}
            First::Same { answer } => return Ok(Some(Stored::Repeated { answer })),
            First::Other => return Ok(Some(Stored::KeyReused)),
        }
    }
    Ok((Instant::now() > file.not_after).then_some(Stored::TooLate))
}

pub(crate) async fn insert(
    tx: &mut AnyConnection,
    file: &NewFile,
) -> Result<(), RecordsError> {
    let NewFile { owner, meta, .. } = file;
    sqlx::query(
        "INSERT INTO files (file_id, organisation, owner, name, size, content_type, \
         sha256, blob_key, uploaded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(meta.file_id.to_string())
    .bind(owner.organisation.as_str())
    .bind(owner.username.as_str())
    .bind(meta.name.as_str())
    .bind(stored(meta.size))
    .bind(meta.content_type.as_str())
    .bind(meta.sha256.as_str())
    .bind(file.blob_key.as_str())
    .bind(stored(meta.uploaded_at))
    .execute(&mut *tx)
    .await?;
    if let Some(key) = &file.key {
        idempotency::remember(tx, owner, key, meta, &file.answer).await?;
    }
    if let Some(proof) = &file.session {
        // A session that has ended meanwhile stays ended; the file is stored all the same.
        let (name, at) = (meta.name.as_str(), stored(meta.uploaded_at));
        let _version = sessions::add_file(tx, proof, name, at).await?;
    }
    audit::write(tx, &file.audit).await
}

/// One of somebody's files.
///
/// # Errors
/// See [`RecordsError`].
pub async fn find(
    tx: &mut AnyConnection,
    owner: &Member,
    id: FileId,
) -> Result<Option<StoredFile>, RecordsError> {
    let row = sqlx::query(
        "SELECT * FROM files WHERE organisation = $1 AND owner = $2 AND file_id = $3",
    )
    .bind(owner.organisation.as_str())
    .bind(owner.username.as_str())
    .bind(id.to_string())
    .fetch_optional(tx)
    .await?;
    row.map(|row| file_of(&row)).transpose()
}

/// The newest of somebody's files that are older than `after`, at most `limit`.
///
/// # Errors
/// See [`RecordsError`].
pub async fn list(
    tx: &mut AnyConnection,
    owner: &Member,
    after: Option<FileId>,
    limit: usize,
) -> Result<Page, RecordsError> {
    // Every id is before this: it is no hexadecimal digit, and sorts after all of them.
    let before = after.map_or_else(|| "g".to_owned(), |after| after.to_string());
    let rows = sqlx::query(
        "SELECT * FROM files WHERE organisation = $1 AND owner = $2 AND file_id < $3 \
         ORDER BY file_id DESC LIMIT $4",
    )
    .bind(owner.organisation.as_str())
    .bind(owner.username.as_str())
    .bind(before)
    .bind(stored(limit as u64 + 1))
    .fetch_all(tx)
    .await?;
    let more = rows.len() > limit;
    let files = rows.iter().take(limit).map(|row| file_of(row).map(|file| file.meta));
    let files: Vec<_> = files.collect::<Result<_, _>>()?;
    let next = files.last().map(|last| last.file_id).filter(|_| more);
    Ok(Page { files, next })
}

/// Deletes one of somebody's files and gives its bytes back; returns where they are, for
/// them to be removed. The answers to its idempotency key stay.
///
/// # Errors
/// See [`RecordsError`].
pub async fn delete(
    tx: &mut AnyConnection,
    owner: &Member,
    id: FileId,
    cause: &AuditRow,
) -> Result<Option<StoredFile>, RecordsError> {
    quota::lock(tx, owner).await?;
    let row = sqlx::query(
        "DELETE FROM files WHERE organisation = $1 AND owner = $2 AND file_id = $3 \
         RETURNING *",
    )
    .bind(owner.organisation.as_str())
    .bind(owner.username.as_str())
    .bind(id.to_string())
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let file = file_of(&row)?;
    quota::give_back(tx, owner, file.meta.size).await?;
    audit::write(tx, cause).await?;
    Ok(Some(file))
}

/// Whether a row names these bytes. In [`Scope::Housekeeping`](crate::Scope::Housekeeping).
///
/// # Errors
/// See [`RecordsError`].
pub async fn is_named(
    tx: &mut AnyConnection,
    blob_key: &str,
) -> Result<bool, RecordsError> {
    let found = sqlx::query(
        "SELECT blob_key FROM files WHERE blob_key = $1 \
         UNION ALL SELECT blob_key FROM uploads WHERE blob_key = $1 \
         UNION ALL SELECT blob_key FROM upload_parts WHERE blob_key = $1",
    )
    .bind(blob_key)
    .fetch_optional(tx)
    .await?;
    Ok(found.is_some())
}

fn file_of(row: &AnyRow) -> Result<StoredFile, RecordsError> {
    let id: String = row.try_get("file_id")?;
    let name: String = row.try_get("name")?;
    let meta = FileMeta {
        file_id: FileId::parse(&id)
            .ok_or_else(|| RecordsError::broken("a file id is no file id"))?,
        name: DisplayName::from_client(&name),
        size: loaded(row.try_get("size")?),
        content_type: row.try_get("content_type")?,
        sha256: row.try_get("sha256")?,
        uploaded_at: loaded(row.try_get("uploaded_at")?),
    };
    Ok(StoredFile { meta, blob_key: row.try_get("blob_key")? })
}
