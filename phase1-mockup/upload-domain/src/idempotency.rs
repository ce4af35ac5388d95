//! A repeated upload happens once (draft-ietf-httpapi-idempotency-key-header-07).
//!
//! The record is written before the file becomes visible and marked as done after it. A
//! crash in between leaves a record of a file that is not there, and the next attempt
//! with that key simply does it.

use crate::file_store::FileMeta;
use crate::hex::hex;
use crate::incoming::Published;
use crate::receive_error::ReceiveError;
use crate::sync::{make_dir, replace_file};
use sha2::{Digest, Sha256};
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// The caller's name for an attempt; unique among one caller's.
#[derive(Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Reads a header: 1 to 255 visible ASCII characters; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=255).contains(&text.len());
        (fits && text.bytes().all(|byte| byte.is_ascii_graphic()))
            .then(|| Self(text.to_owned()))
    }

    /// SHA-256 in lower-case hexadecimal: a safe name of fixed length.
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

/// How long a repetition waits for the first use of its key.
const PATIENCE: Duration = Duration::from_secs(2);

/// Publishes `meta` unless the key has been used; then returns what the first use made.
pub(crate) fn once(
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
    let _turn = turn(&keys_dir.join(format!("{name}.lock")))?;
    if let Some(first) = first_use(&record, &done, owner_dir)? {
        return match first.sha256 == meta.sha256 && first.name == meta.name {
            true => Ok(Published { meta: first, repeated: true }),
            false => Err(ReceiveError::KeyReused),
        };
    }
    replace_file(&record, &serde_json::to_vec(&meta).map_err(io::Error::from)?)?;
    publish(&meta)?;
    // The file is on disk, whatever becomes of this; it is needed only after a deletion.
    let _proof_enough_without = File::create(done);
    Ok(Published { meta, repeated: false })
}

/// One at a time per key, over all replicas of this machine. The lock goes with the
/// process that holds it; a holder that lives and does nothing is not waited for.
fn turn(path: &Path) -> Result<File, ReceiveError> {
    let lock = File::create(path)?;
    let deadline = Instant::now() + PATIENCE;
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
