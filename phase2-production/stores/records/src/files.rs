//! Files: one row each, with its owner and the key of its blob.
//!
//! A file is created by [`store`] or by `uploads::complete`. Either writes the file, the
//! idempotency key, the charge, the session's list of files and the audit row in one
//! transaction, or writes nothing.

mod recent;

pub use recent::{BATCH_SIZE, RecentFile, stored_since};

use crate::audit::{self, AuditRow};
use crate::error::RecordsError;
use crate::idempotency::{self, KeyUse};
use crate::ids::Member;
use crate::quota::{self, Allowance, loaded, stored};
use crate::{authority, clock, sessions, uploads};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use std::time::Instant;
use upload_domain::display_name::DisplayName;
use upload_domain::file_id::FileId;
use upload_domain::file_store::{FileMeta, Page};

/// A blob on disk, to be stored as a file.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// The owner.
    pub owner: Member,
    /// Name, size, type and hash.
    pub meta: FileMeta,
    /// Key of its blob; empty if the request repeats an earlier one and stored no bytes.
    pub blob_key: String,
    /// The response to a repeated request, as JSON.
    pub answer: String,
    /// SHA-256 of the caller's idempotency key.
    pub key: Option<String>,
    /// The default quota.
    pub quota: Allowance,
    /// When a janitor may remove the blob as an orphan. A process that was paused beyond
    /// this time must not write a row, because the blob may be gone.
    pub not_after: Instant,
    /// The same time by the database's clock, in milliseconds since 1970: `Instant` stands
    /// still while the machine is suspended.
    pub not_after_ms: i64,
    /// The account's epoch when the request was authorised; `None` if it does not matter.
    pub epoch: Option<i64>,
    /// The reservation of an upload in one request.
    pub form: Option<FileId>,
    /// The `session_id_hash` of the upload's session, if the session lists its files.
    pub session: Option<String>,
    /// The audit row.
    pub audit: AuditRow,
}

/// The outcome of [`store`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// The file is stored.
    Yes,
    /// The idempotency key was used for the same upload; this was the response. The new
    /// blob is not needed.
    Repeated {
        /// The first response, as JSON.
        answer: String,
    },
    /// The idempotency key was used for another upload.
    KeyReused,
    /// It would exceed the owner's quota.
    QuotaExceeded,
    /// It came after [`NewFile::not_after`].
    TooLate,
    /// There is no such upload: `uploads::complete` only.
    NoUpload,
    /// The account was disabled, or its epoch is no longer [`NewFile::epoch`].
    AccountEnded,
}

/// A file and the key of its blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Name, size, type and hash.
    pub meta: FileMeta,
    /// Key of its blob.
    pub blob_key: String,
}

/// Stores a blob on disk as a file.
///
/// # Errors
/// See [`RecordsError`].
pub async fn store(
    tx: &mut AnyConnection,
    file: &NewFile,
) -> Result<Stored, RecordsError> {
    quota::lock(tx, &file.owner).await?;
    if let Some(form) = file.form {
        uploads::forms::take(tx, &file.owner, form).await?;
    }
    if let Some(refused) = refused(tx, file).await? {
        return Ok(refused);
    }
    if !charge(tx, file).await? {
        return Ok(Stored::QuotaExceeded);
    }
    insert(tx, file).await?;
    Ok(Stored::Yes)
}

/// Charges the file; if the quota is exceeded, removes expired uploads first.
async fn charge(tx: &mut AnyConnection, file: &NewFile) -> Result<bool, RecordsError> {
    let NewFile { owner, meta, quota, .. } = file;
    if quota::charge(tx, owner, meta.size, *quota).await? {
        return Ok(true);
    }
    let now = stored(meta.uploaded_at);
    Ok(uploads::remove_expired(tx, owner, now).await?
        && quota::charge(tx, owner, meta.size, *quota).await?)
}

/// The reason not to store the file, if any. The owner's quota row must be locked.
pub(crate) async fn refused(
    tx: &mut AnyConnection,
    file: &NewFile,
) -> Result<Option<Stored>, RecordsError> {
    if !authority::may_write(tx, &file.owner, file.epoch).await? {
        return Ok(Some(Stored::AccountEnded));
    }
    if let Some(key) = &file.key {
        match idempotency::look_up(tx, &file.owner, key, &file.meta).await? {
            KeyUse::New => {}
            KeyUse::Repeated { answer } => return Ok(Some(Stored::Repeated { answer })),
            KeyUse::Conflict => return Ok(Some(Stored::KeyReused)),
        }
    }
    let is_late =
        Instant::now() > file.not_after || clock::now(tx).await? > file.not_after_ms;
    // Without bytes, the key that made them unnecessary is gone.
    Ok((is_late || file.blob_key.is_empty()).then_some(Stored::TooLate))
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
        idempotency::store(tx, owner, key, meta, &file.answer).await?;
    }
    if let Some(session_id_hash) = &file.session {
        // A session that ended meanwhile stays ended; the file is stored nevertheless.
        let (name, at) = (meta.name.as_str(), stored(meta.uploaded_at));
        let _version = sessions::add_file(tx, session_id_hash, name, at).await?;
    }
    audit::write(tx, &file.audit).await
}

/// Finds a file of an account.
///
/// # Errors
/// See [`RecordsError`].
pub async fn find(
    tx: &mut AnyConnection,
    owner: &Member,
    id: FileId,
) -> Result<Option<StoredFile>, RecordsError> {
    let row = sqlx::query(
        "SELECT file_id, name, size, content_type, sha256, blob_key, uploaded_at \
         FROM files WHERE organisation = $1 AND owner = $2 AND file_id = $3",
    )
    .bind(owner.organisation.as_str())
    .bind(owner.username.as_str())
    .bind(id.to_string())
    .fetch_optional(tx)
    .await?;
    row.map(|row| file_of(&row)).transpose()
}

/// A page of an account's files, newest first: those older than `after`, at most `limit`.
///
/// # Errors
/// See [`RecordsError`].
pub async fn list(
    tx: &mut AnyConnection,
    owner: &Member,
    after: Option<FileId>,
    limit: usize,
) -> Result<Page, RecordsError> {
    // Every id sorts before this, because `g` follows all hexadecimal digits.
    let before = after.map_or_else(|| "g".to_owned(), |after| after.to_string());
    let rows = sqlx::query(
        "SELECT file_id, name, size, content_type, sha256, blob_key, uploaded_at \
         FROM files WHERE organisation = $1 AND owner = $2 AND file_id < $3 \
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

/// Deletes a file of an account and refunds its bytes. Returns the file, so that the
/// caller can remove its blob. The responses stored for its idempotency key stay.
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
         RETURNING file_id, name, size, content_type, sha256, blob_key, uploaded_at",
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
    quota::refund(tx, owner, file.meta.size).await?;
    audit::write(tx, cause).await?;
    Ok(Some(file))
}

/// Whether a row refers to this blob. In
/// [`Scope::Housekeeping`](crate::Scope::Housekeeping).
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
            .ok_or_else(|| RecordsError::broken("a stored file id is invalid"))?,
        name: DisplayName::from_client(&name),
        size: loaded(row.try_get("size")?),
        content_type: row.try_get("content_type")?,
        sha256: row.try_get("sha256")?,
        uploaded_at: loaded(row.try_get("uploaded_at")?),
    };
    Ok(StoredFile { meta, blob_key: row.try_get("blob_key")? })
}
