//! Uploads in steps: started, filled, completed or aborted, possibly each on another
//! replica.
//!
//! The announced size is reserved at the start, so that two uploads cannot use the same
//! free space. Parts of a tus upload become visible one by one, each after its bytes are
//! durable. The offset is compared and set: of two writers at one offset one is refused.

mod completion;
mod janitor;
mod parts;

pub(crate) use completion::remove_expired;
pub use completion::{Removal, complete, remove};
pub use janitor::{claim, expired, unfinished};
pub use parts::{Part, add_part, parts};

use crate::audit::{self, AuditRow};
use crate::error::RecordsError;
use crate::ids::{Member, OrgId};
use crate::quota::{self, Allowance, loaded, stored};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use upload_domain::display_name::DisplayName;
use upload_domain::file_id::FileId;
use upload_domain::username::Username;

/// Maximum number of open uploads of an account.
pub const MAX_OPEN_UPLOADS: i64 = 100;

/// How the bytes are transferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// In one `PUT` to a presigned URL.
    Presigned,
    /// In parts (tus protocol).
    Tus,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Presigned => "presigned",
            Self::Tus => "tus",
        }
    }
}

/// The state of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The upload's id.
    pub upload_id: FileId,
    /// How the bytes are transferred.
    pub kind: Kind,
    /// The owner's organisation.
    pub organisation: OrgId,
    /// The owner.
    pub owner: Username,
    /// The file's name.
    pub name: DisplayName,
    /// The declared media type.
    pub content_type: String,
    /// Total size in bytes.
    pub size: u64,
    /// Bytes received so far (tus).
    pub received: u64,
    /// The blob that a presigned `PUT` writes.
    pub blob_key: Option<String>,
    /// SHA-256 of the caller's idempotency key.
    pub key: Option<String>,
    /// The response of its completion, as JSON; `None` while it is open.
    pub answer: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: u64,
    /// Milliseconds since 1970.
    pub expires_at: u64,
}

/// The outcome of [`start`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// The upload is open.
    Yes,
    /// It would exceed the owner's quota.
    QuotaExceeded,
    /// The account has [`MAX_OPEN_UPLOADS`] open uploads.
    TooMany,
}

/// Starts an upload and reserves its size.
///
/// # Errors
/// See [`RecordsError`].
pub async fn start(
    tx: &mut AnyConnection,
    owner: &Member,
    upload: &Upload,
    allowed: Allowance,
    cause: &AuditRow,
) -> Result<Started, RecordsError> {
    quota::lock(tx, owner).await?;
    let mut started = reserve(tx, owner, upload, allowed).await?;
    let now = stored(upload.created_at);
    if started != Started::Yes && remove_expired(tx, owner, now).await? {
        started = reserve(tx, owner, upload, allowed).await?;
    }
    if started == Started::Yes {
        insert(tx, upload).await?;
        audit::write(tx, cause).await?;
    }
    Ok(started)
}

/// Reserves the upload's size if its owner may have another open upload. Otherwise
/// nothing changes.
async fn reserve(
    tx: &mut AnyConnection,
    owner: &Member,
    upload: &Upload,
    allowed: Allowance,
) -> Result<Started, RecordsError> {
    let open: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM uploads \
         WHERE organisation = $1 AND owner = $2 AND state = 'open'",
    )
    .bind(owner.organisation.as_str())
    .bind(owner.username.as_str())
    .fetch_one(&mut *tx)
    .await?;
    if open >= MAX_OPEN_UPLOADS {
        return Ok(Started::TooMany);
    }
    Ok(match quota::reserve(tx, owner, upload.size, allowed).await? {
        true => Started::Yes,
        false => Started::QuotaExceeded,
    })
}

async fn insert(tx: &mut AnyConnection, upload: &Upload) -> Result<(), RecordsError> {
    sqlx::query(
        "INSERT INTO uploads (upload_id, kind, organisation, owner, name, content_type, \
         size, blob_key, idempotency_key, created_at, updated_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11)",
    )
    .bind(upload.upload_id.to_string())
    .bind(upload.kind.as_str())
    .bind(upload.organisation.as_str())
    .bind(upload.owner.as_str())
    .bind(upload.name.as_str())
    .bind(upload.content_type.as_str())
    .bind(stored(upload.size))
    .bind(upload.blob_key.clone())
    .bind(upload.key.clone())
    .bind(stored(upload.created_at))
    .bind(stored(upload.expires_at))
    .execute(tx)
    .await?;
    Ok(())
}

/// Finds an upload of any owner, open or done. The caller must check the owner.
///
/// # Errors
/// See [`RecordsError`].
pub async fn find(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    id: FileId,
) -> Result<Option<Upload>, RecordsError> {
    let row =
        sqlx::query("SELECT * FROM uploads WHERE organisation = $1 AND upload_id = $2")
            .bind(organisation.as_str())
            .bind(id.to_string())
            .fetch_optional(tx)
            .await?;
    row.map(|row| upload_of(&row)).transpose()
}

/// An account's open uploads at `now`, newest first.
///
/// # Errors
/// See [`RecordsError`].
pub async fn list(
    tx: &mut AnyConnection,
    owner: &Member,
    now: i64,
) -> Result<Vec<Upload>, RecordsError> {
    let rows = sqlx::query(
        "SELECT * FROM uploads WHERE organisation = $1 AND owner = $2 \
         AND state = 'open' AND expires_at > $3 ORDER BY upload_id DESC",
    )
    .bind(owner.organisation.as_str())
    .bind(owner.username.as_str())
    .bind(now)
    .fetch_all(tx)
    .await?;
    rows.iter().map(upload_of).collect()
}

fn upload_of(row: &AnyRow) -> Result<Upload, RecordsError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let organisation = OrgId::parse(&text("organisation")?);
    let owner = Username::parse(&text("owner")?);
    let kind = if text("kind")? == "tus" { Kind::Tus } else { Kind::Presigned };
    Ok(Upload {
        upload_id: FileId::parse(&text("upload_id")?)
            .ok_or_else(|| RecordsError::broken("a stored upload id is invalid"))?,
        kind,
        organisation: organisation.map_err(RecordsError::broken)?,
        owner: owner.map_err(RecordsError::broken)?,
        name: DisplayName::from_client(&text("name")?),
        content_type: text("content_type")?,
        size: loaded(row.try_get("size")?),
        received: loaded(row.try_get("received")?),
        blob_key: row.try_get("blob_key")?,
        key: row.try_get("idempotency_key")?,
        answer: row.try_get("answer")?,
        created_at: loaded(row.try_get("created_at")?),
        expires_at: loaded(row.try_get("expires_at")?),
    })
}
