//! Receiving an upload, in constant memory.
//!
//! The order makes uploads atomic and durable: content, hash and metadata are written and synced
//! in a private folder; one rename makes them visible; the rename is synced; then the reply is
//! sent. A crash at any point leaves the whole file or nothing.

use crate::display_name::DisplayName;
use crate::file_id::FileId;
use crate::file_store::{FileMeta, FileStore, blocking};
use crate::hex::hex;
use crate::idempotency::{self, IdempotencyKey};
use crate::published::Published;
use crate::receive_error::ReceiveError;
use crate::sync::{make_dir, rename_synced, sync_dir, write_synced};
use crate::username::Username;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncWriteExt, BufWriter};

/// The size of the write buffer in bytes. With all copies, an upload in progress takes about a
/// megabyte, independent of its size.
const WRITE_BUFFER: usize = 128 * 1024;

/// The properties of an upload that are known before its bytes.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// The owner.
    pub owner: Username,
    /// The file name that the caller gave.
    pub name: DisplayName,
    /// The media type that the caller declares.
    pub content_type: String,
    /// The idempotency key, if there is one.
    pub key: Option<IdempotencyKey>,
    /// The largest allowed size in bytes.
    pub limit: u64,
}

impl FileStore {
    /// Writes the bytes of a file to disk, not yet visible.
    ///
    /// # Errors
    /// See [`ReceiveError`]. After an error the upload is removed.
    pub async fn stage<S, E>(&self, new: NewFile, body: S) -> Result<Staged, ReceiveError>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let dir = self.incoming_dir();
        let (draft, content) = blocking(move || Draft::create(dir)).await?;
        let (size, sha256) = write(content, body, new.limit).await?;
        let meta = FileMeta {
            file_id: FileId::new(),
            name: new.name,
            size,
            content_type: new.content_type,
            sha256,
            uploaded_at: now_ms(),
        };
        let owner_dir = self.owner_dir(&new.owner);
        let keys_dir = self.keys_dir(&new.owner);
        Ok(Staged { draft, meta, key: new.key, owner_dir, keys_dir })
    }
}

/// A complete upload that is not yet visible. Dropping it removes it.
#[derive(Debug)]
pub struct Staged {
    draft: Draft,
    meta: FileMeta,
    key: Option<IdempotencyKey>,
    owner_dir: PathBuf,
    keys_dir: PathBuf,
}

impl Staged {
    /// Makes the file visible. After `Ok` it is durable.
    ///
    /// # Errors
    /// See [`ReceiveError`].
    pub async fn publish(self) -> Result<Published, ReceiveError> {
        let Self { draft, meta, key, owner_dir, keys_dir } = self;
        blocking(move || {
            draft.write_meta(&meta)?;
            let publish = |meta: &FileMeta| draft.publish(&owner_dir, meta);
            match key {
                None => publish(&meta).map(|()| Published { meta, repeated: false }),
                Some(key) => {
                    idempotency::publish_once(&keys_dir, &key, &owner_dir, meta, publish)
                }
            }
        })
        .await
    }
}

/// Writes and hashes the body. Returns size and hash after the bytes are synced to disk.
async fn write<S, E>(
    content: fs::File,
    mut body: S,
    limit: u64,
) -> Result<(u64, String), ReceiveError>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let content = tokio::fs::File::from_std(content);
    let mut out = BufWriter::with_capacity(WRITE_BUFFER, content);
    let (mut size, mut hash) = (0_u64, Sha256::new());
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| ReceiveError::BrokenBody(error.into()))?;
        size += chunk.len() as u64;
        if size > limit {
            return Err(ReceiveError::TooLarge { limit });
        }
        hash.update(&chunk);
        out.write_all(&chunk).await?;
    }
    out.flush().await?;
    out.get_ref().sync_all().await?;
    Ok((size, hex(&hash.finalize())))
}

/// The private folder of one upload. Dropping it before `publish` removes the bytes, for example
/// after a client has disconnected.
#[derive(Debug)]
struct Draft {
    dir: PathBuf,
    /// Keeps the lock for as long as the upload; see `janitor`.
    _lock: fs::File,
}

impl Draft {
    fn create(dir: PathBuf) -> io::Result<(Self, fs::File)> {
        fs::create_dir(&dir)?;
        match locked(&dir.join("content")) {
            Ok((lock, content)) => Ok((Self { dir, _lock: lock }, content)),
            Err(error) => {
                let _janitor_will = fs::remove_dir_all(&dir);
                Err(error)
            }
        }
    }

    fn write_meta(&self, meta: &FileMeta) -> io::Result<()> {
        write_synced(&self.dir.join("meta.json"), &serde_json::to_vec(meta)?)?;
        sync_dir(&self.dir)
    }

    /// Makes the upload visible, atomically.
    fn publish(self, owner_dir: &Path, meta: &FileMeta) -> Result<(), ReceiveError> {
        make_dir(owner_dir)?;
        let visible = owner_dir.join(meta.file_id.to_string());
        Ok(rename_synced(&self.dir, &visible, owner_dir)?)
    }
}

/// A new file and its lock, which is a second descriptor of the file.
fn locked(path: &Path) -> io::Result<(fs::File, fs::File)> {
    let content = fs::File::options().write(true).create_new(true).open(path)?;
    content.lock()?;
    Ok((content.try_clone()?, content))
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After `publish` the folder has its final name, so this removes nothing.
        let _published_already = fs::remove_dir_all(&self.dir);
    }
}

/// Milliseconds since 1970.
#[must_use]
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
