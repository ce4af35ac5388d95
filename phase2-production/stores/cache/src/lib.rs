//! The data that replicas share in Redis: cached sessions and versions, deny list, rate
//! limits.
//!
//! All of it may be lost at any moment (a crash, `FLUSHALL`, a failover to a lagging
//! replica) without admitting a revoked credential, because the database is the primary
//! store. Three mechanisms ensure that. Calls have a timeout, and a circuit breaker
//! refuses them while Redis is down ([`breaker`](BreakerState)). A copy is used only if
//! it was read from the database within the current trust epoch of this replica, and timed by
//! the Redis that answers now (`trust.rs`, `identity.rs`). An
//! invalidation that Redis could not take is retried until it succeeds
//! (`retry_queue.rs`).
//!
//! Read next: `sessions.rs` and its scripts in `scripts/`; then `fast_path.rs`.

mod breaker;
mod deny;
mod error;
mod fast_path;
mod heartbeat;
mod identity;
mod limits;
mod link;
mod rate;
mod retry_queue;
mod sessions;
mod startup;
mod trust;
mod versions;

pub use breaker::BreakerState;
pub use deny::Denial;
pub use error::{CacheDown, OpenError};
pub use identity::RedisTime;
pub use limits::Limits;
pub use rate::Taken;
pub use retry_queue::Written;
pub use sessions::{Filled, Found, SessionCopy};
pub use trust::DataEpoch;
pub use versions::Version;

use link::Link;
use retry_queue::RetryQueue;
use std::sync::Arc;
use std::time::Duration;

/// The client of one replica. Clones share the connection and the breaker; the background
/// task ends with the last clone.
#[derive(Clone)]
pub struct Cache {
    link: Arc<Link>,
    retries: Arc<RetryQueue>,
}

impl Cache {
    /// Connects. Refuses a Redis that may evict keys, because revocations must not be
    /// lost. Every key begins with `deployment`, so that several deployments can share a
    /// Redis: it must be the same for all replicas, and no other deployment's.
    ///
    /// # Errors
    /// If Redis cannot be used. The message names a remedy and contains no password.
    pub async fn open(
        url: &str,
        deployment: &str,
        limits: Limits,
    ) -> Result<Self, OpenError> {
        let client = startup::client(url)?;
        startup::check(&client, &limits).await?;
        let link = Arc::new(Link::new(client, deployment, limits)?);
        let retries = Arc::new(RetryQueue::new(limits.max_pending));
        heartbeat::start(&link, &retries, limits.heartbeat_interval);
        let cache = Self { link, retries };
        // Starts the trust epoch: copies from before this replica's start are not used.
        let _ping_time = cache.ping().await;
        Ok(cache)
    }

    /// The round-trip time of a call to Redis.
    ///
    /// # Errors
    /// If Redis does not answer.
    pub async fn ping(&self) -> Result<Duration, CacheDown> {
        heartbeat::beat(&self.link).await
    }

    /// The state of the circuit breaker. Also the gauge `upload_server_cache_circuit_breaker_state`: 0 closed,
    /// 1 half-open, 2 open.
    #[must_use]
    pub fn breaker_state(&self) -> BreakerState {
        self.link.breaker.state()
    }

    /// Length of the retry queue. Also the gauge `upload_server_cache_invalidations_pending`.
    #[must_use]
    pub fn pending_invalidations(&self) -> usize {
        self.retries.len()
    }
}
