//! A repeated upload happens once (draft-ietf-httpapi-idempotency-key-header-07).
//!
//! The record is written before the file becomes visible and confirmed after it. A crash
//! in between leaves an unconfirmed record of a file that is not there, and the next
//! attempt with that key simply does it.

use crate::file_store::FileMeta;
use crate::hex::hex;
use crate::incoming::Published;
use crate::receive_error::ReceiveError;
use crate::sync::{Durable, make_dir, replace_file};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

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

    /// A safe file name of fixed length.
    fn file_name(&self) -> String {
        format!("{}.json", hex(&Sha256::digest(self.0.as_bytes())))
    }
}

impl std::fmt::Debug for IdempotencyKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("IdempotencyKey")
    }
}

#[derive(Deserialize, Serialize)]
struct Record {
    file: FileMeta,
    confirmed: bool,
}

impl Record {
    fn write(&self, path: &Path, durable: Durable) -> io::Result<()> {
        replace_file(path, &serde_json::to_vec(self)?, durable)
    }
}

/// Publishes `meta` unless the key has been used; then returns what the first use made.
pub(crate) fn once(
    keys_dir: &Path,
    key: &IdempotencyKey,
    owner_dir: &Path,
    meta: FileMeta,
    publish: impl FnOnce(&FileMeta) -> Result<(), ReceiveError>,
) -> Result<Published, ReceiveError> {
    make_dir(keys_dir)?;
    // One at a time per owner, over all replicas of this machine; the lock goes with
    // the process that holds it.
    let turn = File::create(keys_dir.join("lock"))?;
    turn.lock()?;

    let path = keys_dir.join(key.file_name());
    if let Some(first) = first_use(&path, owner_dir)? {
        let same = first.sha256 == meta.sha256 && first.name == meta.name;
        return match same {
            true => Ok(Published { meta: first, repeated: true }),
            false => Err(ReceiveError::KeyReused),
        };
    }
    let mut record = Record { file: meta, confirmed: false };
    record.write(&path, Durable::Now)?;
    publish(&record.file)?;
    // The file itself is proof enough until somebody deletes it.
    record.confirmed = true;
    record.write(&path, Durable::Later)?;
    Ok(Published { meta: record.file, repeated: false })
}

fn first_use(path: &Path, owner_dir: &Path) -> io::Result<Option<FileMeta>> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let record: Record = serde_json::from_slice(&text)?;
    let happened =
        record.confirmed || owner_dir.join(record.file.file_id.to_string()).exists();
    Ok(happened.then_some(record.file))
}
