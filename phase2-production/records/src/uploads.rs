//! Uploads in steps: begun, filled, finished or given up, perhaps each on another replica.
//!
//! What is announced is reserved at once, so that two uploads cannot both count on the
//! same room. Parts of a tus upload become visible one by one, each after its bytes are
//! durable: the offset is compared and set, so of two writers at one place one is refused.

mod end;
mod overdue;
mod parts;

pub(crate) use end::forget_expired;
pub use end::{Removal, complete, remove};
pub use overdue::{claim, expired, unfinished};
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

/// Uploads that one person may have under way.
pub const MOST_OPEN: i64 = 100;

/// How the bytes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// In one `PUT` to a signed URL.
    Presigned,
    /// Piece by piece.
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

/// An upload as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// What it is called.
    pub upload_id: FileId,
    /// How the bytes come.
    pub kind: Kind,
    /// Whose organisation.
    pub organisation: OrgId,
    /// Whose.
    pub owner: Username,
    /// The caller's name for the file.
    pub name: DisplayName,
    /// The type the caller declared.
    pub content_type: String,
    /// Bytes in the end.
    pub size: u64,
    /// Bytes that are there (tus).
    pub received: u64,
    /// Where a presigned `PUT` writes.
    pub blob_key: Option<String>,
    /// SHA-256 of the caller's idempotency key.
    pub key: Option<String>,
    /// What its completion answered, as JSON; `None` while it is open.
    pub answer: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: u64,
    /// Milliseconds since 1970.
    pub expires_at: u64,
}

/// Whether an upload was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// It was.
    Yes,
    /// It would be too much for its owner.
    QuotaExceeded,
    /// There are [`MOST_OPEN`].
    TooMany,
}

/// Begins an upload, and sets its size aside.
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
    let mut room = make_room(tx, owner, upload, allowed).await?;
    let now = stored(upload.created_at);
    if room != Started::Yes && forget_expired(tx, owner, now).await? {
        room = make_room(tx, owner, upload, allowed).await?;
    }
    if room == Started::Yes {
        insert(tx, upload).await?;
        audit::write(tx, cause).await?;
    }
    Ok(room)
}

/// Sets its size aside, if there may be one more. Nothing is changed otherwise.
async fn make_room(
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
    if open >= MOST_OPEN {
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

/// An upload, open or done, whoever's it is: the caller has to look.
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

/// Somebody's uploads that are under way at `now`, newest first.
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
            .ok_or_else(|| RecordsError::broken("an upload id is no upload id"))?,
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
