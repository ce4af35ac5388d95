//! The way to Redis: one shared connection, a limit on every wait, and the breaker.

use crate::breaker::Breaker;
use crate::doubt::Doubt;
use crate::error::{CacheDown, OpenError};
use crate::limits::Limits;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisResult};
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One multiplexed connection and what is known about it.
pub(crate) struct Link {
    pub(crate) breaker: Breaker,
    pub(crate) doubt: Doubt,
    client: Client,
    limits: Limits,
    current: Mutex<Current>,
}

/// The connection, and how many there were before it.
#[derive(Clone)]
struct Current {
    manager: ConnectionManager,
    number: u64,
}

impl Link {
    pub(crate) fn new(client: Client, limits: Limits) -> Result<Self, OpenError> {
        let manager = lazily(&client, &limits)
            .map_err(|error| OpenError::WrongUrl(error.to_string()))?;
        Ok(Self {
            breaker: Breaker::new(limits.failures, limits.rest),
            doubt: Doubt::default(),
            client,
            limits,
            current: Mutex::new(Current { manager, number: 0 }),
        })
    }

    /// Asks Redis one thing, within the limits. The answer is a success or an error reply of
    /// a Redis that is well; everything else counts against the breaker and raises doubt.
    pub(crate) async fn ask<T, Asking>(
        &self,
        work: impl FnOnce(ConnectionManager) -> Asking,
    ) -> Result<T, CacheDown>
    where
        Asking: Future<Output = RedisResult<T>>,
    {
        let permit = self.breaker.permit().ok_or(CacheDown::Resting)?;
        let Current { manager, number } = self.lock().clone();
        let answer = match tokio::time::timeout(self.limits.command, work(manager)).await
        {
            Ok(answer) => answer.map_err(CacheDown::from),
            Err(_) => Err(CacheDown::Timeout),
        };
        match &answer {
            Err(down) if down.is_trouble() => {
                self.doubt.failed();
                // Not after each timeout: the answers to other calls may be on their way.
                if permit.failed() || *down != CacheDown::Timeout {
                    self.renew(number);
                }
                metrics::counter!("upload_server_cache_failures_total").increment(1);
                tracing::debug!(%down, "a cache call failed");
            }
            Ok(_) | Err(_) => permit.succeeded(),
        }
        answer
    }

    /// The connection is given up for a new one, unless somebody did so already. The manager
    /// reconnects by itself only after I/O errors: not when a server says that it became
    /// read-only, nor when a network swallows everything in silence.
    fn renew(&self, number: u64) {
        let mut current = self.lock();
        if current.number != number {
            return;
        }
        if let Ok(manager) = lazily(&self.client, &self.limits) {
            *current = Current { manager, number: number + 1 };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is made when it is first used.
fn lazily(client: &Client, limits: &Limits) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(limits.connect))
        .set_response_timeout(Some(limits.command))
        .set_number_of_retries(1)
        .set_min_delay(Duration::from_millis(10))
        .set_max_delay(Duration::from_millis(50));
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}
