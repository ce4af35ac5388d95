//! Idempotency keys: a retried upload takes effect once
//! (draft-ietf-httpapi-idempotency-key-header-07).
//!
//! The record is written before the file becomes visible, and marked as done afterwards. After a
//! crash in between there is a record without a file, and the next attempt with that key stores
//! the file.

use crate::file_store::FileMeta;
use crate::hex::hex;
use crate::published::Published;
use crate::receive_error::ReceiveError;
use crate::sync::{make_dir, replace_file};
use sha2::{Digest, Sha256};
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// An idempotency key, unique for one caller.
#[derive(Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Parses a header value of 1 to 255 visible ASCII characters; `None` otherwise.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=255).contains(&text.len());
        (fits && text.bytes().all(|byte| byte.is_ascii_graphic()))
            .then(|| Self(text.to_owned()))
    }

    /// SHA-256 in lower-case hexadecimal, which is a safe file name.
    #[must_use]
    pub fn digest(&self) -> String {
        hex(&Sha256::digest(self.0.as_bytes()))
    }
}

impl std::fmt::Debug for IdempotencyKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("IdempotencyKey")
    }
}

/// The longest time that a retry waits for the first upload with its key.
const KEY_LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// Publishes `meta`, unless the key was used before. Then it returns the file of the first use.
pub(crate) fn publish_once(
    keys_dir: &Path,
    key: &IdempotencyKey,
    owner_dir: &Path,
    meta: FileMeta,
    publish: impl FnOnce(&FileMeta) -> Result<(), ReceiveError>,
) -> Result<Published, ReceiveError> {
    make_dir(keys_dir)?;
    let name = key.digest();
    let (record, done) =
        (keys_dir.join(format!("{name}.json")), keys_dir.join(format!("{name}.done")));
    let _lock = lock_key(&keys_dir.join(format!("{name}.lock")))?;
    if let Some(first) = first_use(&record, &done, owner_dir)? {
        return match first.sha256 == meta.sha256 && first.name == meta.name {
            true => Ok(Published { meta: first, repeated: true }),
            false => Err(ReceiveError::KeyReused),
        };
    }
    replace_file(&record, &serde_json::to_vec(&meta).map_err(io::Error::from)?)?;
    publish(&meta)?;
    // The file is on disk, even if this fails. The mark is needed only after a deletion.
    let _optional = File::create(done);
    Ok(Published { meta, repeated: false })
}

/// Locks a key across all replicas of this machine. The kernel releases the lock when its holder
/// ends. Waiting is limited, because a holder may hang.
fn lock_key(path: &Path) -> Result<File, ReceiveError> {
    let lock = File::create(path)?;
    let deadline = Instant::now() + KEY_LOCK_TIMEOUT;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::Error(error)) => return Err(error.into()),
            Err(TryLockError::WouldBlock) if Instant::now() > deadline => {
                return Err(ReceiveError::KeyInUse);
            }
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(5)),
        }
    }
}

fn first_use(
    record: &Path,
    done: &Path,
    owner_dir: &Path,
) -> io::Result<Option<FileMeta>> {
    let text = match fs::read(record) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let meta: FileMeta = serde_json::from_slice(&text)?;
    let happened = done.exists() || owner_dir.join(meta.file_id.to_string()).exists();
    Ok(happened.then_some(meta))
}
