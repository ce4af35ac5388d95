//! What the replicas share in Redis: cached sessions and versions, deny list, rate limits.
//!
//! Everything here may be lost at any moment (a crash, `FLUSHALL`, a failover to a copy that
//! lags behind) without anybody being let in who should not be: the truth is elsewhere. Three
//! ideas make that so. Calls end quickly or are refused at once ([`breaker`](BreakerState)).
//! A copy is believed only if it was made after this replica last had trouble with Redis
//! (`doubt.rs`). And a word that must arrive is repeated until it has (`lasting.rs`).
//!
//! Read next: `sessions.rs` and the scripts it runs, in `scripts/`; then `glance.rs`.

mod breaker;
mod deny;
mod doubt;
mod error;
mod glance;
mod heartbeat;
mod lasting;
mod limits;
mod link;
mod opening;
mod rate;
mod sessions;
mod versions;

pub use breaker::BreakerState;
pub use deny::Denial;
pub use error::{CacheDown, OpenError};
pub use lasting::Written;
pub use limits::Limits;
pub use rate::Taken;
pub use sessions::{Filled, Found, Moment, SessionCopy};
pub use versions::Version;

use lasting::Lasting;
use link::Link;
use std::sync::Arc;
use std::time::Duration;

/// One Redis, as one replica sees it. Clones share the connection and the breaker; when the
/// last is dropped, the background work ends.
#[derive(Clone)]
pub struct Cache {
    link: Arc<Link>,
    lasting: Arc<Lasting>,
}

impl Cache {
    /// Connects, and refuses a Redis that would forget what must be remembered.
    ///
    /// # Errors
    /// When it cannot be used; the message says what to change, and holds no password.
    pub async fn open(url: &str, limits: Limits) -> Result<Self, OpenError> {
        let client = opening::client(url)?;
        opening::check(&client, &limits).await?;
        let link = Arc::new(Link::new(client, limits)?);
        let lasting = Arc::new(Lasting::new(limits.pending));
        heartbeat::start(&link, &lasting, limits.heartbeat);
        let cache = Self { link, lasting };
        // What was cached before this replica was there is not believed by it.
        let _answered_a_moment_ago = cache.ping().await;
        Ok(cache)
    }

    /// Whether Redis answers, and how quickly.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<Duration, CacheDown> {
        heartbeat::beat(&self.link).await
    }

    /// What the circuit breaker thinks. Also the gauge `upload_server_cache_circuit_breaker_state`: 0 closed,
    /// 1 half-open, 2 open.
    #[must_use]
    pub fn breaker_state(&self) -> BreakerState {
        self.link.breaker.state()
    }

    /// Words that must arrive and have not yet. Also the gauge `upload_server_cache_invalidations_pending`.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.lasting.len()
    }
}
