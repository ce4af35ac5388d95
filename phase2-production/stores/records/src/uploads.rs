//! Uploads in steps: started, filled, completed or aborted, possibly each on another
//! replica.
//!
//! The announced size is reserved at the start, so that two uploads cannot use the same
//! free space. Parts of a tus upload become visible one by one, each after its bytes are
//! durable. The offset is compared and set: of two writers at one offset one is refused.

pub mod claims;
mod completion;
mod expiry;
pub mod forms;
mod janitor;
mod parts;

pub use completion::complete;
pub(crate) use expiry::remove_expired;
pub use expiry::{Removal, Removed, remove};
pub use janitor::{claim, expired, unfinished};
pub use parts::{
    Appended, NewPart, PARTS_PAGE_SIZE, Part, REMOVAL_BATCH_SIZE, add_part, append_part,
    discard_parts, last_parts, parts,
};

use crate::audit::{self, AuditRow};
use crate::authority;
use crate::error::RecordsError;
use crate::ids::{Member, OrgId, Role};
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
    /// `Upload-Metadata` as the client sent it (tus).
    pub metadata: Option<String>,
    /// The owner's epoch when the upload was started; [`start`] sets it.
    pub epoch: Option<i64>,
}

impl Upload {
    /// The account that owns the upload. Its role does not matter here.
    #[must_use]
    pub fn owned_by(&self) -> Member {
        Member {
            organisation: self.organisation.clone(),
            username: self.owner.clone(),
            role: Role::Member,
        }
    }

    /// The same upload, started at `now` by the database's clock. It lives as long as before.
    #[must_use]
    pub fn started_at(self, now: i64) -> Self {
        let (life, now) = (self.expires_at.saturating_sub(self.created_at), loaded(now));
        Self { created_at: now, expires_at: now.saturating_add(life), ..self }
    }
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
    /// The account is disabled.
    AccountEnded,
}

/// Starts an upload and reserves its size. Its times must be the database's
/// ([`Upload::started_at`]), because the janitor of any replica compares them with that clock.
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
    let Some(epoch) = authority::lock(tx, owner).await? else {
        return Ok(Started::AccountEnded);
    };
    let mut started = reserve(tx, owner, upload, allowed).await?;
    let now = stored(upload.created_at);
    if started != Started::Yes && remove_expired(tx, owner, now).await? {
        started = reserve(tx, owner, upload, allowed).await?;
    }
    if started == Started::Yes {
        insert(tx, upload, epoch).await?;
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
    if count_open(tx, owner).await? >= MAX_OPEN_UPLOADS {
        return Ok(Started::TooMany);
    }
    Ok(match quota::reserve(tx, owner, upload.size, allowed).await? {
        true => Started::Yes,
        false => Started::QuotaExceeded,
    })
}

/// The number of an account's open uploads, with those in one request.
async fn count_open(tx: &mut AnyConnection, owner: &Member) -> Result<i64, RecordsError> {
    let open = sqlx::query_scalar(
        "SELECT COUNT(*) FROM uploads \
         WHERE organisation = $1 AND owner = $2 AND state = 'open'",
    )
    .bind(owner.organisation.as_str())
    .bind(owner.username.as_str())
    .fetch_one(&mut *tx)
    .await?;
    Ok(open)
}

async fn insert(
    tx: &mut AnyConnection,
    upload: &Upload,
    epoch: i64,
) -> Result<(), RecordsError> {
    sqlx::query(
        "INSERT INTO uploads (upload_id, kind, organisation, owner, name, content_type, \
         size, blob_key, idempotency_key, created_at, updated_at, expires_at, metadata, \
         epoch) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, $13)",
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
    .bind(upload.metadata.clone())
    .bind(epoch)
    .execute(tx)
    .await?;
    Ok(())
}

/// A `SELECT` of the columns of an [`Upload`], and its condition.
macro_rules! select_uploads {
    ($rest:literal) => {
        concat!(
            "SELECT upload_id, kind, organisation, owner, name, content_type, size, \
             received, blob_key, idempotency_key, answer, created_at, expires_at, \
             metadata, epoch FROM uploads ",
            $rest
        )
    };
}
pub(crate) use select_uploads;

/// Finds an upload of any owner, open or done. The caller must check the owner.
///
/// # Errors
/// See [`RecordsError`].
pub async fn find(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    id: FileId,
) -> Result<Option<Upload>, RecordsError> {
    let row = sqlx::query(select_uploads!(
        "WHERE organisation = $1 AND upload_id = $2 AND NOT is_form"
    ))
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
    let rows = sqlx::query(select_uploads!(
        "WHERE organisation = $1 AND owner = $2 AND state = 'open' AND NOT is_form \
         AND expires_at > $3 ORDER BY upload_id DESC"
    ))
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
        metadata: row.try_get("metadata")?,
        epoch: row.try_get("epoch")?,
    })
}
