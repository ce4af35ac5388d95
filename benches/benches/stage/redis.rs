//! A Redis, the first kind that this machine has, and a replica's way to it.

use backing_services::{Backing, Service};
use cache::{Cache, Limits};
use std::time::Duration;
use tempfile::TempDir;

/// Gone when it is dropped, unless `REDIS_URL` named it.
pub(crate) struct Redis {
    pub(crate) cache: Cache,
    pub(crate) service: Service,
    _folder: TempDir,
}

impl Redis {
    /// Starts it, and says which it is: a figure of one says nothing of another.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let service = backing_services::redis(Backing::Auto, folder.path()).await?;
        eprintln!("Redis: {}", service.why);
        let cache = Cache::open(&service.url, patient()).await?;
        Ok(Self { cache, service, _folder: folder })
    }
}

/// A call that takes long is to be seen in the figures; one that is given up would make the
/// replica doubt all that is cached.
fn patient() -> Limits {
    let patience = Duration::from_secs(10);
    Limits { connect_timeout: patience, call_timeout: patience, ..Limits::default() }
}
