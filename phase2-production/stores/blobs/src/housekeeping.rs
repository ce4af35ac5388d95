//! Lists old blobs and removes unfinished ones, for the janitor (garbage collection).

use crate::config::{Blobs, Store};
use crate::error::BlobError;
use crate::local::on_disk;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::ObjectMeta;
use object_store::path::Path;
use std::fs;
use std::future::ready;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use upload_domain::incoming::now_ms;

/// A blob above the requested age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldBlob {
    /// Its key.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
}

impl Blobs {
    /// All blobs below `prefix` (whole path segments, such as `files`) that were written
    /// at least `age` ago, by the store's timestamps and this machine's clock. Never a
    /// younger one, because its upload may be about to commit its row.
    pub fn list_older_than(
        &self,
        prefix: &str,
        age: Duration,
    ) -> BoxStream<'static, Result<OldBlob, BlobError>> {
        let prefix = Path::from(prefix);
        // S3 truncates timestamps to seconds, so a blob may be up to a second younger
        // than it seems.
        let precision = match self.store() {
            Store::Local(_) => Duration::ZERO,
            Store::Remote(_) => Duration::from_secs(1),
        };
        let age = age.saturating_add(precision).as_millis();
        let age = i64::try_from(age).unwrap_or(i64::MAX);
        let now = i64::try_from(now_ms()).unwrap_or(i64::MAX);
        let blobs = self.clone();
        self.objects()
            .list(Some(&prefix))
            .filter_map(move |found| {
                ready(match found {
                    Ok(found) => old(&found, now.saturating_sub(age)).map(Ok),
                    Err(error) => Some(Err(blobs.error(error))),
                })
            })
            .boxed()
    }

    /// Removes temporary files of killed uploads that are at least `age` old. Returns how
    /// many. `age` must exceed [`FLUSH_INTERVAL`](crate::FLUSH_INTERVAL) and the longest
    /// silence that the server allows a body: a running upload writes that often.
    ///
    /// S3 does not list them: configure a lifecycle rule of the bucket that aborts
    /// incomplete multipart uploads.
    ///
    /// # Errors
    /// If the disk cannot be read.
    pub async fn remove_drafts(&self, age: Duration) -> Result<usize, BlobError> {
        let Store::Local(local) = self.store() else {
            return Ok(0);
        };
        let root = local.root.clone();
        on_disk(move || remove_drafts(root, age)).await.map_err(BlobError::of_disk)
    }
}

fn old(found: &ObjectMeta, before: i64) -> Option<OldBlob> {
    let is_old = found.last_modified.timestamp_millis() <= before;
    is_old.then(|| OldBlob { key: found.location.to_string(), size: found.size })
}

fn remove_drafts(root: PathBuf, age: Duration) -> io::Result<usize> {
    let (mut folders, mut removed) = (vec![root], 0);
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(folder) {
            // A health check has removed its directory meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            // Another process may have removed it since the directory was read.
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if is_draft(&entry) && is_older(&metadata, age) {
                removed += usize::from(fs::remove_file(entry.path()).is_ok());
            }
        }
    }
    Ok(removed)
}

/// `object_store` writes a blob as `<key>#<number>` and renames it when it is complete.
fn is_draft(entry: &fs::DirEntry) -> bool {
    let name = entry.file_name();
    let number = name.to_str().and_then(|name| name.rsplit_once('#'));
    number.is_some_and(|(_, number)| number.parse::<u32>().is_ok())
}

fn is_older(metadata: &fs::Metadata, age: Duration) -> bool {
    let modified = metadata.modified().ok();
    let elapsed = modified.and_then(|then| SystemTime::now().duration_since(then).ok());
    elapsed.is_some_and(|elapsed| elapsed >= age)
}
